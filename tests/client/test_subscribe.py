"""`subscribe`: every event once, in order, in the context that asked for it, whatever the callback does."""

from __future__ import annotations

import contextvars
import json
import threading
import warnings
from typing import Any

import pytest

import tasktree_jupyter as tt
from tasktree_jupyter.client.session import Session
from tests.client.conftest import Run, Start
from tests.client.hub import Hub


class Seen:
    """Collects events, and lets a test wait for them."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._news = threading.Condition()

    def __call__(self, event: dict[str, Any]) -> None:
        with self._news:
            self.events.append(event)
            self._news.notify_all()

    def wait(self, count: int) -> list[dict[str, Any]]:
        with self._news:
            assert self._news.wait_for(lambda: len(self.events) >= count, 20), self.events
        return self.events


# Without a server


def test_without_a_server_it_gets_this_processs_events(session: Session) -> None:
    seen = Seen()
    tt.emit("my.event", n=0)
    with tt.subscribe(seen):
        for n in range(1, 4):
            tt.emit("my.event", n=n)
        events = seen.wait(3)
    assert [event["data"]["n"] for event in events] == [1, 2, 3]
    assert set(events[0]) >= {"type", "project_id", "data", "timestamp", "source", "offset", "at"}


def test_only_the_types_asked_for_arrive(session: Session) -> None:
    seen = Seen()
    with tt.subscribe(seen, types=["state_transition"]):
        tt.emit("my.event")
        tt.emit("state_transition", {"from": "a", "to": "b"})
        tt.emit("my.event")
        tt.emit("state_transition", {"from": "b", "to": "c"})
        events = seen.wait(2)
    assert [event["data"]["to"] for event in events] == ["b", "c"]


def test_the_callback_runs_in_the_context_that_subscribed(session: Session) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("cell", default="no cell")
    heard: list[str] = []
    done = threading.Event()

    def on_event(event: dict[str, Any]) -> None:
        heard.append(variable.get())
        done.set()

    variable.set("the cell")
    with tt.subscribe(on_event):
        variable.set("another cell")
        tt.emit("my.event")
        assert done.wait(20)
    assert heard == ["the cell"]


def test_a_callback_that_fails_is_told_once_and_goes_on(session: Session) -> None:
    seen = Seen()

    def on_event(event: dict[str, Any]) -> None:
        seen(event)
        raise ValueError("mine")

    with tt.subscribe(on_event):
        for n in range(3):
            tt.emit("my.event", n=n)
        seen.wait(3)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        tt.emit("my.event", n=3)
    (warning,) = told
    assert "ValueError: mine" in str(warning.message)
    assert __file__ in str(warning.message)


def test_a_slow_callback_slows_nobody(session: Session) -> None:
    let_go = threading.Event()
    slow, quick = Seen(), Seen()

    def on_event(event: dict[str, Any]) -> None:
        let_go.wait(20)
        slow(event)

    with tt.subscribe(on_event), tt.subscribe(quick):
        for n in range(1000):
            tt.emit("my.event", n=n)
        quick.wait(1000)
        assert slow.events == []
        let_go.set()
        slow.wait(1000)


def test_after_close_nothing_comes(session: Session) -> None:
    seen, other = Seen(), Seen()
    subscription = tt.subscribe(seen)
    with tt.subscribe(other):
        subscription.close()
        subscription.close()
        tt.emit("my.event")
        other.wait(1)
    assert seen.events == []
    assert subscription.closed


def test_without_threads_it_is_called_where_events_are_emitted(session: Session) -> None:
    session.connection.threadless = True
    seen = Seen()
    with tt.subscribe(seen):
        tt.emit("my.event", n=1)
        assert [event["data"]["n"] for event in seen.events] == [1]


def test_what_cannot_be_called_or_is_no_project_is_refused(session: Session) -> None:
    with pytest.raises(TypeError, match="callable"):
        tt.subscribe("no")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="project"):
        tt.subscribe(print, project="")


# With one

HEAD = """
import json, sys, threading, warnings
import tasktree_jupyter as tt
class Seen:
    def __init__(self):
        self.events, self.news = [], threading.Condition()
    def __call__(self, event):
        with self.news:
            self.events.append(event)
            self.news.notify_all()
    def wait(self, count):
        with self.news:
            assert self.news.wait_for(lambda: len(self.events) >= count, 30), self.events
        return self.events
def n(events):
    return [event["data"].get("n", event["type"]) for event in events]
"""


def test_what_is_emitted_after_it_is_not_missed(run: Run, hub: Hub) -> None:
    """In a new process, where the project isn't even known yet; and where it is."""
    code = (
        HEAD
        + """
first, second = Seen(), Seen()
tt.subscribe(first)
for i in range(100):
    tt.emit("my.event", n=i)
assert n(first.wait(100)) == list(range(100))
tt.subscribe(second)
for i in range(100, 200):
    tt.emit("my.event", n=i)
assert n(second.wait(100)) == list(range(100, 200))
assert n(first.wait(200)) == list(range(200))
third = Seen()
tt.subscribe(third, project="never used before")
tt.emit("my.event", n=1, project="never used before")
assert n(third.wait(1)) == [1]
event = third.events[0]
assert event["project_id"] == "never used before" and event["offset"] == 1 and event["at"] > 0 and event["source"]
"""
    )
    run(code, hub)


def test_it_can_begin_in_the_past(run: Run, hub: Hub) -> None:
    code = (
        HEAD
        + """
for i in range(50):
    tt.emit("my.event", n=i, project="past")
assert tt.flush(30)
everything, some, live = Seen(), Seen(), Seen()
tt.subscribe(live, project="past")
tt.subscribe(everything, project="past", since=0)
tt.subscribe(some, project="past", since=40)
tt.emit("my.event", n=50, project="past")
assert n(everything.wait(51)) == list(range(51))
assert n(some.wait(11)) == list(range(40, 51))
assert n(live.wait(1)) == [50]
"""
    )
    run(code, hub)
    run(
        HEAD + "seen = Seen()\ntt.subscribe(seen, project='past', since=0)\nassert n(seen.wait(51)) == list(range(51))",
        hub,
    )


def test_it_hears_other_processes(start: Start, run: Run, hub: Hub) -> None:
    listener = start(
        HEAD
        + """
seen = Seen()
tt.subscribe(seen, project="talk", types=["my.event"])
print("listening", flush=True)
print(json.dumps(n(seen.wait(3))), flush=True)
""",
        hub,
    )
    assert listener.line() == "listening"
    run("import tasktree_jupyter as tt\nfor n in range(3): tt.emit('my.event', n=n, project='talk')", hub)
    assert json.loads(listener.line()) == [0, 1, 2]


def test_from_now_on_means_nothing_earlier(start: Start, run: Run, hub: Hub) -> None:
    """Not even of other processes, of which this one hasn't heard."""
    program = start(
        HEAD
        + """
tt.emit("my.event", n=0, project="now")
assert tt.flush(30)
print("one", flush=True)
input()
first, second = Seen(), Seen()
tt.subscribe(first, project="now")
tt.emit("my.event", n=4, project="now")
assert n(first.wait(1)) == [4], first.events
print("two", flush=True)
input()
tt.subscribe(second, project="now")
tt.emit("my.event", n=6, project="now")
second.wait(1)
assert n(first.wait(3)) == [4, 5, 6]
assert n(second.events) == [6], second.events
""",
        hub,
    )
    assert program.line() == "one"
    run("import tasktree_jupyter as tt\nfor n in range(1, 4): tt.emit('my.event', n=n, project='now')", hub)
    program.go_on()
    assert program.line() == "two"
    run("import tasktree_jupyter as tt\ntt.emit('my.event', n=5, project='now')", hub)
    program.go_on()
    _, err = program.rest()
    assert program.process.returncode == 0, err


def test_a_restart_of_the_server_is_bridged(start: Start, run: Run, own_hub: Hub) -> None:
    program = start(
        HEAD
        + """
seen = Seen()
tt.subscribe(seen, project="p", types=["my.event"])
tt.emit("my.event", n=0, project="p")
seen.wait(1)
print("one", flush=True)
print(json.dumps(n(seen.wait(4))), flush=True)
tt.emit("my.event", n=4, project="p")
print(json.dumps(n(seen.wait(5))), flush=True)
""",
        own_hub,
    )
    assert program.line() == "one"
    own_hub.stop()
    own_hub.start()
    run("import tasktree_jupyter as tt\nfor n in range(1, 4): tt.emit('my.event', n=n, project='p')", own_hub)
    assert json.loads(program.line()) == [0, 1, 2, 3]
    assert json.loads(program.line()) == [0, 1, 2, 3, 4]


def test_where_the_past_is_another_one_it_says_so(run: Run, hub: Hub) -> None:
    code = (
        HEAD
        + """
for i in range(3):
    tt.emit("my.event", n=i, project="resync")
assert tt.flush(30)
seen = Seen()
tt.subscribe(seen, project="resync", since={"epoch": "another", "offset": 2, "at": 5})
(event,) = seen.wait(1)
assert (event["type"], event["data"]) == ("resync", {"reason": "epoch"}), event
tt.emit("my.event", n=3, project="resync")
assert n(seen.wait(2)) == ["resync", 3]
"""
    )
    run(code, hub)


def test_a_closed_subscription_leaves_the_others(run: Run, hub: Hub) -> None:
    code = (
        HEAD
        + """
a, b = Seen(), Seen()
one, two = tt.subscribe(a, project="two"), tt.subscribe(b, project="two")
tt.emit("my.event", n=0, project="two")
a.wait(1); b.wait(1)
one.close()
tt.emit("my.event", n=1, project="two")
assert n(b.wait(2)) == [0, 1] and n(a.events) == [0]
two.close()
c = Seen()
tt.subscribe(c, project="two")
tt.emit("my.event", n=2, project="two")
assert n(c.wait(1)) == [2] and n(b.events) == [0, 1]
"""
    )
    run(code, hub)


def test_a_callback_may_emit(run: Run, hub: Hub) -> None:
    code = (
        HEAD
        + """
seen = Seen()
def answer(event):
    seen(event)
    if event["type"] == "my.question":
        tt.emit("my.answer", n=event["data"]["n"] + 1, project="talks")
tt.subscribe(answer, project="talks")
tt.emit("my.question", n=1, project="talks")
assert n(seen.wait(2)) == [1, 2]
"""
    )
    run(code, hub)


def test_many_events_come_through_the_flow_control(run: Run, hub: Hub) -> None:
    """Far more bytes than the server sends without an acknowledgement."""
    code = (
        HEAD
        + """
seen = Seen()
tt.subscribe(seen, project="flow")
for i in range(20_000):
    tt.emit("my.event", n=i, pad="x" * 100, project="flow")
assert n(seen.wait(20_000)) == list(range(20_000))
"""
    )
    run(code, hub)
