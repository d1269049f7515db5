"""The records in a damaged SQLite file, page by page: what a page holds can be read though the way to it is lost.

The file format: https://sqlite.org/fileformat2.html. Nothing here trusts a number that it reads.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

_TABLE_LEAF, _INDEX_LEAF, _INDEX_INTERIOR = 0x0D, 0x0A, 0x02
_HEADER_BYTES: Final = 100
_WAL_HEADER_BYTES, _FRAME_HEADER_BYTES = 32, 24
_WAL_MAGIC: Final = (0x377F0682, 0x377F0683)
_PAGE_SIZES: Final = tuple(512 << n for n in range(8))
_USUAL_PAGE: Final = 4096
_LONGEST_RECORD: Final = 1 << 30

Value = int | float | str | bytes | None


class Record(msgspec.Struct, frozen=True, gc=False):
    """A row as it lies in a page. `rowid` is None in an index or a table without rowids."""

    rowid: int | None
    values: tuple[Value, ...]


class Pages:
    """A file's pages, with those of its write-ahead log in their place."""

    def __init__(self, read: Callable[[int, int], bytes], size: int, wal: bytes) -> None:
        """`read` gives `length` bytes from an offset of the file, or as many as there are; `size` is the file's."""
        self._read = read
        header = read(_HEADER_BYTES, 0) if size else b""
        self.size = _page_size(header, wal)
        self._usable = self.size - (header[20] if len(header) > 20 and header[20] <= 64 else 0)
        self._newer = dict(_committed_frames(wal, self.size))
        self.count = max([-(-size // self.size), *self._newer])

    def page(self, number: int) -> bytes:
        """A page by its number, which counts from 1; empty where there is none, or it can't be read."""
        newer = self._newer.get(number)
        if newer is not None:
            return newer
        try:
            return self._read(self.size, (number - 1) * self.size)
        except Exception:
            # A bad sector, or a file that ends before: the other pages are worth reading all the same.
            return b""

    def records(self) -> Iterator[Record]:
        """Every record of every page that looks as if it held some, whoever it belongs to, old ones among them."""
        for number in range(1, self.count + 1):
            page = self.page(number)
            start = _HEADER_BYTES if number == 1 else 0
            kind = page[start] if len(page) == self.size else 0
            if kind in (_TABLE_LEAF, _INDEX_LEAF, _INDEX_INTERIOR):
                yield from self._records_of(page, start, kind)

    def _records_of(self, page: bytes, start: int, kind: int) -> Iterator[Record]:
        count = int.from_bytes(page[start + 3 : start + 5])
        pointers = start + (12 if kind == _INDEX_INTERIOR else 8)
        for place in range(pointers, min(pointers + 2 * count, len(page) - 1), 2):
            try:
                yield self._record(page, int.from_bytes(page[place : place + 2]), kind)
            except (IndexError, ValueError, struct.error):
                continue

    def _record(self, page: bytes, at: int, kind: int) -> Record:
        if kind == _INDEX_INTERIOR:
            at += 4
        length, at = _varint(page, at)
        rowid = None
        if kind == _TABLE_LEAF:
            rowid, at = _varint(page, at)
        return Record(rowid, _values(self._payload(page, at, length, kind)))

    def _payload(self, page: bytes, at: int, length: int, kind: int) -> bytes:
        if not 0 < length <= _LONGEST_RECORD:
            raise ValueError(f"a record of {length} bytes")
        usable = self._usable
        most = usable - 35 if kind == _TABLE_LEAF else (usable - 12) * 64 // 255 - 23
        if length <= most:
            return page[at : at + length]
        least = (usable - 12) * 32 // 255 - 23
        local = least + (length - least) % (usable - 4)
        if local > most:
            local = least
        parts, got = [page[at : at + local]], local
        number = int.from_bytes(page[at + local : at + local + 4])
        # The length bounds the chain: one that was bent into a circle ends.
        while got < length:
            overflow = self.page(number) if 0 < number <= self.count else b""
            if len(overflow) != self.size:
                raise ValueError("a record's end isn't there")
            parts.append(overflow[4:usable])
            got += usable - 4
            number = int.from_bytes(overflow[:4])
        return b"".join(parts)[:length]


def _page_size(header: bytes, wal: bytes) -> int:
    for found in (int.from_bytes(header[16:18]), int.from_bytes(wal[8:12])):
        size = 65536 if found == 1 else found
        if size in _PAGE_SIZES:
            return size
    return _USUAL_PAGE


def _committed_frames(wal: bytes, page_size: int) -> Iterator[tuple[int, bytes]]:
    """The pages of the log's newest life, up to its last commit. A frame with a flipped bit doesn't end it here."""
    if int.from_bytes(wal[:4]) not in _WAL_MAGIC:
        return
    salts, waiting = wal[16:24], []
    for at in range(_WAL_HEADER_BYTES, len(wal) - _FRAME_HEADER_BYTES - page_size + 1, _FRAME_HEADER_BYTES + page_size):
        number, committed = struct.unpack_from(">II", wal, at)
        if wal[at + 8 : at + 16] != salts:
            return
        body = at + _FRAME_HEADER_BYTES
        if number:
            waiting.append((number, wal[body : body + page_size]))
        if committed:
            yield from waiting
            waiting = []


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for i in range(8):
        byte = data[at + i]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + i + 1
    value = value << 8 | data[at + 8]
    return value - (1 << 64) if value >= 1 << 63 else value, at + 9


def _values(payload: bytes) -> tuple[Value, ...]:
    """The columns of a record. Raises ValueError or IndexError for one that isn't whole."""
    end, at = _varint(payload, 0)
    if not 1 <= end <= len(payload):
        raise ValueError("a record without its header")
    values: list[Value] = []
    body = end
    while at < end:
        kind, at = _varint(payload, at)
        value, size = _value(payload, body, kind)
        values.append(value)
        body += size
    if body > len(payload):
        raise ValueError("a record without its end")
    return tuple(values)


def _value(payload: bytes, at: int, kind: int) -> tuple[Value, int]:
    if kind == 0:
        return None, 0
    if 1 <= kind <= 6:
        size = (1, 2, 3, 4, 6, 8)[kind - 1]
        return int.from_bytes(payload[at : at + size], signed=True), size
    if kind == 7:
        return struct.unpack_from(">d", payload, at)[0], 8
    if kind in (8, 9):
        return kind - 8, 0
    if kind < 12:
        raise ValueError(f"a value of the unknown kind {kind}")
    size = (kind - 12) // 2
    raw = payload[at : at + size]
    return raw if kind % 2 == 0 else raw.decode(), size
