"""Which source last ran each task that may be open: read from the log, where events carry their source.

The fold doesn't keep that, and needn't: it is asked for only when a source is silent or gone. In a trimmed log an
attribute of the project says whose the open tasks are that began before.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import msgspec

from tasktree_jupyter.core.status import ENDED, TaskStatus, parse_status
from tasktree_jupyter.core.tree import TaskTree
from tasktree_jupyter.server.folding import READ_BYTES, READ_EVENTS, Pace
from tasktree_jupyter.storage.log import EventLog, Head

OPEN = frozenset({"draft", "ready", "running"})
"""What needs its process to go on. What is in review waits for somebody."""

KEPT: Final = "owners"
"""The attribute with the owners of what is open in a trimmed log."""

MAX_KEPT: Final = 10_000
"""So many of them, at most, are kept: attributes are read with every list of projects."""


class Held(msgspec.Struct, frozen=True):
    """What a source has open, and when it was last heard by the log (µs)."""

    at: int
    tasks: list[str]


class Kept(msgspec.Struct, frozen=True):
    """The owners as of `offset`, by source."""

    offset: int
    sources: dict[str, Held]


def kept_in(attributes: dict[str, Any]) -> Kept | None:
    """Return what a project's attributes say of the owners; None: nothing, or what makes no sense."""
    try:
        return msgspec.convert(attributes.get(KEPT), Kept)
    except msgspec.ValidationError:
        return None


class _Event(msgspec.Struct, gc=False):
    type: str
    at: int
    data: dict[str, Any]
    source: str | None = None


_decode = msgspec.json.Decoder(_Event).decode
_TYPES = frozenset({"node_update", "task_status_changed", "state_transition"})


class Owners:
    """The owners of one project's open tasks, read on from where it was last time."""

    def __init__(self, log: EventLog, project_id: str) -> None:
        self._log = log
        self._project_id = project_id
        self._forget()

    def _forget(self) -> None:
        self._epoch = ""
        self._began = 0
        self._offset = 0
        self._of: dict[str, str | None] = {}
        self._last_at: dict[str, int] = {}

    @property
    def position(self) -> tuple[str, int]:
        """Up to which epoch and offset the log was read."""
        return self._epoch, self._offset

    async def read(self, head: Head, start: int) -> None:
        """Read up to a log's head; what lies at or below `start` needn't be known. Raises StorageError."""
        known = self._offset >= head.trimmed and self._offset <= head.offset and self._began <= start
        if head.epoch != self._epoch or not known:
            await self._begin(head, start)
        pace = Pace()
        while self._offset < head.offset:
            after = max(self._offset, head.trimmed)
            events = await self._log.read(
                self._project_id, after, limit=READ_EVENTS, until=head.offset, max_bytes=READ_BYTES
            )
            if not events:
                break
            for event in events:
                # What can't be read has no effect in the fold either.
                with suppress(msgspec.MsgspecError):
                    each = _decode(event)
                    self.take(each.type, each.at, each.data, each.source)
                if pace.due():
                    await pace.rest()
            self._offset = after + len(events)

    async def _begin(self, head: Head, start: int) -> None:
        kept = kept_in(await self._log.attributes(self._project_id)) if start < head.trimmed else None
        self._forget()
        self._epoch = head.epoch
        if start >= head.trimmed:
            self._began = self._offset = start
            return
        # All that can be known: nothing is to be read again for who asks for more.
        self._offset = head.trimmed
        if kept is not None:
            self._offset = min(max(kept.offset, head.trimmed), head.offset)
            self.begin_with(kept.sources)

    def begin_with(self, sources: Mapping[str, Held]) -> None:
        """Take what was kept of the events before the first that is read."""
        for source, held in sources.items():
            self._last_at[source] = held.at
            self._of.update(dict.fromkeys(held.tasks, source))

    def take(self, kind: str, at: int, data: Mapping[str, Any], source: str | None) -> None:
        """Take the next event."""
        if source is not None:
            self._last_at[source] = at
        if kind not in _TYPES:
            return
        if kind == "node_update":
            node_id, changes = data.get("node_id"), data.get("changes")
            word = changes.get("status") if isinstance(changes, dict) else "completed"
        elif kind == "task_status_changed":
            node_id, word = data.get("task_id"), data.get("status")
        else:
            context = data.get("context")
            node_id, word = (context.get("node_id") if isinstance(context, dict) else None), data.get("to")
        if not isinstance(node_id, str):
            return
        status = parse_status(word) if isinstance(word, str) else None
        if status is None:
            # Who made it, until somebody says that it runs.
            self._of.setdefault(node_id, source)
        elif status in ENDED:
            self._of.pop(node_id, None)
        else:
            self._of[node_id] = source

    def kept(self, tree: TaskTree) -> dict[str, Held]:
        """Return what is to be kept of this before the events are let go: what runs first, if it can't be all.

        `tree`: what is open now; what isn't needs an event to be so again, and that will name its source.
        """
        running: list[tuple[str, str]] = []
        waiting: list[tuple[str, str]] = []
        for node_id, source in self._of.items():
            if source is not None and _is_open(tree, node_id):
                runs = tree.status_of(node_id) == TaskStatus.RUNNING
                (running if runs else waiting).append((node_id, source))
        sources: dict[str, Held] = {}
        for node_id, source in (running + waiting)[:MAX_KEPT]:
            sources.setdefault(source, Held(self._last_at.get(source, 0), [])).tasks.append(node_id)
        return sources

    def heard(self) -> dict[str, int]:
        """Return the sources that may have something open, each with when it was last heard by the log (µs)."""
        return {source: self._last_at.get(source, 0) for source in self._of.values() if source is not None}

    def last_at(self, source: str) -> int | None:
        """Return when a source was last heard by the log (µs since 1970); None: not in what was read."""
        return self._last_at.get(source)

    def open_tasks(self, tree: TaskTree, sources: frozenset[str]) -> dict[str, list[str]]:
        """Return the open tasks of each of these sources, the deepest first, else by id: alike on every server."""
        found: dict[str, list[tuple[int, str]]] = {}
        for node_id, source in self._of.items():
            if source in sources and _is_open(tree, node_id):
                found.setdefault(source, []).append((-_depth(tree, node_id), node_id))
        return {source: [node_id for _, node_id in sorted(tasks)] for source, tasks in found.items()}


def _is_open(tree: TaskTree, node_id: str) -> bool:
    status = tree.status_of(node_id) if node_id in tree else None
    return status in OPEN and not (status == "draft" and tree.node(node_id).get("placeholder"))


def _depth(tree: TaskTree, node_id: str) -> int:
    depth = 1
    while (above := tree.parent(node_id)) is not None:
        node_id, depth = above, depth + 1
    return depth
