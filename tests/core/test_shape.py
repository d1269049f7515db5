"""What is valid, and how a person learns what isn't."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasktree_jupyter.core.events import EventData, NodeUpdate, StateTransition, WebSocketMessage, parse_data
from tasktree_jupyter.core.shape import (
    EVENT_TYPES,
    ProblemError,
    check_data,
    check_envelope,
    is_id,
    is_integer,
    is_project_id,
    sanitise,
)
from tests.core.canonical import canonical
from tests.core.sequences import FIELDS, WRONG, Choose, logs
from tests.searching import examples

SHAPES = json.loads((Path(__file__).parent.parent / "vectors" / "shape.json").read_text("utf-8"))
TIME = "2026-01-31T14:02:11.123456Z"


def model_takes(type: str, data: Any) -> bool:
    try:
        parse_data(type, data)
    except ValidationError:
        return False
    return True


# The hand-written check and the models are one definition


@pytest.mark.parametrize("case", SHAPES, ids=lambda case: json.dumps(case)[:80])
def test_the_models_take_what_the_vectors_say(case: dict[str, Any]) -> None:
    assert model_takes(case["type"], case["data"]) == case["ok"]


@given(logs(10))
@settings(max_examples=examples(100), deadline=None)
def test_the_models_take_what_the_check_takes(events: list[dict[str, Any]]) -> None:
    for event in events:
        kind, data = event["type"], event["data"]
        if isinstance(kind, str):
            assert model_takes(kind, data) == (check_data(kind, data) is None), event


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([2**53, -(2**53), 1_000_000_000, 1_000_000_001, 0.5, 1.0, 1e300, float("nan"), float("inf")])
    | st.sampled_from(
        ["", "n", "m", "running", "stopped", "merged", "info", "NaN", TIME, "2026-02-30T00:00:00Z", "a\x7f"]
    )
    | st.sampled_from(["x" * 200, "x" * 201, "x" * 500, "x" * 501]),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.sampled_from(["node_id", "type", "message", "trigger", "reason", "a"]), below, max_size=3)
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        *(
            "task_id",
            "status",
            "node_id",
            "changes",
            "from",
            "to",
            "context",
            "snapshot_id",
            "timestamp",
            "name",
            "note",
        ),
        *("tags", "active_agents", "agents", "a2amcp_enabled", "error", "level", "message", "count", "other"),
    ]
)
CHANGES = st.dictionaries(st.sampled_from([*FIELDS, *WRONG, "parent_id", "status"]), VALUES, max_size=4)


@given(st.sampled_from([*EVENT_TYPES, "custom"]), st.dictionaries(NAMES, VALUES, max_size=6))
@settings(max_examples=examples(300), deadline=None)
def test_so_for_any_values_in_any_field(type: str, data: dict[str, Any]) -> None:
    assert model_takes(type, data) == (check_data(type, data) is None)


@given(CHANGES)
@settings(max_examples=examples(300), deadline=None)
def test_so_for_any_changes(changes: dict[str, Any]) -> None:
    data = {"node_id": "n", "changes": changes}
    assert model_takes("node_update", data) == (check_data("node_update", data) is None)


@given(st.data())
@settings(max_examples=examples(150), deadline=None)
def test_so_for_each_field_by_itself(data: st.DataObject) -> None:
    choose = Choose(lambda low, high: data.draw(st.integers(low, high)))
    name = choose.one([*FIELDS, *WRONG])
    value = (
        choose.one([FIELDS, WRONG])[name](choose)
        if name in FIELDS and name in WRONG
        else {**FIELDS, **WRONG}[name](choose)
    )
    update = {"node_id": "n", "changes": {name: value}}
    assert model_takes("node_update", update) == (check_data("node_update", update) is None)


def test_a_model_keeps_what_it_does_not_know_and_names_what_it_does() -> None:
    update = parse_data("node_update", {"node_id": "n", "changes": {"title": "T", "colour": "red"}, "more": 1})
    assert isinstance(update, NodeUpdate)
    assert update.changes is not None
    assert update.changes.title == "T"
    assert update.changes.model_extra == {"colour": "red"}
    assert update.model_dump(exclude_unset=True) == {
        "node_id": "n",
        "changes": {"title": "T", "colour": "red"},
        "more": 1,
    }
    transition = parse_data("state_transition", {"from": "a", "to": "b"})
    assert isinstance(transition, StateTransition)
    assert (transition.from_, transition.to) == ("a", "b")
    assert type(parse_data("my.own", {"x": 1})) is EventData


# The envelope


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"type": None}, "type", "missing"),
        ({"type": "Node Update"}, "type", "pattern"),
        ({"type": 5}, "type", "pattern"),
        ({"type": "events_dropped", "data": {"count": 1}}, "type", "reserved"),
        ({"project_id": ""}, "project_id", "empty"),
        ({"project_id": "x" * 201}, "project_id", "too_long"),
        ({"project_id": "a\nb"}, "project_id", "control_character"),
        ({"project_id": 7}, "project_id", "type"),
        ({"data": None}, "data", "missing"),
        ({"data": []}, "data", "type"),
        ({"data": {"node_id": "n", "changes": {"status": "runing"}}}, "data.changes.status", "unknown_status"),
        ({"timestamp": "yesterday"}, "timestamp", "time"),
        ({"timestamp": 1769868131}, "timestamp", "type"),
    ],
)
def test_an_envelope_that_cannot_be_is_refused_by_field(change: dict[str, Any], field: str, reason: str) -> None:
    good = {"type": "node_update", "project_id": "p", "data": {"node_id": "n", "changes": {}}, "timestamp": TIME}
    assert check_envelope(good) is None
    problem = check_envelope(good | change)
    assert problem is not None
    assert (problem.code, problem.field, problem.reason) == ("invalid", field, reason)
    if "events_dropped" not in change.values():
        with pytest.raises(ValidationError):
            WebSocketMessage.model_validate(good | change)


@pytest.mark.parametrize("envelope", [None, [], "x", 5])
def test_an_envelope_is_an_object(envelope: object) -> None:
    problem = check_envelope(envelope)
    assert problem is not None
    assert problem.reason == "type"


def test_only_type_and_data_are_needed() -> None:
    assert check_envelope({"type": "x", "data": {}}) is None
    assert check_envelope({"type": "x", "data": {}, "project_id": None, "timestamp": None, "more": 1}) is None


def test_a_message_is_written_as_the_envelope() -> None:
    message = WebSocketMessage.model_validate(
        {"type": "x", "data": {"a": [1]}, "timestamp": "2026-01-31T15:02:11+01:00"}
    )
    dumped = message.model_dump(mode="json")
    assert dumped == {"type": "x", "project_id": None, "data": {"a": [1]}, "timestamp": "2026-01-31T14:02:11.000000Z"}
    assert check_envelope(dumped) is None
    assert json.loads(message.model_dump_json()) == dumped
    assert WebSocketMessage.model_validate(dumped) == message


# What a person reads


@pytest.mark.parametrize(
    ("type", "data", "words"),
    [
        (
            "task_status_changed",
            {"task_id": "t", "status": "runing"},
            ["data.status", "'runing'", "draft, ready, running"],
        ),
        ("task_status_changed", {"status": "running"}, ["data.task_id", "missing", "1 to 500"]),
        ("node_update", {"node_id": "n"}, ["data.changes", "missing", "null would remove"]),
        ("node_update", {"node_id": "n", "changes": {"progress": 40}}, ["data.changes.progress", "40", "from 0 to 1"]),
        ("node_update", {"node_id": "n", "changes": {"started_at": "14:02"}}, ["started_at", "'14:02'", "2026-01-31T"]),
        ("node_update", {"node_id": "n", "changes": {"metrics": {"loss": "nan"}}}, ["metrics.loss", "'nan'", '"NaN"']),
        ("node_update", {"node_id": "n", "changes": {"log": {}}}, ["data.changes.log", "belongs to the fold"]),
        ("node_update", {"node_id": "n", "changes": {"expected": -1}}, ["data.changes.expected", "-1", "from 0 to"]),
        ("node_log", {"node_id": "n", "level": "warn", "message": ""}, ["data.level", "'warn'", "warning"]),
        ("node_update", {"node_id": "n" * 501, "changes": {}}, ["data.node_id", "501", "500"]),
    ],
)
def test_a_message_names_the_field_the_value_and_what_is_allowed(type: str, data: Any, words: list[str]) -> None:
    problem = check_data(type, data)
    assert problem is not None
    for word in words:
        assert word in problem.message


def test_a_message_stays_short_whatever_was_sent() -> None:
    problem = check_data("node_update", {"node_id": "n", "changes": {"title": ["x" * 10_000]}})
    assert problem is not None
    assert len(problem.message) < 200


# Ids and integers


def test_ids_are_counted_in_characters() -> None:
    assert is_id("𝔸" * 500)
    assert not is_id("𝔸" * 501)
    assert is_project_id("p" * 200)
    assert not is_project_id("p" * 201)


@given(st.text(max_size=6))
def test_an_id_holds_anything_but_control_characters(text: str) -> None:
    has_control = any(ord(c) < 32 or 127 <= ord(c) <= 159 for c in text)
    assert is_id(text) == (len(text) > 0 and not has_control)


def test_half_a_character_is_in_no_project_id() -> None:
    assert not is_project_id("a\ud800")
    assert is_project_id("a\ufffd😀")


def test_integers_are_those_of_json() -> None:
    assert all(map(is_integer, [0, -1, 1.0, -0.0, 2**53 - 1, 1 - 2**53, float(2**53 - 1)]))
    assert not any(map(is_integer, [True, None, "1", 0.5, 2**53, -(2**53), float(2**53), float("nan"), float("inf")]))
    assert is_integer(1, 1, 2)
    assert not is_integer(0, 1, 2)
    assert not is_integer(3, 1, 2)


# What may not be in the log at all

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(1 - 2**53, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(), below, max_size=4),
)


@given(JSON)
def test_what_is_fine_is_handed_back_as_it_is(value: Any) -> None:
    before = copy.deepcopy(value)
    assert sanitise(value) is value
    assert value == before


WITH_SURROGATES = st.text(st.sampled_from("aé😀\ud800\udfff\ud83d"), max_size=4)


@given(
    st.recursive(WITH_SURROGATES, lambda below: st.lists(below) | st.dictionaries(WITH_SURROGATES, below), max_leaves=8)
)
def test_lone_surrogates_are_replaced_everywhere_and_nothing_else_is(value: Any) -> None:
    before = canonical(value)
    clean = sanitise(value)
    msgspec.json.encode(clean)
    replaced = "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in before)
    if len(set(map(len, (canonical(clean), replaced)))) == 1:
        assert canonical(clean) == canonical(json.loads(replaced))
    assert canonical(value) == before


@pytest.mark.parametrize(
    ("value", "field", "reason"),
    [
        ({"a": [1, {"b": 2**53}]}, "data.a.1.b", "range"),
        ({"a": {"b": -(2**53)}}, "data.a.b", "range"),
        ([float("nan")], "data.0", "not_finite"),
        ({"x": float("-inf")}, "data.x", "not_finite"),
        ({"x": {1, 2}}, "data.x", "type"),
        ({"x": {5: 1}}, "data.x", "type"),
        (b"bytes", "data", "type"),
    ],
)
def test_what_readers_would_read_differently_is_refused(value: Any, field: str, reason: str) -> None:
    with pytest.raises(ProblemError) as caught:
        sanitise(value)
    assert (caught.value.problem.field, caught.value.problem.reason) == (field, reason)
    assert field in str(caught.value)


def nested(levels: int, array: bool) -> Any:
    value: Any = [] if array else {}
    for _ in range(levels - 1):
        value = [value] if array else {"a": value}
    return value


@pytest.mark.parametrize("array", [True, False])
def test_nesting_ends_at_64(array: bool) -> None:
    assert sanitise(nested(64, array)) == nested(64, array)
    with pytest.raises(ProblemError) as caught:
        sanitise(nested(65, array))
    assert caught.value.problem.reason == "too_deep"
    assert check_data("custom", {"x": nested(63, array)}) is None
    problem = check_data("custom", {"x": nested(64, array)})
    assert problem is not None
    assert problem.reason == "too_deep"
