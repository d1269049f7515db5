"""What keeps the engine from working comes and goes while it runs: it is known, costs no event, and ends by itself."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from tasktree_jupyter.storage import sqlite_writer
from tasktree_jupyter.storage.log import Batch, StorageError
from tasktree_jupyter.storage.sqlite import SqliteLog
from tasktree_jupyter.storage.sqlite_folder import file_name

MakeBatch = Callable[..., Batch]


class Disk(apsw.VFS):
    """SQLite's default file system while it is entered; what is written raises `refusal`, where there is one."""

    def __init__(self) -> None:
        self.refusal: type[apsw.Error] | None = None
        super().__init__("tasktree-refusing", "unix", makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        """SQLite opens a file."""
        return _File(self, name, flags)


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        self._disk = disk

    def xWrite(self, data: bytes, offset: int) -> None:
        refusal = self._disk.refusal
        # What a full disk holds already may be written over.
        if refusal is not None and (refusal is not apsw.FullError or offset + len(data) > self.xFileSize()):
            raise refusal("by order")
        super().xWrite(data, offset)


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    disk.unregister()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "logs"


@pytest.fixture(autouse=True)
def try_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_writer, "_TRY_AGAIN_S", 0.05)


async def until(log: SqliteLog, *kinds: str) -> None:
    """Wait until these are the troubles."""
    changed = asyncio.Event()
    stop = log.troubles.listen(changed.set)
    async with asyncio.timeout(20):
        while [trouble.kind for trouble in log.troubles.current()] != [*kinds]:
            changed.clear()
            await changed.wait()
    stop()


@pytest.mark.parametrize(("refusal", "kind"), [(apsw.FullError, "full"), (apsw.ReadOnlyError, "readonly")])
async def test_a_disk_that_takes_nothing_is_known_and_when_it_takes_again_too(
    folder: Path, disk: Disk, batch: MakeBatch, refusal: type[apsw.Error], kind: str
) -> None:
    # Python's file objects have no shared memory, which WAL needs.
    log = SqliteLog(folder, journal="truncate")
    await log.start()
    await log.append("p", [batch("a", 1, 1)], now=1)
    assert len(await log.read("p", 0, limit=9)) == 1
    disk.refusal = refusal

    for project_id in ("p", "new"):
        with pytest.raises(StorageError) as told:
            await log.append(project_id, [batch("a", 2, 2, dropped=1)], now=1)
        assert (told.value.kind, told.value.retryable) == (kind, True)
    await until(log, kind, kind)
    assert file_name("p") in log.troubles.current()[0].message
    assert len(await log.read("p", 0, limit=9)) == 1

    disk.refusal = None
    await until(log)
    commit = await log.append("p", [batch("a", 2, 2)], now=1)
    assert (commit.first_offset, commit.results[0].duplicates) == (2, 0)
    assert (await log.append("new", [batch("a", 1, 1)], now=1)).first_offset == 1
    await log.close()


async def test_a_disk_that_is_full_at_the_start_is_a_trouble_that_ends_and_no_reason_to_work_without_it(
    folder: Path, disk: Disk, batch: MakeBatch
) -> None:
    log = SqliteLog(folder, journal="truncate")
    await log.start()
    await log.append("p", [batch("a", 1, 1)], now=1)
    await log.close()
    disk.refusal = apsw.FullError

    log = SqliteLog(folder, journal="truncate")
    await log.start()
    await until(log, "full")
    assert len(await log.read("p", 0, limit=9)) == 1
    with pytest.raises(StorageError) as told:
        await log.append("p", [batch("a", 2, 2)], now=1)
    assert (told.value.kind, told.value.retryable) == ("full", True)

    disk.refusal = None
    await until(log)
    assert (await log.append("p", [batch("a", 2, 2)], now=1)).first_offset == 2
    await log.close()


async def test_a_folder_that_somebody_keeps_locked_at_the_start_is_used_when_it_is_free(
    folder: Path, batch: MakeBatch
) -> None:
    os.mkdir(folder)
    holder = apsw.Connection(str(folder / "folder.lock"))
    holder.execute("BEGIN EXCLUSIVE")
    log = SqliteLog(folder, busy_ms=50)
    await log.start()
    await until(log, "failing")
    assert "folder.lock is locked by another process" in log.troubles.current()[0].message

    holder.execute("ROLLBACK")
    holder.close()
    await until(log)
    assert (await log.append("p", [batch("a", 1, 1)], now=1)).first_offset == 1
    await log.close()


async def test_a_project_is_deleted_from_a_full_disk_too(folder: Path, disk: Disk, batch: MakeBatch) -> None:
    log = SqliteLog(folder, journal="truncate")
    await log.start()
    await log.append("p", [batch("a", 1, 1)], now=1)
    disk.refusal = apsw.FullError
    with pytest.raises(StorageError):
        await log.append("p", [batch("a", 2, 2)], now=1)

    assert await log.delete("p")

    assert [name for name in os.listdir(folder) if "sqlite" in name] == []
    assert await log.head("p") is None
    disk.refusal = None
    await until(log)
    assert (await log.append("p", [batch("a", 1, 1)], now=1)).first_offset == 1
    await log.close()


async def test_a_full_disk_under_a_write_ahead_log(folder: Path, batch: MakeBatch) -> None:
    log = SqliteLog(folder)
    await log.start()
    await log.append("p", [batch("a", 1, 1)], now=1)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        used = os.stat(f"{folder / file_name('p')}-wal").st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (used, limits[1]))
        with pytest.raises(StorageError) as told:
            await log.append("p", [batch("a", 2, 2)], now=1)
        assert told.value.kind == "full"
        await until(log, "full")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)

    await until(log)
    assert (await log.append("p", [batch("a", 2, 2)], now=1)).first_offset == 2
    await log.close()


async def test_a_locked_project_holds_up_no_other_and_is_written_to_again_when_it_is_free(
    folder: Path, batch: MakeBatch
) -> None:
    log = SqliteLog(folder, busy_ms=3000)
    await log.start()
    for project_id in ("p", "q"):
        await log.append(project_id, [batch("a", 1, 1)], now=1)
    holder = apsw.Connection(str(folder / file_name("p")))
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="locked by another process"):
        await log.append("p", [batch("a", 2, 2)], now=1)
    await until(log, "locked")

    began = time.monotonic()
    refused = log.append("p", [batch("a", 2, 2)], now=1)
    other = log.append("q", [batch("a", 2, 2)], now=1)
    results = await asyncio.gather(refused, other, return_exceptions=True)
    assert isinstance(results[0], StorageError)
    assert not isinstance(results[1], BaseException)
    assert time.monotonic() - began < 2.9, "nothing waited for the lock"

    holder.execute("ROLLBACK")
    holder.close()
    await until(log)
    assert (await log.append("p", [batch("a", 2, 2)], now=1)).first_offset == 2
    await log.close()


async def test_an_error_of_the_system_is_passing_and_tells_no_damage(
    folder: Path, disk: Disk, batch: MakeBatch
) -> None:
    log = SqliteLog(folder, journal="truncate")
    await log.start()
    await log.append("p", [batch("a", 1, 1)], now=1)
    disk.refusal = apsw.IOError

    with pytest.raises(StorageError) as told:
        await log.append("p", [batch("a", 2, 2)], now=1)
    assert (told.value.kind, told.value.retryable) == ("failing", True)

    disk.refusal = None
    await until(log)
    assert not [name for name in os.listdir(folder) if ".damaged-" in name]
    await log.close()
