"""Which tasks that are said to run nobody hears, and of how many groups and runs they are a part."""

from __future__ import annotations

from tasktree_jupyter.core.stale import is_stale, stale_leaves
from tasktree_jupyter.core.tree import TaskTree


def test_running_leaves_are_counted_with_all_that_is_above_them() -> None:
    tree = TaskTree()
    for node_id, parent_id, status in (
        ("run", None, "running"),
        ("group", "run", "running"),
        ("a", "group", "running"),
        ("b", "group", "running"),
        ("next", "group", "ready"),
        ("empty", "run", "running"),
        ("alone", None, "running"),
        ("over", None, "completed"),
    ):
        changes = {"status": status} | ({"parent_id": parent_id} if parent_id else {})
        data = {"node_id": node_id, "changes": changes}
        tree.apply({"type": "node_update", "data": data, "timestamp": "2026-01-31T14:02:00Z"})

    counts = stale_leaves(tree, ["run", "group", "a", "next", "empty", "alone", "over", "no such task"])

    assert counts == {"a": 1, "group": 1, "run": 2, "empty": 1, "alone": 1}


def test_a_run_is_stale_only_where_nothing_that_runs_in_it_is_heard() -> None:
    assert is_stale("running", {"running": 2, "completed": 5}, 2)
    assert not is_stale("running", {"running": 2}, 1)
    assert not is_stale("running", {"running": 2, "review": 1}, 2)
    assert not is_stale("running", {}, 0)
    assert not is_stale("failed", {"running": 2}, 2)
