"""Cells as tasks, and what a cell leaves open: IPython says when one begins and when it has ended.

A cell that is a task is quiet: it shows no tree of its own until a task begins in it. A hundred small cells would
otherwise have a hundred trees below them that say nothing more than the cells do; the panel has them all.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from tasktree_jupyter.client.reporting import logger
from tasktree_jupyter.client.task import Task

if TYPE_CHECKING:
    from tasktree_jupyter.client.session import Session

TASK_MAGIC: Final = "%%task"
_LONGEST_TITLE: Final = 120

_known: Final[dict[Session, Cells]] = {}


def cells_of(session: Session, shell: Any) -> Cells:
    """Return what watches this shell's cells; it begins to when it is first asked for."""
    cells = _known.get(session)
    if cells is None:
        cells = _known[session] = Cells(session, shell)
    return cells


def title_of(code: str) -> str | None:
    """Return what to call a cell: its first line that says something; None for a cell that does nothing.

    A comment's words do. A cell of nothing but blanks, comments and line magics, which set things up, does nothing; nor
    is a `%%task` cell asked, which names its task itself.
    """
    lines = [line.strip() for line in code.strip().splitlines()]
    if not lines or lines[0].startswith(TASK_MAGIC):
        return None
    if lines[0].startswith("%%") and any(lines[1:]):
        # `%%time` says less about the cell than what is timed.
        lines = lines[1:]
    elif not lines[0].startswith("%%") and all(not line or line.startswith(("#", "%")) for line in lines):
        return None
    for line in lines:
        said = line.lstrip("#% ") if line.startswith("#") else line
        if said:
            return said if len(said) <= _LONGEST_TITLE else f"{said[:_LONGEST_TITLE]}…"
    return None


class _Cell:
    """A cell that runs."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.tasks: list[Task] = []


class Cells:
    """Watches the cells of one shell.

    Args:
        session: this process's.
        shell: IPython's.
    """

    def __init__(self, session: Session, shell: Any) -> None:
        self._session = session
        self._running: list[_Cell] = []
        shell.events.register("pre_run_cell", self._begins)
        shell.events.register("post_run_cell", self._has_run)

    def begin(self, task: Task) -> None:
        """Enter a task that lasts until the running cell has ended."""
        if not self._running:
            self._running.append(_Cell(self._session.environment.depth()))
        self._running[-1].tasks.append(task)
        task.__enter__()

    def _begins(self, info: Any = None) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        try:
            cell = _Cell(self._session.environment.depth())
            self._running.append(cell)
            wanted = self._session.settings.cells and getattr(info, "store_history", True)
            title = title_of(str(getattr(info, "raw_cell", "") or "")) if wanted else None
            if title is not None:
                self.begin(Task(title, None, None, {"kind": "cell"}, quiet=True))
        except Exception:
            logger.exception("A cell couldn't be made a task")

    def _has_run(self, result: Any = None) -> None:
        # A cell that loads this has no beginning here.
        if not self._running or threading.current_thread() is not threading.main_thread():
            return
        try:
            self._end(self._running.pop(), _error_of(result))
        except Exception:
            logger.exception("A cell's task couldn't be ended")

    def _end(self, cell: _Cell, error: BaseException | None) -> None:
        trace = error.__traceback__ if error is not None else None
        if isinstance(error, KeyboardInterrupt):
            # One that comes just as a block ends, or begins, leaves it open for ever.
            for task in self._session.environment.entered_since(cell.depth):
                if isinstance(task, Task) and task not in cell.tasks:
                    task.__exit__(type(error), error, trace)
        for task in reversed(cell.tasks):
            task.__exit__(None if error is None else type(error), error, trace)


def _error_of(result: Any) -> BaseException | None:
    """Return what a cell raised; a cell without a result was interrupted while it awaited something."""
    if result is None:
        return KeyboardInterrupt()
    for name in ("error_before_exec", "error_in_exec"):
        error = getattr(result, name, None)
        if isinstance(error, BaseException):
            return error
    return None
