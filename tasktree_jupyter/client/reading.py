"""Reads a project's state at a moment, and what differs between two: from the server, else from what is kept here."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tasktree_jupyter.client.moments import When, moment_of, said
from tasktree_jupyter.client.reporting import logger
from tasktree_jupyter.core.diff import diff
from tasktree_jupyter.core.tree import TaskTree

if TYPE_CHECKING:
    from tasktree_jupyter.client.project import Project
    from tasktree_jupyter.client.session import Session

Moment = dict[str, Any] | None

TIMEOUT: Final = 30.0
"""Seconds that reading waits for the server at most."""
_SHOWN: Final = 10


class _TooLargeError(RuntimeError):
    """The answer doesn't fit into one frame."""


class Reading(NamedTuple):
    """A project at a moment.

    Attributes:
        tree: its state there.
        project_id: None where only this process has it.
        epoch: of the log, None without a server.
    """

    tree: TaskTree
    project_id: str | None
    epoch: str | None


def read(this: Session, project: Project, when: When = None, timeout: float = TIMEOUT) -> Reading:
    """Return a project's state at a moment; what this process emitted before is part of the present.

    Args:
        this: the process's session.
        project: whose state.
        when: the moment; see `moments.When`.
        timeout: seconds to wait for the server at most.

    Raises:
        ValueError: there is no such moment; the message names what there is.
        TimeoutError: the server didn't answer in time.
        PermissionError: this process may not read the project.
        RuntimeError: the server can't answer that.
    """
    moment = moment_of(when)
    if not this.connection.expects_server:
        return Reading(_kept(project, moment, when), None, None)
    frames = _asked(this, project, {"op": "state", "moment": moment}, (when,), timeout)
    first = frames[0]
    if moment is not None and "at" in moment and not first["offset"]:
        raise ValueError(f"There is nothing at {said(when)}: the log of {first['project_id']!r} begins later")
    tree = TaskTree.load(first["state"], (node for frame in frames for node in frame["nodes"]))
    return Reading(tree, first["project_id"], first["epoch"])


def read_diff(this: Session, project: Project, before: When, after: When, timeout: float = TIMEOUT) -> dict[str, Any]:
    """Return what differs between two moments, in the form of `core.diff`; arguments and errors are those of `read`."""
    moments = moment_of(before), moment_of(after)
    if not this.connection.expects_server:
        return diff(_kept(project, moments[0], before), _kept(project, moments[1], after))
    question = {"op": "diff", "from": moments[0], "to": moments[1]}
    try:
        answer: dict[str, Any] = _asked(this, project, question, (before, after), timeout)[0]["diff"]
    except _TooLargeError:
        # The states come in parts; a diff doesn't.
        return diff(read(this, project, before, timeout).tree, read(this, project, after, timeout).tree)
    return answer


def _asked(
    this: Session, project: Project, question: dict[str, Any], said_as: tuple[When, ...], timeout: float
) -> list[dict[str, Any]]:
    deadline = time.monotonic() + timeout
    # What was emitted before, a snapshot for one, is asked for too.
    this.connection.flush(timeout / 2)
    if not project.wait_known(max(0.0, deadline - time.monotonic())):
        raise TimeoutError(_silence(this, timeout))
    question = {**question, "project_id": project.project_id}
    frames = this.connection.ask(question, max(0.1, deadline - time.monotonic()))
    if frames is None:
        raise TimeoutError(_silence(this, timeout))
    if frames[-1]["op"] == "error":
        raise _refusal(this, project, frames[-1], said_as)
    return frames


def _silence(this: Session, timeout: float) -> str:
    reason = this.connection.reason
    return f"TaskTree's server didn't answer in {timeout:g} s{f': {reason}' if reason else ''}"


def _refusal(this: Session, project: Project, frame: dict[str, Any], said_as: tuple[When, ...]) -> Exception:
    code, message = frame.get("code"), str(frame.get("message") or frame.get("code"))
    if code in ("not_found", "invalid", "trimmed"):
        names = [when for when in said_as if when is not None]
        snapshots = any("snapshot" in (moment_of(when) or {}) for when in names)
        there = _snapshots(this, project) if snapshots and code == "not_found" else None
        return ValueError(message if there is None else f"{message.rstrip('.')}. {_what_there_is(there)}")
    if code == "forbidden":
        return PermissionError(message)
    if code == "too_large":
        return _TooLargeError(message)
    if code == "unknown_op":
        return RuntimeError(f"The server is older than this client and can't answer that: {message}")
    return RuntimeError(message)


def _snapshots(this: Session, project: Project) -> list[str] | None:
    frames = this.connection.ask({"op": "state", "project_id": project.project_id, "moment": None}, TIMEOUT)
    if frames is None or frames[0]["op"] == "error":
        return None
    entries = frames[0]["state"]["snapshots"]
    return [entry.get("name") or snapshot_id for snapshot_id, entry in entries.items()]


def _kept(project: Project, moment: Moment, when: When) -> TaskTree:
    with project.read() as tree:
        if moment is None or moment.get("offset") == tree.offset:
            return TaskTree.load(tree.state(), tree.nodes())
    wanted = moment.get("snapshot", moment.get("offset"))
    found = None if wanted is None else project.kept.find(wanted)
    if found is None:
        what = f"no snapshot {said(when)!r}" if "snapshot" in moment else f"nothing to be had at {said(when)}"
        there = _what_there_is(project.kept.names())
        raise ValueError(
            f"There is {what}: without a server only this process's snapshots and the present are kept. {there}"
        )
    return found


def _what_there_is(names: list[str]) -> str:
    if not names:
        return "There are no snapshots; tasktree_jupyter.snapshot(name) makes one"
    shown = ", ".join(repr(name) for name in names[-_SHOWN:])
    more = len(names) - _SHOWN
    return f"Snapshots there are: {shown}" + (f" and {more} older ones" if more > 0 else "")


def present(this: Session, project: Project, timeout: float = TIMEOUT) -> TaskTree:
    """Return a project's tree as it is now: the server's, which has what other processes did too, else this process's.

    Args:
        this: the process's session.
        project: whose tree.
        timeout: seconds to wait for the server at most; nothing is waited for where it isn't connected.
    """
    if this.connection.state == "connected":
        try:
            return read(this, project, None, timeout).tree
        except (TimeoutError, ValueError, RuntimeError, PermissionError) as error:
            logger.warning("The server's tree couldn't be read: %s", error)
    return _kept(project, None, None)
