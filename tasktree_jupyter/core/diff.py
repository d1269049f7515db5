"""What differs between two states of a project, field by field."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from tasktree_jupyter.core.tree import TaskTree

MAX_ENTRIES: Final = 10_000
_POSITION: Final = frozenset({"fold", "offset", "at", "roots", "tombstones"})
"""Of the state beside the nodes: where it is, and what the lists of nodes say already."""


def diff(before: TaskTree, after: TaskTree, touched: Collection[str] | None = None) -> dict[str, Any]:
    """Return what differs, as JSON: `from`, `to`, `added`, `removed`, `changed`, `project`, `counts`, `truncated`.

    Fields are dotted paths, with a dot inside a key written `\\.`. Objects are compared key by key, all else whole;
    null means absent. The lists hold 10 000 entries at most together; `counts` are exact.

    Args:
        before: the earlier state.
        after: the later state.
        touched: the only nodes that may differ; None: any.
    """
    lists: dict[str, list[dict[str, Any]]] = {"added": [], "removed": [], "changed": []}
    counts = {"added": 0, "removed": 0, "changed": 0}
    room = MAX_ENTRIES

    def take(kind: str, entry: dict[str, Any]) -> None:
        nonlocal room
        counts[kind] += 1
        if room > 0:
            lists[kind].append(entry)
        room -= 1

    for node_id in after.walk():
        if touched is not None and node_id not in touched:
            continue
        if node_id not in before:
            take("added", _brief(after.node(node_id)))
        elif before.node_bytes(node_id) != after.node_bytes(node_id):
            node = after.node(node_id)
            changes = [*_changes(before.node(node_id), node)]
            if changes:
                take("changed", {"node_id": node_id, "title": node.get("title"), "changes": changes})
    for node_id in before.walk():
        if node_id not in after and (touched is None or node_id in touched):
            take("removed", _brief(before.node(node_id)))
    return {
        "from": {"offset": before.offset, "at": before.at},
        "to": {"offset": after.offset, "at": after.at},
        **lists,
        "project": [*_changes(_beside(before), _beside(after))],
        "counts": counts,
        "truncated": room < 0,
    }


def _brief(node: Mapping[str, Any]) -> dict[str, Any]:
    return {name: node.get(name) for name in ("node_id", "title", "parent_id", "status")}


def _beside(tree: TaskTree) -> dict[str, Any]:
    return {name: value for name, value in tree.state().items() if name not in _POSITION}


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], path: str = "") -> Iterator[dict[str, Any]]:
    for name in (*before, *(each for each in after if each not in before)):
        old, new = before.get(name), after.get(name)
        if old == new and type(old) is type(new):
            continue
        field = path + name.replace("\\", "\\\\").replace(".", "\\.")
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _changes(old, new, f"{field}.")
        else:
            yield {"field": field, "from": old, "to": new}
