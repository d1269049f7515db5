"""The first command of the README: a clone, a machine without Node, a new user who runs the quickstart."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.agreement import assert_agrees
from tests.browser.jupyter import Jupyter, wait_until
from tests.browser.lab import Lab, TreeView
from tests.clone import clone, link_packages, path_without_node

QUICKSTART = "quickstart.ipynb"
INSTALL_SECONDS = 400
# The first test's time includes the installation, which the other suites slow down.
pytestmark = pytest.mark.timeout(INSTALL_SECONDS + 300)


class Opened(Jupyter):
    """The JupyterLab that `notebooks/open.py` starts, in a clone of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "home", root=folder / "clone" / "notebooks")
        self.home.mkdir()
        link_packages(clone(folder / "clone"))
        self.programs = folder / "programs"
        self.programs.mkdir()

    def start(self) -> Opened:
        command = [sys.executable, str(self.root / "open.py"), "--no-browser"]
        command += [f"--port={self.port}", f"--IdentityProvider.token={self.token}"]
        command += ["--LabApp.expose_app_in_browser=True"]
        environment = self.environment()
        # The user's own layouts aren't asked.
        del environment["JUPYTERLAB_WORKSPACES_DIR"], environment["JUPYTERLAB_SETTINGS_DIR"]
        environment["PATH"] = path_without_node(self.programs)
        assert shutil.which("node", path=environment["PATH"]) is None
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=self.home, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        wait_until(self._answers, "JupyterLab answers", INSTALL_SECONDS)
        return self

    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    server = Opened(tmp_path_factory.mktemp("open"))
    try:
        yield server.start()
    finally:
        server.stop()


def newest_mission(jupyter: Jupyter) -> tuple[str, str] | None:
    """The project and mission that began last."""
    for project in jupyter.projects():
        if project.get("path") == QUICKSTART and project["missions"]:
            return project["project_id"], project["missions"][0]["mission_id"]
    return None


def test_one_command_leads_from_a_clone_to_a_live_tree(opened: Opened, browser: Browser) -> None:
    assert "Making a virtual environment" in opened.said()
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    lab = Lab(context.new_page(), opened)
    lab.page.goto(opened.url(f"lab?token={opened.token}"))
    lab.wait_ready()
    lab.wait_notebook(QUICKSTART)
    panel = TreeView(lab.page.locator("#tasktree-panel .tt-view[data-connection]").first)
    expect(lab.page.locator("#tasktree-panel")).to_be_visible()
    lab.screenshot("opened")

    lab.wait_kernel("idle")
    lab.run_all(wait=False)
    project_id, mission = wait_until(lambda: newest_mission(opened), "the first mission", 60)
    cell = lab.tree_in_cell(lab.cell_with_tree()).wait_shown(60)
    panel.wait_shown()
    for view in (cell, panel):
        assert_agrees(view, opened, project_id, mission)
    assert opened.kernel_states() == ["busy"]
    cell.wait_connection("live")
    lab.screenshot("quickstart-busy")

    lab.wait_kernel("idle", 180)
    assert lab.cell_errors() == []
    for view in (cell, panel):
        assert_agrees(view, opened, project_id, mission)
    lab.screenshot("quickstart-done")
    lab.theme("JupyterLab Dark")
    lab.screenshot("quickstart-done-dark")
    assert lab.unexpected_errors() == []
    context.close()
    opened.shut_down_kernels()


def test_second_time_nothing_is_installed(opened: Opened) -> None:
    opened.stop()
    opened.start()
    assert not re.search("Installing|Making", opened.said())
