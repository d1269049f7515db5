"""Two failures are the same one, or not, by the rules that TypeScript has too: `tests/vectors/signatures`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasktree_jupyter.core.signature import fold_message, own_frame_of, signature_of

VECTORS = Path(__file__).parent.parent / "vectors" / "signatures"


def cases(name: str) -> list[Any]:
    return [pytest.param(case, id=case["why"]) for case in json.loads((VECTORS / f"{name}.json").read_text("utf-8"))]


@pytest.mark.parametrize("case", cases("messages"))
def test_what_varies_in_a_message_is_folded(case: dict[str, Any]) -> None:
    assert fold_message(case["message"]) == case["folded"]


@pytest.mark.parametrize("case", cases("frames"))
def test_where_the_users_code_stood_is_found(case: dict[str, Any]) -> None:
    frame = own_frame_of(case["traceback"])
    assert (None if frame is None else list(frame)) == case["frame"]


def test_failures_that_differ_only_in_a_number_are_one_and_in_type_or_place_are_two() -> None:
    def failed(kind: str, message: str, line: int = 1) -> dict[str, Any]:
        traceback = f'Traceback (most recent call last):\n  File "fit.py", line {line}, in fit\n{kind}: {message}'
        return {"error": {"type": kind, "message": message, "traceback": traceback}}

    first = signature_of(failed("ValueError", "row 7 is bad"))
    assert signature_of(failed("ValueError", "row 8 is bad")) == first
    assert signature_of(failed("TypeError", "row 7 is bad")) != first
    assert signature_of(failed("ValueError", "row 7 is bad", line=2)) != first
    assert signature_of({"message": "gave up after 3"}).folded == "gave up after …"
    assert signature_of({}) == ("", "", None)
