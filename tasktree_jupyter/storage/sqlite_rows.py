"""The body of a row: a commit's events as one JSON array, compressed unless it is tiny."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

import msgspec

from tasktree_jupyter.storage.log import StorageError

PLAIN, ZLIB = 0, 1
FAST, SMALL = 1, 6
_TINY = 512
_MOST_EVENTS = 1000
_MOST_BYTES = 256 * 1024
_SEPARATOR = b",\n"


def pack(events: Sequence[bytes], level: int) -> tuple[int, bytes]:
    """(codec, body) of a row.

    `level` is `FAST` for a commit that someone waits for, `SMALL` for one that nobody does.
    """
    body = b"[%b]" % _SEPARATOR.join(events)
    if len(body) < _TINY:
        return PLAIN, body
    return ZLIB, zlib.compress(body, level)


def unpack(codec: int, body: bytes, count: int) -> list[bytes]:
    """The row's events, exactly the bytes that were packed. Raises `StorageError` where the row is damaged."""
    try:
        if codec == ZLIB:
            body = zlib.decompress(body)
        elif codec != PLAIN:
            raise StorageError(f"a row has the unknown codec {codec}", retryable=False)
        events = body[1:-1].split(_SEPARATOR)
        if len(events) != count:
            # An encoder that breaks lines inside an event: then only the JSON itself says where each one ends.
            events = [bytes(raw) for raw in msgspec.json.decode(body, type=list[msgspec.Raw])]
    except (zlib.error, msgspec.DecodeError) as error:
        raise StorageError(f"a row is damaged: {error}", retryable=False) from error
    if len(events) != count:
        raise StorageError(f"a row should hold {count} events and holds {len(events)}", retryable=False)
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
