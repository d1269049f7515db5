"""A process that appends, run by the tests: `emitter.py FOLDER JOURNAL NAME EMITTERS COUNT TOTAL`.

It says `ready`, waits for a line, appends COUNT events from each of EMITTERS sources at once, says `ack SOURCE
UPTO` for each acknowledgement, and follows the project until its head is at TOTAL. TOTAL 0: it goes on until killed.
"""

from __future__ import annotations

import asyncio
import sys

from tasktree_jupyter.storage.log import Batch, Head, NewEvent
from tasktree_jupyter.storage.sqlite import SqliteLog


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


async def main(folder: str, journal: str, name: str, emitters: int, count: int, total: int) -> None:
    log = SqliteLog(folder, journal=journal, busy_ms=30_000)
    await log.start()
    done = asyncio.Event()
    offsets: list[int] = []

    def on_head(head: Head | None) -> None:
        if head is not None:
            offsets.append(head.offset)
            if head.offset == total:
                done.set()

    log.follow("p", on_head)
    say("ready")
    await asyncio.to_thread(sys.stdin.readline)

    async def emit(source: str) -> None:
        seq = await log.upto("p", source)
        while seq < count or total == 0:
            size = 1 + seq % 3
            events = [
                NewEvent(n, b'{"type":"x","source":"%b","seq":%d' % (source.encode(), n))
                for n in range(seq + 1, seq + size + 1)
            ]
            commit = await log.append("p", [Batch(source, seq + 1, seq + size, events)], now=seq)
            seq += size
            if commit.results[0].upto != seq or len(commit.events) != size:
                raise AssertionError(commit)
            say("ack", source, seq)

    await asyncio.gather(*(emit(f"{name}{i}") for i in range(emitters)))
    async with asyncio.timeout(60):
        await done.wait()
    if offsets != sorted(set(offsets)):
        raise AssertionError(offsets)
    await log.close()
    say("followed", offsets[-1])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], *map(int, sys.argv[4:7])))
