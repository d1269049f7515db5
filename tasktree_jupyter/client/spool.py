"""A file that keeps what one emitter couldn't send: it outlives the process, and the next one sends it.

Records follow one another, each with a mark, its length and a checksum, so that one cut short by a crash is
recognised, and what stands behind a damaged one is found again. Two kinds: a batch of numbered events, and who the
emitter is, which is written again where that changes; the last one counts. Whoever holds the file's lock owns it.

Nothing waits for the disk (`fsync`): what a process has written survives its `kill -9`, and only a machine that loses
power before the system has written it out loses it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import struct
import sys
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from tasktree_jupyter.client.locking import lock
from tasktree_jupyter.client.source import Entry, Limits, Position, Read

SUFFIX: Final = ".spool"
DAMAGED: Final = ".damaged"
VERSION: Final = 1
_MAGIC: Final = b"\xf5TtS"
"""No UTF-8 text has this first byte, so no event looks like the beginning of a record."""
_HEAD: Final = struct.Struct("<4sBIQII")
"""Mark, kind, number of events, number of the first, length of what follows, checksum."""
_ABOUT: Final = 0
_BATCH: Final = 1
_SEARCH: Final = 2**20
_BETWEEN_MARKS: Final = 4 * 2**20
"""So many bytes are acknowledged before it is written down how far: who comes next sends at most these twice."""
_ATTEMPTS: Final = 3


class Full(OSError):
    """The spool has reached its bound."""


class About(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whose events a spool holds, and where they belong.

    Attributes:
        version: of the file's form; a file of another version is left alone.
        source: the emitter's source id.
        name: the project's name, where the user gave one.
        project_id: its id, where a server has said it.
        kernel_id: with `path` and `title`, what a server knows the default project by.
        store: the server's folder of logs, as it names it, where it has said so.
        place: which server it was, by its root folder or address.
        pid: the emitter's process.
        host: the machine it ran on.
        shift: what is subtracted from the numbers in the file: a new life of the source numbers from 1.
        start: up to where everything was acknowledged: a record, and how many events of it.
    """

    version: int = VERSION
    source: str = ""
    name: str | None = None
    project_id: str | None = None
    kernel_id: str | None = None
    path: str | None = None
    title: str | None = None
    store: str | None = None
    place: str | None = None
    pid: int = 0
    host: str = ""
    shift: int = 0
    start: Position = (0, 0)


class _Record(NamedTuple):
    kind: int
    events: int
    first: int
    payload: bytes
    end: int


_encode = msgspec.msgpack.Encoder().encode
_entries = msgspec.msgpack.Decoder(list[Entry]).decode


class Spool:
    """An open spool, and its lock. Belongs to one thread, but for `waiting`.

    Attributes:
        path: of the file.
        about: who the emitter is.
        waiting: how many events in it aren't acknowledged.
        damaged: whether something in it couldn't be read.
        limit: the bytes it may have.
    """

    def __init__(self, path: str, descriptor: int, limit: int) -> None:
        self.path = path
        self.about = About()
        self.waiting = 0
        self.damaged = False
        self._descriptor = descriptor
        self.limit = limit
        self._end = os.fstat(descriptor).st_size
        self._at: Position = (0, 0)
        self._marked = 0
        self._last = 0

    @classmethod
    def create(cls, folder: str, about: About, limit: int) -> Spool:
        """Make a new one.

        Args:
            folder: where; made if it isn't there.
            about: who the emitter is.
            limit: the bytes it may have.

        Raises:
            OSError: the folder can't be written, or its filesystem has no locks.
        """
        os.makedirs(folder, 0o700, exist_ok=True)
        for _ in range(_ATTEMPTS):
            path = os.path.join(folder, secrets.token_hex(8) + SUFFIX)
            descriptor = _open(path, os.O_CREAT | os.O_EXCL)
            try:
                if lock(descriptor):
                    spool = cls(path, descriptor, limit)
                    spool.describe(about)
                    spool._at = (spool._end, 0)
                    return spool
            except OSError:
                os.close(descriptor)
                with contextlib.suppress(OSError):
                    os.unlink(path)
                raise
            # Somebody who looks for the spools of ended processes was quicker: he finds it empty.
            os.close(descriptor)
        raise OSError(f"no spool in {folder} could be locked")

    @classmethod
    def take(cls, path: str) -> Spool | None:
        """Open what another process left; None while that one lives, or somebody else has taken it.

        Raises:
            OSError: it can't be read or locked.
        """
        descriptor = _open(path, 0)
        try:
            if not _is_ours(descriptor) or not lock(descriptor) or not _is_same(path, descriptor):
                os.close(descriptor)
                return None
            spool = cls(path, descriptor, 0)
            spool._look_through()
        except BaseException:
            os.close(descriptor)
            raise
        return spool

    @property
    def size(self) -> int:
        """The bytes it has."""
        return self._end

    @property
    def empty(self) -> bool:
        """Whether nothing was ever written to it."""
        return self._end == 0

    @property
    def next_number(self) -> int:
        """The number of the first event that isn't acknowledged."""
        found = self._next(*self._at)
        return self._last - self.about.shift + 1 if found is None else found[0].first + found[1] - self.about.shift

    # Writing

    def describe(self, about: About) -> None:
        """Write down who the emitter is now. Raises OSError."""
        about = msgspec.structs.replace(about, start=self._at, shift=self.about.shift)
        self._write(_ABOUT, 0, 0, msgspec.json.encode(about))
        self.about = about

    def append(self, first: int, entries: list[Entry]) -> Position:
        """Write events down and return where they end. Raises OSError: then nothing was written."""
        first += self.about.shift
        payload = _encode(entries)
        if self._end + len(payload) > self.limit:
            raise Full(f"{self.path} has {self._end:,} bytes of {self.limit:,}")
        self._write(_BATCH, len(entries), first, payload)
        self._last = first + len(entries) - 1
        self.waiting += len(entries)
        return (self._end, 0)

    def renumber(self, source: str) -> int:
        """Let what isn't acknowledged be a new source's, numbered from 1; return the number of the last one."""
        shift = self.about.shift + self.next_number - 1
        self.about = msgspec.structs.replace(self.about, source=source, shift=shift)
        # In memory it holds all the same; on disk it would be sent as the old source's, by the next process.
        with contextlib.suppress(OSError):
            self.describe(self.about)
        return self._last - shift

    def _write(self, kind: int, count: int, first: int, payload: bytes) -> None:
        head = _HEAD.pack(_MAGIC, kind, count, first, len(payload), 0)[:-4]
        checksum = zlib.crc32(payload, zlib.crc32(head))
        record = b"%b%b%b" % (head, checksum.to_bytes(4, "little"), payload)
        os.lseek(self._descriptor, self._end, os.SEEK_SET)
        written = 0
        try:
            while written < len(record):
                written += os.write(self._descriptor, record[written:] if written else record)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._end)
            raise
        self._end += written

    # Reading

    def peek(self, limits: Limits) -> Read | None:
        """Return the next events, as many as go into a frame; None where there are none."""
        entries: list[Entry] = []
        number = 0
        room = limits.message_bytes
        at = self._at
        while len(entries) < limits.events:
            found = self._next(*at)
            if found is None:
                break
            record, skip = found
            if entries and record.first + skip != number + len(entries):
                break
            if not entries:
                number = record.first + skip
            chosen = 0
            for entry in _entries(record.payload)[skip : skip + limits.events - len(entries)]:
                room -= entry.size
                if room < 0 and entries:
                    break
                entries.append(entry)
                chosen += 1
            at = (record.end, 0) if skip + chosen == record.events else (self._start_of(record), skip + chosen)
            if room < 0:
                break
        if not entries:
            self.waiting = 0
            return None
        return Read(number - self.about.shift, entries, at)

    def advance(self, position: Position, count: int) -> None:
        """Forget events up to there, as they are acknowledged."""
        self._at = position
        self.waiting = max(0, self.waiting - count)
        if self.waiting and position[0] - self._marked > _BETWEEN_MARKS:
            self.mark()

    def mark(self) -> None:
        """Write down how far everything is acknowledged, so that who comes next needn't send it again."""
        if self._at != self.about.start:
            self._marked = self._at[0]
            with contextlib.suppress(OSError):
                self.describe(self.about)

    def _start_of(self, record: _Record) -> int:
        return record.end - len(record.payload) - _HEAD.size

    def _next(self, offset: int, skip: int) -> tuple[_Record, int] | None:
        """Return the record that holds the next event, and how many of its events come before that."""
        while (record := self._record(offset)) is not None:
            if record.kind == _BATCH and skip < record.events:
                return record, skip
            offset, skip = record.end, 0
        return None

    def _record(self, offset: int) -> _Record | None:
        """Return the record there, or the next one that can be read."""
        skipped = False
        try:
            while 0 <= offset < self._end:
                record = self._record_at(offset)
                if record is not None:
                    self.damaged = self.damaged or skipped
                    return record
                # At the end it was cut short, which is no damage.
                skipped = True
                offset = self._search(offset + 1)
        except OSError:
            self.damaged = True
        return None

    def _record_at(self, offset: int) -> _Record | None:
        head = self._read(offset, _HEAD.size)
        if len(head) < _HEAD.size or not head.startswith(_MAGIC):
            return None
        _, kind, count, first, length, checksum = _HEAD.unpack(head)
        end = offset + _HEAD.size + length
        if end > self._end:
            return None
        payload = self._read(offset + _HEAD.size, length)
        if len(payload) != length or zlib.crc32(payload, zlib.crc32(head[:-4])) != checksum:
            return None
        return _Record(kind, count, first, payload, end)

    def _search(self, offset: int) -> int:
        while offset < self._end:
            found = self._read(offset, _SEARCH).find(_MAGIC)
            if found >= 0:
                return offset + found
            offset += _SEARCH - len(_MAGIC) + 1
        return -1

    def _read(self, offset: int, size: int) -> bytes:
        os.lseek(self._descriptor, offset, os.SEEK_SET)
        data = os.read(self._descriptor, size)
        while data and len(data) < size and (more := os.read(self._descriptor, size - len(data))):
            data += more
        return data

    def _look_through(self) -> None:
        batches: list[tuple[int, int, int]] = []
        end = 0
        for offset, record in self._records():
            end = record.end
            if record.kind == _ABOUT:
                with contextlib.suppress(msgspec.MsgspecError):
                    self.about = msgspec.json.decode(record.payload, type=About)
            else:
                batches.append((offset, record.events, record.first))
        if not self.damaged:
            # What was cut short at the end: the next record comes in its place.
            self._end = end or self._end
        self._at = start, skip = self.about.start
        self._marked = start
        self._last = batches[-1][1] + batches[-1][2] - 1 if batches else 0
        self.damaged = self.damaged or (self._end > 0 and not self.about.source)
        self.waiting = max(0, sum(count for offset, count, _ in batches if offset >= start) - skip)

    def _records(self) -> Iterator[tuple[int, _Record]]:
        offset = 0
        while (record := self._record(offset)) is not None:
            yield self._start_of(record), record
            offset = record.end

    # Ending

    def close(self) -> None:
        """Let go of it. What is in it stays, for whoever takes it next."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def remove(self) -> None:
        """Delete it; or, where something in it couldn't be read, move it aside."""
        with contextlib.suppress(OSError):
            if self.damaged:
                os.replace(self.path, self.path.removesuffix(SUFFIX) + DAMAGED)
            else:
                # First: whoever has it open already, waiting for its lock, finds nothing.
                os.ftruncate(self._descriptor, 0)
                if sys.platform == "win32":
                    self.close()
                os.unlink(self.path)
        self.close()
        self.waiting = 0


def _open(path: str, flags: int) -> int:
    return os.open(path, os.O_RDWR | flags | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0), 0o600)


def _is_ours(descriptor: int) -> bool:
    return sys.platform == "win32" or os.fstat(descriptor).st_uid == os.geteuid()


def _is_same(path: str, descriptor: int) -> bool:
    """It may have been delivered and removed by another process a moment ago."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False
