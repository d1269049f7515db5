"""The local tree of this process as frames of the protocol, for a view reached over the kernel's comms alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from tasktree_jupyter.core.protocol import Frame
from tasktree_jupyter.core.tree import TaskTree

if TYPE_CHECKING:
    from tasktree_jupyter.client.project import Project

PROJECT_ID: Final = "local"
"""What the frames call the project; the tree has no other name outside this process."""
EPOCH: Final = "local"
_PART: Final = 2_000
"""Nodes in one part of a snapshot."""


class Feed:
    """Sends a project's tree: the whole whenever it is asked for, from then on events, at most ten times a second.

    Args:
        project: whose tree.
        send: takes a frame; called on the thread that asked, later on the connection's, never by two at once.
    """

    def __init__(self, project: Project, send: Callable[[Frame], None]) -> None:
        self._project = project
        self._send = send
        self._stop: Callable[[], None] | None = None
        self._lock = threading.Lock()

    @property
    def started(self) -> bool:
        """Whether anybody asked yet."""
        return self._stop is not None

    def start(self) -> None:
        """Send the whole tree, and then what happens. May be called again: a view that was drawn anew knows nothing."""
        with self._lock, self._project.read() as tree:
            for frame in snapshot(tree):
                self._send(frame)
            if self._stop is None:
                self._stop = self._project.listen(self._events)

    def stop(self) -> None:
        """Send nothing more."""
        with self._lock:
            if self._stop is not None:
                self._stop()

    def _events(self, events: list[dict[str, Any]]) -> None:
        self._send({"op": "events", "project_id": PROJECT_ID, "epoch": EPOCH, "events": events})


def snapshot(tree: TaskTree) -> Iterator[Frame]:
    """Yield the frames that give a whole tree: a snapshot in parts, then `live`."""
    place = {"project_id": PROJECT_ID, "epoch": EPOCH, "offset": tree.offset, "at": tree.at}
    parts = max(1, -(-len(tree) // _PART))
    nodes = tree.nodes()
    for part in range(parts):
        frame: Frame = {"op": "snapshot", **place, "part": part, "parts": parts, "nodes": list(islice(nodes, _PART))}
        if part == 0:
            frame["state"] = tree.state()
        yield frame
    yield {"op": "live", "project_id": PROJECT_ID, "offset": tree.offset}
