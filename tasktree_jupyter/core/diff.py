"""What differs between two states of a project, field by field (docs/protocol.md, "Diff")."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from typing import Any, Final

from tasktree_jupyter.core.tree import TaskTree

MAX_ENTRIES: Final = 10_000
"""How many entries the lists of a diff hold together; beyond it only the counts are exact."""

_SLICE: Final = 100
_STATE_FIELDS: Final = ("status", "agents", "orchestrators", "snapshots", "dropped", "overflow", "flagged")


def diff(before: TaskTree, after: TaskTree, touched: Collection[str] | None = None) -> dict[str, Any]:
    """Return what differs between two states of one project, as JSON.

    Args:
        before: the state it was; it may also be the later one.
        after: the state it became.
        touched: the nodes that the events between are about (`touched_by`), or None to compare all nodes.
    """
    steps = diff_steps(before, after, touched)
    while True:
        try:
            next(steps)
        except StopIteration as ended:
            result: dict[str, Any] = ended.value
            return result


def diff_steps(
    before: TaskTree, after: TaskTree, touched: Collection[str] | None = None
) -> Generator[None, None, dict[str, Any]]:
    """Do what `diff` does, a little at each `next`; the result is the generator's return value.

    Neither tree may change meanwhile.
    """
    candidates = None if touched is None else _with_those_below(before, after, touched)
    added: list[dict[str, Any]] = []
    removed: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    project = list(_changes(_project(before), _project(after), ()))
    counts = {"added": 0, "removed": 0, "changed": 0}
    room = max(MAX_ENTRIES - len(project), 0)
    for step, node_id in enumerate(after.walk()):
        if step % _SLICE == 0:
            yield
        if candidates is not None and node_id not in candidates:
            continue
        if node_id not in before:
            counts["added"] += 1
            if room:
                room -= 1
                added.append(_entry(after, node_id))
        elif before.node_bytes(node_id) != after.node_bytes(node_id):
            node = after.node(node_id)
            changes = list(_changes(before.node(node_id), node, ()))
            counts["changed"] += bool(changes)
            if room and changes:
                room -= 1
                changed.append({"node_id": node_id, "title": node.get("title"), "changes": changes})
    for step, node_id in enumerate(before.walk()):
        if step % _SLICE == 0:
            yield
        if node_id not in after:
            counts["removed"] += 1
            if room:
                room -= 1
                removed.append(_entry(before, node_id))
    return {
        "from": {"offset": before.offset, "at": before.at},
        "to": {"offset": after.offset, "at": after.at},
        "added": added,
        "removed": removed,
        "changed": changed,
        "project": project[:MAX_ENTRIES],
        "counts": counts,
        "truncated": sum(counts.values()) + len(project) > MAX_ENTRIES,
    }


def touched_by(events: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the nodes that some events name, whether or not they had an effect on them."""
    touched: set[str] = set()
    for event in events:
        data = event.get("data")
        if not isinstance(data, Mapping):
            continue
        context, changes = data.get("context"), data.get("changes")
        for named in (
            data.get("task_id"),
            data.get("node_id"),
            context.get("node_id") if isinstance(context, Mapping) else None,
            changes.get("parent_id") if isinstance(changes, Mapping) else None,
        ):
            if isinstance(named, str):
                touched.add(named)
    return touched


def _with_those_below(before: TaskTree, after: TaskTree, touched: Collection[str]) -> set[str]:
    """Add what came or went with something above it.

    A node that no event names was removed with the nearest named one above it: between the two nobody moved, so in the
    state that still has it it stands below that one, and no node on the way is in the other state.
    """
    found = set(touched)
    for with_it, without in ((before, after), (after, before)):
        stack = [node_id for node_id in touched if node_id in with_it]
        while stack:
            for child in with_it.children(stack.pop()):
                if child not in without:
                    found.add(child)
                    stack.append(child)
    return found


def _entry(tree: TaskTree, node_id: str) -> dict[str, Any]:
    node = tree.node(node_id)
    return {
        "node_id": node_id,
        "title": node.get("title"),
        "parent_id": node.get("parent_id"),
        "status": node["status"],
    }


def _project(tree: TaskTree) -> dict[str, Any]:
    state = tree.state()
    return {field: state[field] for field in _STATE_FIELDS}


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield what differs between two objects. An object that is gone is one change, one that is new a change a key."""
    for key in [*before, *(key for key in after if key not in before)]:
        old, new = before.get(key), after.get(key)
        if isinstance(new, Mapping) and (isinstance(old, Mapping) or (old is None and new)):
            below = list(_changes(old or {}, new, (*path, key)))
            # New, and all in it is null: there is still an object where there was none.
            yield from below or ([] if old is not None else [_change((*path, key), old, new)])
        elif not _same(old, new):
            yield _change((*path, key), old, new)


def _change(path: tuple[str, ...], old: Any, new: Any) -> dict[str, Any]:
    return {"field": ".".join(map(_escaped, path)), "from": old, "to": new}


def _escaped(key: str) -> str:
    return key.replace("\\", "\\\\").replace(".", "\\.")


def _same(old: Any, new: Any) -> bool:
    """Return whether two JSON values are equal: 1 is 1.0, but true isn't 1."""
    if isinstance(old, bool) or isinstance(new, bool):
        return old is new
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_same, old, new))
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return old.keys() == new.keys() and all(_same(value, new[key]) for key, value in old.items())
    return bool(old == new)
