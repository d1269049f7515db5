"""What every engine promises about `seq`: idempotence for ever, and no gap that nobody tells of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from tasktree_jupyter.storage.log import Batch, EventLog

if TYPE_CHECKING:
    from tests.storage.conftest import Engine

MakeBatch = Callable[..., Batch]


async def seqs(log: EventLog, project_id: str = "p") -> list[int]:
    return [msgspec.json.decode(event).get("seq") for event in await log.read(project_id, 0, limit=1000)]


async def test_what_is_sent_again_is_acknowledged_again_and_stored_once(log: EventLog, batch: MakeBatch) -> None:
    await log.append("p", [batch("a", 1, 5)], now=1)

    commit = await log.append("p", [batch("a", 1, 5)], now=2)

    (result,) = commit.results
    assert (result.duplicates, result.upto, result.seq_gap_expected) == (5, 5, None)
    assert await seqs(log) == [1, 2, 3, 4, 5]


async def test_of_a_batch_that_is_partly_known_only_the_rest_is_stored(log: EventLog, batch: MakeBatch) -> None:
    await log.append("p", [batch("a", 1, 3)], now=1)

    commit = await log.append("p", [batch("a", 2, 6)], now=2)

    (result,) = commit.results
    assert (result.duplicates, result.upto, result.first_offset, result.last_offset) == (2, 6, 4, 6)
    assert await seqs(log) == [1, 2, 3, 4, 5, 6]


async def test_upto_never_falls(log: EventLog, batch: MakeBatch) -> None:
    await log.append("p", [batch("a", 1, 5)], now=1)

    (result,) = (await log.append("p", [batch("a", 1, 2)], now=2)).results

    assert result.upto == 5
    assert await log.upto("p", "a") == 5


async def test_duplicates_are_known_beyond_trimming_and_restart(engine: Engine, batch: MakeBatch) -> None:
    log = await engine.open()
    await log.append("p", [batch("a", 1, 5)], now=1)
    await log.trim("p", 5)
    if engine.kind != "memory":
        await log.close()
    log = await engine.peer(log)

    commit = await log.append("p", [batch("a", 4, 6)], now=2)

    assert commit.results[0].duplicates == 2
    assert (commit.first_offset, commit.last_offset) == (6, 6)


async def test_a_gap_is_refused_with_the_expected_seq_and_uses_none(log: EventLog, batch: MakeBatch) -> None:
    await log.append("p", [batch("a", 1, 2)], now=1)

    (result,) = (await log.append("p", [batch("a", 4, 5)], now=2)).results

    assert (result.seq_gap_expected, result.upto, result.duplicates, result.first_offset) == (3, 2, 0, None)
    assert await log.upto("p", "a") == 2
    assert await seqs(log) == [1, 2]


async def test_a_new_source_must_begin_with_1(log: EventLog, batch: MakeBatch) -> None:
    (result,) = (await log.append("p", [batch("a", 2, 2)], now=1)).results

    assert (result.seq_gap_expected, result.upto) == (1, 0)


async def test_a_gap_in_one_batch_does_not_keep_the_others_out(log: EventLog, batch: MakeBatch) -> None:
    commit = await log.append("p", [batch("a", 1, 1), batch("b", 7, 7), batch("c", 1, 1), batch("a", 3, 3)], now=1)

    assert [result.seq_gap_expected for result in commit.results] == [None, 1, None, 2]
    assert [result.first_offset for result in commit.results] == [1, None, 2, None]


async def test_batches_of_one_source_in_one_append_follow_on_each_other(log: EventLog, batch: MakeBatch) -> None:
    commit = await log.append("p", [batch("a", 1, 2), batch("a", 2, 4), batch("a", 5, 5)], now=1)

    assert [(result.upto, result.duplicates) for result in commit.results] == [(2, 0), (4, 1), (5, 0)]
    assert await seqs(log) == [1, 2, 3, 4, 5]


async def test_dropped_events_are_told_of_first_and_the_gap_is_closed(log: EventLog, batch: MakeBatch) -> None:
    await log.append("p", [batch("a", 1, 2)], now=1)

    commit = await log.append("p", [batch("a", 6, 7, dropped=3)], now=2)

    (result,) = commit.results
    assert (result.seq_gap_expected, result.upto, result.duplicates) == (None, 7, 0)
    assert (result.first_offset, result.last_offset) == (3, 5)
    events = [msgspec.json.decode(event) for event in await log.read("p", 2, limit=10)]
    assert [event["type"] for event in events] == ["events_dropped", "x", "x"]
    assert [event.get("seq") for event in events] == [None, 6, 7]


async def test_dropped_events_are_told_of_once_however_often_the_batch_is_sent(log: EventLog, batch: MakeBatch) -> None:
    for _ in range(3):
        commit = await log.append("p", [batch("a", 6, 7, dropped=5)], now=1)

    assert commit.results[0].duplicates == 2
    assert len(await log.read("p", 0, limit=10)) == 3


async def test_dropped_without_a_gap_stores_nothing_of_its_own(log: EventLog, batch: MakeBatch) -> None:
    commit = await log.append("p", [batch("a", 1, 2, dropped=3)], now=1)

    assert await seqs(log) == [1, 2]
    assert commit.results[0].upto == 2


async def test_a_frame_without_events_can_tell_of_dropped_ones(log: EventLog, batch: MakeBatch) -> None:
    for _ in range(2):
        (result,) = (await log.append("p", [batch("a", 4, 3, dropped=3)], now=1)).results
        assert result.upto == 3

    assert len(await log.read("p", 0, limit=10)) == 1
    (result,) = (await log.append("p", [batch("a", 4, 4)], now=1)).results
    assert result.seq_gap_expected is None


async def test_rejected_events_use_up_their_seq(log: EventLog, batch: MakeBatch) -> None:
    (result,) = (await log.append("p", [batch("a", 1, 3, rejected=(1, 3))], now=1)).results

    assert (result.upto, result.duplicates) == (3, 0)
    assert await seqs(log) == [2]
    (result,) = (await log.append("p", [batch("a", 4, 4)], now=1)).results
    assert result.seq_gap_expected is None


async def test_a_batch_of_rejected_events_alone_uses_up_their_seqs(log: EventLog, batch: MakeBatch) -> None:
    await log.append("p", [batch("a", 1, 2, rejected=(1, 2))], now=1)

    assert await log.upto("p", "a") == 2


async def test_each_source_counts_for_itself_and_in_each_project(log: EventLog, batch: MakeBatch) -> None:
    await log.append("p", [batch("a", 1, 3), batch("b", 1, 1)], now=1)
    await log.append("q", [batch("a", 1, 1)], now=1)

    assert [await log.upto(project, source) for project, source in (("p", "a"), ("p", "b"), ("q", "a"))] == [3, 1, 1]
    assert await log.upto("p", "never") == 0
    assert await log.upto("nowhere", "a") == 0


async def test_without_a_source_nothing_is_a_duplicate(log: EventLog, batch: MakeBatch) -> None:
    for _ in range(2):
        (result,) = (await log.append("p", [batch(None, 1, 2)], now=1)).results
        assert (result.upto, result.duplicates, result.seq_gap_expected) == (None, 0, None)

    assert len(await log.read("p", 0, limit=10)) == 4


async def test_the_same_batch_sent_twice_at_once_is_stored_once(engine: Engine, batch: MakeBatch) -> None:
    log = await engine.open()
    other = await engine.peer(log)

    commits = await asyncio.gather(*(one.append("p", [batch("a", 1, 50)], now=1) for one in (log, other) * 5))

    assert sorted(commit.results[0].duplicates for commit in commits) == [0] + [50] * 9
    assert await seqs(log) == list(range(1, 51))
