"""An agent is silent, or not, by the rule that TypeScript has too: `tests/vectors/attention`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasktree_jupyter.core.silence import is_silent, word_of
from tasktree_jupyter.core.times import parse_time

VECTORS = Path(__file__).parent.parent / "vectors" / "attention"
CASES = json.loads((VECTORS / "silence.json").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_what_is_reported_of_an_agent_says_when_it_is_silent(case: dict[str, Any]) -> None:
    at = parse_time("2026-01-31T14:00:00Z")
    assert at is not None
    word = word_of(case["agent"], at, stopped=case.get("stopped", False))
    silent_after = case["silent_after"]
    assert tuple(word) == (at + case["heard"] * 1e6, None if silent_after is None else silent_after * 1e6)
    if silent_after is not None:
        end = at + int((case["heard"] + silent_after) * 1e6)
        assert not is_silent(word, end)
        assert is_silent(word, end + 1)
