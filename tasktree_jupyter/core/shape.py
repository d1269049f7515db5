"""What makes an event valid by its shape alone (docs/fold.md, Shape), checked by hand: it runs for every event.

`events.py` says the same as pydantic models; a property test holds the two together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from tasktree_jupyter.core.problem import Problem as Problem
from tasktree_jupyter.core.problem import ProblemError as ProblemError
from tasktree_jupyter.core.problem import invalid, shown
from tasktree_jupyter.core.sanitise import MAX_INTEGER as MAX_INTEGER
from tasktree_jupyter.core.sanitise import MAX_NESTING as MAX_NESTING
from tasktree_jupyter.core.sanitise import nests_deeper
from tasktree_jupyter.core.sanitise import sanitise as sanitise
from tasktree_jupyter.core.status import STATUS_WORDS, TaskStatus
from tasktree_jupyter.core.times import normalise_time, parse_time

MAX_EXPECTED: Final = 1_000_000_000
MAX_ID: Final = 500
MAX_PROJECT_ID: Final = 200
MAX_STATE_NAME: Final = 200
LOG_LEVELS: Final = ("debug", "info", "warning", "error", "critical")
NON_FINITE: Final = frozenset({"NaN", "Infinity", "-Infinity"})
"""How a metric that JSON has no number for is written."""

_TYPE: Final = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")


def is_id(value: object) -> bool:
    """Return whether this is an id: a string of 1–500 characters, none of them a control character."""
    return isinstance(value, str) and 0 < len(value) <= MAX_ID and (value.isprintable() or not _CONTROL.search(value))


def is_project_id(value: object) -> bool:
    """Return whether this is a project id: an id of at most 200 characters, none a lone surrogate.

    In an event those are replaced before anything else; a project's name is taken as it is, and no file could hold it.
    """
    return (
        isinstance(value, str)
        and is_id(value)
        and len(value) <= MAX_PROJECT_ID
        and (value.isascii() or not _SURROGATE.search(value))
    )


def is_event_type(value: object) -> bool:
    """Return whether this can be the type of an event."""
    return isinstance(value, str) and _TYPE.fullmatch(value) is not None


def is_integer(value: object, low: int = -MAX_INTEGER, high: int = MAX_INTEGER) -> bool:
    """Return whether this is an integer in JSON's sense (`1.0` is one, `true` isn't) from `low` to `high`."""
    if isinstance(value, float):
        return value.is_integer() and low <= value <= high
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def check_envelope(envelope: object) -> Problem | None:
    """Return what is wrong with an envelope that somebody publishes, or None.

    Checks `type`, `project_id`, `data`, `timestamp` and the data by its type. `events_dropped` is the server's own.
    """
    if not isinstance(envelope, dict):
        return invalid("", "type", f"An event must be a JSON object, not {shown(envelope)}")
    kind = envelope.get("type")
    if kind is None:
        return invalid("type", "missing", "type is missing")
    if not is_event_type(kind):
        return invalid("type", "pattern", f"type is {shown(kind)}; it must match ^[a-z][a-z0-9_.-]{{0,63}}$")
    if kind == "events_dropped":
        return invalid("type", "reserved", "type is 'events_dropped', which only the server writes")
    project_id = envelope.get("project_id")
    if project_id is not None and (problem := _check_id(project_id, "project_id", MAX_PROJECT_ID)):
        return problem
    timestamp = envelope.get("timestamp")
    if timestamp is not None and normalise_time(timestamp) is None:
        return _not_a_time(timestamp, "timestamp")
    data = envelope.get("data")
    if data is None:
        return invalid("data", "missing", "data is missing")
    return check_data(kind, data)


def check_data(type: str, data: Any) -> Problem | None:
    """Return what is wrong with the data of an event of this type, or None. An unknown type may carry anything.

    `data` is decoded JSON: objects are dicts, arrays are lists.
    """
    if not isinstance(data, dict):
        return invalid("data", "type", f"data must be an object, not {shown(data)}")
    for value in data.values():
        kind = value.__class__
        if (kind is dict or kind is list) and nests_deeper(value, MAX_NESTING - 1):
            return invalid("data", "too_deep", f"data nests deeper than {MAX_NESTING} levels")
    check = _DATA.get(type)
    return None if check is None else check(data)


def _check_id(value: object, field: str, limit: int = MAX_ID) -> Problem | None:
    if is_id(value) and len(value) <= limit:  # type: ignore[arg-type]
        return None
    if value is None:
        return invalid(field, "missing", f"{field} is missing; it must be a string of 1 to {limit} characters")
    if not isinstance(value, str):
        return invalid(field, "type", f"{field} must be a string, not {shown(value)}")
    if not value:
        return invalid(field, "empty", f"{field} is empty; it must have 1 to {limit} characters")
    if len(value) > limit:
        return invalid(field, "too_long", f"{field} has {len(value)} characters; at most {limit} are allowed")
    return invalid(field, "control_character", f"{field} is {shown(value)}; control characters aren't allowed")


def _check_string(value: object, field: str) -> Problem | None:
    if isinstance(value, str):
        return None
    if value is None:
        return invalid(field, "missing", f"{field} is missing; it must be a string")
    return invalid(field, "type", f"{field} must be a string, not {shown(value)}")


def _check_status(value: object, field: str) -> Problem | None:
    if isinstance(value, str) and value in STATUS_WORDS:
        return None
    allowed = ", ".join(TaskStatus)
    if value is None:
        return invalid(field, "missing", f"{field} is missing; allowed: {allowed}")
    if not isinstance(value, str):
        return invalid(field, "type", f"{field} must be a string, not {shown(value)}; allowed: {allowed}")
    return invalid(field, "unknown_status", f"{field} is {shown(value)}, which is no status; allowed: {allowed}")


def _not_a_time(value: object, field: str) -> Problem:
    if not isinstance(value, str):
        return invalid(field, "type", f"{field} must be a string, not {shown(value)}")
    return invalid(
        field, "time", f"{field} is {shown(value)}, which is no time; write it like 2026-01-31T14:02:11.123456Z"
    )


def _check_time(value: object, field: str) -> Problem | None:
    return _not_a_time(value, field) if parse_time(value) is None else None


def _check_object(value: object, field: str) -> Problem | None:
    return None if isinstance(value, dict) else invalid(field, "type", f"{field} must be an object, not {shown(value)}")


def _check_links(value: object, field: str) -> Problem | None:
    if isinstance(value, (dict, list)):
        return None
    return invalid(field, "type", f"{field} must be an object or an array, not {shown(value)}")


def _integer_from(low: int, high: int = MAX_INTEGER) -> Callable[[object, str], Problem | None]:
    def check(value: object, field: str) -> Problem | None:
        if is_integer(value, low, high):
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return invalid(field, "type", f"{field} must be an integer, not {shown(value)}")
        return invalid(field, "range", f"{field} is {shown(value)}; it must be an integer from {low} to {high}")

    return check


def _check_progress(value: object, field: str) -> Problem | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return invalid(field, "type", f"{field} must be a number, not {shown(value)}")
    return None if 0 <= value <= 1 else invalid(field, "range", f"{field} is {shown(value)}; it must be from 0 to 1")


def _check_ids(value: object, field: str) -> Problem | None:
    if not isinstance(value, list):
        return invalid(field, "type", f"{field} must be an array of ids, not {shown(value)}")
    for place, item in enumerate(value):
        if problem := _check_id(item, f"{field}.{place}"):
            return problem
    return None


def _check_strings(value: object, field: str) -> Problem | None:
    if not isinstance(value, list):
        return invalid(field, "type", f"{field} must be an array of strings, not {shown(value)}")
    for place, item in enumerate(value):
        if problem := _check_string(item, f"{field}.{place}"):
            return problem
    return None


def _check_metrics(value: object, field: str) -> Problem | None:
    if not isinstance(value, dict):
        return invalid(field, "type", f"{field} must be an object, not {shown(value)}")
    for name, metric in value.items():
        if metric is None or (isinstance(metric, int) and not isinstance(metric, bool)):
            continue
        if isinstance(metric, float):
            if math.isfinite(metric):
                continue
        elif isinstance(metric, str) and metric in NON_FINITE:
            continue
        where = f"{field}.{name}"
        allowed = 'a finite number, null, "NaN", "Infinity" or "-Infinity"'
        return invalid(where, "type", f"{where} is {shown(metric)}; a metric must be {allowed}")
    return None


def _check_error(value: object, field: str) -> Problem | None:
    if not isinstance(value, dict):
        return invalid(field, "type", f"{field} must be an object, not {shown(value)}")
    return _check_optional(value, field, _ERROR)


def _check_reserved(value: object, field: str) -> Problem | None:
    return invalid(field, "reserved", f"{field} belongs to the fold and can't be patched")


_Check = Callable[[Any, str], Problem | None]


def _check_optional(values: Mapping[str, Any], field: str, checks: Mapping[str, _Check]) -> Problem | None:
    for name, check in checks.items():
        value = values.get(name)
        if value is not None and (problem := check(value, f"{field}.{name}")):
            return problem
    return None


_ERROR: Final[dict[str, _Check]] = {"type": _check_string, "message": _check_string, "traceback": _check_string}

_SNAPSHOT: Final[dict[str, _Check]] = {"name": _check_string, "note": _check_string, "tags": _check_strings}

SNAPSHOT_FIELDS: Final = tuple(_SNAPSHOT)
"""What may be changed of a snapshot."""

_CHANGES: Final[dict[str, _Check]] = {
    "parent_id": _check_id,
    **dict.fromkeys(("title", "kind", "message", "agent", "trigger", "reason"), _check_string),
    "status": _check_status,
    "progress": _check_progress,
    "expected": _integer_from(0, MAX_EXPECTED),
    "attempt": _integer_from(1),
    **dict.fromkeys(("queued_at", "created_at", "started_at", "ended_at"), _check_time),
    "dependencies": _check_ids,
    "tags": _check_strings,
    "params": _check_object,
    "source": _check_object,
    "error": _check_error,
    "links": _check_links,
    "metrics": _check_metrics,
    **dict.fromkeys(("log", "unusual", "placeholder", "rollup"), _check_reserved),
}


def _task_status_changed(data: dict[str, Any]) -> Problem | None:
    return _check_id(data.get("task_id"), "data.task_id") or _check_status(data.get("status"), "data.status")


def _node_update(data: dict[str, Any]) -> Problem | None:
    node_id = data.get("node_id")
    if problem := _check_id(node_id, "data.node_id"):
        return problem
    changes = data.get("changes", msgspec.UNSET)
    if changes is None:
        return None
    if not isinstance(changes, dict):
        if changes is msgspec.UNSET:
            return invalid("data.changes", "missing", "data.changes is missing; null would remove the node")
        return invalid("data.changes", "type", f"data.changes must be an object or null, not {shown(changes)}")
    for key, value in changes.items():
        if value is None:
            continue
        check = _CHANGES.get(key)
        if check is not None:
            if check(value, key) is not None:
                # Again, with the whole name: most of the time nobody needs it.
                return check(value, f"data.changes.{key}")
        elif key == "node_id" and value != node_id:
            field = "data.changes.node_id"
            return invalid(field, "mismatch", f"{field} is {shown(value)}, but data.node_id is {shown(node_id)}")
    return None


def _state_transition(data: dict[str, Any]) -> Problem | None:
    to = data.get("to")
    if problem := _check_string(to, "data.to"):
        return problem
    if not 0 < len(to) <= MAX_STATE_NAME:  # type: ignore[arg-type]
        reason = "too_long" if to else "empty"
        return invalid("data.to", reason, f"data.to must have 1 to {MAX_STATE_NAME} characters, not {len(to or '')}")
    if problem := _check_optional(data, "data", {"from": _check_string, "context": _check_object}):
        return problem
    context = data.get("context")
    if not context or context.get("node_id") is None:
        return None
    return (
        _check_id(context["node_id"], "data.context.node_id")
        or _check_status(to, "data.to")
        or _check_optional(context, "data.context", {"trigger": _check_string, "reason": _check_string})
    )


def _mission_snapshot(data: dict[str, Any]) -> Problem | None:
    return (
        _check_id(data.get("snapshot_id"), "data.snapshot_id")
        or _check_optional(data, "data", {"timestamp": _check_time})
        or _check_optional(data, "data", _SNAPSHOT)
    )


def _snapshot_update(data: dict[str, Any]) -> Problem | None:
    if problem := _check_id(data.get("snapshot_id"), "data.snapshot_id"):
        return problem
    changes = data.get("changes", msgspec.UNSET)
    if changes is None:
        return None
    if not isinstance(changes, dict):
        if changes is msgspec.UNSET:
            return invalid("data.changes", "missing", "data.changes is missing; null would remove the snapshot")
        return invalid("data.changes", "type", f"data.changes must be an object or null, not {shown(changes)}")
    for key, value in changes.items():
        if value is None:
            continue
        field = f"data.changes.{key}"
        check = _SNAPSHOT.get(key)
        if check is None:
            allowed = ", ".join(_SNAPSHOT)
            return invalid(field, "reserved", f"{field} can't be changed; what can be: {allowed}")
        if problem := check(value, field):
            return problem
    return None


def _coordination_update(data: dict[str, Any]) -> Problem | None:
    agents = data.get("agents")
    if agents is None:
        return invalid("data.agents", "missing", "data.agents is missing; it must be an object of agents by name")
    if problem := _check_object(agents, "data.agents"):
        return problem
    for name, agent in agents.items():
        if problem := _check_object(agent, f"data.agents.{name}"):
            return problem
    return _check_optional(data, "data", {"active_agents": _integer_from(0)})


def _orchestrator_started(data: dict[str, Any]) -> Problem | None:
    if problem := _check_word(data.get("status"), "running"):
        return problem
    enabled = data.get("a2amcp_enabled")
    if enabled is None or isinstance(enabled, bool):
        return None
    field = "data.a2amcp_enabled"
    return invalid(field, "type", f"{field} must be true or false, not {shown(enabled)}")


def _orchestrator_stopped(data: dict[str, Any]) -> Problem | None:
    return _check_word(data.get("status"), "stopped")


def _check_word(status: object, word: str) -> Problem | None:
    if status is None or status == word:
        return None
    return invalid("data.status", "unknown_status", f"data.status is {shown(status)}; allowed here: {word}")


def _orchestrator_error(data: dict[str, Any]) -> Problem | None:
    return _check_string(data.get("error"), "data.error")


def _node_log(data: dict[str, Any]) -> Problem | None:
    level = data.get("level")
    if problem := _check_id(data.get("node_id"), "data.node_id") or _check_string(level, "data.level"):
        return problem
    if level not in LOG_LEVELS:
        allowed = ", ".join(LOG_LEVELS)
        return invalid("data.level", "unknown_level", f"data.level is {shown(level)}; allowed: {allowed}")
    return _check_string(data.get("message"), "data.message")


def _events_dropped(data: dict[str, Any]) -> Problem | None:
    count = data.get("count")
    if count is None:
        return invalid("data.count", "missing", "data.count is missing; it must be an integer from 1")
    return _integer_from(1)(count, "data.count")


_DATA: Final[dict[str, Callable[[dict[str, Any]], Problem | None]]] = {
    "task_status_changed": _task_status_changed,
    "node_update": _node_update,
    "state_transition": _state_transition,
    "mission_snapshot": _mission_snapshot,
    "snapshot_update": _snapshot_update,
    "coordination_update": _coordination_update,
    "orchestrator_started": _orchestrator_started,
    "orchestrator_stopped": _orchestrator_stopped,
    "orchestrator_error": _orchestrator_error,
    "node_log": _node_log,
    "events_dropped": _events_dropped,
}

EVENT_TYPES: Final = tuple(_DATA)
"""The types that the fold knows."""
