"""As much of a run as fits in so many lines: its phases, then what failed last and what runs, half and half."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, zip_longest
from typing import Any, Final

from tasktree_jupyter.core.tree import TaskTree
from tasktree_jupyter.display.stored import StoredTree

_PHASES: Final = 12
_MOST: Final = 300
"""So many candidates of each sort are enough for any screen."""


def glimpse(tree: TaskTree, root: str, lines: int, at: int) -> StoredTree:
    """Return the part of a run that takes at most `lines` lines below its root; what is left out is counted.

    Args:
        tree: where the run is.
        root: the run.
        lines: one for each node, and one for what isn't shown of a group that is shown in part.
        at: the time up to which what runs is timed, microseconds since 1970.
    """
    taken = _taken(tree, root, lines)
    nodes, omitted = [], {}
    stack = [root]
    while stack:
        node_id = stack.pop()
        children = tree.children(node_id)
        shown = [child for child in children if child in taken]
        rollup = tree.rollup(node_id)
        nodes.append({**tree.node(node_id), "rollup": rollup})
        if len(shown) < len(children):
            omitted[node_id] = _left_out(rollup, [tree.rollup(child) for child in shown], len(children) - len(shown))
        stack.extend(reversed(shown))
    return StoredTree({"nodes": nodes, "omitted": omitted, "at": at})


def _taken(tree: TaskTree, root: str, lines: int) -> set[str]:
    taken, opened = {root}, {root}
    room = lines - 1 if len(tree.children(root)) > _PHASES else lines
    for node_id in _ranked(tree, root):
        path: list[str] = []
        cost = 0
        above: str | None = node_id
        while above is not None and above not in taken:
            path.append(above)
            parent = tree.parent(above)
            # A group that opens may need a line for what isn't shown of it.
            cost += 1 + (parent is not None and parent not in opened and len(tree.children(parent)) > 1)
            above = parent
        if cost > room:
            # Smaller ones may still fit, but not worth the look in a large tree.
            if room <= 0:
                break
            continue
        room -= cost
        taken.update(path)
        opened.update(parent for parent in map(tree.parent, path) if parent is not None)
    return taken


def _ranked(tree: TaskTree, root: str) -> Iterable[str]:
    failed: list[str] = []
    running: list[str] = []
    others: list[str] = []
    for node_id in tree.walk(root):
        status = tree.status_of(node_id)
        if status == "failed":
            failed.append(node_id)
        elif status in ("running", "review"):
            if not tree.children(node_id):
                running.append(node_id)
        elif len(others) < _MOST:
            others.append(node_id)
    newest = sorted(failed[-_MOST:], key=lambda node_id: tree.node(node_id).get("ended_at") or "", reverse=True)
    in_turn = (each for pair in zip_longest(running[-_MOST:], newest) for each in pair if each is not None)
    return chain(tree.children(root)[:_PHASES], in_turn, others)


def _left_out(whole: dict[str, Any], shown: Sequence[dict[str, Any]], number: int) -> dict[str, Any]:
    counts = dict(whole["counts"])
    for part in shown:
        for status, leaves in part["counts"].items():
            counts[status] = counts.get(status, 0) - leaves
    return {"count": number, "counts": {status: leaves for status, leaves in counts.items() if leaves > 0}}
