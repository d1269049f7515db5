"""What a project says to a server and does with its answers, frame by frame; without I/O."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest

from tasktree_jupyter.client.discovery import Identity
from tasktree_jupyter.client.encode import Bounds
from tasktree_jupyter.client.project import Project
from tasktree_jupyter.client.publishing import Publisher
from tasktree_jupyter.client.reporting import Complaints
from tasktree_jupyter.client.source import Source

LIMITS = {"max_message_bytes": 100_000, "max_events_per_publish": 100}


class World:
    """A publisher with one project, and its server played by the test."""

    def __init__(self, name: str | None = "p") -> None:
        self.sent: list[dict[str, Any]] = []
        self.spoken_for: list[dict[str, Any]] = []
        self.complaints = Complaints()
        self.known: list[Project] = []
        self.published: list[Project] = []
        self.held_until: float | None = None
        self.ready = True
        self._ref = 0
        self.publisher = Publisher(
            lambda: Identity(None, "/x/etl.py", "etl.py"),
            self._send,
            self._next_ref,
            lambda project_id, now: self.held_until,
            self.known.append,
            self.published.append,
            self.complaints,
        )
        self.project = Project(name, Source(), lambda: None, lambda: (Bounds(), None))
        self.publisher.add(self.project)
        self.publisher.connected(LIMITS)

    def _send(self, frame: dict[str, Any] | bytes) -> None:
        said = json.loads(frame) if isinstance(frame, bytes) else frame
        (self.spoken_for if said["op"] == "source" else self.sent).append(said)

    def _next_ref(self) -> int:
        self._ref += 1
        return self._ref

    def emit(self, node_id: str, **changes: Any) -> None:
        self.project.emit("node_update", {"node_id": node_id, "changes": changes})

    def serve(self, later: float = 0) -> list[dict[str, Any]]:
        """What it sends now."""
        self.sent.clear()
        list(self.publisher.serve(time.monotonic() + later, lambda: self.ready))
        return [*self.sent]

    def answer(self, **frame: Any) -> bool:
        return self.publisher.answered({"ref": self.sent[-1]["ref"], **frame})

    def acknowledge(self, epoch: str = "e", offset: int = 1, **fields: Any) -> None:
        assert self.answer(op="published", epoch=epoch, offset=offset, rejected=[], **fields)


@pytest.fixture
def world() -> World:
    return World()


def titles(frame: dict[str, Any]) -> list[str]:
    return [event["data"]["changes"].get("title") for event in frame["events"]]


def test_the_default_project_asks_which_one_it_is_before_it_says_anything() -> None:
    world = World(None)
    world.emit("a", title="a")
    (asked,) = world.serve()
    assert asked == {"op": "resolve", "ref": 1, "kernel_id": None, "path": "/x/etl.py", "title": "etl.py"}
    assert world.serve() == []
    world.sent.append(asked)
    world.answer(op="resolved", project_id="minted", info={"title": "etl"})
    assert world.known == [world.project]
    assert (world.project.project_id, world.project.info) == ("minted", {"title": "etl"})
    (said,) = world.serve()
    assert (said["op"], said["project_id"], titles(said)) == ("publish", "minted", ["a"])


def test_a_lost_connection_asks_and_says_again() -> None:
    world = World(None)
    world.emit("a", title="a")
    (asked,) = world.serve()
    world.publisher.disconnected()
    (again,) = world.serve()
    assert {**again, "ref": asked["ref"]} == asked
    assert not world.publisher.answered({"op": "error", "ref": asked["ref"], "code": "not_found", "retry": False})


def test_what_can_be_taken_later_is_sent_again_as_it_was(world: World) -> None:
    world.emit("a", title="a")
    (first,) = world.serve()
    world.answer(op="error", code="storage", message="disk full", retry=True)
    world.emit("b", title="b")
    assert world.serve() == []
    (again,) = world.serve(later=60)
    assert {**again, "ref": first["ref"]} == first
    assert not world.complaints


def test_who_is_told_when_to_come_back_comes_then_and_not_before(world: World) -> None:
    world.emit("a", title="a")
    (first,) = world.serve()
    world.answer(op="error", code="rate_limited", message="too fast", retry=True, retry_after=42.5)
    assert world.serve(later=42) == []
    (again,) = world.serve(later=43)
    assert {**again, "ref": first["ref"]} == first
    for nonsense in ("soon", True, -1, float("nan"), 10**9):
        world.answer(op="error", code="rate_limited", message="too fast", retry=True, retry_after=nonsense)
        assert world.serve(later=0.01) == []
        (again,) = world.serve(later=400)
    assert not world.complaints.take()[:-1], "said once"


def test_a_server_that_cannot_take_anything_for_long_is_told_of_once(world: World) -> None:
    world.emit("a", title="a")
    for attempt in range(12):
        world.serve(later=3600 * (attempt + 1))
        world.answer(op="error", code="storage", message="disk full", retry=True)
    (text,) = world.complaints.take()
    assert "disk full" in text
    assert len(world.project.source) == 1


REFUSALS = [
    {"code": "storage", "message": "the file was written by a newer version"},
    {"code": "forbidden", "message": "you may not publish"},
    {"code": "not_found", "message": "no such project"},
    {"code": "unknown_op", "field": "op", "message": "no op publish"},
    {"code": "invalid", "field": "project_id", "message": "no project id"},
    {"code": "of a version to come", "message": "no"},
    {"message": "without a code"},
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.get("code", "none"))
def test_what_a_project_refuses_is_kept_told_once_and_sent_when_it_is_taken(
    world: World, refusal: dict[str, str]
) -> None:
    for n in range(3):
        world.emit("a", title=f"{n}")
        world.serve(later=3600 * (n + 1))
        world.answer(op="error", retry=False, **refusal)
        assert world.serve() == []
    assert world.project.refusal == refusal["message"]
    assert world.publisher.refuses(world.project)
    (text,) = world.complaints.take()
    assert refusal["message"] in text
    assert "'p'" in text
    assert (len(world.project.source), world.project.source.dropped) == (3, 0)

    (said,) = world.serve(later=7200)
    assert titles(said) == ["0"]
    world.acknowledge()
    (said,) = world.serve()
    assert (titles(said), "dropped" in said) == (["1", "2"], False)
    assert not world.publisher.refuses(world.project)
    refusals = [project.refusal for project in world.publisher.projects]
    assert refusals == [None]


def test_who_refuses_is_asked_more_and_more_rarely_but_never_later_than_in_five_minutes(world: World) -> None:
    world.emit("a", title="a")
    waits = []
    for attempt in range(12):
        before = time.monotonic()
        world.serve(later=3600 * (attempt + 1))
        world.answer(op="error", code="forbidden", message="no", retry=False)
        (until,) = world.publisher.serve(before, lambda: True)
        assert until is not None
        waits.append(until - before)
    assert 2.5 <= waits[0] < 6
    assert all(150 <= wait < 301 for wait in waits[-4:])


def test_another_connection_is_asked_at_once(world: World) -> None:
    world.emit("a", title="a")
    world.serve()
    world.answer(op="error", code="storage", message="a newer file", retry=False)
    assert world.serve() == []
    world.publisher.disconnected()
    world.publisher.connected({})
    assert [titles(said) for said in world.serve()] == [["a"]]


def test_somebody_who_waits_has_it_asked_again_but_not_all_the_time(world: World) -> None:
    world.emit("a", title="a")
    for _ in range(10):
        world.serve(later=3600)
        world.answer(op="error", code="forbidden", message="no", retry=False)
    world.publisher.ask_again()
    assert world.serve() == []
    assert [titles(said) for said in world.serve(later=6)] == [["a"]]


@pytest.mark.parametrize("code", ["invalid", "invalid_json", "too_large"])
def test_only_what_can_never_be_taken_is_dropped_and_counted(world: World, code: str) -> None:
    for n in range(20):
        world.emit("bad" if n == 13 else "good", title=f"{n}")
    arrived: list[str] = []
    while len(world.project.source):
        (said,) = world.serve()
        if "13" in titles(said):
            world.answer(op="error", code=code, field="data", message="nests too deep", retry=False)
        else:
            arrived += titles(said)
            world.acknowledge()
    assert arrived == [f"{n}" for n in range(20) if n != 13]
    assert world.project.source.dropped == 1
    (text,) = world.complaints.take()
    assert "dropped a node_update event" in text


def test_a_connection_that_takes_nothing_is_given_nothing(world: World) -> None:
    world.emit("a", title="a")
    world.ready = False
    assert world.serve() == []
    world.ready = True
    assert [titles(said) for said in world.serve()] == [["a"]]


def test_another_epoch_begins_a_new_life_with_open_tasks_whole(world: World) -> None:
    world.emit("ended", title="ended", status="completed")
    world.emit("run", title="run", status="running")
    world.emit("run/1", title="done", parent_id="run", status="completed", metrics={"auc": 0.9})
    world.serve()
    world.acknowledge("e1", 3)
    source = world.project.source.id
    world.emit("run", progress=0.5)
    world.serve()
    world.acknowledge("e2", 1)
    (whole,) = world.serve()
    assert whole["source"] != source
    assert (whole["seq"], titles(whole)) == (1, ["run", "done"])
    run, done = (event["data"]["changes"] for event in whole["events"])
    assert (run["status"], run["progress"], run["attempt"]) == ("running", 0.5, 1)
    assert (done["parent_id"], done["metrics"]) == ("run", {"auc": 0.9})
    world.acknowledge("e2", 3)
    assert (world.project.epoch, world.project.offset) == ("e2", 3)
    assert world.serve() == []


def test_a_gap_begins_a_new_life_too(world: World) -> None:
    world.emit("run", title="run", status="running")
    world.serve()
    world.acknowledge("e1", 1)
    world.emit("run", progress=0.5)
    world.serve()
    world.answer(op="error", code="seq_gap", expected=1, message="gap", retry=False)
    (whole,) = world.serve()
    assert whole["seq"] == 1
    assert titles(whole) == [None, "run"]
    assert not world.complaints


def test_what_was_acknowledged_in_memory_only_is_told_again_to_who_keeps_it() -> None:
    world = World(None)
    world.emit("kept", title="kept", status="completed")
    world.serve()
    world.answer(op="resolved", project_id="minted", info={})
    world.serve()
    world.acknowledge("e", 1)
    world.publisher.disconnected()
    world.emit("while away", title="while away", status="completed")
    world.publisher.connected(LIMITS, keeps=False)
    world.serve()
    world.acknowledge("in memory", 1)
    world.emit("meanwhile", title="meanwhile", status="failed")
    world.serve()
    world.acknowledge("in memory", 2)
    source = world.project.source.id
    world.publisher.disconnected()
    world.publisher.connected(LIMITS, keeps=False)
    assert world.serve() == []
    world.publisher.disconnected()
    world.publisher.connected(LIMITS)
    # The id may be one that only the other server knew.
    (asked,) = world.serve()
    assert asked["op"] == "resolve"
    world.answer(op="resolved", project_id="minted", info={})
    (whole,) = world.serve()
    assert (whole["seq"], titles(whole)) == (1, ["while away", "meanwhile"])
    assert whole["source"] != source
    world.acknowledge("e", 3)
    world.publisher.disconnected()
    world.publisher.connected(LIMITS)
    assert world.serve() == []


def test_a_project_that_only_memory_knows_is_asked_for_anew() -> None:
    world = World(None)
    world.publisher.connected(LIMITS, keeps=False)
    world.emit("a", title="a", status="running")
    world.serve()
    world.answer(op="resolved", project_id="of that server", info={})
    world.publisher.disconnected()
    world.publisher.connected(LIMITS)
    (asked,) = world.serve()
    assert asked["op"] == "resolve"
    world.answer(op="resolved", project_id="minted", info={})
    (said,) = world.serve()
    assert (said["project_id"], set(titles(said))) == ("minted", {"a"})


def test_refused_events_are_told_with_their_field(world: World) -> None:
    world.emit("a", title="a")
    world.serve()
    rejected = [{"index": 0, "seq": 1, "code": "cycle", "field": "data.changes.parent_id", "message": "a cycle"}]
    world.answer(op="published", epoch="e", offset=0, rejected=rejected)
    (text,) = world.complaints.take()
    assert "node_update" in text
    assert "data.changes.parent_id" in text


def test_a_notebook_the_server_does_not_know_is_asked_for_again_and_told() -> None:
    world = World(None)
    world.emit("a", title="a")
    world.serve()
    world.answer(op="error", code="not_found", message="no such kernel", retry=False)
    assert world.serve() == []
    (again,) = world.serve(later=60)
    assert again["op"] == "resolve"
    (text,) = world.complaints.take()
    assert "no such kernel" in text
    assert len(world.project.source) == 1


def test_a_project_that_is_held_says_nothing_and_loses_nothing(world: World) -> None:
    world.held_until = time.monotonic() + 60
    world.emit("a", title="a")
    assert world.serve() == []
    world.held_until = None
    (said,) = world.serve()
    assert titles(said) == ["a"]


def test_an_emit_wakes_the_thread_only_when_it_waits(world: World) -> None:
    assert world.project.wakes
    world.emit("a", title="a")
    world.serve()
    assert not world.project.wakes
    world.acknowledge()
    assert world.serve() == []
    assert world.project.wakes


def test_an_answer_to_nothing_is_nothing(world: World) -> None:
    assert world.publisher.answered({"op": "published", "ref": 99})
    assert world.publisher.answered({"op": "resolved", "project_id": "x"})
    assert not world.publisher.answered({"op": "error", "ref": 99, "code": "x"})


def test_it_says_which_source_it_is_once_on_each_connection_and_for_each_life(world: World) -> None:
    assert world.serve() == []
    assert world.spoken_for == []
    world.emit("a", title="a", status="running")
    world.serve()
    world.acknowledge()
    world.emit("b", title="b")
    world.serve()
    world.acknowledge()
    (said,) = world.spoken_for
    assert (said["state"], said["source"], said["project_id"]) == ("here", world.project.source.id, "p")
    assert said["pid"] == os.getpid()

    world.publisher.disconnected()
    world.serve()
    assert [said["state"] for said in world.spoken_for] == ["here"] * 2, "though it has nothing more to send"

    world.emit("c", title="c")
    world.serve()
    world.acknowledge(epoch="another")
    world.serve()
    assert world.spoken_for[-1]["source"] == world.project.source.id != said["source"]


def test_it_leaves_once_everything_is_told(world: World) -> None:
    world.emit("a", title="a")
    world.serve()
    world.publisher.leave()
    assert [said["state"] for said in world.spoken_for] == ["here"]
    world.acknowledge()
    world.publisher.leave()
    assert [said["state"] for said in world.spoken_for] == ["here", "left"]
    assert "pid" not in world.spoken_for[-1]
