"""An engine that keeps everything in this process: for a folder that can't be written, and for tests."""

from __future__ import annotations

import asyncio
import secrets
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from tasktree_jupyter.storage.admission import check_batches, judge, within
from tasktree_jupyter.storage.followers import Followers
from tasktree_jupyter.storage.log import (
    Batch,
    Commit,
    EventLog,
    Head,
    NoSuchProject,
    OnHead,
    Pin,
    ProjectRecord,
    StorageError,
    StoredFold,
    Trimmed,
    is_staged,
)
from tasktree_jupyter.storage.thinning import surplus


class _Project:
    """One project's log. `events[i]` has the offset `trimmed + i + 1`."""

    def __init__(self, created_at: int) -> None:
        self.epoch = secrets.token_hex(8)
        self.created_at = created_at
        self.events: list[bytes] = []
        self.ats: list[int] = []
        self.trimmed = 0
        self.trimmed_at = 0
        self.upto: dict[str, int] = {}
        self.folds: dict[tuple[int, int], StoredFold] = {}
        self.pins: dict[str, int] = {}
        self.attributes: dict[str, bytes] = {}

    def head(self) -> Head:
        at = self.ats[-1] if self.ats else self.trimmed_at
        return Head(self.epoch, self.trimmed, self.trimmed + len(self.events), at)


class MemoryLog(EventLog):
    """The event log in memory."""

    def __init__(self) -> None:
        self._projects: dict[str, _Project] = {}
        self._followers: Followers | None = None

    @property
    def engine(self) -> str:
        """Always `memory`."""
        return "memory"

    @property
    def mode(self) -> str:
        """Always `memory`."""
        return "memory"

    @property
    def promise(self) -> str:
        """What acknowledged means here."""
        return "Acknowledged means held in the memory of this server: it is gone when the server stops."

    async def start(self) -> None:
        """Bind to the running loop."""
        self._followers = Followers(asyncio.get_running_loop())

    async def close(self) -> None:
        """Stop following, and forget everything."""
        self._followers = None
        self._projects.clear()

    async def append(self, project_id: str, batches: Sequence[Batch], *, now: int) -> Commit:
        """See `EventLog.append`."""
        followers = self._opened()
        check_batches(batches)
        project = self._projects.get(project_id)
        if project is None:
            project = self._projects[project_id] = _Project(now)
        before = project.head()
        at = max(now, before.at)
        judged = judge(batches, lambda source: project.upto.get(source, 0), before.offset, at)
        project.events.extend(judged.events)
        project.ats.extend([at] * len(judged.events))
        project.upto.update(judged.upto)
        head = project.head()
        followers.moved(project_id, head)
        return Commit(
            project_id=project_id,
            epoch=head.epoch,
            first_offset=before.offset + 1,
            last_offset=head.offset,
            at=head.at,
            events=judged.events,
            results=judged.results,
        )

    async def begin(self, project_id: str, base: StoredFold, *, now: int) -> None:
        """See `EventLog.begin`."""
        followers = self._opened()
        if project_id in self._projects:
            raise StorageError(f"there is a project {project_id!r}", retryable=False)
        project = self._projects[project_id] = _Project(now)
        project.trimmed, project.trimmed_at = base.offset, base.at
        project.folds[base.version, base.offset] = base
        followers.moved(project_id, project.head())

    async def adopt(self, staged: str, project_id: str, *, replace: bool = False) -> Head | None:
        """See `EventLog.adopt`."""
        followers = self._opened()
        project, before = self._get(staged), self._projects.get(project_id)
        if before is not None and not replace:
            if before.head().offset:
                return None
            project.attributes |= before.attributes
        del self._projects[staged]
        self._projects[project_id] = project
        followers.moved(project_id, project.head())
        return project.head()

    async def head(self, project_id: str) -> Head | None:
        """See `EventLog.head`."""
        project = self._find(project_id)
        return None if project is None else project.head()

    async def read(
        self, project_id: str, after: int, *, limit: int, until: int | None = None, max_bytes: int | None = None
    ) -> list[bytes]:
        """See `EventLog.read`."""
        project = self._get(project_id)
        if after < project.trimmed:
            raise Trimmed(project_id, project.trimmed)
        start = after - project.trimmed
        end = start + max(limit, 0)
        if until is not None:
            end = min(end, max(until - project.trimmed, 0))
        return within(project.events[start:end], max_bytes)

    async def at_of(self, project_id: str, offset: int) -> int | None:
        """See `EventLog.at_of`."""
        project = self._find(project_id)
        if project is None or not project.trimmed <= offset <= project.trimmed + len(project.ats):
            return None
        return project.trimmed_at if offset == project.trimmed else project.ats[offset - project.trimmed - 1]

    async def offset_at(self, project_id: str, at: int) -> int:
        """See `EventLog.offset_at`."""
        project = self._get(project_id)
        return project.trimmed + bisect_right(project.ats, at)

    def follow(self, project_id: str, on_head: OnHead) -> Callable[[], None]:
        """See `EventLog.follow`."""
        followers = self._opened()
        stop = followers.add(project_id, on_head)
        project = self._projects.get(project_id)
        if project is not None:
            followers.moved(project_id, project.head())
        return stop

    async def save_fold(self, project_id: str, epoch: str, fold: StoredFold) -> None:
        """See `EventLog.save_fold`."""
        project = self._find(project_id)
        if project is None or project.epoch != epoch:
            return
        project.folds[fold.version, fold.offset] = fold
        if project.trimmed == 0:
            newest = max(version for version, _ in project.folds)
            project.folds = {key: kept for key, kept in project.folds.items() if key[0] == newest}
        offsets = [offset for version, offset in project.folds if version == fold.version]
        for offset in surplus(offsets, project.pins.values(), project.trimmed):
            del project.folds[fold.version, offset]

    async def fold_below(self, project_id: str, offset: int | None, *, version: int | None = None) -> StoredFold | None:
        """See `EventLog.fold_below`."""
        project = self._find(project_id)
        folds = [] if project is None else project.folds.values()
        fitting = [
            fold
            for fold in folds
            if (offset is None or fold.offset <= offset) and (version is None or fold.version == version)
        ]
        return max(fitting, key=lambda fold: (fold.offset, fold.version), default=None)

    async def fold_offsets(self, project_id: str, *, version: int) -> list[int]:
        """See `EventLog.fold_offsets`."""
        project = self._find(project_id)
        return [] if project is None else sorted(offset for of, offset in project.folds if of == version)

    async def upto(self, project_id: str, source: str) -> int:
        """See `EventLog.upto`."""
        project = self._find(project_id)
        return 0 if project is None else project.upto.get(source, 0)

    async def attributes(self, project_id: str) -> dict[str, Any]:
        """See `EventLog.attributes`."""
        project = self._find(project_id)
        return {} if project is None else _decoded(project)

    async def set_attributes(self, project_id: str, patch: Mapping[str, Any]) -> None:
        """See `EventLog.set_attributes`."""
        followers = self._opened()
        encoded = {key: None if value is None else msgspec.json.encode(value) for key, value in patch.items()}
        project = self._projects.get(project_id)
        if project is None:
            project = self._projects[project_id] = _Project(time.time_ns() // 1000)
            followers.moved(project_id, project.head())
        for key, value in encoded.items():
            if value is None:
                project.attributes.pop(key, None)
            else:
                project.attributes[key] = value

    async def projects(self) -> list[ProjectRecord]:
        """See `EventLog.projects`."""
        self._opened()
        records = [
            ProjectRecord(name, held.created_at, _decoded(held))
            for name, held in self._projects.items()
            if not is_staged(name)
        ]
        return sorted(records, key=lambda record: (record.created_at, record.project_id))

    async def pin(self, project_id: str, offset: int, name: str) -> None:
        """See `EventLog.pin`."""
        self._get(project_id).pins[name] = offset

    async def unpin(self, project_id: str, name: str) -> None:
        """See `EventLog.unpin`."""
        project = self._find(project_id)
        if project is not None:
            project.pins.pop(name, None)

    async def pins(self, project_id: str) -> list[Pin]:
        """See `EventLog.pins`."""
        project = self._find(project_id)
        pins = [] if project is None else [Pin(name, offset) for name, offset in project.pins.items()]
        return sorted(pins, key=lambda pin: (pin.offset, pin.name))

    async def trim(self, project_id: str, offset: int) -> None:
        """See `EventLog.trim`."""
        project = self._get(project_id)
        gone = min(offset - project.trimmed, len(project.events))
        if gone <= 0:
            return
        project.trimmed_at = project.ats[gone - 1]
        project.trimmed += gone
        del project.events[:gone], project.ats[:gone]
        self._opened().moved(project_id, project.head())

    async def delete(self, project_id: str) -> bool:
        """See `EventLog.delete`."""
        followers = self._opened()
        if self._projects.pop(project_id, None) is None:
            return False
        followers.moved(project_id, None)
        return True

    def _opened(self) -> Followers:
        if self._followers is None:
            raise StorageError("the log is closed", retryable=False)
        return self._followers

    def _find(self, project_id: str) -> _Project | None:
        self._opened()
        return self._projects.get(project_id)

    def _get(self, project_id: str) -> _Project:
        project = self._find(project_id)
        if project is None:
            raise NoSuchProject(project_id)
        return project


def _decoded(project: _Project) -> dict[str, Any]:
    return {key: msgspec.json.decode(value) for key, value in project.attributes.items()}
