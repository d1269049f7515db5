"""Whose the open tasks are is known for as long as they are open: also when the events that told it are gone."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tasktree_jupyter.server import owners as owners_of
from tasktree_jupyter.server.importing import Importer, export_lines
from tasktree_jupyter.server.intake import now_us
from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.manager import WebSocketManager
from tasktree_jupyter.server.owners import KEPT, Owners
from tasktree_jupyter.server.publication import Published, parse_publication
from tasktree_jupyter.server.retention import Retention
from tasktree_jupyter.storage.log import EventLog
from tasktree_jupyter.storage.memory import MemoryLog
from tests.server.clients import update
from tests.server.emitters import Line, gone_pid, me
from tests.server.test_stale import until

LIMITS = Limits(retain_events=20, source_silence=0.05)


@asynccontextmanager
async def server(log: EventLog | None = None) -> AsyncIterator[WebSocketManager]:
    """A server's inside that looks who is there when it is asked to."""
    if log is None:
        log = MemoryLog()
        await log.start()
    manager = WebSocketManager(log, LIMITS, logging.getLogger("test"))
    try:
        await manager.presence.sources.load()
        yield manager
    finally:
        await manager.stop()


class Emitter:
    """A source on a connection of its own."""

    def __init__(self, manager: WebSocketManager, source: str, **described: Any) -> None:
        self.manager, self.source, self.described = manager, source, described or me(pid=gone_pid())
        self.line, self.seq = Line(), 0

    async def emit(self, *events: dict[str, Any]) -> None:
        if not self.seq:
            await self.manager.presence.here(self.line, "p", self.source, self.described)
        frame = {"project_id": "p", "source": self.source, "seq": self.seq + 1, "events": list(events)}
        publication = parse_publication(frame, limits=LIMITS, now=now_us(), careful=False, size=0)
        outcome = await self.manager.publish_and_wait(publication)
        assert isinstance(outcome, Published)
        assert not outcome.rejected
        self.seq += len(events)

    async def works_for_long(self) -> None:
        """More events than are kept, all of them of the same run."""
        for number in range(self.seq, self.seq + 20):
            name = f"{self.source}-{number}"
            await self.emit(
                update(name, title=name, parent_id=f"{self.source}-run", status="running"),
                update(name, status="completed"),
            )

    def leaves_without_a_word(self) -> None:
        self.manager.presence.disconnected(self.line)


async def trimmed(manager: WebSocketManager) -> int:
    """Let go of what is old; return up to where."""
    await Retention(manager, logging.getLogger("test")).sweep()
    head = await manager.log.head("p")
    assert head is not None
    return head.trimmed


async def exported(manager: WebSocketManager) -> bytes:
    head = await manager.log.head("p")
    assert head is not None
    return b"".join([lines async for lines in export_lines(manager.log, "p", head)])


async def imported(manager: WebSocketManager, body: bytes) -> None:
    """Put an export in the place of what is there."""
    importer = Importer(manager.log, "p", LIMITS, replace=True)
    await importer.begin()
    await importer.feed(body)
    await importer.finish()
    manager.imported("p", replaced=True)


async def stale_in(manager: WebSocketManager) -> dict[str, int]:
    """How many tasks of which sources are stale."""
    await manager.presence.look()
    return {each["source"]: each["stale"] for each in await manager.presence.silence.of("p") if each["stale"]}


async def status_of(manager: WebSocketManager, node_id: str) -> str:
    """As it is after another look."""
    await manager.presence.look()
    async with manager.rooms.hold("p") as room:
        await room.refresh()
        return (await room.settled()).status_of(node_id)


@pytest.mark.parametrize("times", [1, 2])
async def test_what_a_dead_source_began_before_the_boundary_is_ended(
    monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    monkeypatch.setattr("tasktree_jupyter.server.retention.SOON_ENOUGH", 0.0)
    async with server() as manager:
        dead, living = Emitter(manager, "k1"), Emitter(manager, "k2", **me())
        for each in (dead, living):
            await each.emit(update(f"{each.source}-run", title="Run", status="running"))
        for _ in range(times):
            before = await trimmed(manager)
            await dead.works_for_long()
            assert await trimmed(manager) > before >= 0
        dead.leaves_without_a_word()

        await until(lambda: status_of(manager, "k1-run"), "failed")

        assert await status_of(manager, "k2-run") == "running"


async def test_it_is_so_on_a_server_that_starts_after_they_were_let_go() -> None:
    async with server() as manager:
        dead = Emitter(manager, "k1")
        await dead.emit(update("k1-run", title="Run", status="running"))
        await dead.works_for_long()
        await trimmed(manager)
    async with server(manager.log) as manager:
        await until(lambda: status_of(manager, "k1-run"), "failed")


async def test_what_a_silent_source_began_before_the_boundary_is_stale() -> None:
    async with server() as manager:
        silent = Emitter(manager, "k1", **me(host="elsewhere"))
        await silent.emit(update("k1-run", title="Run", status="running"), update("waits", title="W", status="ready"))
        await silent.works_for_long()
        assert await trimmed(manager)
        silent.leaves_without_a_word()

        await until(lambda: stale_in(manager), {"k1": 2})
        assert await status_of(manager, "k1-run") == "running"


async def test_who_had_read_less_than_was_let_go_misses_nothing() -> None:
    async with server() as manager:
        source = Emitter(manager, "k1")
        await source.emit(update("first", title="First", status="running"))
        owners = Owners(manager.log, "p")
        await owners.read(await manager.log.head("p"), 0)  # type: ignore[arg-type]
        await source.emit(update("k1-run", title="Run", status="running"))
        await source.works_for_long()
        assert await trimmed(manager) > 2

        await owners.read(await manager.log.head("p"), 0)  # type: ignore[arg-type]

        async with manager.rooms.hold("p") as room:
            tasks = owners.open_tasks(await room.settled(), frozenset({"k1"}))
        assert tasks == {"k1": ["first", "k1-run"]}


async def test_only_what_is_open_is_kept_and_not_more_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners_of, "MAX_KEPT", 3)
    async with server() as manager:
        source = Emitter(manager, "k1")
        await source.emit(*(update(f"waits{n}", title="W", status="ready") for n in range(3)))
        await source.emit(update("k1-run", title="Run", status="running"), update("gone", title="G", status="running"))
        await source.emit({"type": "node_update", "data": {"node_id": "gone", "changes": None}})
        await source.works_for_long()
        boundary = await trimmed(manager)
        kept = (await manager.log.attributes("p"))[KEPT]
        assert kept["offset"] == boundary
        assert kept["sources"]["k1"]["tasks"] == ["k1-run", "waits0", "waits1"]

        await source.emit(*(update(f"waits{n}", status="cancelled") for n in range(3)))
        await source.emit(update("k1-run", status="completed"))
        await source.works_for_long()
        monkeypatch.setattr("tasktree_jupyter.server.retention.SOON_ENOUGH", 0.0)
        assert await trimmed(manager) > boundary
        assert KEPT not in await manager.log.attributes("p")


async def test_what_a_restored_backup_has_open_of_a_dead_source_is_ended_again() -> None:
    async with server() as manager:
        dead = Emitter(manager, "k1")
        await dead.emit(update("k1-run", title="Run", status="running"))
        backup = await exported(manager)
        dead.leaves_without_a_word()
        await until(lambda: status_of(manager, "k1-run"), "failed")

        await imported(manager, backup)
        assert await status_of(manager, "k1-run") == "running"

        await until(lambda: status_of(manager, "k1-run"), "failed")


async def test_who_goes_on_under_a_restored_backup_lives_and_is_seen_to_die() -> None:
    async with server() as manager:
        living = Emitter(manager, "k1")
        await living.emit(update("k1-run", title="Run", status="running"))
        (source,) = manager.presence.sources
        await imported(manager, await exported(manager))

        def is_the_restored_ones() -> bool:
            return manager.presence.sources.find("p", "k1") not in (None, source)

        await until(is_the_restored_ones, True)
        assert await stale_in(manager) == {}
        assert await status_of(manager, "k1-run") == "running"

        living.leaves_without_a_word()
        await until(lambda: status_of(manager, "k1-run"), "failed")


@pytest.mark.parametrize("trim", [False, True])
async def test_what_is_open_in_an_import_is_stale_where_nobody_knows_whose_it_is(trim: bool) -> None:
    async with server() as manager:
        for source in ("k1", "k2"):
            emitter = Emitter(manager, source)
            await emitter.emit(update(f"{source}-run", title="Run", status="running"))
            await emitter.works_for_long()
        await emitter.emit(update("k2-run", status="completed"), update("k2-run", message="all is well"))
        if trim:
            assert await trimmed(manager) > 42
        body = await exported(manager)
    async with server() as manager:
        await imported(manager, body)
        await until(lambda: stale_in(manager), {"k1": 1})

        async def sources() -> list[str]:
            return [source.id for source in await manager.presence.sources.of("p")]

        await until(sources, ["k1"])
    async with server(manager.log) as after_a_restart:
        await until(lambda: stale_in(after_a_restart), {"k1": 1})
