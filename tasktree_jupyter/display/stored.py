"""Reads a bundle as a tree: what the static HTML and the plain text are drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tasktree_jupyter.core.times import parse_time

_NOTHING: Final[dict[str, Any]] = {"leaves": 0, "total": 0, "done": 0, "progress": 0, "failures": 0, "counts": {}}


class StoredTree:
    """The nodes of a bundle by id. A node whose parent isn't in the bundle stands at the top."""

    def __init__(self, bundle: Mapping[str, Any]) -> None:
        self._nodes: dict[str, dict[str, Any]] = {node["node_id"]: node for node in bundle["nodes"]}
        self._omitted: dict[str, dict[str, Any]] = bundle["omitted"]
        self._children: dict[str, list[str]] = {}
        roots: list[str] = []
        for node_id, node in self._nodes.items():
            parent_id = node.get("parent_id")
            siblings = self._children.setdefault(parent_id, []) if parent_id in self._nodes else roots
            siblings.append(node_id)
        self.roots: Sequence[str] = tuple(roots)
        self.at: int = bundle["at"]

    def __len__(self) -> int:
        return len(self._nodes)

    def node(self, node_id: str) -> dict[str, Any]:
        """Return a node. Raises KeyError where it isn't in the bundle."""
        return self._nodes[node_id]

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._nodes

    def status_of(self, node_id: str) -> str:
        """Return a node's status. Raises KeyError where it isn't in the bundle."""
        return str(self._nodes[node_id]["status"])

    def children(self, node_id: str) -> Sequence[str]:
        """Return the ids of the children that are in the bundle, in order."""
        return self._children.get(node_id, ())

    def rollup(self, node_id: str) -> dict[str, Any]:
        """Return a node's roll-up as it was in the whole tree."""
        rollup: dict[str, Any] = self._nodes[node_id].get("rollup", _NOTHING)
        return rollup

    def omitted(self, parent_id: str | None) -> dict[str, Any] | None:
        """Return `{"count", "counts"}` of the children left out below a node (None: of the roots), None for none."""
        return self._omitted.get(parent_id or "")

    def is_group(self, node_id: str) -> bool:
        """Return whether a node has children, here or left out, or expects some."""
        return bool(self.children(node_id) or self.omitted(node_id)) or self.rollup(node_id)["total"] > 1

    def elapsed(self, node_id: str) -> int | None:
        """Return how long a node took, or has taken by now, microseconds; None where it hasn't started."""
        node = self._nodes[node_id]
        started = parse_time(node.get("started_at"))
        if started is None:
            return None
        ended = parse_time(node.get("ended_at"))
        return max(0, (self.at if ended is None else ended) - started)
