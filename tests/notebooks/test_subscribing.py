"""notebooks/subscribing.ipynb: what was heard is what happened, by callback, by loop and by waiting."""

from __future__ import annotations

import pytest

from tests.client.hub import Hub
from tests.notebooks.executing import Executed, execute

STEPS = [("load", "running"), ("load", "completed"), ("train", "running"), ("train", "completed")]


@pytest.fixture(scope="module")
def executed(hub: Hub) -> Executed:
    computed = (
        "{'run': pipeline.id, 'heard': heard, 'failed': failed, 'steps': steps, 'ended': ended,"
        " 'closed': subscription.closed}"
    )
    return execute(hub, "subscribing.ipynb", computed)


def test_the_callback_heard_the_transitions_in_the_order_of_the_log(executed: Executed) -> None:
    logged = [event["data"] for event in executed.events if event["type"] == "state_transition"]
    run = executed.computed["run"]
    assert executed.computed["heard"] == logged
    assert [(data["context"]["node_id"], data["to"]) for data in logged] == [(f"{run}/{a}", b) for a, b in STEPS]


def test_the_failure_was_told_once_where_it_began(executed: Executed) -> None:
    assert executed.computed["failed"] == ["publish"]


def test_its_tree_is_the_pipeline_with_its_steps(executed: Executed) -> None:
    assert executed.tree(executed.computed["run"]) == [
        (0, "Pipeline", "completed"),
        (1, "load", "completed"),
        (1, "train", "completed"),
        (1, "publish", "failed"),
    ]


def test_the_loop_heard_the_past_from_the_beginning(executed: Executed) -> None:
    assert executed.computed["steps"] == [[f"{executed.computed['run']}/{name}", to] for name, to in STEPS]


def test_waiting_ended_with_the_task(executed: Executed) -> None:
    assert executed.computed["ended"] == "completed"
    (background,) = [node for node in executed.state["nodes"] if node["title"] == "In the background"]
    assert (background["status"], background.get("parent_id")) == ("completed", None)
    assert executed.computed["closed"]


def test_nothing_was_dropped_or_flagged(executed: Executed) -> None:
    state = executed.state["state"]
    assert (state["dropped"], state["flagged"]["count"], state["overflow"]) == (0, 0, 0)
