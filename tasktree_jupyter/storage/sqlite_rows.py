"""The body of a row: a commit's events as one JSON array, with a checksum, and compressed unless it is tiny."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

import msgspec

from tasktree_jupyter.storage.admission import ends_with_offset
from tasktree_jupyter.storage.log import Damaged

PLAIN, ZLIB = 0, 1
FAST, SMALL = 1, 6
_TINY = 512
_MOST_EVENTS = 1000
_MOST_BYTES = 256 * 1024
_SEPARATOR = b",\n"


def pack(events: Sequence[bytes], level: int) -> tuple[int, bytes]:
    """(codec, body) of a row.

    `level` is `FAST` for a commit that someone waits for, `SMALL` for one that nobody does. A tiny body isn't made
    smaller, but has zlib's checksum too: a flipped bit must not change what an event says.
    """
    body = b"[%b]" % _SEPARATOR.join(events)
    return ZLIB, zlib.compress(body, level if len(body) >= _TINY else 0)


def unpack(codec: int, body: bytes, first: int, last: int) -> list[bytes]:
    """The row's events, exactly the bytes that were packed; `first` … `last` are its offsets.

    Raises `Damaged` where the row isn't as it was written.
    """
    count = last - first + 1
    try:
        if codec == ZLIB:
            body = zlib.decompress(body)
        elif codec != PLAIN:
            raise Damaged(f"a row is damaged: it has the unknown codec {codec}")
        events = body[1:-1].split(_SEPARATOR)
        if len(events) != count or codec == PLAIN:
            # An encoder that breaks lines inside an event: then only the JSON itself says where each one ends. And
            # without a checksum only the JSON tells whether this is what was written.
            events = [bytes(raw) for raw in msgspec.json.decode(body, type=list[msgspec.Raw])]
    except (zlib.error, msgspec.DecodeError) as error:
        raise Damaged(f"a row is damaged: {error}") from error
    if len(events) != count:
        raise Damaged(f"a row is damaged: it should hold {count} events and holds {len(events)}")
    if not (ends_with_offset(events[0], first) and ends_with_offset(events[-1], last)):
        raise Damaged(f"a row is damaged: its events aren't those of the offsets {first} to {last}")
    return events


def split(events: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Cut a commit into rows small enough that reading a few events never means unpacking many."""
    start, size = 0, 0
    for i, event in enumerate(events):
        if i > start and (i - start >= _MOST_EVENTS or size + len(event) > _MOST_BYTES):
            yield events[start:i]
            start, size = i, 0
        size += len(event)
    if start < len(events):
        yield events[start:]
