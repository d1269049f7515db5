"""A reload, in the middle of everything, costs nothing. How long it takes: tests/benchmarks/bench_reload.py."""

from __future__ import annotations

from tests.browser.agreement import assert_agrees
from tests.browser.jupyter import wait_until
from tests.browser.lab import Lab

GATED = """
import pathlib, time
import tasktree_jupyter as tt
with tt.task("Long run", expected=8):
    for step in range(8):
        with tt.task(f"step {step}"):
            while not pathlib.Path(f"go-{step}").exists():
                time.sleep(0.01)
"""


def test_tree_is_back_and_grows_while_the_kernel_is_busy(lab: Lab) -> None:
    jupyter = lab.jupyter
    for step in range(3):
        (jupyter.root / f"go-{step}").touch()
    lab.open_notebook("long.ipynb", [GATED])
    lab.save()
    lab.run_all(wait=False)
    project = wait_until(lambda: next(iter(jupyter.projects()), None), "a project")
    project_id = project["project_id"]
    wait_until(lambda: len(jupyter.state(project_id)["nodes"]) == 5, "the fourth step runs")
    mission = jupyter.projects()[0]["missions"][0]["mission_id"]
    panel = lab.open_panel()
    assert_agrees(panel, jupyter, project_id, mission)
    lab.save()

    lab.reload()
    lab.wait_notebook("long.ipynb")
    view = lab.tree_in_cell(0)
    view.wait_connection("live")
    assert_agrees(view, jupyter, project_id, mission)
    assert jupyter.kernel_states() == ["busy"]
    lab.screenshot("reloaded-while-busy")

    for step in range(3, 6):
        (jupyter.root / f"go-{step}").touch()
    wait_until(lambda: len(view.rows()) == 8, "the tree goes on growing")
    state = assert_agrees(view, jupyter, project_id, mission)
    assert state["by_id"][mission]["rollup"]["counts"] == {"completed": 6, "running": 1}
    assert jupyter.kernel_states() == ["busy"]

    for step in range(6, 8):
        (jupyter.root / f"go-{step}").touch()
    lab.wait_kernel("idle")
    state = assert_agrees(view, jupyter, project_id, mission)
    assert state["by_id"][mission]["status"] == "completed"
    assert_agrees(lab.open_panel(), jupyter, project_id, mission)
