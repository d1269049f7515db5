"""What this server knows of sources holds beside what it reads of them, whenever that was begun."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from tasktree_jupyter.server.processes import Process
from tasktree_jupyter.server.sources import MAX_ENDED, Ending, Source, Sources
from tasktree_jupyter.storage.log import Batch, Head, NewEvent
from tasktree_jupyter.storage.memory import MemoryLog

ENDING = Ending("failed", "process_died", "its process is gone")


class HeldLog(MemoryLog):
    """A log in which one operation waits before it does anything."""

    def __init__(self, operation: str) -> None:
        super().__init__()
        self.operation: str | None = operation
        self.begun, self.free = asyncio.Event(), asyncio.Event()

    async def _hold(self, operation: str) -> None:
        if operation == self.operation:
            self.operation = None
            self.begun.set()
            await self.free.wait()

    async def head(self, project_id: str) -> Head | None:
        await self._hold("head")
        return await super().head(project_id)

    async def set_attributes(self, project_id: str, patch: Mapping[str, Any]) -> None:
        await self._hold("set_attributes")
        await super().set_attributes(project_id, patch)


async def one_source(sources: Sources, log: MemoryLog) -> Source:
    await log.append("p", [Batch(None, None, None, [NewEvent(None, b"{}")])], now=1)
    source = await sources.new("p", "k", Process(pid=7))
    assert source is not None
    await sources._store(source)
    return source


@pytest.mark.parametrize("operation", ["head", "set_attributes"])
async def test_an_ending_that_is_being_stored_is_not_undone_by_who_reads_meanwhile(operation: str) -> None:
    log = HeldLog("nothing")
    await log.start()
    sources = Sources(log, logging.getLogger("test"), 100)
    source = await one_source(sources, log)

    log.operation = operation
    ending = asyncio.create_task(sources.ended(source, ENDING))
    await log.begun.wait()
    (read,) = await sources.of("p")
    assert read.record.ending == ENDING
    log.free.set()
    await ending
    (again,) = await sources.of("p")
    assert again.record.ending == ENDING


async def test_of_many_that_die_at_once_none_is_forgotten_before_its_tasks_are_ended() -> None:
    log = MemoryLog()
    await log.start()
    sources = Sources(log, logging.getLogger("test"), 1000)
    await log.append("p", [Batch(None, None, None, [NewEvent(None, b"{}")])], now=1)
    dead = [await sources.new("p", f"k{number}", Process(pid=7)) for number in range(2 * MAX_ENDED)]

    for source in dead:
        assert source is not None
        await sources.ended(source, ENDING)
    at_the_next_start = Sources(log, logging.getLogger("test"), 1000)
    assert len(await at_the_next_start.of("p")) == len(dead)

    for source in dead:
        assert source is not None
        await sources.ended(source, msgspec.structs.replace(ENDING, done=True))
    assert [source.id for source in await sources.of("p")] == [f"k{number}" for number in range(64, 128)]
