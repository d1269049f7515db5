"""Ends what a dead source left open. Whoever does it, and however often, the log says it once.

It speaks as a source whose id is computed from the dead one's, and goes through each task in an order that is computed
too: two servers that do it at the same moment send the same events under the same numbers.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import msgspec

from tasktree_jupyter.core.status import TaskStatus
from tasktree_jupyter.core.times import format_time
from tasktree_jupyter.server.intake import now_us
from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.logs import storage_failed, tell
from tasktree_jupyter.server.owners import Owners
from tasktree_jupyter.server.publication import Failure, Publication, Published, parse_publication
from tasktree_jupyter.server.room import Room
from tasktree_jupyter.server.rooms import Rooms
from tasktree_jupyter.server.sources import Ending, Source, Sources
from tasktree_jupyter.storage.log import EventLog, NoSuchProject, StorageError

LATE_SECONDS = 2.0
"""After so long without another event of a dead source what it left behind counts as delivered."""

LAST_WORDS_SECONDS = 2.0
"""How long what a process sent before it died may still be on its way."""

_ROUNDS = 5
"""How often to look again whether everything is ended: meanwhile another server may have stored more."""

_KINDS = {"kernel_died": "Kernel died"}

Publish = Callable[[Publication], Awaitable[Published | Failure]]


def speaker_of(source_id: str) -> str:
    """Return the id of the source that ends what another one left open."""
    return f"end-{hashlib.blake2b(source_id.encode('utf-8', 'surrogatepass'), digest_size=10).hexdigest()}"


class Endings:
    """Marks sources as ended and ends their open tasks. `publish` stores a publication and returns the answer."""

    def __init__(
        self, log: EventLog, sources: Sources, rooms: Rooms, limits: Limits, publish: Publish, logger: logging.Logger
    ) -> None:
        self._log = log
        self._sources = sources
        self._rooms = rooms
        self._limits = limits
        self._publish = publish
        self._logger = logger
        self._at_work: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._late: dict[tuple[str, str], asyncio.TimerHandle] = {}

    def end(self, source: Source, ending: Ending) -> None:
        """A source has ended, in this way; what it has open will be ended."""
        self._start(source, ending)

    def go_on(self, source: Source) -> None:
        """Finish what another server, or an earlier life of this one, began."""
        if source.record.ending is not None and not source.record.ending.done:
            self._start(source, source.record.ending)

    def more_came(self, source: Source) -> None:
        """Events of a dead source came late, and there may be more: when no more come, end what they left open."""
        timer = self._late.pop(source.key, None)
        if timer is not None:
            timer.cancel()

        def due() -> None:
            self._late.pop(source.key, None)
            if source.record.ending is not None:
                self._start(source, source.record.ending)

        self._late[source.key] = asyncio.get_running_loop().call_later(LATE_SECONDS, due)

    def _start(self, source: Source, ending: Ending) -> None:
        if source.key in self._at_work:
            return
        task = asyncio.get_running_loop().create_task(self._guarded(source, ending))
        self._at_work[source.key] = task
        task.add_done_callback(lambda _: self._at_work.pop(source.key, None))

    async def _guarded(self, source: Source, ending: Ending) -> None:
        try:
            await self._end(source, ending)
        except NoSuchProject:
            self._sources.forget_project(source.project_id)
        except StorageError as error:
            words = "What a dead source left open in %r couldn't be ended: %s"
            storage_failed(self._logger, "presence", source.project_id, words, error)
        except Exception as error:
            tell(self._logger, "presence.failed", "Ending what a source left failed", error=error, operation="end")

    async def _end(self, source: Source, ending: Ending) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await source.alone.wait()
        ending = msgspec.structs.replace(ending, done=False)
        if source.record.ending != ending:
            await self._sources.ended(source, ending)
        ended = await self._end_tasks(source, ending)
        if source.record.ending == ending:
            await self._sources.ended(source, msgspec.structs.replace(ending, done=True))
        if ended:
            kernel_id = source.record.process.kernel_id
            tell(
                self._logger,
                "source.ended",
                "%s: %d open tasks in %r are %s now: %s",
                kernel_id or source.id,
                ended,
                source.project_id,
                ending.status,
                ending.reason,
                project_id=source.project_id,
                source=source.id,
                kernel_id=kernel_id,
                tasks=ended,
                status=ending.status,
                reason=ending.reason,
            )

    async def _end_tasks(self, source: Source, ending: Ending) -> int:
        owners = Owners(self._log, source.project_id)
        most = self._limits.max_events_per_publish
        ended = 0
        async with self._rooms.hold(source.project_id) as room:
            for _ in range(_ROUNDS):
                # Before looking what is open: what another server stores in between then has our numbers.
                first = await self._log.upto(source.project_id, speaker_of(source.id)) + 1
                found = await open_tasks(room, self._log, owners, [source])
                node_ids = found.get(source.id, [])
                if not node_ids:
                    break
                at = ending.at or owners.last_at(source.id) or now_us()
                events = [_event(room.tree.status_of(node_id), node_id, ending, at) for node_id in node_ids]
                for start in range(0, len(events), most):
                    ended += await self._say(source, first + start, events[start : start + most])
        return ended

    async def _say(self, source: Source, seq: int, events: list[dict[str, Any]]) -> int:
        """Publish the end of tasks; return how many."""
        frame = {"project_id": source.project_id, "source": speaker_of(source.id), "seq": seq, "events": events}
        publication = parse_publication(frame, limits=self._limits, now=now_us(), careful=False, size=0)
        outcome = await self._publish(publication)
        if isinstance(outcome, Failure):
            raise StorageError(outcome.message, retryable=outcome.retry)
        return len(events) - outcome.duplicates

    async def close(self) -> None:
        """Begin nothing more, and let what was begun be: it is done at the next start."""
        for timer in self._late.values():
            timer.cancel()
        self._late.clear()
        tasks = tuple(self._at_work.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def open_tasks(room: Room, log: EventLog, owners: Owners, sources: list[Source]) -> dict[str, list[str]]:
    """Return the open tasks of sources of one project, by source, as the log has them now. Raises StorageError."""
    head = await room.refresh()
    if head is None:
        raise NoSuchProject(room.project_id)
    await owners.read(head, min(source.record.offset for source in sources))
    tree = await room.settled()
    return owners.open_tasks(tree, frozenset(source.id for source in sources))


def _event(status: str, node_id: str, ending: Ending, at: int) -> dict[str, Any]:
    """What never began hasn't failed."""
    changes: dict[str, Any] = {"status": "cancelled", "trigger": ending.trigger, "reason": ending.reason}
    if ending.status == "failed" and status == TaskStatus.RUNNING:
        kind = _KINDS.get(ending.trigger, "Process died")
        changes |= {"status": "failed", "error": {"type": kind, "message": ending.reason}}
    data = {"node_id": node_id, "changes": changes}
    return {"type": "node_update", "data": data, "timestamp": format_time(at)}
