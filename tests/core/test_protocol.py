"""Frames as they are written and read."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktree_jupyter.core.protocol import decode, decode_json, encode, may_come_back
from tasktree_jupyter.core.shape import ProblemError

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(1 - 2**53, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(), below, max_size=4),
)


@given(st.dictionaries(st.text(), JSON), st.text())
def test_a_frame_comes_back_as_it_was(fields: dict[str, Any], op: str) -> None:
    frame = fields | {"op": op}
    assert decode(encode(frame)) == frame
    assert decode(encode(frame).decode()) == frame
    assert decode(json.dumps(frame)) == frame


def test_parts_that_are_encoded_already_are_put_in_as_they_are() -> None:
    assert encode({"op": "events", "events": [msgspec.Raw(b'{"a": 1}')]}) == b'{"op":"events","events":[{"a": 1}]}'


@pytest.mark.parametrize(
    "text", ["", "{", "[1,]", "{'op':1}", "NaN", "[Infinity]", '{"op":"x"} x', b"\xff", b'"\xed\xa0\x80"']
)
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(ProblemError) as caught:
        decode_json(text)
    assert caught.value.problem.code == "invalid_json"


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000])
def test_endless_nesting_is_refused(text: str) -> None:
    with pytest.raises(ProblemError):
        decode_json(text)


@pytest.mark.parametrize(
    ("text", "field"), [("[]", ""), ("5", ""), ("{}", "op"), ('{"op":5}', "op"), ('{"op":null}', "op")]
)
def test_a_frame_is_an_object_with_an_op(text: str, field: str) -> None:
    with pytest.raises(ProblemError) as caught:
        decode(text)
    assert (caught.value.problem.code, caught.value.problem.field) == ("invalid", field)


def test_lone_surrogates_are_replaced_and_pairs_kept() -> None:
    text = r'{"\ud800":["a\udfffb","\ud83d\ude00","\\ud800"]}'
    assert decode_json(text) == {"\ufffd": ["a\ufffdb", "😀", r"\ud800"]}


def test_close_codes() -> None:
    assert all(map(may_come_back, [1000, 1001, 1006, 4000, 4001, 4499]))
    assert not any(map(may_come_back, [4500, 4501, 4999]))
