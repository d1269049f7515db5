"""The tree as a room and a view use it, and what it costs."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import pytest

from tasktree_jupyter.core import tree as tree_module
from tasktree_jupyter.core.node import Node
from tasktree_jupyter.core.tree import MAX_NODES, TaskTree
from tests.core.canonical import canonical, outcome, reloaded

STATUSES = ("draft", "ready", "running", "review", "completed", "failed", "cancelled", "skipped")


class Log:
    """A tree, and events for it one after the other, a second apart."""

    def __init__(self) -> None:
        self.tree = TaskTree()

    def emit(self, type: str, **data: Any) -> None:
        offset = self.tree.offset + 1
        timestamp = f"2026-01-31T{offset // 3600:02d}:{offset // 60 % 60:02d}:{offset % 60:02d}.000000Z"
        event = {"type": type, "data": data, "timestamp": timestamp, "source": "k", "offset": offset, "at": offset}
        self.tree.apply(event)

    def update(self, node_id: str, **changes: Any) -> None:
        self.emit("node_update", node_id=node_id, changes=changes)

    def remove(self, node_id: str) -> None:
        self.emit("node_update", node_id=node_id, changes=None)

    def status(self, node_id: str, status: str) -> None:
        self.emit("task_status_changed", task_id=node_id, status=status)


@pytest.fixture
def log() -> Log:
    return Log()


def test_an_unknown_node_is_a_key_error(log: Log) -> None:
    tree = log.tree
    for read in (tree.node, tree.node_bytes, tree.parent, tree.children, tree.rollup, tree.span):
        with pytest.raises(KeyError):
            read("nobody")
    with pytest.raises(KeyError):
        list(tree.walk("nobody"))
    assert "nobody" not in tree


def test_what_is_handed_out_is_the_callers(log: Log) -> None:
    log.update("a", params={"x": [1]}, metrics={"m": 1})
    node = log.tree.node("a")
    node["params"]["x"].append(2)
    node["metrics"].clear()
    state = log.tree.state()
    state["roots"].clear()
    state["agents"]["k"] = {}
    assert log.tree.node("a")["params"] == {"x": [1]}
    assert log.tree.node("a")["metrics"] == {"m": 1}
    assert log.tree.state()["roots"] == ["a"]
    assert log.tree.state()["agents"] == {}


def test_loading_takes_nothing_from_what_it_is_given(log: Log) -> None:
    log.update("a", params={"x": 1})
    log.update("b", parent_id="a")
    state, nodes = log.tree.state(), list(log.tree.nodes(rollups=True))
    before = canonical([state, nodes])
    loaded = TaskTree.load(state, nodes)
    loaded.apply(
        {"type": "node_update", "data": {"node_id": "a", "changes": None}, "timestamp": "2026-01-31T00:00:00Z"}
    )
    assert canonical([state, nodes]) == before


# Missions


def test_missions_are_newest_first_and_placeholders_are_none(log: Log) -> None:
    log.update("old", title="Old", created_at="2026-01-01T00:00:00Z")
    log.update("new", title="New")
    log.update("zone", created_at="2026-01-31T01:00:00+01:00")
    log.update("child", parent_id="placeholder")
    log.emit("node_log", node_id="log", level="info", message="")
    log.status("bare", "running")
    missions, total = log.tree.missions(10)
    assert [mission["mission_id"] for mission in missions] == ["bare", "new", "zone", "old"]
    assert total == 4
    assert [mission["mission_id"] for mission in log.tree.missions(2)[0]] == ["bare", "new"]
    assert log.tree.missions(2)[1] == 4
    assert missions[1] == {
        "mission_id": "new",
        "title": "New",
        "status": "draft",
        "rollup": log.tree.rollup("new"),
        "created_at": "2026-01-31T00:00:02.000000Z",
        "started_at": None,
        "ended_at": None,
    }


def test_missions_created_together_come_last_attached_first(log: Log) -> None:
    for node_id in "abc":
        log.update(node_id, created_at="2026-01-01T00:00:00Z")
    log.update("never", created_at=None)
    log.update("never", created_at=None)
    assert [mission["mission_id"] for mission in log.tree.missions(9)[0]] == ["c", "b", "a", "never"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda log: log.remove("b"), ["c", "a"]),
        (lambda log: log.update("c", parent_id="a"), ["b", "a"]),
        (lambda log: log.update("d"), ["d", "c", "b", "a"]),
        (lambda log: log.update("a", created_at="2027-01-01T00:00:00Z"), ["a", "c", "b"]),
        (lambda log: log.update("p", title="P"), ["p", "c", "b", "a"]),
        (lambda log: log.update("pc", parent_id=None), ["c", "b", "pc", "a"]),
    ],
)
def test_the_list_of_missions_follows_every_change(log: Log, change: Any, expected: list[str]) -> None:
    log.update("a")
    log.update("pc", parent_id="p")
    log.update("b")
    log.update("c")
    assert [mission["mission_id"] for mission in log.tree.missions(9)[0]] == ["c", "b", "a"]
    change(log)
    assert [mission["mission_id"] for mission in log.tree.missions(9)[0]] == expected


def test_a_mission_spans_all_below_it(log: Log) -> None:
    log.update("m", title="M")
    log.update("a", parent_id="m", status="running", started_at="2026-01-31T00:00:00+02:00")
    log.update("b", parent_id="m", status="completed")
    ((mission,), _) = log.tree.missions(1)
    assert mission["started_at"] == "2026-01-30T22:00:00.000000Z"
    assert mission["ended_at"] == "2026-01-31T00:00:03.000000Z"


# Many


def test_counts_hold_for_very_many_leaves(log: Log) -> None:
    each = 3000
    log.update("r")
    for status in STATUSES:
        for number in range(each):
            log.update(f"{status}/{number}", parent_id="r", status=status, progress=0.5)
    rollup = log.tree.rollup("r")
    assert rollup["counts"] == dict.fromkeys(STATUSES, each)
    assert rollup["leaves"] == rollup["total"] == 8 * each
    assert rollup["done"] == 4 * 500 * each + 3 * 1000 * each
    assert rollup["progress"] == rollup["done"] // (7 * each)


def test_nodes_beyond_200_000_are_counted_and_nothing_else(log: Log) -> None:
    log.update("r", title="R")
    for number in range(MAX_NODES - 1):
        log.update(f"r/{number}", parent_id="r", status="completed")
    assert len(log.tree) == MAX_NODES
    assert log.tree.rollup("r")["counts"] == {"completed": MAX_NODES - 1}
    before = list(log.tree.roots)
    log.update("more", parent_id="r")
    log.status("more", "running")
    log.emit("node_log", node_id="more", level="info", message="")
    log.emit("state_transition", to="ready", context={"node_id": "more"})
    log.update("r/5", parent_id="unknown")
    assert log.tree.overflow == 5
    assert log.tree.flagged == 0
    assert list(log.tree.roots) == before
    log.update("r/5", parent_id="r/6", title="moved")
    assert log.tree.parent("r/5") == "r/6"
    log.remove("r/5")
    log.update("more", parent_id="r", title="has a place now")
    assert log.tree.node("more")["parent_id"] == "r"
    assert (len(log.tree), log.tree.overflow) == (MAX_NODES, 5)
    log.update("r/5", title="back")
    assert log.tree.overflow == 6
    assert log.tree.is_removed("r/5")


def test_the_oldest_tombstones_leave(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_module, "MAX_TOMBSTONES", 3)
    for node_id in "abcde":
        log.remove(node_id)
    assert log.tree.state()["tombstones"] == ["c", "d", "e"]
    log.status("a", "running")
    assert "a" in log.tree


def test_a_state_with_everything_survives_the_wire(log: Log) -> None:
    log.update("r", title="R", expected=5)
    for number in range(50):
        log.update(
            f"r/{number}", parent_id="r", status=STATUSES[number % 8], params={"n": number}, metrics={"m": "NaN"}
        )
        log.emit("node_log", node_id=f"r/{number}", level="info", message="x")
    assert canonical(outcome(reloaded(log.tree))) == canonical(outcome(log.tree))


# What it costs


def test_nodes_are_hidden_from_the_garbage_collector(log: Log) -> None:
    def grow(first: int) -> None:
        for number in range(first, first + 1000):
            fields = {"title": "T", "params": {"a": {"b": [1]}}, "metrics": {"m": 1}, "status": "running"}
            log.update(f"n/{number}", parent_id=f"n/{number // 10}" if number else None, **fields)

    grow(0)
    gc.collect()
    assert not any(isinstance(each, Node) for each in gc.get_objects())
    before = len(gc.get_objects())
    grow(1000)
    gc.collect()
    assert len(gc.get_objects()) - before < 100


def test_what_is_let_go_is_freed_at_once_without_the_collector() -> None:
    def grow() -> Log:
        log = Log()
        for number in range(2000):
            log.update(f"n/{number}", parent_id=f"n/{number // 10}" if number > 10 else None, params={"a": number})
        return log

    grow()
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        log = grow()
        held = tracemalloc.get_traced_memory()[0] - before
        for root in log.tree.roots:
            log.remove(root)
        assert len(log.tree) == 0
        after_removal = tracemalloc.get_traced_memory()[0] - before
        del log
        after = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
        gc.enable()
    assert held > 500_000
    assert after_removal < held / 2
    assert after < held / 20
