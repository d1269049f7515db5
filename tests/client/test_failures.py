"""`on_failure`: one call for each failure, where it began, whoever it happened to."""

from __future__ import annotations

import threading
import warnings
from typing import Any

import pytest

import tasktree_jupyter as tt
from tasktree_jupyter.client.session import Session
from tests.client.conftest import Run, Start
from tests.client.hub import Hub


class Told:
    def __init__(self) -> None:
        self.failures: list[tt.Failure] = []
        self._news = threading.Condition()

    def __call__(self, failure: tt.Failure) -> None:
        with self._news:
            self.failures.append(failure)
            self._news.notify_all()

    def wait(self, count: int) -> list[str]:
        with self._news:
            assert self._news.wait_for(lambda: len(self.failures) >= count, 20), self.failures
        return [str(failure.node.get("title")) for failure in self.failures]


def fail(*titles: str) -> None:
    """An exception that passes all of these on its way up."""

    def raising(title: str, *inner: str) -> None:
        with tt.task(title):
            if inner:
                raising(*inner)
            raise ValueError("bad")

    with pytest.raises(ValueError, match="bad"):
        raising(*titles)


def test_it_is_told_where_a_failure_began_and_of_nothing_else(session: Session) -> None:
    fail("before")
    told = Told()
    with tt.on_failure(told):
        fail("run", "fit", "fold 3")
        with tt.task("fine"):
            pass
        fail("alone")
        assert told.wait(2) == ["fold 3", "alone"]
    first = told.failures[0]
    assert str(first) == "fold 3 in run: ValueError: bad"
    assert (first.mission["title"], first.project_id) == ("run", None)
    assert "raise ValueError" in first.node["error"]["traceback"]
    assert str(told.failures[1]) == "alone: ValueError: bad"
    fail("after")
    assert len(told.failures) == 2


def test_a_second_attempt_that_fails_is_another_failure_and_words_repeated_are_none(session: Session) -> None:
    told = Told()
    with tt.on_failure(told):
        for status in ("running", "failed", "failed", "ready", "failed"):
            tt.emit("task_status_changed", task_id="a", status=status)
        tt.emit("state_transition", {"from": "running", "to": "failed", "context": {"node_id": "b"}})
        tt.emit("node_update", node_id="c", changes={"title": "c", "status": "failed"})
        told.wait(4)
    assert [failure.node["node_id"] for failure in told.failures] == ["a", "a", "b", "c"]


def test_what_the_callback_raises_is_told_once_and_the_others_are_still_told(session: Session) -> None:
    told = Told()

    def callback(failure: tt.Failure) -> None:
        told(failure)
        raise KeyError("mine")

    with tt.on_failure(callback):
        fail("one")
        fail("two")
        told.wait(2)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tt.emit("my.event")
    [warning] = caught
    assert "A callback given to on_failure raised KeyError" in str(warning.message)


def test_what_cannot_be_called_is_refused(session: Session) -> None:
    nothing: Any = None
    with pytest.raises(TypeError, match="callable"):
        tt.on_failure(nothing)


def test_failures_of_other_processes_are_told_and_those_below_which_it_began_before_are_not(
    start: Start, run: Run, hub: Hub
) -> None:
    other = start(
        """
import tasktree_jupyter as tt
run = tt.task("run", project="failing")
run.open()
fit = tt.task("fit", project="failing")
with run.as_current():
    fit.open()
    fit.close(ValueError("early"))
assert tt.flush(30)
print("ready", flush=True)
input()
with run.as_current():
    try:
        with tt.task("report"): raise OSError("disk")
    except OSError: pass
run.close(ValueError("early"))
""",
        hub,
    )
    assert other.line() == "ready"
    listener = start(
        """
import tasktree_jupyter as tt
tt.on_failure(lambda failure: print(failure, flush=True), project="failing")
# What is emitted after it is sent when the server has it.
tt.emit("my.event", project="failing")
assert tt.flush(30)
print("listening", flush=True)
input()
""",
        hub,
    )
    assert listener.line() == "listening"
    other.go_on()
    assert listener.line() == "report in run: OSError: disk"
    other.rest()
    emit = "tt.emit('task_status_changed', task_id='last', status='failed', project='failing')"
    run(f"import tasktree_jupyter as tt\n{emit}", hub)
    assert listener.line() == "last: failed"
