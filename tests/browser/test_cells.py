"""From a task to the cell that started it, and from a cell to its task."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.jupyter import wait_until
from tests.browser.lab import NOTEBOOK, Lab, TreeView

SHOW_TASK = "tasktree:show-task-of-cell"
FILLER = "# nothing happens here\n" * 40
GATED = """
import pathlib, time
import tasktree_jupyter as tt
with tt.task("Sweep"):
    for depth in (3, 6):
        with tt.task(f"depth {depth}"):
            while not pathlib.Path("go").exists():
                time.sleep(0.01)
"""

SLOW_SCROLL = f"""
() => {{
  const {{ content }} = {NOTEBOOK};
  content.scrollToItem = async () => {{
    delete content.scrollToItem;
    await new Promise(resolve => {{ window.arrive = resolve; }});
  }};
}}
"""


def active_cell(lab: Lab) -> str | None:
    cell: str | None = lab.page.evaluate(f"() => {NOTEBOOK}?.content?.activeCell?.model.id ?? null")
    return cell


def is_enabled(lab: Lab, command: str) -> bool:
    return bool(lab.page.evaluate("name => window.jupyterapp.commands.isEnabled(name)", command))


def test_task_leads_to_its_cell_and_the_cell_to_its_task(lab: Lab) -> None:
    lab.open_notebook("cells.ipynb", [FILLER, FILLER, GATED, FILLER])
    panel = lab.open_panel()
    lab.run_cell(2, wait=False)
    panel.wait_shown()
    lab.page.evaluate(f"() => {{ {NOTEBOOK}.content.activeCellIndex = 0; }}")
    assert not is_enabled(lab, SHOW_TASK)

    # The kernel is busy: both ways work all the same.
    row = panel.root.get_by_role("row").filter(has_text="depth 3")
    row.click()
    panel.root.get_by_role("button", name="Go to cell [1]").click()
    wait_until(lambda: active_cell(lab) == "cell-2", "the cell is the active one")
    expect(lab.page.locator(".jp-Notebook .jp-mod-active")).to_be_in_viewport()
    lab.screenshot("cells-there")
    assert is_enabled(lab, SHOW_TASK)

    # Back before the notebook has come to rest: it doesn't call the keyboard to itself afterwards.
    lab.page.evaluate(SLOW_SCROLL)
    panel.root.get_by_role("button", name="Go to cell [1]").click()
    lab.page.wait_for_function("window.arrive && document.activeElement.closest('.jp-Notebook')")
    # JupyterLab itself may still be about to give a cell the keyboard.
    lab.page.evaluate("() => new Promise(done => requestIdleCallback(() => requestIdleCallback(done)))")
    lab.page.keyboard.press("g")
    lab.page.keyboard.press("t")
    selected = panel.root.locator('[role="row"][aria-selected="true"]')
    expect(selected).to_contain_text("Sweep")
    expect(selected).to_be_focused()
    lab.page.evaluate("() => new Promise(done => { arrive(); setTimeout(done); })")
    expect(selected).to_be_focused()
    (lab.jupyter.root / "go").touch()
    lab.wait_kernel("idle")

    # The keyboard alone, to a notebook that was renamed and closed.
    lab.rename_notebook("renamed.ipynb")
    lab.save()
    wait_until(lambda: lab.jupyter.projects()[0]["path"] == "renamed.ipynb", "the server follows the rename")
    lab.close_notebook()
    panel = TreeView(lab.page.locator("#tasktree-panel .tt-view[data-connection]").first).wait_shown()
    panel.root.get_by_role("row").filter(has_text="Sweep").focus()
    lab.page.keyboard.press("ControlOrMeta+Enter")
    lab.wait_notebook("renamed.ipynb")
    wait_until(lambda: active_cell(lab) == "cell-2", "the cell is the active one")

    lab.command("notebook:delete-cell")
    panel.root.get_by_role("row").filter(has_text="Sweep").click(button="right")
    lab.screenshot("cells-menu")
    lab.page.get_by_role("menuitem", name="Go to the Cell of This Task").click()
    expect(lab.page.locator(".Toastify__toast")).to_contain_text(
        "The cell that started “Sweep” is no longer in renamed.ipynb."
    )
