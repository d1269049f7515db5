"""`run.track`: a loop's progress by time, never per iteration, and its true end."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

import tasktree_jupyter as tt
from tasktree_jupyter.client.connection import TICK
from tasktree_jupyter.client.session import Session
from tests.client.tree import nodes


def test_a_loop_is_a_child_and_its_tasks_stay_the_runs(session: Session) -> None:
    with tt.task("run") as run:
        for n in run.track([3, 1, 2], "fit"):
            assert tt.current() is run
            with tt.task(f"fit {n}"):
                pass
    tree = nodes(session)
    assert tree["run"]["children"] == ["fit", "fit 3", "fit 1", "fit 2"]
    fit = tree["fit"]
    assert (fit["status"], fit["progress"], fit["message"], fit["kind"]) == ("completed", 1.0, "3 of 3", "track")


def test_a_break_ends_with_the_run(session: Session) -> None:
    with tt.task("run") as run:
        for n in run.track(range(10), "search"):
            if n == 3:
                break
    node = nodes(session)["search"]
    assert (node["status"], node["message"]) == ("completed", "4 of 10")


def test_an_exception_in_the_loop_fails_it(session: Session) -> None:
    def search() -> None:
        with tt.task("run") as run:
            for n in run.track(range(10), "search"):
                if n == 3:
                    raise ValueError("bad")

    with pytest.raises(ValueError, match="bad"):
        search()
    node = nodes(session)["search"]
    assert (node["status"], node["message"]) == ("failed", "3 of 10")


def test_an_interrupt_cancels_it(session: Session) -> None:
    def search() -> None:
        with tt.task("run") as run:
            for _ in run.track(range(10), "search"):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search()
    assert nodes(session)["search"]["status"] == "cancelled"


def test_an_exception_that_is_caught_leaves_the_loop_completed(session: Session) -> None:
    with tt.task("run") as run:
        try:
            for _ in run.track(range(10), "search"):
                raise ValueError("caught")
        except ValueError:
            pass
    assert nodes(session)["search"]["status"] == "completed"


def test_an_iterator_that_fails_says_why(session: Session) -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("disk")

    with tt.task("run") as run, pytest.raises(OSError, match="disk"):
        for _ in run.track(broken(), "read"):
            pass
    tree = nodes(session)
    assert tree["read"]["status"] == "failed"
    assert tree["read"]["error"]["message"] == "disk"
    assert tree["run"]["status"] == "completed"


def test_a_million_iterations_cost_a_handful_of_events(session: Session) -> None:
    with tt.task("run") as run:
        before = session.project().source.emitted
        began = time.monotonic()
        count = sum(1 for _ in run.track(range(1_000_000), "count"))
        seconds = time.monotonic() - began
        events = session.project().source.emitted - before
    assert count == 1_000_000
    assert events <= 3 + seconds / TICK
    assert nodes(session)["count"]["message"] == "1,000,000 of 1,000,000"


def test_a_slow_loop_is_told_of_while_it_waits(session: Session) -> None:
    """Nothing but the clock can tell: the loop's own code doesn't run."""
    project = session.project()
    with tt.task("run") as run:
        loop = iter(run.track(range(4), "slow"))
        next(loop)
        next(loop)
        deadline = time.monotonic() + 10
        while nodes(session)["slow"].get("message") != "1 of 4":
            assert time.monotonic() < deadline
            time.sleep(TICK / 4)
        told = project.source.emitted
        time.sleep(3 * TICK)
        assert project.source.emitted == told


def test_a_length_is_found_or_given_or_left_out(session: Session) -> None:
    with tt.task("run") as run:
        assert len(run.track([1, 2, 3], "found")) == 3
        list(run.track(iter([1, 2]), "given", total=2))
        list(run.track(iter([1, 2]), "unknown"))
        list(run.track([], "none"))
        list(run.track([1, 2, 3], "wrong", total=2))
    tree = nodes(session)
    assert tree["given"]["message"] == "2 of 2"
    assert tree["unknown"]["message"] == "2"
    assert "progress" not in tree["unknown"]
    assert (tree["none"]["message"], tree["none"]["status"]) == ("0 of 0", "completed")
    assert tree["wrong"]["progress"] == 1.0


def test_without_threads_the_loop_looks_at_the_clock_itself(session: Session) -> None:
    session.connection.threadless = True
    with tt.task("run") as run:
        loop = iter(run.track(range(100), "slow"))
        next(loop)
        time.sleep(2 * TICK)
        next(loop)
        assert nodes(session)["slow"]["message"] == "1 of 100"


def test_what_is_not_iterable_is_the_users_error(session: Session) -> None:
    with tt.task("run") as run, pytest.raises(TypeError):
        run.track(3)  # type: ignore[arg-type]
