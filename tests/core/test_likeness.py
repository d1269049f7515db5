"""Siblings are alike, or not, by the rule that TypeScript has too: `tests/vectors/attention`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasktree_jupyter.core.likeness import likeness_of

KINDS = json.loads((Path(__file__).parent.parent / "vectors" / "attention" / "kinds.json").read_text("utf-8"))


@pytest.mark.parametrize("case", KINDS, ids=lambda case: case["title"])
def test_a_title_is_alike_others_by_how_it_begins(case: dict[str, Any]) -> None:
    assert likeness_of(case["title"]) == case["key"]
