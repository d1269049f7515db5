"""How durations are written, as in the page: `labextension/tests/view/format.test.ts` reads the same file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasktree_jupyter.display import format

FILE = Path(__file__).parent.parent / "vectors" / "written" / "durations.json"


@pytest.mark.parametrize(("microseconds", "written"), json.loads(FILE.read_text("utf-8"))["cases"])
def test_a_duration_is_rounded(microseconds: int, written: str) -> None:
    assert format.duration(microseconds) == written
