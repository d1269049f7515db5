"""A run is measured by earlier ones of its size, by the rule that TypeScript has too: `tests/vectors/attention`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasktree_jupyter.core.typical import is_as_large

SIZES = json.loads((Path(__file__).parent.parent / "vectors" / "attention" / "sizes.json").read_text("utf-8"))


@pytest.mark.parametrize("case", SIZES, ids=lambda case: case["why"])
def test_what_is_of_another_size_is_no_measure(case: dict[str, Any]) -> None:
    assert is_as_large(case["rollup"], case["theirs"]) is case["alike"]
