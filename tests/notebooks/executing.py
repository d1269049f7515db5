"""Runs a notebook as a user does, on a real server, and hands out what the server and the file have afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import nbformat
from nbclient import NotebookClient

import tasktree_jupyter
from tests.client.hub import Hub

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
STORED = "application/vnd.tasktree.v1+json"


class Executed(NamedTuple):
    """A notebook that ran, what its code had computed, and its project as the server has it."""

    notebook: nbformat.NotebookNode
    computed: dict[str, Any]
    hub: Hub
    project_id: str
    state: dict[str, Any]
    events: list[dict[str, Any]]

    def cell(self, cell_id: str) -> nbformat.NotebookNode:
        found: nbformat.NotebookNode = next(cell for cell in self.notebook.cells if cell.id == cell_id)
        return found

    def printed(self, cell_id: str, stream: str = "stdout") -> str:
        return "".join(output.text for output in self.cell(cell_id).outputs if output.get("name") == stream)

    def shown(self, cell_id: str, mime: str = "text/plain") -> str:
        """What the last expression of a cell shows, or what it displayed last."""
        (*_, last) = [output for output in self.cell(cell_id).outputs if mime in output.get("data", {})]
        text: str = last.data[mime]
        return text

    def bundles(self) -> list[dict[str, Any]]:
        outputs = [output for cell in self.notebook.cells for output in cell.get("outputs", ())]
        return [output.data[STORED] for output in outputs if STORED in output.get("data", {})]

    def nodes(self) -> dict[str, dict[str, Any]]:
        return {node["node_id"]: node for node in self.state["nodes"]}

    def tree(self, root: str) -> list[tuple[int, str, str]]:
        """Depth, title and status of a node and all below it, as a reader of the tree sees them."""
        nodes = self.nodes()
        found = [(0, root)]
        for depth, node_id in found:
            children = [one for one, node in nodes.items() if node.get("parent_id") == node_id]
            at = found.index((depth, node_id)) + 1
            found[at:at] = [(depth + 1, child) for child in children]
        return [(depth, nodes[node_id]["title"], nodes[node_id]["status"]) for depth, node_id in found]


def environment(hub: Hub) -> dict[str, str]:
    return hub.environment() | {"PYTHONPATH": str(Path(tasktree_jupyter.__file__).parents[1])}


def execute(hub: Hub, name: str, computed: str, *, work: tuple[str, str] | None = None) -> Executed:
    """Run a notebook of `notebooks/`. `computed`: an expression of its variables that JSON can hold.

    `work`: what makes it take long, and what stands in its place here.
    """
    text = (NOTEBOOKS / name).read_text("utf-8")
    if work is not None:
        assert text.count(work[0]) == 1, work[0]
        text = text.replace(*work)
    notebook = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
    code = f"import json\nprint(json.dumps([{computed}, tt.status()['projects'][0]['project_id']]))"
    notebook.cells.append(nbformat.v4.new_code_cell(code))  # type: ignore[no-untyped-call]
    client = NotebookClient(
        notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(hub.root)}}
    )
    client.execute(env=environment(hub))
    known, project_id = json.loads(notebook.cells.pop().outputs[0].text)
    state = hub.ask(f"projects/{quote(project_id, safe='')}/state")
    return Executed(notebook, known, hub, project_id, state, hub.events(project_id))
