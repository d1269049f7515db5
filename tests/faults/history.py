"""What a run's parties were told and hold, as the checker takes it.

Emitters and subscribers are processes of their own; each keeps a journal, a JSON object a line, written before a frame
is sent and after an answer has come. `number` is what an emitter itself counted: its name and n.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

Number = tuple[str, int]


class Sent(msgspec.Struct, frozen=True, tag="sent"):
    """An emitter is about to send events, numbered from `first_seq`, each with its mark and its own number."""

    source: str
    first_seq: int
    marks: list[str]
    numbers: list[int | None] = []


class Acknowledged(msgspec.Struct, frozen=True, tag="acknowledged"):
    """An emitter was told that all its events up to `upto` are on disk, but for the rejected ones."""

    source: str
    upto: int
    epoch: str
    offset: int
    rejected: list[int] = []


class Settled(msgspec.Struct, frozen=True, tag="settled"):
    """An emitter has emitted the numbers 0 to `emitted` - 1 and was told that nothing of them waits any more."""

    emitted: int


class Logged(msgspec.Struct, frozen=True):
    """An event: in the log, or as a subscriber got it."""

    offset: int
    at: int
    source: str | None
    seq: int | None
    mark: str
    number: Number | None = None


class Opened(msgspec.Struct, frozen=True, tag="opened"):
    """A subscriber has a new connection. `kept`: it goes on from what it holds; else it begins from nothing."""

    kept: bool


class Subscribed(msgspec.Struct, frozen=True, tag="subscribed"):
    """The server has answered the subscribe."""

    epoch: str
    recovered: bool


class Snapshot(msgspec.Struct, frozen=True, tag="snapshot"):
    """The last part of a snapshot came."""

    epoch: str
    offset: int


class Events(msgspec.Struct, frozen=True, tag="events"):
    """An `events` frame came."""

    epoch: str
    events: list[Logged]


class Live(msgspec.Struct, frozen=True, tag="live"):
    """The server said that this is all."""

    offset: int


class Resync(msgspec.Struct, frozen=True, tag="resync"):
    """The server said that it can't go on from there."""

    reason: str


class Final(msgspec.Struct, frozen=True, tag="final"):
    """What a party holds in the end: the canonical text of its state, at an offset."""

    epoch: str
    offset: int
    state: str


Told = Sent | Acknowledged | Settled
Heard = Opened | Subscribed | Snapshot | Events | Live | Resync | Final


class History(msgspec.Struct):
    """Everything about one project in one run."""

    epoch: str
    log: list[Logged]
    state: Final
    emitters: dict[str, list[Told]]
    subscribers: dict[str, list[Heard]]


def mark(kind: str, data: Any) -> str:
    """Return what stands for an event's content."""
    text = json.dumps([kind, data], sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def logged(event: Mapping[str, Any]) -> Logged:
    """Return an event of the wire or of REST as the checker takes it."""
    data = event["data"]
    number = (data["emitter"], data["n"]) if "emitter" in data and "n" in data else None
    return Logged(event["offset"], event["at"], event["source"], event["seq"], mark(event["type"], data), number)


class Journal:
    """A file of records; each is handed to the system before `write` returns, so a dying process leaves it whole."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def write(self, record: Told | Heard) -> None:
        self._file.write(msgspec.json.encode(record) + b"\n")

    def close(self) -> None:
        self._file.close()


def told(path: Path) -> list[Told]:
    """Read an emitter's journal."""
    return list(_records(path, msgspec.json.Decoder(Told)))


def heard(path: Path) -> list[Heard]:
    """Read a subscriber's journal."""
    return list(_records(path, msgspec.json.Decoder(Heard)))


def _records(path: Path, decoder: msgspec.json.Decoder[Any]) -> Iterator[Any]:
    lines: Iterable[bytes] = path.read_bytes().splitlines(keepends=True) if path.exists() else ()
    for line in lines:
        if line.endswith(b"\n"):
            yield decoder.decode(line)
