"""`application/vnd.tasktree.v1+json`: a compact static tree that an output keeps, so that it is never blank.

It is stored in notebooks, so its form is a contract (docs/bundle.md); it stays readable for later versions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from tasktree_jupyter.core.status import ENDED
from tasktree_jupyter.display.choose import Tree, chosen
from tasktree_jupyter.display.trim import BRIEF, WHOLE, encode, trim

MIME_TYPE: Final = "application/vnd.tasktree.v1+json"
MAX_BYTES: Final = 200_000
"""A bundle's size as compact JSON in UTF-8."""

_DETAILED: Final = 10
_HEAD: Final = 6_000
"""Bytes kept for what isn't a node; the title is cut to 200 characters, ids have at most 500."""


class FoldedTree(Tree, Protocol):
    """What a bundle is made from: `core.tree.TaskTree`, or what looks the same."""

    @property
    def roots(self) -> Sequence[str]:
        """The ids of the roots, in order."""
        ...

    def __contains__(self, node_id: object) -> bool: ...

    def node(self, node_id: str) -> dict[str, Any]:
        """Return a node in its wire form."""
        ...

    def rollup(self, node_id: str) -> dict[str, Any]:
        """Return a node's roll-up in its wire form."""
        ...


def bundle(
    tree: FoldedTree,
    mission_id: str | None,
    *,
    project_id: str | None,
    title: str,
    offset: int,
    at: int,
    epoch: str | None = None,
    follow: bool = False,
    max_bytes: int = MAX_BYTES,
) -> dict[str, Any]:
    """Return a mission, or with None all of the project, as a bundle.

    The first phases come first, then failed nodes, then running ones, each with all above them, then the tree from the
    top, until `max_bytes` are used. What is left out is counted per parent (`omitted`): the counts of a node's children
    that are there and of those that aren't add up to its own. An unknown mission gives a bundle without nodes.

    Args:
        tree: the project's tree.
        mission_id: the root to show, or None.
        project_id: None for a tree that only this process has: there is no live connection to be had then.
        title: the project's.
        offset: the position in the server's log that the tree has taken in; 0 without one.
        at: the time up to which what runs is timed, microseconds since 1970.
        epoch: the log's, None where it isn't known.
        follow: whether a view shows the newest mission as new ones come.
        max_bytes: bound of the bundle's size as compact JSON.
    """
    roots = tuple(tree.roots) if mission_id is None else (mission_id,) if mission_id in tree else ()
    cut = _Cut(tree, max_bytes - _HEAD)
    taken = chosen(tree, roots, cut.take)
    omitted: dict[str, dict[str, Any]] = {}
    nodes: list[dict[str, Any]] = []
    left_out = [root for root in roots if root not in taken]
    if left_out and mission_id is None:
        omitted[""] = {"count": len(left_out), "counts": _total(tree.rollup(root) for root in left_out)}
    stack = [root for root in reversed(roots) if root in taken]
    while stack:
        node_id = stack.pop()
        node = cut.nodes[node_id]
        nodes.append(node)
        children = tree.children(node_id)
        shown = [child for child in children if child in taken]
        if len(shown) < len(children):
            parts = [cut.nodes[child]["rollup"]["counts"] for child in shown]
            omitted[node_id] = _left_out(node["rollup"]["counts"], parts, len(children) - len(shown))
        stack.extend(reversed(shown))
    if nodes and mission_id is not None:
        nodes[0].pop("parent_id", None)
    statuses = [tree.status_of(root) for root in roots]
    return {
        "version": 1,
        "project_id": project_id,
        "mission_id": mission_id,
        "title": title[:200],
        "follow": follow,
        "epoch": epoch,
        "offset": offset,
        "at": at,
        "ended": bool(statuses) and all(status in ENDED for status in statuses),
        "nodes": nodes,
        "omitted": omitted,
        "trimmed": {node_id: lost for node_id, lost in cut.trimmed.items() if node_id in taken},
    }


class _Cut:
    """Trims nodes as they are taken, and keeps account of the room."""

    def __init__(self, tree: FoldedTree, room: int) -> None:
        self._tree = tree
        self._room = room
        self._detailed = 0
        self.nodes: dict[str, dict[str, Any]] = {}
        self.trimmed: dict[str, list[str]] = {}

    def take(self, node_id: str) -> bool:
        wire = self._tree.node(node_id)
        # Errors are often alike: the first ones tell the whole of it, and the others leave room for more nodes.
        telling = wire["status"] == "failed" or "error" in wire
        detailed = self._detailed < _DETAILED if telling else not self.nodes
        node, lost = trim(wire, WHOLE if detailed else BRIEF)
        self._detailed += telling
        node["rollup"] = rollup = self._tree.rollup(node_id)
        size = len(encode(node)) + 1
        if lost:
            size += len(encode(node_id)) + len(encode(lost)) + 2
        if self._tree.children(node_id):
            size += len(encode(node_id)) + len(encode(rollup["counts"])) + 40
        self._room -= size
        if self._room < 0:
            return False
        self.nodes[node_id] = node
        if lost:
            self.trimmed[node_id] = lost
        return True


def _left_out(whole: Mapping[str, int], shown: Iterable[Mapping[str, int]], number: int) -> dict[str, Any]:
    """Return the `omitted` entry of a node: `number` of its children, with the leaves that those shown don't count."""
    counts = dict(whole)
    for part in shown:
        for status, leaves in part.items():
            counts[status] -= leaves
    return {"count": number, "counts": {status: leaves for status, leaves in counts.items() if leaves}}


def _total(rollups: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for rollup in rollups:
        for status, leaves in rollup["counts"].items():
            total[status] = total.get(status, 0) + leaves
    return total
