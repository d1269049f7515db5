"""Which project, which run: paths come again and change, runs never mix."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.agreement import assert_agrees
from tests.browser.jupyter import Jupyter, wait_until
from tests.browser.lab import Lab

RUN = """
import tasktree_jupyter as tt
with tt.task("Sweep"):
    for depth in (3, 6, 9):
        with tt.task(f"depth {depth}"):
            pass
"""


def project_at(jupyter: Jupyter, path: str, *, missions: int, besides: tuple[str, ...] = ()) -> dict[str, Any]:
    """The one project of the notebook at `path`, `besides` those known before, once it has that many ended missions."""

    def ask() -> dict[str, Any] | None:
        found = [project for project in jupyter.projects() if project.get("path") == path]
        found = [project for project in found if project["project_id"] not in besides]
        assert len(found) <= 1, f"two projects at {path}"
        ended = [mission for project in found for mission in project["missions"] if mission.get("ended_at")]
        return found[0] if len(ended) == missions else None

    return wait_until(ask, f"a project at {path} with {missions} missions")


def test_cell_run_twice_is_two_runs(lab: Lab) -> None:
    lab.open_notebook("twice.ipynb", [RUN])
    lab.run_all()
    project_at(lab.jupyter, "twice.ipynb", missions=1)
    lab.run_all()
    project = project_at(lab.jupyter, "twice.ipynb", missions=2)

    newest, earlier = (mission["mission_id"] for mission in project["missions"])
    state = assert_agrees(lab.tree_in_cell(0).wait_shown(), lab.jupyter, project["project_id"], newest)
    for mission in (newest, earlier):
        below = [node for node in state["nodes"] if node.get("parent_id") == mission]
        assert [node["title"] for node in below] == ["depth 3", "depth 6", "depth 9"]
    view = lab.tree_in_cell(0)
    assert len(view.rows()) == 4
    assert "run 2" in view.text()


def test_kernel_restarted_and_run_again_is_the_same_project(lab: Lab) -> None:
    lab.open_notebook("restarted.ipynb", [RUN])
    lab.run_all()
    first = project_at(lab.jupyter, "restarted.ipynb", missions=1)
    lab.restart_kernel()
    lab.run_all()
    assert project_at(lab.jupyter, "restarted.ipynb", missions=2)["project_id"] == first["project_id"]


@pytest.mark.parametrize("then", ["deleted", "renamed"])
def test_two_notebooks_named_untitled_in_turn_are_two_projects(lab: Lab, then: str) -> None:
    name = "Untitled.ipynb"
    known = tuple(project["project_id"] for project in lab.jupyter.projects())
    lab.open_notebook(name, [RUN])
    lab.run_all()
    first = project_at(lab.jupyter, name, missions=1, besides=known)["project_id"]
    lab.save()
    if then == "renamed":
        lab.rename_notebook("results.ipynb")
    lab.shut_down_kernel()
    lab.close_notebook()
    if then == "deleted":
        lab.jupyter.request("DELETE", f"api/contents/{name}")

    lab.open_notebook(name, [RUN])
    lab.run_all()
    second = project_at(lab.jupyter, name, missions=1, besides=(*known, first))["project_id"]
    assert len(lab.jupyter.state(first)["nodes"]) == len(lab.jupyter.state(second)["nodes"]) == 4
    lab.save()
    lab.shut_down_kernel()
    lab.close_notebook()
    lab.jupyter.request("DELETE", f"api/contents/{name}")


def test_renamed_notebook_is_the_same_project(lab: Lab) -> None:
    lab.open_notebook("before.ipynb", [RUN])
    lab.run_all()
    before = project_at(lab.jupyter, "before.ipynb", missions=1)
    lab.rename_notebook("after.ipynb")
    lab.run_all()
    after = project_at(lab.jupyter, "after.ipynb", missions=2)
    assert after["project_id"] == before["project_id"]
    assert not [project for project in lab.jupyter.projects() if project.get("path") == "before.ipynb"]
