"""A project is followed without hole or double, whatever the wire does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasktree_jupyter.core.subscriber import (
    ACK_BYTES,
    MAX_HOLES,
    Delivery,
    Events,
    Gone,
    Live,
    Position,
    Refused,
    Resync,
    Snapshot,
    Step,
    Subscribed,
    Subscriber,
)
from tests.core.frames import WELCOME, event, events, live, part, subscribed
from tests.searching import examples


class Wire:
    """A subscriber, and what it delivered and sent."""

    def __init__(self, since: Position | None = None) -> None:
        self.machine = Subscriber()
        self.sent: list[dict[str, Any]] = []
        self.delivered: list[Delivery] = []
        assert self.machine.follow("p", since) == []
        self.take(WELCOME)

    def take(self, frame: dict[str, Any], size: int = 100) -> Step:
        step = self.machine.receive(frame, size)
        self.sent.extend(step.send)
        self.delivered.extend(step.deliver)
        return step

    @property
    def ref(self) -> int:
        return int(next(frame["ref"] for frame in reversed(self.sent) if frame["op"] == "subscribe"))

    def offsets(self) -> list[int]:
        return [e["offset"] for delivery in self.delivered if isinstance(delivery, Events) for e in delivery.events]


@pytest.fixture
def wire() -> Wire:
    """One that is live at offset 5."""
    wire = Wire()
    wire.take(subscribed(wire.ref, 5, recovered=False))
    wire.take(part(0, 1))
    wire.take(live(5))
    return wire


def ops(frames: Sequence[dict[str, Any]]) -> list[str]:
    return [frame["op"] for frame in frames]


# The plain way


def test_it_subscribes_when_it_is_welcome_and_not_before() -> None:
    machine = Subscriber()
    assert machine.follow("p") == []
    assert machine.receive(WELCOME, 1).send == [{"op": "subscribe", "ref": 1, "project_id": "p", "since": None}]
    assert machine.follow("q") == [{"op": "subscribe", "ref": 2, "project_id": "q", "since": None}]
    assert machine.limits == WELCOME["limits"]


def test_a_snapshot_and_then_events(wire: Wire) -> None:
    wire.take(events(6, 8))
    assert wire.delivered == [
        Subscribed("p", "e1", 5, recovered=False, info={"title": "P"}),
        Snapshot("p", "e1", 5, 50, {"offset": 5}, [{"node_id": "n0"}]),
        Live("p", 5),
        Events("p", "e1", [event(6), event(7), event(8)]),
    ]
    assert wire.machine.position("p") == Position("e1", 8, 80)


def test_a_snapshot_in_parts_is_one() -> None:
    wire = Wire()
    wire.take(subscribed(wire.ref, 5, recovered=False))
    assert wire.take(part(0, 3)).deliver == []
    assert wire.take(part(1, 3)).deliver == []
    assert wire.machine.position("p") is None
    nodes = [{"node_id": "n0"}, {"node_id": "n1"}, {"node_id": "n2"}]
    assert wire.take(part(2, 3)).deliver == [Snapshot("p", "e1", 5, 50, {"offset": 5}, nodes)]
    assert ops(wire.sent) == ["subscribe", "ack", "ack", "ack"]
    assert all(frame["offset"] == 5 for frame in wire.sent[1:])


def test_a_snapshot_cut_in_the_middle_begins_again() -> None:
    wire = Wire()
    wire.take(subscribed(wire.ref, 5, recovered=False))
    wire.take(part(0, 3))
    wire.take(part(1, 3))
    wire.take(part(0, 2, offset=7))
    assert wire.take(part(1, 2, offset=7)).deliver == [
        Snapshot("p", "e1", 7, 70, {"offset": 7}, [{"node_id": "n0"}, {"node_id": "n1"}])
    ]
    assert "unsubscribe" not in ops(wire.sent)


def test_it_goes_on_from_where_it_is_told() -> None:
    wire = Wire(Position("e1", 3, 30))
    assert wire.sent[0]["since"] == {"epoch": "e1", "offset": 3, "at": 30}
    wire.take(subscribed(wire.ref, 5, recovered=True))
    wire.take(events(4, 5))
    wire.take(live(5))
    assert wire.offsets() == [4, 5]
    assert wire.delivered[-1] == Live("p", 5)


def test_after_a_lost_connection_it_asks_from_where_it_was(wire: Wire) -> None:
    wire.take(events(6, 9))
    wire.machine.closed()
    assert not wire.machine.connected
    wire.take(WELCOME)
    assert wire.sent[-1] == {
        "op": "subscribe",
        "ref": wire.ref,
        "project_id": "p",
        "since": {"epoch": "e1", "offset": 9, "at": 90},
    }
    wire.take(subscribed(wire.ref, 11, recovered=True))
    wire.take(events(10, 11))
    assert wire.offsets() == [6, 7, 8, 9, 10, 11]


def test_a_snapshot_that_the_connection_cut_leaves_the_old_position(wire: Wire) -> None:
    wire.take({"op": "resync", "project_id": "p", "reason": "slow"})
    wire.take(part(0, 2, offset=9))
    wire.machine.closed()
    wire.take(WELCOME)
    assert wire.sent[-1]["since"] == {"epoch": "e1", "offset": 5, "at": 50}
    wire.take(subscribed(wire.ref, 9, recovered=True))
    wire.take(events(6, 9))
    assert wire.offsets() == [6, 7, 8, 9]


@pytest.mark.parametrize("reason", ["epoch", "trimmed", "ahead", "slow"])
def test_a_resync_is_told_and_the_snapshot_takes_the_place_of_everything(wire: Wire, reason: str) -> None:
    wire.take({"op": "resync", "project_id": "p", "reason": reason})
    wire.take(part(0, 1, offset=2, epoch="e2"))
    wire.take(live(2))
    wire.take(events(3, 3, "e2"))
    assert wire.delivered[-4:-2] == [
        Resync("p", reason),
        Snapshot("p", "e2", 2, 20, {"offset": 2}, [{"node_id": "n0"}]),
    ]
    assert wire.machine.position("p") == Position("e2", 3, 30)


def test_events_may_follow_a_resync_where_few_are_missing(wire: Wire) -> None:
    wire.take({"op": "resync", "project_id": "p", "reason": "slow"})
    wire.take(events(6, 7))
    assert wire.offsets() == [6, 7]
    assert "unsubscribe" not in ops(wire.sent)


def test_a_message_without_project_is_handed_on(wire: Wire) -> None:
    step = wire.take({"op": "events", "project_id": None, "events": [{"type": "hello", "data": {}}]})
    assert step.deliver == [Events(None, None, [{"type": "hello", "data": {}}])]
    assert wire.machine.position("p") == Position("e1", 5, 50)


def test_a_ping_is_answered(wire: Wire) -> None:
    assert wire.take({"op": "ping"}).send == [{"op": "pong"}]


# Order and loss


def test_what_was_delivered_is_not_delivered_again(wire: Wire) -> None:
    wire.take(events(6, 8))
    wire.take(events(5, 10))
    wire.take(events(1, 10))
    assert wire.offsets() == [6, 7, 8, 9, 10]
    assert "unsubscribe" not in ops(wire.sent)


@pytest.mark.parametrize(
    "frame",
    [
        events(7, 9),
        events(6, 7, "e2"),
        live(9),
        part(1, 2),
        part(0, 2) | {"state": None},
        part(0, 1) | {"nodes": None},
        part(0, 1) | {"offset": "x"},
        part(0, 0),
        {"op": "events", "project_id": "p", "epoch": "e1", "events": None},
        {"op": "events", "project_id": "p", "epoch": "e1", "events": [{"type": "x", "data": {}}]},
        {"op": "events", "project_id": "p", "epoch": "e1", "events": ["x"]},
        {"op": "events", "project_id": "p", "epoch": None, "events": []},
        {"op": "live", "project_id": "p"},
    ],
    ids=repr,
)
def test_after_a_hole_it_asks_again_from_where_it_is(wire: Wire, frame: dict[str, Any]) -> None:
    wire.sent.clear()
    step = wire.take(frame)
    assert step.deliver == []
    assert ops(step.send) == ["unsubscribe", "subscribe"]
    assert step.send[1]["since"] == {"epoch": "e1", "offset": 5, "at": 50}
    # What the old subscription still sends is passed over.
    wire.take(events(10, 12))
    wire.take(part(0, 1, offset=12))
    wire.take(live(12))
    wire.take({"op": "gone", "project_id": "p"})
    assert wire.take(subscribed(1, 12, recovered=True)) == Step()
    wire.take({"op": "unsubscribed", "ref": wire.ref - 1, "project_id": "p"})
    wire.take(subscribed(wire.ref, 8, recovered=True))
    wire.take(events(6, 8))
    wire.take(live(8))
    assert wire.offsets() == [6, 7, 8]


def test_what_came_before_a_hole_is_delivered(wire: Wire) -> None:
    frame = events(6, 9)
    del frame["events"][2]
    step = wire.take(frame)
    assert step.deliver == [Events("p", "e1", [event(6), event(7)])]
    assert step.send[1]["since"] == {"epoch": "e1", "offset": 7, "at": 70}


def test_events_before_any_state_are_a_hole() -> None:
    wire = Wire()
    wire.take(subscribed(wire.ref, 5, recovered=False))
    assert ops(wire.take(events(1, 2)).send) == ["unsubscribe", "subscribe"]


def test_events_between_the_parts_of_a_snapshot_are_a_hole(wire: Wire) -> None:
    wire.take(part(0, 2, offset=9))
    assert ops(wire.take(events(6, 6)).send) == ["unsubscribe", "subscribe"]


@pytest.mark.parametrize("change", [{"part": 2}, {"epoch": "e2"}, {"offset": 10}, {"at": 1}, {"parts": 4}])
def test_a_part_of_another_snapshot_is_a_hole(wire: Wire, change: dict[str, Any]) -> None:
    wire.take(part(0, 3, offset=9))
    assert ops(wire.take(part(1, 3, offset=9) | change).send) == ["unsubscribe", "subscribe"]


def test_recovered_in_another_epoch_is_a_hole() -> None:
    wire = Wire(Position("e1", 3, 30))
    step = wire.take(subscribed(wire.ref, 5, recovered=True, epoch="e2"))
    assert step.deliver == []
    assert ops(step.send) == ["unsubscribe", "subscribe"]


def test_after_holes_it_asks_for_a_snapshot_and_then_gives_up(wire: Wire) -> None:
    since = []
    for _ in range(MAX_HOLES):
        step = wire.take(events(20, 20))
        since.append(step.send[1]["since"])
        wire.take(subscribed(wire.ref, 20, recovered=True))
    assert since == [{"epoch": "e1", "offset": 5, "at": 50}, None, None]
    step = wire.take(events(20, 20))
    assert ops(step.send) == ["unsubscribe"]
    assert isinstance(step.deliver[0], Refused)
    assert (step.deliver[0].code, step.deliver[0].retry) == ("continuity", True)
    assert wire.take(events(6, 6)).deliver == []


def test_live_forgives_the_holes_before_it(wire: Wire) -> None:
    for _ in range(3 * MAX_HOLES):
        wire.take(events(20, 20))
        wire.take(subscribed(wire.ref, 5, recovered=True))
        wire.take(live(5))
    assert wire.machine.position("p") == Position("e1", 5, 50)


def test_live_below_what_was_delivered_is_no_hole(wire: Wire) -> None:
    wire.take(events(6, 8))
    assert wire.take(live(7)).deliver == [Live("p", 8)]


# Acknowledging


def test_it_acknowledges_before_64_kib_have_come(wire: Wire) -> None:
    wire.sent.clear()
    wire.take(events(6, 6), ACK_BYTES - 1)
    assert wire.sent == []
    wire.take(events(7, 8), 1)
    assert wire.sent == [{"op": "ack", "project_id": "p", "offset": 8}]
    wire.take(events(9, 9), ACK_BYTES - 1)
    assert len(wire.sent) == 1


def test_it_acknowledges_sooner_where_the_server_allows_less() -> None:
    wire = Wire(Position("e1", 0))
    wire.take(WELCOME | {"limits": {"max_unacked_bytes": 4000}})
    wire.take(subscribed(wire.ref, 9, recovered=True))
    wire.take(events(1, 1), 999)
    assert "ack" not in ops(wire.sent)
    wire.take(events(2, 2), 1)
    assert wire.sent[-1] == {"op": "ack", "project_id": "p", "offset": 2}


def test_a_new_subscription_counts_anew(wire: Wire) -> None:
    wire.take(events(6, 6), ACK_BYTES - 1)
    wire.machine.closed()
    wire.take(WELCOME)
    wire.take(subscribed(wire.ref, 7, recovered=True))
    assert wire.take(events(7, 7), 1).send == []


# Ends


def test_a_refusal_is_told_once_and_ends_it() -> None:
    wire = Wire()
    error = {"op": "error", "ref": wire.ref, "code": "forbidden", "message": "no", "retry": False}
    assert wire.take(error | {"ref": 99}).deliver == []
    assert wire.take(error).deliver == [Refused("p", "forbidden", "no", retry=False)]
    assert wire.take(error).deliver == []
    wire.sent.clear()
    wire.take(WELCOME)
    assert wire.sent == []


def test_a_deleted_project_is_told_and_can_be_followed_anew(wire: Wire) -> None:
    assert wire.take({"op": "gone", "project_id": "p"}).deliver == [Gone("p")]
    assert wire.take(events(6, 6)).deliver == []
    assert wire.machine.follow("p")[0]["since"] is None


def test_nothing_comes_after_unfollow(wire: Wire) -> None:
    assert ops(wire.machine.unfollow("p")) == ["unsubscribe"]
    assert wire.machine.unfollow("p") == []
    assert wire.take(events(6, 6)) == Step()
    (again,) = wire.machine.follow("p", Position("e1", 5, 50))
    assert wire.take(events(6, 6)) == Step()
    wire.take(subscribed(again["ref"], 6, recovered=True))
    wire.take(events(6, 6))
    assert wire.offsets() == [6]


def test_a_project_is_followed_once(wire: Wire) -> None:
    with pytest.raises(ValueError, match="followed already"):
        wire.machine.follow("p")


def test_a_server_of_another_protocol_is_refused() -> None:
    wire = Wire()
    (refused,) = wire.take(WELCOME | {"protocol": 2}).deliver
    assert isinstance(refused, Refused)
    assert (refused.project_id, refused.code, refused.retry) == (None, "version", False)
    assert not wire.machine._follows


def test_refs_of_the_owner_meet_none_of_the_machine() -> None:
    machine = Subscriber()
    machine.follow("p")
    refs = [machine.next_ref(), machine.receive(WELCOME, 1).send[0]["ref"], machine.next_ref()]
    assert len(set(refs)) == 3


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 12) | st.sampled_from(["p", "e1", "e2", "x"]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(["offset", "at", "node_id"]), below),
    max_leaves=5,
)
FRAMES = st.fixed_dictionaries(
    {"op": st.sampled_from(["welcome", "subscribed", "events", "snapshot", "live", "resync", "gone", "error", "x"])},
    optional={
        "project_id": st.just("p") | JSON,
        "epoch": st.sampled_from(["e1", "e2"]) | JSON,
        "ref": st.integers(0, 4) | JSON,
        **dict.fromkeys(("offset", "at", "part", "parts", "protocol", "recovered"), JSON),
        **dict.fromkeys(("limits", "info", "state", "nodes", "events"), JSON),
    },
)


@given(st.lists(FRAMES, max_size=6))
@settings(max_examples=examples(75), deadline=None)
def test_no_frame_raises(frames: list[dict[str, Any]]) -> None:
    machine = Subscriber()
    machine.follow("p")
    machine.receive(WELCOME, 1)
    for frame in frames:
        machine.receive(frame, 100)
