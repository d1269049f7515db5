"""A room's newest state as frames, shared by all who ask for it at about the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from tasktree_jupyter.server.folding import Snapshot, encode_snapshot

if TYPE_CHECKING:
    from tasktree_jupyter.server.room import Room

SNAPSHOT_SECONDS = 5.0
"""How long a snapshot is kept for others who come."""

Spawn = Callable[[Coroutine[Any, Any, Snapshot]], asyncio.Task[Snapshot]]


class SharedSnapshot:
    """The snapshot that a room has at hand. `spawn` makes a task that ends with the room."""

    def __init__(self, room: Room, spawn: Spawn) -> None:
        self._room = room
        self._spawn = spawn
        self._kept: Snapshot | None = None
        self._making: asyncio.Task[Snapshot] | None = None

    async def get(self) -> Snapshot:
        """Return a recent state. The room is ready."""
        kept, room = self._kept, self._room
        if kept is not None and (
            kept.offset == room.tree.offset
            # Making a large one is dear; an older one and what came since does as well.
            or (len(kept.frames) > 1 and room.recent_after(kept.offset) is not None)
        ):
            return kept
        if self._making is None:
            self._making = self._spawn(self._make())
        return await asyncio.shield(self._making)

    def forget(self) -> None:
        """The log isn't the one it was."""
        if self._making is not None:
            self._making.cancel()
        self._making = self._kept = None

    async def _make(self) -> Snapshot:
        room = self._room
        try:
            with room.freeze() as tree:
                snapshot = await encode_snapshot(tree, room.project_id, room.epoch)
        finally:
            if self._making is asyncio.current_task():
                self._making = None
        self._kept = snapshot
        asyncio.get_running_loop().call_later(SNAPSHOT_SECONDS, self._drop, snapshot)
        return snapshot

    def _drop(self, snapshot: Snapshot) -> None:
        if self._kept is snapshot:
            self._kept = None
