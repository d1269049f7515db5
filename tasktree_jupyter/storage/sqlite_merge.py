"""Merging small rows: a commit of one event compresses badly, a hundred of them well.

Offsets, `at` and bytes stay the same, so no reader can tell. `log.merged` is the first offset that may still be in a
small row.
"""

from __future__ import annotations

import apsw

from tasktree_jupyter.storage.admission import at_of_event
from tasktree_jupyter.storage.sqlite_rows import SMALL, pack, unpack
from tasktree_jupyter.storage.sqlite_schema import select, writing

_SLICE = 512
_SLICE_BYTES = 1024 * 1024
_FULL_BYTES = 64 * 1024
_FULL_EVENTS = 1000
_BIG_ROW_BYTES = 16 * 1024


def unmerged(connection: apsw.Connection) -> int:
    """How many rows may still be small."""
    return int(connection.execute("SELECT count(*) FROM batches WHERE first >= (SELECT merged FROM log)").get)


def merge(connection: apsw.Connection) -> bool:
    """Merge one slice of small rows in a transaction of its own, short enough to wait for; True: there is more."""
    with writing(connection):
        return _Slice(connection).run()


class _Slice:
    """One pass over at most `_SLICE` rows, gathering neighbours until they fill a row."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._rows = 0
        self._events: list[bytes] = []
        self._size = 0
        self._first = 0

    def run(self) -> bool:
        rows = list(
            select(
                self._connection,
                "SELECT first, last, codec, body FROM batches WHERE first >= (SELECT merged FROM log)"
                " ORDER BY first LIMIT ?",
                (_SLICE + 1,),
            )
        )
        more, taken, merged = len(rows) > _SLICE, 0, 0
        for first, last, codec, body in rows[:_SLICE]:
            count = last - first + 1
            if len(body) >= _BIG_ROW_BYTES or count >= _FULL_EVENTS:
                self._write()
                merged = last + 1
                continue
            events = unpack(codec, body, first, last)
            if not self._events:
                self._first = first
            self._events += events
            self._rows += 1
            self._size += sum(map(len, events))
            if self._size >= _FULL_BYTES or len(self._events) >= _FULL_EVENTS:
                taken += self._size
                self._write()
                merged = last + 1
                if taken >= _SLICE_BYTES:
                    more = True
                    break
        self._write()
        if merged:
            self._connection.execute("UPDATE log SET merged = ?", (merged,))
        return more

    def _write(self) -> None:
        events = self._events
        if self._rows > 1:
            first, last = self._first, self._first + len(events) - 1
            self._connection.execute("DELETE FROM batches WHERE first > ? AND first <= ?", (first, last))
            self._connection.execute(
                "UPDATE batches SET last = ?, last_at = ?, codec = ?, body = ? WHERE first = ?",
                (last, at_of_event(events[-1]), *pack(events, SMALL), first),
            )
        self._events, self._rows, self._size = [], 0, 0
