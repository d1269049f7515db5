"""Whose spools a process sends, what it says to the server, and what it does with its answers; frame by frame."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tasktree_jupyter.client import late
from tasktree_jupyter.client.late import LateDeliveries
from tasktree_jupyter.client.reporting import Complaints
from tasktree_jupyter.client.source import Entry, Limits
from tasktree_jupyter.client.spool import DAMAGED, About, Spool

HERE = "folder /root on here"
LIMITS = Limits(message_bytes=1_000_000, events=500)
NOW = 1000.0


class World:
    """Late deliveries out of a folder, and their server played by the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sent: list[dict[str, Any]] = []
        self.complaints = Complaints()
        self._ref = 0
        self.late = LateDeliveries(lambda: str(folder), self._send, self._next_ref, self.complaints)

    def _send(self, frame: dict[str, Any] | bytes) -> None:
        self.sent.append(json.loads(frame) if isinstance(frame, bytes) else frame)

    def _next_ref(self) -> int:
        self._ref += 1
        return self._ref

    def connect(self, store: str | None = "s", place: str | None = HERE, *, keeps: bool = True) -> list[dict[str, Any]]:
        self.late.connected(LIMITS, store, place, NOW, keeps=keeps)
        return self.serve()

    def serve(self, later: float = 0) -> list[dict[str, Any]]:
        """What it sends now."""
        self.sent.clear()
        list(self.late.serve(NOW + later))
        return [*self.sent]

    def answer(self, **frame: Any) -> None:
        assert self.late.answered({"ref": self.sent[-1]["ref"], **frame})

    def acknowledge(self) -> None:
        self.answer(op="published", rejected=[])


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "spool")


def leave(world: World, first: int = 1, count: int = 3, age: float = 0, **about: Any) -> Path:
    """A spool of a process that has ended."""
    who = {"source": "dead", "name": "p", "place": HERE, "store": "s", **about}
    spool = Spool.create(str(world.folder), About(**who), 2**20)
    spool.append(first, [Entry("my.event", b'{"n":%d}' % n, n) for n in range(first, first + count)])
    spool.close()
    path = Path(spool.path)
    os.utime(path, (time.time() - age,) * 2)
    return path


def numbers(frame: dict[str, Any]) -> list[int]:
    return [event["data"]["n"] for event in frame["events"]]


def test_it_is_sent_as_the_source_that_has_ended_and_then_removed(world: World) -> None:
    path = leave(world, first=5)
    (said,) = world.connect()
    assert (said["op"], said["project_id"], said["source"], said["seq"]) == ("publish", "p", "dead", 5)
    assert (numbers(said), world.late.waiting) == ([5, 6, 7], 3)
    assert world.serve() == []
    world.sent.append(said)
    world.acknowledge()
    # Nobody will end what it had left open: the server is told so.
    lost = world.sent[-1]
    assert (lost["op"], lost["project_id"], lost["source"], lost["state"]) == ("source", "p", "dead", "lost")
    assert isinstance(lost["pid"], int)
    assert (world.late.waiting, path.exists(), world.serve()) == (0, False, [])


def test_each_is_sent_after_the_other(world: World) -> None:
    leave(world, age=20, source="older")
    leave(world, age=10, source="newer")
    assert [each["source"] for each in world.connect()] == ["older"]
    world.acknowledge()
    assert [each["source"] for each in world.serve()] == ["newer"]


def test_what_was_meant_for_another_server_stays(world: World) -> None:
    path = leave(world, place="folder /other on here", store="other")
    unknown = leave(world, place=None, store=None)
    assert world.connect() == []
    assert path.exists()
    assert unknown.exists()
    assert Spool.take(str(path)) is not None


def test_the_same_logs_are_the_same_server_wherever_it_is_reached(world: World) -> None:
    leave(world, place="url ws://elsewhere/")
    assert len(world.connect()) == 1


def test_a_server_that_does_not_name_its_logs_is_known_by_its_place(world: World) -> None:
    leave(world, store=None)
    assert len(world.connect(store=None)) == 1


@pytest.mark.parametrize("store", ["s", "in memory"])
def test_a_server_that_keeps_nothing_gets_nothing_that_is_kept(world: World, store: str) -> None:
    path = leave(world, age=2 * late.MAX_AGE)
    assert world.connect(store, keeps=False) == []
    assert world.serve(later=60) == []
    assert (path.exists(), world.late.waiting, world.late.dropped) == (True, 0, 0)
    world.late.disconnected()
    assert [numbers(each) for each in world.connect()] == [[1, 2, 3]]


def test_of_other_logs_at_the_same_place_it_asks_which_project_that_is_now(world: World) -> None:
    leave(world, store="deleted", name=None, project_id="minted", path="/x/etl.py", title="etl.py")
    (asked,) = world.connect()
    assert asked == {"op": "resolve", "ref": 1, "kernel_id": None, "path": "/x/etl.py", "title": "etl.py"}
    world.answer(op="resolved", project_id="minted anew", info={})
    (said,) = world.serve()
    assert said["project_id"] == "minted anew"


def test_a_kernel_that_nobody_knows_any_more_leaves_it_where_it_is(world: World) -> None:
    path = leave(world, name=None, kernel_id="gone")
    (asked,) = world.connect()
    assert (asked["op"], asked["kernel_id"]) == ("resolve", "gone")
    world.answer(op="error", code="not_found", message="no such kernel", retry=False)
    assert (world.serve(later=60), path.exists(), world.late.waiting) == ([], True, 0)


def test_what_is_forbidden_stays_and_the_next_is_sent(world: World) -> None:
    path = leave(world, age=20, name="secret")
    leave(world, age=10)
    world.connect()
    world.answer(op="error", code="forbidden", message="read only", retry=False)
    assert [each["project_id"] for each in world.serve()] == ["p"]
    assert path.exists()
    world.late.disconnected()
    assert [each["project_id"] for each in world.connect()] == ["secret"]


def test_what_can_be_taken_later_is_sent_again(world: World) -> None:
    leave(world)
    (first,) = world.connect()
    world.answer(op="error", code="busy", message="later", retry=True)
    assert world.serve() == []
    (again,) = world.serve(later=time.monotonic() + 60)
    assert {**again, "ref": first["ref"]} == first


def test_one_that_must_wait_holds_up_no_other(world: World) -> None:
    older, newer = leave(world, age=20, source="older", name="one too many"), leave(world, age=10, source="newer")
    assert [each["source"] for each in world.connect()] == ["older"]
    world.answer(op="error", code="too_many", message="no more projects", retry=True, retry_after=10)
    assert world.late.sending
    assert [each["source"] for each in world.serve()] == ["newer"]
    assert world.serve() == []
    world.sent.append({"ref": 2})
    world.acknowledge()
    assert (older.exists(), newer.exists(), world.late.waiting) == (True, False, 3)
    # So the end of this process needn't wait: the next one sends it.
    assert not world.late.sending
    assert world.serve() == []
    assert [each["source"] for each in world.serve(later=time.monotonic() + 60)] == ["older"]
    assert not world.late.sending
    world.acknowledge()
    assert not older.exists()


def test_those_that_wait_take_turns_with_what_could_not_be_held_yet(world: World) -> None:
    stuck = [leave(world, age=1000 - n, source=f"k{n}", name="one too many") for n in range(25)]
    path = leave(world, age=10, source="newer")
    sent = [each["source"] for each in world.connect()]
    for round in range(1, 400):
        if sent[-1:] == ["newer"]:
            break
        if world.sent:
            world.answer(op="error", code="too_many", message="no more projects", retry=True)
        sent += [each["source"] for each in world.serve(later=time.monotonic() + 100 * round)]
    world.acknowledge()
    assert not path.exists()
    assert all(each.exists() for each in stuck)


@pytest.mark.parametrize(("said", "waits"), [(40, 40), (1e9, 300), (-1, 0), ("soon", 0), (True, 0)])
def test_it_waits_as_long_as_it_is_told(world: World, said: object, waits: float) -> None:
    leave(world)
    world.connect()
    before = time.monotonic()
    world.answer(op="error", code="rate_limited", message="slower", retry=True, retry_after=said)
    *_, until = world.late.serve(before)
    assert until is not None
    assert waits <= until - before < waits + 1
    assert len(world.sent) == 1


def test_a_log_that_lost_what_it_had_is_told_how_much_is_missing(world: World) -> None:
    leave(world, first=101)
    world.connect()
    world.answer(op="error", code="seq_gap", expected=1, message="gap", retry=False)
    assert world.late.sending
    (said,) = world.serve()
    assert (said["source"], said["seq"], said["dropped"]) == ("dead", 101, 100)


def test_what_was_refused_does_not_come_again(world: World) -> None:
    path = leave(world)
    world.connect()
    world.answer(op="published", rejected=[{"index": 1, "seq": 2, "field": "data", "message": "no"}])
    assert not path.exists()


def test_a_lost_connection_lets_go_of_it(world: World) -> None:
    path = leave(world)
    world.connect()
    assert Spool.take(str(path)) is None
    world.late.disconnected()
    taken = Spool.take(str(path))
    assert taken is not None
    taken.close()
    assert len(world.connect()) == 1


def test_one_that_somebody_holds_is_tried_again_soon(world: World) -> None:
    path = leave(world)
    held = Spool.take(str(path))
    assert held is not None
    assert world.connect() == []
    held.close()
    assert len(world.serve(later=2)) == 1


def test_new_events_of_the_project_wait_for_the_old_but_not_for_long(world: World) -> None:
    leave(world)
    world.connect()
    until = world.late.held_until("p", NOW)
    assert until is not None
    assert NOW < until <= NOW + 5
    assert world.late.held_until("other", NOW) is None
    assert world.late.held_until("p", until) is None
    world.acknowledge()
    assert world.late.held_until("p", NOW) is None


def test_what_no_server_was_there_for_in_a_month_is_given_up_counted_and_told(world: World) -> None:
    old = leave(world, place="elsewhere", store="other", age=late.MAX_AGE + 86400)
    young = leave(world, place="elsewhere", store="other", age=late.MAX_AGE - 86400)
    world.connect()
    assert (old.exists(), young.exists()) == (False, True)
    (told,) = world.complaints.take()
    assert "gave up 3 events of 'p'" in told
    assert "31 days ago" in told
    assert world.late.dropped == 3


def test_what_is_meant_for_the_server_is_sent_however_old_it_is(world: World) -> None:
    path = leave(world, age=100 * late.MAX_AGE)
    (said,) = world.connect()
    assert numbers(said) == [1, 2, 3]
    world.acknowledge()
    assert (path.exists(), world.late.dropped) == (False, 0)


def test_however_many_there_are_all_are_sent_the_oldest_first_and_few_are_held_at_a_time(world: World) -> None:
    paths = [leave(world, age=1000 - n, source=f"k{n}") for n in range(130)]
    others = [leave(world, age=5000 - n, place="elsewhere", store="other") for n in range(130)]
    sent = [each["source"] for each in world.connect()]
    while world.late.waiting:
        assert world.late.waiting <= 3 * 20
        world.acknowledge()
        sent += [each["source"] for each in world.serve()]
    assert sent == [f"k{n}" for n in range(130)]
    assert not any(path.exists() for path in paths)
    assert all(path.exists() for path in others)
    assert (world.late.dropped, world.complaints.take()) == (0, [])


def test_what_its_server_refuses_is_kept_however_old_it_is(world: World) -> None:
    path = leave(world, age=2 * late.MAX_AGE)
    world.connect()
    world.answer(op="error", code="storage", message="a newer file", retry=False)
    assert (path.exists(), world.late.dropped) == (True, 0)
    world.late.disconnected()
    assert [numbers(each) for each in world.connect()] == [[1, 2, 3]]


def test_of_a_kernel_that_nobody_knows_it_is_given_up_after_a_month(world: World) -> None:
    path = leave(world, name=None, kernel_id="gone", age=2 * late.MAX_AGE)
    world.connect()
    world.answer(op="error", code="not_found", message="no such kernel", retry=False)
    assert (path.exists(), world.late.dropped) == (False, 3)
    (told,) = world.complaints.take()
    assert "gave up 3 events" in told


@pytest.mark.parametrize("code", ["too_large", "invalid_json"])
def test_an_event_that_is_never_taken_costs_no_other(world: World, code: str) -> None:
    path = leave(world, count=9)
    said, arrived = world.connect()[0], []
    while world.late.waiting:
        if 4 in numbers(said):
            world.answer(op="error", code=code, message="no", retry=False)
        else:
            arrived += numbers(said)
            world.acknowledge()
        said = ([*world.serve(), said])[0]
        world.sent[:] = [said]
    assert (arrived, world.late.dropped, path.exists()) == ([1, 2, 3, 5, 6, 7, 8, 9], 1, False)
    (told,) = world.complaints.take()
    assert "dropped a my.event event" in told


def test_what_is_damaged_is_never_deleted(world: World) -> None:
    leave(world)
    aside = world.folder / ("old" + DAMAGED)
    aside.write_bytes(b"what was left of it")
    os.utime(aside, (0, 0))
    for n in range(120):
        leave(world, place="elsewhere", store="other", source=f"k{n}")
    path = leave(world, place="elsewhere", store="other", age=2 * late.MAX_AGE)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    spare = Spool.take(str(leave(world, place="elsewhere", store="other")))
    assert spare is not None
    path.write_bytes(bytes(content) + Path(spare.path).read_bytes())
    spare.close()
    os.utime(path, (time.time() - 2 * late.MAX_AGE,) * 2)
    world.connect()
    assert aside.read_bytes() == b"what was left of it"
    assert path.with_suffix(DAMAGED).exists()
    (told,) = world.complaints.take()
    assert str(path) in told
    assert DAMAGED in told


def test_of_what_tells_not_whose_it_is_the_user_hears_where_it_lies(world: World) -> None:
    path = leave(world)
    content = path.read_bytes()
    path.write_bytes(b"?" + content[1:])
    assert world.connect() == []
    assert path.with_suffix(DAMAGED).read_bytes() == b"?" + content[1:]
    (told,) = world.complaints.take()
    assert str(path) in told
    assert "nothing in it tells whose it is" in told


def test_a_damaged_one_is_moved_aside_and_what_can_be_read_is_sent(world: World) -> None:
    path = leave(world)
    with path.open("r+b") as file:
        file.seek(0, os.SEEK_END)
        file.write(b"garbage")
    spool = Spool.take(str(path))
    assert spool is not None
    spool.limit, spool._end = 2**20, path.stat().st_size
    spool.append(9, [Entry("my.event", b'{"n":9}', 9)])
    spool.close()
    (said,) = world.connect()
    assert numbers(said) == [1, 2, 3]
    world.acknowledge()
    (said,) = world.serve()
    assert (numbers(said), said["dropped"]) == ([9], 5)
    world.acknowledge()
    assert [each.suffix for each in world.folder.iterdir()] == [DAMAGED]
    (told,) = world.complaints.take()
    assert "can't be read" in told


@pytest.mark.parametrize("content", [b"\x00" * 5000, b"{}", os.urandom(300)], ids=["zeros", "text", "noise"])
def test_a_file_that_is_no_spool_is_moved_aside(world: World, content: bytes) -> None:
    world.folder.mkdir()
    (world.folder / "x.spool").write_bytes(content)
    assert world.connect() == []
    assert [each.name for each in world.folder.iterdir()] == ["x" + DAMAGED]


def test_one_that_is_just_being_made_is_left_alone(world: World) -> None:
    world.folder.mkdir()
    path = world.folder / "x.spool"
    path.touch()
    world.connect()
    assert path.exists()
    os.utime(path, (time.time() - 3600,) * 2)
    world.connect()
    assert not path.exists()


def test_one_of_a_newer_version_is_left_alone(world: World) -> None:
    path = leave(world, version=2, age=2 * late.MAX_AGE)
    content = path.read_bytes()
    assert world.connect() == []
    assert path.read_bytes() == content


def test_a_folder_that_is_not_there_is_no_trouble(world: World) -> None:
    assert world.connect() == []
    assert not world.complaints


def test_the_answers_to_others_are_left_to_them(world: World) -> None:
    leave(world)
    (said,) = world.connect()
    assert not world.late.answered({"op": "published", "ref": said["ref"] + 1})
    assert not world.late.answered({"op": "published", "ref": None})
