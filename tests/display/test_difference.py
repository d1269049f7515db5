"""A state and a diff as people see them: few lines for much, and nothing that content can break."""

from __future__ import annotations

from typing import Any

import pytest

import tasktree_jupyter as tt
from tasktree_jupyter.client.reading import Reading
from tasktree_jupyter.client.session import Session
from tasktree_jupyter.core.diff import diff
from tasktree_jupyter.core.tree import TaskTree
from tasktree_jupyter.display.bundle import MIME_TYPE
from tasktree_jupyter.display.difference import Diff
from tasktree_jupyter.display.state import State
from tests.display.conftest import AT, Grower
from tests.display.kernel import STORED, Kernel, data

EVIL = "<script>alert('x')</script>\x1b[31m\u202e&"


@pytest.fixture
def tuning() -> tuple[TaskTree, TaskTree]:
    """The states of the mock: before tuning, and after a thousand fits."""
    grower = Grower()
    grower.update("m", title="Grid search", status="running")
    grower.update("m/load", parent_id="m", title="load data", status="running")
    grower.update("m/fit", parent_id="m", title="fit", status="running")
    grower.update("m/probe", parent_id="m", title="probe")
    before = TaskTree.load(grower.tree.state(), grower.tree.nodes())
    grower.update("m/load", status="completed")
    grower.update("m/fit", metrics={"best_auc": 0.9291234567})
    grower.event("node_update", {"node_id": "m/probe", "changes": None})
    for n in range(1, 1010):
        status = "completed" if n <= 1000 else "running" if n < 1009 else "ready"
        grower.update(f"m/fit/{n}", parent_id="m/fit", title=f"fit {n}", status=status)
    return before, grower.tree


def differs(before: TaskTree, after: TaskTree) -> Diff:
    return Diff(diff(before, after), "before tuning", "now")


def test_a_diff_reads_as_a_few_lines(tuning: tuple[TaskTree, TaskTree]) -> None:
    head, *lines = str(differs(*tuning)).splitlines()
    assert head.startswith("Diff  before tuning · 2026-01-31 14:02:11 UTC → now · ")
    assert head.endswith("2 changed, 1\u202f009 added, 1 removed")
    assert [" ".join(line.split()) for line in lines] == [
        "+ fit 1 … fit 1009 added 8 running, 1 000 completed, 1 ready",
        "~ load data status running → completed",
        "~ fit metrics.best_auc — → 0.929123",
        "− probe removed was draft",
    ]


def test_many_alike_changes_are_one_line_for_each_way(tuning: tuple[TaskTree, TaskTree]) -> None:
    grower = Grower()
    for n in range(10):
        grower.update(f"t/{n}", title=f"fit {n}", status="running")
    before = TaskTree.load(grower.tree.state(), grower.tree.nodes())
    for n in range(10):
        grower.update(f"t/{n}", status="failed" if n == 3 else "completed", metrics={"auc": n / 10})
    lines = [" ".join(line.split()) for line in str(differs(before, grower.tree)).splitlines()[1:]]
    assert lines == [
        "~ fit 0 … fit 9 status running → completed (9)",
        "~ fit 0 … fit 9 status running → failed",
        "~ fit 0 … fit 9 metrics.auc 10 values (10)",
    ]


def test_no_difference_is_said_and_a_project_of_its_own_is_told() -> None:
    grower = Grower()
    empty = TaskTree()
    assert "no difference" in str(differs(empty, empty))
    grower.event("state_transition", {"from": "a", "to": "b"})
    assert "~ project" in str(differs(empty, grower.tree))


def test_a_large_diff_is_bounded_in_lines(new_grower: type[Grower]) -> None:
    grower = new_grower()
    letters = "abcdefghijklmnopqrstuvwxyz"
    for a in letters:
        for b in letters:
            grower.update(f"{a}{b}", title=f"{a}{b} {'long ' * 100}", status="failed")
    found = differs(TaskTree(), grower.tree)
    lines = str(found).splitlines()
    assert len(lines) <= 62
    assert max(map(len, lines)) <= 122
    assert "more lines" in lines[-1]
    assert len(found._repr_html_()) < 120_000


def test_content_can_break_neither(tuning: tuple[TaskTree, TaskTree]) -> None:
    grower = Grower()
    grower.update("a", title=EVIL, status="running")
    before = TaskTree.load(grower.tree.state(), grower.tree.nodes())
    grower.update("a", title="fine", params={EVIL: EVIL})
    grower.update("b", title=EVIL)
    found = Diff(diff(before, grower.tree), EVIL, EVIL)
    state = State(Reading(grower.tree, None, None), EVIL)
    for page in (found._repr_html_(), state._repr_html_(), State(Reading(TaskTree(), None, None), EVIL)._repr_html_()):
        assert "<script" not in page
        assert "\x1b" not in page
        assert "\u202e" not in page
    for text in (str(found), str(state)):
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_a_state_is_a_stored_tree_that_follows_nothing(tuning: tuple[TaskTree, TaskTree]) -> None:
    state = State(Reading(tuning[0], "nightly-etl", "k3f9"), "nightly-etl · before tuning")
    shown = state._repr_mimebundle_()
    assert set(shown) == {MIME_TYPE, "text/html", "text/plain"}
    bundle = shown[MIME_TYPE]
    assert (bundle["project_id"], bundle["mission_id"], bundle["follow"]) == (None, None, False)
    assert (bundle["title"], bundle["at"]) == ("nightly-etl · before tuning", AT)
    assert "◐ Grid search" in shown["text/plain"]
    assert "as of 2026-01-31 14:02:11 UTC" in shown["text/plain"]


def test_a_moment_before_anything_says_so_and_waits_for_nothing(session: Session) -> None:
    state = tt.at("now")
    assert str(state).endswith("nothing had happened yet")
    assert MIME_TYPE not in state._repr_mimebundle_()


def test_in_a_kernel_both_are_shown_as_the_last_line(shared_kernel: Kernel) -> None:
    shared_kernel.run(
        "import tasktree_jupyter as tt\nwith tt.task('run'):\n    tt.snapshot('before')\n    with tt.task('fit'): pass"
    )

    def shown(code: str) -> dict[str, Any]:
        [message] = shared_kernel.run(code).of("execute_result")
        return data(message)

    assert set(shown("tt.at('before')")) == {STORED, "text/html", "text/plain"}
    found = shown("tt.diff('before')")
    assert "+ fit" in found["text/plain"]
    assert "added" in found["text/html"]
