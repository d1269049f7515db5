"""A damaged file is moved aside, never deleted; what can be read of it lives on in a new one, and the loss is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
import pytest

from tasktree_jupyter.storage import sqlite_mending, sqlite_writer
from tasktree_jupyter.storage.log import Batch, NewEvent, StorageError, StoredFold
from tasktree_jupyter.storage.sqlite import SqliteLog
from tasktree_jupyter.storage.sqlite_folder import file_name

if TYPE_CHECKING:
    from tests.storage.conftest import Heads

MakeBatch = Callable[..., Batch]
MakeHeads = Callable[[], "Heads"]
PAGE = 4096


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "logs"


@pytest.fixture
def log(folder: Path, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[SqliteLog]:
    log = SqliteLog(folder, busy_ms=200)
    jp_asyncio_loop.run_until_complete(log.start())
    yield log
    jp_asyncio_loop.run_until_complete(log.close())


@pytest.fixture(autouse=True)
def look_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_writer, "_LOOK_AGAIN_S", 0.0)


def path_of(folder: Path, project_id: str = "p") -> Path:
    return folder / file_name(project_id)


def asides(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if sqlite_mending.ASIDE in path.name)


def large(source: str, seq: int, size: int = 3000, project_id: str = "p") -> Batch:
    """An event that doesn't compress, so that a few of them fill pages."""
    noise = random.Random(seq).randbytes(size // 2).hex()
    body = b'{"type":"x","project_id":"%b","data":{"n":%d,"noise":"%b"},"timestamp":"t","source":"%b","seq":%d'
    filled = body % (project_id.encode(), seq, noise.encode(), source.encode(), seq)
    return Batch(source, seq, seq, [NewEvent(seq, filled)])


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `fill` keeps what it wrote: every commit is synced, so once is enough."""
    return tmp_path_factory.mktemp("written")


class Fill:
    """Makes projects with forty events, each a commit of its own, in the folder."""

    def __init__(self, written: Path, folder: Path) -> None:
        self._written = written
        self._folder = folder

    async def __call__(self, *projects: str) -> None:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for project_id in projects:
            model = path_of(self._written, project_id)
            if not model.exists():
                await self._write(project_id)
            shutil.copy(model, path_of(self._folder, project_id))

    async def _write(self, project_id: str) -> None:
        log = SqliteLog(self._written)
        await log.start()
        for seq in range(1, 41):
            await log.append(project_id, [large("a", seq, project_id=project_id)], now=seq)
        await log.set_attributes(project_id, {"title": f"The {project_id}"})
        await log.close()


@pytest.fixture
def fill(written: Path, folder: Path) -> Fill:
    return Fill(written, folder)


async def events_of(log: SqliteLog, project_id: str = "p") -> list[dict[str, Any]]:
    """All events, asked for again where a damaged file had to be mended first."""
    for _ in range(3):
        try:
            return [json.loads(event) for event in await log.read(project_id, 0, limit=10_000)]
        except StorageError as error:
            if not error.retryable:
                raise
    raise AssertionError("it wasn't mended")


def overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


def check_marks(events: list[dict[str, Any]], all_events: int) -> int:
    """The events are consecutive, each is what it was, and the marks say how many are missing; return how many."""
    assert [event["offset"] for event in events] == list(range(1, len(events) + 1))
    assert all(one["at"] <= two["at"] for one, two in pairwise(events))
    n = lost = 0
    for event in events:
        if event["type"] == "events_dropped":
            lost += event["data"]["count"]
            n += event["data"]["count"]
        else:
            n += 1
            assert event["data"]["n"] == n
            assert event["data"]["noise"] == random.Random(n).randbytes(1500).hex()
    assert n <= all_events
    return lost + all_events - n


async def test_pages_overwritten_in_the_middle_cost_only_what_was_in_them(
    folder: Path, fill: Fill, log: SqliteLog, caplog: pytest.LogCaptureFixture
) -> None:
    await fill("p", "q")
    before = await log.head("p")
    whole = path_of(folder).read_bytes()
    for page in (6, 7, 20):
        overwrite(path_of(folder), page * PAGE, os.urandom(PAGE))
    damaged = path_of(folder).read_bytes()

    events = await events_of(log)

    head = await log.head("p")
    assert before is not None
    assert head is not None
    assert head.epoch != before.epoch
    assert head.offset == len(events)
    lost = check_marks(events, 40)
    assert 0 < lost <= 10
    assert await log.attributes("p") == {"title": "The p"}
    aside = asides(folder)[0]
    assert aside.read_bytes() == damaged != whole
    assert f"{40 - lost} events were recovered, {lost} are known to be lost" in caplog.text
    assert aside.name in caplog.text
    assert [trouble.kind for trouble in log.troubles.current()] == ["damaged"]
    assert len(await events_of(log, "q")) == 40
    assert [record.project_id for record in await log.projects()] == ["p", "q"]


async def test_who_follows_is_told_the_new_epoch_and_what_is_emitted_goes_on(
    folder: Path, fill: Fill, log: SqliteLog, heads: MakeHeads
) -> None:
    await fill("p")
    heard = heads()
    log.follow("p", heard)
    first = await heard.until(lambda head: head is not None and head.offset == 40)
    assert first is not None
    await log.close()
    overwrite(path_of(folder), 8 * PAGE, os.urandom(8 * PAGE))

    log = SqliteLog(folder)
    await log.start()
    heard = heads()
    log.follow("p", heard)
    await events_of(log)
    after = await heard.until(lambda head: head is not None and head.epoch != first.epoch)
    assert after is not None
    commit = await log.append("p", [large("another life", 1)], now=100)
    assert (commit.epoch, commit.first_offset) == (after.epoch, after.offset + 1)
    await log.close()


@pytest.mark.parametrize("damage", [b"no database at all" * 500, b"", b"SQLite format 3\x00" + b"\xff" * 5000])
async def test_a_file_with_nothing_left_in_it_is_moved_aside_and_the_project_begins_anew(
    folder: Path, fill: Fill, log: SqliteLog, batch: MakeBatch, damage: bytes
) -> None:
    await fill("p", "q")
    path_of(folder).write_bytes(damage)

    assert [record.project_id for record in await log.projects()] == ["q"]
    (aside,) = asides(folder)
    assert aside.read_bytes() == damage
    assert await log.head("p") is None
    assert (await log.append("p", [batch("a", 1, 1)], now=1)).first_offset == 1
    assert len(await events_of(log, "q")) == 40

    assert await log.delete("p")
    assert asides(folder) == []


@pytest.mark.parametrize("start", [0, 16, 18, 24, 44, 56, 68, 100])
async def test_a_header_of_garbage_costs_no_event(folder: Path, fill: Fill, log: SqliteLog, start: int) -> None:
    await fill("p")
    overwrite(path_of(folder), start, b"\xa5\x5a" * 2 if start else b"\xa5" * 60)

    assert check_marks(await events_of(log), 40) == 0
    assert await log.attributes("p") == {"title": "The p"}


async def test_a_file_that_was_cut_off_keeps_what_is_left(folder: Path, fill: Fill, log: SqliteLog) -> None:
    await fill("p")
    os.truncate(path_of(folder), 20 * PAGE)

    lost = check_marks(await events_of(log), 40)

    assert 0 < lost < 40


async def test_a_lost_table_of_whose_log_it_is_is_found_again(
    folder: Path, fill: Fill, log: SqliteLog, batch: MakeBatch
) -> None:
    await fill("p")
    connection = apsw.Connection(str(path_of(folder)))
    connection.execute("DELETE FROM log")
    connection.close()

    assert check_marks(await events_of(log), 40) == 0


async def test_flipped_bits_in_a_row_are_found_out_when_it_is_read(folder: Path, log: SqliteLog) -> None:
    for size in (100, 3000):
        project_id = f"p{size}"
        for seq in (1, 2, 3):
            await log.append(project_id, [large("a", seq, size, project_id)], now=seq)
        connection = apsw.Connection(str(path_of(folder, project_id)))
        ((body,),) = connection.execute("SELECT body FROM batches WHERE first = 2")
        flipped = bytearray(body)
        flipped[len(flipped) // 2] ^= 0x10
        connection.execute("UPDATE batches SET body = ? WHERE first = 2", (bytes(flipped),))
        connection.close()

        events = await events_of(log, project_id)
        assert [event["data"].get("n", event["type"]) for event in events] == [1, "events_dropped", 3]
        assert events[1]["data"] == {"count": 1, "reason": "damaged"}


async def test_rows_that_changed_places_are_found_out(folder: Path, fill: Fill, log: SqliteLog) -> None:
    await fill("p")
    connection = apsw.Connection(str(path_of(folder)))
    bodies = dict(connection.execute("SELECT first, body FROM batches"))
    for first, other in ((5, 8), (8, 5)):
        connection.execute("UPDATE batches SET body = ? WHERE first = ?", (bodies[other], first))
    connection.close()

    assert check_marks(await events_of(log), 40) == 2


async def test_a_damaged_wal_costs_only_what_was_in_the_damaged_place(folder: Path, tmp_path: Path) -> None:
    log = SqliteLog(folder)
    await log.start()
    for seq in range(1, 31):
        await log.append("p", [large("a", seq)], now=seq)
    crashed = tmp_path / "crashed"
    shutil.copytree(folder, crashed)
    await log.close()
    wal = Path(f"{path_of(crashed)}-wal")
    overwrite(wal, os.stat(wal).st_size // 2, os.urandom(200))
    # SQLite ends a log at its first bad frame and can't tell it from the log's end; only a damaged file lets us look.
    overwrite(path_of(crashed), 0, b"\xa5" * 60)

    log = SqliteLog(crashed)
    await log.start()
    lost = check_marks(await events_of(log), 30)
    assert lost <= 4
    assert any(aside.name.endswith("-wal") for aside in asides(crashed))
    await log.close()


async def test_a_trimmed_log_is_recovered_upon_its_fold(folder: Path, fill: Fill, log: SqliteLog) -> None:
    await fill("p")
    head = await log.head("p")
    assert head is not None
    await log.save_fold("p", head.epoch, StoredFold(20, 20, b"the state at 20", 1))
    await log.trim("p", 20)
    await log.close()
    overwrite(path_of(folder), 0, b"\xa5" * 60)

    log = SqliteLog(folder)
    await log.start()
    await log.projects()
    after = await log.head("p")
    assert after is not None
    assert (after.trimmed, after.offset) == (20, 40)
    fold = await log.fold_below("p", None)
    assert fold == StoredFold(20, 20, b"the state at 20", 1)
    assert [json.loads(event)["data"]["n"] for event in await log.read("p", 20, limit=100)] == list(range(21, 41))
    await log.close()


async def test_a_trimmed_log_whose_fold_is_lost_says_how_much_is_missing(
    folder: Path, fill: Fill, log: SqliteLog
) -> None:
    await fill("p")
    await log.trim("p", 20)
    await log.close()
    overwrite(path_of(folder), 0, b"\xa5" * 60)

    log = SqliteLog(folder)
    await log.start()
    events = await events_of(log)
    assert events[0]["type"] == "events_dropped"
    assert check_marks(events, 40) == 20
    await log.close()


async def test_a_sound_file_is_left_alone_whoever_suspects_it(folder: Path, fill: Fill, log: SqliteLog) -> None:
    await fill("p")
    head = await log.head("p")

    assert not await log._mend("p", path_of(folder))

    assert await log.head("p") == head
    assert asides(folder) == []


async def test_another_server_that_has_the_damaged_file_open_writes_nothing_more_into_it(
    folder: Path, fill: Fill, log: SqliteLog
) -> None:
    await fill("p")
    other = SqliteLog(folder)
    await other.start()
    before = await other.append("p", [large("a", 41)], now=50)
    overwrite(path_of(folder), 0, b"\xa5" * 60)
    await log.close()
    log = SqliteLog(folder)
    await log.start()
    assert len(await events_of(log)) == 41

    commit = await other.append("p", [large("a", 42)], now=51)

    assert commit.epoch != before.epoch
    assert commit.last_offset == 42
    assert len(await events_of(log)) == 42
    await log.close()
    await other.close()


@pytest.fixture(scope="module")
def crashed(written: Path, jp_asyncio_loop_of_module: asyncio.AbstractEventLoop) -> Path:
    """A folder whose project has all its events in the WAL, as after a crash."""

    async def make() -> None:
        log = SqliteLog(written / "open")
        await log.start()
        for seq in range(1, 9):
            await log.append("p", [large("a", seq)], now=seq)
        shutil.copytree(written / "open", written / "crashed")
        await log.close()

    jp_asyncio_loop_of_module.run_until_complete(make())
    return written / "crashed"


@pytest.fixture(scope="module")
def jp_asyncio_loop_of_module() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.mark.parametrize("step", range(13))
async def test_a_mending_that_a_crash_cuts_short_is_finished_at_the_next_opening(
    folder: Path, crashed: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    shutil.copytree(crashed, folder)
    overwrite(path_of(folder), 0, b"\xa5" * 60)
    calls = 0

    class Crash(BaseException):
        pass

    def until(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            if calls == step:
                raise Crash
            calls += 1
            return function(*args, **kwargs)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", until(os.replace))
        patch.setattr(os, "link", until(os.link))
        patch.setattr(Path, "unlink", until(Path.unlink))
        patch.setattr(sqlite_mending, "_sync", until(sqlite_mending._sync))
        with contextlib.suppress(Crash):
            sqlite_mending.mend(path_of(folder), 100, "wal", lambda name: name == "p", contextlib.nullcontext)

    log = SqliteLog(folder)
    await log.start()
    assert check_marks(await events_of(log), 8) == 0
    assert asides(folder)
    await log.close()
