"""Python and TypeScript fold the same generated logs to the same states, whoever made them up.

Each language generates by its own means (`sequences.py`, fast-check), so that neither is tested only by what its own
author thought of. Both scripts of the front end are run by Node, from its sources.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.canonical import canonical, fold, outcome, reloaded
from tests.core.generate import lines

FRONT_END = Path(__file__).resolve().parent.parent.parent / "labextension"
COUNT = 400


def node(script: str, *arguments: str, given: str = "") -> Iterator[str]:
    """Run a TypeScript file of the front end and return the lines it prints."""
    program = shutil.which("node")
    assert program, "Node is needed: the front end's fold is run by it"
    assert (FRONT_END / "node_modules").is_dir(), "The front end's packages are needed: npm ci in labextension/"
    ran = subprocess.run(
        [program, "scripts/run.mjs", f"scripts/{script}", *arguments],
        cwd=FRONT_END,
        input=given.encode(),
        capture_output=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    # Not splitlines(): a JSON text may hold U+2028 as it is.
    return filter(None, ran.stdout.decode().split("\n"))


@pytest.mark.parametrize("seed", [1, 20_260_131])
def test_python_folds_what_typescript_made_up_to_the_same(seed: int) -> None:
    made = list(node("generate.ts", str(COUNT), str(seed)))
    assert len(made) == COUNT
    for line in made:
        case = json.loads(line)
        events, expected = case.pop("events"), canonical(case)
        assert canonical(outcome(fold(events))) == expected, json.dumps(events)
        half = len(events) // 2
        assert canonical(outcome(fold(events[half:], reloaded(fold(events[:half]))))) == expected, json.dumps(events)


def test_typescript_folds_what_python_made_up_to_the_same() -> None:
    made = list(lines(COUNT, 1))
    states = list(node("fold.ts", given="\n".join(made)))
    assert len(states) == COUNT
    for line, state in zip(made, states, strict=True):
        case = json.loads(line)
        events = case.pop("events")
        assert canonical(json.loads(state)) == canonical(case), json.dumps(events)
