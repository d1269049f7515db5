"""`to_frame`: the tree as a table."""

from __future__ import annotations

import json
import math
import sys
from datetime import UTC, timedelta

import pandas as pd  # type: ignore[import-untyped]
import pytest

import tasktree_jupyter as tt
from tasktree_jupyter.client.frame import COLUMNS
from tasktree_jupyter.client.session import Session
from tests.client.conftest import Run
from tests.client.hub import Hub


def test_each_task_is_a_row_in_the_trees_order(session: Session) -> None:
    with tt.task("before"):
        pass
    with tt.task("run") as run:
        with tt.task("fit", params={"depth": 3, "opt": {"lr": 0.1}}, agent="worker-1") as fit:
            fit.update(progress=0.5, metrics={"auc": 0.9, "loss": float("nan")})
            with tt.task("fold"):
                pass
        with pytest.raises(ValueError, match="bad"), tt.task("report"):
            raise ValueError("bad")
    frame = run.to_frame()
    assert list(frame.columns) == [
        *COLUMNS,
        "params.depth",
        "params.opt.lr",
        "metrics.auc",
        "metrics.loss",
    ]
    assert list(frame["title"]) == ["run", "fit", "fold", "report"]
    assert list(frame["depth"]) == [1, 2, 3, 2]
    assert list(frame["status"]) == ["completed", "completed", "completed", "failed"]
    assert list(frame["parent_id"][1:]) == [run.id, fit.id, run.id]
    row = frame.iloc[1]
    assert (row["params.depth"], row["params.opt.lr"], row["metrics.auc"], row["agent"]) == (3, 0.1, 0.9, "worker-1")
    assert math.isnan(row["metrics.loss"])
    assert (frame.iloc[3]["error_type"], frame.iloc[3]["error_message"]) == ("ValueError", "bad")
    assert frame["started_at"].dt.tz is not None
    assert row["started_at"].utcoffset() == timedelta(0)
    assert (frame["duration"] == frame["ended_at"] - frame["started_at"]).all()
    assert frame["duration"].dtype.kind == "m"
    assert (frame["attempt"] == 1).all()
    assert list(tt.view().to_frame()["title"]) == list(frame["title"])
    assert list(tt.at("now").to_frame()["title"]) == ["before", *frame["title"]]
    assert frame["started_at"].max() <= pd.Timestamp.now(UTC)


def test_what_runs_has_no_end_and_what_never_began_no_rows(session: Session) -> None:
    with tt.task("run") as run:
        frame = run.to_frame()
    assert pd.isna(frame["ended_at"][0])
    assert pd.isna(frame["duration"][0])
    empty = tt.task("never").to_frame()
    assert (len(empty), list(empty.columns)) == (0, list(COLUMNS))
    assert empty.dtypes.equals(empty.dtypes)
    assert str(empty["started_at"].dtype).endswith("UTC]")


def test_without_pandas_it_says_what_to_install(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with tt.task("run") as run:
        pass
    with pytest.raises(ImportError, match="pip install pandas"):
        run.to_frame()
    with pytest.raises(ImportError, match="pip install pandas"):
        tt.diff("now", "now").to_frame()


def test_pandas_is_only_loaded_for_it(run: Run) -> None:
    code = (
        "import sys, tasktree_jupyter as tt\nwith tt.task('run') as run: pass\nprint(tt.at('now'), tt.diff('now'))\n"
        "assert 'pandas' not in sys.modules\nrun.to_frame()\nassert 'pandas' in sys.modules"
    )
    run(code)


def test_a_diff_is_a_table_too(session: Session) -> None:
    tt.emit("node_update", node_id="gone", changes={"title": "gone"})
    tt.snapshot("before")
    tt.emit("node_update", node_id="gone", changes=None)
    tt.emit("node_update", node_id="new", changes={"title": "new", "status": "running"})
    frame = tt.diff("before").to_frame()
    assert [list(row) for row in frame[["change", "title", "field", "before", "after"]].values] == [
        ["added", "new", "status", None, "running"],
        ["removed", "gone", "status", "draft", None],
    ]


def test_with_a_server_other_processes_tasks_are_in_it(run: Run, hub: Hub) -> None:
    code = """
import json, subprocess, sys
import tasktree_jupyter as tt
child = "import tasktree_jupyter as tt\\nwith tt.task('child'): pass"
with tt.task("run", project="frames") as run:
    subprocess.run([sys.executable, "-c", child], check=True)
print(json.dumps([str(title) for title in run.to_frame()["title"]]))
"""
    out, _ = run(code, hub)
    assert json.loads(out) == ["run", "child"]
