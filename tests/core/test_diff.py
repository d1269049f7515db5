"""A diff says exactly what has to be done to the one state to make it the other."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasktree_jupyter.core import diff as diff_module
from tasktree_jupyter.core.diff import diff, touched_by
from tasktree_jupyter.core.tree import TaskTree
from tests.core.canonical import canonical, fold
from tests.core.sequences import deep_logs, logs, random_log
from tests.searching import examples

PROJECT = ("status", "agents", "orchestrators", "snapshots", "dropped", "overflow", "flagged")


def event(offset: int, type: str, **data: Any) -> dict[str, Any]:
    return {"type": type, "data": data, "timestamp": f"2026-01-31T14:00:{offset:02d}Z", "offset": offset, "at": offset}


def update(offset: int, node_id: str, **changes: Any) -> dict[str, Any]:
    return event(offset, "node_update", node_id=node_id, changes=changes)


def keys_of(field: str) -> list[str]:
    """Take a path apart, the way a reader would: a backslash makes the next character a plain one."""
    return [re.sub(r"\\(.)", r"\1", key, flags=re.S) for key in re.findall(r"((?:\\.|[^.\\])*)(?:\.|$)", field, re.S)][
        : len(re.findall(r"(?<!\\)(?:\\\\)*\.", field)) + 1
    ]


def patched(value: dict[str, Any], changes: list[dict[str, Any]]) -> dict[str, Any]:
    """Do what a list of changes says, checking what it says there was before."""
    result: dict[str, Any] = {**value}
    for change in changes:
        *path, last = keys_of(change["field"])
        place = result
        for key in path:
            below = place.get(key)
            place[key] = dict(below) if isinstance(below, dict) else {}
            place = place[key]
        assert canonical(place.get(last)) == canonical(change["from"]), change
        if change["to"] is None:
            place.pop(last, None)
        else:
            place[last] = change["to"]
    return result


def without_nulls(value: dict[str, Any]) -> dict[str, Any]:
    return {
        key: without_nulls(item) if isinstance(item, dict) else item for key, item in value.items() if item is not None
    }


def check(before: TaskTree, after: TaskTree, touched: set[str] | None) -> None:
    found = diff(before, after, touched)
    old = {node["node_id"]: node for node in before.nodes()}
    new = {node["node_id"]: node for node in after.nodes()}
    assert [entry["node_id"] for entry in found["added"]] == [node_id for node_id in new if node_id not in old]
    assert [entry["node_id"] for entry in found["removed"]] == [node_id for node_id in old if node_id not in new]
    for entries, nodes in ((found["added"], new), (found["removed"], old)):
        for entry in entries:
            node = nodes[entry["node_id"]]
            assert entry == {key: node.get(key) for key in ("node_id", "title", "parent_id", "status")}
    changed = {entry["node_id"]: entry for entry in found["changed"]}
    assert list(changed) == [node_id for node_id in new if node_id in changed]
    for node_id in old.keys() & new.keys():
        entry = changed.get(node_id)
        if entry is not None:
            assert entry["changes"]
            assert entry["title"] == new[node_id].get("title")
        assert canonical(patched(old[node_id], entry["changes"] if entry else [])) == canonical(new[node_id])
    assert found["counts"] == {key: len(found[key]) for key in ("added", "removed", "changed")}
    assert not found["truncated"]
    states = [{key: tree.state()[key] for key in PROJECT} for tree in (before, after)]
    assert canonical(without_nulls(patched(states[0], found["project"]))) == canonical(without_nulls(states[1]))
    assert (found["from"], found["to"]) == (
        {"offset": before.offset, "at": before.at},
        {"offset": after.offset, "at": after.at},
    )


@given(logs(40) | deep_logs(), st.data())
@settings(max_examples=examples(100), deadline=None)
def test_doing_what_a_diff_says_makes_the_one_state_the_other(
    events: list[dict[str, Any]], data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, len(events)))
    last = data.draw(st.integers(first, len(events)))
    before, after = fold(events[:first]), fold(events[:last])
    touched = touched_by(events[first:last])
    check(before, after, touched)
    check(after, before, touched)
    assert canonical(diff(before, after, touched)) == canonical(diff(before, after))


@pytest.mark.parametrize("seed", range(1, 400, 40))
def test_so_it_is_for_long_logs(seed: int) -> None:
    for each in range(seed, seed + 10):
        events = random_log(each, 150)
        half = len(events) // 2
        before, after, touched = fold(events[:half]), fold(events), touched_by(events[half:])
        check(before, after, touched)
        check(after, before, touched)


def test_only_nodes_that_were_touched_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fold([update(n, f"n{n}", title="T", parent_id="run") for n in range(1, 50)])
    after = fold(
        [update(50, "n7", status="running")],
        fold([update(n, f"n{n}", title="T", parent_id="run") for n in range(1, 50)]),
    )
    looked: list[str] = []
    real = TaskTree.node_bytes

    def noted(tree: TaskTree, node_id: str) -> bytes:
        looked.append(node_id)
        return real(tree, node_id)

    monkeypatch.setattr(TaskTree, "node_bytes", noted)

    found = diff(before, after, {"n7"})

    assert set(looked) == {"n7"}
    assert [entry["node_id"] for entry in found["changed"]] == ["n7"]


def test_objects_are_compared_key_by_key_and_a_dot_in_a_key_is_escaped() -> None:
    before = fold(
        [update(1, "a", title="A", metrics={"auc": 0.9, "loss": 1}, tags=["x"], params={"a.b": 1, "c\\": {"d": 2}})]
    )
    after = fold(
        [
            update(
                2, "a", metrics={"auc": 0.95, "f1": 0.5}, tags=["x", "y"], params={"a.b": 2, "c\\": {"d": None, "e": 3}}
            )
        ],
        fold(
            [update(1, "a", title="A", metrics={"auc": 0.9, "loss": 1}, tags=["x"], params={"a.b": 1, "c\\": {"d": 2}})]
        ),
    )

    (entry,) = diff(before, after)["changed"]

    assert {change["field"]: (change["from"], change["to"]) for change in entry["changes"]} == {
        "metrics.auc": (0.9, 0.95),
        "metrics.f1": (None, 0.5),
        "tags": (["x"], ["x", "y"]),
        "params.a\\.b": (1, 2),
        "params.c\\\\.d": (2, None),
        "params.c\\\\.e": (None, 3),
    }


def test_beyond_the_limit_it_is_cut_and_the_counts_stay_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diff_module, "MAX_ENTRIES", 5)
    after = fold([update(n, f"n{n}", title="T") for n in range(1, 10)])

    found = diff(TaskTree(), after)

    assert [entry["node_id"] for entry in found["added"]] == ["n1", "n2", "n3", "n4", "n5"]
    assert found["counts"] == {"added": 9, "removed": 0, "changed": 0}
    assert found["truncated"]


def test_a_state_doesnt_differ_from_itself() -> None:
    tree = fold(random_log(7))

    found = diff(tree, tree)

    assert found["added"] == found["removed"] == found["changed"] == found["project"] == []
