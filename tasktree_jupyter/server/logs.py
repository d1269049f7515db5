"""What the server says in its log: each line is an event with a name and fields, so that programs can read it too.

A record's message is for people and stays as it is; `record.tasktree` holds the event and its fields. None of them is
ever the content of a task, a token or a secret. Where somebody could flood the log, lines are left out and counted.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from tasktree_jupyter.server.tally import TALLY

LINES: Final = 10
SECONDS: Final = 60.0
"""No more than so many lines in so much time of an event that somebody could flood the log with."""


class LogEvent(NamedTuple):
    """One sort of line.

    Attributes:
        level: of `logging`.
        about: when it is written.
        fields: the names of its fields.
        sparing: whether lines are left out where there are too many; the next one then has `left_out`, their number.
    """

    level: int
    about: str
    fields: tuple[str, ...] = ()
    sparing: bool = False


EVENTS: Final = {
    "storage.opened": LogEvent(
        logging.INFO, "at start: where logs are kept, and in which mode", ("data_dir", "engine", "mode")
    ),
    "limits.raised": LogEvent(
        logging.WARNING, "at start: a bound is too small beside another, and a larger one is used", ("trait", "value")
    ),
    "storage.degraded": LogEvent(
        logging.WARNING, "at start: the logs can't be used and are in memory", ("data_dir", "error")
    ),
    "storage.troubled": LogEvent(
        logging.ERROR, "logs can't be written just now: disk full, read-only, failing; told once", ("condition",)
    ),
    "storage.well": LogEvent(logging.WARNING, "logs can be written again"),
    "project.troubled": LogEvent(
        logging.WARNING, "a project's file is locked by another process", ("project_id", "condition")
    ),
    "project.well": LogEvent(logging.INFO, "a project's file is well again", ("project_id",)),
    "project.trimmed": LogEvent(logging.INFO, "old events were let go of, as retention says", ("project_id", "offset")),
    "project.run_removed": LogEvent(
        logging.INFO, "an old run was removed from the tree, as retention says", ("project_id", "mission_id")
    ),
    "storage.failed": LogEvent(
        logging.WARNING,
        "something of a project couldn't be read or kept; it is tried again",
        ("operation", "project_id", "error"),
        sparing=True,
    ),
    "kernels.unreachable": LogEvent(
        logging.WARNING, "the connection file can't be written: kernels won't find this server", ("path", "error")
    ),
    "kernels.file_removed": LogEvent(logging.DEBUG, "a dead server's connection file was removed", ("path",)),
    "project.minted": LogEvent(logging.INFO, "a notebook or script got its project", ("project_id",)),
    "project.path_refused": LogEvent(logging.DEBUG, "a path isn't one below Jupyter's root folder", ()),
    "project.not_followed": LogEvent(
        logging.WARNING, "a renamed or copied notebook couldn't be followed", ("action", "error")
    ),
    "project.failed": LogEvent(logging.ERROR, "a project's room failed; the traceback says where", ("project_id",)),
    "presence.failed": LogEvent(
        logging.ERROR, "who is there couldn't be seen or told; the traceback says where", ("operation",), sparing=True
    ),
    "presence.unknown": LogEvent(
        logging.WARNING,
        "what is kept of a source makes no sense, and is passed over",
        ("project_id", "source"),
        sparing=True,
    ),
    "presence.full": LogEvent(
        logging.WARNING,
        "a project has as many sources as are remembered: whether others are there isn't known; told once",
        ("project_id", "sources"),
        sparing=True,
    ),
    "neighbours.unreachable": LogEvent(
        logging.DEBUG, "what other servers of the same folder know couldn't be read", ("error",)
    ),
    "kernel.unwatched": LogEvent(logging.DEBUG, "a kernel manager of another kind can't be watched", ("error",)),
    "source.ended": LogEvent(
        logging.INFO,
        "a kernel or process died, and what it left open was ended",
        ("project_id", "source", "kernel_id", "tasks", "status", "reason"),
    ),
    "publish.failed": LogEvent(logging.ERROR, "a publish failed; the traceback says where", ("project_id",)),
    "transfer.broke_off": LogEvent(
        logging.WARNING, "an export or import ended before it was whole", ("operation", "project_id", "error")
    ),
    "connections.many": LogEvent(
        logging.WARNING,
        "more connections than `warn_connections`, and again at each doubling: does a client forget to close them?",
        ("connections", "threshold"),
    ),
    "connections.full": LogEvent(
        logging.WARNING, "a connection too many was refused; told once until somebody has gone", ("reason",)
    ),
    "connection.opened": LogEvent(logging.DEBUG, "a client has connected", ("connection", "kind", "projects")),
    "connection.closed": LogEvent(
        logging.DEBUG, "a client has gone", ("connection", "kind", "reason", "code", "seconds")
    ),
    "connection.cut": LogEvent(
        logging.INFO,
        "the server closed a connection: too slow, silent, or against the rules",
        ("connection", "kind", "reason", "code", "seconds"),
        sparing=True,
    ),
    "connection.refused": LogEvent(
        logging.WARNING, "somebody without a valid login wanted to connect", (), sparing=True
    ),
    "frame.refused": LogEvent(
        logging.INFO,
        "a client sent what can't be understood, or isn't allowed",
        ("connection", "kind", "code"),
        sparing=True,
    ),
    "frame.failed": LogEvent(
        logging.ERROR, "a frame couldn't be handled; the traceback says where", ("connection", "kind")
    ),
    "authorizer.failed": LogEvent(
        logging.ERROR, "the authorizer raised something, so nothing was allowed; the traceback says where", sparing=True
    ),
    "stop.slow": LogEvent(logging.WARNING, "stopping took longer than it may; nothing acknowledged is lost", ()),
    "stop.failed": LogEvent(logging.ERROR, "stopping failed; the traceback says where", ()),
}


class Sparing:
    """Says which lines of a flood may be written.

    Args:
        clock: seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._written: dict[str, deque[float]] = {}
        self._left_out: dict[str, int] = {}

    def may(self, event: str) -> int | None:
        """Return how many were left out before this one, or None where this one is to be left out too."""
        now, written = self._clock(), self._written.setdefault(event, deque())
        while written and written[0] <= now - SECONDS:
            written.popleft()
        if len(written) >= LINES:
            self._left_out[event] = self._left_out.get(event, 0) + 1
            return None
        written.append(now)
        return self._left_out.pop(event, 0)


_SPARING: Final = Sparing()


def tell(
    logger: logging.Logger | logging.LoggerAdapter[Any],
    event: str,
    message: str,
    *args: Any,
    error: BaseException | None = None,
    depth: int = 1,
    **fields: Any,
) -> None:
    """Write a line.

    Args:
        logger: where to.
        event: one of `EVENTS`, which gives the level.
        message: for people, with `%` marks for `args`.
        args: for the message.
        error: what has happened, with its traceback where the level is ERROR.
        depth: how far up the caller is whose place in the code the line gets.
        fields: for programs: strings, numbers and None.
    """
    kind = EVENTS[event]
    if not logger.isEnabledFor(kind.level):
        return
    if kind.sparing:
        left_out = _SPARING.may(event)
        if left_out is None:
            return
        if left_out:
            fields["left_out"] = left_out
            message += f" ({left_out} more such lines were left out)"
    if error is not None and kind.level < logging.ERROR:
        fields["error"] = str(error)
    traceback = error if kind.level >= logging.ERROR else None
    extra = {"tasktree": {"event": event, **fields}}
    logger.log(kind.level, message, *args, exc_info=traceback, extra=extra, stacklevel=depth + 1)


def storage_failed(
    logger: logging.Logger | logging.LoggerAdapter[Any],
    operation: str,
    project_id: str | None,
    message: str,
    error: Exception,
) -> None:
    """Count a failure of the storage, and write a line about it.

    Args:
        logger: where to.
        operation: what was being done, one of `tally.OPERATIONS`.
        project_id: the project's; None: it is about all of them.
        message: for people, with a mark for the project, where there is one, and one for the error.
        error: what the storage says.
    """
    TALLY.storage_errors.add(operation)
    about = (error,) if project_id is None else (project_id, error)
    tell(logger, "storage.failed", message, *about, error=error, depth=2, operation=operation, project_id=project_id)
