"""What tasks say about themselves, however hostile, is text in a real browser: nothing runs, nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.jupyter import wait_until
from tests.browser.lab import Lab, TreeView
from tests.hostile import TEXTS, unsafe

CELL = f"""
import tasktree_jupyter as tt
TEXTS = {TEXTS!r}
with tt.task("Hostile run") as run:
    for words in TEXTS.values():
        with tt.task(words, params={{words: words}}, agent=words, tags=[words]) as t:
            t.update(message=words, links={{words: words, "named": {{"title": words, "url": words}}}}, kind=words)
            t.update(outputs={{words: [words]}}, error={{"type": words, "message": words, "traceback": words}})
            t.log(words)
    with tt.task("an ordinary one") as t:
        t.update(message="nothing strange")
assert tt.flush()
"""
SHAPE = """
view => {
  const rows = [...view.querySelectorAll('[role="row"][data-index]')];
  const box = element => element.getBoundingClientRect();
  const cells = name => rows.map(row => row.querySelector(name)).filter(Boolean);
  const inside = box(view);
  const beyond = [...view.querySelectorAll('.tt-title, .tt-message, .tt-chip, .tt-number')].filter(each => {
    const grid = box(each.closest('[role="row"]') ?? view);
    return box(each).width > 0 && (box(each).right > inside.right + 1 || grid.right > inside.right + 1);
  });
  return {
    rows: rows.length,
    heights: [...new Set(rows.map(row => Math.round(box(row).height)))],
    counts: [...new Set(cells('.tt-cell-count').map(cell => Math.round(box(cell).right)))],
    bars: [...new Set(cells('.tt-cell-bar').map(cell => Math.round(box(cell).left)))],
    wider: view.scrollWidth - view.clientWidth,
    beyond: beyond.filter(each => getComputedStyle(each.parentElement).overflow === 'visible').length,
    foreign: view.querySelectorAll(
      'img, script, iframe, object, embed, link, form, input:not(.tt-search-input), style, h1'
    ).length,
    addresses: [...view.querySelectorAll('a')].map(link => link.href)
  };
}
"""


class Watch:
    """What a page has done that it shouldn't: dialogs, requests elsewhere, scripts that ran."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.dialogs: list[str] = []
        self.requests: list[str] = []
        lab.page.on("dialog", self._dialog)
        lab.page.on("request", lambda request: self.requests.append(request.url))
        lab.page.on("popup", lambda page: self.requests.append(page.url))

    def _dialog(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def assert_nothing_happened(self) -> None:
        assert self.lab.page.evaluate("() => window.owned") is None
        assert "owned" not in self.lab.page.title()
        assert self.lab.page.evaluate("() => Object.keys(Object.prototype)") == []
        assert self.dialogs == []
        own = (self.lab.jupyter.url(""), "data:", "blob:", "about:", self.lab.jupyter.url("").replace("http", "ws"))
        assert [url for url in self.requests if not url.startswith(own)] == []


@pytest.fixture
def watch(lab: Lab) -> Iterator[Watch]:
    watch = Watch(lab)
    yield watch
    watch.assert_nothing_happened()


def assert_in_shape(view: TreeView) -> None:
    shape = view.root.evaluate(SHAPE)
    assert shape["rows"] > 3
    assert (len(shape["heights"]), len(shape["counts"]), len(shape["bars"])) == (1, 1, 1), shape
    assert (shape["wider"], shape["beyond"], shape["foreign"], shape["addresses"]) == (0, 0, 0, [])


def test_hostile_content_is_text_in_cell_panel_details_and_static_page(lab: Lab, watch: Watch) -> None:
    lab.open_notebook("hostile.ipynb", [CELL])
    lab.run_all()
    assert lab.cell_errors() == []
    cell, panel = lab.tree_in_cell(0).wait_shown(), lab.open_panel().wait_shown()
    for view in (cell, panel):
        view.wait_connection("live")
        view.open_all()
        rows = [row for row in view.rows() if row.node_id is not None]
        titles = [row.title for row in rows]
        assert len(rows) == len(TEXTS) + 2
        assert "an ordinary one" in titles
        assert TEXTS["script"] in titles
        assert {title for title in titles if unsafe(title)} == set()
        assert_in_shape(view)
    lab.screenshot("hostile")

    ids = [row.node_id for row in panel.rows() if row.node_id is not None]
    for place, node_id in enumerate(ids[1:]):
        panel.root.evaluate("view => { view.querySelector('[role=treegrid]').scrollTop = 0; }")
        panel.root.locator(f'[role="row"][data-node-id="{node_id}"]').click()
        details = panel.root.locator(".tt-details")
        details.wait_for()
        assert unsafe(details.inner_text(), "\n\t") == set()
        assert_in_shape(panel)
        if place in (3, 8):
            lab.screenshot(f"hostile-details-{place}")
        details.locator("button.tt-icon-button").click()
        details.wait_for(state="detached")

    outputs: list[dict[str, Any]] = lab.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.context.model.toJSON().cells.flatMap(cell => cell.outputs)"
    )
    (page,) = ["".join(output["data"]["text/html"]) for output in outputs if "data" in output]
    wait_until(lambda: len(page) > 1000, "the output as a static page")
    lab.page.set_content(f"<!doctype html><title>static</title><body>{page}</body>")
    body = lab.page.locator("body")
    assert "an ordinary one" in body.inner_text()
    assert body.locator("img, script, iframe, a, h1").count() == 0
    lab.screenshot("hostile-static")
