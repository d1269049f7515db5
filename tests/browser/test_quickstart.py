"""The quickstart as a new user runs it: all cells, then look."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.browser.agreement import assert_agrees
from tests.browser.jupyter import Jupyter, wait_until
from tests.browser.lab import Lab

QUICKSTART = Path(__file__).resolve().parents[2] / "notebooks" / "quickstart.ipynb"


@pytest.fixture
def quickstart(lab: Lab) -> Lab:
    shutil.copy(QUICKSTART, lab.jupyter.root / QUICKSTART.name)
    lab.open_notebook(QUICKSTART.name)
    return lab


def newest_mission(jupyter: Jupyter) -> tuple[str, str] | None:
    """The project and mission that began last."""
    for project in jupyter.projects():
        if project.get("path") == QUICKSTART.name and project["missions"]:
            return project["project_id"], project["missions"][0]["mission_id"]
    return None


def test_cell_and_panel_agree_with_the_server_while_busy_and_after(quickstart: Lab) -> None:
    jupyter = quickstart.jupyter
    panel = quickstart.open_panel()
    quickstart.run_all(wait=False)
    project_id, mission = wait_until(lambda: newest_mission(jupyter), "the first mission", 60)
    cell = quickstart.tree_in_cell(quickstart.cell_with_tree()).wait_shown(30)
    panel.wait_shown()
    for view in (cell, panel):
        assert_agrees(view, jupyter, project_id, mission)
    assert jupyter.kernel_states() == ["busy"]
    cell.wait_connection("live")
    quickstart.screenshot("quickstart-busy")

    quickstart.wait_kernel("idle", 180)
    assert quickstart.cell_errors() == []
    for view in (cell, panel):
        assert_agrees(view, jupyter, project_id, mission)
    quickstart.screenshot("quickstart-done")
    quickstart.theme("JupyterLab Dark")
    quickstart.screenshot("quickstart-done-dark")
