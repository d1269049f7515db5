"""Noticing what others do: in the right order, and for more projects than files may be held open for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tasktree_jupyter.storage import sqlite_watch
from tasktree_jupyter.storage.log import Batch, Head
from tasktree_jupyter.storage.sqlite import SqliteLog

if TYPE_CHECKING:
    import pytest

    from tests.storage.conftest import Heads


def test_a_head_read_before_a_commit_of_ours_is_not_told_after_it() -> None:
    turns, told = sqlite_watch.Turns(), list[str]()
    before = turns.seen("p")
    assert before is not None

    turns.begin("p")
    assert turns.seen("p") is None
    assert not turns.tell("p", before, lambda: told.append("stale"))
    turns.end("p", lambda: told.append("ours"))
    assert not turns.tell("p", before, lambda: told.append("stale"))
    after = turns.seen("p")
    assert after is not None
    assert turns.tell("p", after, lambda: told.append("foreign"))

    assert told == ["ours", "foreign"]


def at_offset(offset: int) -> Callable[[Head | None], bool]:
    return lambda head: head is not None and head.offset == offset


async def test_quiet_projects_are_followed_too(
    tmp_path: Path, batch: Callable[..., Batch], heads: Callable[[], Heads], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_watch, "_MOST_OPEN", 4)
    log, other = SqliteLog(tmp_path), SqliteLog(tmp_path)
    await log.start()
    await other.start()
    names = [f"p{i}" for i in range(20)]
    heard = {name: heads() for name in names}
    for name in names:
        await other.append(name, [batch("a", 1, 1)], now=1)
        log.follow(name, heard[name])

    for offset in range(2, 6):
        for name in names:
            await heard[name].until(at_offset(offset - 1))
        await asyncio.gather(*(other.append(name, [batch("a", offset, offset)], now=1) for name in names))
    await other.delete("p7")
    await heard["p7"].until(lambda head: head is None)
    for name in names:
        if name != "p7":
            await heard[name].until(at_offset(5))

    await log.close()
    await other.close()


async def test_a_project_made_here_and_deleted_elsewhere_between_two_looks_is_told_as_gone(
    tmp_path: Path, batch: Callable[..., Batch], heads: Callable[[], Heads]
) -> None:
    log, other = SqliteLog(tmp_path, poll=0.2), SqliteLog(tmp_path)
    await log.start()
    await other.start()
    heard = heads()
    log.follow("p", heard)
    await log.append("p", [batch("a", 1, 1)], now=1)
    await heard.until(at_offset(1))

    await other.delete("p")

    await heard.until(lambda head: head is None)
    await log.close()
    await other.close()
