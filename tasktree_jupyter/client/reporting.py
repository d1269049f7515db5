"""How the client tells the user what went wrong without ever raising: a warning at the user's own line, or the log.

Python's `warnings` need a line to point at. A problem found at a call points at the caller. One that shows itself
later, on the connection thread, is kept as a complaint and told at the next call, or when the cell has run.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import warnings
from collections import deque
from types import FrameType
from typing import Final

from tasktree_jupyter.core.shape import ProblemError

logger: Final = logging.getLogger("tasktree_jupyter")
# What is logged here the user is told in a better place; a program that wants it in its log has a handler of its own.
logger.addHandler(logging.NullHandler())

_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_MOST_COMPLAINTS: Final = 50


class TaskTreeWarning(UserWarning):
    """Something that was asked of TaskTree couldn't be done; the program goes on as if it hadn't been asked."""


def warn(message: str) -> None:
    """Warn at the innermost line that isn't this package's; without one (a thread of ours), log it.

    Never raises, not even where a filter turns warnings into errors: watching must not hurt what is watched.
    """
    frame = _caller()
    if frame is None:
        logger.warning(message)
        return
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    try:
        warnings.warn_explicit(
            message,
            TaskTreeWarning,
            filename=frame.f_code.co_filename,
            lineno=frame.f_lineno,
            module=frame.f_globals.get("__name__", "<unknown>"),
            registry=registry,
        )
    except TaskTreeWarning:
        logger.warning(message)


class guarded:
    """`with guarded():` nothing raised inside gets out: a refused event is warned about, anything else logged too."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if error is None or not isinstance(error, Exception):
            return False
        if isinstance(error, ProblemError):
            warn(error.problem.message)
        else:
            logger.error("TaskTree couldn't tell what was asked", exc_info=error)
            warn(f"TaskTree couldn't tell that: {type(error).__name__}: {error}")
        return True


def tell_at_exit(message: str) -> None:
    """Warn when no line of the user's runs any more: on standard error."""
    try:
        warnings.warn_explicit(message, TaskTreeWarning, filename="tasktree_jupyter", lineno=0)
    except TaskTreeWarning:
        logger.warning(message)


def _caller() -> FrameType | None:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    if frame is None or frame.f_code.co_filename == threading.__file__:
        return None
    return frame


class Complaints:
    """What went wrong out of the user's sight, until it can be told: at most 50 texts, the oldest leave."""

    def __init__(self) -> None:
        self._texts: deque[str] = deque(maxlen=_MOST_COMPLAINTS)

    def __bool__(self) -> bool:
        return bool(self._texts)

    def add(self, text: str) -> None:
        """Keep a text and log it; may be called on any thread."""
        logger.warning(text)
        self._texts.append(text)

    def take(self) -> list[str]:
        """Return what is kept, oldest first, and forget it."""
        taken: list[str] = []
        while self._texts:
            taken.append(self._texts.popleft())
        return taken

    def tell(self) -> None:
        """Warn of everything that is kept, at the caller's line."""
        for text in self.take():
            warn(text)
