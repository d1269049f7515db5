"""Hostile texts in every field are text in a terminal, whichever command shows them."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Command, Publish
from tests.hostile import TEXTS, events, id_of, unsafe


@pytest.fixture(scope="module")
def names() -> list[str]:
    return [f"hostile {id_of(words)}"[:200] for words in TEXTS.values()]


def test_no_command_hands_on_what_could_move_a_cursor_or_reorder_a_line(
    tasktree: Command, publish: Publish, names: list[str]
) -> None:
    plain = [name for name in names if name.encode("utf-8", "ignore").decode() == name]
    for number, (name, words) in enumerate(zip(names, TEXTS.values(), strict=True)):
        if name in plain:
            publish(name, *events(words, number))
    shown = [tasktree("list")]
    for name in plain:
        for arguments in (
            ("show", name, "--mission", "all", "--lines", "300"),
            ("show", name, "--mission", name),
            ("snapshots", name),
            ("diff", name, "offset:1"),
            ("show", f"{name}-"),
        ):
            shown.append(tasktree(*arguments))
    assert {done.code for done in shown} == {0, 1}
    for done in shown:
        assert unsafe(done.out + done.err) == set()
        assert max(map(len, done.out.splitlines()), default=0) < 600
    listed = json.loads(tasktree("list", "--json").out)
    assert {info["project_id"] for info in listed["projects"]} >= set(plain), "for programs it is as it was said"
