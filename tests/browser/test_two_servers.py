"""Two Jupyter servers of one user share one data folder: a room follows the log, whoever wrote it."""

from __future__ import annotations

from tests.browser.agreement import assert_agrees
from tests.browser.conftest import MakeJupyter, OpenLab
from tests.browser.jupyter import wait_until

EMITTING = """
import pathlib, time
import tasktree_jupyter as tt
with tt.task("Elsewhere", expected=4):
    for step in range(4):
        with tt.task(f"step {step}"):
            while step == 2 and not pathlib.Path("go").exists():
                time.sleep(0.01)
"""


def test_page_of_one_server_shows_what_a_kernel_of_the_other_emits(
    make_jupyter: MakeJupyter, open_lab: OpenLab
) -> None:
    first = make_jupyter()
    second = make_jupyter(home=first.home, root=first.root)
    emitting = open_lab(first)
    emitting.open_notebook("elsewhere.ipynb", [EMITTING])
    emitting.run_all(wait=False)
    project = wait_until(lambda: next(iter(first.projects()), None), "a project on the first server")
    project_id = project["project_id"]
    wait_until(lambda: len(first.state(project_id)["nodes"]) == 4, "the third step runs")

    # A page of the second server, which has no kernel of this project, follows it.
    watching = open_lab(second)
    watching.open_notebook("watching.ipynb", [f"import tasktree_jupyter as tt\ntt.view({project_id!r})"])
    watching.run_all()
    view = watching.tree_in_cell(0).wait_shown()
    view.wait_connection("live")
    mission = first.projects()[0]["missions"][0]["mission_id"]
    assert_agrees(view, first, project_id, mission)
    assert len(view.rows()) == 4

    (first.root / "go").touch()
    wait_until(lambda: len(view.rows()) == 5, "what comes next arrives too")
    emitting.wait_kernel("idle")
    for server in (first, second):
        state = assert_agrees(view, server, project_id, mission)
        assert state["by_id"][mission]["status"] == "completed"
    assert first.state(project_id) == second.state(project_id)
    first.shut_down_kernels()
    second.shut_down_kernels()
