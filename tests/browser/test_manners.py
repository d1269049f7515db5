"""What a user of JupyterLab expects of any extension: tabs, restoring, the status bar, notifications, settings."""

from __future__ import annotations

import json
import re

from playwright.sync_api import Locator, expect

from tests.browser.conftest import OpenLab
from tests.browser.emitting import Project
from tests.browser.jupyter import SETTINGS, Jupyter, wait_until
from tests.browser.lab import Lab, TreeView


def panel_line(lab: Lab, text: str) -> Locator:
    return lab.page.locator("#tasktree-panel").get_by_role("option").filter(has_text=text)


def tab(lab: Lab, title: str) -> Locator:
    return lab.page.locator("#jp-main-dock-panel .lm-TabBar-tab").filter(has_text=title)


def tab_icon(lab: Lab, title: str, status: str) -> Locator:
    return tab(lab, title).locator(f'[data-icon="tasktree:{status}"]')


def tree_in_tab(lab: Lab, mission_id: str) -> TreeView:
    return TreeView(lab.page.locator(f'.jp-TaskTreeTab .tt-view[data-mission-id="{mission_id}"]'))


def toasts(lab: Lab, text: str = "") -> Locator:
    return lab.page.locator(".Toastify__toast").filter(has_text=text)


def test_tree_opens_as_a_tab_is_dragged_out_of_the_panel_and_is_back_after_a_reload(lab: Lab) -> None:
    project = Project(lab.jupyter, "nightly-etl")
    project.run("night-1", "Load warehouse")
    lab.open_panel().wait_shown()

    panel_line(lab, "nightly-etl").dblclick()
    tree_in_tab(lab, "night-1").wait_connection("live")
    expect(tab_icon(lab, "nightly-etl", "running")).to_be_visible()
    project.run("night-2", "Load warehouse again")
    tree_in_tab(lab, "night-2").wait_connection("live")

    panel_line(lab, "run 1").hover()
    lab.page.mouse.down()
    lab.page.mouse.move(800, 400, steps=4)
    lab.screenshot("manners-dragging")
    lab.page.mouse.move(1250, 500, steps=4)
    lab.page.mouse.up()
    expect(tab(lab, "Load warehouse")).to_be_visible()
    tree_in_tab(lab, "night-1").wait_connection("live")
    expect(tree_in_tab(lab, "night-2").root).to_be_visible()
    lab.screenshot("manners-tabs")

    project.complete("night-1/0", "night-1/1", "night-1")
    expect(tab_icon(lab, "Load warehouse", "completed")).to_be_visible()
    expect(tab_icon(lab, "nightly-etl", "running")).to_be_visible()

    kept = ("tasktree:nightly-etl", "tasktree:nightly-etl:night-1", "tasktree-panel")

    def is_kept() -> bool:
        layout = json.dumps(lab.jupyter.get("lab/api/workspaces/default"))
        return all(f'"{name}"' in layout for name in kept)

    wait_until(is_kept, "the layout is kept")
    lab.reload()
    tree_in_tab(lab, "night-1").wait_connection("live")
    tree_in_tab(lab, "night-2").wait_connection("live")
    expect(tab(lab, "Load warehouse")).to_have_attribute("title", "Load warehouse, a run of nightly-etl")
    expect(tab_icon(lab, "Load warehouse", "completed")).to_be_visible()
    expect(panel_line(lab, "nightly-etl")).to_be_visible()
    project.complete("night-2/0", "night-2/1", "night-2")


def test_failure_is_told_once_and_counted_with_show_and_mute(jupyter: Jupyter, open_lab: OpenLab) -> None:
    old, new, other = (Project(jupyter, name) for name in ("last week", "grid search", "other"))
    old.run("old", "Old news", tasks=1)
    old.fail("old/0")
    old.node("old", status="failed")
    new.run("g", "Grid search", tasks=5)
    other.run("o", "Other")
    lab = open_lab(jupyter)
    status = lab.page.locator(".jp-TaskTreeStatus")
    expect(status).to_have_attribute("data-connection", "live")
    expect(status).to_have_accessible_name("Task trees: 7 tasks running")

    new.fail("g/0")
    expect(toasts(lab, "“Grid search”: ValueError: Input X contains NaN. ×1")).to_be_visible()
    new.fail("g/1")
    new.fail("g/2")
    expect(toasts(lab, "“Grid search”: ValueError: Input X contains NaN. ×3")).to_be_visible()
    expect(toasts(lab)).to_have_count(1)
    expect(status).to_have_accessible_name("Task trees: 4 tasks running, 3 tasks failed")
    lab.screenshot("manners-notification")

    toasts(lab).get_by_role("button", name="Show").click()
    panel = TreeView(lab.page.locator('#tasktree-panel .tt-view[data-project-id="grid search"]'))
    panel.wait_connection("live")
    expect(toasts(lab)).to_have_count(0)
    # What is before the eyes isn't told; what isn't, is.
    new.fail("g/3")
    expect(panel.root.locator('[data-node-id="g/3"][data-status="failed"]')).to_be_visible()
    other.fail("o/0")
    expect(toasts(lab, "“Other”: ValueError: Input X contains NaN. ×1")).to_be_visible()
    expect(toasts(lab)).to_have_count(1)

    toasts(lab).get_by_role("button", name="Mute").click()
    wait_until(lambda: '"other"' in jupyter.get(SETTINGS)["raw"], "the setting is kept")
    expect(panel_line(lab, "other").get_by_role("img", name="muted")).to_be_visible()
    other.fail("o/1")
    # A run that took long tells of its end; that of the muted project doesn't.
    other.node("o", status="failed")
    long = Project(jupyter, "long")
    long.run("l", "Overnight", ago=300, tasks=1)
    long.complete("l/0", "l")
    expect(toasts(lab, "“Overnight” completed after 5:0")).to_be_visible()
    expect(toasts(lab)).to_have_count(1)
    toasts(lab).get_by_role("button", name="Hide notification").click()

    panel_line(lab, "other").click(button="right")
    lab.screenshot("manners-menu")
    lab.page.get_by_role("menuitemcheckbox", name="Mute This Project").click()
    expect(panel_line(lab, "other").get_by_role("img", name="muted")).to_have_count(0)
    panel_line(lab, "long").click()
    other.run("o2", "Other again")
    other.fail("o2/0")
    expect(toasts(lab, "“Other again”: ValueError: Input X contains NaN. ×1")).to_be_visible()
    for project, run in ((new, "g"), (other, "o2")):
        project.node(run, status="cancelled")


def test_settings_count_at_once(lab: Lab) -> None:
    project = Project(lab.jupyter, "settings")
    project.run("s", "Settings", tasks=3)
    status = lab.page.locator(".jp-TaskTreeStatus")
    expect(status).to_be_visible()
    lab.command("tasktree:open-settings")
    form = lab.page.locator(".jp-SettingsForm").filter(has_text="Task Trees")
    lab.screenshot("manners-settings")
    form.get_by_label("Status bar").uncheck()
    expect(status).to_have_count(0)
    form.get_by_label("Notify when tasks fail").uncheck()

    def is_off() -> bool:
        return '"notifyOnFailure": false' in lab.jupyter.get(SETTINGS)["raw"]

    wait_until(is_off, "the setting is kept")
    project.fail("s/0")
    form.get_by_label("Status bar").check()
    expect(status.filter(has_text="1")).to_have_accessible_name(re.compile("1 task failed"))
    form.get_by_label("Notify when tasks fail").check()
    wait_until(lambda: not is_off(), "the setting is kept")
    expect(status).to_be_visible()
    expect(toasts(lab)).to_have_count(0)
    project.fail("s/1")
    expect(toasts(lab, "“Settings”: ValueError: Input X contains NaN. ×2")).to_be_visible()


HIDES = """
(() => {
  // A headless page is never hidden, nor can anybody click at what the system shows.
  let hidden = false;
  Object.defineProperty(document, 'visibilityState', { get: () => (hidden ? 'hidden' : 'visible') });
  window.hide = now => {
    hidden = now;
    document.dispatchEvent(new Event('visibilitychange'));
  };
  window.notices = [];
  window.Notification = class extends Notification {
    constructor(title, options) {
      super(title, options);
      const seen = { title, body: this.body, shown: false, closed: false, notice: this };
      this.addEventListener('show', () => { seen.shown = true; });
      this.addEventListener('close', () => { seen.closed = true; });
      window.notices.push(seen);
    }
  };
})();
"""


def test_browser_notifies_while_the_page_is_hidden_once_it_was_allowed_to(jupyter: Jupyter, open_lab: OpenLab) -> None:
    lab = open_lab(jupyter)
    lab.page.add_init_script(HIDES)
    lab.reload()
    said = "notices.map(({ notice, ...seen }) => seen)"
    project = Project(jupyter, "hidden")
    project.run("h", "Overnight grid", tasks=4)
    wait_until(lambda: "hidden" in [each["title"] for each in jupyter.projects()], "the project is there")
    toggle = "tasktree:toggle-browser-notifications"
    lab.command(toggle)
    expect(toasts(lab, "The browser allows no notifications of this page")).to_be_visible()
    toasts(lab).get_by_role("button", name="Hide notification").click()
    lab.page.context.grant_permissions(["notifications"], origin=jupyter.origin)
    lab.command(toggle)

    project.fail("h/0")
    expect(toasts(lab, "“Overnight grid”: ValueError: Input X contains NaN. ×1")).to_be_visible()
    assert lab.page.evaluate(said) == [], "somebody looks at the page"
    lab.page.evaluate("hide(true)")
    project.fail("h/1", "KeyError", "'customer_id'")
    (notice,) = wait_until(lambda: [each for each in lab.page.evaluate(said) if each["shown"]], "a notification")
    assert (notice["body"], notice["closed"]) == ("hidden", False)
    assert notice["title"].startswith("“Overnight grid”: ")
    assert "1 other kind" in notice["title"]
    lab.page.evaluate("notices[0].notice.dispatchEvent(new Event('click'))")
    expect(lab.page.locator('#tasktree-panel .tt-view[data-project-id="hidden"]')).to_be_visible()
    wait_until(lambda: lab.page.evaluate(said)[0]["closed"], "the notification is gone")
    lab.page.evaluate("hide(false)")
    project.node("h", status="cancelled")
