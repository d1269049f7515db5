"""An installation needs nothing more: both halves are on, in JupyterLab and in Notebook 7."""

from __future__ import annotations

import subprocess
import sys

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import MakeJupyter, OpenLab
from tests.browser.lab import Lab


def jupyter_says(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", "jupyter", *arguments], capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def test_labextension_is_installed_enabled_and_compatible() -> None:
    (line,) = [line for line in jupyter_says("labextension", "list").splitlines() if "tasktree-jupyter" in line]
    assert "enabled" in line
    assert "OK" in line
    assert "X" not in line


def test_server_extension_is_enabled_and_valid() -> None:
    lines = jupyter_says("server", "extension", "list").splitlines()
    assert any("tasktree_jupyter" in line and "enabled" in line for line in lines)
    assert any("tasktree_jupyter" in line and "OK" in line for line in lines)


def test_hub_answers_on_jupyters_own_port(lab: Lab) -> None:
    assert lab.jupyter.get("tasktree/api/version")["protocol"] == 1


def test_panel_opens_and_says_what_to_do_first(lab: Lab) -> None:
    assert lab.has_plugin("tasktree-jupyter")
    lab.open_panel()
    expect(lab.page.locator("#tasktree-panel")).to_contain_text("tt.")
    lab.screenshot("panel-empty")


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_task_shows_itself_under_its_cell(make_jupyter: MakeJupyter, open_lab: OpenLab, app: str) -> None:
    lab = open_lab(make_jupyter(app=app))
    lab.open_notebook("one.ipynb", ["import tasktree_jupyter as tt\nwith tt.task('Only task'): pass"])
    lab.run_all()
    view = lab.tree_in_cell(0).wait_shown()
    view.wait_connection("live")
    assert [(row.title, row.status) for row in view.rows()] == [("Only task", "completed")]
    lab.screenshot(f"first-task-{app}")
