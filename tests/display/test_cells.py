"""Cells as tasks, in a real kernel: one run a cell, quiet until there is something to see, with its true end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tasktree_jupyter.display.cells import title_of
from tests.display.kernel import Kernel, data, stored

TREE = """
import json
from tasktree_jupyter.client.session import session as _session
with _session().project().read() as _tree:
    print(json.dumps([_tree.node(_id) for _id in _tree.walk()]))
"""


def tree(kernel: Kernel) -> dict[str, dict[str, Any]]:
    """The kernel's nodes by title; of the same title, the newest."""
    kernel.run("import tasktree_jupyter as tt; tt.configure(cells=False)")
    return {node["title"]: node for node in json.loads(kernel.run(TREE).text())}


@pytest.fixture
def cells(shared_kernel: Kernel) -> Kernel:
    """A kernel with cells as tasks."""
    shared_kernel.run("import tasktree_jupyter as tt\ntt.configure(cells=False)")
    shared_kernel.run("tt.configure(cells=True)")
    return shared_kernel


def test_each_cell_is_a_run_named_by_its_first_line_and_one_run_again_is_another(cells: Kernel) -> None:
    for _ in range(2):
        cells.run("\n\n# Load the data\nrows = [1, 2]\nassert tt.current().title == 'Load the data'")
    cells.run("x = sum(rows)\nx")
    cells.run("tt.configure(cells=False)")
    nodes = json.loads(cells.run(TREE).text())[-4:]
    assert [node["title"] for node in nodes] == [
        "Load the data",
        "Load the data",
        "x = sum(rows)",
        "tt.configure(cells=False)",
    ]
    assert {node["status"] for node in nodes} == {"completed"}
    assert {node["kind"] for node in nodes} == {"cell"}
    assert len({node["node_id"] for node in nodes}) == 4
    assert all("parent_id" not in node for node in nodes)
    counts = [node["source"]["execution_count"] for node in nodes]
    assert counts == sorted(set(counts))


def test_a_cell_without_tasks_shows_nothing_and_tasks_in_it_are_its_children(cells: Kernel) -> None:
    assert cells.run("1 + 1").displays == []
    cell = cells.run("# Search\nwith tt.task('fit'):\n    print('inside')\nwith tt.task('report'): pass")
    assert cell.order() == ["display", "inside", "update"]
    assert [node["title"] for node in stored(cell.updates[0])["nodes"]] == ["Search", "fit", "report"]
    assert "✓ Search" in data(cell.updates[0])["text/plain"]


def test_a_loop_or_a_task_on_a_thread_is_seen_too(cells: Kernel) -> None:
    cell = cells.run("for _ in tt.current().track(range(3), 'steps'): pass")
    assert "3 of 3" in data(cell.updates[-1])["text/plain"]
    cell = cells.run(
        """# In a thread
import threading
def work():
    with tt.task("fit"): pass
thread = threading.Thread(target=work)
thread.start(); thread.join()"""
    )
    assert [node["title"] for node in stored(cell.displays[-1])["nodes"]] == ["In a thread", "fit"]


def test_a_view_shows_the_newest_run_that_has_something_to_show(cells: Kernel) -> None:
    cells.run("# Search\nwith tt.task('fit'): pass")
    cells.run("1 + 1")
    assert cells.run("print(tt.view())").text().startswith("✓ Search")


def test_a_cell_that_fails_is_failed_with_its_own_lines_and_raises_once(cells: Kernel) -> None:
    cell = cells.run("def f():\n    raise ValueError('bad')\nf()", may_fail=True)
    assert cell.errors == ["ValueError"]
    cells.run("1 +", may_fail=True)
    nodes = tree(cells)
    failed = nodes["def f():"]
    assert (failed["status"], failed["error"]["type"], failed["error"]["message"]) == ("failed", "ValueError", "bad")
    assert "raise ValueError('bad')" in failed["error"]["traceback"]
    assert "interactiveshell" not in failed["error"]["traceback"]
    assert (nodes["1 +"]["status"], nodes["1 +"]["error"]["type"]) == ("failed", "SyntaxError")


@pytest.mark.parametrize("rest", ["time.sleep(60)", "while True: await asyncio.sleep(0.01)"])
def test_an_interrupted_cell_is_cancelled_and_the_next_is_fine(cells: Kernel, rest: str) -> None:
    request = cells.client.execute(f"# Long\nimport asyncio, time\nprint('begun')\n{rest}")
    cells.wait_for("stream")
    cells.interrupt()
    cells.finish(request, may_fail=True)
    cells.run("# Next\nwith tt.task('fit'): pass")
    nodes = tree(cells)
    assert nodes["Long"]["status"] == "cancelled"
    assert nodes["Next"]["status"] == nodes["fit"]["status"] == "completed"
    assert nodes["fit"]["parent_id"] == nodes["Next"]["node_id"]


def test_coroutines_of_a_cell_belong_to_it(cells: Kernel) -> None:
    cells.run(
        """# Many at once
import asyncio
async def work(n):
    async with tt.task(f"fit {n}"):
        await asyncio.sleep(0.01)
await asyncio.gather(*(work(n) for n in range(3)))"""
    )
    nodes = tree(cells)
    parents = {nodes[f"fit {n}"]["parent_id"] for n in range(3)}
    assert parents == {nodes["Many at once"]["node_id"]}


@pytest.mark.parametrize(
    ("code", "title"),
    [
        ("", None),
        ("\n  \n", None),
        ("# only words", None),
        ("%load_ext autoreload\n%autoreload 2", None),
        ('%%task "x"\nfit()', None),
        ("!pip list", "!pip list"),
        ("%timeit f()", None),
        ("%matplotlib inline\nplot()", "%matplotlib inline"),
        ("# %% Train", None),
        ("# %% Train\nfit()", "Train"),
        ("#\n#  Train the model \nfit()", "Train the model"),
        ("%%time\nfit()", "fit()"),
        ("%%bash\nls", "ls"),
        ("%%writefile a.py", "%%writefile a.py"),
        ("x" * 500, "x" * 120 + "…"),
    ],
)
def test_a_cell_is_called_by_what_it_says_first(code: str, title: str | None) -> None:
    assert title_of(code) == title
