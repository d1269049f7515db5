"""What is old goes: events by age and number, runs by number. In the background, a small step at a time.

Each server does it for the whole folder, and two of them harm nothing: what the other has trimmed or removed is gone
already. Trimming leaves the state at its boundary, what snapshots pin, and whose the open tasks are; the newest state
never changes by it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from tasktree_jupyter.core.status import ENDED
from tasktree_jupyter.core.times import format_time
from tasktree_jupyter.core.tree import FOLD_VERSION
from tasktree_jupyter.server.folding import encode_fold, fold_to
from tasktree_jupyter.server.intake import now_us
from tasktree_jupyter.server.logs import storage_failed, tell
from tasktree_jupyter.server.manager import PublishError, WebSocketManager
from tasktree_jupyter.server.owners import KEPT, Kept, Owners
from tasktree_jupyter.storage.log import Head, NoSuchProject, StorageError, Trimmed

DAY_US: Final = 86_400_000_000
LOOK_EVERY: Final = 300.0
"""Seconds between two looks at all projects; the first comes after a tenth of it."""

WORTHWHILE: Final = 1000
"""Fewer events than this are trimmed only if nothing was for `SOON_ENOUGH`: each trimming makes the state anew."""

SOON_ENOUGH: Final = 3600.0


class Retention:
    """Keeps each project within `retain_days`, `retain_events` and `retain_missions`; 0 is no bound."""

    def __init__(self, manager: WebSocketManager, logger: logging.Logger, *, clock: Callable[[], int] = now_us) -> None:
        limits = manager.limits
        self._manager = manager
        self._logger = logger
        self._clock = clock
        self._age = round(limits.retain_days * DAY_US)
        self._events = limits.retain_events
        self._missions = limits.retain_missions
        self._trimmed_at: dict[tuple[str, str], float] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look, if there is any bound."""
        if self._age or self._events or self._missions:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Look no longer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        await asyncio.sleep(LOOK_EVERY / 10)
        while True:
            await self.sweep()
            await asyncio.sleep(LOOK_EVERY)

    async def sweep(self) -> None:
        """Look at every project once. What can't be done now is logged, and tried again with the next sweep."""
        try:
            records = await self._manager.log.projects()
        except StorageError as error:
            storage_failed(self._logger, "retain", None, "TaskTree can't look for what is old: %s", error)
            return
        for record in records:
            try:
                await self._project(record.project_id)
            except NoSuchProject:
                continue
            except (StorageError, PublishError) as error:
                words = "TaskTree can't let go of what is old in %r: %s"
                storage_failed(self._logger, "retain", record.project_id, words, error)
            except Exception as error:
                words, project_id = "Letting go of what is old in %r failed", record.project_id
                tell(self._logger, "project.failed", words, project_id, error=error, project_id=project_id)
            await asyncio.sleep(0)

    async def _project(self, project_id: str) -> None:
        if self._missions:
            await self._remove_missions(project_id)
        head = await self._manager.log.head(project_id)
        if head is None:
            return
        boundary = await self._boundary(project_id, head)
        if boundary > head.trimmed and self._is_due(project_id, head, boundary):
            await self._trim(project_id, head, boundary)
            self._trimmed_at[project_id, head.epoch] = time.monotonic()

    # Events

    async def _boundary(self, project_id: str, head: Head) -> int:
        """Up to where events are too old or too many."""
        boundary = max(0, head.offset - self._events) if self._events else 0
        if self._age:
            boundary = max(boundary, await self._manager.log.offset_at(project_id, self._clock() - self._age))
        return min(boundary, head.offset)

    def _is_due(self, project_id: str, head: Head, boundary: int) -> bool:
        last = self._trimmed_at.get((project_id, head.epoch))
        return boundary - head.trimmed >= WORTHWHILE or last is None or time.monotonic() - last >= SOON_ENOUGH

    async def _trim(self, project_id: str, head: Head, boundary: int) -> None:
        log = self._manager.log
        try:
            owners = await self._owners(project_id, head, boundary)
        except Trimmed:
            return
        # The room's keeper pins what snapshots name, also those that another server made and couldn't pin any more.
        async with self._manager.rooms.hold(project_id) as room:
            tree = await room.keep_snapshots()
            named = {int(snapshot["offset"]) for snapshot in tree.snapshots()}
        named |= {pin.offset for pin in await log.pins(project_id)}
        pinned = {offset for offset in named if head.trimmed < offset <= boundary}
        kept = await log.fold_offsets(project_id, version=FOLD_VERSION)
        for offset in sorted((pinned | {boundary}).difference(kept)):
            try:
                tree, _ = await fold_to(log, project_id, offset, head.trimmed)
            except Trimmed:
                # Another server was quicker, or the base is damaged: nothing more is to be lost for that.
                return
            if tree.offset != offset:
                return
            await log.save_fold(project_id, head.epoch, await encode_fold(tree))
            await asyncio.sleep(0)
        now = await log.head(project_id)
        if now is not None and now.epoch == head.epoch and now.trimmed < boundary:
            await log.set_attributes(project_id, {KEPT: owners})
            await log.trim(project_id, boundary)
            words = "TaskTree let go of the events of %r up to offset %d"
            tell(self._logger, "project.trimmed", words, project_id, boundary, project_id=project_id, offset=boundary)

    async def _owners(self, project_id: str, head: Head, boundary: int) -> Any:
        """Return whose the tasks are that began up to the boundary and are open: no event will tell it any more."""
        owners = Owners(self._manager.log, project_id)
        await owners.read(msgspec.structs.replace(head, offset=boundary), 0)
        async with self._manager.rooms.hold(project_id) as room:
            await room.refresh()
            kept = owners.kept(await room.settled())
        return msgspec.to_builtins(Kept(boundary, kept)) if kept else None

    # Runs

    async def _remove_missions(self, project_id: str) -> None:
        for mission_id in await self._surplus(project_id):
            removal = {
                "type": "node_update",
                "data": {"node_id": mission_id, "changes": None},
                "timestamp": format_time(self._clock()),
            }
            await self._manager.publish_envelopes(project_id, [removal])
            words = "TaskTree removed the run %r of %r from its tree"
            tell(
                self._logger,
                "project.run_removed",
                words,
                mission_id,
                project_id,
                project_id=project_id,
                mission_id=mission_id,
            )

    async def _surplus(self, project_id: str) -> list[str]:
        """The ended runs beyond the newest `retain_missions` that have ended, the oldest first."""
        info = await self._manager.projects.info(project_id)
        if info["missions_total"] <= self._missions:
            return []
        async with self._manager.rooms.hold(project_id) as room:
            tree = await room.settled()
            missions, _ = tree.missions(info["missions_total"] + 1)
        ended = [mission["mission_id"] for mission in missions if mission["status"] in ENDED]
        return ended[self._missions :][::-1]
