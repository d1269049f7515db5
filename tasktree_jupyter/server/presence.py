"""Who is there: which sources are silent, and which are certainly gone.

A clock decides it, so none of it is part of the fold. Who follows a project is told which of its open tasks belong to
a silent source, and the info of every project how many; what such a source left open is only ended when it is certain
that its process is no more.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, Protocol

import msgspec

from tasktree_jupyter.core.status import TaskStatus
from tasktree_jupyter.server.endings import Endings, Publish, open_tasks
from tasktree_jupyter.server.frames import json_frame
from tasktree_jupyter.server.intake import now_us
from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.logs import storage_failed, tell
from tasktree_jupyter.server.neighbours import Neighbours
from tasktree_jupyter.server.owners import Owners
from tasktree_jupyter.server.processes import is_gone, process_of, this_process
from tasktree_jupyter.server.rooms import Rooms
from tasktree_jupyter.server.sources import Ending, Line, Source, Sources
from tasktree_jupyter.server.stale import Count, Stale, missions_with
from tasktree_jupyter.storage.log import EventLog, Head, NoSuchProject, StorageError

MAX_NODES = 10_000
"""So many stale tasks, at most, are told of one project."""

JUPYTER_SECONDS = 10.0
"""So long Jupyter has to notice that a kernel of its own is gone, before its source is judged without it."""

LOOK_SECONDS = 2.0
"""So long, at most, a subscriber waits to be told what is stale."""

ELSEWHERE_SILENCES = 10
"""After so many times the allowed silence a kernel of another machine, whose server isn't there either, is gone."""

STOPPED = Ending("cancelled", "kernel_shut_down", "the Jupyter server was stopped")


class Kernels(Protocol):
    """What is known of the kernels of this server."""

    def running(self) -> list[str]:
        """The ids of those that run."""

    def will_tell(self, kernel_id: str) -> bool:
        """Whether it will be told how this kernel ended, which may have left the list already."""

    def look(self) -> None:
        """Called with every look."""


class NoKernels(Kernels):
    """A server without any."""

    def running(self) -> list[str]:
        """None."""
        return []

    def will_tell(self, kernel_id: str) -> bool:
        """Nobody would."""
        return False

    def look(self) -> None:
        """Nothing to see."""


class Presence:
    """Looks every few seconds who is silent.

    `followed`: the projects that somebody follows; `tell(project_id, frame)` sends a frame to those who do.
    `touched(project_id)`: what its info says of stale tasks has changed.
    """

    def __init__(
        self,
        log: EventLog,
        limits: Limits,
        rooms: Rooms,
        publish: Publish,
        *,
        followed: Callable[[], list[str]],
        tell: Callable[[str, bytes], None],
        touched: Callable[[str], None],
        logger: logging.Logger,
    ) -> None:
        self.sources = Sources(log, logger)
        self.neighbours = Neighbours(None, 0, logger)
        self.stale = Stale(touched)
        self.kernels: Kernels = NoKernels()
        self._endings = Endings(log, self.sources, rooms, limits, publish, logger)
        self._log = log
        self._limits = limits
        self._rooms = rooms
        self._followed = followed
        self._tell = tell
        self._logger = logger
        self._began = now_us()
        self._frames: dict[str, bytes] = {}
        self._owners: dict[str, Owners] = {}
        self._unseen: set[str] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._soon: dict[str, asyncio.Task[None]] = {}
        self._looking: asyncio.Task[None] | None = None

    @property
    def interval(self) -> float:
        """Seconds between two looks."""
        return min(max(self._limits.source_silence / 6, 0.05), 10.0)

    def start(self) -> None:
        """Begin to look."""
        self._looking = self._spawn(self._look_on())

    async def close(self) -> None:
        """Look no more."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._endings.close()
        self.neighbours.leave()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _look_on(self) -> None:
        with self._forgiving("see which sources there were"):
            await self.sources.load()
        while True:
            with self._forgiving("look who is there"):
                await self.look()
            await asyncio.sleep(self.interval)

    @contextmanager
    def _forgiving(self, what: str) -> Iterator[None]:
        """Who is there matters less than all else: what fails is logged."""
        try:
            yield
        except StorageError as error:
            storage_failed(self._logger, "presence", None, f"Can't {what}: %s", error)
        except Exception as error:
            tell(self._logger, "presence.failed", "Can't %s", what, error=error, operation=what)

    # What connections and kernels tell

    async def here(self, line: Line, project_id: str, source_id: str, described: Any) -> None:
        """A connection speaks for a source. Raises StorageError."""
        await self.sources.here(line, project_id, source_id, described)
        if project_id in self._frames or project_id in self.stale.projects:
            self._look_at(project_id)

    async def left(self, line: Line, project_id: str, source_id: str) -> None:
        """A source has told everything and is no more. Raises StorageError."""
        source = self.sources.find(project_id, source_id)
        if source is not None and source.record.process.kernel_id in self.kernels.running():
            # Jupyter will say how the kernel ended, and then what it left open ends too.
            self.sources.unbind(line, source)
            return
        await self.sources.left(line, project_id, source_id)

    async def lost(self, line: Line, project_id: str, source_id: str, described: Any) -> None:
        """What a dead source left behind has been delivered: what is open now will never end. Raises StorageError."""
        await self.sources.of(project_id)
        source = self.sources.find(project_id, source_id)
        if source is None:
            source = await self.sources.new(project_id, source_id, process_of(described))
        elif not source.is_known:
            source.record = msgspec.structs.replace(source.record, process=process_of(described))
        if source is not None:
            self.sources.unbind(line, source)
            if not source.lines:
                self._endings.end(source, source.record.ending or _gone(source))

    def published(self, line: Line | None, project_id: str, source_id: str) -> None:
        """A source's events were stored; `line`: the connection that they came by."""
        if not self.sources.is_settled(line, project_id, source_id):
            source = self.sources.find(project_id, source_id)
            had_ended = source is not None and source.record.ending is not None
            self._spawn(self._published(line, project_id, source_id, had_ended=had_ended))

    async def _published(self, line: Line | None, project_id: str, source_id: str, *, had_ended: bool) -> None:
        with self._forgiving("keep which sources there are"):
            source = await self.sources.published(line, project_id, source_id)
            if source is None or not had_ended:
                return
            if line is not None and line in source.lines:
                # It lives, whatever was thought of it.
                await self.sources.here(line, project_id, source_id, msgspec.to_builtins(source.record.process))
            else:
                self._endings.more_came(source)

    def disconnected(self, line: Line) -> None:
        """A connection is gone."""
        self.sources.disconnected(line)

    def kernel_ended(self, kernel_id: str, pid: int | None, ending: Ending) -> None:
        """A kernel's process has ended; `pid`: the one it has now."""
        self._spawn(self._kernel_ended(kernel_id, pid, ending))

    async def _kernel_ended(self, kernel_id: str, pid: int | None, ending: Ending) -> None:
        with self._forgiving("see which sources a kernel had"):
            # Another server may have heard of them.
            await self.sources.load()
        for source in self.sources:
            record = source.record
            is_its = record.process.kernel_id == kernel_id and record.since <= ending.at
            if is_its and record.ending is None and (pid is None or record.process.pid != pid):
                self._endings.end(source, ending)

    async def server_stops(self) -> None:
        """Jupyter ends its kernels after us: what they have open then is ended at the next start, or by a neighbour."""
        ours = set(self.kernels.running())
        for source in self.sources:
            if source.record.process.kernel_id in ours and source.record.ending is None:
                with self._forgiving("keep how a kernel ends"):
                    await self.sources.ended(source, STOPPED)

    # Looking

    async def look(self) -> None:
        """Look once at all projects."""
        connected: dict[str, list[str]] = {}
        self.kernels.look()
        for source in self.sources:
            if source.lines:
                connected.setdefault(source.project_id, []).append(source.id)
        if await self.neighbours.exchange(self.kernels.running(), connected):
            # What it had isn't looked after any more.
            await self.sources.load()
        await self._take_neighbours()
        for source in self.sources:
            self._judge(source)
        followed = set(self._followed()) | set(self._frames)
        for project_id in followed:
            await self._refresh(project_id)
        silent = self._silent_sources()
        until = time.monotonic() + self.interval
        for project_id in (silent.keys() | self.stale.projects) - followed:
            await self._count(project_id, silent.get(project_id, frozenset()))
            if time.monotonic() > until:
                # Neighbours wait to hear of us; the next look goes on with it.
                break
        for project_id in self._owners.keys() - set(self._followed()):
            self._let_go(project_id)

    async def _take_neighbours(self) -> None:
        """Take what the other servers hear: one whose source falls silent may be the first to end itself."""
        heard = list(self.neighbours.heard())
        unknown = {project_id for project_id, source_id, _ in heard if self.sources.find(project_id, source_id) is None}
        for project_id in self.neighbours.changed | unknown:
            try:
                await self.sources.of(project_id)
            except StorageError as error:
                self._not_seen(project_id, error)
        for project_id, source_id, at in heard:
            source = self.sources.find(project_id, source_id)
            if source is not None:
                source.elsewhere = max(source.elsewhere, at)

    def forget(self, project_id: str) -> None:
        """The project was deleted."""
        self.sources.forget_project(project_id)
        self._owners.pop(project_id, None)
        self._unseen.discard(project_id)
        self.stale.note(project_id, None)

    # Who is silent

    def silent_since(self, source: Source) -> int | None:
        """Return since when a source is silent (µs); None: it isn't. 0: since its last event."""
        # Who is connected is asked now and then, and disconnected where no answer comes.
        if self._is_connected(source):
            return None
        # After a start of the server everybody has time to come back.
        heard = max(source.heard or 0, source.elsewhere)
        return heard if now_us() - max(heard, self._began) > self._limits.source_silence * 1e6 else None

    async def of(self, project_id: str) -> list[dict[str, Any]]:
        """Return the sources of a project that haven't ended, as REST has them. Raises StorageError."""
        living = [source for source in await self.sources.of(project_id) if source.record.ending is None]
        silent = await self._silent(project_id, living)
        described = []
        for source in living:
            since, tasks = silent.get(source.id, (None, []))
            heard = {"connected": self._is_connected(source), "silent_since": since, "stale": len(tasks)}
            described.append(_described(source) | heard)
        return described

    def _is_connected(self, source: Source) -> bool:
        return bool(source.lines) or self.neighbours.hear(source.project_id, source.id)

    def _silent_sources(self) -> dict[str, frozenset[str]]:
        """By project: which of the living sources that are loaded are silent."""
        silent: dict[str, set[str]] = {}
        for source in self.sources:
            if source.record.ending is None and self.silent_since(source) is not None:
                silent.setdefault(source.project_id, set()).add(source.id)
        return {project_id: frozenset(ids) for project_id, ids in silent.items()}

    async def _silent(self, project_id: str, living: list[Source]) -> dict[str, tuple[int, list[str]]]:
        """By source: since when it is silent, and which of its tasks are open."""
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
            # Where not all can be told, those that run: of the others nobody thinks that they go on.
            told = {
                source.id: sorted(tasks.get(source.id, ()), key=lambda task: tree.status_of(task) != TaskStatus.RUNNING)
                for source in silent
            }
            counts = missions_with(tree, chain.from_iterable(told.values()))
            epoch, offset = owners.position
            self.stale.note(project_id, Count(frozenset(told), epoch, min(offset, room.offset), counts))
        return {
            source.id: (
                since[source.id] or owners.last_at(source.id) or source.record.since,
                told[source.id][:MAX_NODES],
            )
            for source in silent
        }

    async def _count(self, project_id: str, silent: frozenset[str]) -> None:
        """Count what is stale in a project that nobody follows, if that may have changed since it was counted."""
        try:
            head = await self._head(project_id)
        except StorageError as error:
            self._not_seen(project_id, error)
            return
        self._unseen.discard(project_id)
        if head is None:
            # Another server has deleted it.
            self.forget(project_id)
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

    def _not_seen(self, project_id: str, error: StorageError) -> None:
        """It is tried again with every look, and told once."""
        if project_id not in self._unseen:
            self._unseen.add(project_id)
            storage_failed(self._logger, "presence", project_id, "Who is silent in %r couldn't be seen: %s", error)

    # Telling

    def frame(self, project_id: str) -> bytes | None:
        """Return what one who becomes live must know; None: nobody is silent, as far as we looked."""
        return self._frames.get(project_id)

    def follows(self, project_id: str) -> None:
        """Somebody has begun to follow a project."""
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
            task = self._soon[project_id] = self._spawn(self._refresh(project_id))
            task.add_done_callback(lambda _: self._soon.pop(project_id, None))

    async def _refresh(self, project_id: str) -> None:
        try:
            living = [source for source in await self.sources.of(project_id) if source.record.ending is None]
            silent = await self._silent(project_id, living)
        except NoSuchProject:
            living, silent = [], {}
            self.stale.note(project_id, None)
        except StorageError as error:
            self._not_seen(project_id, error)
            return
        self._unseen.discard(project_id)
        told = [
            _described(source) | {"silent_since": silent[source.id][0], "nodes": silent[source.id][1]}
            for source in living
            if source.id in silent and silent[source.id][1]
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

    # Who is gone

    def _judge(self, source: Source) -> None:
        """End what is certainly gone, and finish what somebody began."""
        record = source.record
        if record.ending is not None:
            self._endings.go_on(source)
            return
        if source.lines or not source.is_known or self.neighbours.hear(source.project_id, source.id):
            return
        silent = self.silent_since(source) is not None
        kernel_id = record.process.kernel_id
        if kernel_id is not None and self.neighbours.run(kernel_id):
            return
        ours = kernel_id is not None and kernel_id in self.kernels.running()
        if is_gone(record.process, record.since):
            # Jupyter tells of the end of a kernel of ours, and knows more of it.
            is_ours = kernel_id is not None and (ours or self.kernels.will_tell(kernel_id))
            is_told = is_ours and _gone_for(source) < JUPYTER_SECONDS
            if not is_told and (silent or (source.heard is None and not ours)):
                self._endings.end(source, _gone(source))
        elif kernel_id is not None and not ours and record.process.host != this_process().host:
            heard = max(source.heard or 0, source.elsewhere, self._began)
            if now_us() - heard > ELSEWHERE_SILENCES * self._limits.source_silence * 1e6:
                self._endings.end(source, _gone(source))


def _gone_for(source: Source) -> float:
    """For how many seconds it is known that a source's process is gone."""
    now = time.monotonic()
    source.gone_at = source.gone_at or now
    return now - source.gone_at


def _gone(source: Source) -> Ending:
    kernel = source.record.process.kernel_id is not None
    return Ending("failed", "kernel_died" if kernel else "process_died", "its process is gone")


def _described(source: Source) -> dict[str, Any]:
    process = source.record.process
    return {"source": source.id, "host": process.host, "pid": process.pid, "kernel_id": process.kernel_id}
