"""A bundle as plain text: for terminals, logs, diffs and screen readers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tasktree_jupyter.display import format, plain, rows
from tasktree_jupyter.display.choose import chosen
from tasktree_jupyter.display.glyphs import GLYPHS, status_name
from tasktree_jupyter.display.stored import StoredTree

MAX_LINES: Final = 60
MAX_COLUMNS: Final = 120


def render(bundle: Mapping[str, Any], *, max_lines: int = MAX_LINES, max_columns: int = MAX_COLUMNS) -> str:
    """Return the tree as text of about `max_lines` lines at most, each in `max_columns`; what matters most is kept.

    Content can't bring in control characters, escape sequences or direction overrides.
    """
    tree = StoredTree(bundle)
    if not len(tree):
        return "\n".join(plain.cut(each, max_columns) for each in waiting(bundle))
    room = max_lines

    def take(node_id: str) -> bool:
        nonlocal room
        # A line for itself, and one for what may be left out below it.
        room -= 2 if tree.is_group(node_id) else 1
        return room >= 0

    taken = chosen(tree, tree.roots, take) or {tree.roots[0]}
    drawn = [*_group(tree, None, "", taken)]
    foot = rows.as_of(bundle)
    return "\n".join(plain.cut(each, max_columns) for each in [*drawn, *([foot] if foot else [])])


def waiting(bundle: Mapping[str, Any]) -> list[str]:
    """Return what to say, line by line, where there is nothing to show yet."""
    where = plain.line(bundle["title"] or bundle["project_id"] or "this process")
    if bundle["mission_id"] is not None:
        return [f"{where}: connecting to the server …"]
    return [f"Waiting for the first task in {where}", "", *(f"    {each}" for each in rows.WAITING_LINES)]


def _group(tree: StoredTree, parent: str | None, indent: str, taken: set[str]) -> Iterator[str]:
    children = tree.roots if parent is None else tree.children(parent)
    shown = [child for child in children if child in taken]
    more = left_out(tree, parent, [child for child in children if child not in taken])
    for place, child in enumerate(shown):
        last = place == len(shown) - 1 and not more
        branch, below = ("", "") if parent is None else ("└─ ", "   ") if last else ("├─ ", "│  ")
        yield f"{indent}{branch}{_line(tree, child)}"
        yield from _group(tree, child, indent + below, taken)
    if more:
        yield f"{indent}{'' if parent is None else '└─ '}… {more}"


def left_out(tree: StoredTree, parent: str | None, children: list[str]) -> str:
    """Return what isn't shown below a node: `children`, and those that aren't in the bundle; empty where nothing is."""
    counts: dict[str, int] = {}
    number = len(children)
    omitted = tree.omitted(parent)
    parts = [tree.rollup(child)["counts"] for child in children]
    if omitted:
        number += omitted["count"]
        parts.append(omitted["counts"])
    for part in parts:
        for status, leaves in part.items():
            counts[status] = counts.get(status, 0) + leaves
    return format.counts(counts, number)


def _line(tree: StoredTree, node_id: str) -> str:
    node = tree.node(node_id)
    status = node["status"]
    parts = [f"{GLYPHS[status]} {rows.title(node)}"]
    if status in ("failed", "cancelled", "skipped", "review"):
        parts.append(status_name(status))
    parts += [rows.done(tree, node_id), rows.elapsed(tree, node_id)]
    parts += [f"{format.count(number)} {status_name(status)}" for status, number in rows.badges(tree, node_id).items()]
    if node.get("agent"):
        parts.append(f"[{plain.line(node['agent'])}]")
    if rows.retries(node):
        parts.append(f"↻ {rows.retries(node)}")
    parts.append(rows.message(tree, node) or "")
    return "  ".join(part for part in parts if part)
