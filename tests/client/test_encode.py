"""Whatever the user hands over becomes bounded JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from collections import OrderedDict, deque
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktree_jupyter.client.encode import Bounds, encode, preview
from tasktree_jupyter.core.shape import ProblemError, check_data

BOUNDS = Bounds()


def sent(value: Any) -> Any:
    """What arrives of a value in a raw emit."""
    return json.loads(encode("my.event", {"value": value}, BOUNDS))["value"]


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Word(StrEnum):
    GO = "go"


@dataclasses.dataclass
class Point:
    x: int
    y: Point | None = None
    password: str = dataclasses.field(default="hidden", repr=False)


class Model(pydantic.BaseModel):
    name: str
    secret: pydantic.SecretStr


class Struct(msgspec.Struct):
    a: int


class Plain:
    def __repr__(self) -> str:
        return "<Plain>"


class Silent:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class Number:
    def __index__(self) -> int:
        return 7


class Pair(NamedTuple):
    a: int
    b: int


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (1.5, 1.5),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (-math.inf, "-Infinity"),
        (2**53 - 1, 2**53 - 1),
        (2**53, str(2**53)),
        (-(2**70), str(-(2**70))),
        (10**5000, "an integer of 16610 bits"),
        ("a\ud800b", "a\ufffdb"),
        ({"a\udfff": 1}, {"a\ufffd": 1}),
        ((1, 2), [1, 2]),
        (Pair(1, 2), [1, 2]),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        ({1: "a", None: "b", (1, 2): "c"}, {"1": "a", "None": "b", "(1, 2)": "c"}),
        (OrderedDict(a=1), {"a": 1}),
        ({"x": 1}.keys(), None),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Word.GO, "go"),
        ({Colour.RED: Level.HIGH}, {"red": 3}),
        (Path("/tmp/x"), "/tmp/x"),
        (datetime(2026, 1, 31, 14, 2, 11, 5, UTC), "2026-01-31T14:02:11.000005Z"),
        (datetime(2026, 1, 31, 14, 2), "2026-01-31T14:02:00"),
        (date(2026, 1, 31), "2026-01-31"),
        (timedelta(minutes=1), 60.0),
        (UUID(int=1), None),
        (Decimal("1.5"), None),
        (range(3), "range(0, 3)"),
        (b"abc", "b'abc' (3 bytes)"),
        (ValueError("x"), {"type": "ValueError", "message": "x"}),
        (Point(1, Point(2)), {"x": 1, "y": {"x": 2, "y": None}}),
        (Model(name="n", secret=pydantic.SecretStr("s3cret")), None),
        (Struct(1), {"a": 1}),
        (Plain(), "<Plain>"),
        (Silent(), "<Silent, which can't be shown: RuntimeError>"),
        (len, "builtins.len"),
        (Point, "tests.client.test_encode.Point"),
        (json, "json"),
        (np.float64(0.5), 0.5),
        (np.float32("nan"), "NaN"),
        (np.int64(7), 7),
        (np.uint64(2**63), str(2**63)),
        (np.bool_(True), True),
        (np.str_("s"), "s"),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
        (np.array(5), 5),
        (np.array([1.0, np.nan]), [1.0, "NaN"]),
        (np.zeros((1000, 1000)), "ndarray(shape=(1000, 1000), dtype=float64)"),
        (np.datetime64("2026-01-31"), "2026-01-31"),
        (pd.Timestamp("2026-01-31T14:00Z"), "2026-01-31T14:00:00.000000Z"),
        (pd.Series([1, 2]), [1, 2]),
        (pd.Index(["a"]), ["a"]),
        (pd.Series(range(10_000)), "Series(shape=(10000,), dtype=int64)"),
        (pd.NA, "<NA>"),
    ],
    ids=lambda value: repr(type(value).__name__),
)
def test_objects_become_json(value: Any, expected: Any) -> None:
    got = sent(value)
    assert got is not None or value is None
    if expected is not None:
        assert got == expected
    assert "s3cret" not in json.dumps(got)


def test_a_frame_shows_its_head() -> None:
    frame = pd.DataFrame({"a": range(1000), "b": [None] * 1000})
    shown = sent(frame)
    assert (shown["rows"], shown["columns"], len(shown["head"])) == (1000, ["a", "b"], 5)
    assert shown["head"][1]["a"] == 1


def test_a_cycle_is_shown_as_one() -> None:
    itself: dict[str, Any] = {"a": 1}
    itself["me"] = itself
    assert sent(itself) == {"a": 1, "me": "<cycle>"}
    ring: list[Any] = []
    ring.append([ring])
    assert sent(ring) == [["<cycle>"]]


def test_the_same_object_twice_is_no_cycle() -> None:
    shared = (1,)
    assert sent({"a": shared, "b": shared}) == {"a": [1], "b": [1]}


def test_what_lies_too_deep_is_shown_as_text() -> None:
    deep: Any = 1
    for _ in range(500):
        deep = [deep]
    text = json.dumps(sent(deep))
    assert "deeper than" in text
    assert text.count("[") <= 64


def test_plain_data_arrives_untouched_whatever_its_shape() -> None:
    rows = [{"n": n, "text": "x" * 50} for n in range(1_000)]
    assert sent(rows) == rows


def test_an_event_that_is_too_large_names_the_field() -> None:
    with pytest.raises(ProblemError, match=r"data\.changes\.params\.blob is too large") as refused:
        encode("node_update", {"node_id": "n", "changes": {"params": {"blob": "x" * 300_000, "a": 1}}}, BOUNDS)
    assert refused.value.problem.reason == "too_large"


def test_an_endless_object_is_refused_quickly() -> None:
    with pytest.raises(ProblemError, match="too large"):
        sent({"a": {n: tuple(range(100)) for n in range(100_000)}})


def test_a_preview_is_cut_and_says_so() -> None:
    shown = preview(
        {"rows": list(range(10_000)), "text": "x" * 100_000, "many": {str(n): n for n in range(999)}}, BOUNDS
    )
    assert shown["rows"][-1] == "… 9800 more"
    assert shown["text"].endswith("(91808 more characters)")
    assert shown["many"]["…"] == "799 more"


def test_a_preview_is_bounded_however_wide_and_deep() -> None:
    wide: Any = "x" * 1000
    for _ in range(6):
        wide = [wide] * 200
    assert len(json.dumps(preview(wide, BOUNDS))) < 3 * BOUNDS.event


def test_a_container_that_changes_while_it_is_read_does_no_harm() -> None:
    class Grows(dict[str, Any]):
        def items(self) -> Any:
            for item in list(super().items()):
                self["more"] = 1
                yield item

    assert sent(Grows(a=1)) == {"a": 1}


anything: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.datetimes()
    | st.decimals()
    | st.builds(Point, st.integers())
    | st.builds(Silent),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text(st.characters()) | st.integers(), inner)
        | st.tuples(inner, inner)
        | st.sets(st.integers())
        | st.builds(deque, st.lists(inner))
    ),
    max_leaves=20,
)


@given(anything)
def test_anything_becomes_an_event_the_log_takes(value: Any) -> None:
    data = json.loads(encode("my.event", {"value": value}, BOUNDS))
    assert check_data("my.event", data) is None
    json.dumps(preview(value, BOUNDS), allow_nan=False)
    encode("node_update", {"node_id": "n", "changes": {"params": {"value": preview(value, BOUNDS)}}}, BOUNDS)
