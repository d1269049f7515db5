"""notebooks/emitting.ipynb: every way of telling ends up as the tree that its text promises."""

from __future__ import annotations

import pytest

from tests.client.hub import Hub
from tests.notebooks.executing import Executed, execute


@pytest.fixture(scope="module")
def executed(hub: Hub) -> Executed:
    roots = "load", "cleaning", "rates", "scoring"
    return execute(hub, "emitting.ipynb", f"{{{', '.join(f'{name!r}: {name}.id' for name in roots)}}}")


def test_blocks_are_tasks_with_what_was_told_about_them(executed: Executed) -> None:
    load = executed.computed["load"]
    assert executed.tree(load) == [
        (0, "Load", "completed"),
        (1, "read customers", "completed"),
        (1, "read orders", "completed"),
        (1, "read items", "completed"),
    ]
    orders = executed.nodes()[f"{load}/orders"]
    told = {key: orders[key] for key in ("kind", "params", "metrics", "message")}
    assert told == {"kind": "query", "params": {"table": "orders"}, "metrics": {"rows": 6000}, "message": "done"}
    assert orders["log"]["last"]["message"] == "orders is complete"


def test_calls_and_loops_are_children_of_the_run(executed: Executed) -> None:
    titles = [row[1:] for row in executed.tree(executed.computed["cleaning"])]
    assert titles == [("Clean", "completed"), ("days", "completed"), *[("clean", "completed")] * 7]
    loop = next(node for node in executed.nodes().values() if node["title"] == "days")
    assert loop["message"] == "7 of 7"
    assert executed.nodes()[executed.computed["cleaning"]]["metrics"] == {"rows": 280}


def test_a_failure_is_in_the_log_and_the_second_attempt_in_the_tree(executed: Executed) -> None:
    rates = executed.computed["rates"]
    node = executed.nodes()[f"{rates}/rates"]
    assert (node["status"], node["attempt"], node["params"]) == ("completed", 2, {"attempt": 2})
    errors = [event["data"]["changes"].get("error") for event in executed.events if event["type"] == "node_update"]
    assert [error["message"] for error in errors if error] == ["the bank is closed"]
    assert executed.nodes()[rates]["log"]["counts"] == {"warning": 1}


def test_threads_found_their_run_and_named_their_agents(executed: Executed) -> None:
    scoring = executed.computed["scoring"]
    agents = {node_id: node.get("agent") for node_id, node in executed.nodes().items() if scoring in node_id}
    expected = {f"{scoring}/part-{number}": f"worker-{number % 2}" for number in range(6)}
    assert agents == {scoring: None, **expected}


def test_scripted_events_made_a_tree_and_named_the_agents(executed: Executed) -> None:
    assert executed.tree("etl") == [
        (0, "ETL, told from outside", "completed"),
        (1, "load", "completed"),
        (1, "check", "completed"),
    ]
    assert executed.nodes()["etl/check"]["dependencies"] == ["etl/load"]
    (agents,) = executed.state["state"]["agents"].values()
    assert set(agents["agents"]) == {"planner", "loader"}
    (orchestrator,) = executed.state["state"]["orchestrators"].values()
    assert orchestrator["status"] == "stopped"
    assert [event["data"] for event in executed.events if event["type"] == "report.sent"] == [
        {"to": "the team", "pages": 3}
    ]


def test_the_mistake_was_warned_about_under_its_cell_and_not_sent(executed: Executed) -> None:
    warning = executed.printed("mistakes", "stderr")
    assert "TaskTreeWarning" in warning
    assert "status" in warning
    assert "'finished'" in warning
    assert executed.printed("mistakes") == "and the cell goes on\n"
    assert "finished" not in [event["data"].get("status") for event in executed.events]


def test_nothing_was_dropped_or_flagged(executed: Executed) -> None:
    state = executed.state["state"]
    assert (state["dropped"], state["flagged"]["count"], state["overflow"]) == (0, 0, 0)


def test_the_file_shows_each_run_under_its_cell(executed: Executed) -> None:
    *runs, last = [bundle["mission_id"] for bundle in executed.bundles()]
    assert runs == [executed.computed[name] for name in ("load", "cleaning", "rates", "scoring")]
    assert last == runs[-1]
