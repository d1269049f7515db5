"""The files: their names and rights, who may not touch them, and what happens when someone does."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest

from tasktree_jupyter.storage import sqlite_reader, sqlite_writer
from tasktree_jupyter.storage.log import (
    Batch,
    EventLog,
    NewerSchema,
    NoSuchProject,
    StorageError,
    Unavailable,
    staged_id,
)
from tasktree_jupyter.storage.sqlite import SqliteLog
from tasktree_jupyter.storage.sqlite_folder import file_name

if TYPE_CHECKING:
    from tests.storage.conftest import Heads

MakeBatch = Callable[..., Batch]
MakeHeads = Callable[[], "Heads"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "new" / "logs"


@pytest.fixture
def log(folder: Path, jp_asyncio_loop: asyncio.AbstractEventLoop) -> Iterator[SqliteLog]:
    log = SqliteLog(folder, busy_ms=100)
    jp_asyncio_loop.run_until_complete(log.start())
    yield log
    jp_asyncio_loop.run_until_complete(log.close())


def path_of(folder: Path, project_id: str = "p") -> Path:
    return folder / file_name(project_id)


async def eventually(true: Callable[[], bool]) -> None:
    """For what only the file system can tell."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def raw(folder: Path, statement: str, project_id: str = "p") -> None:
    """What a process of another version may have done."""
    connection = apsw.Connection(str(path_of(folder, project_id)))
    connection.execute(statement)
    connection.close()


def test_a_file_is_named_after_its_project_always_the_same_and_never_like_another() -> None:
    assert file_name("Nightly ETL") == file_name("Nightly ETL")
    assert file_name("Nightly ETL").startswith("nightly-etl-")
    given = [file_name(name) for name in ("Nightly ETL", "nightly-etl", "nightly/etl", "夜间", "日间", "..", "x" * 200)]
    assert len({name.lower() for name in given}) == len(given)
    assert all(len(name) < 80 and set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-.") for name in given)


async def test_only_the_owner_may_read_and_what_is_idle_leaves_one_file(
    folder: Path, log: SqliteLog, batch: MakeBatch
) -> None:
    await log.append("p", [batch("a", 1, 1)], now=1)

    rights = {name.partition(".")[2]: stat.S_IMODE(os.stat(folder / name).st_mode) for name in names(folder)}
    assert rights == {"sqlite": 0o600, "sqlite-wal": 0o600, "sqlite-shm": 0o600, "lock": 0o600}
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700

    await log.close()
    assert names(folder) == ["folder.lock", file_name("p")]


async def test_files_nobody_uses_are_closed_and_opened_again(
    folder: Path, batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, setting in (
        (sqlite_writer, "_CLOSE_AFTER_S"),
        (sqlite_writer, "_SWEEP_S"),
        (sqlite_reader, "_CLOSE_AFTER_S"),
    ):
        monkeypatch.setattr(module, setting, 0.05)
    log = SqliteLog(folder)
    await log.start()
    await log.append("p", [batch("a", 1, 1)], now=1)
    await log.read("p", 0, limit=1)

    await eventually(lambda: names(folder) == ["folder.lock", file_name("p")])

    assert (await log.append("p", [batch("a", 2, 2)], now=1)).first_offset == 2
    assert len(await log.read("p", 0, limit=5)) == 2
    await log.close()


async def test_deleting_leaves_nothing_on_the_disk(folder: Path, log: SqliteLog, batch: MakeBatch) -> None:
    await log.append("p", [batch("a", 1, 1)], now=1)

    await log.delete("p")

    assert names(folder) == ["folder.lock"]


async def test_what_a_killed_server_was_making_is_gone_when_nobody_has_written_to_it_for_a_day(
    folder: Path, log: SqliteLog, batch: MakeBatch
) -> None:
    abandoned, under_way = staged_id(), staged_id()
    for staged in (abandoned, under_way):
        await log.append(staged, [batch("a", 1, 3)], now=1)
    for name in names(folder):
        if name.startswith(file_name(abandoned)):
            os.utime(folder / name, (0, 0))

    later = SqliteLog(folder)
    await later.start()
    await later.close()

    assert [name for name in names(folder) if "staged" in name and name.endswith("staged")] == [file_name(under_way)]
    assert len(await log.read(under_way, 0, limit=9)) == 3


async def test_a_folder_that_cannot_be_written_is_said_at_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    log = SqliteLog(tmp_path / "file" / "logs")

    with pytest.raises(Unavailable, match="can't hold the logs"):
        await log.start()
    with pytest.raises(StorageError):
        await log.head("p")


async def test_a_newer_file_is_refused_and_left_untouched(
    folder: Path, log: SqliteLog, batch: MakeBatch, caplog: pytest.LogCaptureFixture
) -> None:
    await log.append("p", [batch("a", 1, 1)], now=1)
    await log.append("q", [batch("a", 1, 1)], now=1)
    await log.close()
    raw(folder, "PRAGMA user_version=99")
    before = hashlib.sha256(path_of(folder).read_bytes()).hexdigest()
    log = SqliteLog(folder)
    await log.start()

    for call in (
        log.append("p", [batch("a", 2, 2)], now=1),
        log.head("p"),
        log.read("p", 0, limit=1),
        log.delete("p"),
        log.set_attributes("p", {"a": 1}),
    ):
        with pytest.raises(NewerSchema, match=r"newer tasktree_jupyter .* upgrade"):
            await call
    with caplog.at_level(logging.WARNING):
        assert [record.project_id for record in await log.projects()] == ["q"]
    assert "newer tasktree_jupyter" in caplog.text
    await log.close()

    assert hashlib.sha256(path_of(folder).read_bytes()).hexdigest() == before
    assert names(folder) == sorted(["folder.lock", file_name("p"), file_name("q")])


def crash_amid_a_commit(path: Path) -> None:
    """Leave what a crash leaves: the journal, and the file with its first pages written and its last ones not."""
    journal = Path(f"{path}-journal")
    pages = path.stat().st_size
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode=truncate").fetchall()
    connection.execute("BEGIN")
    for offset in range(4, 60):
        connection.execute("INSERT INTO batches VALUES (?, ?, 2, 2, 0, zeroblob(4000))", (offset, offset))
    connection.cache_flush()
    undo = journal.read_bytes()
    connection.execute("COMMIT")
    written = path.read_bytes()
    connection.close()
    assert len(written) > pages
    path.write_bytes(written[: pages + 4096])
    journal.write_bytes(undo)


async def test_a_commit_that_a_crash_cut_short_is_rolled_back_not_taken_for_damage(
    folder: Path, batch: MakeBatch
) -> None:
    log = SqliteLog(folder, journal="truncate")
    await log.start()
    await log.append("p", [batch("a", 1, 3)], now=1)
    await log.close()
    crash_amid_a_commit(path_of(folder))

    log = SqliteLog(folder, journal="truncate")
    await log.start()
    assert await log.head("p") is not None
    assert len(await log.read("p", 0, limit=100)) == 3
    assert (await log.append("p", [batch("a", 4, 4)], now=3)).last_offset == 4
    await log.close()


async def test_a_foreign_database_is_not_touched(folder: Path, log: SqliteLog, batch: MakeBatch) -> None:
    connection = apsw.Connection(str(path_of(folder)))
    connection.execute("CREATE TABLE other (x)")
    connection.close()
    before = path_of(folder).read_bytes()

    with pytest.raises(StorageError, match="is no log"):
        await log.append("p", [batch("a", 1, 1)], now=1)

    assert path_of(folder).read_bytes() == before


async def test_a_file_under_the_wrong_name_is_not_written(folder: Path, log: SqliteLog, batch: MakeBatch) -> None:
    await log.append("p", [batch("a", 1, 1)], now=1)
    await log.close()
    shutil.copy(path_of(folder, "p"), path_of(folder, "q"))
    log = SqliteLog(folder)
    await log.start()

    with pytest.raises(StorageError, match="belongs to another project, 'p'"):
        await log.append("q", [batch("a", 2, 2)], now=1)
    with pytest.raises(StorageError, match="belongs to another project, 'p'"):
        await log.head("q")
    assert [record.project_id for record in await log.projects()] == ["p"]
    await log.close()


async def test_a_file_marked_as_deleted_by_a_server_that_died_then_is_gone(
    folder: Path, log: SqliteLog, batch: MakeBatch
) -> None:
    before = await log.append("p", [batch("a", 1, 1)], now=1)
    assert await log.head("p")
    raw(folder, "UPDATE log SET deleted = 1")

    assert await log.head("p") is None
    with pytest.raises(NoSuchProject):
        await log.read("p", 0, limit=1)
    after = await log.append("p", [batch("a", 1, 1)], now=1)

    assert after.epoch != before.epoch
    assert after.first_offset == 1


async def test_whoever_has_a_deleted_file_open_can_tell(folder: Path, log: SqliteLog, batch: MakeBatch) -> None:
    await log.append("p", [batch("a", 1, 1)], now=1)
    connection = apsw.Connection(str(path_of(folder)))
    assert connection.execute("SELECT deleted FROM log").get == 0

    await log.delete("p")

    assert connection.execute("SELECT deleted FROM log").get == 1
    connection.close()


async def test_closing_a_deleted_file_leaves_the_new_one_of_its_name_alone(
    folder: Path, log: SqliteLog, batch: MakeBatch
) -> None:
    late = SqliteLog(folder)
    await late.start()
    await late.append("p", [batch("a", 1, 1)], now=1)
    await late.read("p", 0, limit=1)
    await log.delete("p")
    await log.append("p", [batch("a", 1, 3)], now=1)
    wal = f"{path_of(folder)}-wal"
    before = os.stat(wal).st_ino

    await late.close()

    assert os.stat(wal).st_ino == before
    await log.append("p", [batch("a", 4, 4)], now=1)
    reader = SqliteLog(folder)
    await reader.start()
    assert len(await reader.read("p", 0, limit=10)) == 4
    await reader.close()


async def test_nothing_is_acknowledged_into_a_file_that_another_server_deletes(folder: Path, batch: MakeBatch) -> None:
    log, other = SqliteLog(folder), SqliteLog(folder)
    await log.start()
    await other.start()
    last: dict[str, int] = {}

    async def emit(into: EventLog, source: str) -> None:
        for seq in range(1, 150):
            commit = await into.append("p", [batch(source, seq, seq, dropped=1)], now=1)
            last[commit.epoch] = max(last.get(commit.epoch, 0), commit.last_offset)

    async def delete() -> int:
        deleted = 0
        for _ in range(12):
            deleted += await other.delete("p")
            await asyncio.sleep(0.01)
        return deleted

    _, _, deleted = await asyncio.gather(emit(log, "a"), emit(other, "b"), delete())

    assert deleted > 3
    commit = await log.append("p", [batch(None, 1, 1)], now=1)
    last[commit.epoch] = commit.last_offset
    head = await other.head("p")
    assert head is not None
    assert len(last) <= deleted + 1
    assert last[head.epoch] == head.offset
    assert len(await log.read("p", 0, limit=1000)) == head.offset
    await log.close()
    await other.close()


async def test_a_file_removed_by_hand_is_told_and_the_next_append_begins_anew(
    folder: Path, log: SqliteLog, batch: MakeBatch, heads: MakeHeads
) -> None:
    before = await log.append("p", [batch("a", 1, 3)], now=1)
    assert len(await log.read("p", 0, limit=5)) == 3
    heard = heads()
    log.follow("p", heard)
    await heard.until(lambda head: head is not None and head.offset == 3)

    path_of(folder).unlink()

    await heard.until(lambda head: head is None)
    assert await log.head("p") is None
    after = await log.append("p", [batch("a", 1, 1)], now=1)
    assert (after.first_offset, after.epoch == before.epoch) == (1, False)
    await heard.until(lambda head: head is not None and head.epoch == after.epoch)
    assert await log.read("p", 0, limit=5) == after.events


async def test_a_backup_put_in_its_place_is_told_and_read(
    folder: Path, log: SqliteLog, batch: MakeBatch, heads: MakeHeads
) -> None:
    await log.append("p", [batch("a", 1, 3)], now=1)
    await log.close()
    shutil.copy(path_of(folder), folder / "backup")
    log = SqliteLog(folder)
    await log.start()
    await log.append("p", [batch("a", 4, 9)], now=2)
    heard = heads()
    log.follow("p", heard)
    await heard.until(lambda head: head is not None and head.offset == 9)

    os.replace(folder / "backup", path_of(folder))
    for beside in ("-wal", "-shm"):
        os.unlink(f"{path_of(folder)}{beside}")

    await heard.until(lambda head: head is not None and head.offset == 3)
    assert len(await log.read("p", 0, limit=20)) == 3
    commit = await log.append("p", [batch("a", 4, 4)], now=3)
    assert (commit.first_offset, commit.results[0].duplicates) == (4, 0)
    await log.close()


async def test_many_projects_do_not_hold_as_many_files(log: SqliteLog, batch: MakeBatch) -> None:
    def handles() -> int:
        return len(os.listdir("/dev/fd"))

    before = handles()
    for i in range(150):
        await log.append(f"p{i}", [batch("a", 1, 1)], now=1)
        assert len(await log.read(f"p{i}", 0, limit=1)) == 1
        log.follow(f"p{i}", lambda head: None)
    assert len(await log.projects()) == 150

    # A file, its WAL and its shared memory for each connection, and one or two that SQLite must keep because closing
    # any handle of a file would give up the process' locks on it. All open would be 150 * 3 * 3.
    most = before + 5 * (32 + 16 + 64)
    await eventually(lambda: handles() <= most)


async def test_a_lock_held_by_another_process_is_a_retryable_error_that_uses_no_seq(
    folder: Path, log: SqliteLog, batch: MakeBatch
) -> None:
    await log.append("p", [batch("a", 1, 1)], now=1)
    holder = apsw.Connection(str(path_of(folder)))
    holder.execute("BEGIN IMMEDIATE")

    with pytest.raises(StorageError, match="locked by another process") as told:
        await log.append("p", [batch("a", 2, 2)], now=1)
    assert told.value.retryable
    assert len(await log.read("p", 0, limit=5)) == 1

    holder.execute("ROLLBACK")
    holder.close()
    commit = await log.append("p", [batch("a", 2, 2)], now=1)
    assert (commit.first_offset, commit.results[0].duplicates) == (2, 0)


@pytest.mark.parametrize(("first", "then"), [("wal", "truncate"), ("truncate", "wal")])
async def test_a_folder_that_moved_to_another_kind_of_filesystem_is_taken_over(
    folder: Path, batch: MakeBatch, first: str, then: str
) -> None:
    log = SqliteLog(folder, journal=first)
    await log.start()
    await log.append("p", [batch("a", 1, 2)], now=1)
    await log.close()

    log = SqliteLog(folder, journal=then)
    await log.start()
    await log.append("p", [batch("a", 3, 3)], now=1)

    connection = apsw.Connection(str(path_of(folder)))
    assert (connection.execute("PRAGMA journal_mode").get == "wal") == (then == "wal")
    connection.close()
    assert len(await log.read("p", 0, limit=5)) == 3
    assert log.mode == then
    await log.close()


async def test_a_full_disk_is_a_retryable_error_that_uses_no_seq(folder: Path, batch: MakeBatch) -> None:
    import resource
    import signal

    log = SqliteLog(folder)
    await log.start()
    await log.append("p", [batch("a", 1, 1)], now=1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limits[1]))
    try:
        body = os.urandom(100_000).hex()
        huge = batch("a", 2, 2)
        huge.events[0] = type(huge.events[0])(2, b'{"t":"%b"' % body.encode())
        with pytest.raises(StorageError) as told:
            await log.append("p", [huge], now=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)

    assert told.value.retryable
    assert await log.upto("p", "a") == 1
    commit = await log.append("p", [huge], now=1)
    assert (commit.first_offset, commit.results[0].duplicates) == (2, 0)
    await log.close()
