"""A connection to a client, as the manager sees it; the plain kind, which speaks the envelope and nothing else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from tornado.iostream import StreamBufferFullError, StreamClosedError

from tasktree_jupyter.core.protocol import CLOSE_TOO_SLOW
from tasktree_jupyter.core.shape import Problem, ProblemError
from tasktree_jupyter.core.times import format_time
from tasktree_jupyter.server.auth import Action
from tasktree_jupyter.server.delivery import Delivery, Follower
from tasktree_jupyter.server.frames import json_frame
from tasktree_jupyter.server.intake import now_us
from tasktree_jupyter.server.publication import (
    Failure,
    Publication,
    Published,
    decode_message,
    parse_publication,
)

if TYPE_CHECKING:
    from tornado.iostream import IOStream

    from tasktree_jupyter.server.manager import WebSocketManager

CLOSE_FRAME_BYTES = 1024


class Socket(Protocol):
    """What a connection needs of the handler that holds its WebSocket."""

    @property
    def stream_if_open(self) -> IOStream | None:
        """The stream to write frames to; None once the connection is closing."""

    async def is_allowed(self, action: Action) -> bool:
        """Whether the user may do this now."""

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Begin to close the WebSocket."""


class Connection:
    """One WebSocket. Writing never waits: what can't be sent at once is buffered, up to `max_lag_bytes`.

    `is_told`: whether it wants to know which sources are silent in what it follows.
    """

    is_told = False

    def __init__(self, socket: Socket, manager: WebSocketManager, logger: logging.Logger) -> None:
        self.socket = socket
        self.manager = manager
        self.limits = manager.limits
        self.logger = logger
        self.heard_at = asyncio.get_running_loop().time()
        self._sent: asyncio.Future[None] | None = None
        self._pending_bytes = 0
        self._answered = asyncio.Event()
        stream = socket.stream_if_open
        if stream is not None:
            stream.max_write_buffer_size = self.limits.max_lag_bytes

    def write(self, frame: bytes) -> bool:
        """Send a prepared frame; False if the connection has failed or is too slow (then it is being closed)."""
        stream = self.socket.stream_if_open
        if stream is None:
            return False
        try:
            self._sent = stream.write(frame)
        except StreamBufferFullError:
            self.close(CLOSE_TOO_SLOW, "too slow")
            return False
        except StreamClosedError:
            return False
        return True

    async def drained(self) -> bool:
        """Wait until what was written has left this process; False if the connection has failed."""
        if self._sent is None or self._sent.done():
            return self.socket.stream_if_open is not None
        try:
            await asyncio.shield(self._sent)
        except StreamClosedError:
            return False
        return True

    @property
    def backlogged(self) -> bool:
        """Whether what was written before hasn't left this process yet."""
        return self._sent is not None and not self._sent.done()

    def close(self, code: int, reason: str) -> None:
        """Begin to close, with a code that tells the client whether to come back."""
        stream = self.socket.stream_if_open
        if stream is not None:
            # The close frame must fit, however full the buffer is.
            stream.max_write_buffer_size = None
            self.socket.close(code, reason)

    def opened(self) -> None:
        """The handshake is done."""

    def closed(self) -> None:
        """The connection is gone, whoever closed it."""
        self._answered.set()

    def ping(self) -> bool:
        """Ask whether the other side is there; False if the connection has failed."""
        return self.socket.stream_if_open is not None

    def tell(self, project_id: str, frame: bytes) -> None:
        """Send what isn't stored about a project that it follows."""

    def lost(self) -> None:
        """Sending has failed: take the connection out everywhere."""
        self.manager.disconnect(self)

    async def receive(self, message: str | bytes) -> None:
        """Take in what the client sent. Doesn't raise; the next message is read when this has returned."""
        raise NotImplementedError

    # Publishing, for both kinds

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
        self.manager.publish(publication)
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

    def push(self, delivery: Delivery) -> bool:
        """See `Follower.push`."""
        return self.write(delivery.plain)

    def failed(self) -> None:
        """See `Follower.failed`."""
        self.lost()

    def restart(self, reason: str) -> None:
        """A plain client knows no positions: nothing to tell."""

    def gone(self) -> None:
        """A plain client isn't told; the project may come again."""

    async def receive(self, message: str | bytes) -> None:
        """Publish an envelope. What is wrong with it is answered to this client alone."""
        project_id = None
        try:
            envelope, careful = read_message(message, self.limits.max_message_bytes)
            if not isinstance(envelope, dict):
                raise ProblemError(Problem("invalid", "", "An event must be a JSON object", "type"))
            project_id = envelope.get("project_id")
            publication = parse_publication(
                {"project_id": project_id, "events": [envelope]},
                limits=self.limits,
                now=now_us(),
                careful=careful,
                size=len(message),
            )
            for problem in publication.rejected:
                self._complain(project_id, problem)
                return
            if not await self.socket.is_allowed("write"):
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
            failure = {"code": outcome.code, "field": "", "message": outcome.message, "reason": outcome.code}
            self._complain(project_id, failure)
            return
        for problem in outcome.rejected:
            self._complain(project_id, problem)

    def _complain(self, project_id: Any, problem: dict[str, Any]) -> None:
        named = project_id if isinstance(project_id, str) else None
        data = {key: problem.get(key) for key in ("code", "field", "message", "reason")}
        envelope = {"type": "error", "project_id": named, "data": data, "timestamp": format_time(now_us())}
        self.write(json_frame(envelope))


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
