"""The JSON schemas of the OpenAPI document. Those of events are the models' own (core/events.py)."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from tasktree_jupyter.core.events import EVENT_DATA
from tasktree_jupyter.core.shape import MAX_INTEGER
from tasktree_jupyter.core.status import TaskStatus

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
OPTIONAL_TEXT: Schema = {"type": ["string", "null"]}
COUNT: Schema = {"type": "integer", "minimum": 0, "maximum": MAX_INTEGER}
OPTIONAL_COUNT: Schema = {"type": ["integer", "null"], "minimum": 0, "maximum": MAX_INTEGER}
MICROSECONDS: Schema = {"type": "integer", "description": "Microseconds since 1970-01-01T00:00:00Z"}
TIME: Schema = {"type": "string", "description": "RFC 3339"}
STATUS: Schema = {"type": "string", "enum": [status.value for status in TaskStatus]}
NO_CONTROL = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"
PROJECT_ID: Schema = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": NO_CONTROL}
ID: Schema = {"type": "string", "minLength": 1, "maxLength": 500, "pattern": NO_CONTROL}
TAGS: Schema = {"type": ["array", "null"], "items": TEXT}


def ref(name: str) -> Schema:
    """Return a reference to one of `schemas()`."""
    return {"$ref": f"#/components/schemas/{name}"}


def an_object(required: Schema, optional: Schema | None = None, *, closed: bool = False, **more: Any) -> Schema:
    """Return the schema of an object; `closed`: it has no other fields."""
    schema: Schema = {"type": "object", "properties": required | (optional or {}), "required": list(required), **more}
    return schema | ({"additionalProperties": False} if closed else {})


def a_list(item: Schema) -> Schema:
    """Return the schema of an array."""
    return {"type": "array", "items": item}


def a_map(value: Schema) -> Schema:
    """Return the schema of an object with any keys."""
    return {"type": "object", "additionalProperties": value}


_POSITION = {"project_id": PROJECT_ID, "epoch": TEXT}
_MOMENT = an_object({"offset": COUNT, "at": MICROSECONDS})
_CHANGE = an_object(
    {
        "field": {"type": "string", "description": "Dotted; a dot within a key is \\., a backslash \\\\"},
        "from": {},
        "to": {},
    }
)
_DIFF_NODE = an_object(
    {"node_id": ID, "title": OPTIONAL_TEXT, "parent_id": {"type": ["string", "null"]}, "status": STATUS}
)


def _own() -> dict[str, Schema]:
    return {
        "Error": an_object(
            {
                "message": {"type": "string", "description": "For a person"},
                "reason": {"type": ["string", "null"], "description": "For a program, a word"},
                "field": {"type": ["string", "null"], "description": "What is to blame"},
            },
            {
                "expected": {"type": "integer", "description": "409: the seq that has to come next"},
                "trimmed": {"type": "integer", "description": "410: events up to here are gone"},
                "line": {"type": "integer", "description": "400: the line of an import, from 1"},
                "rejected": a_list(ref("Rejected")),
            },
        ),
        "Version": an_object(
            {
                "version": TEXT,
                "protocol": COUNT,
                "fold": COUNT,
                "python": TEXT,
                "storage": an_object(
                    {
                        "engine": TEXT,
                        "mode": TEXT,
                        "promise": TEXT,
                        "condition": {"enum": ["ok", "memory", "full", "readonly", "failing"]},
                    },
                    {
                        "banner": {"type": "string", "description": "What people must know unless the condition is ok"},
                        "data_dir": {"type": "string", "description": "This and the rest only for who may write"},
                        "filesystem": {"type": "string", "description": "The system's name for it; empty: unknown"},
                        "network": {"type": "boolean"},
                        "free_bytes": COUNT,
                        "damaged": {**a_list(TEXT), "description": "Damaged files, moved aside in data_dir"},
                        "unreadable": a_list(an_object({"file": TEXT, "message": TEXT})),
                    },
                ),
            }
        ),
        "Rollup": an_object(
            {
                **dict.fromkeys(("leaves", "total", "done", "progress", "failures"), COUNT),
                "counts": a_map(COUNT),
            },
        ),
        "Mission": an_object(
            {
                "mission_id": ID,
                "title": OPTIONAL_TEXT,
                "status": STATUS,
                "rollup": ref("Rollup"),
                "created_at": OPTIONAL_TEXT,
                "started_at": OPTIONAL_TEXT,
                "ended_at": OPTIONAL_TEXT,
            }
        ),
        "Missions": an_object(
            {
                "missions": a_list(ref("Mission")),
                "total": COUNT,
                "next": {"type": ["string", "null"], "description": "`before` of the next page"},
            }
        ),
        "Project": an_object(
            {
                "project_id": PROJECT_ID,
                "title": TEXT,
                "path": OPTIONAL_TEXT,
                "kind": {"enum": ["notebook", "script", "named"]},
                "created_at": MICROSECONDS,
                "epoch": TEXT,
                "offset": COUNT,
                "at": MICROSECONDS,
                "missions": {**a_list(ref("Mission")), "description": "The newest, at most 20"},
                "missions_total": COUNT,
            },
            {
                "sources": {
                    **a_list(ref("Source")),
                    "description": "Only of one project: who emits, or did and may again",
                },
                "stale": {
                    **a_map({**COUNT, "minimum": 1}),
                    "description": "Of these missions so many running leaves are stale; absent where none is",
                },
                "storage": {
                    **an_object({"kind": {"enum": ["locked", "damaged"]}, "message": TEXT}),
                    "description": "Only where the project's file isn't well, or wasn't within the last hour",
                },
            },
        ),
        "Source": an_object(
            {
                "source": ID,
                "host": OPTIONAL_TEXT,
                "pid": OPTIONAL_COUNT,
                "kernel_id": OPTIONAL_TEXT,
                "connected": {"type": "boolean"},
                "silent_since": {
                    "type": ["integer", "null"],
                    "description": "Microseconds since 1970; its open tasks are stale. null: it isn't silent",
                },
                "stale": {**COUNT, "description": "How many those are, at most 10 000"},
            }
        ),
        "Projects": an_object({"projects": a_list(ref("Project"))}),
        "Node": an_object({"node_id": ID, "status": STATUS, "rollup": ref("Rollup")}, {"parent_id": ID, "title": TEXT}),
        "StateOfProject": an_object(
            {
                "fold": COUNT,
                "offset": COUNT,
                "at": MICROSECONDS,
                "status": OPTIONAL_TEXT,
                "roots": a_list(ID),
                "agents": a_map({"type": "object"}),
                "orchestrators": a_map({"type": "object"}),
                "snapshots": a_map({"type": "object"}),
                "removed_snapshots": a_list(ID),
                "tombstones": a_list(ID),
                "dropped": COUNT,
                "overflow": COUNT,
                "flagged": an_object({"count": COUNT, "last": {"type": ["object", "null"]}}),
            }
        ),
        "State": an_object(
            {
                **_POSITION,
                "offset": COUNT,
                "at": MICROSECONDS,
                "state": ref("StateOfProject"),
                "nodes": {**a_list(ref("Node")), "description": "Parents first"},
            }
        ),
        "Diff": an_object(
            {
                **_POSITION,
                "from": _MOMENT,
                "to": _MOMENT,
                "added": a_list(_DIFF_NODE),
                "removed": a_list(_DIFF_NODE),
                "changed": a_list(an_object({"node_id": ID, "title": OPTIONAL_TEXT, "changes": a_list(_CHANGE)})),
                "project": a_list(_CHANGE),
                "counts": an_object(dict.fromkeys(("added", "removed", "changed"), COUNT)),
                "truncated": {"type": "boolean", "description": "The lists were cut; the counts are exact"},
            }
        ),
        "Event": an_object(
            {
                "type": TEXT,
                "data": {"type": "object"},
                "timestamp": TIME,
                "offset": COUNT,
                "at": MICROSECONDS,
            },
            {"project_id": PROJECT_ID, "source": OPTIONAL_TEXT, "seq": OPTIONAL_COUNT},
        ),
        "Events": an_object(
            {**_POSITION, "events": a_list(ref("Event")), "next": OPTIONAL_COUNT},
            {"trimmed": {**COUNT, "description": "Only backwards: events up to here are gone"}},
        ),
        "Series": an_object(
            {
                **_POSITION,
                "series": a_list(
                    an_object(
                        {
                            "node_id": ID,
                            "metric": TEXT,
                            "count": {**COUNT, "description": "How many points there were before they were thinned"},
                            "points": {
                                "type": "array",
                                "description": "Oldest first",
                                "items": {
                                    "type": "array",
                                    "items": {"type": ["number", "string", "null"]},
                                    "minItems": 3,
                                    "maxItems": 3,
                                    "description": "When, by the emitter's clock, in microseconds since 1970;"
                                    " the value, a text for `NaN` and infinities, null where it was taken away; and the"
                                    " `step`, `global_step`, `iteration` or `epoch` told with it, if any",
                                },
                            },
                        }
                    )
                ),
                "omitted": {**COUNT, "description": "How many more series there are"},
                "next": OPTIONAL_COUNT,
                "trimmed": {**COUNT, "description": "Events up to here are gone"},
            }
        ),
        "Rejected": an_object(
            {"index": COUNT, "code": TEXT, "field": TEXT, "message": TEXT, "reason": TEXT}, {"seq": COUNT}
        ),
        "Published": an_object(
            {
                "project_id": PROJECT_ID,
                "source": OPTIONAL_TEXT,
                "upto": OPTIONAL_COUNT,
                "epoch": OPTIONAL_TEXT,
                "offset": OPTIONAL_COUNT,
                "duplicates": COUNT,
                "rejected": a_list(ref("Rejected")),
            }
        ),
        "Snapshot": an_object(
            {
                "snapshot_id": ID,
                "name": OPTIONAL_TEXT,
                "tags": TAGS,
                "note": OPTIONAL_TEXT,
                "timestamp": TIME,
                "offset": COUNT,
                "at": MICROSECONDS,
            }
        ),
        "Snapshots": an_object({"snapshots": {**a_list(ref("Snapshot")), "description": "Oldest first"}}),
        "SnapshotFields": an_object({}, {"name": OPTIONAL_TEXT, "tags": TAGS, "note": OPTIONAL_TEXT}, closed=True),
        "NewSnapshot": an_object(
            {},
            {
                "snapshot_id": {**ID, "type": ["string", "null"]},
                "name": OPTIONAL_TEXT,
                "tags": TAGS,
                "note": OPTIONAL_TEXT,
            },
            closed=True,
        ),
        "Imported": an_object({**_POSITION, "offset": COUNT, "events": COUNT}),
    }


def schemas() -> dict[str, Schema]:
    """Return all schemas, by name."""
    models, definitions = models_json_schema(
        [(model, "validation") for model in EVENT_DATA.values()], ref_template="#/components/schemas/{model}"
    )
    envelopes = []
    for type, model in EVENT_DATA.items():
        if type == "events_dropped":
            continue  # the server's own
        data = models[(model, "validation")]
        envelopes.append(_envelope({"const": type}, data))
    known = {"enum": list(EVENT_DATA)}
    other = {"type": "string", "pattern": "^[a-z][a-z0-9_.-]{0,63}$", "maxLength": 64, "not": known}
    return {
        **_own(),
        **definitions["$defs"],
        "Envelope": {
            "oneOf": [*envelopes, _envelope(other, {"type": "object"})],
            "description": "An event to publish. Its rules, in words, are in docs/fold.md.",
        },
        "Publication": an_object(
            {"events": a_list(ref("Envelope"))},
            {
                "source": {**ID, "type": ["string", "null"]},
                "seq": {"type": ["integer", "null"], "minimum": 1, "maximum": MAX_INTEGER},
                "dropped": {"type": ["integer", "null"], "minimum": 0, "maximum": MAX_INTEGER},
            },
        ),
    }


def _envelope(type: Schema, data: Schema) -> Schema:
    optional = {
        "timestamp": {"type": ["string", "null"], "format": "date-time"},
        "project_id": {"type": ["string", "null"], "description": "The path's, where it is given"},
    }
    return an_object({"type": type, "data": data}, optional)
