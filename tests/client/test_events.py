"""`events`: a project's events in any loop, bounded, and gone without a trace."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

import tasktree_jupyter as tt
from tasktree_jupyter.client import events as events_module
from tasktree_jupyter.client.events import EventStream
from tasktree_jupyter.client.session import Session
from tests.client.conftest import Run, Start
from tests.client.hub import Hub


async def take(stream: AsyncIterator[dict[str, Any]], count: int) -> list[Any]:
    found: list[Any] = []
    async with asyncio.timeout(20):
        async for event in stream:
            found.append(event["data"].get("n", event["type"]))
            if len(found) == count:
                break
    return found


def subscriptions(session: Session) -> int:
    """How many the connection has, once it has done what it was asked."""
    done = threading.Event()
    session.connection.call(done.set)
    assert done.wait(20)
    return len(session.connection._following._subscriptions)


def test_every_event_from_the_call_on_comes_in_order(session: Session) -> None:
    async def main() -> list[Any]:
        tt.emit("my.event", n=-1)
        stream = tt.events(types="my.event")
        for n in range(5):
            tt.emit("my.event", n=n)
            tt.emit("other.event", n=n)
        return await take(stream, 5)

    assert asyncio.run(main()) == [0, 1, 2, 3, 4]


def test_it_may_be_read_in_one_loop_after_the_other_and_in_loops_within_loops(session: Session) -> None:
    stream = tt.events()

    async def outer() -> list[Any]:
        tt.emit("my.event", n=2)
        inside: list[Any] = []
        # Another loop on another thread, while this one waits: as libraries do that hide their coroutines.
        thread = threading.Thread(target=lambda: inside.extend(asyncio.run(take(stream, 1))))
        thread.start()
        await asyncio.to_thread(thread.join)
        return inside

    tt.emit("my.event", n=1)
    assert asyncio.run(take(stream, 1)) == [1]
    assert asyncio.run(outer()) == [2]
    tt.emit("my.event", n=3)
    assert asyncio.run(take(stream, 1)) == [3]


def test_a_break_a_block_and_a_cancellation_leave_nothing_behind(session: Session) -> None:
    threads = threading.active_count()

    async def broken_off() -> None:
        tt.emit("my.event")
        async for _ in tt.events():
            break

    async def in_a_block() -> EventStream:
        async with tt.events() as stream:
            assert subscriptions(session) == 1
        return stream

    async def cancelled() -> EventStream:
        stream = tt.events()
        waiting = asyncio.create_task(anext(stream))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        tt.emit("my.event", n=7)
        # The cancelled one took nothing away.
        assert await take(stream, 1) == [7]
        await stream.aclose()
        return stream

    async def failed() -> None:
        async for _ in tt.events(since=None):
            raise ValueError("mine")

    async def main() -> None:
        task = asyncio.create_task(broken_off())
        await asyncio.sleep(0.01)
        tt.emit("my.event")
        await task
        for stream in (await in_a_block(), await cancelled()):
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
        failing = asyncio.create_task(failed())
        await asyncio.sleep(0.01)
        tt.emit("my.event")
        with pytest.raises(ValueError, match="mine"):
            await failing
        del failing

    asyncio.run(main())
    gc.collect()
    assert subscriptions(session) == 0
    assert threading.active_count() <= threads + 1


def test_who_waits_is_told_when_it_is_closed(session: Session) -> None:
    async def main() -> None:
        stream = tt.events()
        waiting = asyncio.create_task(take(stream, 1))
        await asyncio.sleep(0.01)
        await stream.aclose()
        assert await waiting == []

    asyncio.run(main())


def test_a_slow_reader_is_told_that_it_missed_some_and_memory_is_bounded(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "MAX_WAITING", 10)
    stream = tt.events()
    with tt.subscribe(seen := _Seen()):
        for n in range(25):
            tt.emit("my.event", n=n)
        assert seen.all.wait(20)

    async def main() -> list[dict[str, Any]]:
        return [await anext(stream) for _ in range(11)]

    first, *others = asyncio.run(main())
    assert (first["type"], first["data"]) == ("resync", {"reason": "slow", "missed": 15})
    assert [event["data"]["n"] for event in others] == list(range(15, 25))


class _Seen:
    def __init__(self) -> None:
        self.all = threading.Event()

    def __call__(self, event: dict[str, Any]) -> None:
        if event["data"]["n"] == 24:
            self.all.set()


def test_without_threads_it_works_in_the_one_loop(session: Session) -> None:
    session.connection.threadless = True

    async def main() -> list[Any]:
        stream = tt.events()
        reading = asyncio.create_task(take(stream, 2))
        for n in range(2):
            await asyncio.sleep(0)
            tt.emit("my.event", n=n)
        return await reading

    assert asyncio.run(main()) == [0, 1]


def test_a_name_that_is_no_project_is_refused(session: Session) -> None:
    with pytest.raises(ValueError, match="project"):
        tt.events("")


def test_with_a_server_it_hears_others_from_any_moment_until_the_project_is_gone(
    start: Start, run: Run, own_hub: Hub
) -> None:
    program = start(
        """
import asyncio
import tasktree_jupyter as tt
async def main():
    print("listening", flush=True)
    stream = tt.events("etl", since=0)
    async for event in stream:
        print(event["data"].get("n", event["type"]), flush=True)
        if event["data"].get("n") == 2:
            break
    print(stream.closed, flush=True)
    async for event in stream:
        print(event["type"], flush=True)
    print("ended", stream.closed, flush=True)
asyncio.run(main())
""",
        own_hub,
    )
    assert program.line() == "listening"
    run("import tasktree_jupyter as tt\nfor n in range(3): tt.emit('my.event', n=n, project='etl')", own_hub)
    assert [program.line() for _ in range(4)] == ["0", "1", "2", "False"]
    own_hub.delete("projects/etl")
    assert [program.line() for _ in range(2)] == ["gone", "ended True"]
