"""What people see of a kernel that died, and of a process that nobody hears any more: never "running"."""

from __future__ import annotations

import json
import os
import re
import signal

from playwright.sync_api import expect
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.browser.conftest import MakeJupyter, OpenLab
from tests.browser.jupyter import Jupyter, wait_until

CELL = """
import os, time
import tasktree_jupyter as tt
with tt.task("Grid search", expected=3):
    for n in range(2):
        tt.task(f"fit {n}", agent="worker-1").__enter__()
    tt.flush(30)
    print("pid", os.getpid(), flush=True)
    time.sleep(600)
"""


def emit_and_vanish(jupyter: Jupyter, project_id: str) -> None:
    """A process on another machine, whose connection ends while its tasks are under way."""
    url = f"ws://127.0.0.1:{jupyter.port}/tasktree/ws/updates"
    headers = {"Authorization": f"token {jupyter.token}"}
    source = {"project_id": project_id, "source": "far"}
    with connect(
        url, additional_headers=headers, subprotocols=[Subprotocol("tasktree.v1.json")], open_timeout=60
    ) as socket:
        socket.send(json.dumps({"op": "source", "state": "here", "host": "node-17", "pid": 4711, **source}))
        events = [
            {"type": "node_update", "data": {"node_id": node_id, "changes": {"title": title, **changes}}}
            for node_id, title, changes in (
                ("n", "Nightly training", {"status": "running", "expected": 4}),
                ("n/0", "load the warehouse", {"status": "completed", "parent_id": "n"}),
                ("n/1", "train", {"status": "running", "parent_id": "n"}),
                (
                    "n/1/0",
                    "epoch 1",
                    {"status": "running", "parent_id": "n/1", "message": "loss 0.31", "progress": 0.4},
                ),
                ("n/1/1", "epoch 2", {"status": "ready", "parent_id": "n/1"}),
            )
        ]
        socket.send(json.dumps({"op": "publish", "ref": 1, "seq": 1, "events": events, **source}))
        while json.loads(socket.recv(30)).get("ref") != 1:
            pass


def test_a_killed_kernel_and_a_silent_process(make_jupyter: MakeJupyter, open_lab: OpenLab) -> None:
    jupyter = make_jupyter(options=("--TaskTreeExtension.source_silence=1", "--KernelRestarter.time_to_dead=0.5"))
    lab = open_lab(jupyter)
    lab.expect_errors(r"kernel|Kernel|WebSocket")
    lab.open_notebook("search.ipynb", [CELL])
    lab.run_cell(0, wait=False)
    lab.wait_cell_text(0, "pid")
    panel = lab.open_panel()
    panel.wait_connection("live")
    row = lab.page.locator("#tasktree-panel .tt-row", has_text="fit 1")
    expect(row).to_have_attribute("data-status", "running")

    pid = int(lab.cell_text(0).split("pid")[1].split()[0])
    os.kill(pid, signal.SIGKILL)

    expect(row).to_have_attribute("data-status", "failed")
    expect(row).to_contain_text("Kernel died: killed by SIGKILL")
    lab.page.locator(".jp-Dialog").get_by_role("button", name="Ok").click()
    lab.screenshot("kernel-died-light")
    lab.theme("JupyterLab Dark")
    lab.screenshot("kernel-died-dark")

    emit_and_vanish(jupyter, "nightly")
    # Nobody follows it yet.
    line = lab.page.locator('#tasktree-panel [role="option"][data-project-id="nightly"]')
    expect(line).to_contain_text("1 stale")
    expect(line).not_to_contain_text("running")
    expect(lab.page.locator(".jp-TaskTreeStatus")).to_have_accessible_name(re.compile(r"[^g], 1 task not heard of$"))
    lab.command("tasktree:open-tab", {"project_id": "nightly"})
    lab.command("tasktree:open-panel", {"project_id": "nightly"})
    stale = lab.page.locator(".jp-TaskTreeTab .tt-row", has_text="epoch 1")
    expect(stale).to_have_attribute("data-stale", "true")
    expect(stale).to_contain_text("no word since")
    stats = lab.page.locator(".jp-TaskTreeTab .tt-stats")
    expect(stats).to_contain_text("1 stale")
    expect(stats).not_to_contain_text("running")
    before = stats.text_content()
    stale.click()
    expect(lab.page.locator(".jp-TaskTreeTab .tt-details")).to_contain_text("it may be gone, or only away")
    lab.screenshot("stale-dark")
    lab.theme("JupyterLab Light")
    lab.screenshot("stale-light")
    assert stats.text_content() == before, "its clock stands still"

    waiting = wait_until(lambda: jupyter.get("tasktree/api/projects/nightly")["sources"], "the source is known")
    assert waiting[0]["silent_since"] is not None
