"""The sources of each project: which process each is, who is connected, and which have ended.

What must outlive the server is an attribute of the project for each source, written before its first event is stored.
One that has told everything and left is forgotten. One that died is kept for a while: what it left behind on disk may
still be delivered.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Protocol
from weakref import WeakSet

import msgspec

from tasktree_jupyter.server.intake import now_us
from tasktree_jupyter.server.logs import tell
from tasktree_jupyter.server.processes import Process, process_of
from tasktree_jupyter.storage.log import EventLog

PREFIX = "source:"
"""Before a source's id in the name of its attribute."""

MAX_ENDED = 64
"""So many dead sources of a project are remembered, the newest."""


class Ending(msgspec.Struct, frozen=True):
    """How a source ended. `at`: when (µs); 0: with its last event. `done`: whether its open tasks have been ended."""

    status: Literal["failed", "cancelled"]
    trigger: str
    reason: str
    at: int = 0
    done: bool = False


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is kept of a source. Its events come after `offset`; `since`: when it was first heard of (µs)."""

    since: int
    offset: int = 0
    process: Process = Process()
    ending: Ending | None = None


class Line(Protocol):
    """A connection, as far as it tells that somebody is there."""

    heard_at: float


class Source(msgspec.Struct, eq=False):
    """A source on this server. `heard`: when it was last heard by this server before it was disconnected (µs).

    `lines`: the connections that speak for it; `alone` is set once the last of them is gone. `written`: the number of
    our last write of its record; a reading that began before it is of no use. `unwritten`: how many changes of it are
    on their way to the log. `elsewhere`: when another server of the folder last heard it (µs). `gone_at`: when its
    process was first found to be gone (of `time.monotonic`).
    """

    project_id: str
    id: str
    record: Record
    stored: bool = False
    heard: int | None = None
    elsewhere: int = 0
    gone_at: float | None = None
    written: int = 0
    unwritten: int = 0
    lines: set[Line] = msgspec.field(default_factory=set)
    alone: asyncio.Event = msgspec.field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        """Nobody speaks for it yet."""
        self.alone.set()

    @property
    def is_known(self) -> bool:
        """Whether it said which process it is."""
        return self.record.process != Process()

    def may_be_taken(self, began: int) -> bool:
        """Whether what was read of it since `began` is newer than what is known: nothing of ours was written then."""
        return not self.lines and self.is_older_than(began)

    def is_older_than(self, began: int) -> bool:
        """Whether nothing of ours was written since `began`, or is being written."""
        return not self.unwritten and self.written <= began

    @property
    def key(self) -> tuple[str, str]:
        """What names it on this server."""
        return self.project_id, self.id


class Sources:
    """All sources that this server knows of: `most` of a project. All of it belongs to the loop."""

    def __init__(self, log: EventLog, logger: logging.Logger, most: int) -> None:
        self._log = log
        self._most = most
        self._full: set[str] = set()
        self._logger = logger
        self._projects: dict[str, dict[str, Source]] = {}
        self._lines: dict[Line, set[tuple[str, str]]] = {}
        self._gone: WeakSet[Line] = WeakSet()
        self._writes = 0
        self._forgotten: dict[tuple[str, str], int] = {}

    def __iter__(self) -> Iterator[Source]:
        """All that are loaded."""
        return iter([source for sources in self._projects.values() for source in sources.values()])

    def find(self, project_id: str, source_id: str) -> Source | None:
        """Return a source, if it is loaded."""
        return self._projects.get(project_id, {}).get(source_id)

    async def load(self) -> None:
        """Load those of all projects. Raises StorageError."""
        began = self._writes
        for project in await self._log.projects():
            self._take(project.project_id, project.attributes, began)

    async def of(self, project_id: str) -> list[Source]:
        """Return those of a project, also those that another server has just heard of. Raises StorageError."""
        await self._read(project_id)
        return list(self._projects.get(project_id, {}).values())

    async def _read(self, project_id: str) -> None:
        began = self._writes
        self._take(project_id, await self._log.attributes(project_id), began)

    def _take(self, project_id: str, attributes: dict[str, object], began: int) -> None:
        """Take what is stored; `began`: how many writes of ours there were when it was asked for."""
        known = self._projects.get(project_id, {})
        stored = {key.removeprefix(PREFIX): value for key, value in attributes.items() if key.startswith(PREFIX)}
        for source_id, source in list(known.items()):
            if source.stored and source_id not in stored and source.may_be_taken(began):
                # It left, at another server.
                del known[source_id]
        for source_id, value in stored.items():
            if self._forgotten.get((project_id, source_id), 0) > began:
                continue
            try:
                record = msgspec.convert(value, Record)
            except msgspec.ValidationError:
                words = "%r keeps what makes no sense of the source %r"
                tell(
                    self._logger,
                    "presence.unknown",
                    words,
                    project_id,
                    source_id,
                    project_id=project_id,
                    source=source_id,
                )
                continue
            ours = known.get(source_id)
            if ours is None:
                known[source_id] = Source(project_id, source_id, record, stored=True)
            elif ours.may_be_taken(began):
                ours.record, ours.stored = record, True
        if known:
            self._projects[project_id] = known

    async def imported(self, project_id: str) -> None:
        """Another project took its place: its sources count, and who speaks for them. Raises StorageError."""
        began = self._writes
        attributes = await self._log.attributes(project_id)
        before = []
        for source in list(self._projects.get(project_id, {}).values()):
            if source.is_older_than(began) and (source.stored or not source.lines):
                before.append((source, tuple(source.lines)))
                self._let_go(source)
        self._take(project_id, attributes, began)
        for source, lines in before:
            again = self.find(project_id, source.id)
            if again is not None:
                again.heard, again.elsewhere = source.heard, source.elsewhere
                for line in lines:
                    self._bind(line, again)

    # How many there may be

    def surplus(self) -> dict[str, int]:
        """Return how many should be forgotten, by project, so that there is room for who comes next."""
        crowded = {project_id: len(known) for project_id, known in self._projects.items()}
        return {
            project_id: number - self._most * 4 // 5
            for project_id, number in crowded.items()
            if number > self._most * 9 // 10
        }

    def _is_full(self, project_id: str) -> bool:
        """Whether no more are taken in. Told once, until there is room again."""
        number = len(self._projects.get(project_id, {}))
        if number < self._most:
            self._full.discard(project_id)
            return False
        if project_id not in self._full:
            self._full.add(project_id)
            words = "%r has %d sources, no more are remembered (max_sources): whether others are there isn't known"
            tell(self._logger, "presence.full", words, project_id, number, project_id=project_id, sources=number)
        return True

    # What clients say

    async def here(self, line: Line, project_id: str, source_id: str, described: object) -> None:
        """A connection speaks for a source. Raises StorageError."""
        source = self.find(project_id, source_id)
        if source is None or source.record.ending is not None or not source.is_known:
            process = process_of(described)
            if source is None:
                await self._read(project_id)
                source = self.find(project_id, source_id)
            if source is not None:
                # It lives, whatever was thought of it.
                source.record = msgspec.structs.replace(source.record, process=process, ending=None)
            else:
                fresh = await self.new(project_id, source_id, process)
                if fresh is None:
                    return
                source = fresh
            # At once: whoever speaks for it isn't to be judged dead while that is being stored.
            self._bind(line, source)
            if await self._log.head(project_id) is not None:
                await self._store(source)
        else:
            self._bind(line, source)

    async def new(self, project_id: str, source_id: str, process: Process) -> Source | None:
        """Take in a source that wasn't known; None: there are too many. Raises StorageError."""
        if self._is_full(project_id):
            return None
        head = await self._log.head(project_id)
        known = head is not None and await self._log.upto(project_id, source_id) > 0
        offset = 0 if head is None or known else head.offset
        source = Source(project_id, source_id, Record(now_us(), offset, process))
        return self._projects.setdefault(project_id, {}).setdefault(source_id, source)

    def is_settled(self, line: Line | None, project_id: str, source_id: str) -> bool:
        """Whether nothing new is known by hearing that this source's events were stored: the usual case."""
        source = self.find(project_id, source_id)
        if source is None:
            return line is None
        if source.record.ending is not None or (not source.stored and source.is_known):
            return False
        return source.is_known or line is None or line in source.lines

    async def published(self, line: Line | None, project_id: str, source_id: str) -> Source | None:
        """A source's events were stored, and it wasn't settled; return the source. Raises StorageError.

        One that never said who it is counts as there while its connection is. Who delivers what a dead one left behind
        is another.
        """
        source = self.find(project_id, source_id)
        if source is None:
            if line is None or self._is_full(project_id):
                return None
            source = self._projects.setdefault(project_id, {})[source_id] = Source(
                project_id, source_id, Record(now_us())
            )
        if line is not None and not source.is_known:
            self._bind(line, source)
        if source.is_known and not source.stored:
            # Its project wasn't there before.
            await self._store(source)
        return source

    def _bind(self, line: Line, source: Source) -> None:
        if line in self._gone:
            # While what it said was being stored.
            source.heard = heard_us(line)
            return
        source.lines.add(line)
        source.alone.clear()
        self._lines.setdefault(line, set()).add(source.key)

    async def left(self, line: Line, project_id: str, source_id: str) -> None:
        """A source has told everything and is no more. Raises StorageError."""
        source = self.find(project_id, source_id)
        if source is not None and line in source.lines:
            await self.forget(source)

    def unbind(self, line: Line, source: Source) -> None:
        """The connection doesn't speak for this source."""
        self._lines.get(line, set()).discard(source.key)
        if line in source.lines:
            source.heard = heard_us(line)
        self._drop(line, source)

    @staticmethod
    def _drop(line: Line, source: Source) -> None:
        source.lines.discard(line)
        if not source.lines:
            source.alone.set()

    def disconnected(self, line: Line) -> list[Source]:
        """A connection is gone; return the sources that nobody speaks for any more."""
        silent = []
        self._gone.add(line)
        for project_id, source_id in self._lines.pop(line, ()):
            source = self.find(project_id, source_id)
            if source is not None and line in source.lines:
                self._drop(line, source)
                if not source.lines:
                    source.heard = heard_us(line)
                    silent.append(source)
        return silent

    # Endings

    async def ended(self, source: Source, ending: Ending) -> None:
        """Keep how a source ended. Raises StorageError."""
        source.record = msgspec.structs.replace(source.record, ending=ending)
        source.unwritten += 1
        try:
            if await self._log.head(source.project_id) is not None:
                await self._store(source)
        finally:
            source.unwritten -= 1
        # Whoever isn't done yet is forgotten after that, or what it left open would be open for ever.
        known = self._projects.get(source.project_id, {}).values()
        done = [each for each in known if each.record.ending is not None and each.record.ending.done]
        done.sort(key=lambda each: each.record.since)
        await self.forget(*done[:-MAX_ENDED])

    async def forget(self, *sources: Source) -> None:
        """Keep nothing more of some sources of one project. Raises StorageError."""
        stored = [source for source in sources if source.stored]
        for source in sources:
            self._let_go(source)
        for source in stored:
            self._note_forgotten(source)
        if not stored:
            return
        project_id = stored[0].project_id
        if await self._log.head(project_id) is not None:
            await self._log.set_attributes(project_id, {PREFIX + source.id: None for source in stored})
        for source in stored:
            self._note_forgotten(source)

    def _let_go(self, source: Source) -> None:
        known = self._projects.get(source.project_id, {})
        if known.get(source.id) is source:
            del known[source.id]
            if not known:
                del self._projects[source.project_id]
        for line in source.lines:
            self._lines.get(line, set()).discard(source.key)
        source.lines.clear()
        source.alone.set()

    def _note_forgotten(self, source: Source) -> None:
        """What is being read meanwhile mustn't bring it back."""
        self._writes += 1
        self._forgotten.pop(source.key, None)
        self._forgotten[source.key] = self._writes
        while len(self._forgotten) > self._most:
            del self._forgotten[next(iter(self._forgotten))]

    def forget_project(self, project_id: str) -> None:
        """The project was deleted. Who is connected goes on with a new life of it, as another source."""
        self._full.discard(project_id)
        for source in list(self._projects.pop(project_id, {}).values()):
            for line in source.lines:
                self._lines.get(line, set()).discard(source.key)

    async def _store(self, source: Source) -> None:
        source.unwritten += 1
        try:
            await self._log.set_attributes(source.project_id, {PREFIX + source.id: msgspec.to_builtins(source.record)})
            self._writes += 1
            source.written, source.stored = self._writes, True
        finally:
            source.unwritten -= 1


def inherited(heard: Mapping[str, int], attributes: Mapping[str, object]) -> dict[str, Any]:
    """Return, as attributes, the records of sources that may have something open in what takes a project's place.

    `heard`: when each was last heard of (µs); `attributes`: those of what was there, which may know their processes.
    One that has ended has to be ended again.
    """
    records = {}
    for source_id, at in heard.items():
        try:
            known = msgspec.convert(attributes[PREFIX + source_id], Record)
        except (KeyError, msgspec.ValidationError):
            known = Record(at)
        ending = known.ending and msgspec.structs.replace(known.ending, done=False)
        records[PREFIX + source_id] = msgspec.to_builtins(msgspec.structs.replace(known, offset=0, ending=ending))
    return records


def heard_us(line: Line) -> int:
    """Return when a connection was last heard (µs since 1970)."""
    silence = asyncio.get_running_loop().time() - line.heard_at
    return now_us() - int(max(silence, 0.0) * 1e6)
