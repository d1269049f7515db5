"""A damaged file is looked at and made anew aside: it may take long, and nobody waits for it but its own project."""

from __future__ import annotations

import asyncio
import os
import random
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tasktree_jupyter.storage import sqlite_mending
from tasktree_jupyter.storage.log import Batch, NewEvent, StorageError
from tasktree_jupyter.storage.sqlite import SqliteLog
from tasktree_jupyter.storage.sqlite_folder import file_name

MakeBatch = Callable[..., Batch]
HEADER, MIDDLE = 0, 8 * 4096


class Gate:
    """Stops a mending when the new file is whole and not yet in its place."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached, self.open = threading.Event(), threading.Event()
        save = sqlite_mending._save

        def gated(*args: Any) -> Any:
            saved = save(*args)
            self.reached.set()
            assert self.open.wait(20)
            return saved

        monkeypatch.setattr(sqlite_mending, "_save", gated)

    async def until_reached(self) -> None:
        assert await asyncio.to_thread(self.reached.wait, 20)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    return Gate(monkeypatch)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "logs"


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[SqliteLog]:
    log = SqliteLog(folder, busy_ms=200)
    await log.start()
    yield log
    await log.close()


def event(seq: int) -> Batch:
    """One that doesn't compress, so that a few of them fill pages."""
    noise = random.Random(seq).randbytes(1500).hex().encode()
    body = b'{"type":"x","project_id":"p","data":{"noise":"%b"},"timestamp":"t","source":"a","seq":%d'
    return Batch("a", seq, seq, [NewEvent(seq, body % (noise, seq))])


async def damage(folder: Path, where: int) -> str:
    """Make a project, overwrite part of its file, and return its epoch."""
    async with opened(folder) as log:
        for seq in range(1, 21):
            epoch = (await log.append("p", [event(seq)], now=1)).epoch
    overwrite(folder / file_name("p"), where)
    return epoch


def overwrite(path: Path, where: int) -> None:
    size = 8192 if where else 60
    assert path.stat().st_size > where + size
    with path.open("r+b") as file:
        file.seek(where)
        file.write(b"\xa5" * size)


@pytest.mark.parametrize("where", [HEADER, MIDDLE])
async def test_other_projects_and_other_servers_go_on_and_what_its_own_was_sent_comes_after(
    folder: Path, gate: Gate, batch: MakeBatch, where: int
) -> None:
    epoch = await damage(folder, where)
    async with opened(folder) as log:
        reading = asyncio.create_task(log.read("p", 0, limit=100))
        await gate.until_reached()

        appending = asyncio.create_task(log.append("p", [event(21)], now=2))
        async with asyncio.timeout(20):
            await log.append("q", [batch("a", 1, 1)], now=1)
            async with opened(folder) as other:
                assert other.troubles.current() == []
                assert (await other.append("q", [batch("a", 2, 2)], now=1)).first_offset == 2
        assert not reading.done()
        assert not appending.done()

        gate.open.set()
        commit, found = await appending, await log.read("p", 0, limit=100)
        with pytest.raises(StorageError):
            await reading
        assert commit.epoch != epoch
        assert (commit.first_offset, commit.last_offset) == (len(found), len(found))
        assert any(".damaged-" in name for name in os.listdir(folder))
        assert [name for name in os.listdir(folder) if ".saved" in name] == []


async def test_what_another_server_deletes_meanwhile_does_not_come_back(folder: Path, gate: Gate) -> None:
    await damage(folder, HEADER)
    async with opened(folder) as log, opened(folder) as other:
        reading = asyncio.create_task(log.read("p", 0, limit=100))
        await gate.until_reached()

        assert await other.delete("p")
        gate.open.set()

        with pytest.raises(StorageError):
            await reading
        assert await log.head("p") is None
        assert [name for name in os.listdir(folder) if "sqlite" in name] == []


async def test_a_log_that_is_closed_meanwhile_finishes_what_waits(folder: Path, gate: Gate) -> None:
    await damage(folder, MIDDLE)
    async with opened(folder) as log:
        asking = asyncio.create_task(log._mend("p", folder / file_name("p")))
        await gate.until_reached()
        appending = asyncio.create_task(log.append("p", [event(21)], now=2))
        await asyncio.sleep(0)
        closing = asyncio.create_task(log.close())
        gate.open.set()
        await closing

        assert asking.result()
        assert appending.result().results[0].upto == 21
