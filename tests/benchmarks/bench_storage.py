"""What the SQLite log costs, beside the same events kept as a row each: `python tests/benchmarks/bench_storage.py`.

Both sides commit to disk (WAL, synchronous=FULL) in the same folder, the same batches of the same events, by turns.
Every number is of this run on this machine; what travels is the ratio.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import apsw
import msgspec

from tasktree_jupyter.storage.log import Batch, NewEvent
from tasktree_jupyter.storage.sqlite import SqliteLog

READ = 10_000
SIZES = (1, 10, 500)


def make_events(count: int) -> list[bytes]:
    """Bodies as a training run sends them: progress, messages, metrics."""
    chance = random.Random(7)
    return [
        msgspec.json.encode(
            {
                "type": "node_update",
                "project_id": "nightly-etl",
                "data": {
                    "node_id": f"0192f3a1-run/{chance.randrange(2000)}",
                    "changes": {
                        "progress": round(chance.random(), 3),
                        "message": f"fold {chance.randrange(5)}",
                        "metrics": {"auc": chance.random()},
                    },
                },
                "timestamp": f"2026-01-31T14:{n // 60_000 % 60:02d}:{n // 1000 % 60:02d}.{n % 1000 * 1000:06d}Z",
                "source": "k3f9a1",
                "seq": n + 1,
            }
        )[:-1]
        for n in range(count)
    ]


def bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if path.suffix != ".lock")


class RowPerEvent:
    """The peer: a row per event, an index on the source's numbers, one transaction a batch."""

    def __init__(self, folder: Path) -> None:
        self.connection = apsw.Connection(str(folder / "rows.sqlite"))
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            self.connection.execute(f"PRAGMA {pragma}")
        self.connection.execute(
            "CREATE TABLE events"
            " (n INTEGER PRIMARY KEY, at INTEGER NOT NULL, source TEXT, seq INTEGER, body BLOB NOT NULL)"
        )
        self.connection.execute("CREATE UNIQUE INDEX seqs ON events (source, seq)")

    def append(self, first: int, bodies: list[bytes], at: int) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        n = int(self.connection.execute("SELECT coalesce(max(n), 0) FROM events").get)
        self.connection.executemany(
            "INSERT INTO events VALUES (?, ?, ?, ?, ?)",
            [
                (n + i, at, "k3f9a1", first + i, b'%b,"offset":%d,"at":%d}' % (body, n + i, at))
                for i, body in enumerate(bodies, 1)
            ],
        )
        self.connection.execute("COMMIT")

    def read(self, after: int, limit: int) -> list[bytes]:
        rows = self.connection.execute("SELECT body FROM events WHERE n > ? ORDER BY n LIMIT ?", (after, limit))
        return [bytes(body) for (body,) in rows if isinstance(body, bytes)]


def batches(events: list[bytes], size: int) -> list[tuple[int, list[bytes]]]:
    return [(start + 1, events[start : start + size]) for start in range(0, len(events), size)]


async def log_side(folder: Path, events: list[bytes], size: int) -> tuple[float, float]:
    """(seconds of the clock, seconds of CPU) with 32 batches on their way, as a server has them."""
    log = SqliteLog(folder)
    await log.start()
    work = [
        Batch("k3f9a1", first, first + len(bodies) - 1, [NewEvent(first + i, body) for i, body in enumerate(bodies)])
        for first, bodies in batches(events, size)
    ]
    wall, cpu = time.perf_counter(), time.process_time()
    waiting: list[asyncio.Future[object]] = []
    for n, batch in enumerate(work):
        waiting.append(asyncio.ensure_future(log.append("p", [batch], now=1_770_000_000_000_000 + n)))
        await asyncio.sleep(0)
        if len(waiting) >= 32:
            await waiting.pop(0)
    await asyncio.gather(*waiting)
    spent = time.perf_counter() - wall, time.process_time() - cpu
    await log.close()
    return spent


async def one_at_a_time(folder: Path, events: list[bytes]) -> list[float]:
    """Seconds until each acknowledgement, when nothing else waits."""
    log = SqliteLog(folder)
    await log.start()
    seconds = []
    for first, bodies in batches(events, 1):
        began = time.perf_counter()
        await log.append("p", [Batch("k3f9a1", first, first, [NewEvent(first, bodies[0])])], now=first)
        seconds.append(time.perf_counter() - began)
    await log.close()
    return seconds


def row_side(folder: Path, events: list[bytes], size: int) -> tuple[float, float]:
    peer = RowPerEvent(folder)
    wall, cpu = time.perf_counter(), time.process_time()
    for first, bodies in batches(events, size):
        peer.append(first, bodies, 1_770_000_000_000_000 + first)
    spent = time.perf_counter() - wall, time.process_time() - cpu
    peer.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    peer.connection.close()
    return spent


def appending(events: list[bytes]) -> None:
    print(f"{'batch of':>9} {'events':>8} {'log events/s':>13} {'rows events/s':>14} {'ratio':>6}"
          f" {'log CPU µs/event':>17} {'rows':>6}")  # fmt: skip
    for size in SIZES:
        taken = events[: min(len(events), 4000 * size)]
        ours, theirs = [], []
        for _ in range(3):
            with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b:
                ours.append(asyncio.run(log_side(Path(a), taken, size)))
                theirs.append(row_side(Path(b), taken, size))
        (wall, cpu), (row_wall, row_cpu) = min(ours), min(theirs)
        count = len(taken)
        print(f"{size:>9} {count:>8} {count / wall:>13,.0f} {count / row_wall:>14,.0f} {row_wall / wall:>6.1f}"
              f" {cpu / count * 1e6:>17.2f} {row_cpu / count * 1e6:>6.2f}")  # fmt: skip
    with tempfile.TemporaryDirectory() as a:
        seconds = sorted(asyncio.run(one_at_a_time(Path(a), events[:1000])))
    print(f"one event, nothing else waiting: acknowledged after {statistics.median(seconds) * 1e3:.2f} ms"
          f" (p99 {seconds[int(len(seconds) * 0.99)] * 1e3:.2f} ms)")  # fmt: skip


def best(call: Callable[[], float], times: int = 5) -> float:
    return min(call() for _ in range(times))


def keeping(events: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b:
        asyncio.run(log_side(Path(a), events, 500))
        row_side(Path(b), events, 500)
        ours, theirs = bytes_in(Path(a)), bytes_in(Path(b))
        print(f"{len(events):,} events: {ours / 1e6:.1f} MB ({ours / len(events):.0f} bytes each),"
              f" a row each {theirs / 1e6:.1f} MB ({theirs / len(events):.0f}); ratio {theirs / ours:.1f}")  # fmt: skip
        peer = RowPerEvent.__new__(RowPerEvent)
        peer.connection = apsw.Connection(str(Path(b) / "rows.sqlite"))
        after = max(len(events) // 2 - READ, 0)

        async def read() -> float:
            log = SqliteLog(a)
            await log.start()
            await log.head("p")
            seconds = []
            for _ in range(5):
                began = time.perf_counter()
                assert len(await log.read("p", after, limit=READ)) == min(READ, len(events))
                seconds.append(time.perf_counter() - began)
            began = time.perf_counter()
            await log.trim("p", len(events) // 2)
            trimmed.append(time.perf_counter() - began)
            await log.close()
            return min(seconds)

        def read_rows() -> float:
            began = time.perf_counter()
            assert len(peer.read(after, READ)) == min(READ, len(events))
            return time.perf_counter() - began

        trimmed: list[float] = []
        log_read, row_read = asyncio.run(read()), best(read_rows)
        began = time.perf_counter()
        peer.connection.execute("DELETE FROM events WHERE n <= ?", (len(events) // 2,))
        row_trim = time.perf_counter() - began
        peer.connection.close()
        print(f"read {READ:,} events: {log_read * 1e3:.1f} ms, a row each {row_read * 1e3:.1f} ms;"
              f" ratio {row_read / log_read:.1f}")  # fmt: skip
        print(f"trim half: {trimmed[0] * 1e3:.1f} ms, a row each {row_trim * 1e3:.1f} ms;"
              f" ratio {row_trim / trimmed[0]:.1f}")  # fmt: skip


def merging(events: list[bytes]) -> None:
    """A log of single events, as a quiet notebook makes it, before and after it has been merged."""
    with tempfile.TemporaryDirectory() as a:
        asyncio.run(one_at_a_time(Path(a), events[:5000]))
        size = bytes_in(Path(a))
        path = next(Path(a).glob("*.sqlite"))
        connection = apsw.Connection(str(path))
        rows = connection.execute("SELECT count(*) FROM batches").get
        connection.close()
        print(f"5,000 single events: {rows} rows, {size / 5000:.0f} bytes each on disk when the server has stopped")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--events", type=int, default=200_000, help="how many events to keep (default: %(default)s)")
    events = make_events(parser.parse_args().events)
    print(f"SQLite {apsw.sqlite_lib_version()}, {len(events[0]) + 40} bytes an event")
    appending(events)
    keeping(events)
    merging(events)


if __name__ == "__main__":
    main()
