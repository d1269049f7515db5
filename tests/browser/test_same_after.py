"""Whatever happens to the page, a view comes back as somebody left it, with the right data in it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator

from tests.browser.agreement import assert_agrees
from tests.browser.emitting import Project
from tests.browser.jupyter import wait_until
from tests.browser.lab import Lab, TreeView

CELL = """
import tasktree_jupyter as tt
with tt.task("Long run"):
    for group in "abc":
        with tt.task(f"group {group}"):
            for step in range(3):
                with tt.task(f"step {group}{step}"):
                    pass
assert tt.flush()
"""
HIDE = """
hidden => {
  Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => hidden ? 'hidden' : 'visible' });
  document.dispatchEvent(new Event('visibilitychange'));
}
"""


def row(view: TreeView, title: str) -> Locator:
    return view.root.locator('[role="row"][data-node-id]').filter(has=view.root.page.get_by_text(title, exact=True))


def choices(view: TreeView) -> dict[str, Any]:
    """What somebody chose in a view: which groups are open, which task's details."""
    return {
        "selected": view.root.locator('[role="row"][aria-selected="true"] .tt-title').all_inner_texts(),
        "details": view.root.locator(".tt-details h3").all_inner_texts(),
        "open": {row.title for row in view.rows() if row.expanded == "true" and row.title.startswith("group")},
    }


def test_selection_and_open_groups_outlive_whatever_happens_to_the_page(lab: Lab) -> None:
    jupyter, page = lab.jupyter, lab.page
    lab.open_notebook("left.ipynb", [CELL])
    lab.run_all()
    info = wait_until(lambda: next((each for each in jupyter.projects() if each["missions"]), None), "a mission")
    project, mission = Project(jupyter, info["project_id"]), info["missions"][0]["mission_id"]
    step = next(node for node in jupyter.state(project.project_id)["nodes"] if node.get("title") == "step b0")
    cell = lab.tree_in_cell(0)
    cell.wait_connection("live")
    row(cell, "group b").locator("[data-twisty=true]").click()
    row(cell, "step b1").click()
    left = choices(cell)
    assert left == {"selected": ["step b1"], "details": ["step b1"], "open": {"group b"}}

    lab.save()

    # In another place.
    lab.command("tasktree:open-tab", {"project_id": project.project_id})
    tab = TreeView(page.locator(".jp-TaskTreeTab .tt-view"))
    tab.wait_connection("live")
    assert choices(tab) == left

    # The page is frozen, as a browser does with what nobody looks at; time passes and tasks go on.
    protocol = page.context.new_cdp_session(page)
    protocol.send("Page.setWebLifecycleState", {"state": "frozen"})
    project.node(step["node_id"], message="while it was frozen")
    protocol.send("Page.setWebLifecycleState", {"state": "active"})
    row(tab, "step b0").get_by_text("while it was frozen").wait_for()
    assert choices(tab) == left

    # The page is hidden.
    page.evaluate(HIDE, True)
    project.node(step["node_id"], message="while nobody looked")
    page.evaluate(HIDE, False)
    row(tab, "step b0").get_by_text("while nobody looked").wait_for()
    assert choices(tab) == left

    # The page is loaded anew.
    kept = f'"tasktree:{project.project_id}"'
    wait_until(lambda: kept in str(jupyter.get("lab/api/workspaces/default")).replace("'", '"'), "the layout is kept")
    project.node(step["node_id"], message="while it was away")
    lab.reload()
    tab.wait_connection("live")
    row(tab, "step b0").get_by_text("while it was away").wait_for()
    assert choices(tab) == left
    lab.command("docmanager:open", {"path": "left.ipynb"})
    lab.wait_notebook("left.ipynb")
    cell = lab.tree_in_cell(0)
    cell.wait_connection("live")
    assert choices(cell) == left
    panel = lab.open_panel()
    panel.wait_connection("live")
    assert choices(panel) == left
    assert_agrees(cell, jupyter, project.project_id, mission)
