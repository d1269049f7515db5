"""The bundles that both languages make: tests/vectors/bundles, which TypeScript runs too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasktree_jupyter.core.tree import TaskTree
from tasktree_jupyter.display.bundle import bundle

FILES = sorted((Path(__file__).parent.parent / "vectors" / "bundles").glob("*.json"))
STORIES = [json.loads(path.read_text("utf-8")) for path in FILES]
CASES = [pytest.param(story["events"], case, id=case["name"]) for story in STORIES for case in story["cases"]]


@pytest.mark.parametrize(("events", "case"), CASES)
def test_a_tree_gives_the_same_bundle_in_every_language(events: list[dict[str, Any]], case: dict[str, Any]) -> None:
    tree = TaskTree()
    for event in events:
        tree.apply(event)
    made = bundle(
        tree,
        case["mission_id"],
        project_id="p",
        title="churn.ipynb",
        offset=tree.offset,
        at=tree.at,
        epoch="e1",
        max_bytes=case["max_bytes"],
    )
    assert json.loads(json.dumps(made)) == case["bundle"]
    assert len(json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode()) <= case["max_bytes"]
