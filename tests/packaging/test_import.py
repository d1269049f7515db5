"""`import tasktree_jupyter` costs a kernel nothing: each part is loaded when it is used."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = {"IPython", "anywidget", "apsw", "asyncio", "ipywidgets", "jupyter_server", "pydantic", "tornado", "websockets"}

LOADED = """
import json, sys
before = set(sys.modules)
import tasktree_jupyter
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_import_loads_nothing_heavy() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    modules: list[str] = json.loads(done.stdout)
    assert HEAVY & {name.partition(".")[0] for name in modules} == set()
    own = [name for name in modules if name.startswith("tasktree_jupyter.")]
    assert own == ["tasktree_jupyter._version"]
