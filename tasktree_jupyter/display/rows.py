"""What is said about one node, in words; the static HTML and the plain text only differ in how they set it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasktree_jupyter.display import format, plain
from tasktree_jupyter.display.stored import StoredTree

WAITING_LINES = (
    "import tasktree_jupyter as tt",
    'with tt.task("My first run") as run:',
    '    for item in run.track(range(10), "step"): ...',
)
"""To paste, where nothing has happened yet."""


def title(node: Mapping[str, Any]) -> str:
    """Return a node's title; one that nobody named goes by its id."""
    return plain.line(node.get("title") or node["node_id"])


def error_text(node: Mapping[str, Any]) -> str | None:
    """Return `ValueError: Input X contains NaN.`, or None where there is no error."""
    error = node.get("error") or {}
    return ": ".join(plain.line(error[name]) for name in ("type", "message") if error.get(name)) or None


def message(tree: StoredTree, node: Mapping[str, Any]) -> str | None:
    """Return the one thing to know about a node now: why it failed, what it says, or what it waits for."""
    text = node.get("message")
    if node["status"] == "failed":
        text = error_text(node) or text
    if text:
        return plain.line(text)
    dependencies = node.get("dependencies")
    if dependencies and node["status"] in ("draft", "ready"):
        names = [title(tree.node(each)) if each in tree else plain.line(each) for each in dependencies[:2]]
        more = len(dependencies) - len(names)
        return f"after {', '.join(names)}" + (f" and {format.count(more)} more" if more else "")
    return None


def retries(node: Mapping[str, Any]) -> int:
    """Return how many attempts there were before this one."""
    return int(node.get("attempt") or 1) - 1


def badges(tree: StoredTree, node_id: str) -> dict[str, int]:
    """Return how many leaves below a group are running and how many failures are there; nothing for a leaf.

    A failure of the group's own, with none below, is told by its status alone.
    """
    if not tree.children(node_id) and not tree.omitted(node_id):
        return {}
    rollup = tree.rollup(node_id)
    counts, failures = rollup["counts"], rollup["failures"]
    if failures == 1 and "failed" not in counts and tree.node(node_id)["status"] == "failed":
        failures = 0
    badges = {"running": counts.get("running", 0), "failed": failures}
    return {status: number for status, number in badges.items() if number}


def done(tree: StoredTree, node_id: str) -> str:
    """Return `6 484/9 840` for a group, a percentage for a leaf that says how far it is, else nothing."""
    node = tree.node(node_id)
    if tree.is_group(node_id):
        rollup = tree.rollup(node_id)
        counts = rollup["counts"]
        ended = sum(counts.get(status, 0) for status in ("completed", "failed", "cancelled"))
        return f"{format.count(ended)}/{format.count(max(0, rollup['total'] - counts.get('skipped', 0)))}"
    if node["status"] == "completed":
        return format.percent(1000)
    if node["status"] == "skipped" or node.get("progress") is None:
        return ""
    return format.percent(int(node["progress"] * 1000 + 0.5))


def elapsed(tree: StoredTree, node_id: str) -> str:
    """Return how long a node took or has taken; nothing where it hasn't started."""
    time = tree.elapsed(node_id)
    return "" if time is None else format.duration(time)


def values(node: Mapping[str, Any], name: str) -> list[tuple[str, str]]:
    """Return the names and values of a node's `params` or `metrics`, as text; at most 20."""
    found = node.get(name)
    if not isinstance(found, dict):
        return []
    return [(plain.line(key), _value(value)) for key, value in list(found.items())[:20]]


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return plain.cut(plain.line(value), 120)


def as_of(bundle: Mapping[str, Any]) -> str:
    """Return up to when a bundle tells the truth."""
    return "" if bundle["ended"] or not bundle["at"] else f"as of {format.clock(bundle['at'])}"
