"""Who is there: what connections, kernels and other servers tell of the sources, and which are certainly gone.

What a source left open is only ended when it is certain that its process is no more. One that is merely silent
(silence.py) has its tasks shown as stale.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import msgspec

from tasktree_jupyter.server.endings import Endings, Publish, open_tasks
from tasktree_jupyter.server.intake import now_us
from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.logs import storage_failed, tell
from tasktree_jupyter.server.neighbours import Neighbours
from tasktree_jupyter.server.owners import Owners
from tasktree_jupyter.server.processes import is_gone, process_of, this_process
from tasktree_jupyter.server.rooms import Rooms
from tasktree_jupyter.server.silence import Silence
from tasktree_jupyter.server.sources import Ending, Line, Source, Sources
from tasktree_jupyter.storage.log import EventLog, StorageError

JUPYTER_SECONDS = 10.0
"""So long Jupyter has to notice that a kernel of its own is gone, before its source is judged without it."""

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
    """Looks every few seconds who is there. `followed`, `tell` and `touched` are those of `Silence`."""

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
        self.sources = Sources(log, logger, limits.max_sources)
        self.neighbours = Neighbours(None, 0, logger)
        self.silence = Silence(
            log,
            limits,
            rooms,
            self.sources,
            # By name: the server joins its neighbours when it starts.
            hears=lambda project_id, source_id: self.neighbours.hear(project_id, source_id),
            followed=followed,
            tell=tell,
            touched=touched,
            logger=logger,
        )
        self.kernels: Kernels = NoKernels()
        self._endings = Endings(log, self.sources, rooms, limits, publish, logger)
        self._log = log
        self._rooms = rooms
        self._limits = limits
        self._logger = logger
        self._tasks: set[asyncio.Task[Any]] = set()
        self._being_told: Counter[str] = Counter()
        """The kernels whose end was told, and whose sources are being looked for."""
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
        await self.silence.close()
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
        self.silence.came(project_id)

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
        self._being_told[kernel_id] += 1
        self._spawn(self._kernel_ended(kernel_id, pid, ending))

    async def _kernel_ended(self, kernel_id: str, pid: int | None, ending: Ending) -> None:
        try:
            with self._forgiving("see which sources a kernel had"):
                # Another server may have heard of them.
                await self.sources.load()
            for source in self.sources:
                record = source.record
                is_its = record.process.kernel_id == kernel_id and record.since <= ending.at
                if is_its and record.ending is None and (pid is None or record.process.pid != pid):
                    self._endings.end(source, ending)
        finally:
            self._being_told -= Counter([kernel_id])

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
        await self.silence.look(self.interval)
        for project_id, number in self.sources.surplus().items():
            with self._forgiving("forget the oldest sources"):
                await self._forget_oldest(project_id, number)

    async def _forget_oldest(self, project_id: str, number: int) -> None:
        """Make room for who comes next: what ended, and what is silent and left nothing open, comes back if it must."""
        sources = await self.sources.of(project_id)
        ended = [source for source in sources if source.record.ending is not None and source.record.ending.done]
        ended.sort(key=lambda source: source.record.since)
        # Who was heard meanwhile stays.
        idle = [source for source in await self.silence.idle(project_id, sources) if not source.lines]
        await self.sources.forget(*(ended + idle)[:number])

    async def _take_neighbours(self) -> None:
        """Take what the other servers hear: one whose source falls silent may be the first to end itself."""
        heard = list(self.neighbours.heard())
        unknown = {project_id for project_id, source_id, _ in heard if self.sources.find(project_id, source_id) is None}
        for project_id in self.neighbours.changed | unknown:
            try:
                await self.sources.of(project_id)
            except StorageError as error:
                self.silence.not_seen(project_id, error)
        for project_id, source_id, at in heard:
            source = self.sources.find(project_id, source_id)
            if source is not None:
                source.elsewhere = max(source.elsewhere, at)

    def forget(self, project_id: str) -> None:
        """The project was deleted."""
        self.sources.forget_project(project_id)
        self.silence.forget(project_id)

    def imported(self, project_id: str) -> None:
        """Another project has taken this one's place: what is open in it is whose it was."""
        self.silence.forget(project_id)
        self._spawn(self._imported(project_id))

    async def _imported(self, project_id: str) -> None:
        with self._forgiving("see whose the tasks of an import are"):
            await self.sources.imported(project_id)
            strangers = [source for source in await self.sources.of(project_id) if not source.is_known]
            if not strangers:
                return
            # Only the whole state shows whether what they may have open is.
            async with self._rooms.hold(project_id) as room:
                found = await open_tasks(room, self._log, Owners(self._log, project_id), strangers)
            idle = [source for source in strangers if source.id not in found and not source.lines]
            await self.sources.forget(*idle)

    # Who is gone

    def _judge(self, source: Source) -> None:
        """End what is certainly gone, and finish what somebody began."""
        record = source.record
        if record.ending is not None:
            self._endings.go_on(source)
            return
        if source.lines or not source.is_known or self.neighbours.hear(source.project_id, source.id):
            return
        silent = self.silence.silent_since(source) is not None
        kernel_id = record.process.kernel_id
        if kernel_id is not None and self.neighbours.run(kernel_id):
            return
        ours = kernel_id is not None and kernel_id in self.kernels.running()
        if is_gone(record.process, record.since):
            # Jupyter tells of the end of a kernel of ours, and knows more of it.
            is_ours = kernel_id is not None and (
                ours or self.kernels.will_tell(kernel_id) or kernel_id in self._being_told
            )
            is_told = is_ours and _gone_for(source) < JUPYTER_SECONDS
            if not is_told and (silent or (source.heard is None and not ours)):
                self._endings.end(source, _gone(source))
        elif kernel_id is not None and not ours and record.process.host != this_process().host:
            heard = max(source.heard or 0, source.elsewhere, self.silence.began)
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
