"""The network goes, the server dies and comes back elsewhere: the tree is right, and "live" is never a lie."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.browser.agreement import assert_agrees
from tests.browser.conftest import MakeJupyter, OpenLab
from tests.browser.jupyter import Jupyter, wait_until
from tests.browser.lab import Lab, TreeView
from tests.browser.outage import WATCH, Network, Ticks, lies, sayings

PROJECT = "ticks"
PING_SECONDS = 1.0
LATE_SECONDS = 2.5 * PING_SECONDS + 1.5
"""After this silence a connection counts as dead (docs/protocol.md, ping); the rest is for a busy machine."""

EMITTING = """
import pathlib, time
import tasktree_jupyter as tt
with tt.task("Ticking", project="ticks", expected=3) as run:
    with tt.task("first"): pass
    tick = 0
    while not pathlib.Path("end").exists():
        tick += 1
        run.update(message=f"tick {tick} ")
        time.sleep(0.05)
    with tt.task("last"): pass
assert tt.flush(60), tt.status()
print(tick)
"""


@pytest.fixture
def jupyter(make_jupyter: MakeJupyter) -> Jupyter:
    return make_jupyter(options=(f"--TaskTreeExtension.ping_interval={PING_SECONDS}",))


@pytest.fixture
def network(jupyter: Jupyter) -> Iterator[Network]:
    network = Network(jupyter.port)
    yield network
    network.close()


@pytest.fixture
def emitter(jupyter: Jupyter) -> Iterator[subprocess.Popen[str]]:
    """A script in the server's folder, which finds the server by that."""
    command = [sys.executable, "-c", EMITTING]
    process = subprocess.Popen(
        command,
        cwd=jupyter.root,
        env=jupyter.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    yield process
    process.kill()
    process.wait()


@pytest.fixture
def ticks(jupyter: Jupyter) -> Iterator[Ticks]:
    def newest() -> int | None:
        try:
            [root] = [node for node in jupyter.state(PROJECT)["nodes"] if "parent_id" not in node]
        except (OSError, ValueError):
            return None
        return int(root.get("message", "tick 0").split()[1])

    ticks = Ticks(newest)
    yield ticks
    ticks.close()


@pytest.fixture
def lab(jupyter: Jupyter, network: Network, emitter: subprocess.Popen[str], ticks: Ticks, open_lab: OpenLab) -> Lab:
    """A page that reaches the server over the network, with the script's tree under a cell."""
    wait_until(lambda: ticks.at(float("inf")) > 3, "the script's events arrive")
    lab = open_lab(jupyter, origin=network.origin)
    lab.expect_errors(".*")
    lab.open_notebook("watching.ipynb", [f"import tasktree_jupyter as tt\ntt.view({PROJECT!r})"])
    lab.run_all()
    lab.tree_in_cell(0).wait_shown().wait_connection("live")
    lab.page.evaluate(WATCH)
    return lab


def ended(lab: Lab, emitter: subprocess.Popen[str], ticks: Ticks) -> None:
    """Let the script end; what the page shows then is what the server has, and it was never wrong about itself."""
    jupyter, view = lab.jupyter, lab.tree_in_cell(0)
    (jupyter.root / "end").touch()
    said, _ = emitter.communicate(timeout=90)
    assert emitter.returncode == 0, said
    [mission] = jupyter.state(PROJECT)["state"]["roots"]
    state = assert_agrees(view, jupyter, PROJECT, mission)
    assert view.connection() == "live"
    assert state["by_id"][mission]["status"] == "completed"
    assert state["by_id"][mission]["message"] == f"tick {said.split()[-1]} "
    assert len(state["nodes"]) == 3
    said_of_itself = sayings(lab.page)
    assert {"live", "offline"} <= {each.connection for each in said_of_itself}
    assert lies(said_of_itself, ticks, LATE_SECONDS) == []


def wait_beyond(ticks: Ticks, tick: int) -> None:
    wait_until(lambda: ticks.at(float("inf")) > tick, f"the server knows more than tick {tick}")


def shown(view: TreeView) -> int:
    return int(view.rows()[0].text.partition("tick ")[2].split()[0])


def test_page_goes_offline_and_comes_back(
    lab: Lab, network: Network, emitter: subprocess.Popen[str], ticks: Ticks
) -> None:
    view = lab.tree_in_cell(0)
    network.fall_silent()
    lab.page.context.set_offline(True)
    view.wait_connection("offline")
    before = shown(view)
    lab.screenshot("outage-offline")
    # Much longer than it takes to be found out.
    wait_beyond(ticks, before + 150)
    assert view.connection() == "offline"
    assert shown(view) == before

    network.lead_to(lab.jupyter.port)
    lab.page.context.set_offline(False)
    # At once, not when it would have been tried again by itself.
    view.wait_connection("live", 5)
    wait_until(lambda: shown(view) > before + 150, "what was missed is there")
    ended(lab, emitter, ticks)


def test_server_is_killed_and_started_again_on_another_port(
    lab: Lab, network: Network, emitter: subprocess.Popen[str], ticks: Ticks
) -> None:
    jupyter, view = lab.jupyter, lab.tree_in_cell(0)
    before = shown(view)
    jupyter.kill()
    view.wait_connection("offline")
    lab.screenshot("outage-server-gone")

    port = jupyter.port
    jupyter.move()
    network.lead_to(jupyter.port)
    jupyter.start()
    assert jupyter.port != port
    view.wait_connection("live", 40)
    wait_beyond(ticks, before + 100)
    wait_until(lambda: shown(view) > before + 100, "the script goes on telling")
    ended(lab, emitter, ticks)
