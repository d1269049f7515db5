"""`on_attention`: once for each thing that somebody should look at, whoever it happened to."""

from __future__ import annotations

import json
import threading
import time
import warnings
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

import tasktree_jupyter as tt
from tasktree_jupyter.client.session import Session
from tasktree_jupyter.client.slower import SlowSiblings
from tasktree_jupyter.core.times import parse_time
from tasktree_jupyter.core.tree import TaskTree
from tests.client.conftest import Run, Start
from tests.client.hub import TOKEN, Hub


class Told:
    def __init__(self) -> None:
        self.all: list[tt.Attention] = []
        self._news = threading.Condition()

    def __call__(self, attention: tt.Attention) -> None:
        with self._news:
            self.all.append(attention)
            self._news.notify_all()

    def wait(self, count: int) -> list[str]:
        with self._news:
            assert self._news.wait_for(lambda: len(self.all) >= count, 20), self.all
        return [f"{each.kind} {each}" for each in self.all]


def fits(*errors: Exception) -> None:
    with tt.task("search"):
        for place, error in enumerate(errors):
            with pytest.raises(type(error)), tt.task(f"fit {place}"):
                raise error


def test_failures_are_told_once_a_kind_and_run_and_ends_as_they_come(session: Session) -> None:
    told = Told()
    with tt.on_attention(told):
        fits(*(ValueError(f"row {n} is bad") for n in range(20)), KeyError("price"))
        fits(ValueError("row 7 is bad"))
        sentences = told.wait(5)
    assert sentences[0] == "failed fit 0 in search: ValueError: row 0 is bad"
    assert sentences[1] == "failed fit 20 in search: KeyError: 'price'"
    assert sentences[2].startswith("ended search: completed after ")
    assert sentences[2].endswith(", 21 failures")
    assert sentences[3] == "failed fit 0 in search: ValueError: row 7 is bad"
    assert len(sentences) == 5
    assert told.all[0].mission["title"] == "search"
    assert told.all[2].node is told.all[2].mission


def test_only_the_kinds_asked_for_are_told(session: Session) -> None:
    told = Told()
    with tt.on_attention(told, kinds=["ended"]):
        fits(ValueError("bad"))
        fits()
        told.wait(2)
    assert [each.kind for each in told.all] == ["ended", "ended"]


def test_a_run_that_takes_longer_than_its_namesakes_is_told_once(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasktree_jupyter.client.attention._EVERY", 0.02)
    now = datetime.now(UTC)

    def run(name: str, seconds: float, ago: float, status: str, title: str = "nightly", size: int = 1) -> None:
        start = now - timedelta(seconds=ago)
        times = {"started_at": start.isoformat(), "created_at": start.isoformat()}
        if status == "completed":
            times["ended_at"] = (start + timedelta(seconds=seconds)).isoformat()
        changes = {"title": title, "status": status, "expected": size, **times}
        tt.emit("node_update", node_id=name, changes=changes)

    told = Told()
    with tt.on_attention(told, kinds=["slow"]):
        run("one", 200, 2000, "completed")
        run("two", 240, 1000, "completed")
        run("other", 10, 900, "completed", title="another")
        run("in time", 0, 230, "running")
        run("far larger", 0, 370, "running", size=10)
        run("late", 0, 360, "running")
        told.wait(1)
        # Many looks later.
        time.sleep(0.2)
    [attention] = told.all
    assert str(attention) == "nightly: running for 6:00, usually 3:40"
    assert attention.node["node_id"] == "late"


def test_a_task_that_is_tried_again_and_again_is_told_once_for_its_group(session: Session) -> None:
    def change(node: str, **changes: Any) -> None:
        tt.emit("node_update", node_id=node, changes=changes)

    told = Told()
    with tt.on_attention(told, kinds=["retry_loop"]):
        change("run", title="run", status="running")
        for upload in ("upload 1", "upload 2"):
            for status in ("running", "failed", "ready", "running", "failed"):
                change(upload, title=upload, parent_id="run", status=status)
        change("upload 1", status="ready")
        assert told.wait(1) == ["retry_loop upload 1 in run: attempt 3"]
        change("upload 2", status="ready")
        change("old", title="old", status="failed", attempt=7)
        change("alone", title="alone", status="running", attempt=3)
        assert told.wait(2)[1:] == ["retry_loop alone: attempt 3"]


def test_an_agent_that_falls_silent_is_told_once(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasktree_jupyter.client.attention._EVERY", 0.02)
    began = datetime.now(UTC) - timedelta(seconds=600)
    heartbeat = (datetime.now(UTC) - timedelta(seconds=300)).isoformat()
    told = Told()
    with tt.on_attention(told, kinds=["silent_agent"]):
        for node, agent in (("run", None), ("scrape", "mute"), ("write", "alive")):
            parent = None if node == "run" else "run"
            changes = {"title": node, "parent_id": parent, "status": "running", "agent": agent}
            tt.emit("node_update", node_id=node, changes=changes | {"started_at": began.isoformat()})
        agents: dict[str, dict[str, Any]] = {
            "mute": {"last_heartbeat": heartbeat, "heartbeat_interval": 0.1},
            "alive": {"last_heartbeat": heartbeat},
            "patient": {"last_heartbeat": heartbeat, "heartbeat_interval": 200},
            "done": {"last_heartbeat": heartbeat, "status": "idle"},
            "fresh": {},
        }
        tt.emit("coordination_update", agents=agents)
        # An event about its own task is a sign of life.
        tt.emit("node_update", node_id="write", changes={"progress": 0.5})
        [sentence] = told.wait(1)
        # Many looks later.
        time.sleep(0.2)
    assert sentence.startswith("silent_agent scrape in run: agent mute silent for 0.")
    assert len(told.all) == 1


def test_the_slowest_of_siblings_that_are_alike_is_told_once(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasktree_jupyter.client.attention._EVERY", 0.02)
    now = datetime.now(UTC)

    def task(title: str, ago: float, seconds: float | None = None, status: str = "completed") -> None:
        start = now - timedelta(seconds=ago)
        times = {"started_at": start.isoformat()}
        if seconds is not None:
            times["ended_at"] = (start + timedelta(seconds=seconds)).isoformat()
        changes = {"title": title, "parent_id": "run", "status": "running" if seconds is None else status, **times}
        tt.emit("node_update", node_id=title, changes=changes)

    told = Told()
    with tt.on_attention(told, kinds=["slow_sibling"]):
        tt.emit("node_update", node_id="run", changes={"title": "run", "status": "running"})
        for city in ("Berlin", "Tokyo", "Rome", "New York", "Oslo", "Lima", "Quito"):
            task(f"scrape {city}", 900, 4)
            task(f"scrape skipped {city}", 900, 0.1, "skipped")
            task(f"report {city}", 900, 100)
        task("report Paris", 900, 100)
        task("scrape Atlantis", 600)
        task("scrape Utopia", 500)
        task("report Atlantis", 290)
        task("index Atlantis", 600)
        # Many looks, and seven aren't enough.
        time.sleep(0.2)
        task("scrape Paris", 900, 4)
        [sentence] = told.wait(1)
        time.sleep(0.2)
    assert sentence == "slow_sibling scrape Atlantis in run: running for 10:00, others like it 4.0 s"
    assert len(told.all) == 1


def test_of_many_siblings_each_kind_is_measured_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasktree_jupyter.client.slower._SAMPLE", 8)
    tree = TaskTree()

    def task(title: str, status: str, timestamp: str) -> None:
        changes = {"title": title, "parent_id": "run", "status": status}
        tree.apply({"type": "node_update", "timestamp": timestamp, "data": {"node_id": title, "changes": changes}})

    def finished(title: str) -> None:
        task(title, "running", "2026-01-31T14:00:00Z")
        task(title, "completed", "2026-01-31T14:00:02Z")

    # In turns, and a kind that is rare.
    for number in range(200):
        finished(f"load {number}")
        finished(f"fit {number}")
        if number % 25 == 0:
            finished(f"report {number}")
    for kind in ("load", "fit", "report"):
        task(f"{kind} 999", "running", "2026-01-31T14:00:00Z")
    now = parse_time("2026-01-31T14:01:00Z")
    assert now is not None
    found = [*SlowSiblings().found(tree, now, ())]
    assert found == [(f"{kind} 999", 60_000_000, 2_000_000) for kind in ("load", "fit", "report")]


def test_what_the_callback_raises_is_told_once_and_the_others_are_still_told(session: Session) -> None:
    told = Told()

    def callback(attention: tt.Attention) -> None:
        told(attention)
        raise KeyError("mine")

    with tt.on_attention(callback):
        fits(ValueError("bad"))
        told.wait(2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tt.emit("my.event")
    [warning] = caught
    assert "A callback given to on_attention raised KeyError" in str(warning.message)


def test_after_close_nothing_is_told(session: Session) -> None:
    told, other = Told(), Told()
    watch = tt.on_attention(told)
    with tt.on_attention(other):
        watch.close()
        fits(ValueError("bad"))
        other.wait(2)
    assert told.all == []
    assert watch.closed


def test_what_cannot_be_called_and_kinds_that_are_none_are_refused(session: Session) -> None:
    nothing: Any = None
    late: Any = "late"
    with pytest.raises(TypeError, match="callable"):
        tt.on_attention(nothing)
    with pytest.raises(ValueError, match="'late'"):
        tt.on_attention(print, kinds=["failed", late])


LISTENER = """
import tasktree_jupyter as tt
tt.on_attention(lambda attention: print(attention.kind, attention, flush=True), project="watched")
# What is emitted after it is sent when the server has it.
tt.emit("my.event", project="watched")
assert tt.flush(30)
print("listening", flush=True)
input()
"""


def test_another_notebooks_run_is_told_by_kinds(start: Start, run: Run, hub: Hub) -> None:
    listener = start(LISTENER, hub)
    assert listener.line() == "listening"
    run(
        """
import tasktree_jupyter as tt
with tt.task("search", project="watched"):
    for n in range(100):
        try:
            with tt.task(f"fit {n}"): raise ValueError(f"row {n} is bad")
        except ValueError: pass
assert tt.flush(30)
""",
        hub,
    )
    assert listener.line() == "failed fit 0 in search: ValueError: row 0 is bad"
    ended = listener.line()
    assert ended.startswith("ended search: completed after ")
    assert ended.endswith(", 100 failures")


def test_a_process_that_isnt_heard_is_told_with_its_tasks(
    start: Start, tmp_path_factory: pytest.TempPathFactory
) -> None:
    hub = Hub(tmp_path_factory.mktemp("silent") / "hub")
    hub.start("--TaskTreeExtension.source_silence=1")
    try:
        listener = start(LISTENER, hub)
        assert listener.line() == "listening"
        with connect(
            hub.url.replace("http", "ws") + "tasktree/ws/updates",
            additional_headers={"Authorization": f"token {TOKEN}"},
            subprotocols=[Subprotocol("tasktree.v1.json")],
        ) as socket:
            source = {"project_id": "watched", "source": "k1"}
            node = {"node_id": "fit", "changes": {"title": "fit", "status": "running"}}
            socket.send(json.dumps({"op": "source", "state": "here", "host": "elsewhere", "pid": 1, **source}))
            events = [{"type": "node_update", "data": node}]
            socket.send(json.dumps({"op": "publish", "ref": 1, "seq": 1, "events": events, **source}))
            while json.loads(socket.recv(timeout=30))["op"] != "published":
                pass
        told = listener.line()
        assert told.startswith("stale fit: no word of 1 task since ")
    finally:
        hub.stop()
