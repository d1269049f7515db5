"""A project that was made aside takes its place all at once, and nobody's events make room for it unasked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tasktree_jupyter.storage.log import Batch, EventLog, Head, NoSuchProject, StoredFold, staged_id

if TYPE_CHECKING:
    from tests.storage.conftest import Engine, Heads

MakeBatch = Callable[..., Batch]
MakeHeads = Callable[[], "Heads"]


async def made(log: EventLog, batch: MakeBatch) -> str:
    """A project of two events of the source `made`."""
    staged = staged_id()
    await log.append(staged, [batch("made", 1, 2)], now=5)
    await log.set_attributes(staged, {"title": "made", "kind": "named"})
    return staged


async def events(log: EventLog) -> list[bytes]:
    return await log.read("p", 0, limit=99)


async def test_it_is_nowhere_before_and_whole_afterwards(engine: Engine, log: EventLog, batch: MakeBatch) -> None:
    other = await engine.peer(log)
    staged = await made(log, batch)
    wanted = await log.read(staged, 0, limit=9)
    assert (await log.projects(), await other.projects()) == ([], [])

    head = await log.adopt(staged, "p")

    for one in (log, other):
        assert await one.head("p") == head == Head(head.epoch if head else "", 0, 2, 5)
        assert await events(one) == wanted
        assert await one.upto("p", "made") == 2
        assert await one.attributes("p") == {"title": "made", "kind": "named"}
        assert [record.project_id for record in await one.projects()] == ["p"]
        assert await one.head(staged) is None
    again = await other.append("p", [batch("made", 2, 3)], now=6)
    assert (again.epoch, again.first_offset, again.results[0].duplicates) == (head.epoch if head else "", 3, 1)


async def test_what_begins_after_a_base_takes_its_place_too(engine: Engine, log: EventLog, batch: MakeBatch) -> None:
    staged, base = staged_id(), StoredFold(40, 800, b"what came before", 2)
    await log.begin(staged, base, now=5)
    await log.append(staged, [batch("a", 1, 2)], now=900)

    await log.adopt(staged, "p")

    other = await engine.peer(log)
    head = await other.head("p")
    assert head is not None
    assert (head.trimmed, head.offset) == (40, 42)
    assert await other.fold_below("p", None) == base


async def test_a_project_with_events_is_left_alone_whoever_wrote_them(
    engine: Engine, log: EventLog, batch: MakeBatch
) -> None:
    other = await engine.peer(log)
    staged = await made(log, batch)
    theirs = await other.append("p", [batch("k", 1, 1)], now=1)

    assert await log.adopt(staged, "p") is None

    assert await events(log) == theirs.events
    assert (await log.append("p", [batch("k", 2, 2)], now=2)).epoch == theirs.epoch
    assert await log.delete(staged) is True
    assert await log.delete(staged) is False


async def test_a_project_without_events_keeps_what_is_said_of_it_and_gets_another_epoch(
    engine: Engine, log: EventLog, batch: MakeBatch, heads: MakeHeads
) -> None:
    other, heard = await engine.peer(log), heads()
    await log.set_attributes("p", {"title": "kept", "path": "x"})
    other.follow("p", heard)
    before = await heard.until(lambda head: head is not None)

    adopted = await log.adopt(await made(log, batch), "p")

    assert before is not None
    assert adopted is not None
    assert adopted.epoch != before.epoch
    assert await heard.until(lambda head: head == adopted)
    assert await other.attributes("p") == {"title": "kept", "path": "x", "kind": "named"}


async def test_asked_to_it_replaces_what_is_there_and_nothing_of_that_stays(
    engine: Engine, log: EventLog, batch: MakeBatch
) -> None:
    other = await engine.peer(log)
    before = await other.append("p", [batch("k", 1, 3)], now=1)
    await other.set_attributes("p", {"path": "x"})
    await other.pin("p", 2, "pinned")

    adopted = await log.adopt(await made(log, batch), "p", replace=True)

    assert adopted is not None
    for one in (log, other):
        assert len(await events(one)) == 2
        assert await one.attributes("p") == {"title": "made", "kind": "named"}
        assert (await one.upto("p", "k"), await one.pins("p")) == (0, [])
    late = await other.append("p", [batch("k", 4, 4)], now=1)
    assert adopted.epoch == late.epoch != before.epoch
    assert late.results[0].seq_gap_expected == 1


async def test_what_is_not_there_takes_no_place(log: EventLog, batch: MakeBatch) -> None:
    await log.append("p", [batch("k", 1, 1)], now=1)

    with pytest.raises(NoSuchProject):
        await log.adopt(staged_id(), "p", replace=True)

    assert len(await events(log)) == 1


@pytest.mark.parametrize("replace", [False, True])
async def test_appends_beside_it_are_wholly_before_it_or_wholly_after_it(
    engine: Engine, log: EventLog, batch: MakeBatch, replace: bool
) -> None:
    """Two servers: one emits all the time, the other adopts. What was acknowledged in the last epoch is there."""
    other = await engine.peer(log)
    acknowledged: list[tuple[str, bytes]] = []
    adopted = asyncio.Event()

    async def emit() -> None:
        number = 0
        while not adopted.is_set() or number % 10:
            commit = await other.append("p", [batch(None, number, number)], now=1)
            acknowledged.extend((commit.epoch, event) for event in commit.events)
            number += 1

    for _ in range(5):
        await log.delete("p")
        # The other has it open, so that it needs nothing but its turn to write.
        await other.set_attributes("p", {"title": "empty"})
        acknowledged.clear()
        adopted.clear()
        staged = await made(log, batch)
        emitting = asyncio.ensure_future(emit())
        head = await log.adopt(staged, "p", replace=replace)
        adopted.set()
        await emitting
        await log.delete(staged)
        now = await log.head("p")
        assert now is not None
        assert head is None or head.epoch == now.epoch
        first = 0 if head is None else 2
        stored = await log.read("p", 0, limit=9999)
        assert stored[first:] == [event for epoch, event in acknowledged if epoch == now.epoch]
        if not replace:
            assert {epoch for epoch, _ in acknowledged} <= {now.epoch}
