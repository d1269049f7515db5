"""When events go to the disk: when they have waited in memory for a moment, whatever the reason; on the connection's
thread.

So a process that is killed loses no more than it emitted in the last moments. Little is done at a time: while this
thread computes, the user's own code waits.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

import msgspec

from tasktree_jupyter.client.discovery.folders import data_dir
from tasktree_jupyter.client.reporting import Complaints, logger
from tasktree_jupyter.client.source import Limits
from tasktree_jupyter.client.spool import DAMAGED, SUFFIX, About, Full, Spool
from tasktree_jupyter.core.sanitise import without_surrogates

if TYPE_CHECKING:
    from tasktree_jupyter.client.discovery import Discovery, Identity
    from tasktree_jupyter.client.project import Project

FLUSH_WINDOW: Final = 0.25
"""Seconds that an event waits in memory while nothing is acknowledged; twice that where some is and more comes."""
BREATH: Final = 0.0003
"""Seconds between two pieces of work, for other threads to get their turn."""
FOLDER_VARIABLE: Final = "TASKTREE_SPOOL_DIR"
_SLICE: Final = Limits(message_bytes=2**18, events=64)
_AT_THE_END: Final = Limits(message_bytes=2**20, events=1000)
_RETRY: Final = 2.0
_TOGETHER: Final = 4
"""So many times the bound of one may all spools of a user have."""
_BETWEEN_LOOKS: Final = 4 * 2**20
"""So many bytes, and no more than a small part of its bound, does a spool grow until all are looked at again."""
_LOOKS: Final = 16

_STUMBLED: Final = "TaskTree stumbled over what %s has to keep"


def spool_folder() -> str:
    """Return the folder of all spools of this user."""
    named = os.environ.get(FOLDER_VARIABLE)
    return os.path.abspath(os.path.expanduser(named or os.path.join(data_dir(), "tasktree", "spool")))


def _used(folder: str, suffixes: str | tuple[str, ...]) -> int:
    """Return the bytes that all files there have whose names end so."""
    try:
        with os.scandir(folder) as entries:
            return sum(entry.stat().st_size for entry in entries if entry.name.endswith(suffixes))
    except OSError:
        return 0


class _Watch(msgspec.Struct):
    """What is known of a project's queue.

    `mark` is a number of events that came into its memory, the last of them at `since`; `goal`, where one is set, is
    how many of them must have left it. `retry_at` is when the disk, which has refused `refusals` times, is tried again.
    `looked_at` is the spool's size when all were last looked at. `left_until` is when the project is looked at again
    after an error of our own.
    """

    project: Project
    mark: int | None = None
    since: float = 0.0
    goal: int | None = None
    retry_at: float = 0.0
    left_until: float = 0.0
    refusals: int = 0
    looked_at: int = 0
    complained: bool = False
    told: tuple[object, ...] = ()


class Spooler:
    """Writes to the disk what the projects' queues have held for too long.

    Args:
        discovery: knows which server the events are for.
        identity: which notebook or script the default project belongs to.
        most_bytes: says how many bytes a project's spool may have; 0: there is none.
        complaints: takes what the user is to be told.
    """

    def __init__(
        self,
        discovery: Discovery,
        identity: Callable[[], Identity],
        most_bytes: Callable[[], int],
        complaints: Complaints,
    ) -> None:
        self.store_id: str | None = None
        """The server's folder of logs, as it names it; None until it has."""
        self._discovery = discovery
        self._identity = identity
        self._most_bytes = most_bytes
        self._complaints = complaints
        self._watches: dict[Project, _Watch] = {}
        self._spools: dict[Project, Spool] = {}

    def serve(self, projects: Iterable[Project], now: float) -> Iterator[float | None]:
        """Write some of what is due; yield for each project when to look again, None: when something happens.

        Args:
            projects: those of this process.
            now: of `time.monotonic`.
        """
        for project in projects:
            watch = self._watches.get(project)
            if watch is None:
                watch = self._watches[project] = _Watch(project)
            if now < watch.left_until:
                yield watch.left_until
                continue
            try:
                self._tidy(watch)
                again = self._serve(watch, now) if self._may_spool(project) else None
            except Exception:
                # What is wrong with one project's queue must not keep the others from the disk.
                logger.exception(_STUMBLED, project.name or project.project_id)
                watch.goal = None
                again = watch.left_until = now + _RETRY
            yield again

    def close(self, projects: Iterable[Project]) -> None:
        """Write everything that is left, and let go of the files: the process ends."""
        for project in projects:
            try:
                self._close(project)
            except Exception:
                logger.exception(_STUMBLED, project.name or project.project_id)

    def _close(self, project: Project) -> None:
        source = project.source
        source.unsent()
        if source.in_memory and self._may_spool(project):
            watch = self._watches.get(project) or _Watch(project)
            while self._spill(watch, 0.0, _AT_THE_END):
                pass
        spool = self._spools.pop(project, None)
        if spool is not None:
            if not len(source):
                spool.remove()
            spool.close()

    def abandon(self) -> None:
        """In a forked child: the files are the parent's."""
        for spool in self._spools.values():
            spool.close()

    def _may_spool(self, project: Project) -> bool:
        return self._most_bytes() > 0 and self._discovery.promised and project.source.keep

    def _serve(self, watch: _Watch, now: float) -> float | None:
        source = watch.project.source
        while not source.in_memory:
            watch.mark = watch.goal = None
            watch.project.wakes = True
            # An emit that came before it saw that didn't wake us.
            if not source.in_memory:
                return None
        if watch.mark is None or source.left >= watch.mark:
            watch.mark, watch.since = source.taken, now
        if now < watch.retry_at:
            return watch.retry_at
        if watch.goal is None and (source.crowded or now >= watch.since + FLUSH_WINDOW):
            watch.goal = source.taken
        if watch.goal is None:
            return watch.since + FLUSH_WINDOW
        if not self._spill(watch, now, _SLICE):
            return watch.retry_at if now < watch.retry_at else None
        if source.left < watch.goal:
            return now + BREATH
        watch.goal = None
        watch.mark, watch.since = source.taken, now
        if source.in_memory:
            return now + FLUSH_WINDOW
        watch.project.wakes = True
        return now + FLUSH_WINDOW if source.in_memory else None

    def _spill(self, watch: _Watch, now: float, limits: Limits) -> bool:
        """Write some; return whether there may be more to write."""
        project = watch.project
        try:
            if project.source.store is None:
                project.source.store = self._create(watch)
            else:
                self._look_again(watch)
            wrote = project.source.spill(limits)
        except OSError as error:
            watch.retry_at, watch.goal = now + _RETRY, None
            watch.refusals += 1
            # Once is nothing: the server may be there in a moment.
            if watch.refusals > 1 and not watch.complained:
                watch.complained = True
                why = "there is no more room for it" if isinstance(error, Full) else "the disk refuses"
                self._complaints.add(
                    f"TaskTree keeps what can't be sent in memory only, since {why}: {error}. "
                    "Once that is full too, the oldest there is dropped; see status()."
                )
            return False
        watch.refusals = 0
        return wrote

    def _create(self, watch: _Watch) -> Spool:
        folder, most = spool_folder(), self._most_bytes()
        room = self._room(folder)
        watch.told = self._told(watch.project)
        spool = Spool.create(folder, self._about(watch.project), min(most, room))
        self._spools[watch.project] = spool
        watch.looked_at = spool.size
        logger.info("What can't be sent is kept in %s", spool.path)
        return spool

    def _look_again(self, watch: _Watch) -> None:
        """Others write too, and what they wrote is sent: look now and then how much more this one may write."""
        spool, most = self._spools[watch.project], self._most_bytes()
        if watch.refusals or spool.size >= watch.looked_at + min(_BETWEEN_LOOKS, most // _LOOKS):
            spool.limit = min(most, spool.size + self._room(os.path.dirname(spool.path)))
            watch.looked_at = spool.size

    def _room(self, folder: str) -> int:
        """Return how many more bytes all spools may have. Raises Full: none."""
        used, most = _used(folder, (SUFFIX, DAMAGED)), _TOGETHER * self._most_bytes()
        if used >= most:
            damaged = _used(folder, DAMAGED)
            more = f", and {damaged:,} of them are kept only since they are damaged" if damaged else ""
            raise Full(f"all spools in {folder} have {used:,} bytes together{more}")
        return most - used

    def _tidy(self, watch: _Watch) -> None:
        """Delete a spool that is done with; note in it what has become known of the project."""
        project = watch.project
        spool = self._spools.get(project)
        if spool is None:
            return
        if spool.damaged and not watch.complained:
            watch.complained = True
            self._complaints.add(f"TaskTree can't read some of what it kept in {spool.path}; the rest is sent.")
        if project.source.store is not spool or not spool.waiting:
            spool.remove()
            del self._spools[project]
            project.source.store = None
            watch.complained, watch.refusals, watch.retry_at = False, 0, 0.0
        elif watch.told != self._told(project):
            watch.told = self._told(project)
            try:
                spool.describe(self._about(project))
            except OSError as error:
                logger.warning("Can't note whose events are in %s: %s", spool.path, error)

    def _told(self, project: Project) -> tuple[object, ...]:
        return project.source.id, project.project_id, self.store_id, self._discovery.place

    def _about(self, project: Project) -> About:
        who = self._identity()
        return About(
            source=project.source.id,
            name=project.name,
            project_id=project.project_id,
            kernel_id=who.kernel_id,
            store=self.store_id,
            place=self._discovery.place,
            pid=os.getpid(),
            host=platform.node(),
            # A file name that is no UTF-8 has lone surrogates, which JSON can't carry.
            **without_surrogates({"path": who.path, "title": who.title}),
        )
