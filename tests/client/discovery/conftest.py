"""Scripts outside Jupyter: nothing but the user's own files leads them to a server."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.client.hub import Hub, Program, written

Script = Callable[..., Program]
Told = Callable[..., dict[str, Any]]

TELL = """
import json, time, warnings
import tasktree_jupyter as tt
tt.configure(exit_timeout=0.5)
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    with tt.task("run"):
        pass
    until = time.monotonic() + 30
    while not tt.flush(0.05) and tt.status()["code"] is None and time.monotonic() < until:
        pass
    flushed = tt.flush(0.2)
    tt.emit("my.event")
print(json.dumps({"flushed": flushed, **tt.status(), "told": [str(each.message) for each in told]}))
"""
"""Make a run, and say how things stand."""


@pytest.fixture
def script() -> Iterator[Script]:
    """Start a program in `folder` as a user of `hub` does in a terminal that has nothing to do with Jupyter."""
    programs: list[Program] = []

    def start(code: str, hub: Hub, folder: Path, *, cwd: Path | None = None, **environment: str) -> Program:
        folder.mkdir(parents=True, exist_ok=True)
        base = hub.environment()
        base.pop("TASKTREE_CONNECTION_FILE", None)
        file = written(folder, code, f"program{len(programs)}.py")
        program = Program(file, base | environment, folder=cwd)
        programs.append(program)
        return program

    yield start
    for program in programs:
        program.end()


@pytest.fixture
def told(script: Script) -> Told:
    """Run a program that makes one run, and return its `status()`, and what it warned of as `told`."""

    def tell(
        hub: Hub, folder: Path, *, cwd: Path | None = None, code: str = TELL, **environment: str
    ) -> dict[str, Any]:
        program = script(code, hub, folder, cwd=cwd, **environment)
        out, err = program.rest()
        assert program.process.returncode == 0, err
        status: dict[str, Any] = json.loads(out.splitlines()[-1])
        return status

    return tell


@pytest.fixture
def only_jupyters_files(tmp_path: Path) -> Callable[[Hub], dict[str, str]]:
    """Give a runtime folder in which a server has only Jupyter's own file, as the variable that names it."""

    def without(hub: Hub) -> dict[str, str]:
        folder = tmp_path / "runtime without connection file"
        folder.mkdir()
        assert hub.process is not None
        name = f"jpserver-{hub.process.pid}.json"
        os.symlink(hub.runtime / name, folder / name)
        return {"JUPYTER_RUNTIME_DIR": str(folder)}

    return without
