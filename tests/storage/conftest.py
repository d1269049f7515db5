"""Every engine, under one roof: what a test gets as `engine` decides what it tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasktree_jupyter.storage.log import Batch, EventLog, Head, NewEvent
from tasktree_jupyter.storage.memory import MemoryLog
from tasktree_jupyter.storage.sqlite import SqliteLog

ENGINES = ("memory", "sqlite-wal", "sqlite-truncate")


class Engine:
    """One engine with one place for its data."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.folder = folder
        self.logs: list[EventLog] = []

    def make(self) -> EventLog:
        """A log that isn't started."""
        if self.kind == "memory":
            return MemoryLog()
        return SqliteLog(self.folder, journal=self.kind.removeprefix("sqlite-"))

    async def open(self) -> EventLog:
        """A started log; the test needn't close it."""
        log = self.make()
        await log.start()
        self.logs.append(log)
        return log

    async def peer(self, log: EventLog) -> EventLog:
        """Another log on the same data, as a second server has it; the same one where nothing can be shared."""
        return log if self.kind == "memory" else await self.open()

    async def close(self) -> None:
        for log in self.logs:
            await log.close()


class Heads:
    """What a follower heard."""

    def __init__(self) -> None:
        self.all: list[Head | None] = []
        self._news = asyncio.Event()

    def __call__(self, head: Head | None) -> None:
        self.all.append(head)
        self._news.set()

    async def until(self, wanted: Callable[[Head | None], bool]) -> Head | None:
        """The first head that is wanted, heard or yet to be heard."""
        async with asyncio.timeout(20):
            while True:
                for head in self.all:
                    if wanted(head):
                        return head
                self._news.clear()
                await self._news.wait()


def make_batch(source: str | None, first: int, last: int, *, rejected: tuple[int, ...] = (), dropped: int = 0) -> Batch:
    """A batch with an event for each seq from `first` to `last` that wasn't rejected."""
    seqs = [seq for seq in range(first, last + 1) if seq not in rejected]
    if source is None:
        return Batch(None, None, None, [NewEvent(None, b'{"type":"x","data":{"n":%d}' % seq) for seq in seqs])
    name = source.encode()
    events = [NewEvent(seq, b'{"type":"x","source":"%b","seq":%d' % (name, seq)) for seq in seqs]
    told = b'{"type":"events_dropped","source":"%b"' % name if dropped else None
    return Batch(source, first, last, events, dropped, told)


@pytest.fixture(params=ENGINES)
def engine(
    request: pytest.FixtureRequest, tmp_path: Path, jp_asyncio_loop: asyncio.AbstractEventLoop
) -> Iterator[Engine]:
    engine = Engine(request.param, tmp_path / "logs")
    yield engine
    jp_asyncio_loop.run_until_complete(engine.close())


@pytest.fixture
def log(engine: Engine, jp_asyncio_loop: asyncio.AbstractEventLoop) -> EventLog:
    return jp_asyncio_loop.run_until_complete(engine.open())


@pytest.fixture
def batch() -> Callable[..., Batch]:
    return make_batch


@pytest.fixture
def heads() -> Callable[[], Heads]:
    return Heads
