"""`demo`: of the size, the shape and the chance that were asked for; believable; ended cleanly however it ends."""

from __future__ import annotations

import os
import re
import signal
import time
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from tasktree_jupyter.cli.demo import play, playing
from tasktree_jupyter.client import session as sessions
from tasktree_jupyter.client.session import Session
from tasktree_jupyter.core.status import ENDED
from tests.cli.conftest import VARIABLE, Command, beside, enter
from tests.client.hub import PATIENCE, Hub

SHAPES = ("search", "etl", "agents")


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch, nowhere: Hub) -> Iterator[Session]:
    """This process's session, made anew, without a server."""
    enter(monkeypatch, nowhere)
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.chdir(nowhere.folder)
    fresh = Session()
    monkeypatch.setattr(sessions, "_session", fresh)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fresh.check_in()
        yield fresh
    fresh.close()


def played(session: Session, **options: Any) -> list[dict[str, Any]]:
    """Play into a project of its own, as fast as possible; return its nodes."""
    mission = play(rate=0, **options)
    with session.project(options.get("project", "demo")).read() as tree:
        return [tree.node(node_id) for node_id in tree.walk(mission.mission_id)]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_run_has_as_many_tasks_as_were_asked_for_and_they_all_end(session: Session, shape: Any) -> None:
    for tasks in (5, 6, 7, 8, 9, 13, 20, 41, 123, 640):
        nodes = played(session, tasks=tasks, seed=tasks, fail=0.1, shape=shape)
        assert len(nodes) == tasks
        assert all(node["status"] in ENDED for node in nodes)
        assert not any(node.get("placeholder") for node in nodes)
        assert nodes[0]["status"] == "completed"


@pytest.mark.parametrize("tasks", [12, 1000, 10_000])
def test_a_run_of_any_size_has_failures_attempts_agents_logs_params_and_metrics(session: Session, tasks: int) -> None:
    nodes = played(session, tasks=tasks, seed=2, fail=0.5 if tasks < 100 else 0.002)
    assert len(nodes) == tasks
    failed = [node for node in nodes if node["status"] == "failed"]
    assert 1 <= len(failed) <= 50
    assert all(node["error"]["traceback"] and node["params"] for node in failed)
    assert any(node.get("log") for node in nodes)
    assert any(node.get("message") and node.get("metrics") and node.get("agent") for node in nodes)
    if tasks > 100:
        assert any(node.get("attempt", 1) > 1 for node in nodes)


def test_a_run_of_any_size_ends_within_minutes_unless_a_rate_is_asked_for() -> None:
    assert playing.usual_rate(60) == 8
    for tasks in (12, 1000, 10_000, 100_000):
        assert tasks / playing.usual_rate(tasks) <= 300


def test_agents_tell_what_they_have_spent(session: Session) -> None:
    nodes = played(session, tasks=80, seed=1, fail=0, shape="agents")
    spent = [node["metrics"] for node in nodes if node.get("kind") == "tool"]
    assert all(each["tokens"] > 0 and each["cost"] > 0 for each in spent)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_seed_tells_the_same_run(session: Session, shape: Any) -> None:
    def told(project: str, seed: int) -> list[Any]:
        told: list[Any] = []
        session.project(project).listen(lambda events: told.extend(events))
        nodes = played(session, tasks=90, seed=seed, fail=0.1, shape=shape, project=project)
        with session.project(project).read():
            text = repr([(event["type"], event["data"]) for event in told])
        return [text.replace(nodes[0]["node_id"], "M"), len(told)]

    def without_ids(text: str) -> str:
        return re.sub(r"'snapshot_id': '[^']+'", "", text)

    one, same, other = told("one", 7), told("two", 7), told("three", 8)
    assert without_ids(one[0]) == without_ids(same[0])
    assert without_ids(one[0]) != without_ids(other[0])
    assert one[1] > 90


def test_failures_are_as_likely_as_asked_and_read_like_real_ones(session: Session) -> None:
    none = played(session, tasks=60, seed=1, fail=0)
    assert not [node for node in none if node["status"] == "failed"]
    every = [node for node in played(session, tasks=60, seed=1, fail=1) if node["title"].startswith("fit ")]
    assert every
    assert {node["status"] for node in every} == {"failed"}
    for node in every:
        trace = node["error"]["traceback"]
        assert re.search(r'File "(sklearn|joblib)/[\w/]+\.py", line \d+, in \w+\n    \S', trace)
        assert trace.rstrip().endswith(node["error"]["message"])
        assert os.path.dirname(__file__) not in trace
        assert "tasktree_jupyter" not in trace
    some = played(session, tasks=2000, seed=1, fail=0.05)
    assert 50 <= sum(node["status"] == "failed" for node in some) <= 150
    assert any(node.get("attempt") == 2 and node["status"] == "completed" for node in some)


def test_a_run_has_what_the_views_show(session: Session) -> None:
    nodes = {node["title"]: node for node in played(session, tasks=200, seed=3)}
    assert [*nodes][:2] == ["Grid search", "load data"]
    fit = nodes["fit 9"]
    assert fit["agent"].startswith("worker-")
    assert set(fit["params"]) == {"max_depth", "min_samples", "imputer"} or "imputer" not in fit["params"]
    assert 0.8 < fit["metrics"]["auc"] < 0.95
    assert nodes["evaluate"]["dependencies"] == [nodes["fit"]["node_id"]]
    assert nodes["fit"]["metrics"]["best_auc"] == max(
        node["metrics"]["auc"] for node in nodes.values() if node["title"].startswith("fit ") and "error" not in node
    )
    with session.project("demo").read() as tree:
        state = tree.state()
    assert [each["name"] for each in state["snapshots"].values()] == ["before tuning", "first 88"]
    assert state["flagged"]["count"] == 0
    (agents,) = state["agents"].values()
    assert "agents" in agents


def test_a_rate_is_kept(session: Session) -> None:
    began = time.monotonic()
    play(tasks=20, rate=20, seed=1)
    assert time.monotonic() - began > 0.5


def test_an_interrupt_leaves_a_cancelled_run_and_nothing_open(hub: Hub) -> None:
    playing = beside(hub, "demo", "--project", "interrupted", "--tasks", "500", "--rate", "30", "--seed", "1")
    until = time.monotonic() + PATIENCE
    while not any(each["project_id"] == "interrupted" and each["offset"] > 60 for each in hub.projects()):
        assert time.monotonic() < until
    playing.send_signal(signal.SIGINT)
    _, err = playing.communicate(timeout=PATIENCE)
    assert playing.returncode == 130, err
    assert "cancelled" in err
    nodes = [*hub.nodes("interrupted").values()]
    assert (nodes[0]["status"], nodes[0]["reason"]) == ("cancelled", "KeyboardInterrupt")
    assert not [node for node in nodes if node["status"] == "running"]
    assert [node for node in nodes if node["status"] == "completed"]


def test_a_large_run_arrives_whole(hub: Hub, tasktree: Command) -> None:
    playing = beside(hub, "demo", "--project", "large", "--tasks", "3000", "--rate", "0", "--seed", "1")
    out, err = playing.communicate(timeout=PATIENCE)
    assert playing.returncode == 0, err
    assert "jupyter tasktree show large" in out
    nodes = [*hub.nodes("large").values()]
    assert len(nodes) == 3000
    assert all(node["status"] in ENDED for node in nodes)
    assert "fit" in tasktree("show", "large").out


def test_without_a_server_the_tree_is_printed(nowhere: Hub) -> None:
    out, err = beside(nowhere, "demo", "--local", "--tasks", "12", "--rate", "0", "--fail", "0").communicate(timeout=60)
    assert err == ""
    assert "✓ Grid search" in out
    assert "└─ ✓ report" in out
