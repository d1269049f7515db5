"""`import tasktree_jupyter` costs a kernel nothing: it loads what it needs when it is used."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = {"IPython", "anywidget", "apsw", "asyncio", "ipywidgets", "jupyter_server", "pydantic", "tornado", "websockets"}

MEASURE = """
import json, sys, time
before = set(sys.modules)
began = time.perf_counter()
import tasktree_jupyter
seconds = time.perf_counter() - began
print(json.dumps({"seconds": seconds, "modules": sorted(set(sys.modules) - before)}))
"""


def measure() -> dict[str, object]:
    done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True)
    result: dict[str, object] = json.loads(done.stdout)
    return result


def test_import_loads_nothing_heavy() -> None:
    modules = measure()["modules"]
    assert isinstance(modules, list)
    assert HEAVY & {name.partition(".")[0] for name in modules} == set()


def test_import_takes_less_than_100_ms() -> None:
    seconds = [measure()["seconds"] for _ in range(5)]
    assert min(float(str(value)) for value in seconds) < 0.1
