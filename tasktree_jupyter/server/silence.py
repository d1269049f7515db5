"""Who is silent: of the sources that haven't ended, those that weren't heard of for too long, and what they have open.

A clock decides it, so none of it is part of the fold. Who follows a project is told which of its open tasks belong to
a silent source, and the info of every project how many.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from itertools import chain
from typing import Any, NamedTuple

from tasktree_jupyter.core.status import TaskStatus
from tasktree_jupyter.server.endings import open_tasks
from tasktree_jupyter.server.frames import json_frame
from tasktree_jupyter.server.intake import now_us
from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.logs import storage_failed
from tasktree_jupyter.server.owners import Owners
from tasktree_jupyter.server.rooms import Rooms
from tasktree_jupyter.server.sources import Source, Sources
from tasktree_jupyter.server.stale import Count, Stale, missions_with
from tasktree_jupyter.storage.log import EventLog, Head, NoSuchProject, StorageError

MAX_NODES = 10_000
"""So many stale tasks, at most, are told of one project, whichever sources they belong to."""

MAX_CHARACTERS = 1024 * 1024
"""So long, at most, their ids are together."""

LOOK_SECONDS = 2.0
"""So long, at most, a subscriber waits to be told what is stale."""


class _Open(NamedTuple):
    """What a silent source has open, and since when it is silent (µs)."""

    since: int
    running: list[str]
    waiting: list[str]

    @property
    def number(self) -> int:
        """How many tasks."""
        return len(self.running) + len(self.waiting)


class Silence:
    """Knows of each project which of `sources` are silent.

    `hears(project_id, source_id)`: whether another server has a connection to it.
    `followed`: the projects that somebody follows; `tell(project_id, frame)` sends a frame to those who do.
    `touched(project_id)`: what its info says of stale tasks has changed.
    """

    def __init__(
        self,
        log: EventLog,
        limits: Limits,
        rooms: Rooms,
        sources: Sources,
        *,
        hears: Callable[[str, str], bool],
        followed: Callable[[], list[str]],
        tell: Callable[[str, bytes], None],
        touched: Callable[[str], None],
        logger: logging.Logger,
    ) -> None:
        self.stale = Stale(touched)
        self.began = now_us()
        """After a start of the server everybody has time to come back."""
        self._log = log
        self._limits = limits
        self._rooms = rooms
        self._sources = sources
        self._hears = hears
        self._followed = followed
        self._tell = tell
        self._logger = logger
        self._frames: dict[str, bytes] = {}
        self._owners: dict[str, Owners] = {}
        self._unseen: set[str] = set()
        self._soon: dict[str, asyncio.Task[None]] = {}

    async def close(self) -> None:
        """Look no more."""
        tasks = tuple(self._soon.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def look(self, seconds: float) -> None:
        """Look at the projects with sources, first those that somebody follows, the others for so long."""
        followed = set(self._followed()) | set(self._frames)
        for project_id in followed:
            await self._refresh(project_id)
        silent = self._silent_sources()
        until = time.monotonic() + seconds
        for project_id in (silent.keys() | self.stale.projects) - followed:
            await self._count(project_id, silent.get(project_id, frozenset()))
            if time.monotonic() > until:
                # Neighbours wait to hear of us; the next look goes on with it.
                break
        for project_id in self._owners.keys() - set(self._followed()):
            self._let_go(project_id)

    def forget(self, project_id: str) -> None:
        """The project was deleted."""
        self._owners.pop(project_id, None)
        self._unseen.discard(project_id)
        self.stale.note(project_id, None)

    def not_seen(self, project_id: str, error: StorageError) -> None:
        """Log that a project can't be looked at. It is tried again with every look, and told once."""
        if project_id not in self._unseen:
            self._unseen.add(project_id)
            storage_failed(self._logger, "presence", project_id, "Who is silent in %r couldn't be seen: %s", error)

    # Sources

    def silent_since(self, source: Source) -> int | None:
        """Return since when a source is silent (µs); None: it isn't. 0: since its last event."""
        # Who is connected is asked now and then, and disconnected where no answer comes.
        if self._is_connected(source):
            return None
        heard = max(source.heard or 0, source.elsewhere)
        return heard if now_us() - max(heard, self.began) > self._limits.source_silence * 1e6 else None

    async def of(self, project_id: str) -> list[dict[str, Any]]:
        """Return the sources of a project that haven't ended, as REST has them. Raises StorageError."""
        living = [source for source in await self._sources.of(project_id) if source.record.ending is None]
        silent = await self._silent(project_id, living)
        described = []
        for source in living:
            left = silent.get(source.id)
            since, stale = (None, 0) if left is None else (left.since, left.number)
            heard = {"connected": self._is_connected(source), "silent_since": since, "stale": stale}
            described.append(_described(source) | heard)
        return described

    async def idle(self, project_id: str, sources: list[Source]) -> list[Source]:
        """Return those that are silent and have nothing open, the longest silent first. Raises StorageError."""
        living = [source for source in sources if source.record.ending is None]
        try:
            silent = await self._silent(project_id, living)
        except NoSuchProject:
            silent = {
                source.id: _Open(since, [], []) for source in living if (since := self.silent_since(source)) is not None
            }
        found = [source for source in living if source.id in silent and not silent[source.id].number]
        return sorted(found, key=lambda source: silent[source.id].since)

    def _is_connected(self, source: Source) -> bool:
        return bool(source.lines) or self._hears(source.project_id, source.id)

    def _silent_sources(self) -> dict[str, frozenset[str]]:
        """By project: which of the living sources that are loaded are silent."""
        silent: dict[str, set[str]] = {}
        for source in self._sources:
            if source.record.ending is None and self.silent_since(source) is not None:
                silent.setdefault(source.project_id, set()).add(source.id)
        return {project_id: frozenset(ids) for project_id, ids in silent.items()}

    async def _silent(self, project_id: str, living: list[Source]) -> dict[str, _Open]:
        """By source, those that are silent."""
        since = {source.id: self.silent_since(source) for source in living}
        silent = [source for source in living if since[source.id] is not None]
        if not silent:
            self._owners.pop(project_id, None)
            self.stale.note(project_id, None)
            return {}
        owners = self._owners.setdefault(project_id, Owners(self._log, project_id))
        # A project that goes on while one of its sources is silent is looked at again; of others once is enough.
        async with self._rooms.hold(project_id, lingers=project_id in self.stale.projects) as room:
            tasks = await open_tasks(room, self._log, owners, silent)
            tree = room.tree
            left: dict[str, _Open] = {}
            for source in silent:
                known = since[source.id] or owners.last_at(source.id) or source.record.since
                left[source.id] = _Open(known, [], [])
                for task in tasks.get(source.id, ()):
                    runs = tree.status_of(task) == TaskStatus.RUNNING
                    (left[source.id].running if runs else left[source.id].waiting).append(task)
            counts = missions_with(tree, chain.from_iterable(tasks.get(source.id, ()) for source in silent))
            epoch, offset = owners.position
            self.stale.note(project_id, Count(frozenset(left), epoch, min(offset, room.offset), counts))
        return left

    async def _count(self, project_id: str, silent: frozenset[str]) -> None:
        """Count what is stale in a project that nobody follows, if that may have changed since it was counted."""
        try:
            head = await self._head(project_id)
        except StorageError as error:
            self.not_seen(project_id, error)
            return
        self._unseen.discard(project_id)
        if head is None:
            # Another server has deleted it.
            self.forget(project_id)
            self._sources.forget_project(project_id)
        elif not self.stale.holds(project_id, silent, head):
            await self._refresh(project_id)

    async def _head(self, project_id: str) -> Head | None:
        room = self._rooms.find(project_id)
        if room is not None and room.exists:
            return Head(room.epoch, 0, room.offset, room.at)
        return await self._log.head(project_id)

    def _let_go(self, project_id: str) -> None:
        """Who owns what is kept while somebody follows or the room is open: without it, to know more is dear anyway."""
        if self._rooms.find(project_id) is None:
            self._owners.pop(project_id, None)

    # Who follows a project

    def frame(self, project_id: str) -> bytes | None:
        """Return what one who becomes live must know; None: nobody is silent, as far as we looked."""
        return self._frames.get(project_id)

    def follows(self, project_id: str) -> None:
        """Somebody has begun to follow a project."""
        self._look_at(project_id)

    def came(self, project_id: str) -> None:
        """A source was heard of: those who were told that one is silent may have to be told otherwise."""
        if project_id in self._frames or project_id in self.stale.projects:
            self._look_at(project_id)

    async def looked(self, project_id: str) -> None:
        """Wait for a look that is under way where tasks were stale before: who becomes live must know of them.

        Not for long: to wait for a slow disk would be worse.
        """
        task = self._soon.get(project_id)
        if task is not None and project_id in self.stale.projects:
            await asyncio.wait({task}, timeout=LOOK_SECONDS)

    def _look_at(self, project_id: str) -> None:
        if project_id not in self._soon:
            task = self._soon[project_id] = asyncio.get_running_loop().create_task(self._refresh(project_id))
            task.add_done_callback(lambda _: self._soon.pop(project_id, None))

    async def _refresh(self, project_id: str) -> None:
        try:
            living = [source for source in await self._sources.of(project_id) if source.record.ending is None]
            silent = await self._silent(project_id, living)
        except NoSuchProject:
            living, silent = [], {}
            self.stale.note(project_id, None)
        except StorageError as error:
            self.not_seen(project_id, error)
            return
        self._unseen.discard(project_id)
        nodes = _told(silent)
        told = [
            _described(source) | {"silent_since": silent[source.id].since, "nodes": nodes[source.id]}
            for source in living
            if source.id in nodes
        ]
        frame = json_frame({"op": "presence", "project_id": project_id, "sources": told})
        before = self._frames.get(project_id)
        if told:
            self._frames[project_id] = frame
        else:
            self._frames.pop(project_id, None)
        if frame != before and (told or before is not None):
            self._tell(project_id, frame)
        if project_id not in self._followed():
            self._frames.pop(project_id, None)
            self._let_go(project_id)


def _told(silent: dict[str, _Open]) -> dict[str, list[str]]:
    """Return by source which open tasks are told.

    Where not all can be, those that run: of the others nobody thinks that they go on.
    """
    told: dict[str, list[str]] = {}
    number, length = 0, 0
    for source_id, task in chain(
        ((source_id, task) for source_id, left in silent.items() for task in left.running),
        ((source_id, task) for source_id, left in silent.items() for task in left.waiting),
    ):
        number, length = number + 1, length + len(task)
        if number > MAX_NODES or length > MAX_CHARACTERS:
            break
        told.setdefault(source_id, []).append(task)
    return told


def _described(source: Source) -> dict[str, Any]:
    process = source.record.process
    return {"source": source.id, "host": process.host, "pid": process.pid, "kernel_id": process.kernel_id}
