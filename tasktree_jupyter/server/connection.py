"""A connection to a client, as the manager sees it; the plain kind, which speaks the envelope and nothing else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from tasktree_jupyter.core.protocol import CLOSE_PERMISSIONS, CLOSE_TOO_SLOW
from tasktree_jupyter.core.shape import Problem, ProblemError
from tasktree_jupyter.core.times import format_time
from tasktree_jupyter.server.auth import Action
from tasktree_jupyter.server.clearance import Clearance
from tasktree_jupyter.server.delivery import Delivery, Follower
from tasktree_jupyter.server.frames import json_frame
from tasktree_jupyter.server.intake import now_us
from tasktree_jupyter.server.logs import tell
from tasktree_jupyter.server.outgoing import Outgoing
from tasktree_jupyter.server.publication import (
    Failure,
    Publication,
    Published,
    decode_message,
    parse_publication,
)
from tasktree_jupyter.server.rates import Bucket
from tasktree_jupyter.server.tally import TALLY

if TYPE_CHECKING:
    from tornado.iostream import IOStream

    from tasktree_jupyter.server.manager import WebSocketManager
    from tasktree_jupyter.server.subscription import Subscription


_NUMBERS = count(1)
_MISTAKES = frozenset({"invalid", "invalid_json", "too_large", "unknown_op", "forbidden"})
"""Refusals that say something is wrong with the client, not with the moment."""


class Socket(Protocol):
    """What a connection needs of the handler that holds its WebSocket."""

    @property
    def stream_if_open(self) -> IOStream | None:
        """The stream to write frames to; None once the connection is closing."""

    @property
    def unrestricted(self) -> bool:
        """Whether everything may be read, so that nothing needs to be asked."""

    @property
    def who(self) -> str:
        """Whom the connection counts for."""

    async def is_allowed(self, action: Action, project_id: str | None = None) -> bool:
        """Whether the user may do this now; doesn't raise."""

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Begin to close the WebSocket."""


class Connection:
    """One WebSocket. Writing never waits: what can't be sent at once is buffered, up to `max_lag_bytes`.

    `is_told`: whether it wants to know which sources are silent in what it follows.
    """

    is_told = False

    kind: ClassVar[Literal["plain", "v1"]] = "plain"
    close_code: int | None = None
    """With what the server closed it; None: it didn't."""

    def __init__(self, socket: Socket, manager: WebSocketManager, logger: logging.Logger) -> None:
        self.socket = socket
        self.manager = manager
        self.limits = manager.limits
        self.logger = logger
        self.number = next(_NUMBERS)
        self.heard_at = self._opened_at = asyncio.get_running_loop().time()
        self.who = socket.who
        self.clearance = Clearance(socket)
        self.clearance.note(None, True)
        self._rate = Bucket(self.limits.max_publish_rate, self.limits.publish_burst)
        self._outgoing = Outgoing(socket, self.limits.max_lag_bytes, self._too_slow)
        self._pending_bytes = 0
        self._answered = asyncio.Event()

    @property
    def age(self) -> float:
        """Seconds since it was opened."""
        return round(asyncio.get_running_loop().time() - self._opened_at, 3)

    def tell(self, event: str, message: str, *, error: Exception | None = None, **fields: Any) -> None:
        """Write a line about this connection into the log; see `logs.tell`."""
        about = {"connection": self.number, "kind": self.kind}
        tell(self.logger, event, message, self.number, self.kind, error=error, depth=2, **about, **fields)

    def count_refusal(self, code: str) -> None:
        """Something that the client sent is answered by an error."""
        TALLY.refused.add(code)
        if code in _MISTAKES:
            self.tell("frame.refused", f"Connection %d (%s) sent what is refused: {code}", code=code)

    def write(self, frame: bytes) -> bool:
        """Send a prepared frame; False if the connection has failed or is too slow (then it is being closed)."""
        if not self._outgoing.write(frame):
            return False
        TALLY.sent_bytes += len(frame)
        return True

    @property
    def buffered_bytes(self) -> int:
        """How much of what was written hasn't left this process yet."""
        return self._outgoing.size

    @property
    def subscriptions(self) -> Collection[Subscription]:
        """What it follows and acknowledges."""
        return ()

    async def drained(self) -> bool:
        """Wait until what was written has left this process; False if the connection has failed."""
        return await self._outgoing.drained()

    @property
    def backlogged(self) -> bool:
        """Whether what was written before hasn't left this process yet."""
        return self._outgoing.backlogged

    def close(self, code: int, reason: str) -> None:
        """Begin to close, with a code that tells the client whether to come back."""
        if self.socket.stream_if_open is not None:
            self._outgoing.end(deliver=code != CLOSE_TOO_SLOW)
            self.close_code = code
            self.socket.close(code, reason)

    def _too_slow(self) -> None:
        self.close(CLOSE_TOO_SLOW, "too slow")

    def opened(self) -> None:
        """The handshake is done."""

    def closed(self) -> None:
        """The connection is gone, whoever closed it."""
        self._answered.set()

    def ping(self) -> bool:
        """Ask whether the other side is there; False if the connection has failed."""
        return self.socket.stream_if_open is not None

    def tell_presence(self, project_id: str, frame: bytes) -> None:
        """Send what isn't stored about a project that it follows."""

    def lost(self) -> None:
        """Sending has failed: take the connection out everywhere."""
        self.manager.disconnect(self)

    def come_back(self, reason: str) -> None:
        """Close: what the client follows isn't to be had as it was. It comes back, asks again, and is told so."""
        self.close(CLOSE_PERMISSIONS, reason)
        self.lost()

    async def receive(self, message: str | bytes) -> None:
        """Take in what the client sent. Doesn't raise; the next message is read when this has returned."""
        raise NotImplementedError

    def permissions_changed(self, changed: Mapping[str | None, bool]) -> None:
        """The authorizer answers otherwise than before. Who follows what it may not read comes back and is told so."""
        if not all(changed.get(project_id, True) for project_id in (None, *self.follows())):
            self.come_back("permissions have changed")

    def follows(self) -> Collection[str]:
        """The projects that the client has asked for by name."""
        raise NotImplementedError

    # Publishing, for both kinds

    def too_fast(self, events: int) -> Failure | None:
        """Count events that are to be published; return why they can't be now."""
        wait = self._rate.take(events)
        return rate_limited(self.limits.max_publish_rate, wait) if wait else None

    async def publish(self, publication: Publication) -> None:
        """Give a publication to its project; its `answer` is called when it is on disk.

        Waits while this connection has too much under way, so that TCP slows the client down.
        """
        size, answer = publication.size, publication.answer

        def settled(outcome: Published | Failure) -> None:
            self._pending_bytes -= size
            self._answered.set()
            answer(outcome)

        publication.answer = settled
        self._pending_bytes += size
        await self.manager.admit_and_publish(publication)
        while self._pending_bytes > 4 * self.limits.max_message_bytes and self.socket.stream_if_open is not None:
            self._answered.clear()
            await self._answered.wait()


class PlainConnection(Connection, Follower):
    """A client without subprotocol: one envelope a text frame, both ways."""

    def __init__(
        self, socket: Socket, manager: WebSocketManager, logger: logging.Logger, project_ids: Iterable[str]
    ) -> None:
        super().__init__(socket, manager, logger)
        self.project_ids = frozenset(project_ids)
        self.keeps_room = bool(self.project_ids)
        self._held: dict[str, list[Delivery]] = {}
        self._held_bytes = 0
        self._asking: set[asyncio.Task[None]] = set()
        for project_id in self.project_ids:
            self.clearance.note(project_id, True)

    def push(self, delivery: Delivery) -> bool:
        """See `Follower.push`. What may be read of all projects is asked when a project says something."""
        allowed = self.clearance.known(delivery.project_id)
        if allowed is None:
            return self._hold(delivery)
        return self._pass_on(delivery) if allowed else True

    def _pass_on(self, delivery: Delivery) -> bool:
        if not self.write(delivery.plain):
            return False
        TALLY.delivered += len(delivery.events)
        return True

    def _hold(self, delivery: Delivery) -> bool:
        """Keep events until the authorizer has said whether this client may see them."""
        project_id = delivery.project_id
        if project_id not in self._held:
            self._held[project_id] = []
            asking = asyncio.get_running_loop().create_task(self._ask(project_id))
            self._asking.add(asking)
            asking.add_done_callback(self._asking.discard)
        self._held[project_id].append(delivery)
        self._held_bytes += len(delivery.plain)
        if self._held_bytes > self.limits.max_lag_bytes:
            self._too_slow()
            return False
        return True

    async def _ask(self, project_id: str) -> None:
        allowed = await self.clearance.may_read(project_id)
        held = self._held.pop(project_id)
        self._held_bytes -= sum(len(delivery.plain) for delivery in held)
        if allowed and not all(map(self._pass_on, held)):
            self.lost()

    def follows(self) -> Collection[str]:
        """See `Connection.follows`."""
        return self.project_ids

    def closed(self) -> None:
        """See `Connection.closed`."""
        super().closed()
        for asking in tuple(self._asking):
            asking.cancel()

    def failed(self) -> None:
        """See `Follower.failed`."""
        self.lost()

    def restart(self, reason: str) -> None:
        """A plain client knows no positions: nothing to tell."""

    def gone(self) -> None:
        """A plain client isn't told; the project may come again."""

    def unreadable(self) -> None:
        """A plain client isn't told."""

    async def receive(self, message: str | bytes) -> None:
        """Publish an envelope. What is wrong with it is answered to this client alone."""
        project_id = None
        try:
            envelope, careful = read_message(message, self.limits.max_message_bytes)
            if not isinstance(envelope, dict):
                raise ProblemError(Problem("invalid", "", "An event must be a JSON object", "type"))
            project_id = envelope.get("project_id")
            failure = self.too_fast(1)
            if failure is not None:
                self._settled(project_id, failure)
                return
            publication = parse_publication(
                {"project_id": project_id, "events": [envelope]},
                limits=self.limits,
                now=now_us(),
                careful=careful,
                size=len(message),
            )
            for problem in publication.rejected:
                TALLY.received += 1
                TALLY.rejected.add(problem["code"])
                self._complain(project_id, problem)
                return
            if not await self.socket.is_allowed("write", publication.project_id):
                message_text = "You may read here, but not publish"
                self._complain(
                    project_id, {"code": "forbidden", "field": "", "message": message_text, "reason": "write"}
                )
                return
            publication.answer = lambda outcome: self._settled(project_id, outcome)
            await self.publish(publication)
        except ProblemError as error:
            self._complain(project_id, _described(error.problem))

    def _settled(self, project_id: Any, outcome: Published | Failure) -> None:
        if isinstance(outcome, Failure):
            failure: dict[str, Any] = {"code": outcome.code, "field": outcome.field or "", "message": outcome.message}
            self._complain(
                project_id, failure | {"reason": outcome.reason or outcome.code, "retry_after": outcome.retry_after}
            )
            return
        for problem in outcome.rejected:
            self._complain(project_id, problem)

    def _complain(self, project_id: Any, problem: dict[str, Any]) -> None:
        self.count_refusal(problem["code"])
        named = project_id if isinstance(project_id, str) else None
        data = {key: problem.get(key) for key in ("code", "field", "message", "reason")}
        if problem.get("retry_after") is not None:
            data["retry_after"] = problem["retry_after"]
        envelope = {"type": "error", "project_id": named, "data": data, "timestamp": format_time(now_us())}
        self.write(json_frame(envelope))


def rate_limited(rate: float, wait: float) -> Failure:
    """Return the answer to who publishes faster than `rate` events a second."""
    message = f"More than {rate:g} events a second come from here (max_publish_rate); go on in {wait:g} s"
    return Failure("rate_limited", message, retry=True, field="events", reason="max_publish_rate", retry_after=wait)


def _described(problem: Problem) -> dict[str, Any]:
    return {"code": problem.code, "field": problem.field, "message": problem.message, "reason": problem.reason}


def read_message(message: str | bytes, limit: int) -> tuple[Any, bool]:
    """Return what `decode_message` returns for a WebSocket message. Raises ProblemError for one over `limit` bytes."""
    if isinstance(message, bytes):
        raise ProblemError(Problem("invalid", "", "Send text frames; binary ones have no meaning here", "binary"))
    size = len(message) if message.isascii() else len(message.encode("utf-8", "surrogatepass"))
    if size > limit:
        text = f"The message has {size} bytes; at most {limit} are allowed (max_message_bytes)"
        raise ProblemError(Problem("too_large", "", text, "max_message_bytes"))
    return decode_message(message)
