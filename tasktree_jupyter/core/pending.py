"""What a batch that isn't committed yet would change, and which of its events the fold would give no effect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tasktree_jupyter.core.node import MAX_DEPTH
from tasktree_jupyter.core.problem import Problem
from tasktree_jupyter.core.tree import TaskTree


class Pending:
    """Where nodes stand after the events checked so far, laid over a tree that doesn't change meanwhile.

    It knows placing only: parents, removals and snapshot ids. The limit on the number of nodes refuses nothing, so
    it is left out.
    """

    def __init__(self) -> None:
        # Of nodes that this batch makes, moves or brings back.
        self._parents: dict[str, str | None] = {}
        self._children: dict[str, set[str]] = {}
        self._removed: set[str] = set()
        self._snapshots: set[str] = set()
        self._removed_snapshots: set[str] = set()

    def check(self, tree: TaskTree, type: str, data: dict[str, Any]) -> Problem | None:
        """Return why the fold would give this valid event no effect, or None; then its change is taken in.

        The reason is cycle, depth, parent_removed, duplicate or unknown_snapshot (docs/fold.md).
        """
        if type == "node_update":
            return self._check_update(tree, data)
        if type == "mission_snapshot":
            return self._check_snapshot(tree, data["snapshot_id"])
        if type == "snapshot_update":
            return self._check_snapshot_update(tree, data)
        if type == "task_status_changed":
            node_id = data["task_id"]
        elif type == "state_transition":
            node_id = (data.get("context") or {}).get("node_id")
        elif type == "node_log":
            node_id = data["node_id"]
        else:
            return None
        if node_id is not None and not self._exists(tree, node_id) and not self._is_removed(tree, node_id):
            self._place(node_id, None)
        return None

    def _check_snapshot(self, tree: TaskTree, snapshot_id: str) -> Problem | None:
        if snapshot_id in self._snapshots or tree.snapshot_id_used(snapshot_id):
            return _problem("data.snapshot_id", "duplicate", f"there is, or was, a snapshot {snapshot_id!r} already")
        self._snapshots.add(snapshot_id)
        return None

    def _check_snapshot_update(self, tree: TaskTree, data: dict[str, Any]) -> Problem | None:
        snapshot_id: str = data["snapshot_id"]
        known = snapshot_id in self._snapshots or tree.snapshot_exists(snapshot_id)
        if not known or snapshot_id in self._removed_snapshots:
            return _problem("data.snapshot_id", "unknown_snapshot", f"there is no snapshot {snapshot_id!r}")
        if data["changes"] is None:
            self._removed_snapshots.add(snapshot_id)
        return None

    def _check_update(self, tree: TaskTree, data: dict[str, Any]) -> Problem | None:
        node_id: str = data["node_id"]
        changes: dict[str, Any] | None = data["changes"]
        exists = self._exists(tree, node_id)
        if changes is None:
            self._remove(tree, node_id)
            return None
        parent_id: str | None = changes.get("parent_id")
        removed = not exists and self._is_removed(tree, node_id)
        if removed and parent_id is None and changes.get("title") is None:
            return None
        if exists and ("parent_id" not in changes or parent_id == self._parent(tree, node_id)):
            return None
        if parent_id is not None:
            field = "data.changes.parent_id"
            if parent_id == node_id or (exists and node_id in self._up_from(tree, parent_id)):
                return _problem(field, "cycle", f"{parent_id!r} is {node_id!r} itself or stands below it")
            parent_exists = self._exists(tree, parent_id)
            if not parent_exists and self._is_removed(tree, parent_id):
                if exists:
                    return _problem(field, "parent_removed", f"the node {parent_id!r} was removed")
                self._removed.add(node_id)
                return None
            height = self._height(tree, node_id) if exists else 1
            if sum(1 for _ in self._up_from(tree, parent_id)) + height > MAX_DEPTH:
                return _problem(field, "depth", f"under {parent_id!r} the tree would be deeper than {MAX_DEPTH} levels")
            if not parent_exists:
                self._place(parent_id, None)
        self._place(node_id, parent_id)
        return None

    def _exists(self, tree: TaskTree, node_id: str) -> bool:
        return node_id in self._parents or (node_id in tree and node_id not in self._removed)

    def _is_removed(self, tree: TaskTree, node_id: str) -> bool:
        """Return whether a node that doesn't exist was removed."""
        return node_id in self._removed or tree.is_removed(node_id)

    def _parent(self, tree: TaskTree, node_id: str) -> str | None:
        return self._parents[node_id] if node_id in self._parents else tree.parent(node_id)

    def _up_from(self, tree: TaskTree, node_id: str | None) -> Iterator[str]:
        while node_id is not None:
            yield node_id
            node_id = self._parent(tree, node_id) if self._exists(tree, node_id) else None

    def _below(self, tree: TaskTree, node_id: str) -> Iterator[str]:
        yield from self._children.get(node_id, ())
        if node_id in tree:
            for child in tree.children(node_id):
                if child not in self._parents and child not in self._removed:
                    yield child

    def _height(self, tree: TaskTree, node_id: str) -> int:
        return 1 + max((self._height(tree, child) for child in self._below(tree, node_id)), default=0)

    def _place(self, node_id: str, parent_id: str | None) -> None:
        former = self._parents.get(node_id)
        if former is not None:
            self._children[former].discard(node_id)
        self._parents[node_id] = parent_id
        if parent_id is not None:
            self._children.setdefault(parent_id, set()).add(node_id)

    def _remove(self, tree: TaskTree, node_id: str) -> None:
        gone = [node_id]
        for each in gone:
            gone.extend(self._below(tree, each))
        former = self._parents.get(node_id)
        if former is not None:
            self._children[former].discard(node_id)
        for each in gone:
            self._parents.pop(each, None)
            self._children.pop(each, None)
            self._removed.add(each)


def _problem(field: str, reason: str, message: str) -> Problem:
    return Problem(code=reason, field=field, message=message, reason=reason)
