"""Notebook 7 has room for one document and no status bar: panel, notifications and the way to a cell are there."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import MakeJupyter, OpenLab
from tests.browser.emitting import Project
from tests.browser.jupyter import wait_until
from tests.browser.lab import NOTEBOOK

RUN = """
import tasktree_jupyter as tt
with tt.task("Sweep"):
    with tt.task("step"):
        pass
"""


def test_panel_notifications_and_cells_in_notebook_7(make_jupyter: MakeJupyter, open_lab: OpenLab) -> None:
    jupyter = make_jupyter(app="notebook")
    other = Project(jupyter, "nightly-etl")
    other.run("n", "Load warehouse")
    page = open_lab(jupyter)
    page.open_notebook("here.ipynb", ["# nothing\n" * 60, RUN])
    page.run_cell(1)
    page.command("tasktree:open-panel")
    panel = page.page.locator("#tasktree-panel .tt-view[data-connection]").first
    expect(panel).to_have_attribute("data-connection", "live")
    panel.get_by_role("row").filter(has_text="Sweep").click()
    page.page.evaluate(f"() => {{ {NOTEBOOK}.content.activeCellIndex = 0; }}")
    panel.get_by_role("button", name="Go to cell [1]").click()
    active = f"() => {NOTEBOOK}.content.activeCellIndex"
    wait_until(lambda: page.page.evaluate(active) == 1, "the cell is the active one")
    assert page.page.evaluate("() => window.jupyterapp.commands.isEnabled('tasktree:show-task-of-cell')")
    page.screenshot("notebook-panel")

    other.fail("n/0")
    toast = page.page.locator(".Toastify__toast")
    expect(toast).to_contain_text("“Load warehouse”: 1 task failed")
    toast.get_by_role("button", name="Show").click()
    shown = page.page.locator('#tasktree-panel .tt-view[data-project-id="nightly-etl"]')
    expect(shown).to_have_attribute("data-connection", "live")
    assert not page.page.evaluate("() => window.jupyterapp.commands.hasCommand('tasktree:open-tab')")
    expect(page.page.locator("#tasktree-panel").get_by_role("button", name="Open in a tab")).to_have_count(0)
