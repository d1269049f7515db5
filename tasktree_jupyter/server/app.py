"""The Jupyter server extension: its settings, and how its parts are put together."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path
from typing import Any

import msgspec
from jupyter_core.paths import jupyter_data_dir
from jupyter_server.extension.application import ExtensionApp
from jupyter_server.serverapp import ServerApp
from tornado import web
from traitlets import Bool, Float, Integer, Type, Unicode, default, validate

from tasktree_jupyter._version import __version__
from tasktree_jupyter.server import metrics
from tasktree_jupyter.server.answers import Requests
from tasktree_jupyter.server.auth import new_secret
from tasktree_jupyter.server.connection_file import ConnectionFile
from tasktree_jupyter.server.kernel_watch import KernelWatch
from tasktree_jupyter.server.kernels import KernelProjects
from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.logs import storage_failed, tell
from tasktree_jupyter.server.manager import WebSocketManager
from tasktree_jupyter.server.neighbours import Neighbours
from tasktree_jupyter.server.rest.routes import routes
from tasktree_jupyter.server.retention import Retention
from tasktree_jupyter.server.socket import UpdatesSocket
from tasktree_jupyter.storage.log import EventLog, StorageError, Unavailable
from tasktree_jupyter.storage.memory import MemoryLog
from tasktree_jupyter.storage.sqlite import SqliteLog

STOP_SECONDS = 5.0
"""How long stopping may take; Jupyter and its kernels wait for it."""


class TaskTreeExtension(ExtensionApp):
    """Keeps a log per project, folds it into a tree, and serves it on Jupyter's own port and login."""

    name = "tasktree_jupyter"
    description = "Live task trees for Jupyter"
    version = __version__
    load_other_extensions = True

    data_dir = Unicode(
        help="""The folder that holds the logs, a file a project. Default: `tasktree` in Jupyter's data folder. Several
        servers may share it. If it can't be written, projects live in memory until the server stops."""
    ).tag(config=True)

    storage_class = Type(
        default_value=SqliteLog,
        klass=EventLog,
        help="""The engine that keeps the logs, a subclass of `tasktree_jupyter.storage.log.EventLog`; it is made with
        `data_dir` as its only argument. Default: SQLite.""",
    ).tag(config=True)

    in_memory = Bool(
        False,
        help="""Keep projects in memory, and nothing on disk. They are gone when the server stops. Default: False.""",
    ).tag(config=True)

    ca_file = Unicode(
        help="""With TLS: a file with the certificate authorities that kernels and scripts of this machine are to trust
        when they connect to this server, PEM. Default: none; they then trust exactly the server's own certificate,
        whoever signed it and whatever name it bears.""",
    ).tag(config=True)

    max_message_bytes = Integer(
        1024 * 1024,
        min=4096,
        help="""The largest message a client may send, over the WebSocket or as a request's body, in bytes. Default:
        1 MiB. A larger one is refused, and the connection lives.""",
    ).tag(config=True, unit="bytes", answer="too_large")

    max_events_per_publish = Integer(
        1000, min=1, help="""How many events may be published together. Default: 1000."""
    ).tag(config=True, unit="events", answer="too_large")

    max_unacked_bytes = Integer(
        256 * 1024,
        min=4096,
        help="""How many bytes may be on their way to one subscriber of one project, unacknowledged, before the server
        stops sending and waits. Default: 256 KiB. It bounds memory per subscriber.""",
    ).tag(config=True, unit="bytes", answer="")

    max_lag_bytes = Integer(
        4 * 1024 * 1024,
        min=64 * 1024,
        help="""How many bytes may wait in the server for one connection, behind what is being sent. Plain clients can't
        acknowledge: one that falls behind by more is closed (code 4001, "come back"). A single frame is never too
        large. Default: 4 MiB. At least `max_message_bytes`: where it is less, that is used, and the log says so.""",
    ).tag(config=True, unit="bytes", answer="4001")

    max_replay_events = Integer(
        10_000,
        min=0,
        help="""A client that comes back and has missed no more events than this gets them; one that has missed more
        gets the state as it is. Default: 10000.""",
    ).tag(config=True, unit="events", answer="resync")

    ping_interval = Float(
        20.0,
        min=0,
        help="""How often each page is asked whether it is still there, in seconds; after 2.5 intervals without a word
        it is cut off. Default: 20. 0: never.""",
    ).tag(config=True)

    source_silence = Float(
        60.0,
        min=0.1,
        help="""After how many seconds without a word from a process its open tasks are shown as stale instead of
        running. A connection that breaks is tried again for up to 15 seconds, and one that is half open is noticed
        after 2.5 of `ping_interval`: less than that shows tasks as stale that are well. Default: 60.""",
    ).tag(config=True)

    max_connections = Integer(
        3000,
        min=1,
        help="""How many connections there may be in all. One more is closed (code 4005, "come back"). Default: 3000.
        Each is a file to the system, which has a bound of its own (`ulimit -n`).""",
    ).tag(config=True, unit="connections", answer="4005")

    max_connections_per_user = Integer(
        2000,
        min=1,
        help="""How many connections one user may have. One more is closed (code 4005, "come back"). All kernels and
        scripts of this server count as one user, and so do all who come with Jupyter's token. Default: 2000.""",
    ).tag(config=True, unit="connections", answer="4005")

    warn_connections = Integer(
        1000,
        min=1,
        help="""With more connections than this the server logs a warning, and again each time their number has doubled:
        probably a client forgets to close them. None is refused. Default: 1000.""",
    ).tag(config=True)

    max_subscriptions = Integer(
        256,
        min=1,
        help="""How many projects one connection may follow. One more is refused with `too_many`. Default: 256 projects.
        Plain clients that follow all projects aren't counted.""",
    ).tag(config=True, unit="projects", answer="too_many")

    max_questions = Integer(
        64,
        min=1,
        help="""How many questions of one connection (`state`, `diff`, `resolve`, `watch`) may wait for their answers.
        One more is refused with `busy`. Default: 64 questions.""",
    ).tag(config=True, unit="questions", answer="busy")

    max_publish_rate = Float(
        50_000.0,
        min=0,
        help="""How many events a second one connection may publish in the long run; over REST, one user. What comes
        faster is refused with `rate_limited`, and our clients wait and send it again. Default: 50000 events a second.
        0: no bound.""",
    ).tag(config=True, unit="events a second", answer="rate_limited")

    publish_burst = Integer(
        200_000,
        min=1,
        help="""How many events may come at once, after a time of rest, before `max_publish_rate` bounds them. Default:
        200000 events.""",
    ).tag(config=True, unit="events", answer="rate_limited")

    max_projects = Integer(
        10_000,
        min=1,
        help="""How many projects there may be in `data_dir`. What would make one more (a publish, an import, a notebook
        that wasn't seen before) is refused with `too_many`; clients keep their events and try again. Default: 10000
        projects.""",
    ).tag(config=True, unit="projects", answer="too_many")

    max_string_chars = Integer(
        512 * 1024,
        min=1024,
        help="""The longest text in an event, in characters. An event with a longer one is rejected; the others that
        came with it are stored. Default: 524288 characters.""",
    ).tag(config=True, unit="characters", answer="too_large")

    max_event_values = Integer(
        100_000,
        min=100,
        help="""How many values one event may hold: keys of objects and entries of arrays, at all levels together. An
        event with more is rejected. Default: 100000 values.""",
    ).tag(config=True, unit="values", answer="too_large")

    max_folds = Integer(
        2,
        min=1,
        help="""How many states of the past are worked out at a time; others wait. Default: 2 states.""",
    ).tag(config=True, unit="states", answer="")

    max_reads = Integer(
        64,
        min=1,
        help="""How many states and diffs may be read or wait for their turn, by everybody together, and as many
        searches through events. One more is refused with `busy`. Default: 64 states and diffs.""",
    ).tag(config=True, unit="states and diffs", answer="busy")

    max_answer_bytes = Integer(
        64 * 1024 * 1024,
        min=64 * 1024,
        help="""How many bytes of answers (states, diffs, lists) may wait in the server to be taken by those who asked,
        all together. What is asked for then is refused with `busy`. Default: 64 MiB, and one answer more.""",
    ).tag(config=True, unit="bytes", answer="busy")

    max_requests = Integer(
        256,
        min=1,
        help="""How many REST requests may be under way, of everybody together. One more is answered by 503. Default:
        256 requests.""",
    ).tag(config=True, unit="requests", answer="busy")

    max_scanned_events = Integer(
        50_000,
        min=1000,
        help="""How many events one request looks through when it searches them or reads a task's metrics. The answer
        says where to go on. Default: 50000 events.""",
    ).tag(config=True, unit="events", answer="")

    authorize_every = Float(
        30.0,
        min=0.05,
        help="""How often the authorizer is asked again whether those who follow a project may still read it, in
        seconds: so long a permission that was taken away is still used for events that come by themselves. What a
        client asks for is asked of the authorizer each time. Default: 30.""",
    ).tag(config=True)

    room_idle = Float(
        60.0,
        min=0,
        help="""After how many seconds a project that nobody follows or writes to leaves memory. Default: 60.""",
    ).tag(config=True)

    fold_every = Integer(
        5000,
        min=100,
        help="""After how many events (or as many as the project has nodes, if that is more) the folded state is kept,
        so that opening the project again is quick. Default: 5000.""",
    ).tag(config=True)

    max_import_bytes = Integer(
        512 * 1024 * 1024,
        min=4096,
        help="""The largest import, in bytes. It is streamed: this bounds what goes to the disk, not memory. Default:
        512 MiB.""",
    ).tag(config=True, unit="bytes", answer="too_large")

    max_sources = Integer(
        5000,
        min=8,
        help="""How many sources (kernels, processes) of a project are remembered. Beyond, those that ended or left
        nothing open are forgotten, the oldest first; of what comes then nobody knows whether it is there. Default:
        5000 sources.""",
    ).tag(config=True, unit="sources", answer="")

    max_queued_bytes = Integer(
        64 * 1024 * 1024,
        min=64 * 1024,
        help="""How many bytes may wait to be written to one project's log. What comes then is refused with `busy`, and
        our clients send it again. Default: 64 MiB.""",
    ).tag(config=True, unit="bytes", answer="busy")

    follow_interval = Float(
        2.0,
        min=0.05,
        help="""How often to look for projects that other servers have made in the same folder, while anybody watches
        the list, in seconds. Default: 2.""",
    ).tag(config=True)

    retain_days = Float(
        0.0,
        min=0,
        help="""After how many days events are let go. The tree stays as it is, snapshots too; what can't be had any
        more is the history before. Default: 0, never.""",
    ).tag(config=True)

    retain_events = Integer(
        0,
        min=0,
        help="""How many events a project keeps about; older ones are let go as with `retain_days`. Default: 0, all.""",
    ).tag(config=True)

    retain_missions = Integer(
        0,
        min=0,
        help="""How many ended runs a project's tree keeps, the newest; older ones are removed from the tree, and their
        events stay until another setting lets them go. Runs that go on don't count. Default: 0, all.""",
    ).tag(config=True)

    @validate("data_dir")
    def _validate_data_dir(self, proposal: Any) -> str:
        return os.path.abspath(os.path.expanduser(str(proposal["value"])))

    @default("data_dir")
    def _default_data_dir(self) -> str:
        return os.path.join(jupyter_data_dir(), "tasktree")

    manager: WebSocketManager
    retention: Retention
    limits: Limits
    requests: Requests
    secret: str
    _fallback: str | None = None
    _kernels: KernelProjects | None = None
    _kernel_watch: KernelWatch | None = None
    _connection_file: ConnectionFile | None = None
    _starting: asyncio.Task[None] | None = None
    _stopped = False

    def initialize_settings(self) -> None:
        """Jupyter calls this before the handlers are made."""
        self.secret = new_secret()
        limits = Limits(**{name: getattr(self, name) for name in Limits.__struct_fields__})
        if limits.max_lag_bytes < limits.max_message_bytes:
            limits = msgspec.structs.replace(limits, max_lag_bytes=limits.max_message_bytes)
        self.limits = limits
        self.requests = Requests(self.limits.max_requests)

    def initialize_handlers(self) -> None:
        """Jupyter calls this to have the routes."""
        self.handlers.extend(routes(self))
        self.handlers.append((r"/tasktree/ws/updates", UpdatesSocket, {"extension": self}))

    # Starting

    async def ready(self) -> None:
        """Wait until the log is open. A request may come before Jupyter says that the server has started, and one may
        come after it has stopped: then it is refused, so that nothing is opened again.
        """
        if self._stopped:
            raise web.HTTPError(503, "The server is stopping")
        if self._starting is None:
            self._starting = asyncio.get_running_loop().create_task(self._start_log())
        await asyncio.shield(self._starting)

    async def _start_log(self) -> None:
        serverapp = self.serverapp
        assert serverapp is not None
        if self.limits.max_lag_bytes > self.max_lag_bytes:
            message = "max_lag_bytes (%d) has no room for one message: %d is used, which is max_message_bytes"
            given, used = self.max_lag_bytes, self.limits.max_lag_bytes
            tell(self.log, "limits.raised", message, given, used, trait="max_lag_bytes", value=used)
        log = await self._open_log()
        manager = WebSocketManager(log, self.limits, self.log, fallback=self._fallback)
        self._kernels = KernelProjects(
            log,
            root_dir=serverapp.root_dir,
            salt=self._salt(log),
            session_manager=serverapp.session_manager,
            kernel_manager=serverapp.kernel_manager,
            contents_manager=serverapp.contents_manager,
            touched=manager.projects.touched,
            logger=self.log,
            admit=manager.bound.check_new,
        )
        self._kernels.listen(serverapp.event_logger)
        manager.projects.describe = self._kernels.describe
        manager.resolver = self._kernels
        self._watch_kernels(manager, serverapp)
        manager.store = self._kernels.store
        self.manager = manager
        self.retention = Retention(manager, self.log)
        self.retention.start()
        metrics.watch(self)

    def _watch_kernels(self, manager: WebSocketManager, serverapp: ServerApp) -> None:
        presence = manager.presence
        watch = KernelWatch(serverapp.kernel_manager, presence.kernel_ended, self.log)
        watch.listen(serverapp.event_logger)
        self._kernel_watch = presence.kernels = watch
        folder = None if manager.log.engine == "memory" else Path(self.data_dir)
        presence.neighbours = Neighbours(folder, self.source_silence, self.log)
        presence.start()

    async def _open_log(self) -> EventLog:
        if not self.in_memory:
            log: EventLog = self.storage_class(self.data_dir)
            try:
                await log.start()
            except (Unavailable, StorageError, OSError) as error:
                self._fallback = str(error)
                tell(
                    self.log,
                    "storage.degraded",
                    "TaskTree can't use %s and keeps its logs in memory: %s",
                    self.data_dir,
                    error,
                    error=error,
                    data_dir=self.data_dir,
                )
            else:
                tell(
                    self.log,
                    "storage.opened",
                    "TaskTree keeps its logs in %s (%s)",
                    self.data_dir,
                    log.mode,
                    data_dir=self.data_dir,
                    engine=log.engine,
                    mode=log.mode,
                )
                return log
        memory = MemoryLog()
        await memory.start()
        return memory

    def _salt(self, log: EventLog) -> str:
        """What makes minted ids this folder's own. The first server to ask writes it; links are made all at once."""
        fresh = secrets.token_hex(16)
        if log.engine == "memory":
            return fresh
        path = Path(self.data_dir) / "salt"
        try:
            if not path.exists():
                unfinished = path.with_name(f"salt.{os.getpid()}.{fresh[:8]}")
                unfinished.write_text(fresh)
                try:
                    os.link(unfinished, path)
                except FileExistsError:
                    pass
                finally:
                    unfinished.unlink()
            return path.read_text().strip()
        except OSError as error:
            storage_failed(self.log, "salt", None, f"TaskTree can't keep {path}: %s", error)
            return fresh

    async def _start_jupyter_server_extension(self, serverapp: ServerApp) -> None:
        """Jupyter calls this when the server runs and has its port."""
        self._stopped = False
        await self.ready()
        file = ConnectionFile(serverapp.runtime_dir, self.log)
        try:
            file.remove_stale()
            file.write(serverapp, self.secret, self.ca_file)
        except OSError as error:
            message = "TaskTree can't write %s; kernels won't find this server: %s"
            tell(self.log, "kernels.unreachable", message, file.path, error, error=error, path=str(file.path))
        else:
            self._connection_file = file

    # Stopping

    async def stop_extension(self) -> None:
        """Jupyter calls this when the server stops."""
        self._stopped = True
        metrics.unwatch(self)
        if self._connection_file is not None:
            self._connection_file.remove()
            self._connection_file = None
        if self._starting is None:
            return
        starting, self._starting = self._starting, None
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await starting
                await self._stop()
        except TimeoutError:
            tell(self.log, "stop.slow", "TaskTree took too long to stop; acknowledged events are on disk all the same")
        except Exception as error:
            tell(self.log, "stop.failed", "TaskTree failed to stop cleanly", error=error)

    async def _stop(self) -> None:
        serverapp = self.serverapp
        if self._kernels is not None and serverapp is not None:
            self._kernels.stop_listening(serverapp.event_logger)
        await self.retention.stop()
        if self._kernel_watch is not None and serverapp is not None:
            self._kernel_watch.stop_listening(serverapp.event_logger)
            await self.manager.presence.server_stops()
        try:
            await self.manager.stop()
        finally:
            await self.manager.log.close()


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": "tasktree_jupyter.server.app", "app": TaskTreeExtension}]
