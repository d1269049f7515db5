"""`wait`: until a run or a task has ended, wherever it runs. It can be interrupted at any time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextvars import Context
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from tasktree_jupyter.client.events import Tap
from tasktree_jupyter.client.place import asked_project
from tasktree_jupyter.client.reading import read
from tasktree_jupyter.client.session import session
from tasktree_jupyter.client.task import Task, current
from tasktree_jupyter.client.watching import node_of
from tasktree_jupyter.core.status import ENDED

if TYPE_CHECKING:
    from tasktree_jupyter.client.project import Project
    from tasktree_jupyter.client.session import Session
    from tasktree_jupyter.core.tree import TaskTree

_LOOK: Final = 0.1
"""Seconds between two looks at what ends in this process; on Windows, an interrupt may take as long."""
_READ: Final = 30.0


def wait(what: object = None, timeout: float | None = None, *, project: str | None = None) -> str:
    """Wait until a run or a task has ended, in this process or any other, and return the status it ended with.

    ```python
    if tt.wait(project="nightly-etl", timeout=3600) == "failed":
        ...
    ```

    In a coroutine: `await asyncio.to_thread(tt.wait, run)`, since the loop must go on meanwhile.

    Args:
        what: a task, a view, or the id of a node or a mission. None: the newest run, of this process where it has one.
        timeout: seconds to wait at most; None: for ever.
        project: where an id is looked for, or whose newest run is meant; None: as in `emit`.

    Returns:
        `completed`, `failed`, `cancelled` or `skipped`.

    Raises:
        TimeoutError: it hasn't ended in time.
        ValueError: there is no such node, or no run at all.
        LookupError: it was removed meanwhile, or its project was.
        RuntimeError: this code is part of what it would wait for, which therefore never ends; or nothing else can run
            meanwhile, there being no threads.
        TypeError: `what` is nothing that can be waited for.
    """
    this = session()
    this.check_in()
    target, node_id = _target(this, what, project)
    waiting = _Waiting(this, target, node_id, timeout)
    return waiting.wait()


def _target(this: Session, what: object, project: str | None) -> tuple[Project, str | None]:
    if isinstance(what, Task):
        if what.project is None or what.id is None:
            raise ValueError(f"{what!r} was never entered: there is nothing to wait for")
        return what.project, what.id
    if isinstance(what, str):
        return asked_project(this, project), what
    if what is None:
        target = asked_project(this, project)
        mission = this.newest_mission(None if project is None else target)
        return (target, None) if mission is None else (mission.project, mission.id)
    mission_id, its_project = getattr(what, "mission_id", None), getattr(what, "project", None)
    if its_project is not None and (mission_id is None or isinstance(mission_id, str)):
        return its_project, mission_id
    raise TypeError(f"what is {what!r}; it must be a task, a view, the id of a node, or None")


class _Waiting:
    def __init__(self, this: Session, project: Project, node_id: str | None, timeout: float | None) -> None:
        self._this = this
        self._project = project
        self._node_id = node_id
        self._timeout = timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._title: str | None = None
        self._status: str | None = None
        self._is_own = False
        self._events: SimpleQueue[dict[str, Any]] = SimpleQueue()

    def wait(self) -> str:
        self._refuse_itself()
        if self._ended_here():
            return self._ending()
        connection = self._this.connection
        tap = Tap(self._project, self._events.put, None, None, Context(), self._this.complaints, connection.unfollow)
        # Followed first, so that nothing happens unseen between the look and the first event.
        connection.follow(tap)
        try:
            if not self._is_own:
                tap.wait_begun(self._at_most(_READ))
                self._look_at_server()
                self._refuse_itself()
            while self._status not in ENDED:
                self._refuse_without_threads()
                for event in self._next():
                    self._take(event)
                self._ended_here()
        finally:
            tap.close()
        return self._ending()

    def _at_most(self, seconds: float) -> float:
        return seconds if self._deadline is None else min(seconds, self._deadline - time.monotonic())

    def _ending(self) -> str:
        assert self._status is not None
        return self._status

    def _refuse_itself(self) -> None:
        """Whoever waits for what can only end when he goes on waits for ever."""
        around = current()
        while around is not None:
            if around.id == self._node_id and around.project is self._project:
                raise RuntimeError(f"This code is part of {around!r}: it can't wait for its end")
            around = around.parent
        for task in self._this.open_tasks:
            if task.id == self._node_id and task.loop_thread == threading.get_ident():
                raise RuntimeError(
                    f"{task!r} runs in the event loop of this thread, which can't go on meanwhile: "
                    "use `await asyncio.to_thread(tasktree_jupyter.wait, …)`"
                )

    def _refuse_without_threads(self) -> None:
        if self._this.connection.threadless:
            raise RuntimeError("There are no threads here: nothing can end while this code waits")

    def _next(self) -> Iterator[dict[str, Any]]:
        left = self._at_most(_LOOK)
        if left <= 0:
            raise self._too_late()
        try:
            yield self._events.get(timeout=left)
            while True:
                yield self._events.get_nowait()
        except Empty:
            return

    def _too_late(self) -> TimeoutError:
        called = repr(self._title or self._node_id)
        status = "running" if self._status is None else self._status
        return TimeoutError(f"{called} ({self._node_id}) is still {status} after {self._timeout:g} s")

    def _take(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if kind == "gone":
            raise LookupError(f"The project {self._project.project_id!r} was deleted")
        if self._status in ENDED or (self._is_own and event.get("source") == self._project.source.id):
            return
        removes = kind == "node_update" and event["data"].get("changes", ...) is None
        if removes or kind == "resync" or node_of(event) == self._node_id:
            self._look_at_server()

    def _ended_here(self) -> bool:
        """Look at this process's own tree."""
        with self._project.read() as tree:
            self._is_own = self._node_id is not None and self._node_id in tree
            if self._is_own:
                self._note(tree)
        return self._status in ENDED

    def _look_at_server(self) -> None:
        known = self._title is not None
        try:
            tree = read(self._this, self._project, None, max(0.1, self._at_most(_READ))).tree
        except TimeoutError as error:
            if known and self._at_most(0.0) < 0:
                raise self._too_late() from error
            raise
        if self._node_id is None:
            missions = tree.missions(1)[0]
            if not missions:
                raise ValueError("There is nothing to wait for: no run has begun")
            self._node_id = missions[0]["mission_id"]
        if self._node_id in tree:
            self._note(tree)
        elif known:
            raise LookupError(f"{self._title!r} ({self._node_id}) was removed")
        else:
            where = self._project.project_id or "this process"
            raise ValueError(f"There is no node {self._node_id!r} in {where!r}")

    def _note(self, tree: TaskTree) -> None:
        assert self._node_id is not None
        self._status = tree.status_of(self._node_id)
        self._title = str(tree.node(self._node_id).get("title") or self._node_id)
