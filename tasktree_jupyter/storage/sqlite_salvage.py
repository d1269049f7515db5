"""What can be saved of a damaged project file, and the new file that it goes into.

A row counts only if it proves itself: its checksum is right, its events are JSON and bear the offsets that the row
names. Where events are lost, an `events_dropped` event says how many, and those after it move up: the new file is
another life of the log, with another epoch, so nobody takes an old offset for one of the new.
"""

from __future__ import annotations

import contextlib
import secrets
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import msgspec

from tasktree_jupyter.core.times import format_time
from tasktree_jupyter.storage import sqlite_schema
from tasktree_jupyter.storage.admission import at_of_event, with_offset
from tasktree_jupyter.storage.log import Damaged, StorageError, StoredFold
from tasktree_jupyter.storage.sqlite_pages import Pages, Record
from tasktree_jupyter.storage.sqlite_rows import SMALL, pack, split, unpack
from tasktree_jupyter.storage.sqlite_schema import select

_HELD_EVENTS = 4000
_PIN = "snapshot:"
"""So begin the names of pins, which are made again from the snapshots."""

_MOST_BELIEVED = 100_000
"""A row that can't be read and says it ends further on than this has a flipped bit in that number, not more events."""


class _Event(msgspec.Struct, gc=False):
    """What is looked at in an event that is saved."""

    type: str
    source: str | None = None
    seq: int | None = None
    project_id: str | None = None


_decode = msgspec.json.Decoder(_Event).decode
Row = tuple[int, int, int, bytes]


class Saved(msgspec.Struct):
    """What became of a damaged file: how many events are in the new one, and how many are known to be lost."""

    project_id: str
    epoch: str = ""
    kept: int = 0
    lost: int = 0


def is_sound(connection: apsw.Connection) -> bool:
    """Whether everything in a file can be read as it was written. Takes as long as reading it all."""
    try:
        if connection.execute("PRAGMA quick_check(1)").get != "ok":
            return False
        ((trimmed,),) = select(connection, "SELECT trimmed FROM log")
        after = int(trimmed)
        for first, last, codec, body in select(
            connection, "SELECT first, last, codec, body FROM batches ORDER BY first"
        ):
            if first != after + 1:
                return False
            _proven(codec, body, first, last)
            after = last
        for _, value in select(connection, "SELECT key, value FROM attributes"):
            msgspec.json.decode(value)
        for statement in ("SELECT source, upto FROM sources", "SELECT name FROM pins", "SELECT * FROM folds"):
            for _ in select(connection, statement):
                pass
    except (apsw.BusyError, apsw.LockedError, apsw.IOError, apsw.FullError, MemoryError):
        raise
    except Exception:
        return False
    return True


def _proven(codec: int, body: bytes, first: int, last: int) -> list[bytes]:
    """A row's events. Raises `Damaged`, ValueError among others, where it isn't beyond doubt what was written."""
    events = unpack(codec, body, first, last)
    for event in events:
        _decode(event)
    return events


class Wreck:
    """What was found in a damaged file."""

    def __init__(self, pages: Pages) -> None:
        self.project_id: str | None = None
        self.created_at: int | None = None
        self.trimmed: int | None = None
        self.trimmed_at = 0
        self.rows: list[Row] = []
        self.folds: list[StoredFold] = []
        self.sources: dict[str, int] = {}
        self.attributes: dict[str, bytes] = {}
        for record in pages.records():
            with contextlib.suppress(ValueError, TypeError):
                self._take(record)
        self.rows.sort(key=lambda row: (row[0], -row[1]))

    def _take(self, record: Record) -> None:
        """Tell by the kinds of its values which table a record is of."""
        rowid = record.rowid
        match record.values:
            case (None, int(last), int(), int(), int(codec), bytes(body)) if rowid is not None and 1 <= rowid <= last:
                self.rows.append((rowid, last, codec, body))
            case (int(version), int(offset), int(at), bytes(body)) if rowid is not None and offset >= 0:
                self.folds.append(StoredFold(offset, at, body, version))
            case (None, str(project_id), str(), int(created_at), int(trimmed), int(trimmed_at), int(), int()):
                self.project_id, self.created_at = project_id, created_at
                self.trimmed, self.trimmed_at = max(trimmed, self.trimmed or 0), trimmed_at
            case (str(name), int(number)) if rowid is None and number >= 0 and not name.startswith(_PIN):
                self.sources[name] = max(number, self.sources.get(name, 0))
            case (str(key), bytes(value)) if rowid is None:
                msgspec.json.decode(value)
                self.attributes[key] = value

    def ask(self, connection: apsw.Connection) -> None:
        """Prefer what SQLite can still read by itself: among the pages there may be old ones."""
        with contextlib.suppress(Exception):
            attributes = dict(select(connection, "SELECT key, value FROM attributes"))
            for value in attributes.values():
                msgspec.json.decode(value)
            self.attributes = attributes

    def whose(self, is_it: Callable[[str], bool]) -> str | None:
        """The project that the file is of, if it is one that `is_it` agrees to; None: nothing in it says so."""
        if self.project_id is not None and is_it(self.project_id):
            return self.project_id
        tried: set[str | None] = set()
        for first, last, codec, body in self.rows:
            with contextlib.suppress(Damaged, ValueError):
                found = _decode(unpack(codec, body, first, last)[0]).project_id
                if found is not None and found not in tried and is_it(found):
                    return found
                tried.add(found)
                if len(tried) > 100:
                    break
        return None

    def write(self, connection: apsw.Connection, project_id: str) -> Saved:
        """Make a new, empty file the log of what was found."""
        return _Rebuilding(self, connection, project_id).run()


class _Rebuilding:
    """Writes the new file, in the order of the old offsets."""

    def __init__(self, wreck: Wreck, connection: apsw.Connection, project_id: str) -> None:
        self._wreck = wreck
        self._connection = connection
        self._saved = Saved(project_id, secrets.token_hex(8))
        self._old = 0  # The last old offset that was dealt with.
        self._new = 0
        self._at = 0
        self._whole_to: int | None = None  # Up to this offset nothing was lost.
        self._held: list[bytes] = []
        self._seqs: dict[str, int] = {}

    def run(self) -> Saved:
        wreck, connection = self._wreck, self._connection
        created = wreck.created_at if wreck.created_at is not None and wreck.created_at > 0 else None
        now = time.time_ns() // 1000
        sqlite_schema.fill(connection, self._saved.project_id, self._saved.epoch, min(created or now, now))
        folds = [fold for fold in wreck.folds if _is_whole(fold)]
        with connection:
            self._begin(folds)
            ends = self._old
            for row in wreck.rows:
                self._take(row)
                ends = max(ends, self._old)
                if row[1] <= ends + _MOST_BELIEVED:
                    ends = max(ends, row[1])
            if ends > self._old:
                self._lose(ends)
            if unseen := self._unseen():
                self._lose(self._old + unseen)
            self._flush()
            self._keep(folds)
        return self._saved

    def _begin(self, folds: list[StoredFold]) -> None:
        """Where to begin: a trimmed log needs a fold that stands for what was trimmed."""
        wreck = self._wreck
        trimmed = wreck.trimmed
        if trimmed is None:
            # Whether anything was trimmed isn't known: only if a fold could stand for it does it matter.
            trimmed = wreck.rows[0][0] - 1 if wreck.rows and folds else 0
        if not trimmed:
            return
        bases = sorted((fold for fold in folds if fold.offset >= trimmed), key=lambda fold: fold.offset)
        base = next((fold for fold in bases if self._reaches(trimmed, fold.offset)), bases[0] if bases else None)
        if base is None:
            # What was trimmed is gone for good, with the state it led to.
            self._lose(trimmed)
            return
        if self._reaches(trimmed, base.offset):
            start, at = trimmed, wreck.trimmed_at or base.at
        else:
            start, at = base.offset, base.at
        self._old = self._new = start
        self._at = at
        self._connection.execute("UPDATE log SET trimmed = ?, trimmed_at = ?, merged = ?", (start, at, start + 1))

    def _reaches(self, start: int, end: int) -> bool:
        """Whether the rows found say that they hold all events from `start` + 1 to `end`."""
        for first, last, codec, body in self._wreck.rows:
            if start >= end:
                break
            if first <= start + 1 <= last and _proves(codec, body, first, last):
                start = last
        return start >= end

    def _take(self, row: Row) -> None:
        first, last, codec, body = row
        if last <= self._old:
            return
        try:
            events = unpack(codec, body, first, last)
            facts = [_decode(event) for event in events]
        except (StorageError, ValueError):
            return
        if first > self._old + 1:
            self._lose(first - 1)
        skipped = self._old + 1 - first
        for event, fact in zip(events[skipped:], facts[skipped:], strict=True):
            self._add(event)
            self._saved.kept += 1
            if fact.source is not None and fact.seq is not None:
                self._seqs[fact.source] = max(self._seqs.get(fact.source, 0), fact.seq)
        self._old = last

    def _lose(self, last: int) -> None:
        """The events up to `last` are lost: say so in their place."""
        count = last - self._old
        self._saved.lost += count
        if self._whole_to is None:
            self._whole_to = self._new
        self._old = last
        at = self._at or int(self._wreck.created_at or 0)
        body = msgspec.json.encode(
            {
                "type": "events_dropped",
                "project_id": self._saved.project_id,
                "data": {"count": count, "reason": "damaged"},
                "timestamp": format_time(time.time_ns() // 1000),
                "source": None,
                "seq": None,
            }
        )
        self._add(b'%b,"offset":0,"at":%d}' % (body[:-1], at))

    def _unseen(self) -> int:
        """About how many events are missing at the log's end, where no row is left to tell: the sources know theirs."""
        sent = 0
        for source, upto in self._wreck.sources.items():
            seen = self._seqs.get(source)
            # Of a source with no event left in a trimmed log, all may have been trimmed.
            if seen is not None or not self._wreck.trimmed:
                sent += max(0, upto - (seen or 0))
        return min(max(0, sent - self._saved.lost), _MOST_BELIEVED)

    def _add(self, event: bytes) -> None:
        self._new += 1
        self._at = max(self._at, at_of_event(event))
        self._held.append(with_offset(event, self._new))
        if len(self._held) >= _HELD_EVENTS:
            self._flush()

    def _flush(self) -> None:
        first = self._new - len(self._held) + 1
        for events in split(self._held):
            last = first + len(events) - 1
            self._connection.execute(
                "INSERT INTO batches (first, last, first_at, last_at, codec, body) VALUES (?, ?, ?, ?, ?, ?)",
                (first, last, at_of_event(events[0]), at_of_event(events[-1]), *pack(events, SMALL)),
            )
            first = last + 1
        self._held = []

    def _keep(self, folds: list[StoredFold]) -> None:
        run, wreck = self._connection.execute, self._wreck
        start = self._connection.execute("SELECT trimmed FROM log").get
        end = self._new if self._whole_to is None else self._whole_to
        for fold in folds:
            if start <= fold.offset <= end:
                run(
                    'REPLACE INTO folds (version, "offset", at, body) VALUES (?, ?, ?, ?)',
                    (fold.version, fold.offset, fold.at, fold.body),
                )
        for source in wreck.sources.keys() | self._seqs.keys():
            upto = max(wreck.sources.get(source, 0), self._seqs.get(source, 0))
            run("REPLACE INTO sources (source, upto) VALUES (?, ?)", (source, upto))
        for key, value in wreck.attributes.items():
            run("REPLACE INTO attributes (key, value) VALUES (?, ?)", (key, value))


def _is_whole(fold: StoredFold) -> bool:
    """What a fold holds is the server's business; but one that is compressed has a checksum."""
    if not fold.body.startswith(b"\x78"):
        return True
    try:
        zlib.decompress(fold.body)
    except zlib.error:
        return False
    return True


def _proves(codec: int, body: bytes, first: int, last: int) -> bool:
    try:
        _proven(codec, body, first, last)
    except (StorageError, ValueError):
        return False
    return True


@contextlib.contextmanager
def pages_of(path: Path, wal: Path) -> Iterator[Pages]:
    """The pages of a file that nobody writes to. SQLite's own file object reads it: see `check_version`."""
    file = apsw.VFSFile("", str(path), [apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READONLY, 0])
    try:
        size = file.xFileSize()

        def read(length: int, offset: int) -> bytes:
            return bytes(file.xRead(min(length, size - offset), offset)) if offset < size else b""

        yield Pages(read, size, wal.read_bytes() if wal.exists() else b"")
    finally:
        file.xClose()
