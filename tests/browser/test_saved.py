"""The final tree is in the notebook: without kernel, without trust, without server, and as nbconvert's page."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.agreement import Shown, assert_agrees, shown_rows
from tests.browser.conftest import MakeJupyter, OpenLab
from tests.browser.jupyter import Jupyter, wait_until
from tests.browser.lab import TREE_MIME, Lab

GATED = """
import pathlib, time
import tasktree_jupyter as tt
with tt.task("Nightly", expected=4):
    for name in ("load", "clean", "train", "report"):
        with tt.task(name) as t:
            while name == "train" and not pathlib.Path("go-{gate}").exists():
                time.sleep(0.01)
"""

ALL_DONE = [("Nightly", "completed")] + [(name, "completed") for name in ("load", "clean", "train", "report")]


def run_to_the_end(lab: Lab, name: str) -> dict[str, Shown]:
    """Run the notebook with its page open, save it. Returns what the view then shows."""
    (lab.jupyter.root / f"go-{name}").touch()
    lab.open_notebook(name, [GATED.replace("{gate}", name)])
    lab.run_all()
    project = wait_until(lambda: project_of(lab.jupyter, name), "a project")
    mission = project["missions"][0]["mission_id"]
    view = lab.tree_in_cell(0).wait_shown()
    assert_agrees(view, lab.jupyter, project["project_id"], mission)
    lab.save()
    return shown_rows(view)


def project_of(jupyter: Jupyter, path: str) -> dict[str, Any] | None:
    """The project of the notebook at `path`, once it has a mission."""
    return next((each for each in jupyter.projects() if each.get("path") == path and each["missions"]), None)


def titles(lab: Lab) -> list[tuple[str, str | None]]:
    view = lab.tree_in_cell(0).wait_shown()
    view.open_all()
    return [(row.title, row.status) for row in view.rows()]


def saved_statuses(path: Path) -> list[str]:
    """The statuses in the tree that lies in the notebook's file."""
    notebook = json.loads(path.read_text("utf-8"))
    bundles = [output["data"] for cell in notebook["cells"] for output in cell["outputs"] if "data" in output]
    stored = [bundle[TREE_MIME] for bundle in bundles if TREE_MIME in bundle]
    return [node["status"] for tree in stored for node in tree["nodes"]]


def test_tree_is_there_after_kernel_shutdown_and_reload(lab: Lab) -> None:
    before = run_to_the_end(lab, "shut.ipynb")
    lab.shut_down_kernel()
    lab.save()
    lab.reload()
    lab.wait_notebook("shut.ipynb")
    assert titles(lab) == ALL_DONE
    assert shown_rows(lab.tree_in_cell(0)) == before


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_tree_is_there_untrusted_and_without_the_server_extension(
    lab: Lab, make_jupyter: MakeJupyter, open_lab: OpenLab, app: str
) -> None:
    before = run_to_the_end(lab, f"sent-to-{app}.ipynb")
    # Someone else's computer: another user, who never ran it and hasn't enabled the server extension.
    other = make_jupyter(app=app, hub=False)
    (other.root / "received.ipynb").write_bytes((lab.jupyter.root / f"sent-to-{app}.ipynb").read_bytes())
    reader = open_lab(other)
    reader.expect_errors("tasktree/ws/updates' failed: .* 404")
    reader.open_notebook("received.ipynb")
    assert reader.is_trusted(0) is False
    assert titles(reader) == ALL_DONE
    assert shown_rows(reader.tree_in_cell(0)) == before
    assert reader.tree_in_cell(0).connection() != "live"
    reader.screenshot(f"untrusted-without-hub-{app}")


def test_final_tree_is_saved_when_the_page_was_closed_at_the_end(lab: Lab, open_lab: OpenLab) -> None:
    jupyter, name = lab.jupyter, "away.ipynb"
    lab.open_notebook(name, [GATED.replace("{gate}", name)])
    lab.run_all(wait=False)
    wait_until(lambda: len(titles(lab)) == 4, "three of four tasks are there")
    lab.save()
    assert "running" in saved_statuses(jupyter.root / name)
    lab.page.close()

    (jupyter.root / f"go-{name}").touch()
    wait_until(lambda: jupyter.kernel_states() == ["idle"], "the run has ended with nobody there")
    back = open_lab(jupyter)
    back.open_notebook(name)
    assert titles(back) == ALL_DONE
    wait_until(back.is_dirty, "the page puts the final tree into the notebook")
    back.save()
    assert saved_statuses(jupyter.root / name) == ["completed"] * 5
    back.shut_down_kernel()


def test_opening_a_finished_notebook_changes_nothing(lab: Lab) -> None:
    run_to_the_end(lab, "still.ipynb")
    lab.shut_down_kernel()
    lab.save()
    lab.reload()
    lab.wait_notebook("still.ipynb")
    lab.tree_in_cell(0).wait_connection("live")
    assert titles(lab) == ALL_DONE
    assert lab.is_dirty() is False


def test_nbconvert_shows_the_tree(lab: Lab, browser: Browser) -> None:
    run_to_the_end(lab, "page.ipynb")
    path = lab.jupyter.root / "page.ipynb"
    command = [sys.executable, "-m", "nbconvert", "--to", "html", str(path)]
    subprocess.run(command, check=True, capture_output=True, cwd=lab.jupyter.root)
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto(path.with_suffix(".html").as_uri())
    for title, _ in ALL_DONE:
        expect(page.locator(".jp-OutputArea")).to_contain_text(title)
    context.close()
