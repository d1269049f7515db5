"""What one process has in common: its projects, its open missions, its one connection. Made anew in a forked child."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from tasktree_jupyter.client import ids, joining, origin
from tasktree_jupyter.client.connection import Connection
from tasktree_jupyter.client.discovery import Discovery, Identity, Trouble, identity
from tasktree_jupyter.client.encode import Bounds
from tasktree_jupyter.client.mission import Mission
from tasktree_jupyter.client.project import Project
from tasktree_jupyter.client.redact import Redactor
from tasktree_jupyter.client.reporting import Complaints, logger, tell_at_exit, warn
from tasktree_jupyter.client.source import MAX_BYTES, MAX_EVENTS, Source
from tasktree_jupyter.client.spooling import spool_folder

if TYPE_CHECKING:
    from tasktree_jupyter.client.task import Task

RootHook = Callable[["Task"], object]


class Settings(NamedTuple):
    """What `configure` sets.

    Attributes:
        project: the default project's name; None: the server knows it by the notebook or script.
        max_events: how many events a project's queue keeps in memory until they are acknowledged.
        max_bytes: how many bytes of them.
        spool_bytes: how many bytes of them may be on the disk while they can't be sent; 0: none.
        exit_timeout: seconds that the end of the process waits at most for what isn't acknowledged.
        bounds: how much of a value is kept.
        display: whether a root task shows itself under its cell.
        redactor: goes over everything before it leaves the process.
        cells: whether each cell that is run is a task.
    """

    project: str | None = None
    max_events: int = MAX_EVENTS
    max_bytes: int = MAX_BYTES
    spool_bytes: int = 256 * 2**20
    exit_timeout: float = 5.0
    bounds: Bounds = Bounds()
    display: bool = True
    redactor: Redactor | None = None
    cells: bool = False


class Session:
    """All that this process has of TaskTree. Get it by `session()`.

    Attributes:
        settings: see `Settings`.
        complaints: what the user is to be told; `complaints.tell()` warns at the caller's line. A display calls it
            when a cell has run, so that the warning stands under the right cell; every API call does too.
        root_started: called with each root task that was entered in this process, on the thread that entered it,
            after its first event was queued. The "unattached" group isn't told.
        root_ended: called with each root task that was left, on the thread that left it, after its last event was
            queued. What these hooks raise is logged.
        connection: the way to the server.
        kernel_id: this process's, where it is a kernel.
    """

    def __init__(self) -> None:
        self.settings = Settings()
        self.complaints = Complaints()
        self.root_started: list[RootHook] = []
        self.root_ended: list[RootHook] = []
        self.environment = joining.Environment()
        parent = joining.read_environment()
        self._identity = own = identity()
        self.kernel_id = own.kernel_id
        if parent is not None and own.kernel_id is None:
            self._identity = parent.identity
        self.discovery = Discovery(self._identity)
        self.connection = Connection(
            self.discovery,
            self.identity,
            self.complaints,
            self._close_with_process,
            lambda: self.settings.spool_bytes,
        )
        self._lock = threading.RLock()
        self._projects: dict[str | None, Project] = {}
        self._missions: dict[str, Mission] = {}
        self._newest: Mission | None = None
        self._unattached: dict[Project, Mission] = {}
        self._open_tasks: dict[Task, None] = {}
        self._told_of_no_server = False
        self._closed = False
        self.forked = False
        self.joined: Mission | None = None
        if parent is not None and own.kernel_id is None:
            self._join(parent)

    def _join(self, parent: joining.Parent) -> None:
        self.settings = self.settings._replace(project=parent.project)
        self.joined = Mission(parent.mission, self.project(), "", parent_id=parent.node)
        self.begin(self.joined)

    def identity(self) -> Identity:
        """Return who this process is for the server; a child process is who its parent is."""
        return self._identity

    def after_fork(self) -> None:
        """In a forked child: new locks, new sources, no thread; open missions are still the ones to join."""
        self._lock = threading.RLock()
        self.forked = True
        self._closed = False
        self._open_tasks = {}
        self._unattached = {}
        self.complaints = Complaints()
        self.connection.after_fork(self.complaints)
        for project in self.projects:
            project.after_fork()
        self.root_started.clear()
        self.root_ended.clear()

    # Projects

    def project(self, name: str | None = None) -> Project:
        """Return a project of this process: the one with this name, or the default one.

        Args:
            name: a project id (docs/fold.md); None: the one set by `configure`, else the notebook's or script's own.
        """
        if name is None:
            name = self.settings.project
        project = self._projects.get(name)
        return project if project is not None else self._make_project(name)

    @property
    def projects(self) -> tuple[Project, ...]:
        """The projects this process has used, in the order of their first use."""
        return tuple(self._projects.values())

    def _make_project(self, name: str | None) -> Project:
        with self._lock:
            project = self._projects.get(name)
            if project is None:
                settings = self.settings
                source = Source(
                    max_events=settings.max_events,
                    max_bytes=settings.max_bytes,
                    keep=self.connection.expects_server,
                )
                project = Project(name, source, self.connection.wake, self._bounds)
                self._projects[name] = project
                self.connection.add(project)
        return project

    def _bounds(self) -> tuple[Bounds, Redactor | None]:
        return self.settings.bounds, self.settings.redactor

    def configure(self, settings: Settings) -> None:
        """Use these settings from now on, for the projects there are too."""
        self.settings = settings
        for project in self.projects:
            project.source.max_events = settings.max_events
            project.source.max_bytes = settings.max_bytes

    # Missions

    def begin(self, mission: Mission) -> None:
        """Take note of a mission that begins in this process."""
        with self._lock:
            self._missions[mission.id] = mission
            if not mission.quiet:
                self._newest = mission

    def has_tasks(self, mission: Mission) -> None:
        """Take note that something begins below a mission's root: a quiet one is shown from now on."""
        if mission.quiet:
            mission.quiet = False
            with self._lock:
                self._newest = mission
            if mission.root is not None:
                self.run_hooks(self.root_started, mission.root)

    def end(self, mission: Mission) -> None:
        """Take note that a mission has ended."""
        with self._lock:
            mission.ended = True
            self._missions.pop(mission.id, None)

    def opened(self, task: Task) -> None:
        """Take note of a task that was entered in this process."""
        self._open_tasks[task] = None

    def closed(self, task: Task) -> None:
        """Take note that it was left."""
        self._open_tasks.pop(task, None)

    @property
    def open_tasks(self) -> tuple[Task, ...]:
        """The tasks that were entered in this process and not left, oldest first."""
        return tuple(self._open_tasks)

    def open_missions(self, project: Project | None = None) -> list[Mission]:
        """Return the missions of this process that haven't ended, oldest first, without the quiet ones."""
        with self._lock:
            known = [*self._missions.values()]
        return [mission for mission in known if project in (None, mission.project) and not mission.quiet]

    def newest_mission(self, project: Project | None = None) -> Mission | None:
        """Return the newest open mission, else the one that began last; None before the first."""
        with self._lock:
            missions = self.open_missions(project)
            if missions:
                return missions[-1]
            newest = self._newest
            return newest if newest is not None and project in (None, newest.project) else None

    def current_mission(self) -> Mission | None:
        """Return the mission of the task this code runs in, else the newest one."""
        from tasktree_jupyter.client.task import current

        task = current()
        mission = task.mission if task is not None else None
        return mission if mission is not None and not mission.quiet else self.newest_mission()

    def mission_of_thread(self, project: Project | None) -> Mission | None:
        """Return the one open mission, for code on a thread without a context; None if there is none, or others."""
        missions = self.open_missions(project)
        if not missions:
            with self._lock:
                missions = [mission for mission in self._missions.values() if project in (None, mission.project)]
        return missions[0] if len(missions) == 1 else None

    def unattached(self, project: Project) -> Mission:
        """Return the group that takes tasks of which nobody knows the mission; made when it is first needed."""
        with self._lock:
            group = self._unattached.get(project)
            if group is None:
                group = Mission(f"{ids.time_ordered_id()}-unattached", project, "Unattached")
                self._unattached[project] = group
                changes = {
                    "title": group.title,
                    "kind": "unattached",
                    "status": "running",
                    "source": origin.of_process(project, self.kernel_id),
                }
                project.emit("node_update", {"node_id": group.id, "changes": changes})
        return group

    def _close_with_process(self) -> None:
        """`multiprocessing` ends its children without `atexit`; it has finalizers of its own."""
        process = sys.modules.get("multiprocessing.process")
        if process is not None and process.parent_process() is not None:
            from multiprocessing.util import Finalize

            Finalize(None, self.close, exitpriority=0)

    def close(self) -> None:
        """End the process's part: close what can't go on, wait a little for what isn't acknowledged."""
        if self._closed:
            return
        self._closed = True
        for task in reversed([*self._open_tasks]):
            task.give_up("the process has ended")
        for project, group in self._unattached.items():
            project.emit("node_update", {"node_id": group.id, "changes": {"status": "completed"}})
        settled = self.connection.close(self.settings.exit_timeout)
        for text in self.complaints.take():
            tell_at_exit(text)
        if not settled:
            tell_at_exit(self._unsent())

    def _unsent(self) -> str:
        kept = sum(project.source.on_disk for project in self.projects)
        lost = sum(project.source.in_memory for project in self.projects)
        reason = self.connection.reason or "the server didn't acknowledge them in time"
        text = f"{kept + lost} events didn't reach TaskTree's server: {reason}."
        if kept:
            which = "They are" if not lost else f"{kept} of them are"
            text += f" {which} kept in {spool_folder()}, and sent by the next process that uses TaskTree there."
        return text

    # Telling

    def check_in(self) -> None:
        """Tell what is to be told; called by every function of the API. Costs nothing when there is nothing."""
        if self.complaints:
            self.complaints.tell()
        if self._told_of_no_server:
            return
        self._told_of_no_server = True
        if not self.connection.expects_server:
            warn(_no_server(self.discovery.trouble, threadless=self.connection.threadless))

    def run_hooks(self, hooks: list[RootHook], task: Task) -> None:
        """Call hooks with a root task; log what they raise."""
        for hook in (*hooks,):
            try:
                hook(task)
            except Exception:
                logger.exception("A hook of the session failed")


def _no_server(trouble: Trouble, *, threadless: bool) -> str:
    """Return what to tell where there is no server: why, and what to do about it."""
    if threadless:
        return (
            "There are no threads here, so no connection to a TaskTree server: the tree lives in this process only. "
            "It is shown as usual, and gone when the process ends."
        )
    if trouble.code == "none":
        return (
            "No TaskTree server found: the tree lives in this process only. "
            "Start Jupyter with tasktree_jupyter installed, or name a server: tasktree_jupyter.connect(url, token)."
        )
    return f"No TaskTree server is used: {trouble.text}. The tree lives in this process only."


_session: Session | None = None
_making = threading.RLock()


def session() -> Session:
    """Return this process's session; made when it is first asked for."""
    return _session if _session is not None else _make()


def _make() -> Session:
    global _session
    with _making:
        if _session is None:
            made = Session()
            atexit.register(_at_exit)
            _session = made
        return _session


def _at_exit() -> None:
    if _session is not None:
        _session.close()


def _after_fork_in_child() -> None:
    global _making
    _making = threading.RLock()
    ids.renew_lock_after_fork()
    if _session is not None:
        _session.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
