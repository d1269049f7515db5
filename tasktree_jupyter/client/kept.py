"""The states that snapshots named, where no server keeps them: a bounded number, in this process."""

from __future__ import annotations

from typing import Any, Final

from tasktree_jupyter.core.node import decode
from tasktree_jupyter.core.tree import TaskTree

MAX_KEPT: Final = 20


class KeptStates:
    """The newest snapshots of a local tree, oldest first. Nodes are kept encoded: a copy costs little."""

    def __init__(self) -> None:
        self._states: dict[str, tuple[str, dict[str, Any], list[bytes]]] = {}

    def keep(self, snapshot_id: str, name: str, tree: TaskTree) -> None:
        """Keep the tree as it is now; the oldest leaves where there are 20."""
        if len(self._states) >= MAX_KEPT:
            del self._states[next(iter(self._states))]
        self._states[snapshot_id] = (name, tree.state(), [tree.node_bytes(node_id) for node_id in tree.walk()])

    def names(self) -> list[str]:
        """Return the snapshots' names, oldest first."""
        return [name for name, _, _ in self._states.values()]

    def find(self, wanted: str | int) -> TaskTree | None:
        """Return the tree at an offset, or at the snapshot of this id, else the newest of this name; None: not kept."""
        found = self._states.get(wanted) if isinstance(wanted, str) else None
        for kept in self._states.values() if found is None else ():
            if wanted in (kept[0], kept[1]["offset"]):
                found = kept
        return None if found is None else TaskTree.load(found[1], map(decode, found[2]))
