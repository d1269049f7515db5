"""A room's way in: what waits is checked against the state, committed together, and answered.

Batching needs no timer: what arrives while one append is on its way to the disk is the next.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tasktree_jupyter.server.judging import Judge
from tasktree_jupyter.server.limits import RETRY_AFTER, Limits
from tasktree_jupyter.server.logs import storage_failed, tell
from tasktree_jupyter.server.publication import Failure, Publication
from tasktree_jupyter.server.tally import TALLY
from tasktree_jupyter.storage.log import Appended, Commit, EventLog, StorageError

if TYPE_CHECKING:
    from tasktree_jupyter.server.room import Room

DRAIN_EVENTS = 500
"""About how many events go into one append; more would keep the loop too long afterwards."""


def now_us() -> int:
    """Return the server's time in microseconds since 1970."""
    return time.time_ns() // 1000


class Intake:
    """The publications of a project on their way into its log, one append at a time."""

    def __init__(
        self, room: Room, log: EventLog, limits: Limits, *, clock: Callable[[], int], logger: logging.Logger
    ) -> None:
        self._room = room
        self._log = log
        self._limits = limits
        self._clock = clock
        self._logger = logger
        self._judge = Judge(log, room.project_id)
        self._queue: deque[Publication] = deque()
        self._queued_bytes = 0
        self._committing: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether anything waits or is being committed."""
        return self._committing is not None

    @property
    def queued_bytes(self) -> int:
        """Bytes of the publications that wait."""
        return self._queued_bytes

    def add(self, publication: Publication) -> None:
        """Queue a publication; its `answer` is called when it is on disk, or refused."""
        if self._queued_bytes > self._limits.max_queued_bytes:
            publication.settle(_too_much(self._queued_bytes))
            return
        self._queue.append(publication)
        self._queued_bytes += publication.size
        if self._committing is None:
            self._committing = asyncio.get_running_loop().create_task(self._commit_all())

    def forget(self) -> None:
        """The log isn't the one it was."""
        self._judge.forget()

    async def finish(self) -> None:
        """Wait until everything that was queued is answered."""
        if self._committing is not None:
            await self._committing

    async def _commit_all(self) -> None:
        while self._queue:
            publications: list[Publication] = []
            try:
                await self._room.settled()
                publications = self._drain()
                await self._commit(publications)
            except StorageError as error:
                operation = "append" if publications else "read"
                storage_failed(
                    self._logger, operation, self._room.project_id, "Nothing could be stored in %r: %s", error
                )
                self._refuse(publications, Failure("storage", str(error), retry=error.retryable))
            except Exception as error:
                self._failed("Publishing to %r failed", error)
                self._refuse(publications, Failure("internal", "The server failed; its log says why", retry=True))
        self._committing = None
        self._room.rest()

    def _drain(self) -> list[Publication]:
        publications: list[Publication] = []
        events = 0
        while self._queue and events < DRAIN_EVENTS:
            publication = self._queue.popleft()
            self._queued_bytes -= publication.size
            events += len(publication.events)
            publications.append(publication)
        return publications

    def _refuse(self, publications: Sequence[Publication], failure: Failure) -> None:
        """Answer these, or, where none was taken yet, all that wait: the log couldn't even be loaded."""
        refused = list(publications)
        if not refused:
            refused, self._queue = list(self._queue), deque()
            self._queued_bytes = 0
        for publication in refused:
            publication.settle(failure)

    async def _commit(self, publications: list[Publication]) -> None:
        await self._judge.judge(self._room.tree, publications)
        waiting: list[Publication] = []
        for publication in publications:
            if publication.source is not None or publication.events:
                waiting.append(publication)
            else:
                publication.settle(publication.published(None, self._room.epoch or None, self._room.offset, 0))
        if not waiting:
            return
        life, begun = self._room.life, time.perf_counter()
        commit = await self._log.append(
            self._room.project_id, [publication.batch() for publication in waiting], now=self._clock()
        )
        committed = time.perf_counter()
        TALLY.commits.add(committed - begun)
        TALLY.stored += len(commit.events)
        for publication, result in zip(waiting, commit.results, strict=True):
            self._answer(publication, commit, result)
        try:
            self._room.hand_over(commit, life, committed)
        except Exception as error:
            # It is stored and acknowledged; whatever failed after that mustn't be told as a failure to store.
            self._failed("The room of %r couldn't take its events in", error)

    def _failed(self, message: str, error: Exception) -> None:
        project_id = self._room.project_id
        tell(self._logger, "publish.failed", message, project_id, error=error, project_id=project_id)

    def _answer(self, publication: Publication, commit: Commit, result: Appended) -> None:
        expected = result.seq_gap_expected
        if expected is not None:
            message = f"seq {publication.first_seq} came where {expected} was expected"
            publication.settle(Failure("seq_gap", message, expected=expected, field="seq", reason="seq_gap"))
            return
        self._judge.note(publication.source, result.upto)
        if publication.dropped and _told_of_the_gap(publication, result):
            TALLY.dropped += publication.dropped
        offset = commit.last_offset if result.last_offset is None else result.last_offset
        publication.settle(publication.published(result.upto, commit.epoch, offset, result.duplicates))


def _too_much(queued_bytes: int) -> Failure:
    message = (
        f"{queued_bytes} bytes wait to be written to the project's log, more than are allowed (max_queued_bytes);"
        " try again"
    )
    return Failure("busy", message, retry=True, field="events", reason="max_queued_bytes", retry_after=RETRY_AFTER)


def _told_of_the_gap(publication: Publication, result: Appended) -> bool:
    """Whether an `events_dropped` was stored; where the same frame comes again, none is."""
    if result.first_offset is None or result.last_offset is None:
        return False
    return result.last_offset - result.first_offset + 1 > len(publication.events) - result.duplicates
