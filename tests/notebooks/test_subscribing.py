"""notebooks/subscribing.ipynb: what was heard is what happened, by callback, by loop and by waiting."""

from __future__ import annotations

import pytest

from tests.client.hub import Hub
from tests.notebooks.executing import Executed, execute

STEPS = [("load", "running"), ("load", "completed"), ("train", "running"), ("train", "completed")]


@pytest.fixture(scope="module")
def executed(hub: Hub) -> Executed:
    computed = "{'heard': heard, 'failed': failed, 'steps': steps, 'ended': ended, 'closed': subscription.closed}"
    return execute(hub, "subscribing.ipynb", computed)


def test_the_callback_heard_the_transitions_in_the_order_of_the_log(executed: Executed) -> None:
    logged = [event["data"] for event in executed.events if event["type"] == "state_transition"]
    assert executed.computed["heard"] == logged
    assert [(data["context"]["node_id"], data["to"]) for data in logged] == [(f"pipeline/{a}", b) for a, b in STEPS]


def test_the_failure_was_told_once_where_it_began(executed: Executed) -> None:
    assert executed.computed["failed"] == ["publish"]


def test_the_loop_heard_the_past_from_the_beginning(executed: Executed) -> None:
    assert executed.computed["steps"] == [[f"pipeline/{name}", to] for name, to in STEPS]


def test_waiting_ended_with_the_task(executed: Executed) -> None:
    assert executed.computed["ended"] == "completed"
    titles = {node["title"]: node["status"] for node in executed.state["nodes"]}
    assert titles == {
        "Pipeline": "completed",
        "publish": "failed",
        "load": "completed",
        "train": "completed",
        "In the background": "completed",
    }
    assert executed.computed["closed"]


def test_nothing_was_dropped_or_flagged(executed: Executed) -> None:
    state = executed.state["state"]
    assert (state["dropped"], state["flagged"]["count"], state["overflow"]) == (0, 0, 0)
