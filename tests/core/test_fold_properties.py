"""Whatever a log holds: one state, the same by every way to it."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasktree_jupyter.core import tree as tree_module
from tasktree_jupyter.core.times import parse_time
from tasktree_jupyter.core.tree import TaskTree
from tests.core.canonical import canonical, fold, outcome, reloaded, wire
from tests.core.reference import Reference
from tests.core.sequences import deep_logs, logs, random_log
from tests.searching import examples

ANY_LOG = logs() | deep_logs()
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=8), below, max_size=4),
    max_leaves=12,
)


def seen(tree: TaskTree | Reference) -> list[str]:
    nodes = tree.nodes(rollups=True) if isinstance(tree, TaskTree) else tree.nodes()
    return [canonical(tree.state()), *map(canonical, nodes)]


@given(ANY_LOG)
@settings(max_examples=examples(50), deadline=None)
def test_the_tree_is_what_the_plain_way_gives_after_every_event(events: list[dict[str, Any]]) -> None:
    tree, reference = TaskTree(), Reference()
    for event in events:
        tree.apply(event)
        reference.apply(event)
    assert seen(tree) == seen(reference)


@pytest.mark.parametrize("seed", range(0, 3000, 300))
def test_so_it_is_for_long_logs(seed: int) -> None:
    for each in range(seed, seed + 40):
        tree, reference = TaskTree(), Reference()
        for event in random_log(each, 150):
            tree.apply(event)
            reference.apply(event)
        assert seen(tree) == seen(reference), f"seed {each}"


@given(logs(60))
@settings(max_examples=examples(30), deadline=None)
def test_so_it_is_when_nodes_and_tombstones_have_reached_their_number(events: list[dict[str, Any]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tree_module, "MAX_NODES", 4)
        patch.setattr(tree_module, "MAX_TOMBSTONES", 2)
        tree, reference = TaskTree(), Reference(max_nodes=4, max_tombstones=2)
        for event in events:
            tree.apply(event)
            reference.apply(event)
    assert seen(tree) == seen(reference)
    assert len(tree) <= 4


@given(ANY_LOG, st.data())
@settings(max_examples=examples(40), deadline=None)
def test_a_tree_loaded_from_the_wire_folds_on_to_the_same(events: list[dict[str, Any]], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(events)))
    resumed = fold(events[cut:], reloaded(fold(events[:cut])))
    assert seen(resumed) == seen(fold(events))
    assert wire(resumed) == wire(reloaded(resumed))


@given(ANY_LOG)
@settings(max_examples=examples(30), deadline=None)
def test_spans_that_are_kept_up_to_date_are_those_worked_out_anew(events: list[dict[str, Any]]) -> None:
    tree, reference = TaskTree(), Reference()
    for event in events:
        tree.apply(event)
        reference.apply(event)
        for node_id in tree.walk():
            started, ended = tree.span(node_id)
            assert (parse_time(started), parse_time(ended)) == reference.span(node_id)


@given(ANY_LOG)
@settings(max_examples=examples(30), deadline=None)
def test_every_way_of_reading_says_the_same(events: list[dict[str, Any]]) -> None:
    tree = fold(events)
    assert len(tree) == len(list(tree.walk())) == len(set(tree.walk()))
    for node_id in tree.walk():
        assert node_id in tree
        assert json.loads(tree.node_bytes(node_id)) == tree.node(node_id)
        assert tree.node(node_id).get("parent_id") == tree.parent(node_id)
        assert all(tree.parent(child) == node_id for child in tree.children(node_id))
        assert next(tree.walk(node_id)) == node_id
        assert None not in tree.node(node_id).values()
    assert [node_id for node_id in tree.walk() if tree.parent(node_id) is None] == list(tree.roots)


@given(ANY_LOG)
@settings(max_examples=examples(50), deadline=None)
def test_an_event_is_never_changed_and_a_state_handed_out_stays_as_it_was(events: list[dict[str, Any]]) -> None:
    tree = TaskTree()
    for event in events:
        before, state = copy.deepcopy(event), tree.state()
        text = canonical(state)
        tree.apply(event)
        assert canonical(event) == canonical(before)
        assert canonical(state) == text


TYPES = st.sampled_from([*tree_module._RULES, "custom", "Bad"])


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "type": TYPES | ANY_JSON,
                "data": st.dictionaries(
                    st.sampled_from(
                        ["task_id", "node_id", "status", "changes", "to", "context", "agents", "snapshot_id"]
                    )
                    | st.text(max_size=4),
                    st.sampled_from(["a", "b", "running"])
                    | st.dictionaries(st.sampled_from(["parent_id", "title", "x", "metrics"]), ANY_JSON | st.just("b"))
                    | ANY_JSON,
                )
                | ANY_JSON,
                "timestamp": st.just("2026-01-31T14:02:11Z") | ANY_JSON,
                "source": st.just("k") | ANY_JSON,
                "offset": ANY_JSON,
                "at": ANY_JSON,
            },
        ),
        max_size=12,
    )
)
@settings(max_examples=examples(50), deadline=None)
def test_nothing_raises(events: list[dict[str, Any]]) -> None:
    tree = fold(events)
    outcome(tree)
    for event in events:
        data = event.get("data")
        if isinstance(event.get("type"), str) and isinstance(data, dict):
            tree.missions(3)
