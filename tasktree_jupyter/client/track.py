"""`run.track(…)`: a loop's progress as a node, told by time and never per iteration."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from tasktree_jupyter.client.connection import TICK
from tasktree_jupyter.client.fields import error_of
from tasktree_jupyter.client.reporting import guarded, warn
from tasktree_jupyter.client.session import session

if TYPE_CHECKING:
    from tasktree_jupyter.client.task import Task

T = TypeVar("T")

_LONGEST_TOTAL: Final = 2**53


class Track(Generic[T]):
    """An iterator over something else. An iteration only counts; the connection's thread looks ten times a second.

    It is no generator: that couldn't tell a `break` from an exception, and would leave its own context behind.

    Attributes:
        id: its `node_id`.
        title: what people read.
        total: how many items there are, or None.
        count: how many items were handed out.
    """

    __slots__ = (
        "__weakref__",
        "_look_at",
        "_next",
        "_open",
        "_stop_ticking",
        "_task",
        "_told",
        "_untold",
        "count",
        "id",
        "title",
        "total",
    )

    def __init__(self, iterable: Iterable[T], title: str | None, total: int | None, task: Task) -> None:
        self.title = title or f"{task.title}: items"
        self.total = total if total is not None else _length(iterable)
        self.count = 0
        self.id: str | None = None
        self._next = iter(iterable).__next__
        self._task = task
        # How far it was told to be; None: not begun, or at its end.
        self._told: int | None = None
        self._untold: dict[str, Any] = {}
        self._open = False
        self._stop_ticking: Callable[[], None] = _nothing
        self._look_at: float | None = None
        self._begin()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        try:
            item = self._next()
        except StopIteration:
            self._end("completed", self.count)
            raise
        except BaseException as error:
            self._fail(error)
            raise
        self.count += 1
        if self._look_at is not None:
            self._look()
        return item

    def __len__(self) -> int:
        if self.total is None:
            raise TypeError("what is tracked has no length")
        return self.total

    def __repr__(self) -> str:
        return f"<Track {self.title!r} {self._shown(self.count)}>"

    def end_with(self, status: str) -> None:
        """The task around it ends: so does this, if it hasn't yet; with its status, and as far as it got."""
        # An item that was handed out is done when the task completed; otherwise it may be the one that failed.
        self._end(status, self.count if status == "completed" else self._done())

    def _begin(self) -> None:
        mission = self._task.mission
        if mission is None:
            warn(f"track() shows nothing: {self._task!r} was never entered.")
            return
        self.id = mission.next_id()
        session().has_tasks(mission)
        self._open = True
        changes: dict[str, Any] = {
            "parent_id": self._task.id,
            "title": self.title,
            "kind": "track",
            "status": "running",
        }
        if self.total is not None:
            changes |= {"progress": 0.0, "message": self._shown(0)}
        # An interrupt may come at any line.
        self._untold = changes
        self._task.keep_track(self)
        self._tell(changes)
        self._told = 0
        connection = session().connection
        if connection.threadless:
            self._look_at = time.monotonic() + TICK
        else:
            self._stop_ticking = connection.tick(self._progress)

    def _look(self) -> None:
        now = time.monotonic()
        if self._look_at is not None and now >= self._look_at:
            self._look_at = now + TICK
            self._progress()

    def _done(self) -> int:
        return max(0, self.count - 1)

    def _shown(self, done: int) -> str:
        return f"{done:,} of {self.total:,}" if self.total is not None else f"{done:,}"

    def _progress(self) -> None:
        done = self._done()
        if self._told is not None and done != self._told:
            self._told = done
            self._tell(self._position(done))

    def _position(self, done: int) -> dict[str, Any]:
        changes: dict[str, Any] = {"message": self._shown(done)}
        if self.total:
            changes["progress"] = min(1.0, done / self.total)
        return changes

    def _fail(self, error: BaseException) -> None:
        if isinstance(error, Exception):
            self._end("failed", self._done(), {"error": error_of(error)})
        else:
            self._end("cancelled", self._done(), {"reason": type(error).__name__})

    def _end(self, status: str, done: int, more: dict[str, Any] | None = None) -> None:
        if not self._open:
            return
        # An interrupt may come at any line: what isn't told yet is left open, and told when the task ends.
        self._told = None
        if self._task.is_here:
            self._tell({**self._position(done), "status": status, **(more or {})})
        self._open = False
        self._stop_ticking()
        self._look_at = None
        self._task.forget_track(self)

    def _tell(self, changes: dict[str, Any]) -> None:
        with guarded():
            self._task.emit("node_update", {"node_id": self.id, "changes": {**self._untold, **changes}})
            self._untold = {}


def _length(iterable: Iterable[Any]) -> int | None:
    try:
        length = len(iterable)  # type: ignore[arg-type]
    except Exception:
        return None
    return length if 0 <= length < _LONGEST_TOTAL else None


def _nothing() -> None:
    return None
