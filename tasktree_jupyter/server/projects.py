"""What there is to follow: the info of each project, the list of them, and the list as it changes.

Open rooms know their missions. For the others a summary is kept among the project's attributes; it counts only while
the log still ends where the summary was made, so another server's events are never hidden behind an old one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec

from tasktree_jupyter.core.tree import TaskTree
from tasktree_jupyter.server.frames import encode, text_frame
from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.logs import storage_failed, tell
from tasktree_jupyter.server.room import Position, Room
from tasktree_jupyter.server.rooms import Rooms
from tasktree_jupyter.storage.log import EventLog, Head, NoSuchProject, ProjectRecord, StorageError
from tasktree_jupyter.storage.troubles import OF_ONE_PROJECT

MAX_MISSIONS = 20
MAX_TITLE = 500
"""Characters of a run's title in the info, which goes to everybody who watches the list; the tree has all of it."""

TICK_SECONDS = 0.25
SUMMARY = "summary"
"""The attribute that keeps a closed room's missions."""


class Watcher(Protocol):
    """A connection that watches the list."""

    def write(self, frame: bytes) -> bool:
        """Send a prepared frame; False if the connection has failed."""

    @property
    def backlogged(self) -> bool:
        """Whether what was written before hasn't left yet."""

    async def drained(self) -> bool:
        """Wait until it has; False if the connection has failed."""

    async def may_read(self, project_id: str) -> bool:
        """Whether it may know of this project."""


class _Watch(msgspec.Struct, eq=False):
    """What one watcher hasn't been told yet, and which projects it knows of. Before its first, full list it is told
    nothing.
    """

    dirty: set[str]
    ready: bool = False
    told: set[str] = msgspec.field(default_factory=set)


def missions_of(tree: TaskTree) -> dict[str, Any]:
    """Return a tree's part of the info."""
    missions, total = tree.missions(MAX_MISSIONS)
    for mission in missions:
        title = mission.get("title")
        if isinstance(title, str) and len(title) > MAX_TITLE:
            mission["title"] = title[:MAX_TITLE] + "…"
    return {"missions": missions, "missions_total": total}


class Projects:
    """The list of projects on this server's log."""

    def __init__(self, log: EventLog, limits: Limits, logger: logging.Logger) -> None:
        self.rooms: Rooms
        self.describe: Callable[[ProjectRecord], dict[str, Any]] = describe_named
        self.stale: Callable[[str, str], Mapping[str, int]] = lambda project_id, epoch: {}
        """How many running tasks are stale, by mission, in this epoch of a project."""
        self._log = log
        self._limits = limits
        self._logger = logger
        self._created: dict[str, int] = {}
        self._watches: dict[Watcher, _Watch] = {}
        self._listeners = 0
        self._ticking: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._followed: dict[str, Callable[[], None]] = {}
        self._known: dict[str, tuple[str, int]] = {}
        self._unread: set[str] = set()
        self._has_looked = False

    # Infos

    async def info(self, project_id: str) -> dict[str, Any]:
        """Return a project's info (docs/protocol.md). Raises NoSuchProject, and StorageError otherwise."""
        head = await self._log.head(project_id)
        if head is None:
            raise NoSuchProject(project_id)
        if project_id not in self._created:
            for record in await self._log.projects():
                self._created[record.project_id] = record.created_at
        attributes = await self._log.attributes(project_id)
        record = ProjectRecord(project_id, self._created.get(project_id, 0), attributes)
        return await self._info(record, head)

    async def infos(self, may_read: Callable[[str], Awaitable[bool]]) -> list[dict[str, Any]]:
        """Return the info of every project that `may_read` allows, oldest first; those that can't be read are left out.

        Raises StorageError.
        """
        infos = []
        for record in await self._log.projects():
            self._created[record.project_id] = record.created_at
            if not await may_read(record.project_id):
                continue
            try:
                head = await self._log.head(record.project_id)
                if head is not None:
                    infos.append(await self._info(record, head))
            except StorageError as error:
                storage_failed(self._logger, "list", record.project_id, "Left %r out of the list: %s", error)
            except Exception as error:
                self._failed(record.project_id, error)
        return infos

    def _failed(self, project_id: str, error: Exception) -> None:
        """One project that can't be told of takes the list from nobody."""
        tell(self._logger, "project.failed", "Can't tell of %r", project_id, error=error, project_id=project_id)

    async def _info(self, record: ProjectRecord, head: Head) -> dict[str, Any]:
        project_id = record.project_id
        info = self.describe(record) | {"created_at": record.created_at}
        trouble = self._log.troubles.of(project_id)
        if trouble is not None and trouble.kind in OF_ONE_PROJECT:
            info["storage"] = {"kind": trouble.kind, "message": trouble.message}
        summary = await self._summary(record, head)
        stale = _stale_of(summary["missions"], self.stale(project_id, summary["epoch"]))
        return info | summary | ({"stale": stale} if stale else {})

    async def _summary(self, record: ProjectRecord, head: Head) -> dict[str, Any]:
        """Return the part of the info that the log decides."""
        room = self.rooms.find(record.project_id)
        if room is None or not room.exists:
            if head.offset == 0:
                return _position(head.epoch, 0, 0) | {"missions": [], "missions_total": 0}
            summary = record.attributes.get(SUMMARY)
            if isinstance(summary, dict) and summary.get("epoch") == head.epoch and summary["offset"] == head.offset:
                return summary
            async with self.rooms.hold(record.project_id) as opened:
                room = opened
        return summary_of(room)

    async def keep_summary(self, room: Room) -> None:
        """Keep what the info of a project says while its room is closed."""
        if not room.exists or room.failed or room.tree.offset == 0:
            return
        summary = summary_of(room)
        try:
            attributes = await self._log.attributes(room.project_id)
            if attributes.get(SUMMARY) != summary and await self._log.head(room.project_id) is not None:
                await self._log.set_attributes(room.project_id, {SUMMARY: summary})
        except StorageError as error:
            storage_failed(self._logger, "list", room.project_id, "Can't keep the summary of %r: %s", error)

    # Watching

    async def watch(self, watcher: Watcher, ref: int | None) -> None:
        """Send the full list, and from then on what changes. Raises StorageError."""
        if watcher not in self._watches:
            self._watches[watcher] = _Watch(set())
            self.look_out()
        watch = self._watches[watcher]
        watch.ready = False
        try:
            infos = await self.infos(watcher.may_read)
        except StorageError:
            self.unwatch(watcher)
            raise
        # A long list is a large frame.
        await watcher.drained()
        watch.ready = True
        watch.told = {info["project_id"] for info in infos}
        frame = {"op": "projects", "ref": ref, "full": True, "projects": infos, "removed": []}
        watcher.write(text_frame(encode(frame)))

    def unwatch(self, watcher: Watcher) -> None:
        """Send it no more."""
        if self._watches.pop(watcher, None) is not None:
            self.look_away()

    def touched(self, project_id: str) -> None:
        """Note that a project's info may have changed."""
        for watch in self._watches.values():
            watch.dirty.add(project_id)
        self._tell_soon()

    def changed_for(self, watcher: Watcher, project_ids: set[str]) -> None:
        """Note that a watcher may now read these projects, or no longer."""
        watch = self._watches.get(watcher)
        if watch is not None:
            watch.dirty |= project_ids
            self._tell_soon()

    def _tell_soon(self) -> None:
        if self._watches and self._ticking is None:
            self._ticking = asyncio.get_running_loop().create_task(self._tick())

    def forget(self, project_id: str) -> None:
        """Note that a project was deleted: if it comes again, it is another one."""
        self._created.pop(project_id, None)
        self._known.pop(project_id, None)
        self.touched(project_id)

    def changed(self, room: Room) -> None:
        """Note what a room has delivered."""
        if self._followed:
            self._known[room.project_id] = (room.epoch, room.offset)
        if self._watches:
            self.touched(room.project_id)

    def delivered(self, project_id: str) -> Position | None:
        """Return up to where a project without a room was delivered while we look out; None: all that there is.

        Whoever opens the room before we hear of what another server wrote mustn't keep that from those who follow all.
        """
        if not self._has_looked or project_id in self._unread:
            return None
        return self._known.get(project_id, (None, 0))

    async def _tick(self) -> None:
        """At most four times a second, tell each watcher what has changed since the last time."""
        try:
            while any(watch.dirty for watch in self._watches.values()):
                await asyncio.sleep(TICK_SECONDS)
                await self._tell()
        finally:
            self._ticking = None

    async def _tell(self) -> None:
        ready = [(watcher, watch) for watcher, watch in self._watches.items() if watch.ready and not watcher.backlogged]
        infos: dict[str, bytes | None] = {}
        unreadable = set()
        for project_id in sorted(set().union(*(watch.dirty for _, watch in ready))):
            try:
                infos[project_id] = encode(await self.info(project_id))
            except NoSuchProject:
                infos[project_id] = None
            except StorageError as error:
                storage_failed(self._logger, "list", project_id, "Can't tell of %r: %s", error)
                unreadable.add(project_id)
            except Exception as error:
                self._failed(project_id, error)
                unreadable.add(project_id)
        frames: dict[tuple[frozenset[str], frozenset[str]], bytes] = {}
        for watcher, watch in ready:
            dirty = watch.dirty & infos.keys()
            watch.dirty -= dirty | unreadable
            readable = frozenset([project_id for project_id in dirty if await watcher.may_read(project_id)])
            hidden = frozenset((dirty - readable) & watch.told)
            if not (readable or hidden) or self._watches.get(watcher) is not watch:
                continue
            news = {project_id: infos[project_id] if project_id in readable else None for project_id in sorted(dirty)}
            watch.told = (watch.told | readable) - {project_id for project_id, info in news.items() if info is None}
            if (readable, hidden) not in frames:
                frames[readable, hidden] = _changes_frame(
                    {project_id: info for project_id, info in news.items() if project_id in readable | hidden}
                )
            watcher.write(frames[readable, hidden])

    # Looking out for what other servers do

    def look_out(self) -> None:
        """Begin to follow projects without a room too: somebody wants to hear of all of them."""
        self._listeners += 1
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._look())

    def look_away(self) -> None:
        """One less wants to hear of all projects."""
        self._listeners -= 1
        if self._listeners <= 0:
            self.close()

    def close(self) -> None:
        """Follow nothing any more."""
        self._listeners = 0
        for task in (self._looking, self._ticking):
            if task is not None:
                task.cancel()
        self._looking = self._ticking = None
        for stop in self._followed.values():
            stop()
        self._followed.clear()
        self._known.clear()
        self._unread.clear()
        self._has_looked = False

    async def _look(self) -> None:
        while True:
            try:
                records = await self._log.projects()
            except StorageError as error:
                storage_failed(self._logger, "list", None, "Can't list the projects: %s", error)
            else:
                for record in records:
                    if record.project_id not in self._followed:
                        await self._follow(record, new=self._has_looked and record.project_id not in self._unread)
                self._has_looked = True
            await asyncio.sleep(self._limits.follow_interval)

    async def _follow(self, record: ProjectRecord, *, new: bool) -> None:
        """What is there when we begin to look is old; a project that appears later is new from its first event on."""
        project_id = record.project_id
        room = self.rooms.find(project_id)
        if room is not None and room.exists:
            self._known[project_id] = (room.epoch, room.offset)
        elif not new:
            try:
                head = await self._log.head(project_id)
            except StorageError:
                self._unread.add(project_id)
                return
            self._unread.discard(project_id)
            if head is not None:
                self._known[project_id] = (head.epoch, head.offset)
        self._followed[project_id] = self._log.follow(project_id, lambda head: self._on_head(project_id, head))
        if new:
            self.touched(project_id)

    def _on_head(self, project_id: str, head: Head | None) -> None:
        if head is None:
            self._known.pop(project_id, None)
            self._created.pop(project_id, None)
            self.touched(project_id)
        elif self.rooms.find(project_id) is None and (head.epoch, head.offset) != self._known.get(project_id):
            self.rooms.get(project_id)
            self.touched(project_id)


def describe_named(record: ProjectRecord) -> dict[str, Any]:
    """Return what a project with a name given by the user is called."""
    return {"project_id": record.project_id, "title": record.project_id, "path": None, "kind": "named"}


def summary_of(room: Room) -> dict[str, Any]:
    """Return the part of the info that the log decides."""
    return _position(room.epoch, room.tree.offset, room.at) | missions_of(room.tree)


def _stale_of(missions: list[dict[str, Any]], counted: Mapping[str, int]) -> dict[str, int]:
    """Never more than there are running: the log may have gone on since it was counted."""
    stale = {}
    for mission in missions if counted else ():
        mission_id = mission["mission_id"]
        count = min(counted.get(mission_id, 0), mission["rollup"]["counts"].get("running", 0))
        if count > 0:
            stale[mission_id] = count
    return stale


def _position(epoch: str, offset: int, at: int) -> dict[str, Any]:
    return {"epoch": epoch, "offset": offset, "at": at}


def _changes_frame(infos: dict[str, bytes | None]) -> bytes:
    changed = b",".join(info for info in infos.values() if info is not None)
    removed = encode([project_id for project_id, info in infos.items() if info is None])
    return text_frame(b'{"op":"projects","full":false,"projects":[%b],"removed":%b}' % (changed, removed))
