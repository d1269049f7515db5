"""notebooks/several-notebooks.ipynb: two kernels write into one project, and each hears the other."""

from __future__ import annotations

import pytest

from tests.client.hub import Hub
from tests.notebooks.executing import Executed, execute


@pytest.fixture(scope="module")
def executed(hub: Hub) -> Executed:
    computed = "{'extract': extract.id, 'transform': transform, 'heard': heard, 'ended': ended}"
    return execute(hub, "several-notebooks.ipynb", computed)


def test_both_runs_are_in_the_project_by_its_name(executed: Executed) -> None:
    assert executed.project_id == "nightly-etl"
    assert executed.tree(executed.computed["extract"]) == [
        (0, "Extract", "completed"),
        (1, "customers", "completed"),
        (1, "orders", "completed"),
    ]
    assert executed.tree(executed.computed["transform"]) == [
        (0, "Transform", "completed"),
        (1, "join", "completed"),
        (1, "aggregate", "completed"),
    ]
    info = executed.hub.ask("projects/nightly-etl")
    assert [mission["title"] for mission in info["missions"]] == ["Transform", "Extract"]


def test_they_came_from_two_kernels(executed: Executed) -> None:
    sources = {event["source"] for event in executed.events}
    assert len(sources) == 2
    roots = [executed.nodes()[executed.computed[name]] for name in ("extract", "transform")]
    assert len({root["source"]["pid"] for root in roots}) == 2


def test_the_first_notebook_heard_the_second_in_the_order_of_the_log(executed: Executed) -> None:
    logged = [
        event["data"]["node_id"]
        for event in executed.events
        if event["type"] == "node_update" and event["data"]["changes"].get("status") == "completed"
    ]
    assert executed.computed["heard"] == logged
    assert executed.computed["heard"][-1] == executed.computed["transform"]
    assert executed.computed["ended"] == "completed"


def test_the_second_began_when_it_had_heard_of_what_it_needs(executed: Executed) -> None:
    about = {event["data"]["node_id"]: event["offset"] for event in reversed(executed.events)}
    orders = [event for event in executed.events if event["data"]["node_id"].endswith("/orders")]
    assert about[executed.computed["transform"]] > orders[-1]["offset"]


def test_the_frame_says_who_did_what(executed: Executed) -> None:
    shown = executed.shown("frame")
    assert "[customers, orders]" in shown
    assert "[join, aggregate]" in shown


def test_the_last_cell_shows_the_other_ones_run(executed: Executed) -> None:
    (*_, view) = executed.bundles()
    assert (view["mission_id"], view["follow"]) == (executed.computed["transform"], True)


def test_nothing_was_dropped_or_flagged(executed: Executed) -> None:
    state = executed.state["state"]
    assert (state["dropped"], state["flagged"]["count"], state["overflow"]) == (0, 0, 0)
