"""What all REST handlers share: who may use them, how a request is read, and what an error looks like."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.client import responses
from typing import TYPE_CHECKING, Any, ClassVar, cast

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import APIHandler
from tornado import web
from tornado.http1connection import HTTP1Connection
from tornado.iostream import StreamClosedError

from tasktree_jupyter.core.shape import ProblemError, is_id, is_project_id
from tasktree_jupyter.server.answers import ANSWER_SECONDS, Held
from tasktree_jupyter.server.auth import Action, AuthMixin
from tasktree_jupyter.server.connection import rate_limited, read_message
from tasktree_jupyter.server.frames import encode
from tasktree_jupyter.server.limits import RETRY_AFTER
from tasktree_jupyter.server.logs import tell
from tasktree_jupyter.server.manager import WebSocketManager
from tasktree_jupyter.server.moments import Moment, parse_moment
from tasktree_jupyter.server.publication import Failure
from tasktree_jupyter.storage.log import NoSuchProject, StorageError, Trimmed

if TYPE_CHECKING:
    from tasktree_jupyter.server.app import TaskTreeExtension

PIECE_BYTES = 256 * 1024
"""About how much of a large answer is given to the connection at a time."""

_ACTIONS: dict[str, Action] = {
    "GET": "read",
    "HEAD": "read",
    "POST": "write",
    "PUT": "write",
    "PATCH": "write",
    "DELETE": "delete",
}
_STATUS = {
    "too_large": 413,
    "not_found": 404,
    "unknown_snapshot": 404,
    "forbidden": 403,
    "seq_gap": 409,
    "duplicate": 409,
    "storage": 503,
    "busy": 503,
    "rate_limited": 429,
    "too_many": 409,
    "internal": 500,
}


class Refusal(web.HTTPError):
    """An error answer: its status, a sentence for people, a word for programs, and the field it is about."""

    def __init__(
        self, status: int, message: str, reason: str | None = None, field: str | None = None, **more: Any
    ) -> None:
        super().__init__(status)
        self.body = {"message": message, "reason": reason, "field": field} | more


def refused(error: Exception, field: str | None = None) -> Refusal:
    """Return the answer to a problem or a storage error; `field` is to blame where the events asked for are gone."""
    if isinstance(error, ProblemError):
        problem = error.problem
        more = {"retry_after": RETRY_AFTER} if problem.code == "busy" else {}
        return Refusal(_STATUS.get(problem.code, 400), problem.message, problem.reason, problem.field or None, **more)
    if isinstance(error, NoSuchProject):
        return Refusal(404, str(error), "not_found", "project_id")
    if isinstance(error, Trimmed):
        return Refusal(410, str(error), "trimmed", field, trimmed=error.trimmed)
    return Refusal(503, str(error), "storage")


@contextmanager
def refusing(field: str | None = None) -> Iterator[None]:
    """Turn what the log and the readers of requests raise into answers; see `refused`."""
    try:
        yield
    except (ProblemError, StorageError) as error:
        raise refused(error, field) from error


def failed(failure: Failure) -> Refusal:
    """Return the answer to a publish of which nothing was stored."""
    given = {"expected": failure.expected, "retry_after": failure.retry_after}
    more = {key: value for key, value in given.items() if value is not None}
    return Refusal(
        _STATUS.get(failure.code, 500), failure.message, failure.reason or failure.code, failure.field, **more
    )


def rejected(problem: dict[str, Any], **more: Any) -> Refusal:
    """Return the answer to an event that was rejected."""
    status = _STATUS.get(problem["code"], 400)
    return Refusal(status, problem["message"], problem["reason"], problem["field"] or None, **more)


def project_id_of(given: str) -> str:
    """Return a path's project id. Raises Refusal."""
    if not is_project_id(given):
        message = "project_id must have 1 to 200 characters, none of them control characters"
        raise Refusal(400, message, "project_id", "project_id")
    return given


def id_of(given: str, field: str) -> str:
    """Return a path's mission or snapshot id. Raises Refusal."""
    if not is_id(given):
        message = f"{field} must have 1 to 500 characters, none of them control characters"
        raise Refusal(400, message, field, field)
    return given


class TaskTreeHandler(AuthMixin, APIHandler):
    """Jupyter's login and the authorizer for every verb, JSON for every answer."""

    # Views poll; that must not keep an idle server alive.
    _track_activity = False
    _is_counted = False

    def initialize(self, extension: TaskTreeExtension) -> None:
        """Tornado passes what the route was given."""
        self.extension = extension

    @property
    def manager(self) -> WebSocketManager:
        """The manager, once it is ready."""
        return self.extension.manager

    @classmethod
    def verbs(cls) -> list[str]:
        """Return the verbs that this resource has, HEAD and OPTIONS aside."""
        return [verb for verb in ("GET", "POST", "PATCH", "DELETE") if verb.lower() in _own(cls)]

    async def prepare(self) -> None:  # type: ignore[override]
        """Jupyter's login and, for every verb of every handler, the authorizer; then wait for the log."""
        await super().prepare()
        if not self._finished:
            with refusing():
                self.extension.requests.enter()
            self._is_counted = True
        action = _ACTIONS.get(self.request.method or "")
        if self._finished or action is None:
            return
        project_id = self.asked_project
        if not await self.is_allowed(action, project_id):
            what = "TaskTree's projects" if project_id is None else repr(project_id)
            raise Refusal(403, f"You may not {action} {what}", "forbidden")
        await self.extension.ready()

    def on_finish(self) -> None:
        """The answer was given."""
        super().on_finish()
        self._leave()

    def on_connection_close(self) -> None:
        """The client went away before."""
        super().on_connection_close()
        self._leave()

    def _leave(self) -> None:
        if self._is_counted:
            self._is_counted = False
            self.extension.requests.leave()

    @property
    def asked_project(self) -> str | None:
        """The project that the path names; None: none, or one that can't be."""
        given = self.path_args[0] if self.path_args else None
        return given if is_project_id(given) else None

    def count_events(self, number: int) -> None:
        """Count events that this user is to publish. Raises Refusal where they come too fast."""
        wait = self.manager.rates.of(self.who).take(number)
        if wait:
            raise failed(rate_limited(self.extension.limits.max_publish_rate, wait))

    @web.authenticated
    async def head(self, *args: str) -> None:
        """Answer as to GET; Tornado sends no body."""
        if "GET" not in self.verbs():
            raise web.HTTPError(405)
        await self.get(*args)  # type: ignore[misc]

    @allow_unauthenticated
    def options(self, *args: str) -> None:
        """Say which verbs there are; a browser asks before it sends any, without login."""
        super().options(*args)
        self.set_header("Allow", self._allowed())
        self.set_status(204)
        self.finish()

    def _allowed(self) -> str:
        verbs = self.verbs()
        return ", ".join([*verbs, *(["HEAD"] if "GET" in verbs else []), "OPTIONS"])

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer `{"message", "reason", "field"}`."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        body: dict[str, Any]
        if isinstance(error, Refusal):
            body = error.body
            if "retry_after" in body:
                self.set_header("Retry-After", math.ceil(body["retry_after"]))
        elif isinstance(error, web.HTTPError):
            body = {"message": error.log_message or responses.get(status_code, ""), "reason": None, "field": None}
        else:
            body = {"message": "The server failed; its log says why", "reason": "internal", "field": None}
        if status_code == 405:
            allowed = self._allowed()
            body = {
                "message": f"{self.request.method} means nothing here; {allowed} do",
                "reason": "verb",
                "field": None,
            }
            self.set_header("Allow", allowed)
        self.finish(encode(body))

    def answer(self, value: Any, status: int = 200) -> None:
        """Send a JSON value."""
        self.set_status(status)
        self.finish(encode(value))

    async def answer_long(self, value: Any) -> None:
        """Send a JSON value that may be large, in pieces. Raises ProblemError where too much waits already."""
        with self.manager.answers.held() as held:
            body = memoryview(encode(value))
            held.add(len(body))
            pieces = deque(bytes(body[start : start + PIECE_BYTES]) for start in range(0, len(body), PIECE_BYTES))
            del body
            await self.send(held, pieces)

    async def send(self, held: Held, pieces: deque[bytes]) -> None:
        """Send an answer that is held, and count less of it as it leaves."""

        async def leaving() -> AsyncIterator[bytes]:
            while pieces:
                piece = pieces.popleft()
                yield piece
                held.less(len(piece))

        await self.stream(leaving())

    async def stream(
        self, pieces: AsyncIterator[bytes], *, operation: str = "events", media_type: str = "application/json"
    ) -> None:
        """Send an answer as it is made: no more of it is in memory than about `PIECE_BYTES` and one piece."""
        if self.request.method == "HEAD":
            self.set_header("Content-Length", sum([len(piece) async for piece in pieces]))
            self.finish()
            return
        written = 0
        try:
            async for piece in pieces:
                self.write(piece)
                written += len(piece)
                if written > PIECE_BYTES:
                    written = 0
                    async with asyncio.timeout(ANSWER_SECONDS):
                        await self.flush()
        except StreamClosedError:
            return
        except TimeoutError:
            self.break_off()
            return
        except StorageError as error:
            if not self._headers_written:
                raise
            project_id = self.asked_project
            words = "An answer about %r broke off: %s"
            more: dict[str, Any] = {"operation": operation, "project_id": project_id}
            tell(self.log, "transfer.broke_off", words, project_id, error, error=error, **more)
            self.break_off()
            return
        self.finish(set_content_type=media_type)

    def break_off(self) -> None:
        """Close the connection: it is too late for another status, and every client tells that as an error."""
        cast("HTTP1Connection", self.request.connection).stream.close()

    def answer_nothing(self) -> None:
        """Say that it is done."""
        self.set_status(204)
        self.finish()

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """A refusal is no failure of ours."""
        if not isinstance(value, Refusal):
            super().log_exception(typ, value, tb)

    def number(self, name: str, default: int, highest: int, lowest: int = 0) -> int:
        """Return a query parameter that is an integer. Raises Refusal."""
        given = self.get_query_argument(name, None)
        if given is None:
            return default
        if not (given.isascii() and given.isdigit() and len(given) <= 16 and lowest <= int(given) <= highest):
            raise Refusal(400, f"{name} must be an integer from {lowest} to {highest}", "range", name)
        return int(given)

    def moment(self, name: str, default: str | None = "now") -> Moment:
        """Return a query parameter that is a moment. Raises ProblemError and, where it must be given, Refusal."""
        given = self.get_query_argument(name, default, strip=False)
        if given is None:
            raise Refusal(400, f"{name} is missing; it must be a moment", "missing", name)
        return parse_moment(given, name)


def _own(cls: type) -> set[str]:
    """Return the names defined below Tornado's and Jupyter's own classes: those answer 405."""
    mine = [base for base in cls.__mro__ if issubclass(base, TaskTreeHandler)]
    return {name for base in mine for name in vars(base)}


@web.stream_request_body
class BodyHandler(TaskTreeHandler):
    """A resource that takes bodies, none larger than `max_message_bytes`."""

    limit_trait: ClassVar[str] = "max_message_bytes"
    _comes_at_once: ClassVar[bool] = True

    def initialize(self, extension: TaskTreeExtension) -> None:
        """See `TaskTreeHandler.initialize`."""
        super().initialize(extension)
        self.body = bytearray()

    async def prepare(self) -> None:  # type: ignore[override]
        """Turn a body over the limit away before it is read, and wait for no body for ever."""
        limit = getattr(self.extension.limits, self.limit_trait)
        connection = cast("HTTP1Connection", self.request.connection)
        connection.set_max_body_size(limit)
        if self._comes_at_once:
            connection.set_body_timeout(ANSWER_SECONDS)
        await super().prepare()
        length = self.request.headers.get("Content-Length", "0")
        if not self._finished and length.isdigit() and int(length) > limit:
            message = f"The body has {length} bytes; at most {limit} are allowed ({self.limit_trait})"
            raise Refusal(413, message, self.limit_trait)

    def data_received(self, chunk: bytes) -> Any:
        """Collect the body."""
        self.body += chunk

    def read_object(self) -> tuple[dict[str, Any], bool]:
        """Return the body, a JSON object, and whether it must be sanitised. Raises ProblemError and Refusal."""
        try:
            text = self.body.decode()
        except UnicodeDecodeError:
            raise Refusal(400, "The body isn't UTF-8", "invalid_json") from None
        body, careful = read_message(text, self.extension.limits.max_message_bytes)
        if not isinstance(body, dict):
            raise Refusal(400, "The body must be a JSON object", "type")
        return body, careful
