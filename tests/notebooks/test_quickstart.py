"""The quickstart, run as a user runs it: what the server has is what the notebook computed, and its file shows it."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.client.hub import Hub
from tests.notebooks.executing import NOTEBOOKS, Executed, environment, execute

COMPUTED = """{
    "run": run.id, "results": {str(k): v for k, v in results.items()}, "best": best, "failures": failures,
    "candidates": candidates, "after": after.id,
}"""


def node_of(executed: Executed, name: str) -> dict[str, Any]:
    return executed.nodes()[f"{executed.computed['run']}/{name}"]


@pytest.fixture(scope="module")
def executed(hub: Hub) -> Executed:
    # As it is, it runs in the browser tests.
    return execute(hub, "quickstart.ipynb", COMPUTED, work=("n_estimators=60", "n_estimators=3"))


def test_the_server_has_one_mission_of_all_fits_and_all_are_done(executed: Executed) -> None:
    info = executed.hub.ask(f"projects/{executed.project_id}")
    [mission] = info["missions"]
    assert (mission["mission_id"], mission["title"], mission["status"]) == (
        executed.computed["run"],
        "Grid search",
        "completed",
    )
    assert mission["rollup"]["counts"] == {"completed": 24 * 3 + 1}
    assert mission["rollup"]["progress"] == 1000


def test_params_and_metrics_are_those_the_notebook_computed(executed: Executed) -> None:
    for number, auc in executed.computed["results"].items():
        node = node_of(executed, f"candidate-{int(number):02}")
        assert node["metrics"] == {"auc": auc}
        given = executed.computed["candidates"][int(number) - 1]
        kept = {key: value for key, value in given.items() if value is not None}
        assert node["params"].items() >= kept.items()
        folds = [node_of(executed, f"candidate-{int(number):02}-fold-{fold}")["metrics"]["auc"] for fold in (1, 2, 3)]
        assert sum(folds) / 3 == pytest.approx(auc, abs=1e-12)
    assert len(executed.computed["results"]) == 24
    best = executed.computed["best"]
    assert executed.computed["results"][str(best)] == max(executed.computed["results"].values())


def test_the_candidate_that_failed_was_tried_again_and_its_failure_is_in_the_log(executed: Executed) -> None:
    for name in ("candidate-07", "candidate-07-fold-1"):
        node = node_of(executed, name)
        assert (node["status"], node["attempt"]) == ("completed", 2)
        assert "error" not in node
    assert node_of(executed, "candidate-07")["params"]["imputer"] == "median"
    changes = [
        (event["data"]["node_id"], event["data"]["changes"])
        for event in executed.events
        if event["type"] == "node_update" and event["data"]["changes"].get("status") == "failed"
    ]
    assert [node_id for node_id, _ in changes] == executed.computed["failures"]
    assert {node_id.rsplit("/", 1)[1] for node_id, _ in changes} == {"candidate-07", "candidate-07-fold-1"}
    for _, change in changes:
        assert change["error"]["type"] == "ValueError"
        assert change["error"]["message"].startswith("Input X contains NaN.")
        assert "sklearn" in change["error"]["traceback"]
    others = [node for node in executed.state["nodes"] if node.get("attempt", 1) > 1]
    assert len(others) == 2


def test_the_snapshots_name_the_moments_before_and_after_the_search(executed: Executed) -> None:
    snapshots = {snapshot["name"]: snapshot for snapshot in executed.state["state"]["snapshots"].values()}
    run = executed.computed["run"]
    about = [event for event in executed.events if event["data"].get("node_id") == run]
    ended = [event["offset"] for event in about if event["data"]["changes"].get("status") == "completed"]
    assert snapshots["before the search"]["offset"] < about[0]["offset"]
    assert [snapshots["after the search"]["offset"]] == [ended[-1] + 1]
    assert snapshots["after the search"]["snapshot_id"] == executed.computed["after"]
    assert str(executed.computed["best"]) in snapshots["after the search"]["note"]


def test_scripted_emits_made_the_report(executed: Executed) -> None:
    report = node_of(executed, "report")
    assert (report["title"], report["status"], report["trigger"]) == ("report", "completed", "quickstart")
    assert "unusual" not in report
    assert report["parent_id"] == executed.computed["run"]


def test_nothing_was_dropped_or_flagged(executed: Executed) -> None:
    state = executed.state["state"]
    assert (state["dropped"], state["flagged"]["count"], state["overflow"]) == (0, 0, 0)


def test_the_file_keeps_the_tree_as_the_server_has_it(executed: Executed) -> None:
    search, view = executed.bundles()
    assert search["mission_id"] == view["mission_id"] == executed.computed["run"]
    assert search["ended"]
    assert view["ended"]
    stored = {node["node_id"]: node for node in view["nodes"]}
    assert view["omitted"] == {}
    assert stored == {node["node_id"]: node for node in executed.state["nodes"]}
    assert stored.keys() - {node["node_id"] for node in search["nodes"]} == {f"{executed.computed['run']}/report"}


class Outputs(HTMLParser):
    """The text of a page's outputs, and the elements that hold it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.depth = 0
        self.text = ""
        self.tags: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.depth or "jp-OutputArea-output" in (dict(attrs).get("class") or ""):
            self.depth += tag == "div"
            self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        self.depth -= tag == "div" and self.depth > 0

    def handle_data(self, data: str) -> None:
        self.text += data if self.depth else ""


def convert(notebook: Path, environment: dict[str, str], *options: str) -> Outputs:
    command = [sys.executable, "-m", "nbconvert", "--to", "html", *options, "--output", "page", notebook.name]
    done = subprocess.run(command, cwd=notebook.parent, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    return Outputs((notebook.parent / "page.html").read_text("utf-8"))


def test_nbconvert_shows_the_tree_of_a_saved_notebook(executed: Executed, tmp_path: Path) -> None:
    nbformat.write(executed.notebook, tmp_path / "quickstart.ipynb")  # type: ignore[no-untyped-call]
    page = convert(tmp_path / "quickstart.ipynb", environment(executed.hub))
    assert "Grid search" in page.text
    assert "candidate 24" in page.text
    assert "73/73" in page.text
    assert "details" in page.tags
    assert "script" not in page.tags


def test_nbconvert_that_runs_a_notebook_without_a_server_shows_the_tree_too(tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "emitting.ipynb").write_bytes((NOTEBOOKS / "emitting.ipynb").read_bytes())
    page = convert(folder / "emitting.ipynb", environment(Hub(tmp_path / "none")), "--execute")
    for title in ("read customers", "fetch rates", "part 5"):
        assert title in page.text
    assert "details" in page.tags
    assert "script" not in page.tags
