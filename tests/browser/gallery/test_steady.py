"""While a thousand events a second come, nothing moves that nobody moved."""

from __future__ import annotations

import re

import pytest

from tests.browser.gallery.page import Gallery
from tests.browser.gallery.states import State

IN_ALL = 0.001
"""Layout shift in all, where 0.1 is called good of a whole page."""
FIXED = re.compile(r"tt-(row|cell|grid|part|header|details|bar|number|icon)\b")

WATCH = """
() => {
  window.shifts = [];
  new PerformanceObserver(list => list.getEntries().forEach(({ value, sources }) => {
    shifts.push({ value, of: sources.map(({ node }) => node?.className ?? node?.nodeName ?? '') });
  })).observe({ type: 'layout-shift', buffered: false });
}
"""
BEGIN = """
async seconds => {
  window.stream = gallery.stream({ tasks: 10000, rate: 1000, seconds });
  await gallery.settled();
}
"""
STREAM = """
async () => {
  const under = () => document.elementFromPoint(300, 250)?.closest('[role="row"]')?.dataset.nodeId ?? null;
  const before = under();
  let moved = 0;
  const watch = setInterval(() => { moved += under() === before ? 0 : 1; }, 50);
  shifts.length = 0;
  const events = await stream();
  clearInterval(watch);
  return { events, before, moved, shifts };
}
"""


@pytest.fixture
def streaming(browser_gallery: Gallery) -> Gallery:
    """A page of its own: in it time passes."""
    return browser_gallery


@pytest.mark.parametrize("width", [900, 420])
def test_nothing_shifts_and_nothing_slips_from_under_the_pointer(streaming: Gallery, width: int) -> None:
    streaming.show(State("tree", "empty", width=width, height=560))
    page = streaming.page
    page.evaluate(WATCH)
    page.evaluate(BEGIN, 2.5)
    page.mouse.move(300, 240)
    page.mouse.move(300, 250)
    # What comes within half a second of an input isn't counted as a shift.
    page.wait_for_timeout(600)
    seen = page.evaluate(STREAM)
    assert seen["events"] > 1500
    assert seen["before"] is not None
    # Within a row a word may move on when a number before it gets another digit. Rows, cells and parts stay.
    assert sum(shift["value"] for shift in seen["shifts"]) < IN_ALL
    assert {name for shift in seen["shifts"] for name in shift["of"] if FIXED.search(name)} == set()
    assert seen["moved"] == 0
