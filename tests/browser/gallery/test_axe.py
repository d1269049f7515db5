"""axe-core finds nothing to complain of, in any view, state and theme."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.gallery.page import FRONT_END, Gallery
from tests.browser.gallery.states import COLOURED, LOOKED_AT, PARTS, VIEWS, State

AXE = FRONT_END / "node_modules" / "axe-core" / "axe.min.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LANDMARKS = ["region", "page-has-heading-one", "landmark-one-main", "heading-order"]
"""Rules about whole pages: a view is a piece of JupyterLab's, which has the page's landmarks and first headings."""

RUN = """
async options => {
  const found = await axe.run(document.querySelector('main'), options);
  return found.violations.map(({ id, help, nodes }) =>
    `${id}: ${help}\\n` + nodes.map(({ html, failureSummary }) => `  ${html}\\n  ${failureSummary}`).join('\\n'));
}
"""


def complaints(gallery: Gallery, state: State, options: dict[str, Any]) -> list[str]:
    gallery.show(state)
    if gallery.page.evaluate("typeof axe === 'undefined'"):
        gallery.page.add_script_tag(path=str(AXE))
    found: list[str] = gallery.page.evaluate(RUN, {"resultTypes": ["violations"], **options})
    return found


def test_the_table_of_states_has_every_view_and_part(gallery: Gallery) -> None:
    assert tuple(gallery.page.evaluate("gallery.parts")) == PARTS
    assert tuple(gallery.page.evaluate("gallery.views")) == VIEWS
    data = set(gallery.page.evaluate("gallery.data"))
    assert data == {state.data for state in (*LOOKED_AT, *COLOURED)} | {"tasks-100000"}
    assert {state.view for state in LOOKED_AT} == {*VIEWS}


@pytest.mark.parametrize("state", LOOKED_AT, ids=str)
def test_axe_finds_nothing(gallery: Gallery, state: State) -> None:
    rules = {"runOnly": {"type": "tag", "values": TAGS}, "rules": {name: {"enabled": False} for name in LANDMARKS}}
    assert complaints(gallery, state, rules) == []


@pytest.mark.parametrize("state", COLOURED, ids=str)
def test_text_stands_out_in_every_theme(gallery: Gallery, state: State) -> None:
    assert complaints(gallery, state, {"runOnly": ["color-contrast", "link-in-text-block"]}) == []
