"""`wait`: until a run has ended, wherever it runs, and never for ever without need."""

from __future__ import annotations

import _thread
import asyncio
import threading
from typing import Any

import pytest

import tasktree_jupyter as tt
from tasktree_jupyter.client.session import Session
from tests.client.conftest import Run, Start
from tests.client.hub import Hub


def later(action: Any, *arguments: Any, seconds: float = 0.1) -> threading.Timer:
    timer = threading.Timer(seconds, action, arguments)
    timer.start()
    return timer


def test_it_returns_how_a_run_of_this_process_ended(session: Session) -> None:
    run = tt.task("run")
    run.open()
    later(run.close, ValueError("bad"))
    assert tt.wait(run, timeout=20) == "failed"
    assert tt.wait(run) == "failed"
    assert tt.wait(run.id) == "failed"
    assert tt.wait(tt.view()) == "failed"


def test_without_a_name_it_waits_for_the_newest_run(session: Session) -> None:
    with pytest.raises(ValueError, match="no run has begun"):
        tt.wait()
    with tt.task("first"):
        pass
    run = tt.task("second")
    run.open()
    later(run.close, None)
    assert tt.wait(timeout=20) == "completed"


def test_a_scripted_node_is_waited_for_by_its_id(session: Session) -> None:
    tt.emit("node_update", node_id="etl/7", changes={"title": "load", "status": "running"})
    later(lambda: tt.emit("task_status_changed", task_id="etl/7", status="skipped"))
    assert tt.wait("etl/7", timeout=20) == "skipped"


def test_it_gives_up_in_time_and_says_what_it_waited_for(session: Session) -> None:
    run = tt.task("Grid search")
    run.open()
    with pytest.raises(TimeoutError, match=r"'Grid search' \(.+\) is still running after 0\.2 s"):
        tt.wait(run, timeout=0.2)
    run.close(None)


def test_an_interrupt_ends_it(session: Session) -> None:
    run = tt.task("run")
    run.open()
    later(_thread.interrupt_main, seconds=0.2)
    with pytest.raises(KeyboardInterrupt):
        tt.wait(run)
    run.close(None)


def test_what_would_wait_for_itself_is_refused(session: Session) -> None:
    with tt.task("run") as run, tt.task("inside"):
        with pytest.raises(RuntimeError, match="part of"):
            tt.wait(run)
        with pytest.raises(RuntimeError, match="part of"):
            tt.wait()

    async def main() -> str:
        begun = asyncio.Event()
        tasks = []

        async def work() -> None:
            async with tt.task("work") as task:
                tasks.append(task)
                begun.set()
                await asyncio.sleep(0.2)

        working = asyncio.create_task(work())
        await begun.wait()
        with pytest.raises(RuntimeError, match="event loop"):
            tt.wait(tasks[0])
        status = await asyncio.to_thread(tt.wait, tasks[0], 20)
        await working
        return status

    assert asyncio.run(main()) == "completed"


def test_without_threads_it_refuses_what_can_never_end(session: Session) -> None:
    session.connection.threadless = True
    run = tt.task("run")
    run.open()
    with pytest.raises(RuntimeError, match="no threads"):
        tt.wait(run)
    run.close(None)
    assert tt.wait(run) == "completed"


def test_what_is_not_there_is_named(session: Session) -> None:
    with pytest.raises(ValueError, match="'nothing'"):
        tt.wait("nothing")
    with pytest.raises(ValueError, match="never entered"):
        tt.wait(tt.task("run"))
    with pytest.raises(TypeError, match="it must be a task"):
        tt.wait(3)


def test_a_run_of_another_process_is_waited_for_and_a_removed_one_is_missed(start: Start, run: Run, hub: Hub) -> None:
    other = start(
        """
import tasktree_jupyter as tt
with tt.task("etl", project="waited") as etl:
    with tt.task("load"): pass
    assert tt.flush(30)
    print(etl.id, flush=True)
    input()
tt.emit("node_update", node_id="raw", changes={"title": "raw", "status": "running"}, project="waited")
assert tt.flush(30)
print("raw", flush=True)
input()
tt.emit("node_update", node_id="raw", changes=None, project="waited")
""",
        hub,
    )
    etl = other.line()
    waiting = start(
        f"""
import tasktree_jupyter as tt
try:
    tt.wait(project="waited", timeout=3)
except TimeoutError as error:
    print(error, flush=True)
print(tt.wait({etl!r}, project="waited"), flush=True)
print(tt.wait({etl + "/1"!r}, project="waited"), flush=True)
input()
from tasktree_jupyter.client import waiting
look = waiting.read
def told(*arguments):
    found = look(*arguments)
    print("looked", flush=True)
    return found
waiting.read = told
try:
    tt.wait("raw", project="waited")
except LookupError as error:
    print(error, flush=True)
""",
        hub,
    )
    assert waiting.line() == f"'etl' ({etl}) is still running after 3 s"
    other.go_on()
    assert other.line() == "raw"
    assert [waiting.line(), waiting.line()] == ["completed", "completed"]
    waiting.go_on()
    assert waiting.line() == "looked"
    other.go_on()
    assert waiting.line() == "looked"
    assert waiting.line() == "'raw' (raw) was removed"
