"""`task`: a block of code, or each call of a function, as a node of the tree.

Nesting follows `contextvars`. Nothing here raises into the user's code; what can't be told is warned about at the
user's line.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeVar, overload

from tasktree_jupyter.client import ids, origin
from tasktree_jupyter.client.belonging import belonging
from tasktree_jupyter.client.decorate import decorate
from tasktree_jupyter.client.ending import UNFINISHED, ending
from tasktree_jupyter.client.fields import changes_of
from tasktree_jupyter.client.joining import Parent
from tasktree_jupyter.client.mission import Mission
from tasktree_jupyter.client.reporting import guarded, warn
from tasktree_jupyter.client.session import Session, session
from tasktree_jupyter.client.track import Track
from tasktree_jupyter.core.node import MAX_DEPTH
from tasktree_jupyter.core.sanitise import without_surrogates
from tasktree_jupyter.core.shape import is_id

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

    from tasktree_jupyter.client.project import Project

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
Level = Literal["debug", "info", "warning", "error", "critical"]

_current: ContextVar[Task | None] = ContextVar("tasktree_current_task", default=None)
_LEVELS: Final[dict[object, str]] = {
    "warn": "warning",
    "fatal": "critical",
    **{10: "debug", 20: "info", 30: "warning", 40: "error", 50: "critical"},
}
_LONGEST_NAME: Final = 200
"""With a mission's before it, which may end in a name too, it makes an id of at most 500."""


def current() -> Task | None:
    """Return the task that this code runs in, or None."""
    return _current.get()


class Task:
    """A node of the tree while its code runs. Made by `task`; used as a `with` block, or as a decorator.

    Attributes:
        id: its `node_id`; None before it is entered.
        title: what people read.
        project: where it belongs; None before it is entered.
        mission: the run it is part of; None before it is entered.
        parent: the task around it in this process, or None.
        status: the last status it was given here, or None before it is entered.
        quiet: whether it is only shown once something begins below it.
        loop_thread: where an event loop runs it, that loop's thread (`threading.get_ident`), else None.
    """

    def __init__(
        self,
        title: str | None,
        name: str | None,
        project: str | None,
        fields: dict[str, Any],
        *,
        quiet: bool = False,
    ) -> None:
        self.id: str | None = None
        self.title = title
        self.project: Project | None = None
        self.mission: Mission | None = None
        self.parent: Task | None = None
        self.status: str | None = None
        self.loop_thread: int | None = None
        self.quiet = quiet
        self._name = name
        self._project_name = project
        self._fields = fields
        self._depth = 1
        self._source: dict[str, Any] = {}
        # What its first event says, until that was emitted: an interrupt may come before.
        self._untold: dict[str, Any] = {}
        self._pid: int | None = None
        self._token: Token[Task | None] | None = None
        self._entered = 0
        self._tracks: dict[Track[Any], None] = {}

    def __repr__(self) -> str:
        return f"<Task {self.title!r}{f' {self.id!r}' if self.id else ''}{f' {self.status}' if self.status else ''}>"

    @property
    def is_root(self) -> bool:
        """Whether it is a mission's root, begun in this process."""
        return self.mission is not None and self.mission.root is self

    # Entering and leaving

    def __enter__(self) -> Self:
        try:
            self.open()
            self._make_current()
            if self.project is not None and threading.current_thread() is threading.main_thread():
                session().environment.enter(self, self._as_parent())
        except BaseException as error:
            # An interrupt may come at any line, and the block's end doesn't when it never began.
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._leave_current()
            session().environment.leave(self)
        finally:
            self.close(error)

    async def __aenter__(self) -> Self:
        # Tasks of a loop take turns: the environment can't tell which of them starts a process.
        self.loop_thread = threading.get_ident()
        self.open()
        self._make_current()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave_current()
        self.close(error)

    def __call__(self, function: F) -> F:
        """Make each call of `function` a task like this one."""
        return decorate(self, function)

    def again(self, title: str | None = None) -> Task:
        """Return a new task, not yet entered, with the same options."""
        return Task(self.title if self.title is not None else title, self._name, self._project_name, self._fields)

    def _make_current(self) -> None:
        if self._entered == 1:
            self._token = _current.set(self)

    def _leave_current(self) -> None:
        if self._entered != 1 or self._token is None:
            return
        try:
            _current.reset(self._token)
        except ValueError:
            # Left in another context than it was entered in, as generators and event loops do.
            if _current.get() is self:
                _current.set(self.parent)
        self._token = None

    @contextmanager
    def as_current(self) -> Iterator[None]:
        """Be the task that code runs in, for a step of a generator."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    def open(self) -> None:
        """Begin it without becoming the current task."""
        self._entered += 1
        if self._entered > 1:
            warn(f"{self!r} is entered while it is open: what happens inside counts as part of it.")
            return
        with guarded():
            this = session()
            this.check_in()
            self.parent, self.project, self.mission = belonging(this, _current.get(), self._project_name)
            self._begin(this)

    def _begin(self, this: Session) -> None:
        project, mission = self.project, self.mission
        assert project is not None
        self._pid = os.getpid()
        name = self._name
        if name is not None and not (is_id(name) and len(name) <= _LONGEST_NAME):
            shown = name if len(name) <= 80 else f"{name[:80]}…"
            warn(
                f"id is {shown!r}; it must have 1 to {_LONGEST_NAME} characters, none of them a control character. "
                "It gets another."
            )
            name = None
        changes: dict[str, Any] = {}
        root = mission is None
        if mission is None:
            new = ids.time_ordered_id()
            self.id = new if name is None else f"{new}-{name}"
            self.mission = mission = Mission(self.id, project, self.title or "", root=self, quiet=self.quiet)
            this.begin(mission)
            self._source = changes["source"] = origin.of_process(project, this.kernel_id)
        else:
            self.id = mission.next_id() if name is None else mission.id_of(name)
            changes["parent_id"] = self._place(mission)
            source = self._where(project, this)
            if source:
                changes["source"] = source
        title = self.title if self.title is not None else (name or self.id)
        changes |= changes_of({"title": title}, this.settings.bounds)
        changes["status"] = "running"
        changes.update(changes_of(self._fields, this.settings.bounds))
        self.title = str(changes["title"])
        self._untold = changes
        this.opened(self)
        self._update(changes)
        if not root:
            this.has_tasks(mission)
        elif not mission.quiet:
            this.run_hooks(this.root_started, self)

    def _place(self, mission: Mission) -> str:
        """Return the parent's id. Below the deepest level there is, tasks become siblings of the one they run in."""
        parent = self.parent
        while parent is not None and parent._depth >= MAX_DEPTH - 1 and parent.parent is not None:
            parent = parent.parent
        if parent is None or parent.id is None:
            self._depth = 3
            return mission.parent_id
        self._depth = parent._depth + 1
        return parent.id

    def _where(self, project: Project, this: Session) -> dict[str, Any]:
        """Return what differs from the parent's `source`: another cell, another process."""
        parent = self.parent
        if parent is None or parent._pid != self._pid:
            self._source = origin.of_process(project, this.kernel_id)
            return self._source
        here = origin.cell()
        differs = any(parent._source.get(key) != value for key, value in here.items())
        self._source = parent._source | here
        return here if differs else {}

    def _as_parent(self) -> Parent:
        assert self.project is not None
        assert self.mission is not None
        return Parent(self.project.project_id, session().identity(), self.mission.id, self.id or self.mission.id)

    def close(self, error: BaseException | None) -> None:
        """End it, with what its code raised."""
        if self._entered < 1:
            return
        self._entered -= 1
        if self._entered or self.project is None or not self.is_here:
            # The task of a parent process ends there, whatever its forked child does.
            return
        try:
            self._end(error)
        except KeyboardInterrupt:
            # It came while the end was told.
            self._end(error)
            raise

    def _end(self, error: BaseException | None) -> None:
        this = session()
        this.closed(self)
        with guarded():
            begun = self.status is not None or self._untold
            changes = ending(self.status, error) if begun else {}
            for track in (*self._tracks,):
                track.end_with(changes.get("status", "completed"))
            if changes:
                self._update(changes)
        if self.mission is not None and self.is_root:
            this.end(self.mission)
            this.run_hooks(this.root_ended, self)

    def give_up(self, reason: str) -> None:
        """Mark it cancelled though its code hasn't ended: the process does."""
        with guarded():
            for track in (*self._tracks,):
                track.end_with("cancelled")
            if self.status in UNFINISHED:
                self._update({"status": "cancelled", "reason": reason})

    # While it is open

    def update(
        self,
        progress: float | None = None,
        message: str | None = None,
        *,
        metrics: dict[str, Any] | None = None,
        params: dict[str, Any] | None = None,
        status: str | None = None,
        title: str | None = None,
        expected: int | None = None,
        agent: str | None = None,
        outputs: Any = None,
        **fields: Any,
    ) -> None:
        """Change some of its fields; those not given stay. A wrong one gives a `TaskTreeWarning` and changes nothing.

        Args:
            progress: from 0 to 1.
            message: one line on what happens now.
            metrics: numbers by name; merged into those it has.
            params: merged into those it has.
            status: a word of `TaskStatus`. When the block ends, another than `draft`, `ready`, `running` stays.
            title: another title.
            expected: number of leaves to come below it.
            agent: who works on it.
            outputs: a result; a bounded preview of it is kept.
            fields: any other field of a node.
        """
        if self._not_entered("update"):
            return
        fields.update(
            progress=progress,
            message=message,
            metrics=metrics,
            params=params,
            status=status,
            title=title,
            expected=expected,
            agent=agent,
            outputs=outputs,
        )
        with guarded():
            this = session()
            this.check_in()
            self._update(changes_of(fields, this.settings.bounds))

    def log(self, message: object, level: Level | int = "info") -> None:
        """Keep a line with it: `debug`, `info`, `warning`, `error` or `critical`, or `logging`'s number of one."""
        if self._not_entered("log"):
            return
        with guarded():
            session().check_in()
            text = message if isinstance(message, str) else str(message)
            self.emit("node_log", {"node_id": self.id, "level": _LEVELS.get(level, level), "message": text[:65_536]})

    def track(self, iterable: Iterable[T], title: str | None = None, total: int | None = None) -> Track[T]:
        """Iterate, and show how far it is as a child of this task, ten times a second at most.

        The tasks inside the loop stay children of this one. What is still open when this task ends is closed with it,
        with its status; after a `break` that is what it should be.

        Args:
            iterable: what to go through.
            title: the child's title.
            total: how many items there are, where `len(iterable)` doesn't say.
        """
        return Track(iterable, title, total, self)

    def to_frame(self) -> pd.DataFrame:
        """Return this task and all below it as a pandas DataFrame, a row for each, in the tree's order.

        With a server it holds what other processes added too, and waits for the server, at most 30 s.

        ```python
        frame = run.to_frame()
        frame.sort_values("metrics.auc").tail(3)[["title", "params.max_depth", "metrics.auc"]]
        ```

        Returns:
            columns `node_id`, `parent_id`, `title`, `status`, `progress` (0 to 1, and 1 once completed),
            `depth` (1 for this task), `started_at` and `ended_at` (UTC), `duration` (until it ended), `attempt`,
            `agent`, `error_type`, `error_message`, and one for each of `params.*` and `metrics.*`. Before it is
            entered: no rows.

        Raises:
            ImportError: pandas isn't installed.
        """
        from tasktree_jupyter.client.frame import frame_of
        from tasktree_jupyter.client.reading import present
        from tasktree_jupyter.core.tree import TaskTree

        tree = TaskTree() if self.project is None else present(session(), self.project)
        return frame_of(tree, [self.id] if self.id is not None else [])

    @property
    def is_here(self) -> bool:
        """Whether it was entered in this process, and not in the one that this was forked from."""
        return self._pid == os.getpid()

    def emit(self, type: str, data: dict[str, Any]) -> None:
        """Emit an event to this task's project.

        Raises:
            ProblemError: it isn't valid; nothing is emitted.
        """
        if self.project is not None:
            self.project.emit(type, data)

    def keep_track(self, track: Track[Any]) -> None:
        """Close this track at the latest when the task ends."""
        self._tracks[track] = None

    def forget_track(self, track: Track[Any]) -> None:
        """The track has ended by itself."""
        self._tracks.pop(track, None)

    def _update(self, changes: dict[str, Any]) -> None:
        if not changes:
            return
        self.emit("node_update", {"node_id": self.id, "changes": {**self._untold, **changes}})
        if "status" in changes:
            self.status = changes["status"]
        if "title" in changes:
            self.title = changes["title"]
        self._untold = {}

    def _not_entered(self, what: str) -> bool:
        if self.project is None:
            warn(f"{what}() does nothing: {self!r} was never entered. Use it as `with task(…) as t:`.")
        return self.project is None


@overload
def task(title: F, /) -> F: ...


@overload
def task(
    title: str | None = None,
    *,
    id: str | None = None,
    project: str | None = None,
    kind: str | None = None,
    agent: str | None = None,
    params: dict[str, Any] | None = None,
    expected: int | None = None,
    tags: Iterable[str] | None = None,
    dependencies: Iterable[str | Task] | None = None,
    inputs: Any = None,
    message: str | None = None,
    **fields: Any,
) -> Task: ...


def task(title: Any = None, *, id: str | None = None, project: str | None = None, **fields: Any) -> Any:
    """Make a block of code a task: `with task("fit") as t:`, `async with`, or `@task` on a function.

    A task inside another is its child. The outermost one is a mission: each time it is entered a new run begins. On a
    thread or in a process whose context is empty the parent is the one open mission; where there is none, or several,
    a group "Unattached" takes it. An exception marks the task failed and goes on its way; an interrupt or a
    cancellation marks it cancelled.

    Args:
        title: what people read; for a function, its name unless given.
        id: the task's name within its mission, of at most 200 characters: entering it again there is another attempt
            at the same node. A root is a new mission all the same; its id then ends in it.
        project: a project of its own; None: the surrounding task's, else the notebook's or script's.
        kind: what sort of task, a word of your own.
        agent: who works on it.
        params: what it is run with.
        expected: number of leaves to come below it, for an honest progress bar.
        tags: words to find it by.
        dependencies: ids, or tasks, that it waits for.
        inputs: what it works on; a bounded preview is kept.
        message: one line on what happens now.
        fields: any other field of a node.
    """
    if callable(title) and not isinstance(title, str):
        return Task(None, None, None, {})(title)
    # As the tree has it: a file's name that is no UTF-8 has surrogates, and the node is looked for by `task.id`.
    name = None if id is None else without_surrogates(str(id))
    return Task(None if title is None else str(title), name, project, fields)
