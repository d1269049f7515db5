"""Outside a notebook nothing shows itself, and the view is text when it is asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tasktree_jupyter
from tests.client.hub import Hub

PROGRAM = """
import warnings
warnings.simplefilter("ignore")
import tasktree_jupyter as tt
print(tt.view())
print("before")
with tt.task("Grid search"):
    with tt.task("fit\\x1b[31m 1"):
        pass
print("after")
print(tt.view())
assert repr(tt.view()) == str(tt.view())
"""


@pytest.mark.parametrize("program", [[], ["-m", "IPython", "--simple-prompt", "--no-banner", "--no-confirm-exit"]])
def test_only_what_is_printed_is_shown(program: list[str], tmp_path: Path) -> None:
    environment = Hub(tmp_path / "none").environment() | {
        "PYTHONPATH": str(Path(tasktree_jupyter.__file__).parents[1]),
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }
    done = subprocess.run(
        [sys.executable, *program, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("Waiting for the first task in ")
    assert lines[lines.index("before") + 1] == "after", "nothing shows itself"
    first, second = lines[lines.index("after") + 1 :]
    assert first.startswith("✓ Grid search  1/1")
    assert second.startswith("└─ ✓ fit 1  100")
    assert "\x1b" not in done.stdout


def test_a_name_that_is_none_is_refused_where_it_is_given() -> None:
    with pytest.raises(ValueError, match="no project id"):
        tasktree_jupyter.view("a\nb")
