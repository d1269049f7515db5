"""A kernel's environment may hold only the client, and be a version apart from the server's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.client.discovery import surroundings
from tests.client.hub import Hub, Program, written
from tests.client.notebook import Notebook

STORED = "application/vnd.tasktree.v1+json"

ALONE = """
import importlib.util, json
names = ["anywidget", "apsw", "IPython", "jupyter_core", "jupyter_server", "pydantic", "tornado", "traitlets"]
assert [name for name in names if importlib.util.find_spec(name)] == []
import tasktree_jupyter as tt
tt.project("alone")
with tt.task("run") as run:
    for n in run.track(range(3), "loop"):
        with tt.task(f"fit {n}"):
            tt.emit("my.event", n=n)
assert tt.flush(30), tt.status()
heard = []
tt.subscribe(lambda event: heard.append(event["type"]), types=["my.event"]).close()
tt.snapshot("end")
print(tt.view())
print(json.dumps(tt.status()))
"""

RunAlone = Callable[..., tuple[str, str]]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An environment with what the client needs, and nothing else."""
    return str(surroundings.make(tmp_path_factory.mktemp("alone"), *surroundings.CLIENT))


@pytest.fixture
def run_alone(python: str) -> Iterator[RunAlone]:
    programs: list[Program] = []

    def run(code: str, hub: Hub, folder: Path, **changes: str) -> tuple[str, str]:
        environment = {name: value for name, value in hub.environment().items() if name != "PYTHONPATH"}
        program = Program(written(folder, code), environment | changes, python=python)
        programs.append(program)
        out, err = program.rest()
        assert program.process.returncode == 0, err
        return out, err

    yield run
    for program in programs:
        program.end()


@pytest.mark.parametrize("found_by", ["its variable", "its folder"])
def test_two_packages_are_enough(run_alone: RunAlone, hub: Hub, found_by: str) -> None:
    changes = {} if found_by == "its variable" else {"TASKTREE_CONNECTION_FILE": ""}
    out, err = run_alone(ALONE, hub, hub.root, **changes)
    status = json.loads(out.splitlines()[-1])
    assert (status["state"], err) == ("connected", "")
    assert out.startswith("✓ run")
    titles = {node["title"] for node in hub.nodes("alone").values()}
    assert titles == {"run", "loop", "fit 0", "fit 1", "fit 2"}


def test_without_websockets_the_tree_lives_in_the_process(tmp_path: Path, hub: Hub) -> None:
    python = surroundings.make(tmp_path / "environment", "msgspec")
    environment = {name: value for name, value in hub.environment().items() if name != "PYTHONPATH"}
    code = "import tasktree_jupyter as tt\nwith tt.task('run'):\n    pass\nprint(tt.view())\ntt.emit('my.event')"
    program = Program(written(tmp_path, code), environment, python=str(python))
    out, err = program.rest()
    program.end()
    assert (program.process.returncode, out.startswith("✓ run")) == (0, True), err
    assert "No module named 'websockets'" in err
    assert err.count("TaskTreeWarning") == 1


CELL = """
import importlib.util, json
assert not importlib.util.find_spec("jupyter_server") and not importlib.util.find_spec("apsw")
import tasktree_jupyter as tt
with tt.task("run") as run:
    with tt.task("part"):
        tt.emit("my.event", n=1)
assert tt.flush(30), tt.status()
print(json.dumps([tt.__version__, tt.status()["projects"][0]["project_id"]]))
"""


@pytest.mark.parametrize("version", ["0.0.1", "99.0.0"])
def test_a_kernel_of_another_environment_and_version(tmp_path: Path, hub: Hub, version: str) -> None:
    python = surroundings.make(tmp_path / "environment", *surroundings.CLIENT, "ipykernel", version=version)
    spec = hub.folder / "data" / "kernels" / f"version-{version[0]}" / "kernel.json"
    spec.parent.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    content = {"argv": argv, "display_name": version, "language": "python", "env": {"PYTHONPATH": ""}}
    spec.write_text(json.dumps(content), "utf-8")

    notebook = Notebook(hub, f"{version}.ipynb", spec.parent.name)
    outputs = notebook.outputs(notebook.send(CELL))

    printed = "".join(each["content"].get("text", "") for each in outputs if each["msg_type"] == "stream")
    stamped, project_id = json.loads(printed)
    assert stamped == version
    assert [node["title"] for node in hub.nodes(project_id).values()] == ["run", "part"]
    (info,) = [info for info in hub.projects() if info["project_id"] == project_id]
    assert info["path"] == f"{version}.ipynb"
    shown = [each["content"]["data"] for each in outputs if each["msg_type"] == "display_data"]
    assert shown[0][STORED]["project_id"] == project_id
    notebook.close()
