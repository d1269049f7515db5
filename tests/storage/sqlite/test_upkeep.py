"""What the writer does when nobody waits: merging, checkpoints; and what nobody must notice of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import apsw
import pytest

from tasktree_jupyter.storage import sqlite_merge, sqlite_writer
from tasktree_jupyter.storage.log import Batch
from tasktree_jupyter.storage.sqlite import SqliteLog
from tasktree_jupyter.storage.sqlite_folder import file_name

if TYPE_CHECKING:
    from tests.storage.conftest import Heads

MakeBatch = Callable[..., Batch]
MakeHeads = Callable[[], "Heads"]


@pytest.fixture
def log(tmp_path: Path, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[SqliteLog]:
    log = SqliteLog(tmp_path)
    jp_asyncio_loop.run_until_complete(log.start())
    yield log
    jp_asyncio_loop.run_until_complete(log.close())


def ask(folder: Path, statement: str) -> int:
    connection = apsw.Connection(str(folder / file_name("p")))
    try:
        return int(connection.execute(statement).get)
    finally:
        connection.close()


def rows(folder: Path) -> int:
    return ask(folder, "SELECT count(*) FROM batches")


async def drip(log: SqliteLog, batch: MakeBatch, count: int, first: int = 1) -> None:
    """One event a commit."""
    for seq in range(first, first + count):
        await log.append("p", [batch("a", seq, seq)], now=seq)


def merge_all(folder: Path) -> None:
    connection = apsw.Connection(str(folder / file_name("p")))
    while sqlite_merge.merge(connection):
        pass
    connection.close()


@pytest.fixture
def no_upkeep(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test merges; the writer mustn't be before it."""
    monkeypatch.setattr(sqlite_writer, "_MERGE_IDLE", 10**9)
    monkeypatch.setattr(sqlite_writer, "_MERGE_BUSY", 10**9)
    monkeypatch.setattr(sqlite_writer, "_MERGE_AFTER_S", 10**9)


@pytest.mark.usefixtures("no_upkeep")
async def test_merging_leaves_full_rows_and_at_most_one_that_is_not(
    tmp_path: Path, log: SqliteLog, batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_merge, "_FULL_EVENTS", 40)
    monkeypatch.setattr(sqlite_merge, "_SLICE", 30)

    for first in (1, 101, 111):
        await drip(log, batch, 100 if first == 1 else 10, first)
        merge_all(tmp_path)

    assert ask(tmp_path, "SELECT group_concat(last - first + 1, '') FROM batches") == 404040
    assert len(await log.read("p", 0, limit=1000)) == 120


@pytest.mark.usefixtures("no_upkeep")
async def test_merging_changes_no_read(tmp_path: Path, log: SqliteLog, batch: MakeBatch) -> None:
    await drip(log, batch, 300)
    await log.append("p", [batch("b", 1, 2000)], now=300)
    await drip(log, batch, 50, 301)
    await log.trim("p", 7)
    before = await log.read("p", 7, limit=5000)
    ats = [await log.at_of("p", offset) for offset in range(2351)]
    offsets = [await log.offset_at("p", at) for at in range(360)]
    head, size = await log.head("p"), ask(tmp_path, "SELECT sum(length(body)) FROM batches")

    merge_all(tmp_path)

    assert rows(tmp_path) < 10
    assert ask(tmp_path, "SELECT sum(length(body)) FROM batches") < size / 2
    assert await log.read("p", 7, limit=5000) == before
    for after in range(7, 2351, 97):
        assert await log.read("p", after, limit=40) == before[after - 7 : after + 33]
    assert [await log.at_of("p", offset) for offset in range(2351)] == ats
    assert [await log.offset_at("p", at) for at in range(360)] == offsets
    assert await log.head("p") == head


async def test_small_rows_are_merged_when_nothing_is_to_do(tmp_path: Path, log: SqliteLog, batch: MakeBatch) -> None:
    await drip(log, batch, 100)
    assert rows(tmp_path) == 100

    async with asyncio.timeout(20):
        while rows(tmp_path) > 2:  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    assert len(await log.read("p", 0, limit=1000)) == 100


async def test_small_rows_are_merged_under_steady_load_and_while_others_read(
    tmp_path: Path, log: SqliteLog, batch: MakeBatch, heads: MakeHeads
) -> None:
    other = SqliteLog(tmp_path)
    await other.start()
    done = False

    async def read() -> int:
        times = 0
        while not done:
            head = await other.head("p")
            upto = head.offset if head else 0
            if upto:
                events = await other.read("p", 0, limit=upto)
                assert [int(event.rpartition(b'"offset":')[2].partition(b",")[0]) for event in events] == list(
                    range(1, upto + 1)
                )
            times += 1
            await asyncio.sleep(0)
        return times

    reading = asyncio.ensure_future(read())
    await drip(log, batch, 1500)
    done = True

    assert await reading > 3
    assert rows(tmp_path) < 700
    assert len(await log.read("p", 0, limit=2000)) == 1500
    await other.close()


@pytest.mark.usefixtures("no_upkeep")
async def test_a_merge_is_no_news_to_a_follower(
    tmp_path: Path, log: SqliteLog, batch: MakeBatch, heads: MakeHeads
) -> None:
    await drip(log, batch, 100)
    heard = heads()
    log.follow("p", heard)
    await heard.until(lambda head: head is not None and head.offset == 100)

    merge_all(tmp_path)
    await log.append("p", [batch("a", 101, 101)], now=101)
    await heard.until(lambda head: head is not None and head.offset == 101)

    assert [head.offset for head in heard.all if head is not None] == [100, 101]


async def test_the_wal_does_not_grow_without_end_while_others_read(
    tmp_path: Path, log: SqliteLog, batch: MakeBatch
) -> None:
    other = SqliteLog(tmp_path)
    await other.start()
    wal = tmp_path / f"{file_name('p')}-wal"
    await log.append("p", [batch("a", 1, 500)], now=1)
    largest, first = 0, 501
    for _ in range(300):
        await asyncio.gather(
            log.append("p", [batch("a", first, first + 499)], now=1), other.head("p"), other.read("p", 0, limit=2000)
        )
        first += 500
        largest = max(largest, wal.stat().st_size)
    await other.close()

    assert largest < 8 * 1024 * 1024
    assert ask(tmp_path, "SELECT max(last) FROM batches") == first - 1


async def test_what_is_trimmed_gives_its_space_back(tmp_path: Path, log: SqliteLog, batch: MakeBatch) -> None:
    for first in range(1, 40_000, 500):
        await log.append("p", [batch("a", first, first + 499)], now=1)
    pages = ask(tmp_path, "PRAGMA page_count")

    await log.trim("p", 39_000)

    async with asyncio.timeout(20):
        while ask(tmp_path, "PRAGMA page_count") > pages / 4:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert len(await log.read("p", 39_000, limit=5000)) == 1000


def test_a_checkpoint_that_another_process_holds_up_is_left_for_later() -> None:
    class Held:
        """A connection whose file another process is checkpointing, the first time."""

        tried = 0

        def wal_checkpoint(self, *, mode: int) -> None:
            self.tried += 1
            if self.tried == 1:
                raise apsw.BusyError

    file: Any = SimpleNamespace(wal_pages=7, connection=Held())
    writer: Any = None

    sqlite_writer.Writer._checkpoint(writer, file)
    assert file.wal_pages == 7
    sqlite_writer.Writer._checkpoint(writer, file)
    assert file.wal_pages == 0
