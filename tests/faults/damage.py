"""Damage project files at random, many times over, and see that nothing crashes, hangs, lies, or harms another project.

For long: `python -m tests.faults.damage --rounds 2000`. With `--seed` it does the same again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tasktree_jupyter.storage import sqlite_writer
from tasktree_jupyter.storage.log import Batch, NewerSchema, NewEvent, NoSuchProject, StorageError, Trimmed
from tasktree_jupyter.storage.sqlite import SqliteLog
from tasktree_jupyter.storage.sqlite_folder import file_name

EVENTS = 60
PATIENCE = 60.0
Harm = Callable[[bytearray, random.Random], None]


class Lie(AssertionError):
    """The log said something that isn't true, or kept silent about a loss."""


def _flip(data: bytearray, draw: random.Random) -> None:
    for _ in range(draw.choice((1, 3, 50, 1000))):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)


def _flip_in_header(data: bytearray, draw: random.Random) -> None:
    data[draw.randrange(100)] ^= 1 << draw.randrange(8)


def _overwrite(data: bytearray, draw: random.Random) -> None:
    start, length = draw.randrange(len(data)), draw.choice((16, 512, 4096, 20_000))
    data[start : start + length] = draw.randbytes(min(length, len(data) - start))


def _zero_pages(data: bytearray, draw: random.Random) -> None:
    for _ in range(draw.randrange(1, 6)):
        start = draw.randrange(len(data)) // 4096 * 4096
        data[start : start + 4096] = bytes(len(data[start : start + 4096]))


def _swap_pages(data: bytearray, draw: random.Random) -> None:
    one, two = (draw.randrange(len(data) // 4096) * 4096 for _ in range(2))
    data[one : one + 4096], data[two : two + 4096] = data[two : two + 4096], data[one : one + 4096]


def _cut_off(data: bytearray, draw: random.Random) -> None:
    del data[draw.randrange(len(data)) :]


def _append_garbage(data: bytearray, draw: random.Random) -> None:
    data += draw.randbytes(draw.choice((100, 5000)))


HARMS: tuple[Harm, ...] = (
    _flip,
    _flip_in_header,
    _overwrite,
    _zero_pages,
    _swap_pages,
    _cut_off,
    _append_garbage,
)


def _event(project_id: str, seq: int) -> Batch:
    noise = random.Random(f"{project_id}{seq}").randbytes((60, 900, 3000)[seq % 3]).hex()
    data = {"n": seq, "noise": noise}
    said = {"type": "x", "project_id": project_id, "data": data, "timestamp": "t", "source": "a", "seq": seq}
    return Batch("a", seq, seq, [NewEvent(seq, json.dumps(said)[:-1].encode())])


async def _write(folder: Path, into: Path) -> dict[str, list[dict[str, Any]]]:
    """Two projects as a crash leaves them, a part of each in its WAL; return their events."""
    log = SqliteLog(folder)
    await log.start()
    events: dict[str, list[dict[str, Any]]] = {}
    for half in (range(1, EVENTS // 2 + 1), range(EVENTS // 2 + 1, EVENTS + 1)):
        for project_id in ("p", "q"):
            for seq in half:
                await log.append(project_id, [_event(project_id, seq)], now=seq)
            await log.set_attributes(project_id, {"title": project_id})
        if 1 in half:
            # Closed, so that the first half is in the file itself.
            await log.close()
            log = SqliteLog(folder)
            await log.start()
    for project_id in ("p", "q"):
        events[project_id] = [json.loads(event) for event in await log.read(project_id, 0, limit=10_000)]
    shutil.copytree(folder, into)
    await log.close()
    return events


class Round:
    """One damaged file, and what the log makes of it."""

    def __init__(self, folder: Path, written: dict[str, list[dict[str, Any]]], draw: random.Random) -> None:
        self.folder = folder
        self.written = written
        self.draw = draw
        self.harm = draw.choice(HARMS)
        self.in_wal = draw.random() < 0.25
        self.path = folder / file_name("p")

    def damage(self) -> None:
        path = Path(f"{self.path}-wal") if self.in_wal else self.path
        data = bytearray(path.read_bytes())
        for _ in range(self.draw.choice((1, 1, 3))):
            if len(data) > 4096:
                self.harm(data, self.draw)
        path.write_bytes(data)

    async def run(self) -> str:
        """Return what came of it, a word; raise `Lie` where it isn't as promised."""
        log = SqliteLog(self.folder, busy_ms=500)
        await log.start()
        try:
            word = await self._use(log)
            events = [json.loads(event) for event in await log.read("q", 0, limit=10_000)]
            if events != self.written["q"]:
                raise Lie("the other project isn't what it was")
        finally:
            await log.close()
        return word

    async def _use(self, log: SqliteLog) -> str:
        order: list[Callable[[], Awaitable[object]]] = [
            log.projects,
            lambda: self._append(log),
            lambda: self._read(log),
        ]
        self.draw.shuffle(order)
        for call in order:
            try:
                await call()
            except NewerSchema:
                return "newer"
            except StorageError as error:
                if not error.retryable and not isinstance(error, NoSuchProject | Trimmed):
                    raise Lie(f"it isn't mended, and can't be used: {error}") from error
        await self._append(log)
        try:
            events = await self._read(log)
        except Trimmed:
            return "trimmed"
        return self._judge(events)

    async def _append(self, log: SqliteLog) -> None:
        batch = Batch("later", 1, 1, [NewEvent(1, b'{"type":"later"')])
        for _ in range(3):
            try:
                await log.append("p", [batch], now=10_000)
            except StorageError as error:
                if not error.retryable:
                    raise
            else:
                return
        raise Lie("it can't be written to")

    async def _read(self, log: SqliteLog) -> list[dict[str, Any]]:
        for _ in range(4):
            head = await _retried(lambda: log.head("p"))
            try:
                events = await log.read("p", 0, limit=10_000)
            except NoSuchProject:
                return []
            except Trimmed:
                raise
            except StorageError as error:
                if not error.retryable:
                    raise
                continue
            if head is None or head.offset <= len(events):
                return [json.loads(event) for event in events]
            raise Lie(f"it says it has {head.offset} events and gives {len(events)}")
        raise Lie("it can't be read")

    def _judge(self, events: list[dict[str, Any]]) -> str:
        """What is there is what was written, in order; what isn't is marked, or was at the end."""
        if [event["offset"] for event in events] != list(range(1, len(events) + 1)):
            raise Lie("there is a hole in the offsets")
        n = marked = 0
        whole = {event["data"]["n"]: event for event in self.written["p"]}
        for event in events:
            if event["type"] == "later":
                continue
            if event["type"] == "events_dropped":
                marked += event["data"]["count"]
                n += event["data"]["count"]
                continue
            n += 1
            expected = whole.get(event["data"].get("n"))
            if expected is None or any(event[key] != expected[key] for key in ("data", "at", "source", "seq", "type")):
                raise Lie(f"event {event['offset']} isn't what was written")
            if event["data"]["n"] != n:
                raise Lie(f"event {event['data']['n']} follows {n - 1}, and nothing is marked")
        asides = [path for path in self.folder.iterdir() if ".damaged-" in path.name]
        if n < EVENTS and not asides and not self.in_wal:
            raise Lie(f"{EVENTS - n} events are missing, and the file wasn't moved aside")
        if marked or n < EVENTS:
            return "lost some"
        return "recovered all" if asides else "unharmed"


async def _retried(call: Callable[[], Any]) -> Any:
    for _ in range(3):
        try:
            return await call()
        except StorageError as error:
            if not error.retryable:
                raise
    raise Lie("it stays damaged")


async def run(rounds: int, seed: int, folder: Path, say: Callable[[str], None] = lambda line: None) -> Counter[str]:
    """Return how often what came of the damage. Raises `Lie`, and TimeoutError where something hangs."""
    sqlite_writer._LOOK_AGAIN_S = 0.0
    written = await _write(folder / "whole", folder / "crashed")
    seen: Counter[str] = Counter()
    for number in range(rounds):
        draw = random.Random(f"{seed}.{number}")
        place = folder / "round"
        shutil.copytree(folder / "crashed", place)
        one = Round(place, written, draw)
        one.damage()
        try:
            async with asyncio.timeout(PATIENCE):
                word = await one.run()
        except BaseException as error:
            kept = folder / f"failed-{seed}.{number}"
            shutil.copytree(place, kept)
            error.add_note(f"seed {seed}, round {number}, {one.harm.__name__}, wal: {one.in_wal}, see {kept}")
            raise
        seen[word] += 1
        shutil.rmtree(place)
        if number % 100 == 99:
            say(f"{number + 1} rounds: {dict(seen)}")
    return seen


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 100_000)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tasktree-damage-"))
    print(f"seed {options.seed}, in {folder}")
    seen = asyncio.run(run(options.rounds, options.seed, folder, print))
    print(f"{options.rounds} rounds, nothing crashed, hung or lied: {dict(seen)}")
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
