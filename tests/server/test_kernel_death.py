"""A real kernel ends in every way there is: what it had open ends with it, what others have open lives on."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from datetime import datetime

import pytest
from websockets.sync.client import connect

from tests.client.hub import TOKEN, Hub
from tests.client.notebook import Notebook
from tests.server.kernels import CHILD, DEAF, OPEN, is_over, lives_on, told, wait

QUICK = (
    "--TaskTreeExtension.source_silence=3",
    "--KernelRestarter.time_to_dead=0.5",
    "--KernelRestarter.random_ports_until_alive=False",
)
CULLING = (
    "--KernelManager.shutdown_wait_time=0.6",
    "--MappingKernelManager.cull_interval=1",
    "--MappingKernelManager.cull_idle_timeout=100000",
    "--MappingKernelManager.cull_busy=True",
)


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A server that looks often who is there; it has a kernel that is culled soon."""
    hub = Hub(tmp_path_factory.mktemp("hub"))
    spec = hub.folder / "data" / "kernels" / "culled"
    spec.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    metadata = {"cull_idle_timeout": 3}
    (spec / "kernel.json").write_text(
        json.dumps({"argv": command, "display_name": "Culled", "language": "python", "metadata": metadata})
    )
    hub.start(*QUICK, *CULLING)
    yield hub
    hub.stop()


@pytest.fixture(scope="module")
def other(hub: Hub) -> Iterator[str]:
    """The project of another notebook's run on the same server; whatever happens elsewhere, it goes on."""
    notebook = Notebook(hub, "other.ipynb")
    yield notebook.run(OPEN).split()[0]
    notebook.end()


@pytest.fixture(scope="module")
def notebook(hub: Hub) -> Iterator[Notebook]:
    """Its kernel dies in each test, and is started again."""
    notebook = Notebook(hub, "mortal.ipynb")
    yield notebook
    notebook.end()


def test_a_killed_kernels_tasks_fail_and_say_why(notebook: Notebook, hub: Hub, other: str) -> None:
    project_id, pid = notebook.run(OPEN).split()
    child = int(notebook.run(CHILD))
    os.kill(int(pid), signal.SIGKILL)

    nodes = wait(hub, project_id, is_over)

    for title in ("run", "fit", "raw"):
        assert told(nodes[title]) == ("failed", "kernel_died", "killed by SIGKILL")
        assert nodes[title]["error"] == {"type": "Kernel died", "message": "killed by SIGKILL"}
        assert "unusual" not in nodes[title]
    assert told(nodes["planned"]) == ("cancelled", "kernel_died", "killed by SIGKILL")
    assert "error" not in nodes["planned"]
    assert nodes["waits"]["status"] == "review"
    assert nodes["done"]["status"] == "completed"
    assert nodes["child"]["status"] == "running", "another process, which lives"
    assert lives_on(hub, other)
    os.kill(child, signal.SIGKILL)
    nodes = wait(hub, project_id, lambda nodes: nodes["child"]["status"] != "running")
    assert told(nodes["child"]) == ("failed", "process_died", "its process is gone")


def test_one_that_ends_by_itself_says_with_which_code(notebook: Notebook, hub: Hub, other: str) -> None:
    notebook.wait_until_heard()
    project_id = notebook.run(OPEN).split()[0]
    notebook.send("os._exit(3)")

    nodes = wait(hub, project_id, is_over)

    assert told(nodes["fit"]) == ("failed", "kernel_died", "ended with exit code 3")
    assert lives_on(hub, other)


def test_an_interrupt_ends_what_it_goes_through_and_nothing_else(notebook: Notebook, hub: Hub, other: str) -> None:
    notebook.wait_until_heard()
    project_id = notebook.run(OPEN).split()[0]
    notebook.run("import time, tasktree_jupyter as tt")
    sent = notebook.send("with tt.task('long'):\n    print('begun', flush=True)\n    time.sleep(300)")
    notebook.outputs(sent, until="begun")
    notebook.interrupt()
    notebook.outputs(sent)

    nodes = wait(hub, project_id, lambda nodes: nodes.get("long", {}).get("status") == "cancelled")

    assert nodes["long"]["reason"] == "KeyboardInterrupt"
    assert (nodes["run"]["status"], nodes["raw"]["status"]) == ("running", "running"), "they are open over cells"
    assert lives_on(hub, other)


def test_a_restart_by_the_user_cancels(notebook: Notebook, hub: Hub, other: str) -> None:
    notebook.wait_until_heard()
    project_id = notebook.run(OPEN).split()[0]
    notebook.outputs(notebook.send(DEAF), until="deaf")
    notebook.restart()

    nodes = wait(hub, project_id, is_over)

    assert {told(nodes[title]) for title in ("run", "fit", "raw")} == {
        ("cancelled", "kernel_restarted", "kernel restarted")
    }
    assert "error" not in nodes["fit"]
    assert lives_on(hub, other)


def test_what_a_kernel_left_open_that_ended_in_peace_is_cancelled_too(notebook: Notebook, hub: Hub, other: str) -> None:
    """It closes its own blocks by itself; what it had only told event by event, nobody else would."""
    notebook.wait_until_heard()
    project_id = notebook.run(OPEN).split()[0]
    notebook.restart()

    nodes = wait(hub, project_id, is_over)

    assert told(nodes["raw"]) == ("cancelled", "kernel_restarted", "kernel restarted")
    assert nodes["fit"]["reason"] == "the process has ended"
    assert lives_on(hub, other)


def test_a_shutdown_cancels(notebook: Notebook, hub: Hub, other: str) -> None:
    notebook.wait_until_heard()
    project_id = notebook.run(OPEN).split()[0]
    notebook.outputs(notebook.send(DEAF), until="deaf")
    notebook.close()

    nodes = wait(hub, project_id, is_over)

    assert told(nodes["fit"]) == ("cancelled", "kernel_shut_down", "kernel shut down")
    assert lives_on(hub, other)


def test_a_culled_kernels_tasks_are_cancelled(hub: Hub, other: str) -> None:
    notebook = Notebook(hub, "culled.ipynb", kernel="culled", wait=False)
    # While a page is connected it isn't culled.
    channels = f"{hub.url.replace('http', 'ws')}api/kernels/{notebook.kernel_id}/channels"
    with connect(channels, additional_headers={"Authorization": f"token {TOKEN}"}, open_timeout=60):
        notebook.wait_until_heard()
        project_id = notebook.run(OPEN).split()[0]
        notebook.outputs(notebook.send(DEAF), until="deaf")

    nodes = wait(hub, project_id, is_over)

    assert told(nodes["fit"]) == ("cancelled", "kernel_culled", "kernel shut down after being idle")
    assert lives_on(hub, other)
    notebook.end()


def test_the_next_server_finds_what_a_killed_ones_kernels_left(hub: Hub, other: str) -> None:
    """The kernel notices that its server is gone, and ends without a word."""
    last = hub.events(other)[-1]
    hub.kill()
    hub.start(*QUICK, *CULLING)

    nodes = wait(hub, other, is_over)

    assert told(nodes["fit"]) == ("failed", "kernel_died", "its process is gone")
    assert nodes["fit"]["error"] == {"type": "Kernel died", "message": "its process is gone"}
    ended = datetime.fromisoformat(nodes["fit"]["ended_at"]).timestamp()
    assert abs(ended - last["at"] / 1e6) < 1, "it ended with its last word"
