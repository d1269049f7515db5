"""Who is connected, and how a message gets to them.

`WebSocketManager` keeps the names of the service it is modelled on. Different from it, connections are held by project,
and a message of a project is stored before anybody gets it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from tasktree_jupyter.core.protocol import CLOSE_NO_PONG, CLOSE_STOPPING, CLOSE_TOO_MANY
from tasktree_jupyter.core.shape import Problem, ProblemError
from tasktree_jupyter.server.admission import Doors, ProjectBound, too_many
from tasktree_jupyter.server.answers import Answers
from tasktree_jupyter.server.condition import Condition, StorageCondition
from tasktree_jupyter.server.connection import Connection, PlainConnection
from tasktree_jupyter.server.frames import json_frame, plain_frames, projectless_frame, text_frame
from tasktree_jupyter.server.history import History
from tasktree_jupyter.server.intake import now_us
from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.presence import Presence
from tasktree_jupyter.server.projects import Projects
from tasktree_jupyter.server.publication import Failure, Publication, Published, parse_publication
from tasktree_jupyter.server.rates import Buckets
from tasktree_jupyter.server.room import Room
from tasktree_jupyter.server.rooms import Rooms
from tasktree_jupyter.server.searching import Searches
from tasktree_jupyter.server.tally import ENDINGS, OTHER, TALLY
from tasktree_jupyter.storage.log import EventLog, NoSuchProject, StorageError

if TYPE_CHECKING:
    from tasktree_jupyter.core.events import WebSocketMessage

SILENT_INTERVALS = 2.5
"""After so many ping intervals without a word a connection is cut off."""


class Forbidden(Exception):
    """The user may not do this."""


NO_PROJECT = "There is no project for it that you may read, and you may not make one"
"""What who asks for a notebook's project is told, there being one or not: neither is theirs to know."""


class PublishError(Exception):
    """A broadcast wasn't stored; `failure` says why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Resolver(Protocol):
    """Knows which project a kernel or a script belongs to."""

    async def resolve(self, kernel_id: str | None, path: str | None, title: str | None, *, may_mint: bool) -> str:
        """Return the project id. Raises ProblemError, NoSuchProject and StorageError."""


class WebSocketManager:
    """The live connections, the rooms they follow, and the broadcasts.

    `active_connections` holds the connections by the project they follow; under None are those that follow none in
    particular: plain clients for all projects, and our own clients before their first subscribe. All of it belongs to
    the loop.
    """

    def __init__(self, log: EventLog, limits: Limits, logger: logging.Logger, *, fallback: str | None = None) -> None:
        """`fallback`: why `log` stands in for the one that was wished for; None: it doesn't."""
        self.log = log
        self.limits = limits
        self.logger = logger
        self.active_connections: dict[str | None, set[Connection]] = {}
        self.projects = Projects(log, limits, logger)
        self.rooms = Rooms(
            log,
            limits,
            on_change=self._changed,
            before_close=self.projects.keep_summary,
            delivered=self.projects.delivered,
            logger=logger,
        )
        self.projects.rooms = self.rooms
        self.history = History(log, self.rooms, limits)
        self.searches = Searches(log, self.history, limits)
        self.bound = ProjectBound(log, limits.max_projects)
        self.answers = Answers(limits.max_answer_bytes)
        self.rates = Buckets(limits.max_publish_rate, limits.publish_burst)
        self.presence = Presence(
            log,
            limits,
            self.rooms,
            self.publish_and_wait,
            followed=self._told_projects,
            tell=self._tell,
            touched=self.projects.touched,
            logger=logger,
        )
        self.projects.stale = self.presence.silence.stale.of
        self.condition = StorageCondition(
            log, logger, on_change=self._tell_condition, touched=self._troubled, fallback=fallback
        )
        self.resolver: Resolver | None = None
        self.store: str | None = None
        """What names the folder of logs, whichever server serves it."""
        self._connections: dict[Connection, set[str | None]] = {}
        self._doors = Doors(limits, logger)
        self._pinging: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[None] | None = None
        self._stopping = False

    # The names of the service this is modelled on

    async def connect(self, websocket: Connection, project_ids: Iterable[str] = ()) -> None:
        """Take a connection in. A plain client follows these projects from now on, or all if there are none.

        With too many there already, it is closed: "come back".
        """
        if self._stopping:
            websocket.close(CLOSE_STOPPING, "server stopping")
            return
        full = self._doors.enter(websocket.who)
        if full is not None:
            websocket.close(CLOSE_TOO_MANY, full)
            return
        wanted: list[str | None] = list(project_ids) or [None]
        self._connections[websocket] = set()
        TALLY.opened.add(websocket.kind)
        websocket.tell(
            "connection.opened", "Connection %d (%s) is open", projects=len(wanted) if wanted != [None] else 0
        )
        for project_id in wanted:
            self.bind(websocket, project_id)
        if self._asking is None:
            self._asking = asyncio.get_running_loop().create_task(self._ask_again())
        if self._pinging is None and self.limits.ping_interval > 0:
            self._pinging = asyncio.get_running_loop().create_task(self._ping())
        websocket.opened()
        if isinstance(websocket, PlainConnection):
            if None in wanted:
                self.projects.look_out()
            for project_id in wanted:
                self.rooms.follow(project_id, websocket)

    def disconnect(self, websocket: Connection) -> None:
        """Take a connection out everywhere; doing it again does nothing."""
        bound = self._connections.pop(websocket, None)
        if bound is None:
            return
        code = websocket.close_code
        reason = "client" if code is None else ENDINGS.get(code, OTHER)
        TALLY.closed.add(reason)
        event = "connection.closed" if reason in ("client", "stopping") else "connection.cut"
        websocket.tell(
            event, f"Connection %d (%s) has ended: {reason}", reason=reason, code=code, seconds=websocket.age
        )
        self._doors.leave(websocket.who)
        for project_id in bound:
            self._drop(websocket, project_id)
        if isinstance(websocket, PlainConnection):
            self.rooms.leave(websocket)
            if None in bound:
                self.projects.look_away()
        self.presence.disconnected(websocket)
        websocket.closed()

    def send_personal_message(self, message: str | Mapping[str, Any], websocket: Connection) -> bool:
        """Send a JSON text, or an object that becomes one, to one client. False: the connection has failed."""
        frame = text_frame(message.encode()) if isinstance(message, str) else json_frame(message)
        return websocket.write(frame)

    async def broadcast(self, message: WebSocketMessage | Mapping[str, Any]) -> None:
        """Deliver a message: to all who follow its project, after it is stored; without project to everyone, unstored.

        Raises:
            ProblemError: the message isn't valid.
            PublishError: it couldn't be stored.
        """
        envelope = dict(message) if isinstance(message, Mapping) else message.model_dump(mode="json")
        await self.publish_envelopes(envelope.get("project_id"), [envelope])

    async def broadcast_to_project(self, project_id: str, message: WebSocketMessage | Mapping[str, Any]) -> None:
        """Deliver a message to all who follow a project, after it is stored. Raises as `broadcast` does."""
        envelope = dict(message) if isinstance(message, Mapping) else message.model_dump(mode="json")
        await self.publish_envelopes(project_id, [envelope | {"project_id": project_id}])

    async def publish_envelopes(self, project_id: str | None, envelopes: list[dict[str, Any]]) -> Published:
        """Publish without a source; all of them or, where one is invalid, none. Raises as `broadcast` does."""
        frame = {"project_id": project_id, "events": envelopes}
        publication = parse_publication(frame, limits=self.limits, now=now_us(), careful=True, size=0)
        _raise_rejected(publication.rejected)
        outcome = await self.publish_and_wait(publication)
        if isinstance(outcome, Failure):
            raise PublishError(outcome)
        _raise_rejected(outcome.rejected)
        return outcome

    # Publishing

    def publish(self, publication: Publication) -> None:
        """Give a publication to its project's room, or to everyone if it has none."""
        if publication.project_id is None:
            self._to_everyone(publication)
        else:
            self.rooms.get(publication.project_id).publish(publication)

    async def admit_and_publish(self, publication: Publication) -> None:
        """Publish, unless it would make a project too many."""
        project_id = publication.project_id
        if project_id is not None:
            room = self.rooms.find(project_id)
            if room is None or not room.exists:
                try:
                    await self.bound.check(project_id)
                except ProblemError as error:
                    publication.settle(too_many(error.problem))
                    return
                except StorageError as error:
                    publication.settle(Failure("storage", str(error), retry=error.retryable))
                    return
        self.publish(publication)

    async def publish_and_wait(self, publication: Publication) -> Published | Failure:
        """Publish, and return the answer."""
        answered: asyncio.Future[Published | Failure] = asyncio.get_running_loop().create_future()

        def settle(outcome: Published | Failure) -> None:
            if not answered.done():
                answered.set_result(outcome)

        publication.answer = settle
        await self.admit_and_publish(publication)
        outcome = await answered
        if isinstance(outcome, Published) and outcome.project_id is not None and outcome.source is not None:
            self.presence.published(None, outcome.project_id, outcome.source)
        return outcome

    def _to_everyone(self, publication: Publication) -> None:
        for event in publication.events:
            wire = event.body + b"}"
            plain, framed = plain_frames([wire]), projectless_frame(wire)
            failed = [
                websocket
                for websocket in tuple(self._connections)
                if not websocket.write(plain if isinstance(websocket, PlainConnection) else framed)
            ]
            for websocket in failed:
                self.disconnect(websocket)
        publication.settle(publication.published(publication.last_seq, None, None, 0))

    async def resolve(
        self, kernel_id: str | None, path: str | None, title: str | None, *, may_mint: bool
    ) -> dict[str, Any]:
        """Return the info of the project that a kernel or a script belongs to.

        Raises ProblemError, Forbidden, NoSuchProject and StorageError.
        """
        if self.resolver is None:
            raise ProblemError(Problem("not_found", "kernel_id", "This server knows no kernels", "no_kernels"))
        project_id = await self.resolver.resolve(kernel_id, path, title, may_mint=may_mint)
        return await self.projects.info(project_id)

    async def delete_project(self, project_id: str) -> None:
        """Forget a project with all it has; who follows it is told `gone`.

        What a living emitter sends afterwards makes the project anew, with another epoch. Raises StorageError,
        NoSuchProject among them.
        """
        if not await self.log.delete(project_id):
            raise NoSuchProject(project_id)
        self.projects.forget(project_id)
        self.bound.one_less()
        self.presence.forget(project_id)

    def _troubled(self, project_id: str) -> None:
        """Something is wrong with a project's file, or is well again."""
        self.projects.touched(project_id)
        room = self.rooms.find(project_id)
        if room is not None:
            room.look_again()

    def imported(self, project_id: str, *, replaced: bool) -> None:
        """Note that a project was imported; `replaced`: whatever was there is another one."""
        if replaced:
            self.projects.forget(project_id)
        else:
            self.projects.touched(project_id)
        self.presence.imported(project_id)

    # Who follows what

    def bind(self, websocket: Connection, project_id: str | None) -> None:
        """Note that a connection follows a project."""
        bound = self._connections.get(websocket)
        if bound is None:
            return
        if project_id is not None and None in bound:
            self._drop(websocket, None)
            bound.discard(None)
        bound.add(project_id)
        self.active_connections.setdefault(project_id, set()).add(websocket)

    def unbind(self, websocket: Connection, project_id: str) -> None:
        """Note that a connection follows a project no longer."""
        bound = self._connections.get(websocket)
        if bound is None or project_id not in bound:
            return
        bound.discard(project_id)
        self._drop(websocket, project_id)
        if not bound:
            self.bind(websocket, None)

    def _drop(self, websocket: Connection, project_id: str | None) -> None:
        connections = self.active_connections.get(project_id)
        if connections is not None:
            connections.discard(websocket)
            if not connections:
                del self.active_connections[project_id]

    def _told_projects(self) -> list[str]:
        """The projects of which somebody wants to know who is silent."""
        return [
            project_id
            for project_id, connections in self.active_connections.items()
            if project_id is not None and any(connection.is_told for connection in connections)
        ]

    def _tell(self, project_id: str, frame: bytes) -> None:
        for connection in tuple(self.active_connections.get(project_id, ())):
            connection.tell_presence(project_id, frame)

    @property
    def connections(self) -> Collection[Connection]:
        """All there are just now."""
        return self._connections.keys()

    @property
    def number_of_connections(self) -> int:
        """How many connections there are."""
        return len(self._connections)

    def _tell_condition(self, condition: Condition) -> None:
        frame = json_frame({"op": "storage", "kind": condition.kind, "message": condition.message})
        for websocket in tuple(self._connections):
            if not isinstance(websocket, PlainConnection) and not websocket.write(frame):
                self.disconnect(websocket)

    def _changed(self, room: Room) -> None:
        self.projects.changed(room)

    async def _ping(self) -> None:
        """Ask every page now and then, and cut off those that say nothing: a connection may be half open for hours."""
        interval = self.limits.ping_interval
        loop = asyncio.get_running_loop()
        while self._connections:
            await asyncio.sleep(interval)
            now = loop.time()
            for websocket in tuple(self._connections):
                if isinstance(websocket, PlainConnection):
                    continue
                if now - websocket.heard_at > SILENT_INTERVALS * interval:
                    websocket.close(CLOSE_NO_PONG, "no pong")
                    self.disconnect(websocket)
                elif not websocket.ping():
                    self.disconnect(websocket)
        self._pinging = None

    async def _ask_again(self) -> None:
        """Now and then ask the authorizer whether everybody may still read what they follow."""
        while self._connections:
            await asyncio.sleep(self.limits.authorize_every)
            for websocket in tuple(self._connections):
                changed = await websocket.clearance.again()
                if changed and websocket in self._connections:
                    websocket.permissions_changed(changed)
        self._asking = None

    # Life

    async def stop(self) -> None:
        """Tell everyone, finish what was begun, keep folds and summaries. The log is left open."""
        self._stopping = True
        for task in (self._pinging, self._asking):
            if task is not None:
                task.cancel()
        for websocket in tuple(self._connections):
            websocket.close(CLOSE_STOPPING, "server stopping")
            self.disconnect(websocket)
        await self.presence.close()
        self.condition.close()
        self.projects.close()
        self.history.close()
        await self.rooms.close()


def _raise_rejected(rejected: list[dict[str, Any]]) -> None:
    for problem in rejected:
        raise ProblemError(Problem(problem["code"], problem["field"], problem["message"], problem["reason"]))
