"""The Jupyter server extension: its settings, and how its parts are put together."""

from __future__ import annotations

import asyncio
import os
import secrets
from pathlib import Path
from typing import Any

from jupyter_core.paths import jupyter_data_dir
from jupyter_server.extension.application import ExtensionApp
from jupyter_server.serverapp import ServerApp
from tornado import web
from traitlets import Bool, Float, Integer, Type, Unicode, default, validate

from tasktree_jupyter._version import __version__
from tasktree_jupyter.server.auth import new_secret
from tasktree_jupyter.server.connection_file import ConnectionFile
from tasktree_jupyter.server.kernels import KernelProjects
from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.manager import WebSocketManager
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
    ).tag(config=True)

    max_events_per_publish = Integer(
        1000, min=1, help="""How many events may be published together. Default: 1000."""
    ).tag(config=True)

    max_unacked_bytes = Integer(
        256 * 1024,
        min=4096,
        help="""How many bytes may be on their way to one subscriber of one project, unacknowledged, before the server
        stops sending and waits. Default: 256 KiB. It bounds memory per subscriber.""",
    ).tag(config=True)

    max_lag_bytes = Integer(
        4 * 1024 * 1024,
        min=64 * 1024,
        help="""How many bytes may wait in the server for one connection, in bytes. Plain clients can't acknowledge: one
        that falls behind by more is closed (code 4001, "come back"). Default: 4 MiB.""",
    ).tag(config=True)

    max_replay_events = Integer(
        10_000,
        min=0,
        help="""A client that comes back and has missed no more events than this gets them; one that has missed more
        gets the state as it is. Default: 10000.""",
    ).tag(config=True)

    ping_interval = Float(
        20.0,
        min=0,
        help="""How often each page is asked whether it is still there, in seconds; after 2.5 intervals without a word
        it is cut off. Default: 20. 0: never.""",
    ).tag(config=True)

    max_connections = Integer(
        1000,
        min=1,
        help="""With more connections than this the server logs a warning, once: probably a client forgets to close
        them. None is refused. Default: 1000.""",
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
    ).tag(config=True)

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
    secret: str
    _fallback: str | None = None
    _kernels: KernelProjects | None = None
    _connection_file: ConnectionFile | None = None
    _starting: asyncio.Task[None] | None = None
    _stopped = False

    def initialize_settings(self) -> None:
        """Jupyter calls this before the handlers are made."""
        self.secret = new_secret()
        self.limits = Limits(
            max_message_bytes=self.max_message_bytes,
            max_events_per_publish=self.max_events_per_publish,
            max_unacked_bytes=self.max_unacked_bytes,
            max_lag_bytes=self.max_lag_bytes,
            max_replay_events=self.max_replay_events,
            ping_interval=self.ping_interval,
            max_connections=self.max_connections,
            room_idle=self.room_idle,
            fold_every=self.fold_every,
            follow_interval=self.follow_interval,
            max_import_bytes=self.max_import_bytes,
            retain_days=self.retain_days,
            retain_events=self.retain_events,
            retain_missions=self.retain_missions,
        )

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
        )
        self._kernels.listen(serverapp.event_logger)
        manager.projects.describe = self._kernels.describe
        manager.resolver = self._kernels
        self.manager = manager
        self.retention = Retention(manager, self.log)
        self.retention.start()

    async def _open_log(self) -> EventLog:
        if not self.in_memory:
            log: EventLog = self.storage_class(self.data_dir)
            try:
                await log.start()
            except (Unavailable, StorageError, OSError) as error:
                self._fallback = str(error)
                self.log.warning("TaskTree can't use %s and keeps its logs in memory: %s", self.data_dir, error)
            else:
                self.log.info("TaskTree keeps its logs in %s (%s)", self.data_dir, log.mode)
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
            self.log.warning("TaskTree can't keep %s: %s", path, error)
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
            self.log.warning("TaskTree can't write %s; kernels won't find this server: %s", file.path, error)
        else:
            self._connection_file = file

    # Stopping

    async def stop_extension(self) -> None:
        """Jupyter calls this when the server stops."""
        self._stopped = True
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
            self.log.warning("TaskTree took too long to stop; acknowledged events are on disk all the same")
        except Exception:
            self.log.exception("TaskTree failed to stop cleanly")

    async def _stop(self) -> None:
        serverapp = self.serverapp
        if self._kernels is not None and serverapp is not None:
            self._kernels.stop_listening(serverapp.event_logger)
        await self.retention.stop()
        try:
            await self.manager.stop()
        finally:
            await self.manager.log.close()


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    return [{"module": "tasktree_jupyter.server.app", "app": TaskTreeExtension}]
