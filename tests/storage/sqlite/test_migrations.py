"""Schemas: an older file is brought forward, whole or not at all; a newer one is refused, and nothing of it touched."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from tasktree_jupyter.storage import sqlite_migrations
from tasktree_jupyter.storage.log import Batch, NewerSchema, StorageError
from tasktree_jupyter.storage.sqlite import SqliteLog
from tasktree_jupyter.storage.sqlite_folder import file_name

MakeBatch = Callable[..., Batch]

STEP = "ALTER TABLE batches ADD COLUMN note TEXT NOT NULL DEFAULT 'new'"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "logs"


def path_of(folder: Path, project_id: str = "p") -> Path:
    return folder / file_name(project_id)


def of_file(path: Path, question: str) -> object:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        return connection.execute(question).get
    finally:
        connection.close()


async def write(folder: Path, batch: MakeBatch, *projects: str) -> None:
    log = SqliteLog(folder)
    await log.start()
    for project_id in projects:
        await log.append(project_id, [batch("a", 1, 3)], now=1)
    await log.close()


def next_schema(monkeypatch: pytest.MonkeyPatch, step: Callable[[apsw.Connection], object]) -> None:
    """What the next version of this package will have."""
    before = sqlite_migrations.SCHEMA
    monkeypatch.setattr(sqlite_migrations, "SCHEMA", before + 1)
    monkeypatch.setattr(sqlite_migrations, "STEPS", {**sqlite_migrations.STEPS, before: step})


def test_every_schema_there_was_has_its_step() -> None:
    assert set(sqlite_migrations.STEPS) == set(range(1, sqlite_migrations.SCHEMA))


async def test_an_older_file_is_brought_forward_by_reading_or_writing(
    folder: Path, batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(folder, batch, "read", "written")
    next_schema(monkeypatch, lambda connection: connection.execute(STEP))
    log = SqliteLog(folder)
    await log.start()

    assert len(await log.read("read", 0, limit=9)) == 3
    assert (await log.append("written", [batch("a", 4, 4)], now=2)).first_offset == 4
    assert len(await log.projects()) == 2
    await log.close()

    for project_id in ("read", "written"):
        assert of_file(path_of(folder, project_id), "PRAGMA user_version") == sqlite_migrations.SCHEMA
        assert of_file(path_of(folder, project_id), "SELECT note FROM batches LIMIT 1") == "new"


async def test_a_step_that_fails_leaves_the_file_as_it_was(
    folder: Path, batch: MakeBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    await write(folder, batch, "p")

    def fails(connection: apsw.Connection) -> None:
        connection.execute(STEP)
        raise apsw.FullError("no space is left")

    with monkeypatch.context() as patch:
        next_schema(patch, fails)
        log = SqliteLog(folder)
        await log.start()
        with pytest.raises(StorageError, match="no space") as told:
            await log.read("p", 0, limit=9)
        assert told.value.retryable
        await log.close()

    assert of_file(path_of(folder), "SELECT count(*) FROM pragma_table_info('batches') WHERE name = 'note'") == 0
    log = SqliteLog(folder)
    await log.start()
    assert len(await log.read("p", 0, limit=9)) == 3
    await log.close()


KILLED_HALFWAY = f"""
import os, signal, sys, asyncio
from pathlib import Path
from tasktree_jupyter.storage import sqlite_migrations
from tasktree_jupyter.storage.sqlite import SqliteLog

def step(connection):
    connection.execute({STEP!r})
    connection.cache_flush()
    os.kill(os.getpid(), signal.SIGKILL)

sqlite_migrations.STEPS = {{sqlite_migrations.SCHEMA: step}}
sqlite_migrations.SCHEMA += 1

async def main():
    log = SqliteLog(Path(sys.argv[1]), journal=sys.argv[2])
    await log.start()
    await log.read("p", 0, limit=9)

asyncio.run(main())
"""


@pytest.mark.parametrize("journal", ["wal", "truncate"])
async def test_a_server_killed_in_the_middle_leaves_the_file_as_it_was(
    folder: Path, batch: MakeBatch, monkeypatch: pytest.MonkeyPatch, journal: str
) -> None:
    await write(folder, batch, "p")
    killed = subprocess.run(  # noqa: ASYNC221
        [sys.executable, "-c", KILLED_HALFWAY, str(folder), journal], timeout=60, check=False
    )
    assert killed.returncode == -signal.SIGKILL

    next_schema(monkeypatch, lambda connection: connection.execute(STEP))
    log = SqliteLog(folder, journal=journal)
    await log.start()
    assert len(await log.read("p", 0, limit=9)) == 3
    await log.close()
    assert of_file(path_of(folder), "SELECT note FROM batches LIMIT 1") == "new"


async def test_a_server_whose_open_file_is_brought_forward_by_a_newer_one_writes_nothing_more(
    folder: Path, batch: MakeBatch
) -> None:
    log = SqliteLog(folder)
    await log.start()
    await log.append("p", [batch("a", 1, 3)], now=1)
    assert len(await log.read("p", 0, limit=9)) == 3
    connection = apsw.Connection(str(path_of(folder)))
    connection.execute(f"{STEP}; PRAGMA user_version={sqlite_migrations.SCHEMA + 1}")

    with pytest.raises(NewerSchema, match="upgrade this one"):
        await log.append("p", [batch("a", 4, 4)], now=2)
    with pytest.raises(NewerSchema):
        await log.read("p", 0, limit=9)

    assert connection.execute("SELECT max(last) FROM batches").get == 3
    connection.close()
    await log.close()


async def test_a_newer_file_is_named_with_both_versions_and_no_byte_of_it_changes(
    folder: Path, batch: MakeBatch, tmp_path: Path
) -> None:
    await write(folder, batch, "p", "q")
    newer = sqlite_migrations.SCHEMA + 7
    connection = apsw.Connection(str(path_of(folder)))
    connection.execute(f"PRAGMA user_version={newer}")
    connection.close()
    before = hashlib.sha256(path_of(folder).read_bytes()).hexdigest()
    log = SqliteLog(folder)
    await log.start()

    for call in (log.append("p", [batch("a", 4, 4)], now=2), log.head("p"), log.delete("p")):
        with pytest.raises(NewerSchema, match=rf"schema {newer}, known here: {sqlite_migrations.SCHEMA}"):
            await call
    assert [record.project_id for record in await log.projects()] == ["q"]
    unreadable = (await log.particulars())["unreadable"]
    assert [each["file"] for each in unreadable] == [file_name("p")]
    assert f"schema {newer}" in unreadable[0]["message"]
    assert (await log.append("q", [batch("a", 4, 4)], now=2)).first_offset == 4
    await log.close()

    beside = [name for name in os.listdir(folder) if name.startswith(file_name("p"))]
    assert beside == [file_name("p")]
    assert hashlib.sha256(path_of(folder).read_bytes()).hexdigest() == before
