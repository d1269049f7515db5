"""A server that comes back on another port, with another secret, is found again by whoever lived meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.discovery.conftest import Script
from tests.client.hub import Hub
from tests.display.kernel import Kernel

SCRIPT = """
import tasktree_jupyter as tt
tt.project("script")
with tt.task("run"):
    assert tt.flush(30), tt.status()
    print("begun", flush=True)
    input()
    for n in range(500):
        tt.emit("my.event", n=n)
    print("emitted", flush=True)
    input()
assert tt.flush(60), tt.status()
print(tt.status()["server"], tt.status()["projects"][0]["dropped"], flush=True)
"""

BEFORE = """
import tasktree_jupyter as tt
tt.project("kernel")
run = tt.task("run").__enter__()
assert tt.flush(30), tt.status()
"""
MEANWHILE = """
for n in range(500):
    tt.emit("my.event", n=n)
"""
AFTER = """
run.__exit__(None, None, None)
assert tt.flush(60), tt.status()
print(tt.status()["server"], tt.status()["projects"][0]["dropped"])
"""


@pytest.fixture
def kernel(own_hub: Hub, tmp_path: Path) -> Iterator[Kernel]:
    """A kernel that outlives its server, as one does that VS Code, a gateway or `jupyter console` keeps."""
    kernel = Kernel(own_hub.environment(), tmp_path)
    yield kernel
    kernel.stop()


def test_kernel_and_script_go_on_at_the_servers_new_port(script: Script, kernel: Kernel, own_hub: Hub) -> None:
    program = script(SCRIPT, own_hub, own_hub.root)
    assert program.line() == "begun"
    kernel.run(BEFORE)
    before = own_hub.url

    own_hub.kill()
    program.go_on()
    assert program.line() == "emitted"
    kernel.run(MEANWHILE)
    own_hub.start()
    program.go_on()

    assert own_hub.url != before
    new = f"{own_hub.url.replace('http', 'ws')} 0"
    assert program.line() == new
    assert kernel.run(AFTER).text().strip() == new
    for project in ("script", "kernel"):
        events = own_hub.events(project)
        assert [event["data"]["n"] for event in events if event["type"] == "my.event"] == list(range(500))
        assert [node["status"] for node in own_hub.nodes(project).values()] == ["completed"]
