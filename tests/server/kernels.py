"""What a kernel has open when it ends, and how it stands afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.client.hub import PATIENCE, Hub

OPEN = """
import os, signal, sys, time
import tasktree_jupyter as tt
run = tt.task("run", expected=3)
run.__enter__()
fit = tt.task("fit")
fit.__enter__()
fit.update(progress=0.5)
tt.emit("node_update", node_id="raw", changes={"title": "raw", "status": "running"})
tt.emit("node_update", node_id="planned", changes={"title": "planned", "status": "ready"})
tt.emit("node_update", node_id="waits", changes={"title": "waits", "status": "review"})
with tt.task("done"):
    pass
assert tt.flush(30), tt.status()
print(tt.status()["projects"][0]["project_id"], os.getpid())
"""

CHILD = """
import subprocess, sys
code = (
    "import time, tasktree_jupyter as tt\\n"
    "with tt.task('child'):\\n"
    "    assert tt.flush(30)\\n"
    "    print('begun', flush=True)\\n"
    "    time.sleep(600)"
)
child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
assert child.stdout.readline() == "begun\\n"
print(child.pid)
"""

DEAF = """
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
print('deaf', flush=True)
time.sleep(600)"""
"""As a long call into C: no interrupt, no word at the end; when it has printed `deaf`."""


def titles(hub: Hub, project_id: str) -> dict[str, dict[str, Any]]:
    """The newest node of each title."""
    return {str(node.get("title")): node for node in hub.nodes(project_id).values()}


def wait(hub: Hub, project_id: str, ended: Callable[[dict[str, dict[str, Any]]], bool]) -> dict[str, dict[str, Any]]:
    """The project's nodes by title, when `ended` says so."""
    until = time.monotonic() + PATIENCE
    while not ended(nodes := titles(hub, project_id)):
        assert time.monotonic() < until, nodes
        time.sleep(0.05)
    return nodes


def is_over(nodes: dict[str, dict[str, Any]]) -> bool:
    return not {nodes[title]["status"] for title in ("run", "fit", "raw", "planned")} & {"running", "ready"}


def lives_on(hub: Hub, project_id: str) -> bool:
    nodes = titles(hub, project_id)
    return [nodes[title]["status"] for title in ("run", "fit", "raw", "planned")] == ["running"] * 3 + ["ready"]


def told(node: dict[str, Any]) -> tuple[str, str, str]:
    return node["status"], node["trigger"], node["reason"]
