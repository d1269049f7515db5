"""Which events of a batch are new: the rule of `seq` and `upto`, the same for every engine.

Source of the rule: docs/protocol.md, "Publishing".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from tasktree_jupyter.storage.log import Appended, Batch

_OFFSET = b',"offset":'


class Judged(msgspec.Struct, frozen=True, gc=False):
    """What appending some batches means.

    The wire events to store, a result per batch, and each source's new `upto`.
    """

    events: list[bytes]
    results: list[Appended]
    upto: dict[str, int]


def check_batches(batches: Sequence[Batch]) -> None:
    """Raise `ValueError` for a batch that contradicts itself."""
    for batch in batches:
        if batch.source is None:
            continue
        first, last = batch.first_seq, batch.last_seq
        if first is None or last is None or first < 1 or last < first - 1:
            raise ValueError(f"a batch of source {batch.source!r} has the impossible span {first}…{last}")
        before = first - 1
        for event in batch.events:
            if event.seq is None or not before < event.seq <= last:
                raise ValueError(
                    f"seq {event.seq} of source {batch.source!r} is out of order in its batch {first}…{last}"
                )
            before = event.seq
        if batch.dropped > 0 and batch.dropped_body is None:
            raise ValueError("a batch that says events were dropped needs the body of the event that tells of it")


def judge(batches: Sequence[Batch], stored_upto: Callable[[str], int], offset: int, at: int) -> Judged:
    """Judge the batches one after the other, and number what is new as if the log's head were at `offset`."""
    events: list[bytes] = []
    results: list[Appended] = []
    uptos: dict[str, int] = {}
    for batch in batches:
        bodies, upto, duplicates, expected = _admit(batch, uptos, stored_upto)
        first = offset + 1
        for body in bodies:
            offset += 1
            events.append(b'%b,"offset":%d,"at":%d}' % (body, offset, at))
        stored = offset >= first
        results.append(
            Appended(
                upto=upto,
                duplicates=duplicates,
                seq_gap_expected=expected,
                first_offset=first if stored else None,
                last_offset=offset if stored else None,
            )
        )
    return Judged(events, results, uptos)


def _admit(
    batch: Batch, uptos: dict[str, int], stored_upto: Callable[[str], int]
) -> tuple[list[bytes], int | None, int, int | None]:
    """The bodies to store, the source's `upto`, the number of duplicates, and the expected seq where there is a gap."""
    source, first, last = batch.source, batch.first_seq, batch.last_seq
    if source is None or first is None or last is None:
        return [event.body for event in batch.events], None, 0, None
    before = uptos.get(source)
    upto = stored_upto(source) if before is None else before
    bodies: list[bytes] = []
    if first > upto + 1:
        if batch.dropped < 1 or batch.dropped_body is None:
            return bodies, upto, 0, upto + 1
        bodies.append(batch.dropped_body)
    if first > upto:
        bodies.extend(event.body for event in batch.events)
    else:
        bodies.extend(event.body for event in batch.events if (event.seq or 0) > upto)
    duplicates = len(batch.events) - len(bodies) if first <= upto else 0
    if last > upto:
        uptos[source] = upto = last
    return bodies, upto, duplicates, None


def at_of_event(event: bytes) -> int:
    """The `at` that `judge` wrote at the end of a wire event, in microseconds."""
    return int(event[event.rindex(b":") + 1 : -1])


def ends_with_offset(event: bytes, offset: int) -> bool:
    """Whether a wire event bears this offset, where `judge` wrote it."""
    start = event.rfind(_OFFSET)
    return start > 0 and event.startswith(b'%d,"at":' % offset, start + len(_OFFSET)) and event.endswith(b"}")


def with_offset(event: bytes, offset: int) -> bytes:
    """The same event at another offset; its `at` stays."""
    start = event.rindex(_OFFSET)
    return b"%b%b%d%b" % (event[:start], _OFFSET, offset, event[event.index(b",", start + len(_OFFSET)) :])


def within(events: list[bytes], max_bytes: int | None) -> list[bytes]:
    """As many of the first events as have no more bytes together, but one at least; None: all."""
    if max_bytes is None:
        return events
    size = 0
    for number, event in enumerate(events):
        size += len(event)
        if size > max_bytes and number:
            return events[:number]
    return events
