"""The log read backwards, from the newest event to the first: what matches, and what tasks measured.

Nothing is indexed: events are looked through, so many in one request (`max_scanned_events`), a few milliseconds at a
time. Where that wasn't enough the answer says where to go on, also if nothing matched.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from tasktree_jupyter.core.series import Point, reported_by, step_of, thinned
from tasktree_jupyter.core.shape import Problem, ProblemError
from tasktree_jupyter.core.times import parse_time
from tasktree_jupyter.server.folding import READ_BYTES, READ_EVENTS, Pace, decode_event
from tasktree_jupyter.server.frames import encode
from tasktree_jupyter.server.history import History
from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.moments import NOW
from tasktree_jupyter.storage.log import EventLog, Head, NoSuchProject, StorageError, Trimmed

LEVELS: Final = ("debug", "info", "warning", "error", "critical")

PAGE_BYTES: Final = 4 * 1024 * 1024
"""A page ends early once its events are as large as this."""

MOST_SERIES: Final = 1000
"""How many series one answer has; what is beyond is counted."""

MOST_POINTS: Final = 500_000
"""With so many points in memory an answer ends early."""

_TURNS: Final = 4
"""How many look through logs at the same time; the others wait."""

_FEW: Final = 8
"""So many ids are looked for in an event's bytes before it is decoded."""


class Page(msgspec.Struct, frozen=True):
    """Events, newest first. `next`: the offset before which to go on; None: there is nothing more."""

    head: Head
    events: list[bytes]
    next: int | None


class Series(msgspec.Struct, frozen=True):
    """One metric of one task, oldest first. `count` is how many points there were before they were thinned."""

    node_id: str
    metric: str
    count: int
    points: list[Point]


class Measured(msgspec.Struct, frozen=True):
    """The series of some tasks. `omitted`: how many more there are. `next`: as in a page."""

    head: Head
    series: list[Series]
    omitted: int
    next: int | None


class EventFilter:
    """Which events somebody wants. What isn't given isn't asked for.

    Args:
        types: these types.
        node_ids: about one of these tasks: named as `data.node_id`, `data.task_id` or `data.context.node_id`.
        contains: with this text in the type or anywhere in the data, in a key, a text or a number; case doesn't count.
        level: log lines of at least this level; events of other types are as wanted as before.
    """

    def __init__(
        self,
        types: Collection[str] = (),
        node_ids: Collection[str] | None = None,
        contains: str = "",
        level: str | None = None,
    ) -> None:
        self._types = frozenset(types)
        self._node_ids = None if node_ids is None else frozenset(node_ids)
        self._text = contains.casefold()
        self._levels = frozenset(LEVELS[LEVELS.index(level) :]) if level else None
        self._type_marks = [b'"type":' + encode(type) for type in self._types]
        few = self._node_ids is not None and len(self._node_ids) <= _FEW
        self._id_marks = [encode(node_id) for node_id in self._node_ids or ()] if few else None
        # As it stands in JSON.
        self._text_mark = encode(contains)[1:-1].decode().casefold()

    def matches(self, event: bytes) -> bool:
        """Return whether this event of the log is wanted. Most are turned away by their bytes."""
        if self._type_marks and not any(mark in event for mark in self._type_marks):
            return False
        if self._id_marks is not None and not any(mark in event for mark in self._id_marks):
            return False
        if self._text_mark and self._text_mark not in event.decode().casefold():
            return False
        return self._is_wanted(decode_event(event))

    def _is_wanted(self, event: dict[str, Any]) -> bool:
        type, data = event["type"], event["data"]
        if self._types and type not in self._types:
            return False
        if self._levels is not None and type == "node_log" and data.get("level") not in self._levels:
            return False
        if self._node_ids is not None and node_of(data) not in self._node_ids:
            return False
        return not self._text or any(self._text in text.casefold() for text in _texts([type, data]))


def node_of(data: dict[str, Any]) -> str | None:
    """Return the task that an event's data is about."""
    context = data.get("context")
    inner = context.get("node_id") if isinstance(context, dict) else None
    for named in (data.get("node_id"), data.get("task_id"), inner):
        if isinstance(named, str):
            return named
    return None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif value is not None:
        yield encode(value).decode()


class Searches:
    """Looks through a log's projects. Belongs to the loop."""

    def __init__(self, log: EventLog, history: History, limits: Limits) -> None:
        self._log = log
        self._history = history
        self._limits = limits
        self._turn = asyncio.Semaphore(_TURNS)
        self._asked = 0

    async def events(
        self, project_id: str, before: int | None, after: int, limit: int, wanted: EventFilter | None
    ) -> Page:
        """Return the newest events with `after < offset < before` (None: from the newest on) that are wanted.

        Raises:
            NoSuchProject: or another StorageError.
            ProblemError: code `busy`: too many search at the same time.
        """
        found: list[bytes] = []
        size = 0

        def take(event: bytes) -> bool:
            nonlocal size
            if wanted is None or wanted.matches(event):
                found.append(event)
                size += len(event)
            return len(found) < limit and size < PAGE_BYTES

        head, following = await self._back(
            project_id, before, after, take, paced=wanted is not None, wants_any=limit > 0
        )
        return Page(head, found, following)

    async def series(
        self, project_id: str, node_ids: Collection[str], metrics: Collection[str], before: int | None, points: int
    ) -> Measured:
        """Return what these metrics (all, if none is named) of these tasks were, at most `points` of each.

        Raises as `events` does.
        """
        marks = [encode(node_id) for node_id in node_ids] if len(node_ids) <= _FEW else None
        found: dict[tuple[str, str], list[Point]] = {}
        beyond: set[tuple[str, str]] = set()
        total = 0

        def take(event: bytes) -> bool:
            nonlocal total
            if marks is not None and not any(mark in event for mark in marks):
                return True
            reported = reported_by(event)
            if reported is None or reported.node_id not in node_ids:
                return True
            time, step = parse_time(reported.timestamp), step_of(reported.metrics)
            for metric, value in reported.metrics.items():
                key = (reported.node_id, metric)
                if metrics and metric not in metrics:
                    continue
                if key not in found and len(found) >= MOST_SERIES:
                    beyond.add(key)
                    continue
                found.setdefault(key, []).append((time or 0, value, step))
                total += 1
            return total < MOST_POINTS

        head, following = await self._back(project_id, before, 0, take, paced=True)
        series = []
        pace = Pace()
        for (node_id, metric), back in found.items():
            back.reverse()
            series.append(Series(node_id, metric, len(back), thinned(back, points)))
            if pace.due():
                await pace.rest()
        return Measured(head, series, len(beyond), following)

    async def at_or_below(self, project_id: str, node_id: str) -> set[str]:
        """Return a task with all that stands below it now; one that isn't in the tree stands alone."""
        below = {node_id}
        async with self._history.at(project_id, NOW) as past:
            if node_id in past.tree:
                pace = Pace()
                for number, each in enumerate(past.tree.walk(node_id)):
                    below.add(each)
                    if number % 1000 == 999 and pace.due():
                        await pace.rest()
        return below

    async def _back(
        self,
        project_id: str,
        before: int | None,
        after: int,
        take: Callable[[bytes], bool],
        *,
        paced: bool,
        wants_any: bool = True,
    ) -> tuple[Head, int | None]:
        """Hand events over, newest first, until `take` has enough; return the head, and where to go on."""
        async with self._counted():
            head = await self._log.head(project_id)
            if head is None:
                raise NoSuchProject(project_id)
            top = head.offset + 1 if before is None else min(before, head.offset + 1)
            lowest = max(after, head.trimmed, top - 1 - self._limits.max_scanned_events)
            pace = Pace()
            span = READ_EVENTS
            while wants_any and top - 1 > lowest:
                start = max(lowest, top - 1 - span)
                try:
                    events = await self._log.read(project_id, start, limit=span, until=top - 1, max_bytes=READ_BYTES)
                except Trimmed as gone:
                    return msgspec.structs.replace(head, trimmed=gone.trimmed), None
                if not events:
                    raise StorageError(f"{project_id!r} was deleted and made again meanwhile; ask again")
                if len(events) < top - 1 - start:
                    # They are large: as many of the last.
                    span = len(events)
                    continue
                span = min(2 * span, READ_EVENTS)
                while events:
                    top -= 1
                    if not take(events.pop()):
                        return head, _next(top, after, head)
                    if paced and top % 50 == 0 and pace.due():
                        await pace.rest()
                top = start + 1
            return head, _next(top, after, head)

    @asynccontextmanager
    async def _counted(self) -> AsyncIterator[None]:
        if self._asked >= self._limits.max_reads:
            message = f"{self._asked} searches are under way, as many as are allowed (max_reads); try again"
            raise ProblemError(Problem("busy", "", message, "max_reads"))
        self._asked += 1
        try:
            async with self._turn:
                yield
        finally:
            self._asked -= 1


def _next(top: int, after: int, head: Head) -> int | None:
    return top if top - 1 > max(after, head.trimmed) else None
