"""The envelope and each type's data as pydantic models: the definition that people and schemas read.

`shape.py` accepts exactly the same, by hand, for the hot path. Fields that a model doesn't name are kept. Absent and
null are the same, except for `changes` of a `node_update`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    AllowInfNan,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    WithJsonSchema,
    field_serializer,
    model_validator,
)

from tasktree_jupyter.core.sanitise import MAX_INTEGER, MAX_NESTING, nests_deeper
from tasktree_jupyter.core.shape import (
    EVENT_TYPES,
    MAX_EXPECTED,
    MAX_ID,
    MAX_PROJECT_ID,
    MAX_STATE_NAME,
    is_event_type,
    is_id,
    is_integer,
    is_project_id,
)
from tasktree_jupyter.core.status import STATUS_WORDS
from tasktree_jupyter.core.times import normalise_time, parse_time


def _an_id(value: str) -> str:
    if not is_id(value):
        raise ValueError("an id has 1 to 500 characters, none of them a control character")
    return value


def _a_project_id(value: str) -> str:
    if not is_project_id(value):
        raise ValueError("a project id has 1 to 200 characters, none of them a control character")
    return value


def _a_type(value: str) -> str:
    if not is_event_type(value):
        raise ValueError("a type matches ^[a-z][a-z0-9_.-]{0,63}$")
    return value


def _a_status(value: str) -> str:
    if value not in STATUS_WORDS:
        raise ValueError(f"a status is one of {', '.join(STATUS_WORDS)}")
    return value


def _a_time(value: str) -> str:
    if parse_time(value) is None:
        raise ValueError("a time looks like 2026-01-31T14:02:11.123456Z")
    return value


def _an_integer(value: Any) -> int:
    if not is_integer(value):
        raise ValueError("an integer is a number without fraction within ±(2^53-1)")
    return int(value)


def _an_instant(value: Any) -> Any:
    if isinstance(value, str):
        text = normalise_time(value)
        if text is None:
            raise ValueError("a timestamp looks like 2026-01-31T14:02:11.123456Z")
        return datetime.fromisoformat(text)
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    raise ValueError("a timestamp is a string or a datetime")


def _schema(**schema: Any) -> WithJsonSchema:
    """What a JSON schema says of values that a function checks."""
    return WithJsonSchema(schema)


_NO_CONTROL = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"
_ID_SCHEMA = _schema(type="string", minLength=1, maxLength=MAX_ID, pattern=_NO_CONTROL)
_PROJECT_ID_SCHEMA = _schema(type="string", minLength=1, maxLength=MAX_PROJECT_ID, pattern=_NO_CONTROL)

Id = Annotated[StrictStr, AfterValidator(_an_id), _ID_SCHEMA]
ProjectId = Annotated[StrictStr, AfterValidator(_a_project_id), _PROJECT_ID_SCHEMA]
EventType = Annotated[
    StrictStr, AfterValidator(_a_type), _schema(type="string", pattern="^[a-z][a-z0-9_.-]{0,63}$", maxLength=64)
]
StatusWord = Annotated[StrictStr, AfterValidator(_a_status), _schema(type="string", enum=list(STATUS_WORDS))]
Time = Annotated[StrictStr, AfterValidator(_a_time), _schema(type="string", format="date-time")]
Integer = Annotated[
    int, BeforeValidator(_an_integer), _schema(type="integer", minimum=-MAX_INTEGER, maximum=MAX_INTEGER)
]
Instant = Annotated[datetime, BeforeValidator(_an_instant), _schema(type="string", format="date-time")]
Finite = Annotated[StrictFloat, AllowInfNan(False)]
Metric = StrictInt | Finite | Literal["NaN", "Infinity", "-Infinity"] | None
Object = dict[str, Any]
Level = Literal["debug", "info", "warning", "error", "critical"]


class _Open(BaseModel):
    model_config = ConfigDict(extra="allow")


class EventData(_Open):
    """The data of an event; by itself that of a type that nobody here knows, which may hold anything."""

    @model_validator(mode="before")
    @classmethod
    def _bounded(cls, data: Any) -> Any:
        if isinstance(data, dict) and nests_deeper(data, MAX_NESTING):
            raise ValueError(f"data nests deeper than {MAX_NESTING} levels")
        return data


class TaskStatusChanged(EventData):
    """A node has another status."""

    task_id: Id
    status: StatusWord


class ErrorInfo(_Open):
    """What went wrong with a node."""

    type: StrictStr | None = None
    message: StrictStr | None = None
    traceback: StrictStr | None = None


class Changes(_Open):
    """A JSON Merge Patch (RFC 7396) on a node; null deletes. Other fields may hold any JSON."""

    node_id: StrictStr | None = None
    parent_id: Id | None = None
    title: StrictStr | None = None
    kind: StrictStr | None = None
    message: StrictStr | None = None
    agent: StrictStr | None = None
    trigger: StrictStr | None = None
    reason: StrictStr | None = None
    status: StatusWord | None = None
    progress: Annotated[StrictInt | Finite, Field(ge=0, le=1)] | None = None
    expected: Annotated[Integer, Field(ge=0, le=MAX_EXPECTED)] | None = None
    attempt: Annotated[Integer, Field(ge=1, le=MAX_INTEGER)] | None = None
    queued_at: Time | None = None
    created_at: Time | None = None
    started_at: Time | None = None
    ended_at: Time | None = None
    dependencies: list[Id] | None = None
    tags: list[StrictStr] | None = None
    params: Object | None = None
    source: Object | None = None
    error: ErrorInfo | None = None
    links: Object | list[Any] | None = None
    metrics: dict[str, Metric] | None = None
    log: None = None
    unusual: None = None
    placeholder: None = None
    rollup: None = None


class NodeUpdate(EventData):
    """A node is new or has changed; `changes` null removes it with all below."""

    node_id: Id
    changes: Changes | None

    @model_validator(mode="after")
    def _one_node(self) -> Self:
        if self.changes is not None and self.changes.node_id not in (None, self.node_id):
            raise ValueError("changes.node_id must be node_id")
        return self


class StateTransition(EventData):
    """A node goes from one status to another, or, without `context.node_id`, the project does."""

    from_: StrictStr | None = Field(default=None, alias="from")
    to: Annotated[StrictStr, Field(min_length=1, max_length=MAX_STATE_NAME)]
    context: Object | None = None

    @model_validator(mode="after")
    def _of_a_node(self) -> Self:
        if self.context is not None and self.context.get("node_id") is not None:
            NodeContext.model_validate(self.context)
            _a_status(self.to)
        return self


class NodeContext(_Open):
    """The context of a transition that is about a node."""

    node_id: Id
    trigger: StrictStr | None = None
    reason: StrictStr | None = None


class MissionSnapshot(EventData):
    """This offset gets a name."""

    snapshot_id: Id
    timestamp: Time | None = None
    name: StrictStr | None = None
    note: StrictStr | None = None
    tags: list[StrictStr] | None = None


class SnapshotChanges(_Open):
    """A JSON Merge Patch (RFC 7396) on a snapshot: its name, note and tags, nothing else."""

    name: StrictStr | None = None
    note: StrictStr | None = None
    tags: list[StrictStr] | None = None

    @model_validator(mode="after")
    def _only_these(self) -> Self:
        if any(value is not None for value in (self.model_extra or {}).values()):
            raise ValueError("a snapshot's name, note and tags can be changed, nothing else")
        return self


class SnapshotUpdate(EventData):
    """A snapshot has another name, note or other tags; `changes` null removes it, and its id stays used."""

    snapshot_id: Id
    changes: SnapshotChanges | None


class CoordinationUpdate(EventData):
    """The agents of this source, all of them."""

    agents: dict[str, Object]
    active_agents: Annotated[Integer, Field(ge=0)] | None = None


class OrchestratorStarted(EventData):
    """This source's orchestrator runs."""

    status: Literal["running"] | None = None
    a2amcp_enabled: StrictBool | None = None


class OrchestratorStopped(EventData):
    """This source's orchestrator has stopped."""

    status: Literal["stopped"] | None = None


class OrchestratorError(EventData):
    """This source's orchestrator met an error."""

    error: StrictStr


class NodeLog(EventData):
    """A line of a node's log; only its count and the last one are kept in the state."""

    node_id: Id
    level: Level
    message: StrictStr


class EventsDropped(EventData):
    """A source had to drop events. Written by the server."""

    count: Annotated[Integer, Field(ge=1)]


EVENT_DATA: Final[dict[str, type[EventData]]] = {
    "task_status_changed": TaskStatusChanged,
    "node_update": NodeUpdate,
    "state_transition": StateTransition,
    "mission_snapshot": MissionSnapshot,
    "snapshot_update": SnapshotUpdate,
    "coordination_update": CoordinationUpdate,
    "orchestrator_started": OrchestratorStarted,
    "orchestrator_stopped": OrchestratorStopped,
    "orchestrator_error": OrchestratorError,
    "node_log": NodeLog,
    "events_dropped": EventsDropped,
}
"""The model of each type's data."""

assert tuple(EVENT_DATA) == EVENT_TYPES


def parse_data(type: str, data: Any) -> EventData:
    """Return the data of an event as its type's model.

    Raises:
        pydantic.ValidationError: it isn't valid for this type.
    """
    return EVENT_DATA.get(type, EventData).model_validate(data)


class WebSocketMessage(BaseModel):
    """The envelope of every message. Without `project_id` it goes to everyone and isn't stored.

    `timestamp` is the emitter's clock: a datetime or an RFC 3339 string, UTC where it has no zone.
    """

    model_config = ConfigDict(extra="allow")

    type: EventType
    project_id: ProjectId | None = None
    data: Object
    timestamp: Instant

    @model_validator(mode="after")
    def _data_by_type(self) -> Self:
        parse_data(self.type, self.data)
        return self

    @field_serializer("timestamp")
    def _written(self, timestamp: datetime) -> str:
        return timestamp.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"

    def payload(self) -> EventData:
        """Return `data` as its type's model."""
        return parse_data(self.type, self.data)
