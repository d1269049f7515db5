"""The server's side of `tasktree.v1.json` on one connection: frames in, answers out (docs/protocol.md)."""

from __future__ import annotations

import asyncio
import logging
import re
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from typing import Any

from tasktree_jupyter._version import __version__
from tasktree_jupyter.core.protocol import PROTOCOL_VERSION
from tasktree_jupyter.core.sanitise import without_surrogates
from tasktree_jupyter.core.shape import Problem, ProblemError, is_id, is_integer, is_project_id
from tasktree_jupyter.server.answers import ANSWER_SECONDS
from tasktree_jupyter.server.condition import OK
from tasktree_jupyter.server.connection import Connection, Socket, read_message
from tasktree_jupyter.server.folding import encode_parts
from tasktree_jupyter.server.frames import encode, json_frame, text_frame
from tasktree_jupyter.server.intake import now_us
from tasktree_jupyter.server.limits import RETRY_AFTER
from tasktree_jupyter.server.manager import NO_PROJECT, Forbidden, WebSocketManager
from tasktree_jupyter.server.moments import Moment, moment_of
from tasktree_jupyter.server.publication import Failure, Published, invalid, number_of_events, parse_publication
from tasktree_jupyter.server.subscription import Since, Subscription
from tasktree_jupyter.storage.log import NoSuchProject, StorageError, Trimmed

PING = json_frame({"op": "ping"})
PONG = json_frame({"op": "pong"})

_REF = re.compile(r'"ref"\s*:\s*([0-9]{1,15})\b')


class ProtocolConnection(Connection):
    """A client that speaks `tasktree.v1.json`."""

    kind = "v1"
    is_told = True

    def __init__(self, socket: Socket, manager: WebSocketManager, logger: logging.Logger) -> None:
        super().__init__(socket, manager, logger)
        self._subscriptions: dict[str, Subscription] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._answering = asyncio.Lock()
        self._watching = False
        self._ops: dict[str, Callable[[dict[str, Any], int | None], Awaitable[None] | None]] = {
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "ack": self._ack,
            "source": self._source,
            "resolve": self._resolve,
            "state": self._state,
            "diff": self._diff,
            "watch": self._watch,
            "unwatch": self._unwatch,
            "ping": self._ping,
            "pong": self._pong,
        }

    @property
    def subscriptions(self) -> Collection[Subscription]:
        """See `Connection.subscriptions`."""
        return self._subscriptions.values()

    def opened(self) -> None:
        """Send `welcome`, the first frame."""
        limits, condition = self.limits, self.manager.condition.current
        unusual = {} if condition.kind == OK else {"storage": {"kind": condition.kind, "message": condition.message}}
        self.write(
            json_frame(
                unusual
                | {
                    "op": "welcome",
                    "protocol": PROTOCOL_VERSION,
                    "server": __version__,
                    "store": self.manager.store,
                    "time": now_us(),
                    "limits": {
                        "max_message_bytes": limits.max_message_bytes,
                        "max_events_per_publish": limits.max_events_per_publish,
                        "max_unacked_bytes": limits.max_unacked_bytes,
                        "ping_interval": limits.ping_interval,
                    },
                }
            )
        )

    def ping(self) -> bool:
        """See `Connection.ping`."""
        return self.write(PING)

    def closed(self) -> None:
        """Let go of everything that was followed."""
        super().closed()
        for subscription in tuple(self._subscriptions.values()):
            subscription.end()
        self._subscriptions.clear()
        for task in tuple(self._tasks):
            task.cancel()
        if self._watching:
            self._watching = False
            self.manager.projects.unwatch(self)

    # Receiving

    async def receive(self, message: str | bytes) -> None:
        """Take in one frame. See `Connection.receive`."""
        self.heard_at = asyncio.get_running_loop().time()
        ref: int | None = None
        try:
            ref = _ref_in(message)
            frame, careful = read_message(message, self.limits.max_message_bytes)
            if not isinstance(frame, dict):
                raise invalid("", "type", "A frame must be a JSON object")
            op, given = frame.get("op"), frame.get("ref")
            ref = int(given) if is_integer(given) else None  # type: ignore[arg-type]
            if op == "publish":
                await self._publish(frame, ref, careful, len(message))
                return
            answer = self._ops.get(op) if isinstance(op, str) else None
            if answer is None:
                self.refuse(ref, "unknown_op", f"There is no op {op!r}", field="op")
                return
            work = answer(frame, ref)
            if work is not None:
                await work
        except ProblemError as error:
            self._refuse_for(ref, error.problem)
        except Exception as error:
            self.tell("frame.failed", "A frame of connection %d (%s) couldn't be handled", error=error)
            self.refuse(ref, "internal", "The server failed; its log says why", retry=True)

    def refuse(self, ref: int | None, code: str, message: str, *, retry: bool = False, **more: Any) -> None:
        """Send an `error`."""
        self.count_refusal(code)
        fields = {key: value for key, value in more.items() if value not in (None, "")}
        self.write(json_frame({"op": "error", "ref": ref, "code": code, "message": message, "retry": retry} | fields))

    def _refuse_for(self, ref: int | None, problem: Problem) -> None:
        retry = problem.code in ("busy", "too_many")
        after = RETRY_AFTER if retry else None
        more = {"field": problem.field, "reason": problem.reason, "retry_after": after}
        self.refuse(ref, problem.code, problem.message, retry=retry, **more)

    def follows(self) -> Collection[str]:
        """See `Connection.follows`."""
        return self._subscriptions.keys()

    def permissions_changed(self, changed: Mapping[str | None, bool]) -> None:
        """See `Connection.permissions_changed`."""
        super().permissions_changed(changed)
        if self._watching:
            self.manager.projects.changed_for(self, {project_id for project_id in changed if project_id is not None})

    async def may_read(self, project_id: str) -> bool:
        """See `projects.Watcher`."""
        return await self.clearance.may_read(project_id)

    def tell_presence(self, project_id: str, frame: bytes) -> None:
        """See `Connection.tell_presence`. One that isn't live is told when it is."""
        subscription = self._subscriptions.get(project_id)
        if subscription is not None:
            subscription.tell_presence(frame)

    def forget(self, project_id: str) -> None:
        """See `Outlet.forget`."""
        self._subscriptions.pop(project_id, None)
        if not self._watching:
            self.clearance.forget(project_id)
        self.manager.unbind(self, project_id)

    def _later(self, ref: int | None, work: Coroutine[Any, Any, None]) -> None:
        """Answer a question that takes time without holding up the frames that come after it."""
        if len(self._tasks) >= self.limits.max_questions:
            work.close()
            message = f"{len(self._tasks)} questions wait for answers, as many as a connection may have (max_questions)"
            self.refuse(ref, "busy", message, retry=True, reason="max_questions", retry_after=RETRY_AFTER)
            return

        async def guarded() -> None:
            try:
                await work
            except NoSuchProject as error:
                self.refuse(ref, "not_found", str(error), retry=True)
            except Trimmed as error:
                self.refuse(ref, "trimmed", str(error), trimmed=error.trimmed)
            except StorageError as error:
                self.refuse(ref, "storage", str(error), retry=error.retryable)
            except Forbidden as error:
                self.refuse(ref, "forbidden", str(error))
            except ProblemError as error:
                self._refuse_for(ref, error.problem)
            except Exception as error:
                self.tell("frame.failed", "A question of connection %d (%s) couldn't be answered", error=error)
                self.refuse(ref, "internal", "The server failed; its log says why", retry=True)

        task = asyncio.get_running_loop().create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # The ops

    async def _publish(self, frame: dict[str, Any], ref: int | None, careful: bool, size: int) -> None:
        failure = self.too_fast(number_of_events(frame))
        if failure is not None:
            self._settled(ref, failure)
            return
        publication = parse_publication(frame, limits=self.limits, now=now_us(), careful=careful, size=size)
        if not await self.socket.is_allowed("write", publication.project_id):
            self.refuse(ref, "forbidden", "You may read here, but not publish")
            return
        publication.answer = lambda outcome: self._settled(ref, outcome)
        await self.publish(publication)

    def _settled(self, ref: int | None, outcome: Published | Failure) -> None:
        if isinstance(outcome, Published):
            if outcome.project_id is not None and outcome.source is not None:
                self.manager.presence.published(self, outcome.project_id, outcome.source)
            body = encode(outcome)
            self.write(text_frame(b'{"op":"published","ref":%b,%b' % (encode(ref), body[1:])))
            return
        self.refuse(
            ref,
            outcome.code,
            outcome.message,
            retry=outcome.retry,
            expected=outcome.expected,
            field=outcome.field,
            reason=outcome.reason,
            retry_after=outcome.retry_after,
        )

    async def _subscribe(self, frame: dict[str, Any], ref: int | None) -> None:
        project_id = _project_of(frame)
        since = _since_of(frame)
        if project_id in self._subscriptions:
            self.refuse(ref, "already_subscribed", f"This connection follows {project_id!r} already")
            return
        if len(self._subscriptions) >= self.limits.max_subscriptions:
            message = f"This connection follows {len(self._subscriptions)} projects; no more are allowed"
            raise ProblemError(Problem("too_many", "project_id", f"{message} (max_subscriptions)", "max_subscriptions"))
        if not await self.socket.is_allowed("read", project_id):
            self.refuse(ref, "forbidden", f"You may not read {project_id!r}")
            return
        if self.socket.stream_if_open is None:
            return
        self.clearance.note(project_id, True)
        silence = self.manager.presence.silence
        subscription = Subscription(
            self, self.manager.rooms.get(project_id), self.limits, lambda: silence.frame(project_id)
        )
        self._subscriptions[project_id] = subscription
        self.manager.bind(self, project_id)

        async def about() -> dict[str, Any]:
            await silence.looked(project_id)
            return await self.manager.projects.info(project_id)

        subscription.start(ref, since, about)
        silence.follows(project_id)

    def _unsubscribe(self, frame: dict[str, Any], ref: int | None) -> None:
        project_id = _project_of(frame)
        subscription = self._subscriptions.get(project_id)
        if subscription is None:
            self.refuse(ref, "not_subscribed", f"This connection doesn't follow {project_id!r}")
            return
        subscription.end()
        self.forget(project_id)
        self.write(json_frame({"op": "unsubscribed", "ref": ref, "project_id": project_id}))

    def _ack(self, frame: dict[str, Any], ref: int | None) -> None:
        project_id, offset = _project_of(frame), frame.get("offset")
        if not is_integer(offset, 0):
            raise invalid("offset", "range", "offset must be an integer from 0")
        subscription = self._subscriptions.get(project_id)
        # An acknowledgement that crossed our `gone` or the client's own `unsubscribe` is no mistake.
        if subscription is not None:
            subscription.acknowledge(int(offset))  # type: ignore[arg-type]

    async def _source(self, frame: dict[str, Any], ref: int | None) -> None:
        """A client says which of a project's sources it is, or was, or delivers what is left of."""
        project_id, source, state = _project_of(frame), frame.get("source"), frame.get("state")
        if not is_id(source):
            raise invalid(
                "source", "source", "source must be a string of 1 to 500 characters, none a control character"
            )
        source_id = str(source)
        presence = self.manager.presence
        says = {"here": presence.here, "lost": presence.lost}
        if state not in (*says, "left"):
            raise invalid("state", "value", f'state is {state!r}; allowed: "here", "left", "lost"')
        if not await self.socket.is_allowed("write", project_id):
            self.refuse(ref, "forbidden", "You may read here, but not publish")
            return
        try:
            if state == "left":
                await presence.left(self, project_id, source_id)
            else:
                await says[state](self, project_id, source_id, without_surrogates(frame))
        except StorageError as error:
            self.refuse(ref, "storage", str(error), retry=error.retryable)

    def _resolve(self, frame: dict[str, Any], ref: int | None) -> None:
        asked = {key: frame.get(key) for key in ("kernel_id", "path", "title")}
        for key, value in asked.items():
            if value is not None and not (isinstance(value, str) and len(value) <= 4096):
                raise invalid(key, "type", f"{key} must be a string of at most 4096 characters")
            if value is not None and "\0" in value:
                raise invalid(key, "control", f"{key} must hold no NUL character")
            asked[key] = without_surrogates(value)
        self._later(ref, self._answer_resolve(asked, ref))

    async def _answer_resolve(self, asked: dict[str, Any], ref: int | None) -> None:
        may_write = await self.socket.is_allowed("write")
        info = await self.manager.resolve(asked["kernel_id"], asked["path"], asked["title"], may_mint=may_write)
        if not await self.socket.is_allowed("read", info["project_id"]):
            raise Forbidden(NO_PROJECT)
        self.write(json_frame({"op": "resolved", "ref": ref, "project_id": info["project_id"], "info": info}))

    def _state(self, frame: dict[str, Any], ref: int | None) -> None:
        project_id, moment = _project_of(frame), moment_of(frame.get("moment"), "moment")
        self._later(ref, self._answer_state(project_id, moment, ref))

    async def _answer_state(self, project_id: str, moment: Moment, ref: int | None) -> None:
        await self._check_read(project_id)
        answers = self.manager.answers
        # One at a time: else each that isn't read would wait in the server, whole.
        async with self._answering:
            with answers.held() as held:
                async with self.manager.history.at(project_id, moment, answers.making) as past:
                    head = {"op": "state", "ref": ref, "project_id": project_id, "epoch": past.epoch}
                    frames = deque((await encode_parts(past.tree, head)).frames)
                    held.add(sum(map(len, frames)))
                while frames:
                    if not await self._taken():
                        return
                    frame = frames.popleft()
                    held.less(len(frame))
                    if not self.write(frame):
                        return

    async def _taken(self) -> bool:
        """Wait until all has left that was written; False: the connection has failed, or nobody takes anything."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self.drained()
        except TimeoutError:
            self._too_slow()
            return False

    def _diff(self, frame: dict[str, Any], ref: int | None) -> None:
        project_id = _project_of(frame)
        start, end = moment_of(frame.get("from"), "from"), moment_of(frame.get("to"), "to")
        self._later(ref, self._answer_diff(project_id, start, end, ref))

    async def _answer_diff(self, project_id: str, start: Moment, end: Moment, ref: int | None) -> None:
        await self._check_read(project_id)
        async with self._answering:
            with self.manager.answers.held() as held:
                found = await self.manager.history.diff(project_id, start, end)
                body = encode({"op": "diff", "ref": ref, "project_id": project_id, "diff": found})
                if len(body) > self.limits.max_lag_bytes // 2:
                    message = f"The diff has {len(body)} bytes, too many for one frame; ask for it over REST"
                    raise ProblemError(Problem("too_large", "", message, "max_lag_bytes"))
                held.add(len(body))
                if await self._taken():
                    self.write(text_frame(body))

    async def _check_read(self, project_id: str | None) -> None:
        if not await self.socket.is_allowed("read", project_id):
            raise Forbidden(f"You may not read {'TaskTree' if project_id is None else repr(project_id)}")

    def _watch(self, frame: dict[str, Any], ref: int | None) -> None:
        if self.socket.stream_if_open is None:
            # It was let go of already, and this was still under way.
            return
        self._watching = True
        self._later(ref, self._answer_watch(ref))

    async def _answer_watch(self, ref: int | None) -> None:
        await self._check_read(None)
        if self._watching:
            await self.manager.projects.watch(self, ref)

    def _unwatch(self, frame: dict[str, Any], ref: int | None) -> None:
        if self._watching:
            self._watching = False
            self.manager.projects.unwatch(self)

    def _ping(self, frame: dict[str, Any], ref: int | None) -> None:
        self.write(PONG)

    def _pong(self, frame: dict[str, Any], ref: int | None) -> None:
        return None


def _ref_in(message: str | bytes) -> int | None:
    """The `ref` of a frame that may be too large or too broken to be read: its sender is told which one it was."""
    found = _REF.search(message, 0, 300) if isinstance(message, str) else None
    return int(found.group(1)) if found else None


def _project_of(frame: dict[str, Any]) -> str:
    project_id = frame.get("project_id")
    if not is_project_id(project_id):
        raise invalid(
            "project_id",
            "missing" if project_id is None else "project_id",
            "project_id must be a string of 1 to 200 characters without control characters",
        )
    return str(project_id)


def _since_of(frame: dict[str, Any]) -> Since | None:
    since = frame.get("since")
    if since is None:
        return None
    if not isinstance(since, dict) or not isinstance(since.get("epoch"), str):
        raise invalid("since", "type", 'since must be null or {"epoch": string, "offset": integer, "at": integer}')
    offset, at = since.get("offset"), since.get("at")
    if not is_integer(offset, 0):
        raise invalid("since.offset", "range", "since.offset must be an integer from 0")
    if at is not None and not is_integer(at):
        raise invalid("since.at", "type", "since.at must be an integer or null")
    return Since(since["epoch"], int(offset), None if at is None else int(at))  # type: ignore[arg-type]
