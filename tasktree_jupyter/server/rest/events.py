"""The events of a project, page by page, forwards or backwards; what tasks measured; and publishing."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from tornado import web

from tasktree_jupyter.core.shape import MAX_INTEGER, is_event_type, is_id
from tasktree_jupyter.server.frames import encode
from tasktree_jupyter.server.publication import number_of_events
from tasktree_jupyter.server.rest.base import (
    PIECE_BYTES,
    BodyHandler,
    Refusal,
    TaskTreeHandler,
    project_id_of,
    refusing,
)
from tasktree_jupyter.server.rest.publish import publish_frame
from tasktree_jupyter.server.searching import LEVELS, EventFilter
from tasktree_jupyter.storage.log import Head, NoSuchProject

MAX_PAGE: Final = 10_000
DEFAULT_PAGE: Final = 1000
MAX_CONTAINS: Final = 1000
MAX_TYPES: Final = 50
MAX_NODE_IDS: Final = 200
MAX_METRICS: Final = 50
MIN_POINTS: Final = 8
MAX_POINTS: Final = 2000
DEFAULT_POINTS: Final = 200

FILTERS: Final = ("types", "node_id", "below", "contains", "level")


class PastHandler(TaskTreeHandler):
    """What the reads that go backwards through the log have in common."""

    def before(self) -> int | None:
        """Return the offset before which to begin; None: at the newest event. Raises Refusal."""
        given = self.get_query_argument("before", "now")
        if given == "now":
            return None
        if not re.fullmatch("[0-9]{1,15}", given, re.ASCII):
            raise Refusal(400, "before must be `now` or an offset", "range", "before")
        return int(given)

    def many(self, name: str, most: int) -> list[str]:
        """Return what a query parameter is given, which may come again and again. Raises Refusal."""
        given = self.get_query_arguments(name, strip=False)
        if len(given) > most:
            raise Refusal(400, f"{name} is given {len(given)} times; at most {most} are allowed", "too_many", name)
        return given

    def node_ids(self, most: int) -> list[str]:
        """Return the tasks that are asked for. Raises Refusal."""
        given = self.many("node_id", most)
        if not all(map(is_id, given)):
            message = "node_id must have 1 to 500 characters, none of them control characters"
            raise Refusal(400, message, "node_id", "node_id")
        return given


class EventsHandler(BodyHandler, PastHandler):
    """`GET` and `POST api/projects/{project_id}/events`."""

    @web.authenticated
    async def get(self, project_id: str) -> None:
        """Answer one page of events."""
        after, limit = self.number("after", 0, MAX_INTEGER), self.number("limit", DEFAULT_PAGE, MAX_PAGE)
        if any(self.get_query_arguments(name) for name in ("before", *FILTERS)):
            await self._back(project_id_of(project_id), after, limit)
            return
        log = self.manager.log
        with refusing("after"):
            head = await log.head(project_id_of(project_id))
            if head is None:
                raise NoSuchProject(project_id)
            await self.stream(self._on(project_id, head, after, limit))

    async def _on(self, project_id: str, head: Head, after: int, limit: int) -> AsyncIterator[bytes]:
        """Make the answer, some events at a time."""
        log, end = self.manager.log, min(after + limit, head.offset)
        events = await log.read(project_id, after, limit=limit, until=end, max_bytes=PIECE_BYTES)
        last = after + len(events)
        yield b'{"project_id":%b,"epoch":%b,"events":[%b' % (
            *(encode(project_id), encode(head.epoch)),
            b",".join(events),
        )
        while last < end:
            events = await log.read(project_id, last, limit=end - last, until=end, max_bytes=PIECE_BYTES)
            now = await log.head(project_id)
            if not events or now is None or now.epoch != head.epoch:
                raise NoSuchProject(project_id)
            yield b"," + b",".join(events)
            last += len(events)
        yield b'],"next":%b}' % encode(last if after < last < head.offset else None)

    async def _back(self, project_id: str, after: int, limit: int) -> None:
        before = self.before()
        with refusing("before"):
            wanted = await self._filter(project_id)
            page = await self.manager.searches.events(project_id, before, after, limit, wanted)
            end = b'],"next":%b,"trimmed":%b}' % (encode(page.next), encode(page.head.trimmed))
            pieces = deque([b'{"project_id":%b,"epoch":%b,"events":[' % (encode(project_id), encode(page.head.epoch))])
            pieces.extend(b"," + event if number else event for number, event in enumerate(page.events))
            pieces.append(end)
            del page
            with self.manager.answers.held() as held:
                held.add(sum(map(len, pieces)))
                await self.send(held, pieces)

    async def _filter(self, project_id: str) -> EventFilter | None:
        if not any(self.get_query_arguments(name) for name in FILTERS):
            return None
        types = self.many("types", MAX_TYPES)
        if not all(map(is_event_type, types)):
            raise Refusal(400, "types must match ^[a-z][a-z0-9_.-]{0,63}$", "types", "types")
        level = self.get_query_argument("level", None)
        if level is not None and level not in LEVELS:
            raise Refusal(400, f"level must be one of {', '.join(LEVELS)}", "level", "level")
        contains = self.get_query_argument("contains", "", strip=False)
        if len(contains) > MAX_CONTAINS:
            raise Refusal(400, f"contains must have at most {MAX_CONTAINS} characters", "too_large", "contains")
        below = self.get_query_argument("below", "false")
        if below not in ("true", "false"):
            raise Refusal(400, "below must be true or false", "below", "below")
        node_ids: set[str] | None = set(self.node_ids(MAX_NODE_IDS)) or None
        if node_ids and below == "true":
            for node_id in tuple(node_ids):
                node_ids |= await self.manager.searches.at_or_below(project_id, node_id)
        return EventFilter(types, node_ids, contains, level)

    @web.authenticated
    async def post(self, project_id: str) -> None:
        """Publish."""
        with refusing():
            body, careful = self.read_object()
            frame = body if "events" in body else {"events": [body]}
            self.count_events(number_of_events(frame))
            outcome = await publish_frame(
                self.manager,
                {**frame, "project_id": project_id_of(project_id)},
                careful=careful,
                size=len(self.body),
            )
        self.answer(outcome, 201)


class SeriesHandler(PastHandler):
    """`GET api/projects/{project_id}/series`."""

    @web.authenticated
    async def get(self, project_id: str) -> None:
        """Answer what the metrics of some tasks were."""
        node_ids, metrics = self.node_ids(MAX_NODE_IDS), self.many("metric", MAX_METRICS)
        if not node_ids:
            raise Refusal(400, "node_id is missing; it names a task, and may come again", "missing", "node_id")
        points = self.number("points", DEFAULT_POINTS, MAX_POINTS, MIN_POINTS)
        before = self.before()
        with refusing("before"):
            measured = await self.manager.searches.series(
                project_id_of(project_id), frozenset(node_ids), frozenset(metrics), before, points
            )
        with refusing():
            await self.answer_long(
                {
                    "project_id": project_id,
                    "epoch": measured.head.epoch,
                    "series": [msgspec.to_builtins(series) for series in measured.series],
                    "omitted": measured.omitted,
                    "next": measured.next,
                    "trimmed": measured.head.trimmed,
                }
            )
