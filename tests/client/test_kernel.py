"""In a real kernel that a real server started for a notebook: which project, which cell, interrupts, restarts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.client.hub import PATIENCE, Hub
from tests.client.notebook import Notebook


@pytest.fixture(scope="module")
def notebook(hub: Hub) -> Iterator[Notebook]:
    notebook = Notebook(hub, "shared.ipynb")
    yield notebook
    notebook.close()


@pytest.fixture
def own_notebook(hub: Hub) -> Iterator[Notebook]:
    notebook = Notebook(hub, "own.ipynb")
    yield notebook
    notebook.close()


def by_title(hub: Hub, project_id: str) -> dict[str, dict[str, Any]]:
    return {node["title"]: node for node in hub.nodes(project_id).values()}


IMPORT = "import tasktree_jupyter as tt\n"
PROJECT = "assert tt.flush(30), tt.status()\nprint(tt.status()['projects'][0]['project_id'])\n"


def test_a_notebooks_runs_go_to_its_project_and_name_their_cells(notebook: Notebook, hub: Hub) -> None:
    project_id = notebook.run(IMPORT + "with tt.task('one'): pass\n" + PROJECT, "first-cell").strip()
    again = notebook.run("with tt.task('two'):\n    with tt.task('inside'): pass\n" + PROJECT, "second-cell").strip()
    assert again == project_id
    info = next(info for info in hub.projects() if info["project_id"] == project_id)
    assert (info["kind"], info["path"]) == ("notebook", notebook.path)
    nodes = by_title(hub, project_id)
    assert (nodes["one"]["source"]["cell_id"], nodes["two"]["source"]["cell_id"]) == ("first-cell", "second-cell")
    assert nodes["one"]["source"]["kernel_id"] == notebook.kernel_id
    assert nodes["two"]["source"]["notebook"] == notebook.path
    assert nodes["two"]["source"]["execution_count"] == nodes["one"]["source"]["execution_count"] + 1
    assert "source" not in nodes["inside"]


def test_an_interrupt_cancels_what_runs(notebook: Notebook, hub: Hub) -> None:
    code = IMPORT + "import time\nwith tt.task('long'):\n    print('begun', flush=True)\n    time.sleep(300)"
    sent = notebook.send(code)
    notebook.outputs(sent, until="begun")
    notebook.interrupt()
    (error,) = [m["content"] for m in notebook.outputs(sent) if m["msg_type"] == "error"]
    assert error["ename"] == "KeyboardInterrupt"
    node = by_title(hub, notebook.run(PROJECT).strip())["long"]
    assert (node["status"], node["reason"]) == ("cancelled", "KeyboardInterrupt")


def test_a_restart_leaves_nothing_running(own_notebook: Notebook, hub: Hub) -> None:
    code = IMPORT + "t = tt.task('left open')\nt.__enter__()\n" + PROJECT
    project_id = own_notebook.run(code).strip()
    own_notebook.restart()
    until = time.monotonic() + PATIENCE
    while by_title(hub, project_id)["left open"]["status"] == "running":
        assert time.monotonic() < until
        time.sleep(0.05)
    node = by_title(hub, project_id)["left open"]
    assert (node["status"], node["reason"]) == ("cancelled", "the process has ended")


def test_a_block_may_be_entered_in_one_cell_and_left_in_another(notebook: Notebook, hub: Hub) -> None:
    notebook.run(IMPORT + "run = tt.task('over cells')\nrun.__enter__()")
    notebook.run("with tt.task('in between'): pass")
    project_id = notebook.run("run.__exit__(None, None, None)\n" + PROJECT).strip()
    notebook.run("with tt.task('afterwards'): pass\n" + PROJECT)
    nodes = by_title(hub, project_id)
    assert nodes["over cells"]["status"] == "completed"
    assert "parent_id" not in nodes["afterwards"]


def test_prints_of_a_callback_land_in_the_cell_that_subscribed(notebook: Notebook) -> None:
    listening = notebook.send(
        IMPORT
        + "import threading\nheard = threading.Event()\n"
        + "def on_event(event):\n    print('heard', event['type'], flush=True)\n    heard.set()\n"
        + "sub = tt.subscribe(on_event, types=['my.event'])"
    )
    notebook.outputs(listening)
    emitting = notebook.send("tt.emit('my.event')\nassert heard.wait(30)\nprint('said')")
    seen: dict[str, str] = {}
    while len(seen) < 2:
        message = notebook.client.get_iopub_msg(timeout=PATIENCE)
        if message["msg_type"] == "stream":
            seen[str(message["parent_header"]["msg_id"])] = message["content"]["text"].strip()
    assert seen == {listening: "heard my.event", emitting: "said"}


def test_a_bad_emit_warns_under_its_cell(notebook: Notebook) -> None:
    notebook.run(IMPORT)
    outputs = notebook.outputs(notebook.send("x = 1\ntt.emit('task_status_changed', task_id='t', status='runing')"))
    (text,) = [m["content"]["text"] for m in outputs if m["msg_type"] == "stream"]
    assert "data.status is 'runing'" in text
    assert "TaskTreeWarning" in text


def test_a_process_started_in_a_cell_joins_the_notebooks_run(notebook: Notebook, hub: Hub) -> None:
    code = (
        IMPORT
        + """
import subprocess, sys
child = "import tasktree_jupyter as tt\\nwith tt.task('child'): pass"
with tt.task("run"):
    subprocess.run([sys.executable, "-c", child], check=True)
"""
        + PROJECT
    )
    project_id = notebook.run(code).strip()
    nodes = by_title(hub, project_id)
    assert nodes["child"]["parent_id"] == nodes["run"]["node_id"]
    assert "kernel_id" not in nodes["child"]["source"]
