"""`%tasktree` and `%%task` in a real kernel."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.client.hub import TOKEN, Hub
from tests.display.kernel import Kernel, Message, data, stored
from tests.display.test_cells import tree


@pytest.fixture
def magics(shared_kernel: Kernel) -> Kernel:
    shared_kernel.run("%load_ext tasktree_jupyter")
    return shared_kernel


def test_a_task_cell_runs_as_any_cell_inside_a_task(magics: Kernel) -> None:
    cell = magics.run(
        """%%task "Grid search" --agent worker-1 --kind search --as run max_depth=3 imputer=median grid="[1, 2]"
import tasktree_jupyter as tt
with tt.task("fit"):
    print("inside")
text = '''two
lines'''
assert tt.current() is run
text"""
    )
    assert cell.order() == ["display", "inside", "update"]
    assert cell.results == ["'two\\nlines'"]
    assert [node["title"] for node in stored(cell.updates[0])["nodes"]] == ["Grid search", "fit"]
    nodes = tree(magics)
    search = nodes["Grid search"]
    assert (search["status"], search["agent"], search["kind"]) == ("completed", "worker-1", "search")
    assert search["params"] == {"max_depth": 3, "imputer": "median", "grid": [1, 2]}
    assert nodes["fit"]["parent_id"] == search["node_id"]
    assert magics.run("print(text, tt.current())").text() == "two\nlines None\n"


def test_a_task_cell_may_await(magics: Kernel) -> None:
    cell = magics.run('%%task "waits"\nimport asyncio\nawait asyncio.sleep(0, "slept")')
    assert cell.results == ["'slept'"]
    assert tree(magics)["waits"]["status"] == "completed"


def test_a_task_cell_that_raises_fails_its_task_and_shows_its_error_once(magics: Kernel) -> None:
    cell = magics.run('%%task "breaks"\nx = 1\nraise ValueError("bad")', may_fail=True)
    assert cell.errors == ["ValueError"]
    [error] = cell.of("error")
    assert "----> 3 raise ValueError" in re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error["content"]["traceback"]))
    node = tree(magics)["breaks"]
    assert (node["status"], node["error"]["message"]) == ("failed", "bad")


def test_another_cell_magic_may_follow_and_cells_as_tasks_make_no_second_task(magics: Kernel) -> None:
    magics.run("%tasktree cells on")
    magics.run('%%task "timed" --id same\n%%time\ny = 5')
    magics.run('%%task "timed" --id=same\npass')
    nodes = tree(magics)
    assert magics.run("print(y)").text() == "5\n"
    assert "parent_id" not in nodes["timed"]
    assert nodes["timed"]["node_id"].endswith("-same")


def test_cells_on_and_off(magics: Kernel) -> None:
    magics.run("%tasktree cells on")
    magics.run("# on\n1")
    magics.run("%tasktree cells off")
    magics.run("# off\n1")
    nodes = tree(magics)
    assert "on" in nodes
    assert "off" not in nodes


def test_status_says_how_things_stand(magics: Kernel) -> None:
    text = magics.run("%tasktree").text()
    assert "no server" in text
    assert "cells are not tasks" in text


def test_a_view_is_shown(magics: Kernel) -> None:
    magics.run("import tasktree_jupyter as tt\nwith tt.task('etl', project='nightly-etl'): pass")
    cell = magics.run("%tasktree view nightly-etl")
    assert "✓ etl" in data(cell.displays[0])["text/plain"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("%tasktree what", "%tasktree connect URL"),
        ("%tasktree cells maybe", "%tasktree cells on|off"),
        ("%tasktree status now", "isn't one of"),
        ("%tasktree view a b", "takes a project"),
        ("%tasktree view ''", "no project id"),
        ("%tasktree connect", "needs a URL"),
        ("%tasktree connect nowhere", "no address of a Jupyter server"),
        ("%tasktree connect http://localhost:1/?token=s3cret", "not in the URL"),
        ('%tasktree connect "http://', "can't be read"),
        ("%%task two words\n1", "put it in quotes"),
        ('%%task "x" --what 1\n1', "--what"),
        ('%%task "x" --agent\n1', "lacks a value"),
        ('%%task "x" --as 1x\n1', "name for a variable"),
    ],
)
def test_a_mistake_is_answered_by_how_it_is_meant_without_a_traceback(magics: Kernel, line: str, says: str) -> None:
    cell = magics.run(line, may_fail=True)
    told = cell.text("stderr") + "".join("\n".join(error["content"]["traceback"]) for error in cell.of("error"))
    assert says in told
    assert "Traceback" not in told


def test_connect_asks_for_the_token_where_none_is_given_and_keeps_it_nowhere(
    start_kernel: Callable[..., Kernel], hub: Hub
) -> None:
    kernel = start_kernel(None)
    kernel.run("%load_ext tasktree_jupyter")
    asked: list[Message] = []

    def answer(request: Message) -> None:
        asked.append(request)
        kernel.client.input(TOKEN)

    said: list[str] = []

    def take(message: Message) -> None:
        said.append(str(message["content"]))

    kernel.client.execute_interactive(
        f"%tasktree connect {hub.url} --token", allow_stdin=True, stdin_hook=answer, output_hook=take, timeout=60
    )
    assert asked[0]["content"]["password"] is True
    assert "Connected to" in "".join(said)
    assert TOKEN not in "".join(said)
    assert (
        TOKEN
        not in kernel.run("print(In, '\\n'.join(line for *_, line in get_ipython().history_manager.get_tail()))").text()
    )
    assert kernel.run("%tasktree status").text().startswith("connected to ")


def test_connect_that_is_refused_asks_for_a_token(start_kernel: Callable[..., Kernel], hub: Hub) -> None:
    kernel = start_kernel(None)
    kernel.run("%load_ext tasktree_jupyter")
    said: list[str] = []
    kernel.client.execute_interactive(
        f"%tasktree connect {hub.url}",
        allow_stdin=True,
        stdin_hook=lambda request: kernel.client.input(TOKEN),
        output_hook=lambda message: said.append(str(message["content"])),
        timeout=60,
    )
    assert "Connected to" in "".join(said)


def test_unloading_takes_the_magics_away(magics: Kernel) -> None:
    magics.run("%unload_ext tasktree_jupyter")
    assert magics.run("%tasktree", may_fail=True).text("stderr")
    magics.run("%load_ext tasktree_jupyter\n%tasktree cells on")
    magics.run('%%task "again"\npass')
    assert tree(magics)["again"]["status"] == "completed"
