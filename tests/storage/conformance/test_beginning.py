"""A log that begins later than at its first event, as if what came before had been trimmed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from tasktree_jupyter.storage.log import Batch, EventLog, Head, StorageError, StoredFold, Trimmed

if TYPE_CHECKING:
    from tests.storage.conftest import Engine, Heads

MakeBatch = Callable[..., Batch]
BASE = StoredFold(40, 800, b"what came before", 2)


async def test_it_goes_on_after_its_base(log: EventLog, engine: Engine, batch: MakeBatch) -> None:
    await log.begin("p", BASE, now=5)

    head = await log.head("p")
    assert head == Head(head.epoch if head else "", 40, 40, 800)
    commit = await log.append("p", [batch("a", 1, 2)], now=7)
    assert (commit.first_offset, commit.last_offset, commit.at) == (41, 42, 800)
    other = await engine.peer(log)
    assert await other.read("p", 40, limit=9) == commit.events
    with pytest.raises(Trimmed):
        await log.read("p", 0, limit=9)
    assert await log.fold_below("p", None) == BASE
    assert await log.at_of("p", 40) == 800


async def test_a_project_that_is_there_is_left_alone(log: EventLog, batch: MakeBatch) -> None:
    await log.append("p", [batch("a", 1, 2)], now=7)
    await log.set_attributes("q", {"title": "Q"})

    for project_id in ("p", "q"):
        with pytest.raises(StorageError, match="there is a project"):
            await log.begin(project_id, BASE, now=9)

    assert len(await log.read("p", 0, limit=9)) == 2


async def test_followers_are_told(log: EventLog, heads: Callable[[], Heads]) -> None:
    heard = heads()
    log.follow("p", heard)
    await log.begin("p", BASE, now=5)
    await heard.until(lambda head: head is not None and head.offset == 40)
