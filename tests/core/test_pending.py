"""What is refused at publish is exactly what the fold would flag, also within a batch that isn't committed yet."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasktree_jupyter.core.pending import Pending
from tasktree_jupyter.core.shape import check_envelope
from tasktree_jupyter.core.tree import TaskTree
from tests.core.canonical import canonical, fold
from tests.core.sequences import deep_logs, logs, random_log
from tests.searching import examples


def numbered(*data: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"type": kind, "data": each, "timestamp": "2026-01-31T14:02:11Z", "source": "k", "offset": n, "at": n}
        for n, (kind, each) in enumerate(data, 1)
    ]


def update(node_id: str, changes: dict[str, Any] | None) -> tuple[str, dict[str, Any]]:
    return "node_update", {"node_id": node_id, "changes": changes}


def publish_in_batches(events: list[dict[str, Any]], sizes: list[int]) -> None:
    """Check batch by batch against a tree that stands still meanwhile, beside one that folds event by event."""
    behind, ahead = TaskTree(), TaskTree()
    valid = [e for e in events if isinstance(e["timestamp"], str) and check_envelope(e) is None]
    while valid:
        size = sizes.pop() if sizes else len(valid)
        batch, valid = valid[:size], valid[size:]
        pending = Pending()
        taken = []
        for event in batch:
            before = ahead.flagged
            ahead.apply(event)
            problem = pending.check(behind, event["type"], event["data"])
            if ahead.flagged > before:
                assert ahead.last_flagged is not None
                reason = ahead.last_flagged["reason"]
                assert problem is not None, f"{event} would be flagged: {reason}"
                assert problem.code == problem.reason == reason
                assert problem.field in ("data.changes.parent_id", "data.snapshot_id")
                assert problem.message
            else:
                assert problem is None, f"{event} would have its effect, but: {problem}"
                taken.append(event)
        fold(taken, behind)
        assert behind.flagged == 0
        assert [canonical(node) for node in behind.nodes()] == [canonical(node) for node in ahead.nodes()]


@given(logs(30) | deep_logs(10), st.lists(st.integers(1, 20), max_size=5))
@settings(max_examples=examples(60), deadline=None)
def test_refused_is_what_would_be_flagged(events: list[dict[str, Any]], sizes: list[int]) -> None:
    publish_in_batches(events, sizes)


@pytest.mark.parametrize("seed", range(20))
def test_so_it_is_for_long_logs(seed: int) -> None:
    for each in range(seed * 30, seed * 30 + 30):
        publish_in_batches(random_log(each, 120), [1 + each % 17] * 20)


@pytest.mark.parametrize(
    "steps",
    [
        # Removed and back elsewhere: its former parent's end isn't its own.
        [("p", {}), ("x", {}), ("a", {"parent_id": "p"}), ("a", None), ("a", {"title": "A"}), ("p", None)],
        [("p", {}), ("x", {}), ("a", {"parent_id": "p"}), ("a", {"parent_id": "x"}), ("p", None)],
        [("p", {}), ("x", {}), ("a", {"parent_id": "p"}), ("p", None), ("a", {"title": "A"})],
    ],
)
@pytest.mark.parametrize("sizes", [[20], [1, 20], [20, 3], [20, 4], [20, 5]])
def test_a_node_that_came_back_is_there(steps: list[Any], sizes: list[int]) -> None:
    then = [("x", {"parent_id": "a"}), ("a", {"parent_id": "x"}), ("p", {"title": "P"}), ("p", {"parent_id": "a"})]
    publish_in_batches(numbered(*(update(*step) for step in [*steps, *then])), list(sizes))


def test_without_pending_only_the_tree_counts() -> None:
    tree = fold(numbered(update("a", {}), update("b", {"parent_id": "a"})))
    kind, data = update("a", {"parent_id": "b"})
    problem = Pending().check(tree, kind, data)
    assert problem is not None
    assert problem.message == "'b' is 'a' itself or stands below it"
    assert Pending().check(tree, *update("c", {"parent_id": "b"})) is None
    assert "c" not in tree


def test_a_check_changes_nothing() -> None:
    tree = fold(numbered(update("a", {}), update("gone", None)))
    before = canonical([tree.state(), list(tree.nodes())])
    pending = Pending()
    for kind, data in (update("b", {"parent_id": "a"}), update("a", None), update("gone", {"title": "back"})):
        assert pending.check(tree, kind, data) is None
    assert canonical([tree.state(), list(tree.nodes())]) == before


def test_a_snapshot_id_is_taken_within_the_batch() -> None:
    tree, pending = TaskTree(), Pending()
    assert pending.check(tree, "mission_snapshot", {"snapshot_id": "s"}) is None
    problem = pending.check(tree, "mission_snapshot", {"snapshot_id": "s"})
    assert problem is not None
    assert (problem.code, problem.field) == ("duplicate", "data.snapshot_id")


def test_a_snapshot_may_be_changed_in_the_batch_that_makes_it_and_not_after_it_is_removed() -> None:
    tree, pending = TaskTree(), Pending()
    update = {"snapshot_id": "s", "changes": {"name": "n"}}

    before = pending.check(tree, "snapshot_update", update)
    made = pending.check(tree, "mission_snapshot", {"snapshot_id": "s"})
    changed = pending.check(tree, "snapshot_update", update)
    removed = pending.check(tree, "snapshot_update", {"snapshot_id": "s", "changes": None})
    after = pending.check(tree, "snapshot_update", update)
    again = pending.check(tree, "mission_snapshot", {"snapshot_id": "s"})

    assert (made, changed, removed) == (None, None, None)
    assert before is not None
    assert after is not None
    assert again is not None
    assert (before.code, after.code, again.code) == ("unknown_snapshot", "unknown_snapshot", "duplicate")
