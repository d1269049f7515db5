"""What was acknowledged is there after a power cut, at whatever moment it comes.

Without readers: the simulated disk has no shared memory, so the writer's connection is the only one.
"""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import apsw
import msgspec
import pytest

from tasktree_jupyter.storage import sqlite_schema
from tasktree_jupyter.storage.log import Batch, NewEvent, StorageError
from tasktree_jupyter.storage.sqlite import SqliteLog
from tests.faults.power_cut import Disk

CUTS = 12
SOURCES = 3
PROJECTS = ("p", "q")


def batch(source: str, first: int, count: int, draw: random.Random) -> Batch:
    pad = b"x" * draw.choice([10, 100, 3000])
    events = [
        NewEvent(n, b'{"type":"x","source":"%b","seq":%d,"pad":"%b"' % (source.encode(), n, pad))
        for n in range(first, first + count)
    ]
    return Batch(source, first, first + count - 1, events)


async def cut_under_load(folder: Path, journal: str, seed: int) -> list[tuple[Path, dict[tuple[str, str], int]]]:
    """Append from some sources to some projects at once; return what each cut left, and what was acknowledged by it."""
    draw = random.Random(seed)
    acknowledged: dict[tuple[str, str], int] = {}
    cuts: list[tuple[Path, dict[tuple[str, str], int]]] = []
    source_folder = folder / "disk"
    with Disk(source_folder, seed=seed) as disk:
        log = SqliteLog(source_folder, journal=journal)
        await log.start()

        async def emit(project: str, source: str) -> None:
            upto = 0
            while len(cuts) < CUTS:
                count = draw.choice([1, 2, 10, 300])
                await log.append(project, [batch(source, upto + 1, count, draw)], now=upto)
                upto += count
                acknowledged[project, source] = upto

        async def cut() -> None:
            while len(cuts) < CUTS:
                await asyncio.sleep(draw.uniform(0, 0.03))
                told = dict(acknowledged)
                place = folder / f"cut-{len(cuts)}"
                await asyncio.to_thread(disk.cut, place)
                cuts.append((place, told))

        async with asyncio.timeout(120):
            await asyncio.gather(cut(), *(emit(p, f"{p}{n}") for p in PROJECTS for n in range(SOURCES)))
        await log.close()
    return cuts


async def lost_after(place: Path, told: dict[tuple[str, str], int]) -> int:
    """Open what a cut left as the next server does, and count what was acknowledged and isn't there as it was."""
    log = SqliteLog(place)
    await log.start()
    lost = 0
    try:
        for (project, source), upto in told.items():
            try:
                events = [] if await log.head(project) is None else await log.read(project, 0, limit=10**6)
                stored_upto = await log.upto(project, source)
            except StorageError:
                lost += upto
                continue
            seqs = [event["seq"] for event in map(msgspec.json.decode, events) if event["source"] == source]
            whole = seqs == list(range(1, stored_upto + 1))
            lost += max(0, upto - len(seqs)) if whole else upto
    finally:
        await log.close()
    return lost


def check_integrity(place: Path) -> None:
    for path in place.glob("*.sqlite"):
        connection = apsw.Connection(str(path))
        assert connection.execute("PRAGMA integrity_check").get == "ok", path
        connection.close()


@pytest.mark.parametrize("journal", ["wal", "truncate"])
async def test_nothing_acknowledged_is_lost_in_a_power_cut(tmp_path: Path, journal: str) -> None:
    cuts = await cut_under_load(tmp_path, journal, seed=1)
    assert [await lost_after(place, told) for place, told in cuts] == [0] * CUTS
    for place, _ in cuts:
        check_integrity(place)
    assert any(told for _, told in cuts)


async def test_a_log_that_does_not_sync_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = sqlite_schema.connect

    def hasty(path: Path, *, busy_ms: int, writes: bool) -> apsw.Connection:
        connection = connect(path, busy_ms=busy_ms, writes=writes)
        connection.execute("PRAGMA synchronous=OFF")
        return connection

    with monkeypatch.context() as patched:
        patched.setattr(sqlite_schema, "connect", hasty)
        cuts = await cut_under_load(tmp_path, "wal", seed=1)
    assert sum([await lost_after(place, told) for place, told in cuts]) > 0
