"""Of ten thousand tasks three failed: how long somebody looks for the first of them."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, expect

from tests.browser.conftest import OpenLab
from tests.browser.jupyter import Jupyter, wait_until
from tests.browser.lab import TreeView

TASKS = 10_000
FAILED = (2500, 5000, 7500)
KEYSTROKES = 3
"""With the one that opens the panel."""
PATIENCE = 10
BATCH = 1000
COUNT_KEYS = """
() => {
  window.pressed = [];
  const held = ['Control', 'Meta', 'Shift', 'Alt'];
  addEventListener('keydown', ({ key, isTrusted }) => {
    if (isTrusted && !held.includes(key)) { window.pressed.push(key); }
  }, true);
}
"""


def task(number: int) -> dict[str, Any]:
    changes: dict[str, Any] = {"title": f"fit {number}", "parent_id": "fit", "status": "completed"}
    if number in FAILED:
        trace = f'Traceback (most recent call last):\n  File "fit.py", line 12, in fit\nValueError: no {number}'
        changes |= {
            "status": "failed",
            "error": {"type": "ValueError", "message": f"no {number}", "traceback": trace},
        }
    return {"type": "node_update", "data": {"node_id": f"fit/{number}", "changes": changes}}


def is_read(traceback: Locator) -> bool:
    """Whether it comes before somebody's eyes soon; whoever sees nothing by then presses another key."""
    try:
        expect(traceback).to_be_in_viewport(timeout=2000)
    except AssertionError:
        return False
    return True


def test_three_keystrokes_lead_from_the_panel_to_the_first_failures_traceback(
    jupyter: Jupyter, open_lab: OpenLab
) -> None:
    start = [
        {"type": "node_update", "data": {"node_id": "run", "changes": {"title": "Grid search", "status": "running"}}},
        {"type": "node_update", "data": {"node_id": "fit", "changes": {"title": "fit", "parent_id": "run"}}},
    ]
    for events in (start, *([task(at) for at in range(first, first + BATCH)] for first in range(0, TASKS, BATCH))):
        jupyter.request("POST", "tasktree/api/projects/large/events", {"events": events})
    lab = open_lab(jupyter)
    page = lab.page
    # JupyterLab's launcher takes the keyboard when it comes, a moment after the page is there.
    at_launcher = "() => document.activeElement.closest('.jp-Launcher') !== null"
    wait_until(lambda: page.evaluate(at_launcher), "JupyterLab stands still")
    page.evaluate(COUNT_KEYS)
    page.keyboard.press("ControlOrMeta+Shift+Y")
    panel = page.locator("#tasktree-panel")
    TreeView(panel.locator(".tt-view[data-connection]").first).wait_shown()
    wait_until(lambda: panel.evaluate("panel => panel.contains(document.activeElement)"), "the panel has the keyboard")

    details = panel.locator(".tt-details")
    traceback = details.get_by_role("group", name="Traceback").filter(has_text="fit.py:12")
    failure = panel.locator('[role="row"]:focus').filter(has_text=f"fit {FAILED[0]}")
    # "n" until the failure is found, then Enter until its traceback is read.
    page.keyboard.press("n")
    while not is_read(traceback) and len(page.evaluate("pressed")) < PATIENCE:
        page.keyboard.press("Enter" if failure.count() else "n")
    expect(details).to_contain_text(f"ValueError: no {FAILED[0]}")
    pressed = page.evaluate("pressed")
    assert len(pressed) <= KEYSTROKES, pressed
    lab.screenshot("first-failure")
