"""What every engine promises about appending: order, time, bytes, and what acknowledged means."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
import pytest

from tasktree_jupyter.storage.log import Batch, EventLog, NewEvent, StorageError

if TYPE_CHECKING:
    from tests.storage.conftest import Engine

MakeBatch = Callable[..., Batch]


async def test_offsets_are_1_2_3_without_gaps_over_batches_appends_and_sources(log: EventLog, batch: MakeBatch) -> None:
    await log.append("p", [batch("a", 1, 3), batch("b", 1, 2)], now=10)
    await log.append("p", [batch(None, 1, 4)], now=20)
    await log.append("p", [batch("a", 4, 4)], now=30)

    events = [msgspec.json.decode(event) for event in await log.read("p", 0, limit=100)]

    assert [event["offset"] for event in events] == list(range(1, 11))
    assert [event.get("source") for event in events] == ["a"] * 3 + ["b"] * 2 + [None] * 4 + ["a"]


async def test_the_commit_tells_offsets_at_epoch_and_the_wire_bytes(log: EventLog, batch: MakeBatch) -> None:
    await log.append("p", [batch("a", 1, 2)], now=10)

    commit = await log.append("p", [batch("a", 3, 4), batch("b", 1, 1)], now=20)

    head = await log.head("p")
    assert head is not None
    assert (commit.project_id, commit.epoch, commit.first_offset, commit.last_offset, commit.at) == (
        "p", head.epoch, 3, 5, 20,
    )  # fmt: skip
    assert commit.events == await log.read("p", 2, limit=10)
    assert [(one.first_offset, one.last_offset, one.upto) for one in commit.results] == [(3, 4, 4), (5, 5, 1)]


async def test_a_commit_of_nothing_new_has_no_events_and_names_the_head(log: EventLog, batch: MakeBatch) -> None:
    await log.append("p", [batch("a", 1, 2)], now=10)

    commit = await log.append("p", [batch("a", 1, 2)], now=20)

    assert (commit.first_offset, commit.last_offset, commit.at, commit.events) == (3, 2, 10, [])
    assert (commit.results[0].first_offset, commit.results[0].last_offset) == (None, None)


async def test_the_first_append_makes_the_project_even_if_it_stores_nothing(log: EventLog, batch: MakeBatch) -> None:
    commit = await log.append("p", [batch("a", 1, 2, rejected=(1, 2))], now=10)

    head = await log.head("p")
    assert head is not None
    assert (head.epoch, head.offset, head.at, head.trimmed) == (commit.epoch, 0, 0, 0)
    assert (commit.first_offset, commit.last_offset, commit.at) == (1, 0, 0)


async def test_at_never_decreases_even_when_the_clock_goes_back(log: EventLog, batch: MakeBatch) -> None:
    ats = [
        (await log.append("p", [batch("a", seq, seq)], now=now)).at for seq, now in enumerate([50, 40, 60, 1, 70], 1)
    ]

    assert ats == [50, 50, 60, 60, 70]
    stored = [msgspec.json.decode(event)["at"] for event in await log.read("p", 0, limit=10)]
    assert stored == ats


async def test_at_never_decreases_over_a_restart_of_the_server(engine: Engine, batch: MakeBatch) -> None:
    log = await engine.open()
    await log.append("p", [batch("a", 1, 1)], now=50)
    if engine.kind != "memory":
        await log.close()
    log = await engine.peer(log)

    commit = await log.append("p", [batch("a", 2, 2)], now=40)

    assert commit.at == 50
    assert commit.first_offset == 2


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"x"',
        b'{ "type" : "x" ,\n "data" : {"a":1,\n"b":[1,\n2]}',
        '{"type":"x","t":"früh 早 \\ud83d\\udc12"'.encode(),
        b'{"type":"x","t":"\\",\\n\\"offset\\":7,\\"at\\":8}"',
        b'{"type":"x","n":1.0e5,"big":' + b"9" * 30,
        b'{"type":"x","t":"' + b"a" * 300_000 + b'"',
    ],
    ids=["plain", "broken lines", "not ascii", "looks like an end", "odd numbers", "large"],
)
async def test_bytes_are_handed_back_exactly(engine: Engine, body: bytes) -> None:
    log = await engine.open()
    small = b'{"type":"y"'
    events = [NewEvent(1, small), NewEvent(2, body), NewEvent(3, body), NewEvent(4, small)]
    wire = [event.body + b',"offset":%d,"at":9}' % (i + 1) for i, event in enumerate(events)]

    commit = await log.append("p", [Batch("a", 1, 4, events)], now=9)

    assert commit.events == wire
    reader = await engine.peer(log)
    assert await reader.read("p", 0, limit=10) == wire
    assert await reader.read("p", 1, limit=2) == wire[1:3]


async def test_many_large_events_in_one_append_come_back_whole(log: EventLog) -> None:
    events = [NewEvent(seq, b'{"n":%d,"t":"%b"' % (seq, b"x" * (seq % 700))) for seq in range(1, 3001)]

    commit = await log.append("p", [Batch("a", 1, 3000, events)], now=9)

    assert (commit.first_offset, commit.last_offset, len(commit.events)) == (1, 3000, 3000)
    assert await log.read("p", 0, limit=5000) == commit.events
    assert await log.read("p", 1498, limit=3) == commit.events[1498:1501]


async def test_appends_side_by_side_keep_the_order_of_each_source(log: EventLog, batch: MakeBatch) -> None:
    async def emit(source: str) -> None:
        for seq in range(1, 41):
            await log.append("p", [batch(source, seq, seq)], now=seq)

    await asyncio.gather(*(emit(f"s{i}") for i in range(8)))

    events = [msgspec.json.decode(event) for event in await log.read("p", 0, limit=1000)]
    assert [event["offset"] for event in events] == list(range(1, 321))
    for i in range(8):
        assert [event["seq"] for event in events if event["source"] == f"s{i}"] == list(range(1, 41))


async def test_appends_that_wait_together_are_told_apart(log: EventLog, batch: MakeBatch) -> None:
    commits = await asyncio.gather(
        *(log.append("p", [batch("a", seq, seq), batch(f"other{seq}", 1, 1)], now=100 - seq) for seq in range(1, 31))
    )

    for seq, commit in enumerate(commits, 1):
        assert (commit.first_offset, commit.last_offset) == (2 * seq - 1, 2 * seq)
        assert [msgspec.json.decode(event)["offset"] for event in commit.events] == [2 * seq - 1, 2 * seq]
        assert commit.results[0].upto == seq


async def test_cancelling_the_caller_does_not_take_the_append_back(log: EventLog, batch: MakeBatch) -> None:
    task = asyncio.ensure_future(log.append("p", [batch("a", 1, 2)], now=1))
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    commit = await log.append("p", [batch("a", 3, 3)], now=2)

    assert (commit.results[0].seq_gap_expected, commit.first_offset) == (None, 3)


@pytest.mark.parametrize(
    "wrong",
    [
        Batch("a", None, 1, [NewEvent(1, b"{")]),
        Batch("a", 0, 1, []),
        Batch("a", 5, 3, []),
        Batch("a", 1, 2, [NewEvent(3, b"{")]),
        Batch("a", 1, 2, [NewEvent(2, b"{"), NewEvent(1, b"{")]),
        Batch("a", 1, 2, [NewEvent(None, b"{")]),
        Batch("a", 5, 5, [NewEvent(5, b"{")], 2, None),
    ],
)
async def test_a_batch_that_contradicts_itself_is_refused_and_nothing_is_stored(
    log: EventLog, batch: MakeBatch, wrong: Batch
) -> None:
    with pytest.raises(ValueError, match=r"batch|seq"):
        await log.append("p", [batch("b", 1, 1), wrong], now=1)

    assert await log.head("p") is None


async def test_a_closed_log_refuses_everything_and_closing_twice_is_allowed(engine: Engine, batch: MakeBatch) -> None:
    log = await engine.open()
    await log.append("p", [batch("a", 1, 1)], now=1)
    await log.close()
    await log.close()

    with pytest.raises(StorageError):
        await log.append("p", [batch("a", 2, 2)], now=1)
    with pytest.raises(StorageError):
        await log.head("p")
    with pytest.raises(StorageError):
        await log.projects()
    with pytest.raises(StorageError):
        log.follow("p", lambda head: None)


async def test_what_was_submitted_before_closing_is_finished(engine: Engine, batch: MakeBatch) -> None:
    log = await engine.open()
    appends = [asyncio.ensure_future(log.append("p", [batch("a", seq, seq)], now=1)) for seq in range(1, 21)]
    await asyncio.sleep(0)

    await log.close()

    async with asyncio.timeout(10):
        assert [(await append).last_offset for append in appends] == list(range(1, 21))


async def test_an_engine_names_itself_its_mode_and_its_promise(engine: Engine) -> None:
    log = await engine.open()

    assert log.engine == engine.kind.partition("-")[0]
    assert log.mode == engine.kind.rpartition("-")[2]
    assert log.promise.startswith("Acknowledged means ")
