"""What the following side promises holds whatever a wire loses, doubles and cuts."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tasktree_jupyter.core.subscriber import Events, Position, Refused, Snapshot, Subscriber
from tests.core.frames import WELCOME, events, live, part, subscribed
from tests.searching import examples


class HonestServer(RuleBasedStateMachine):
    """A server with a log, and a wire that may lose, double and cut what it sends.

    Whatever happens: what was delivered is a state followed by all events after it, once each and in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.machine = Subscriber()
        self.machine.follow("p")
        self.epoch, self.head, self.sent = 1, 0, 0
        self.out: list[dict[str, Any]] = []
        self.refused = False
        # What the client has: the epoch and the offset up to which it knows everything.
        self.has: tuple[str, int] | None = None

    def give(self, frame: dict[str, Any]) -> None:
        step = self.machine.receive(frame, 30_000)
        for delivery in step.deliver:
            if isinstance(delivery, Snapshot):
                self.has = (delivery.epoch, delivery.offset)
                assert len(delivery.nodes) == 2
            elif isinstance(delivery, Events):
                assert self.has is not None
                assert delivery.epoch == self.has[0]
                offsets = [e["offset"] for e in delivery.events]
                assert offsets == list(range(self.has[1] + 1, self.has[1] + 1 + len(offsets)))
                self.has = (self.has[0], offsets[-1])
            elif isinstance(delivery, Refused):
                self.refused = True
        for frame in step.send:
            self.answer(frame)

    def answer(self, frame: dict[str, Any]) -> None:
        if frame["op"] == "unsubscribe":
            self.sent = -1
        if frame["op"] != "subscribe":
            return
        since = frame["since"]
        good = since is not None and since["epoch"] == f"e{self.epoch}" and since["offset"] <= self.head
        self.out.append(subscribed(frame["ref"], self.head, recovered=good, epoch=f"e{self.epoch}"))
        if good:
            self.sent = since["offset"]
        else:
            self.state()

    def state(self) -> None:
        self.out += [part(number, 2, offset=self.head, epoch=f"e{self.epoch}") for number in (0, 1)]
        self.sent = self.head

    @rule()
    @precondition(lambda self: not self.machine.connected)
    def connect(self) -> None:
        self.out.clear()
        self.give(WELCOME)

    @rule(count=st.integers(1, 4))
    def log(self, count: int) -> None:
        self.head += count

    @rule()
    @precondition(lambda self: self.machine.connected and self.sent >= 0)
    def push(self) -> None:
        if self.sent < self.head:
            self.out.append(events(self.sent + 1, self.head, f"e{self.epoch}"))
            self.sent = self.head
        self.out.append(live(self.head))

    @rule()
    @precondition(lambda self: self.machine.connected and self.sent >= 0)
    def resync(self) -> None:
        self.out.append({"op": "resync", "project_id": "p", "reason": "slow"})
        self.state()

    @rule()
    def restore(self) -> None:
        self.epoch, self.head = self.epoch + 1, 2
        if self.machine.connected and self.sent >= 0:
            self.out.append({"op": "resync", "project_id": "p", "reason": "epoch"})
            self.state()

    @rule(count=st.integers(1, 5))
    @precondition(lambda self: self.out)
    def arrive(self, count: int) -> None:
        for _ in range(min(count, len(self.out))):
            self.give(self.out.pop(0))

    @rule(which=st.integers(0, 9))
    @precondition(lambda self: self.out)
    def lose(self, which: int) -> None:
        del self.out[which % len(self.out)]

    @rule(which=st.integers(0, 9))
    @precondition(lambda self: self.out)
    def double(self, which: int) -> None:
        self.out.insert(which % len(self.out), self.out[which % len(self.out)])

    @rule()
    @precondition(lambda self: self.machine.connected)
    def cut(self) -> None:
        self.out.clear()
        self.machine.closed()
        self.sent = -1

    @rule()
    @precondition(lambda self: self.refused)
    def follow_again(self) -> None:
        self.refused = False
        position = None if self.has is None else Position(*self.has)
        for frame in self.machine.follow("p", position):
            self.answer(frame)

    @invariant()
    def the_position_is_what_the_client_has(self) -> None:
        position = self.machine.position("p")
        if position is not None:
            assert (position.epoch, position.offset) == self.has

    def teardown(self) -> None:
        # Left in peace, it comes to the log's head.
        if self.refused:
            self.follow_again()
        if self.machine.connected:
            self.cut()
        self.connect()
        for _ in range(12):
            while self.out:
                self.give(self.out.pop(0))
            if self.sent >= 0:
                self.push()
        assert self.has == (f"e{self.epoch}", self.head)


HonestServer.TestCase.settings = settings(max_examples=examples(150), stateful_step_count=30, deadline=None)
test_over_a_bad_wire = HonestServer.TestCase
