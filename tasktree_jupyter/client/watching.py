"""A project's tree as it goes on, kept by folding its events: for those who wait for what becomes of a node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tasktree_jupyter.client.reading import read
from tasktree_jupyter.client.reporting import logger
from tasktree_jupyter.core.tree import TaskTree

if TYPE_CHECKING:
    from tasktree_jupyter.client.project import Project
    from tasktree_jupyter.client.session import Session

_TIMEOUT: Final = 15.0


class WatchedTree:
    """Give it each event of a subscription, in order; `tree` is the project's, up to the last one.

    The state that the events go on from is read when the first comes, at the moment before it, and again after a gap.

    Attributes:
        tree: the tree so far; empty before the first event.
    """

    def __init__(self, this: Session, project: Project) -> None:
        self.tree = TaskTree()
        self._this = this
        self._project = project
        self._last: int | None = None
        if not this.connection.expects_server:
            self.tree = read(this, project).tree
            self._last = self.tree.offset

    def prepare(self, event: dict[str, Any]) -> TaskTree | None:
        """Bring the tree to the moment before an event; return what it was where there was a gap, else None.

        May wait for the server.
        """
        offset = event.get("offset")
        if not isinstance(offset, int):
            return None
        before, known, self._last = self.tree, self._last, offset
        if known == offset - 1:
            return None
        self.tree = self._read(offset - 1)
        # What was looked at before the first event may be later than that.
        return None if known is None or offset <= known else before

    def take(self, event: dict[str, Any]) -> None:
        """Fold an event, after `prepare`."""
        if event.get("offset") == self.tree.offset + 1:
            self.tree.apply(event)

    def look(self) -> None:
        """Have the tree as it is now where no event has come yet. May wait for the server."""
        if self._last is None:
            try:
                self.tree = read(self._this, self._project, None, _TIMEOUT).tree
                self._last = self.tree.offset
            except (ValueError, TimeoutError, RuntimeError, PermissionError) as error:
                logger.warning("The state couldn't be read: %s", error)

    def _read(self, offset: int) -> TaskTree:
        if offset <= 0:
            return TaskTree()
        for when in (offset, None):
            try:
                return read(self._this, self._project, when, _TIMEOUT).tree
            except (ValueError, TimeoutError, RuntimeError, PermissionError) as error:
                logger.warning("The state at %s couldn't be read: %s", "now" if when is None else when, error)
        tree = TaskTree()
        tree.offset = offset
        return tree


def node_of(event: dict[str, Any]) -> str | None:
    """Return the id of the node whose status an event may change, None where it changes none."""
    data = event.get("data")
    if not isinstance(data, dict):
        return None
    kind = event.get("type")
    if kind == "node_update":
        changes = data.get("changes")
        named = data.get("node_id") if changes is None or "status" in changes else None
    elif kind == "task_status_changed":
        named = data.get("task_id")
    elif kind == "state_transition":
        named = (data.get("context") or {}).get("node_id")
    else:
        named = None
    return named if isinstance(named, str) else None
