"""What a page's table copies as CSV is what `to_frame` has: tests/vectors/tables, which TypeScript runs too."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd  # type: ignore[import-untyped]
import pytest

from tasktree_jupyter.client.frame import frame_of
from tasktree_jupyter.core.tree import TaskTree

FILES = sorted((Path(__file__).parent.parent / "vectors" / "tables").glob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_pandas_reads_from_a_tables_csv_what_the_frame_has(path: Path) -> None:
    table = json.loads(path.read_text("utf-8"))
    tree = TaskTree()
    for event in table["events"]:
        tree.apply(event)
    text = "".join(f"{line}\r\n" for line in table["csv"])
    read = pd.read_csv(io.StringIO(text), parse_dates=["started_at", "ended_at"])
    read["duration"] = pd.to_timedelta(read["duration"], unit="s").dt.round("us")
    frame = frame_of(tree, table["roots"])
    assert list(read.columns) == list(frame.columns)
    assert len(read) == len(frame) > 0
    for name in frame:
        expected = [_plain(value) for value in frame[name]]
        assert [_plain(value) for value in read[name]] == expected, name


def _plain(value: object) -> object:
    """What is absent as None, also where pandas has a NaN for it; an object or a list as the text that a CSV holds."""
    if value is None or value is pd.NaT or value != value:
        return None
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    return value.item() if hasattr(value, "item") else value
