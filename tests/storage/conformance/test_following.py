"""What every engine promises about following: every move is told, whoever made it, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from tasktree_jupyter.storage.log import Batch, EventLog, Head

if TYPE_CHECKING:
    from tests.storage.conftest import Engine, Heads

MakeBatch = Callable[..., Batch]
MakeHeads = Callable[[], "Heads"]


def at_offset(offset: int) -> Callable[[Head | None], bool]:
    return lambda head: head is not None and head.offset == offset


def gone(head: Head | None) -> bool:
    return head is None


async def test_an_own_append_is_told(log: EventLog, batch: MakeBatch, heads: MakeHeads) -> None:
    heard = heads()
    log.follow("p", heard)

    commit = await log.append("p", [batch("a", 1, 3)], now=7)

    assert await heard.until(at_offset(3)) == Head(commit.epoch, 0, 3, 7)


async def test_an_append_by_another_server_is_told(
    engine: Engine, log: EventLog, batch: MakeBatch, heads: MakeHeads
) -> None:
    other = await engine.peer(log)
    await log.append("p", [batch("a", 1, 1)], now=7)
    heard = heads()
    log.follow("p", heard)
    await heard.until(at_offset(1))

    for seq in range(1, 6):
        commit = await other.append("p", [batch("b", seq, seq)], now=8)
        assert await heard.until(at_offset(seq + 1)) == Head(commit.epoch, 0, seq + 1, 8)


async def test_a_project_that_another_server_makes_is_told(
    engine: Engine, log: EventLog, batch: MakeBatch, heads: MakeHeads
) -> None:
    other = await engine.peer(log)
    heard = heads()
    log.follow("p", heard)

    await other.append("p", [batch("a", 1, 2)], now=7)

    await heard.until(at_offset(2))
    assert None not in heard.all


async def test_the_head_as_it_is_is_told_soon_after_following(
    log: EventLog, batch: MakeBatch, heads: MakeHeads
) -> None:
    await log.append("p", [batch("a", 1, 2)], now=7)
    first, second = heads(), heads()

    log.follow("p", first)
    await first.until(at_offset(2))
    log.follow("p", second)
    await second.until(at_offset(2))

    assert len(first.all) == len(second.all) == 1


async def test_heads_only_go_on_and_none_is_told_twice(
    engine: Engine, log: EventLog, batch: MakeBatch, heads: MakeHeads
) -> None:
    other = await engine.peer(log)
    heard = heads()
    log.follow("p", heard)

    async def emit(into: EventLog, source: str) -> None:
        for seq in range(1, 101):
            await into.append("p", [batch(source, seq, seq)], now=7)

    await asyncio.gather(emit(log, "a"), emit(other, "b"))
    await heard.until(at_offset(200))

    offsets = [head.offset for head in heard.all if head is not None]
    assert offsets == sorted(set(offsets))


async def test_whoever_appends_hears_the_commit_from_append_first(
    log: EventLog, batch: MakeBatch, heads: MakeHeads
) -> None:
    order: list[str] = []
    heard = heads()

    def on_head(head: Head | None) -> None:
        order.append("told")
        heard(head)

    log.follow("p", on_head)

    await log.append("p", [batch("a", 1, 1)], now=7)
    order.append("returned")
    await heard.until(at_offset(1))

    assert order == ["returned", "told"]


async def test_deleting_is_told_as_none_and_making_again_as_another_epoch(
    engine: Engine, log: EventLog, batch: MakeBatch, heads: MakeHeads
) -> None:
    other = await engine.peer(log)
    before = await log.append("p", [batch("a", 1, 1)], now=7)
    near, far = heads(), heads()
    log.follow("p", near)
    other.follow("p", far)
    await near.until(at_offset(1))
    await far.until(at_offset(1))

    await other.delete("p")
    await near.until(gone)
    await far.until(gone)

    after = await log.append("p", [batch("a", 1, 2)], now=7)
    assert await near.until(at_offset(2)) == await far.until(at_offset(2)) == Head(after.epoch, 0, 2, 7)
    assert after.epoch != before.epoch


async def test_trimming_is_told(log: EventLog, batch: MakeBatch, heads: MakeHeads) -> None:
    await log.append("p", [batch("a", 1, 4)], now=7)
    heard = heads()
    log.follow("p", heard)
    await heard.until(at_offset(4))

    await log.trim("p", 2)

    await heard.until(lambda head: head is not None and head.trimmed == 2)


async def test_attributes_pins_and_folds_move_no_head(log: EventLog, batch: MakeBatch, heads: MakeHeads) -> None:
    await log.append("p", [batch("a", 1, 1)], now=7)
    heard = heads()
    log.follow("p", heard)
    await heard.until(at_offset(1))

    await log.set_attributes("p", {"title": "x"})
    await log.pin("p", 1, "here")
    await log.append("p", [batch("a", 1, 1)], now=8)
    await log.append("p", [batch("a", 2, 2)], now=8)
    await heard.until(at_offset(2))

    assert len(heard.all) == 2


async def test_after_stopping_nothing_is_told_and_the_others_go_on(
    engine: Engine, log: EventLog, batch: MakeBatch, heads: MakeHeads
) -> None:
    other = await engine.peer(log)
    stopped, going = heads(), heads()
    stop = log.follow("p", stopped)
    log.follow("p", going)
    await log.append("p", [batch("a", 1, 1)], now=7)
    await going.until(at_offset(1))
    heard = len(stopped.all)

    stop()
    stop()
    await other.append("p", [batch("a", 2, 2)], now=7)
    await going.until(at_offset(2))

    assert len(stopped.all) == heard


async def test_a_follower_that_raises_harms_no_other(log: EventLog, batch: MakeBatch, heads: MakeHeads) -> None:
    def broken(head: Head | None) -> None:
        raise RuntimeError("not my day")

    heard = heads()
    log.follow("p", broken)
    log.follow("p", heard)

    await log.append("p", [batch("a", 1, 1)], now=7)

    await heard.until(at_offset(1))


async def test_only_the_followed_project_is_told(log: EventLog, batch: MakeBatch, heads: MakeHeads) -> None:
    heard = heads()
    log.follow("p", heard)

    await log.append("q", [batch("a", 1, 9)], now=7)
    await log.append("p", [batch("a", 1, 1)], now=7)
    await heard.until(at_offset(1))

    assert [head.offset for head in heard.all if head is not None] == [1]
