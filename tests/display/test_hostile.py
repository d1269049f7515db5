"""Hostile texts in every field are text in HTML, in plain text, in a diff and in what a bundle holds."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tasktree_jupyter.client.reading import Reading
from tasktree_jupyter.core.diff import diff
from tasktree_jupyter.core.sanitise import without_surrogates
from tasktree_jupyter.core.tree import TaskTree
from tasktree_jupyter.display import html, text
from tasktree_jupyter.display.difference import Diff
from tasktree_jupyter.display.state import State
from tests.display.conftest import Grower
from tests.display.test_static import Page
from tests.hostile import TEXTS, events, id_of, unsafe

TAGS = {"div", "span", "b", "bdi", "s", "details", "summary", "pre", "code", "table", "tr", "td"}
ATTRIBUTES = {"style", "title", "open"}


def grown(words: str) -> Grower:
    grower = Grower()
    for number in range(3):
        for event in events(words, number):
            # Lone surrogates never get into a log.
            grower.event(event["type"], without_surrogates(event["data"]))
    return grower


def check_page(source: str) -> Page:
    page = Page(source)
    assert (page.open, page.comments) == ([], [])
    assert {tag for tag, _ in page.elements} <= TAGS
    for _, attributes in page.elements:
        assert set(attributes) <= ATTRIBUTES
        assert not any(word in (attributes.get("style") or "") for word in ("url(", "expression", "@import", "script"))
        assert unsafe(attributes.get("title") or "") == set()
    assert unsafe(page.text) == set()
    return page


@pytest.mark.parametrize("name", TEXTS)
def test_a_tree_is_text_in_html_and_in_a_terminal(name: str) -> None:
    words = TEXTS[name]
    grower = grown(words)
    for mission in (None, f"root {id_of(words)}"):
        bundle = grower.bundle(mission, title=words, project_id=words)
        page = check_page(html.render(bundle))
        shown = text.render(bundle)
        assert unsafe(shown) == set()
        assert max(map(len, shown.splitlines())) <= 4 * text.MAX_COLUMNS + 1
        assert len(page.text) > 20
        assert json.loads(json.dumps(bundle)) == bundle, "it is JSON, whatever it holds"
        assert len(json.dumps(bundle)) < 250_000


@pytest.mark.parametrize("name", TEXTS)
def test_a_diff_and_a_state_are_too(name: str) -> None:
    words = TEXTS[name]
    grower = grown(words)
    before: Any = TaskTree()
    found = Diff(diff(before, grower.tree), words, words)
    state = State(Reading(grower.tree, None, None), words)
    for source in (found._repr_html_(), state._repr_html_()):
        check_page(source)
    for shown in (str(found), repr(found), str(state), repr(state)):
        assert unsafe(shown) == set()


def test_text_that_runs_from_right_to_left_stays_in_its_own_field() -> None:
    """`<bdi>` keeps it from reordering the numbers beside it; a block of its own does too."""
    source = html.render(grown(TEXTS["rtl"]).bundle(None))
    shown = [part for part in re.split(r'title="[^"]*"', source) if "שלום" in part]
    found = [match[1] for part in shown for match in re.finditer(r"<(\w+)[^<>]*>[^<>]*שלום", part)]
    assert len(found) > 10
    assert set(found) == {"bdi", "pre"}
