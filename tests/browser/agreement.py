"""What a view must show of the server's state: the same nodes, statuses and roll-ups."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from tests.browser.jupyter import Jupyter
from tests.browser.lab import TreeView

STATUS_NAMES = {
    "failed": "failed",
    "running": "running",
    "review": "in review",
    "completed": "completed",
    "ready": "ready",
    "draft": "draft",
    "cancelled": "cancelled",
    "skipped": "skipped",
}
"""In the order in which a roll-up names them."""

NARROW_SPACE = "\u202f"


@dataclass(frozen=True)
class Shown:
    """One node as a row tells of it."""

    status: str | None
    count: str
    rollup: str


def expected_rows(state: dict[str, Any], mission_id: str) -> dict[str, Shown]:
    """What a view of the mission shows, all rows open, when the server's state is `state`."""
    children: dict[str | None, list[str]] = {}
    for node in state["nodes"]:
        children.setdefault(node.get("parent_id"), []).append(node["node_id"])
    shown, waiting = {}, [mission_id]
    while waiting:
        node_id = waiting.pop()
        node = state["by_id"][node_id]
        shown[node_id] = expected_row(node, bool(children.get(node_id)))
        waiting += children.get(node_id, [])
    return shown


def expected_row(node: dict[str, Any], has_children: bool) -> Shown:
    rollup, status = node["rollup"], node["status"]
    counts: dict[str, int] = rollup["counts"]
    if has_children or rollup["total"] > 1:
        ended = sum(counts.get(word, 0) for word in ("completed", "failed", "cancelled"))
        told = ", ".join(f"{number(counts[word])} {name}" for word, name in STATUS_NAMES.items() if counts.get(word))
        of = max(0, rollup["total"] - counts.get("skipped", 0))
        return Shown(status, f"{number(ended)}/{number(of)}", f"{percent(rollup['progress'])}: {told}")
    if status == "completed":
        return Shown(status, percent(1000), "")
    if "progress" in node and status != "skipped":
        return Shown(status, percent(int(node["progress"] * 1000 + 0.5)), "")
    return Shown(status, "", "")


def number(value: int) -> str:
    return f"{value:,}".replace(",", NARROW_SPACE)


def percent(per_mille: int) -> str:
    return f"{per_mille // 10}{NARROW_SPACE}%"


def shown_rows(view: TreeView) -> dict[str, Shown]:
    rows = view.rows()
    ids = [row.node_id for row in rows if row.node_id is not None]
    assert len(ids) == len(set(ids)), "a node has two rows"
    return {row.node_id: Shown(row.status, row.count, row.progress) for row in rows if row.node_id is not None}


def assert_agrees(
    view: TreeView, jupyter: Jupyter, project_id: str, mission_id: str, seconds: float = 15
) -> dict[str, Any]:
    """Assert that the view, all rows opened, comes to show what the server's REST interface says. Returns that state.

    While events arrive the two are asked at different moments, so they are asked until both tell of the same one.
    """
    deadline = time.monotonic() + seconds
    while True:
        view.open_all()
        shown = shown_rows(view)
        state = jupyter.state(project_id)
        expected = expected_rows(state, mission_id)
        if shown == expected:
            return state
        differ = {node_id for node_id in shown | expected if shown.get(node_id) != expected.get(node_id)}
        told = "\n".join(f"{each}: shown {shown.get(each)}, expected {expected.get(each)}" for each in sorted(differ))
        assert time.monotonic() < deadline, f"the view and the server differ about\n{told}"
