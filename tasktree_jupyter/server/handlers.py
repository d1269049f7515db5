"""The REST interface (docs/protocol.md, "REST"): thin, for curl, CI and people without a WebSocket."""

from __future__ import annotations

from http.client import responses
from typing import TYPE_CHECKING, Any, cast

from jupyter_server.base.handlers import APIHandler
from tornado import web
from tornado.http1connection import HTTP1Connection

from tasktree_jupyter._version import __version__
from tasktree_jupyter.core.protocol import PROTOCOL_VERSION
from tasktree_jupyter.core.shape import ProblemError, is_project_id
from tasktree_jupyter.core.tree import FOLD_VERSION
from tasktree_jupyter.server.auth import Action, AuthMixin
from tasktree_jupyter.server.connection import read_message
from tasktree_jupyter.server.frames import encode
from tasktree_jupyter.server.intake import now_us
from tasktree_jupyter.server.manager import WebSocketManager
from tasktree_jupyter.server.publication import Failure, parse_publication
from tasktree_jupyter.storage.log import NoSuchProject, StorageError, Trimmed

if TYPE_CHECKING:
    from tasktree_jupyter.server.app import TaskTreeExtension

MAX_PAGE = 10_000
DEFAULT_PAGE = 1000

_ACTIONS: dict[str, Action] = {
    "GET": "read",
    "HEAD": "read",
    "POST": "write",
    "PUT": "write",
    "PATCH": "write",
    "DELETE": "delete",
}
_STATUS = {"too_large": 413, "not_found": 404, "forbidden": 403, "seq_gap": 409, "storage": 503, "busy": 503}


class Refusal(web.HTTPError):
    """An error answer: its status, a sentence for people, a word for programs, and the field it is about."""

    def __init__(
        self, status: int, message: str, reason: str | None = None, field: str | None = None, **more: Any
    ) -> None:
        super().__init__(status)
        self.body = {"message": message, "reason": reason, "field": field} | more


class TaskTreeHandler(AuthMixin, APIHandler):
    """What all REST handlers share: who may use them, and what an error looks like."""

    # Views poll; that must not keep an idle server alive.
    _track_activity = False

    def initialize(self, extension: TaskTreeExtension) -> None:
        """Tornado passes what the route was given."""
        self.extension = extension

    @property
    def manager(self) -> WebSocketManager:
        """The manager, once it is ready."""
        return self.extension.manager

    async def prepare(self) -> None:  # type: ignore[override]
        """Jupyter's login and, for every verb of every handler, the authorizer; then wait for the log."""
        await super().prepare()
        action = _ACTIONS.get(self.request.method or "")
        if self._finished or action is None:
            return
        if not await self.is_allowed(action):
            raise Refusal(403, f"You may not {action} TaskTree's projects", "forbidden")
        await self.extension.ready()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer `{"message", "reason", "field"}`."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        body: dict[str, Any]
        if isinstance(error, Refusal):
            body = error.body
        elif isinstance(error, web.HTTPError):
            body = {"message": error.log_message or responses.get(status_code, ""), "reason": None, "field": None}
        else:
            body = {"message": "The server failed; its log says why", "reason": "internal", "field": None}
        self.set_header("Content-Type", "application/json")
        self.finish(encode(body))

    def answer(self, value: Any, status: int = 200) -> None:
        """Send a JSON value."""
        self.set_status(status)
        self.finish(encode(value))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """A refusal is no failure of ours."""
        if not isinstance(value, Refusal):
            super().log_exception(typ, value, tb)


def _project_id(given: str) -> str:
    if not is_project_id(given):
        message = "project_id must have 1 to 200 characters, none of them control characters"
        raise Refusal(400, message, "project_id", "project_id")
    return given


def _refused(error: Exception) -> Refusal:
    if isinstance(error, ProblemError):
        problem = error.problem
        return Refusal(_STATUS.get(problem.code, 400), problem.message, problem.reason, problem.field or None)
    if isinstance(error, NoSuchProject):
        return Refusal(404, str(error), "not_found", "project_id")
    if isinstance(error, Trimmed):
        return Refusal(410, str(error), "trimmed", "after", trimmed=error.trimmed)
    return Refusal(503, str(error), "storage")


class VersionHandler(TaskTreeHandler):
    """`GET api/version`."""

    @web.authenticated
    async def get(self) -> None:
        """Say what this server is and what its acknowledgements promise."""
        log = self.manager.log
        storage = {"engine": log.engine, "mode": log.mode, "promise": log.promise}
        if self.extension.banner is not None:
            storage["banner"] = self.extension.banner
        self.answer({"version": __version__, "protocol": PROTOCOL_VERSION, "fold": FOLD_VERSION, "storage": storage})


class ProjectsHandler(TaskTreeHandler):
    """`GET api/projects`."""

    @web.authenticated
    async def get(self) -> None:
        """List every project."""
        try:
            self.answer({"projects": await self.manager.projects.infos()})
        except StorageError as error:
            raise _refused(error) from error


class ProjectHandler(TaskTreeHandler):
    """`GET api/projects/{project_id}`."""

    @web.authenticated
    async def get(self, project_id: str) -> None:
        """Describe one project."""
        try:
            self.answer(await self.manager.projects.info(_project_id(project_id)))
        except StorageError as error:
            raise _refused(error) from error


class StateHandler(TaskTreeHandler):
    """`GET api/projects/{project_id}/state`."""

    @web.authenticated
    async def get(self, project_id: str) -> None:
        """Answer the whole state as it is now."""
        try:
            async with self.manager.rooms.hold(_project_id(project_id)) as room:
                self.finish(await room.state())
        except StorageError as error:
            raise _refused(error) from error


@web.stream_request_body
class EventsHandler(TaskTreeHandler):
    """`GET` and `POST api/projects/{project_id}/events`."""

    def initialize(self, extension: TaskTreeExtension) -> None:
        """See `TaskTreeHandler.initialize`."""
        super().initialize(extension)
        self._body = bytearray()

    async def prepare(self) -> None:  # type: ignore[override]
        """Turn a body over the limit away before it is read."""
        limit = self.extension.limits.max_message_bytes
        cast("HTTP1Connection", self.request.connection).set_max_body_size(limit)
        await super().prepare()
        length = self.request.headers.get("Content-Length", "0")
        if not self._finished and length.isdigit() and int(length) > limit:
            message = f"The body has {length} bytes; at most {limit} are allowed (max_message_bytes)"
            raise Refusal(413, message, "max_message_bytes")

    def data_received(self, chunk: bytes) -> None:
        """Collect the body."""
        self._body += chunk

    @web.authenticated
    async def get(self, project_id: str) -> None:
        """Answer one page of events."""
        after, limit = self._number("after", 0, 2**53 - 1), self._number("limit", DEFAULT_PAGE, MAX_PAGE)
        log = self.manager.log
        try:
            head = await log.head(_project_id(project_id))
            if head is None:
                raise NoSuchProject(project_id)
            events = await log.read(project_id, after, limit=limit, until=head.offset)
        except StorageError as error:
            raise _refused(error) from error
        last = after + len(events)
        following = encode(last if events and last < head.offset else None)
        fields = encode(project_id), encode(head.epoch), b",".join(events), following
        self.finish(b'{"project_id":%b,"epoch":%b,"events":[%b],"next":%b}' % fields)

    def _number(self, name: str, default: int, highest: int) -> int:
        given = self.get_query_argument(name, None)
        if given is None:
            return default
        if not (given.isascii() and given.isdigit()) or int(given) > highest:
            raise Refusal(400, f"{name} must be an integer from 0 to {highest}", "range", name)
        return int(given)

    @web.authenticated
    async def post(self, project_id: str) -> None:
        """Publish."""
        limits = self.extension.limits
        try:
            body, careful = read_message(self._body.decode(), limits.max_message_bytes)
            if not isinstance(body, dict):
                raise Refusal(400, "The body must be a JSON object", "type")
            frame = body if "events" in body else {"events": [body]}
            publication = parse_publication(
                {**frame, "project_id": _project_id(project_id)},
                limits=limits,
                now=now_us(),
                careful=careful,
                size=len(self._body),
            )
        except UnicodeDecodeError:
            raise Refusal(400, "The body isn't UTF-8", "invalid_json") from None
        except ProblemError as error:
            raise _refused(error) from error
        total = len(publication.events) + len(publication.rejected)
        outcome = await self.manager.publish_and_wait(publication)
        if isinstance(outcome, Failure):
            more = {} if outcome.expected is None else {"expected": outcome.expected}
            raise Refusal(_STATUS.get(outcome.code, 500), outcome.message, outcome.code, outcome.field, **more)
        if total and len(outcome.rejected) == total:
            first = outcome.rejected[0]
            raise Refusal(400, first["message"], first["reason"], first["field"], rejected=outcome.rejected)
        self.answer(outcome, 201)


def routes(extension: TaskTreeExtension) -> list[tuple[str, type[web.RequestHandler], dict[str, Any]]]:
    """Return the routes of the REST interface, below the server's base URL."""
    options = {"extension": extension}
    return [
        (r"/tasktree/api/version", VersionHandler, options),
        (r"/tasktree/api/projects", ProjectsHandler, options),
        (r"/tasktree/api/projects/([^/]+)", ProjectHandler, options),
        (r"/tasktree/api/projects/([^/]+)/state", StateHandler, options),
        (r"/tasktree/api/projects/([^/]+)/events", EventsHandler, options),
    ]
