"""Compares what emitters were told with what the log and every subscriber hold.

It knows nothing of how the system works: only what was promised. Each broken promise is a `Violation`:

- lost: acknowledged, yet not in the log; or in the log, and a subscriber that was live never got it;
- doubled: in the log twice, or delivered twice in one subscription;
- reordered: in the log, or delivered, in another order than it was emitted or stored;
- divergent: another content, epoch, time or final state than the log's;
- invented: in the log, though nobody sent it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Literal

import msgspec

from tests.faults.history import (
    Acknowledged,
    Events,
    Final,
    Heard,
    History,
    Live,
    Logged,
    Number,
    Opened,
    Resync,
    Sent,
    Settled,
    Snapshot,
    Subscribed,
    Told,
)

Kind = Literal["lost", "doubled", "reordered", "divergent", "invented"]


class Violation(msgspec.Struct, frozen=True):
    """A broken promise, whose it was, and what is known of it."""

    kind: Kind
    who: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.who}: {self.what}"


def check(history: History) -> list[Violation]:
    """Return every broken promise of a run, the log's first."""
    found = [*_log(history)]
    for name, told in history.emitters.items():
        found += _emitter(history, name, told)
    for name, heard in history.subscribers.items():
        found += _Subscriber(history, name).check(heard)
    return found


def _log(history: History) -> Iterator[Violation]:
    """The log in itself: offsets without gaps, time that doesn't run back, each source's events in order, once."""
    expected, at = 1, 0
    last_seq: dict[str, int] = {}
    last_number: dict[str, int] = {}
    numbers: set[Number] = set()
    for event in history.log:
        if event.offset > expected:
            yield Violation("lost", "log", f"offsets {expected} to {event.offset - 1} are missing")
        elif event.offset < expected:
            yield Violation("doubled", "log", f"offset {event.offset} comes after {expected - 1}")
        expected = event.offset + 1
        if event.at < at:
            yield Violation("reordered", "log", f"offset {event.offset} was committed before the one before it")
        at = event.at
        if event.source is not None and event.seq is not None:
            before = last_seq.get(event.source, 0)
            if event.seq <= before:
                kind: Kind = "doubled" if event.seq == before else "reordered"
                yield Violation(kind, "log", f"seq {event.seq} of {event.source} comes after {before}")
            last_seq[event.source] = event.seq
        if event.number is not None:
            name, n = event.number
            if event.number in numbers:
                yield Violation("doubled", "log", f"number {n} of {name} is there again at offset {event.offset}")
            elif n < last_number.get(name, -1):
                yield Violation("reordered", "log", f"number {n} of {name} comes after {last_number[name]}")
            numbers.add(event.number)
            last_number[name] = n
    if history.state.epoch != history.epoch or history.state.offset != expected - 1:
        where = f"{history.state.epoch}:{history.state.offset}"
        yield Violation("divergent", "log", f"the server's state is at {where}, the log ends at {expected - 1}")


def _emitter(history: History, name: str, told: list[Told]) -> Iterator[Violation]:
    """What one emitter was told, against the log."""
    sent: dict[tuple[str, int], str] = {}
    numbers: dict[tuple[str, int], int | None] = {}
    upto: dict[str, int] = defaultdict(int)
    rejected: set[tuple[str, int]] = set()
    emitted = 0
    head = history.log[-1].offset if history.log else 0
    for record in told:
        if isinstance(record, Sent):
            keys = [(record.source, record.first_seq + place) for place in range(len(record.marks))]
            numbers.update(zip(keys, record.numbers, strict=False))
            for key, content in zip(keys, record.marks, strict=True):
                if sent.setdefault(key, content) != content:
                    yield Violation("divergent", name, f"seq {key[1]} of {key[0]} was sent with two contents")
        elif isinstance(record, Acknowledged):
            upto[record.source] = max(upto[record.source], record.upto)
            rejected.update((record.source, seq) for seq in record.rejected)
            if record.epoch != history.epoch:
                yield Violation("divergent", name, f"was told of epoch {record.epoch}; the log's is {history.epoch}")
            elif record.offset > head:
                yield Violation("lost", name, f"was told of offset {record.offset}; the log ends at {head}")
        else:
            emitted = max(emitted, record.emitted)
    sources = {source for source, _ in sent}
    stored = {(event.source, event.seq): event for event in history.log if event.source in sources}
    for key, content in sent.items():
        event = stored.get(key)
        if event is not None and event.mark != content:
            yield Violation("divergent", name, f"seq {key[1]} of {key[0]} is in the log with another content")
        elif event is None and key[1] <= upto[key[0]] and key not in rejected:
            yield Violation("lost", name, f"seq {key[1]} of {key[0]} was acknowledged and isn't in the log")
    for source, seq in stored:
        if (source, seq) not in sent:
            yield Violation("invented", name, f"seq {seq} of {source} is in the log, and was never sent")
    there: set[int | None] = {
        event.number[1] for event in history.log if event.number is not None and event.number[0] == name
    }
    missing = set(range(emitted)) - there - {numbers.get(key) for key in rejected}
    if missing and any(isinstance(record, Settled) for record in told):
        yield Violation("lost", name, f"{len(missing)} of {emitted} emitted events are missing, first {min(missing)}")


class _Subscriber:
    """Follows what one subscriber got, frame by frame, as the server sent it."""

    def __init__(self, history: History, name: str) -> None:
        self._history = history
        self._name = name
        self._by_offset = {event.offset: event for event in history.log}
        self._head = history.log[-1].offset if history.log else 0
        self._position: int | None = None
        self._awaits_state = False

    def check(self, heard: list[Heard]) -> Iterator[Violation]:
        final = None
        for record in heard:
            if isinstance(record, Opened):
                self._position = self._position if record.kept else None
            elif isinstance(record, Subscribed):
                yield from self._epoch(record.epoch)
                self._awaits_state = not record.recovered
            elif isinstance(record, Snapshot):
                yield from self._epoch(record.epoch)
                self._position, self._awaits_state = record.offset, False
            elif isinstance(record, Events):
                yield from self._epoch(record.epoch)
                for event in record.events:
                    yield from self._event(event)
            elif isinstance(record, Live):
                if self._awaits_state or self._position is None or self._position < record.offset:
                    yield self._violation("lost", f"live at {record.offset}, with events up to {self._position}")
            elif isinstance(record, Resync):
                # What it holds stays good: after a cut it may go on from there all the same.
                self._awaits_state = True
            else:
                final = record
        yield from self._final(final)

    def _violation(self, kind: Kind, what: str) -> Violation:
        return Violation(kind, self._name, what)

    def _epoch(self, epoch: str) -> Iterator[Violation]:
        if epoch != self._history.epoch:
            yield self._violation("divergent", f"got epoch {epoch}; the log's is {self._history.epoch}")

    def _event(self, event: Logged) -> Iterator[Violation]:
        stored, position = self._by_offset.get(event.offset), self._position
        if stored is None:
            yield self._violation("invented", f"got offset {event.offset}, which isn't in the log")
        elif stored != event:
            yield self._violation("divergent", f"got another event at offset {event.offset} than the log holds")
        if position is None or self._awaits_state:
            yield self._violation("lost", f"got offset {event.offset} without anything it goes on from")
        elif event.offset == position:
            yield self._violation("doubled", f"got offset {event.offset} twice")
        elif event.offset < position:
            yield self._violation("reordered", f"got offset {event.offset} after {position}")
        elif event.offset > position + 1:
            yield self._violation("lost", f"got offset {event.offset} after {position}")
        self._position = event.offset

    def _final(self, final: Final | None) -> Iterator[Violation]:
        state = self._history.state
        if final is None:
            yield self._violation("lost", "holds no final state")
        elif (final.epoch, final.offset) != (state.epoch, state.offset):
            here, there = f"{final.epoch}:{final.offset}", f"{state.epoch}:{state.offset}"
            yield self._violation("lost", f"ended at {here}, the server at {there}")
        elif final.state != state.state:
            yield self._violation("divergent", f"holds another state at offset {final.offset} than the server")
