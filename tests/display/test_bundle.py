"""What an output keeps of a tree: small, whole in its sums, and what went wrong before anything else."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasktree_jupyter.core.tree import TaskTree
from tasktree_jupyter.display.bundle import MAX_BYTES
from tests.searching import examples

Grower = Any
"""conftest.Grower: a tree that grows by events."""

STATUSES = ("draft", "ready", "running", "review", "completed", "failed", "cancelled", "skipped")


def size(bundle: dict[str, Any]) -> int:
    return len(json.dumps(bundle, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode())


def by_id(bundle: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {node["node_id"]: node for node in bundle["nodes"]}


def leaves(tree: TaskTree, node_id: str) -> Iterator[str]:
    for each in tree.walk(node_id):
        if not tree.children(each):
            yield each


def check_sums(tree: TaskTree, bundle: dict[str, Any]) -> None:
    """Every node's roll-up is that of the whole tree, and is the sum of what is shown below it and what is left out."""
    shown = by_id(bundle)
    below: dict[str, list[dict[str, Any]]] = {}
    for node in bundle["nodes"]:
        below.setdefault(node.get("parent_id", ""), []).append(node)
    for node_id, node in shown.items():
        whole = Counter(tree.status_of(leaf) for leaf in leaves(tree, node_id))
        assert node["rollup"]["counts"] == whole
        children = tree.children(node_id)
        if not children:
            assert node_id not in bundle["omitted"]
            continue
        parts = below.get(node_id, [])
        assert [part["node_id"] for part in parts] == [child for child in children if child in shown]
        left_out = bundle["omitted"].get(node_id, {"count": 0, "counts": {}})
        assert left_out["count"] == len(children) - len(parts)
        total = Counter(left_out["counts"])
        for part in parts:
            total.update(part["rollup"]["counts"])
        assert total == whole
        assert (node_id in bundle["omitted"]) == (left_out["count"] > 0)


@pytest.mark.parametrize("tasks", [10_000, 100_000])
def test_a_large_tree_stays_below_the_bound_with_what_failed_and_what_runs(grid_search: Any, tasks: int) -> None:
    grower = grid_search(tasks)
    bundle = grower.bundle("m")
    assert size(bundle) <= MAX_BYTES
    assert size(bundle) > MAX_BYTES / 2, "there was room for more"
    shown = by_id(bundle)
    assert {node for node in grower.tree.walk("m") if grower.tree.status_of(node) in ("failed", "running")} <= set(
        shown
    )
    assert "m/report" in shown
    check_sums(grower.tree, bundle)


def test_more_failures_than_there_is_room_for_come_before_all_but_the_phases_and_the_rest_is_counted(
    grower: Grower,
) -> None:
    grower.update("m", title="run", status="running")
    grower.update("m/fit", parent_id="m", title="fit")
    for number in range(6_000):
        status = ("running", "failed", "completed")[number % 3]
        grower.update(f"m/fit/{number}", parent_id="m/fit", title=f"fit {number}", status=status)
    grower.update("m/report", parent_id="m", title="report")
    bundle = grower.bundle("m")
    assert size(bundle) <= MAX_BYTES
    shown = [node for node in bundle["nodes"] if node.get("parent_id") == "m/fit"]
    assert {node["status"] for node in shown} == {"failed"}
    assert "m/report" in by_id(bundle)
    assert bundle["omitted"]["m/fit"]["counts"] == {"failed": 2_000 - len(shown), "running": 2_000, "completed": 2_000}
    check_sums(grower.tree, bundle)


def test_what_is_said_about_nodes_left_out_counts_too(grower: Grower) -> None:
    grower.update("m", title="run", status="running")
    for number in range(1_000):
        group = f"group {number} " + "long" * 100
        grower.update(group, parent_id="m", title="g", status="failed")
        grower.update(f"{number}/a", parent_id=group, title="a", status="completed")
        grower.update(f"{number}/b", parent_id=group, title="b", status="ready")
    bundle = grower.bundle("m")
    assert len(bundle["omitted"]) > 100
    assert size(bundle) <= MAX_BYTES
    check_sums(grower.tree, bundle)


def test_a_failure_deep_down_brings_all_above_it(grower: Grower) -> None:
    grower.update("m", title="run", status="running")
    for number in range(3_000):
        grower.update(f"m/{number}", parent_id="m", title=f"step {number}" * 10, status="completed")
    above = "m/2999"
    for depth in range(40):
        grower.update(
            f"deep/{depth}", parent_id=above, title=f"level {depth}", status="running" if depth < 39 else "failed"
        )
        above = f"deep/{depth}"
    bundle = grower.bundle("m", max_bytes=40_000)
    assert {"m", "m/2999", *(f"deep/{depth}" for depth in range(40))} <= set(by_id(bundle))
    assert size(bundle) <= 40_000
    check_sums(grower.tree, bundle)


def test_parents_come_before_children_and_siblings_keep_their_order(grid_search: Any) -> None:
    bundle = grid_search(50).bundle("m")
    seen: set[str] = set()
    for node in bundle["nodes"]:
        assert node.get("parent_id") is None or node["parent_id"] in seen
        seen.add(node["node_id"])
    assert [node["title"] for node in bundle["nodes"]] == [
        "Grid search",
        "fit",
        *(f"fit {n}" for n in range(50)),
        "report",
    ]
    assert bundle["omitted"] == {}


def test_long_fields_are_cut_and_named_and_the_end_of_a_traceback_stays(grower: Grower) -> None:
    grower.update("m", title="run", status="running")
    traceback = "Traceback (most recent call last):\n" + "  line\n" * 5_000 + "ValueError: Input X contains NaN."
    error = {"type": "ValueError", "message": "x" * 100_000, "traceback": traceback}
    grower.update("m/1", parent_id="m", title="t" * 10_000, status="failed", error=error, outputs=list(range(50_000)))
    grower.update("m/2", parent_id="m", title="short", status="failed", error={"type": "E", "message": "m"})
    bundle = grower.bundle("m")
    node = by_id(bundle)["m/1"]
    assert size(bundle) < 25_000
    assert node["title"].endswith("…")
    assert node["error"]["message"].endswith("…")
    assert node["error"]["traceback"].startswith("…\n")
    assert node["error"]["traceback"].endswith("ValueError: Input X contains NaN.")
    assert node["outputs"] == list(range(len(node["outputs"])))
    assert sorted(bundle["trimmed"]["m/1"]) == ["error", "outputs", "title"]
    assert "m/2" not in bundle["trimmed"]
    assert by_id(bundle)["m/2"]["error"] == {"type": "E", "message": "m"}


def test_a_node_of_many_unknown_fields_cannot_fill_the_bundle(grower: Grower) -> None:
    grower.update("m", title="run", status="running")
    for number in range(100):
        fields: dict[str, Any] = {f"field {key}": "v" * 200 for key in range(300)}
        grower.update(f"m/{number}", parent_id="m", title=f"step {number}", status="failed", **fields)
    bundle = grower.bundle("m")
    assert size(bundle) <= MAX_BYTES
    assert len(bundle["nodes"]) > 50
    assert max(len(lost) for lost in bundle["trimmed"].values()) <= 20


def test_a_mission_that_has_ended_says_so(grower: Grower) -> None:
    grower.update("m", title="run", status="running")
    assert not grower.bundle("m")["ended"]
    grower.update("m", status="failed")
    assert grower.bundle("m")["ended"]
    grower.update("n", title="another", status="running")
    assert grower.bundle("m")["ended"]
    assert not grower.bundle(None)["ended"]


def test_the_whole_project_shows_all_missions_and_counts_those_left_out(grower: Grower) -> None:
    for number in range(2_000):
        grower.update(f"m{number}", title=f"run {number} " + "x" * 100, status="completed")
    bundle = grower.bundle(None)
    left_out = 2_000 - len(bundle["nodes"])
    assert left_out > 0
    assert bundle["omitted"][""] == {"count": left_out, "counts": {"completed": left_out}}
    assert size(bundle) <= MAX_BYTES


def test_an_unknown_mission_and_an_empty_project_are_bundles_too(grower: Grower) -> None:
    assert grower.bundle("nowhere")["nodes"] == []
    empty = grower.bundle(None)
    assert (empty["nodes"], empty["mission_id"], empty["ended"], empty["offset"]) == ([], None, False, 0)


def test_a_run_that_was_moved_below_another_still_stands_at_the_top_of_its_own_bundle(grower: Grower) -> None:
    grower.update("outer", title="outer", status="running")
    grower.update("m", title="run", status="running", parent_id="outer")
    grower.update("m/1", title="step", status="running", parent_id="m")
    bundle = grower.bundle("m")
    assert [node.get("parent_id") for node in bundle["nodes"]] == [None, "m"]
    assert grower.tree.node("m")["parent_id"] == "outer"


def test_it_says_where_in_the_log_it_stands(grid_search: Any) -> None:
    bundle = grid_search(3).bundle("m", offset=17, follow=True)
    expected = {
        "version": 1,
        "project_id": "p",
        "mission_id": "m",
        "title": "churn.ipynb",
        "follow": True,
        "epoch": "k3f9",
        "offset": 17,
        "at": grid_search(3).bundle("m")["at"],
        "ended": False,
    }
    assert {key: bundle[key] for key in expected} == expected


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e300, 1e300) | st.text(),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(max_size=40), inner, max_size=30),
    max_leaves=60,
)


@settings(max_examples=examples(60), deadline=None)
@given(
    places=st.lists(st.tuples(st.integers(0, 1_000), st.sampled_from(STATUSES)), min_size=1, max_size=120),
    fields=json_values,
    text=st.text(max_size=2_000),
    room=st.integers(8_000, 60_000),
)
def test_whatever_the_tree_and_the_room_the_bound_holds_and_the_sums_add_up(
    new_grower: Any, places: list[tuple[int, str]], fields: Any, text: str, room: int
) -> None:
    grower = new_grower()
    grower.update("0", title="run", status="running")
    for number, (above, status) in enumerate(places, 1):
        parent = str(above % number)
        if grower.tree._nodes[parent].depth() >= 60:
            parent = "0"
        changes: dict[str, Any] = {"title": text or "t", "status": status, "message": text, "params": {"value": fields}}
        if number % 7 == 0:
            changes["error"] = {"type": "E", "message": text, "traceback": text}
        grower.update(str(number), parent_id=parent, **changes)
    bundle = grower.bundle("0", max_bytes=room)
    assert size(bundle) <= room
    check_sums(grower.tree, bundle)
