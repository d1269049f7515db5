"""What each verb of each resource takes and answers, in words for the OpenAPI document."""

from __future__ import annotations

from typing import Any

import msgspec

from tasktree_jupyter.core.shape import MAX_INTEGER
from tasktree_jupyter.server.importing import MEDIA_TYPE
from tasktree_jupyter.server.rest import events, missions
from tasktree_jupyter.server.rest.schemas import ID, PROJECT_ID, Schema
from tasktree_jupyter.server.searching import LEVELS

JSON = "application/json"

_DAY = "[1-9][0-9]{3}-((0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-9])|(0[13-9]|1[0-2])-30|(0[13578]|1[02])-31)"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])?"

MOMENT_SCHEMA: Schema = {
    "type": "string",
    "pattern": f"^(now|offset:[0-9]{{1,15}}|at:-?[0-9]{{1,15}}|at:{_DAY}T{_CLOCK}|snapshot:.+)$",
    "examples": ["now", "offset:4711", "at:2026-01-31T14:02:00Z", "snapshot:before tuning"],
}
MOMENT_WORDS = (
    "A moment: `now`, `offset:4711`, `at:2026-01-31T14:02:00Z` (RFC 3339, or microseconds since 1970: the last offset"
    " committed at or before it), or `snapshot:` and a snapshot's id or name (the newest of that name)."
)


class Parameter(msgspec.Struct, frozen=True):
    """A parameter in the query, or, with `place` "path", in the path."""

    name: str
    schema: Schema
    words: str
    place: str = "query"
    required: bool = False


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One verb of one resource. `answers`: the schema by status, None for no body; errors are added by `errors`."""

    summary: str
    answers: dict[int, str | None]
    words: str = ""
    query: tuple[Parameter, ...] = ()
    body: str | None = None
    body_required: bool = True
    body_type: str = JSON
    answer_type: str = JSON
    errors: tuple[int, ...] = ()


PATH = {
    "project_id": Parameter("project_id", PROJECT_ID, "Percent-encoded, also its slashes.", "path", True),
    "mission_id": Parameter("mission_id", ID, "The id of the run's root node, percent-encoded.", "path", True),
    "snapshot_id": Parameter("snapshot_id", ID, "Percent-encoded.", "path", True),
}


def _moment(name: str, words: str, *, required: bool = False) -> Parameter:
    return Parameter(name, MOMENT_SCHEMA, f"{words} {MOMENT_WORDS}", required=required)


def _limit(most: int, default: int, least: int = 0) -> Parameter:
    schema = {"type": "integer", "minimum": least, "maximum": most, "default": default}
    return Parameter("limit", schema, "How many at most.")


_AFTER = Parameter(
    "after", {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER, "default": 0}, "The offset to go on from."
)
_BEFORE_OFFSET = Parameter(
    "before",
    {"type": "string", "pattern": "^(now|[0-9]{1,15})$", "examples": ["now", "4711"]},
    "Backwards from here: `now`, the newest event, or an offset, `next` of the page before.",
)
_NODE_IDS: Schema = {"type": "array", "items": ID, "maxItems": events.MAX_NODE_IDS}
_BEFORE = Parameter("before", ID, "The mission after which the page begins: `next` of the page before.")

OPERATIONS: dict[str, dict[str, Operation]] = {
    "version": {"GET": Operation(summary="What this server is", answers={200: "Version"})},
    "openapi.json": {"GET": Operation(summary="This document", answers={200: "Document"})},
    "projects": {"GET": Operation(summary="All projects, oldest first", answers={200: "Projects"})},
    "projects/{project_id}": {
        "GET": Operation(summary="One project", answers={200: "Project"}, errors=(404,)),
        "DELETE": Operation(
            summary="Delete a project with all it has",
            words="Those who follow it are told `gone`. What a living emitter sends afterwards makes it anew.",
            answers={204: None},
            errors=(404,),
        ),
    },
    "projects/{project_id}/state": {
        "GET": Operation(
            summary="The whole state at a moment",
            query=(_moment("moment", "Which state; by default the newest."),),
            answers={200: "State"},
            errors=(404, 410),
        )
    },
    "projects/{project_id}/diff": {
        "GET": Operation(
            summary="What differs between two moments",
            query=(
                _moment("from", "The one.", required=True),
                _moment("to", "The other; by default now."),
            ),
            answers={200: "Diff"},
            errors=(404, 410),
        )
    },
    "projects/{project_id}/events": {
        "GET": Operation(
            summary="The log, page by page",
            words="Forwards; with `before` or a filter backwards, the newest event first. A search looks"
            " through so many events (`max_scanned_events`) and then answers what it has found, if anything: go on with"
            " `before` = `next` until that is null.",
            query=(
                _AFTER,
                _limit(events.MAX_PAGE, events.DEFAULT_PAGE),
                _BEFORE_OFFSET,
                Parameter(
                    "types",
                    {
                        "type": "array",
                        "items": {"type": "string", "pattern": "^[a-z][a-z0-9_.-]{0,63}$"},
                        "maxItems": events.MAX_TYPES,
                    },
                    "Only events of this type. May come again.",
                ),
                Parameter("node_id", _NODE_IDS, "Only events about this task. May come again."),
                Parameter(
                    "below",
                    {"type": "string", "enum": ["true", "false"], "default": "false"},
                    "With `node_id`: or about what stands below it now.",
                ),
                Parameter(
                    "contains",
                    {"type": "string", "maxLength": events.MAX_CONTAINS},
                    "Only events with this text in their type or data, in whichever case.",
                ),
                Parameter(
                    "level", {"type": "string", "enum": list(LEVELS)}, "Of log lines only those of this level or above."
                ),
            ),
            answers={200: "Events"},
            errors=(404, 410),
        ),
        "POST": Operation(
            summary="Publish",
            words="One envelope, or several. The project is made if it isn't there. 400 if every event was rejected.",
            body="EventsToPublish",
            answers={201: "Published"},
            errors=(404, 409, 413, 429),
        ),
    },
    "projects/{project_id}/series": {
        "GET": Operation(
            summary="Metrics of tasks over time",
            words="Read backwards from the newest event, as a search through the events is. Of each stretch the lowest"
            " and the highest value stay, so no spike is lost.",
            query=(
                Parameter("node_id", {**_NODE_IDS, "minItems": 1}, "The task. May come again.", required=True),
                Parameter(
                    "metric",
                    {"type": "array", "items": {"type": "string"}, "maxItems": events.MAX_METRICS},
                    "Only this metric. May come again.",
                ),
                Parameter(
                    "points",
                    {
                        "type": "integer",
                        "minimum": events.MIN_POINTS,
                        "maximum": events.MAX_POINTS,
                        "default": events.DEFAULT_POINTS,
                    },
                    "How many points of a series at most.",
                ),
                _BEFORE_OFFSET,
            ),
            answers={200: "Series"},
            errors=(404,),
        )
    },
    "projects/{project_id}/missions": {
        "GET": Operation(
            summary="The runs, newest first",
            query=(_limit(missions.MAX_PAGE, missions.DEFAULT_PAGE, 1), _BEFORE),
            answers={200: "Missions"},
            errors=(404,),
        )
    },
    "projects/{project_id}/missions/{mission_id}": {
        "GET": Operation(
            summary="One run's nodes at a moment",
            query=(_moment("moment", "Which state; by default the newest."),),
            answers={200: "State"},
            errors=(404, 410),
        ),
        "DELETE": Operation(
            summary="Remove a run from the tree",
            words="Its events stay in the log.",
            answers={204: None},
            errors=(404, 429),
        ),
    },
    "projects/{project_id}/snapshots": {
        "GET": Operation(summary="The snapshots, oldest first", answers={200: "Snapshots"}, errors=(404,)),
        "POST": Operation(
            summary="Name this moment, and keep the whole state at it",
            words="The id is made up if none is given. 409: it is, or was, used.",
            body="NewSnapshot",
            body_required=False,
            answers={201: "Snapshot"},
            errors=(404, 409, 413, 429),
        ),
    },
    "projects/{project_id}/snapshots/{snapshot_id}": {
        "GET": Operation(summary="One snapshot", answers={200: "Snapshot"}, errors=(404,)),
        "PATCH": Operation(
            summary="Change a snapshot's name, tags or note",
            words="A merge patch: null takes one away, what isn't named stays.",
            body="SnapshotFields",
            body_required=False,
            answers={200: "Snapshot"},
            errors=(404, 409, 413, 429),
        ),
        "DELETE": Operation(
            summary="Remove a snapshot", words="Its id stays used.", answers={204: None}, errors=(404, 429)
        ),
    },
    "projects/{project_id}/export": {
        "GET": Operation(
            summary="The whole log as JSON Lines",
            words="The first line says what follows, then comes an event a line. Streamed.",
            answers={200: "Lines"},
            answer_type=MEDIA_TYPE,
            errors=(404,),
        )
    },
    "projects/{project_id}/import": {
        "POST": Operation(
            summary="Make a project from an export",
            words="Offsets, times, sources and their numbers stay, the epoch is new. All or nothing. 409: it has events"
            " already. 400 names the line.",
            query=(
                Parameter(
                    "replace",
                    {"type": "string", "enum": ["true", "false"], "default": "false"},
                    "Also in place of a project that has events, all at once. Needs the right to delete it.",
                ),
            ),
            body="Lines",
            body_type=MEDIA_TYPE,
            answers={201: "Imported"},
            errors=(409, 413),
        )
    },
}
"""By the paths of `routes.RESOURCES`."""


def extra_schemas() -> dict[str, Any]:
    """Return the schemas of bodies that are no objects of ours."""
    return {
        "Document": {"type": "object", "required": ["openapi", "info", "paths"]},
        "Lines": {"type": "string"},
        "EventsToPublish": {
            "anyOf": [{"$ref": "#/components/schemas/Publication"}, {"$ref": "#/components/schemas/Envelope"}]
        },
    }
