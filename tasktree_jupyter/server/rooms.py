"""The rooms that are open on this server: opened when needed, closed when nobody needs them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

from tasktree_jupyter.server.delivery import Follower
from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.logs import tell
from tasktree_jupyter.server.room import Position, Room
from tasktree_jupyter.storage.log import EventLog


class Rooms:
    """Opens rooms and closes idle ones. `before_close` is awaited for each; `on_change` is every room's.

    `delivered(project_id)`: up to where those who follow all projects have had everything while its room was closed;
    None: whatever there is.
    """

    def __init__(
        self,
        log: EventLog,
        limits: Limits,
        *,
        on_change: Callable[[Room], None],
        before_close: Callable[[Room], Awaitable[None]],
        delivered: Callable[[str], Position | None],
        logger: logging.Logger,
    ) -> None:
        self._log = log
        self._limits = limits
        self._on_change = on_change
        self._before_close = before_close
        self._delivered = delivered
        self._logger = logger
        self._open: dict[str, Room] = {}
        self._standing: dict[str | None, set[Follower]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._sweeping: asyncio.Task[None] | None = None

    def __iter__(self) -> Iterator[Room]:
        return iter(tuple(self._open.values()))

    def __len__(self) -> int:
        return len(self._open)

    def find(self, project_id: str) -> Room | None:
        """Return the project's room if it is open."""
        room = self._open.get(project_id)
        return None if room is None or room.failed else room

    def get(self, project_id: str) -> Room:
        """Return the project's room, opened if it must be."""
        room = self.find(project_id)
        if room is None:
            room = self._open[project_id] = Room(
                project_id,
                self._log,
                self._limits,
                on_change=self._on_change,
                logger=self._logger,
                delivered=self._delivered(project_id),
                on_needless=self._needless,
            )
            room.followers.update(self._standing.get(None, ()), self._standing.get(project_id, ()))
            if self._sweeping is None:
                self._sweeping = asyncio.get_running_loop().create_task(self._sweep())
        room.used_at = time.monotonic()
        return room

    @asynccontextmanager
    async def hold(self, project_id: str, *, lingers: bool = True) -> AsyncIterator[Room]:
        """Keep the project's room open for a while. Raises StorageError if it can't be loaded.

        `lingers`: it stays open for the next who comes; else it is closed at once, unless somebody had it open or needs
        it by then.
        """
        lingers = lingers or self.find(project_id) is not None
        room = self.get(project_id)
        room.holds += 1
        try:
            await room.ready()
            yield room
        finally:
            room.holds -= 1
            room.used_at = time.monotonic()
            if not (lingers or room.needed or room.failed) and self._open.get(project_id) is room:
                self._close(room)
            room.rest()

    def follow(self, project_id: str | None, follower: Follower) -> None:
        """Let someone follow a project for as long as it stays, or, with None, every room that is open or will be."""
        self._standing.setdefault(project_id, set()).add(follower)
        for room in self if project_id is None else [self.get(project_id)]:
            room.followers.add(follower)

    def leave(self, follower: Follower) -> None:
        """Take someone out of every room."""
        for project_id, followers in tuple(self._standing.items()):
            followers.discard(follower)
            if not followers:
                del self._standing[project_id]
        for room in self._open.values():
            room.followers.discard(follower)

    async def close_idle(self, idle: float) -> None:
        """Close the rooms that nobody has needed for `idle` seconds."""
        now = time.monotonic()
        for room in self:
            if room.failed or (not room.needed and now - room.used_at >= idle):
                self._close(room)
            if room.failed and room.project_id in self._standing:
                self.get(room.project_id)
        if self._closing:
            await asyncio.wait(self._closing)

    def _needless(self, room: Room) -> None:
        if self._open.get(room.project_id) is room:
            self._close(room)

    def _close(self, room: Room) -> None:
        self._open.pop(room.project_id, None)
        task = asyncio.get_running_loop().create_task(self._close_room(room))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close_room(self, room: Room) -> None:
        try:
            await self._before_close(room)
            await room.close()
        except Exception as error:
            message, project_id = "Closing the room of %r failed", room.project_id
            tell(self._logger, "project.failed", message, project_id, error=error, project_id=project_id)

    async def _sweep(self) -> None:
        while self._open:
            await asyncio.sleep(max(self._limits.room_idle / 2, 0.05))
            await self.close_idle(self._limits.room_idle)
        self._sweeping = None

    async def close(self) -> None:
        """Close them all."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        for room in self:
            self._close(room)
        if self._closing:
            await asyncio.wait(tuple(self._closing))
