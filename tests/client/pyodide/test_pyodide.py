"""In the browser, without threads and sockets: Python as Pyodide and JupyterLite run it, here under Node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

import tasktree_jupyter

HERE = Path(__file__).resolve().parent
PYODIDE = HERE.parents[2] / "labextension" / "node_modules" / "pyodide"

PROGRAM = """
import asyncio, json, sys, threading, warnings

begun = set(sys.modules)
told = []
warnings.showwarning = lambda message, *rest, **more: told.append(str(message))
try:
    threading.Thread(target=print).start()
    threads = True
except RuntimeError:
    threads = False

import tasktree_jupyter as tt

heard = []
subscription = tt.subscribe(lambda event: heard.append(event["data"].get("n")), types=["my.event"])

@tt.task
async def part(n):
    await asyncio.sleep(0)
    tt.emit("my.event", n=n)

with tt.task("run", expected=4) as run:
    await asyncio.gather(part(0), part(1))
    for n in run.track(range(3), "loop"):
        run.update(metrics={"loss": 1 / (n + 1)})
    try:
        with tt.task("fails"):
            1 / 0
    except ZeroDivisionError:
        pass
connected = tt.connect("http://127.0.0.1:8888/", "t", timeout=60)
subscription.close()
tt.snapshot("end")
print(json.dumps({
    "platform": sys.platform,
    "threads": threads,
    "told": told,
    "heard": heard,
    "flushed": tt.flush(60),
    "connected": connected,
    "status": tt.status(),
    "view": repr(tt.view()),
    "loaded": sorted({name.partition(".")[0] for name in set(sys.modules) - begun}),
}))
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, and of what it needs only what has a wheel for Pyodide or is pure Python, and is needed at once."""
    folder = tmp_path_factory.mktemp("packages")
    source = Path(tasktree_jupyter.__file__).parent
    left_out = shutil.ignore_patterns("labextension", "static", "__pycache__")
    shutil.copytree(source, folder / "tasktree_jupyter", ignore=left_out)
    wheels = folder / "wheels"
    about = json.loads((PYODIDE / "pyodide-lock.json").read_text("utf-8"))["info"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--platform", f"pyemscripten_{about['abi_version']}_wasm32"]
    command += ["--python-version", about["python"].rpartition(".")[0], "--dest", str(wheels), "msgspec"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"msgspec for Pyodide can't be had:\n{done.stderr}"
    for wheel in wheels.iterdir():
        zipfile.ZipFile(wheel).extractall(folder)
    return folder


def run(packages: Path, program: str) -> tuple[str, str]:
    node = shutil.which("node")
    assert node is not None, "node is not on the PATH"
    assert PYODIDE.is_dir(), "install the front end's packages first: npm ci in labextension/"
    file = packages / "program.py"
    file.write_text(program, "utf-8")
    command = [node, str(HERE / "run.mjs"), str(PYODIDE), str(packages), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"NODE_OPTIONS": ""})
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def result(packages: Path) -> dict[str, Any]:
    """What the program found; run once, since the runtime takes seconds to start."""
    out, _ = run(packages, PROGRAM)
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def test_it_is_pyodide_and_there_are_no_threads(result: dict[str, Any]) -> None:
    assert (result["platform"], result["threads"]) == ("emscripten", False)


def test_the_tree_lives_in_this_process(result: dict[str, Any]) -> None:
    first, *others = result["view"].splitlines()
    assert "run" in first
    assert {word for line in others for word in ("part", "loop", "fails") if word in line} == {"part", "loop", "fails"}
    assert "ZeroDivisionError" in result["view"]


def test_one_warning_says_so(result: dict[str, Any]) -> None:
    (text,) = result["told"]
    assert "no threads here" in text
    assert "lives in this process only" in text


def test_who_subscribes_hears_this_process(result: dict[str, Any]) -> None:
    assert sorted(result["heard"]) == [0, 1]


def test_what_waits_for_a_server_returns_at_once(result: dict[str, Any]) -> None:
    assert (result["flushed"], result["connected"], result["status"]["state"]) == (True, False, "local")
    assert result["status"]["projects"][0]["waiting"] == 0


def test_nothing_is_loaded_that_only_a_connection_or_a_server_needs(result: dict[str, Any]) -> None:
    unwanted = {"anywidget", "apsw", "jupyter_core", "jupyter_server", "pydantic", "ssl", "tornado", "websockets"}
    assert unwanted & set(result["loaded"]) == set()
