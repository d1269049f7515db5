"""How states are compared: keys in any order, numbers by value, arrays in order; absent isn't null, true isn't 1."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tasktree_jupyter.core.tree import TaskTree


def canonical(value: Any) -> str:
    """Return one text for all JSON values that are equal."""
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def fold(events: Iterable[Mapping[str, Any]], tree: TaskTree | None = None) -> TaskTree:
    """Fold events onto a tree, or from nothing."""
    tree = TaskTree() if tree is None else tree
    for event in events:
        tree.apply(event)
    return tree


def wire(tree: TaskTree) -> str:
    """Return what a snapshot would carry of a tree, as JSON."""
    return json.dumps({"state": tree.state(), "nodes": list(tree.nodes())})


def reloaded(tree: TaskTree) -> TaskTree:
    """Return the tree after a journey over the wire."""
    whole = json.loads(wire(tree))
    return TaskTree.load(whole["state"], whole["nodes"])


def outcome(tree: TaskTree) -> dict[str, Any]:
    """Return everything that can be seen of a tree."""
    return {"state": tree.state(), "nodes": list(tree.nodes(rollups=True))}
