"""Bytes for the wire: each frame is built once and written to every connection that gets it."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from tasktree_jupyter.core.sanitise import without_surrogates

_encode = msgspec.json.Encoder().encode

FRAME_BYTES = 64 * 1024
"""How much one `events` frame holds, unless a single event is larger (bytes)."""

_FIN_TEXT = 0x81


class Frame(msgspec.Struct, frozen=True, gc=False):
    """A prepared `events` frame, and the offset of the last event in it."""

    last: int
    data: bytes


class _PlainEvent(msgspec.Struct, gc=False):
    type: str
    data: msgspec.Raw
    timestamp: str
    project_id: str | None = None


_decode_plain = msgspec.json.Decoder(_PlainEvent).decode


def encode(value: Any) -> bytes:
    """Return a value as JSON. An answer may repeat what a client sent: lone surrogates in it are replaced."""
    try:
        return _encode(value)
    except UnicodeEncodeError:
        return _encode(without_surrogates(msgspec.to_builtins(value)))


def text_frame(payload: bytes) -> bytes:
    """Return a whole WebSocket text message from a server: unmasked, unfragmented (RFC 6455, section 5.2)."""
    length = len(payload)
    if length < 126:
        return struct.pack("!BB", _FIN_TEXT, length) + payload
    if length < 1 << 16:
        return struct.pack("!BBH", _FIN_TEXT, 126, length) + payload
    return struct.pack("!BBQ", _FIN_TEXT, 127, length) + payload


def json_frame(message: Mapping[str, Any]) -> bytes:
    """Return the text frame of one JSON object."""
    return text_frame(encode(message))


def events_frames(project_id: str, epoch: str, first: int, events: Sequence[bytes]) -> list[Frame]:
    """Return the `events` frames for consecutive events, given as wire bytes; `first` is the first one's offset."""
    head = b'{"op":"events","project_id":%b,"epoch":%b,"events":[' % (encode(project_id), encode(epoch))
    frames: list[Frame] = []
    start, size = 0, 0
    for index, event in enumerate(events):
        if size and size + len(event) > FRAME_BYTES:
            frames.append(_events_frame(head, events[start:index], first + index - 1))
            start, size = index, 0
        size += len(event) + 1
    if start < len(events):
        frames.append(_events_frame(head, events[start:], first + len(events) - 1))
    return frames


def _events_frame(head: bytes, events: Iterable[bytes], last: int) -> Frame:
    return Frame(last, text_frame(head + b",".join(events) + b"]}"))


def plain_frames(events: Iterable[bytes]) -> bytes:
    """Return what a plain client gets for these events: a text frame each, in the envelope, one after the other."""
    return b"".join([text_frame(_plain_event(event)) for event in events])


def _plain_event(event: bytes) -> bytes:
    fields = _decode_plain(event)
    return b'{"type":%b,"project_id":%b,"data":%b,"timestamp":%b}' % (
        encode(fields.type),
        encode(fields.project_id),
        fields.data,
        encode(fields.timestamp),
    )


def projectless_frame(event: bytes) -> bytes:
    """Return the `events` frame of a message that belongs to no project."""
    return text_frame(b'{"op":"events","project_id":null,"events":[%b]}' % event)
