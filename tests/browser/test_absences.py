"""Where there is no tree, the panel, a tab and the status bar say why, and what to do. None claims to be live."""

from __future__ import annotations

import json
import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import MakeJupyter, OpenLab
from tests.browser.emitting import Project
from tests.browser.jupyter import wait_until
from tests.browser.lab import Lab

AUTHORIZER = """
from pathlib import Path
from jupyter_server.auth import AllowAllAuthorizer

class Strict(AllowAllAuthorizer):
    def is_authorized(self, handler, user, action, resource):
        return resource != "tasktree" or not Path("forbidden").exists()

c.ServerApp.authorizer_class = Strict
"""
"""Refuses TaskTree to everyone while there is a file named so in the user's home."""


def see(lab: Lab, name: str, title: str, advice: str, *, status: str | None) -> None:
    """The panel says so in both themes, and the status bar is as honest; `status` None: it isn't there."""
    panel = lab.page.locator("#tasktree-panel")
    expect(panel.locator(".tt-empty-title")).to_have_text(title)
    expect(panel.locator(".tt-empty")).to_contain_text(advice)
    item = lab.page.locator(".jp-TaskTreeStatus")
    if status is None:
        expect(item).to_be_hidden()
    else:
        expect(item).to_have_attribute("data-connection", status)
    lab.screenshot(f"absent-{name}-light")
    lab.theme("JupyterLab Dark")
    lab.screenshot(f"absent-{name}-dark")
    lab.theme("JupyterLab Light")


def test_no_server_half(make_jupyter: MakeJupyter, open_lab: OpenLab) -> None:
    lab = open_lab(make_jupyter(hub=False))
    lab.expect_errors(r"WebSocket connection to .* failed")
    lab.command("tasktree:open-panel")
    see(lab, "server-half", "No TaskTree server", "restart it", status="absent")


def test_nothing_yet_then_nothing_any_more(make_jupyter: MakeJupyter, open_lab: OpenLab, tmp_path: Path) -> None:
    config = tmp_path / "jupyter_server_config.py"
    config.write_text(AUTHORIZER, "utf-8")
    jupyter = make_jupyter(options=(f"--config={config}",))
    lab = open_lab(jupyter)
    lab.expect_errors(r"WebSocket connection to .* failed|ERR_CONNECTION_REFUSED|status of 403|Failed to fetch")
    lab.command("tasktree:open-panel")
    see(lab, "projects", "Waiting for the first task", "import tasktree_jupyter as tt", status=None)

    jupyter.request("POST", "tasktree/api/projects/empty/events", {"events": [{"type": "hello", "data": {}}]})
    lab.command("tasktree:open-panel", {"project_id": "empty"})
    see(lab, "tasks", "Waiting for the first task in empty", "import tasktree_jupyter as tt", status="live")

    lab.command("tasktree:open-tab", {"project_id": "never there"})
    expect(lab.page.locator(".jp-TaskTreeTab")).to_contain_text("This project isn’t on the server")
    lab.command("tasktree:open-panel", {"project_id": "never there"})
    see(lab, "project", "This project isn’t on the server", "as soon as", status="live")

    kept = "lab/api/workspaces/default"
    wait_until(lambda: "tasktree:never%20there" in json.dumps(jupyter.get(kept)), "the layout is kept")
    (jupyter.home / "forbidden").touch()
    lab.reload()
    lab.command("tasktree:open-panel")
    see(lab, "permission", "No access", "ask whoever runs it", status="refused")
    expect(lab.page.locator(".jp-TaskTreeTab")).to_contain_text("No access")
    (jupyter.home / "forbidden").unlink()
    lab.page.locator("#tasktree-panel").get_by_role("button", name="retry now").click()
    expect(lab.page.locator(".jp-TaskTreeStatus")).to_have_attribute("data-connection", "live")

    lab.page.route_web_socket(re.compile("tasktree/ws/updates"), lambda socket: socket.close(code=4501))
    lab.reload()
    lab.command("tasktree:open-panel")
    see(lab, "version", "Another version of TaskTree", "Reload the page", status="version")
    expect(lab.page.locator(".jp-TaskTreeTab")).to_contain_text("Another version of TaskTree")


def test_server_that_stops(make_jupyter: MakeJupyter, open_lab: OpenLab) -> None:
    jupyter = make_jupyter()
    Project(jupyter, "nightly-etl").run("n", "Load warehouse")
    lab = open_lab(jupyter)
    lab.expect_errors(r"WebSocket connection|ERR_CONNECTION_REFUSED|Failed to fetch|NetworkError|Connection lost")
    lab.open_panel().wait_connection("live")
    status = lab.page.locator(".jp-TaskTreeStatus")
    expect(status).to_have_accessible_name("Task trees: 2 tasks running")
    jupyter.stop()
    expect(status).to_have_attribute("data-connection", "offline")
    expect(status).to_have_accessible_name(re.compile("offline.*last known: 2 tasks running"))
    expect(lab.page.locator("#tasktree-panel")).to_contain_text("retry now")
    lab.screenshot("absent-server")
    jupyter.start()
    lab.command("tasktree:retry-connection")
    expect(status).to_have_attribute("data-connection", "live")
    expect(status).to_have_accessible_name("Task trees: 2 tasks running")
