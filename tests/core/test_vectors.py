"""Python's fold gives what tests/vectors says (see the README there); TypeScript runs the same files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasktree_jupyter.core.shape import check_data
from tests.core.canonical import canonical, fold, outcome, reloaded

VECTORS = Path(__file__).parent.parent / "vectors"
FILES = sorted(path for path in VECTORS.glob("*.json") if path.name != "shape.json")
CASES = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in FILES
    for case in json.loads(path.read_text("utf-8"))
]
SHAPES = json.loads((VECTORS / "shape.json").read_text("utf-8"))


def expected(case: dict[str, Any]) -> str:
    return canonical({"state": case["state"], "nodes": case["nodes"]})


@pytest.mark.parametrize("case", CASES)
def test_the_events_fold_to_the_state(case: dict[str, Any]) -> None:
    got = outcome(fold(case["events"]))
    assert canonical(got["state"]) == canonical(case["state"])
    assert [canonical(node) for node in got["nodes"]] == [canonical(node) for node in case["nodes"]]


@pytest.mark.parametrize("case", CASES)
def test_a_journey_over_the_wire_changes_nothing_wherever_it_comes(case: dict[str, Any]) -> None:
    events = case["events"]
    for cut in range(len(events) + 1):
        resumed = fold(events[cut:], reloaded(fold(events[:cut])))
        assert canonical(outcome(resumed)) == expected(case), f"cut after {cut} events"


@pytest.mark.parametrize("case", SHAPES, ids=lambda case: json.dumps(case)[:100])
def test_shape(case: dict[str, Any]) -> None:
    problem = check_data(case["type"], case["data"])
    if case["ok"]:
        assert problem is None
    else:
        assert problem is not None
        assert (problem.field, problem.reason) == (case["field"], case["reason"])


def test_every_theme_has_its_file() -> None:
    themes = {path.stem for path in FILES}
    assert themes >= {
        *("status", "aliases", "retries", "patch", "tombstones", "placement", "placeholders", "rollups", "snapshots"),
        *("agents", "orchestrators", "dropped", "hostile", "limits", "resume", "times"),
    }
    assert len({case.id for case in CASES}) == len(CASES)
