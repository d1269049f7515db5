"""A snapshot is kept: its offset is pinned, and the whole state at it is stored, so that no trimming takes it away."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from tasktree_jupyter.core.tree import FOLD_VERSION
from tasktree_jupyter.server.folding import encode_fold, fold_to
from tasktree_jupyter.server.logs import storage_failed
from tasktree_jupyter.storage.log import EventLog, StorageError, StoredFold, Trimmed

if TYPE_CHECKING:
    from tasktree_jupyter.server.room import Room

PIN = "snapshot:"
"""Before a snapshot's id in the name of its pin."""


class SnapshotKeeper:
    """Brings pins and stored folds of one project in line with its snapshots, whoever made or removed those.

    It compares instead of remembering, so what a server that was ended left undone is done when the project is next
    loaded. Another server may know of snapshots that we don't yet: only those that were removed lose their pin.
    """

    def __init__(self, room: Room, log: EventLog, logger: logging.Logger) -> None:
        self._room = room
        self._log = log
        self._logger = logger
        self._done: tuple[int, int] | None = None
        self._keeping = False

    @property
    def behind(self) -> bool:
        """Whether there may be something to do that nobody is doing yet."""
        return bool(self._room.epoch) and self._done != self._now() and not self._keeping

    def _now(self) -> tuple[int, int]:
        return self._room.life, self._room.tree.snapshot_changes

    async def keep(self) -> None:
        """Do what there is to do. What fails is logged, and tried again with the next change or load."""
        if self._keeping:
            return
        self._keeping = True
        try:
            while self._done != self._now() and self._room.epoch:
                self._done = self._now()
                await self._compare()
        except StorageError as error:
            message = "Can't keep the snapshots of %r: %s"
            storage_failed(self._logger, "snapshot", self._room.project_id, message, error)
        finally:
            self._keeping = False

    async def _compare(self) -> None:
        room, log = self._room, self._log
        project_id, life = room.project_id, room.life
        wanted = {PIN + snapshot["snapshot_id"]: int(snapshot["offset"]) for snapshot in room.tree.snapshots()}
        if room.tree.offset in wanted.values():
            # Just made: the state is at hand, and won't be in a moment.
            await self._store(room.tree.offset, life)
        pinned = {pin.name: pin.offset for pin in await log.pins(project_id) if pin.name.startswith(PIN)}
        for name, offset in wanted.items():
            if pinned.get(name) != offset and life == room.life:
                await log.pin(project_id, offset, name)
        for name in pinned:
            if room.tree.snapshot_was_removed(name.removeprefix(PIN)):
                await log.unpin(project_id, name)
        if not wanted:
            return
        stored = await log.fold_offsets(project_id, version=FOLD_VERSION)
        for offset in sorted(set(wanted.values()).difference(stored), reverse=True):
            await self._store(offset, life)

    async def _store(self, offset: int, life: int) -> None:
        room = self._room
        epoch = room.epoch
        try:
            if room.tree.offset == offset:
                with room.freeze() as tree:
                    fold = await encode_fold(tree)
            else:
                fold = await self._made_again(offset)
        except Trimmed:
            return
        if life == room.life:
            await self._log.save_fold(room.project_id, epoch, fold)

    async def _made_again(self, offset: int) -> StoredFold:
        head = await self._log.head(self._room.project_id)
        tree, _ = await fold_to(self._log, self._room.project_id, offset, head.trimmed if head else 0)
        return await encode_fold(tree)
