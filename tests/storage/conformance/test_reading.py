"""What every engine promises about reading: pages, bounds, times, and what is gone."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from tasktree_jupyter.storage.log import Batch, EventLog, NoSuchProject, Trimmed

MakeBatch = Callable[..., Batch]


def offsets(events: list[bytes]) -> list[int]:
    return [msgspec.json.decode(event)["offset"] for event in events]


async def filled(log: EventLog, batch: MakeBatch) -> None:
    """40 events in commits of 1 … 8, the n-th commit at 100 n, with two commits at 300."""
    first = 1
    for n, (size, now) in enumerate([(1, 100), (2, 200), (3, 300), (4, 250), (5, 500), (8, 600), (8, 700), (9, 800)]):
        commit = await log.append("p", [batch("a", first, first + size - 1)], now=now)
        assert commit.at == max(now, 300 if n == 3 else 0)
        first += size


async def test_pages_follow_on_without_gaps_or_overlaps(log: EventLog, batch: MakeBatch) -> None:
    await filled(log, batch)

    for limit in (1, 3, 7, 39, 40, 100):
        found: list[int] = []
        while page := await log.read("p", found[-1] if found else 0, limit=limit):
            assert len(page) == min(limit, 40 - len(found))
            found += offsets(page)
        assert found == list(range(1, 41))


async def test_until_is_the_last_offset_given(log: EventLog, batch: MakeBatch) -> None:
    await filled(log, batch)

    assert offsets(await log.read("p", 2, limit=100, until=5)) == [3, 4, 5]
    assert offsets(await log.read("p", 2, limit=2, until=5)) == [3, 4]
    assert offsets(await log.read("p", 35, limit=100, until=1000)) == [36, 37, 38, 39, 40]
    assert await log.read("p", 5, limit=100, until=5) == []
    assert await log.read("p", 9, limit=100, until=5) == []


async def test_a_page_has_no_more_bytes_than_asked_for_but_always_an_event(log: EventLog, batch: MakeBatch) -> None:
    await filled(log, batch)
    whole = await log.read("p", 0, limit=100)
    sizes = list(map(len, whole))

    assert await log.read("p", 0, limit=100, max_bytes=sum(sizes)) == whole
    assert await log.read("p", 0, limit=100, max_bytes=sum(sizes) - 1) == whole[:-1]
    assert await log.read("p", 4, limit=100, max_bytes=sum(sizes[4:17])) == whole[4:17]
    assert await log.read("p", 4, limit=2, max_bytes=sum(sizes)) == whole[4:6]
    assert await log.read("p", 9, limit=100, until=12, max_bytes=sum(sizes)) == whole[9:12]
    assert await log.read("p", 4, limit=100, max_bytes=1) == whole[4:5]
    assert await log.read("p", 40, limit=100, max_bytes=1) == []


async def test_after_the_head_there_is_nothing(log: EventLog, batch: MakeBatch) -> None:
    await filled(log, batch)

    assert await log.read("p", 40, limit=10) == []
    assert await log.read("p", 4000, limit=10) == []
    assert await log.read("p", 0, limit=0) == []


async def test_the_head_is_the_last_offset_and_its_at(log: EventLog, batch: MakeBatch) -> None:
    assert await log.head("p") is None
    await filled(log, batch)

    head = await log.head("p")

    assert head is not None
    assert (head.trimmed, head.offset, head.at) == (0, 40, 800)


async def test_reading_never_makes_a_project(log: EventLog) -> None:
    with pytest.raises(NoSuchProject):
        await log.read("p", 0, limit=1)
    with pytest.raises(NoSuchProject):
        await log.offset_at("p", 1)
    assert await log.at_of("p", 1) is None
    assert await log.head("p") is None
    assert await log.projects() == []


async def test_at_of_every_offset_is_what_its_event_says(log: EventLog, batch: MakeBatch) -> None:
    await filled(log, batch)

    said = [msgspec.json.decode(event)["at"] for event in await log.read("p", 0, limit=100)]

    assert [await log.at_of("p", offset) for offset in range(1, 41)] == said
    assert await log.at_of("p", 0) == 0
    assert await log.at_of("p", 41) is None


async def test_offset_at_a_time_is_the_last_event_known_then(log: EventLog, batch: MakeBatch) -> None:
    await filled(log, batch)

    told = [await log.offset_at("p", at) for at in (0, 99, 100, 199, 200, 299, 300, 499, 500, 800, 10**16)]

    assert told == [0, 0, 1, 1, 3, 3, 10, 10, 15, 40, 40]


async def test_trimmed_events_are_gone_and_said_to_be(log: EventLog, batch: MakeBatch) -> None:
    await filled(log, batch)
    before = await log.head("p")

    await log.trim("p", 12)

    head = await log.head("p")
    assert head is not None
    assert before is not None
    assert (head.trimmed, head.offset, head.at, head.epoch) == (12, 40, 800, before.epoch)
    with pytest.raises(Trimmed) as told:
        await log.read("p", 11, limit=5)
    assert told.value.trimmed == 12
    assert offsets(await log.read("p", 12, limit=5)) == [13, 14, 15, 16, 17]


async def test_at_the_boundary_the_time_is_still_known_below_it_no_more(log: EventLog, batch: MakeBatch) -> None:
    await filled(log, batch)

    await log.trim("p", 12)

    assert await log.at_of("p", 11) is None
    assert await log.at_of("p", 0) is None
    assert await log.at_of("p", 12) == 500
    assert await log.at_of("p", 13) == 500
    assert await log.offset_at("p", 300) == 12
    assert await log.offset_at("p", 600) == 23


async def test_a_log_that_is_trimmed_whole_goes_on_where_it_was(log: EventLog, batch: MakeBatch) -> None:
    await filled(log, batch)

    await log.trim("p", 10**9)

    head = await log.head("p")
    assert head is not None
    assert (head.trimmed, head.offset, head.at) == (40, 40, 800)
    assert await log.read("p", 40, limit=5) == []
    commit = await log.append("p", [batch("a", 41, 41)], now=1)
    assert (commit.first_offset, commit.at) == (41, 800)


async def test_trimming_again_lower_does_nothing_and_an_absent_project_is_told(log: EventLog, batch: MakeBatch) -> None:
    await filled(log, batch)
    await log.trim("p", 12)

    await log.trim("p", 5)
    await log.trim("p", 0)

    assert offsets(await log.read("p", 12, limit=1)) == [13]
    with pytest.raises(NoSuchProject):
        await log.trim("q", 1)
