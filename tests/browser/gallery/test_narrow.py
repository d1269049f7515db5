"""In a narrow panel what matters most is read whole: how many failed, how long it takes, titles, any number."""

from __future__ import annotations

import pytest

from tests.browser.gallery.page import Gallery
from tests.browser.gallery.states import State

BADGES = """
() => [...document.querySelectorAll('main .tt-badge-failed')].map(badge => {
  const { left, right, bottom } = badge.getBoundingClientRect();
  const around = badge.closest('.tt-name, .tt-item').getBoundingClientRect();
  const isWhole = badge.scrollWidth <= badge.clientWidth && left >= around.left && right <= around.right
    && bottom <= around.bottom;
  return { title: badge.title.replace(/\\u202f/g, ' '), width: right - left, isWhole };
})
"""


@pytest.mark.parametrize("width", [200, 240, 320, 460])
@pytest.mark.parametrize("data", ["broken", "tasks-10000"])
def test_how_many_failed_is_never_cut_off(gallery: Gallery, data: str, width: int) -> None:
    gallery.show(State("panel", data, width=width, height=800))
    badges = gallery.page.evaluate(BADGES)
    assert len(badges) > 2
    assert [badge for badge in badges if not badge["isWhole"]] == []


CUT = """
() => [...document.querySelectorAll('main :is(.tt-tbody .tt-td-number .tt-td-text, .tt-table-stats)')]
  .filter(each => each.scrollWidth > each.clientWidth).map(each => each.textContent)
"""


@pytest.mark.parametrize("width", [240, 420, 900])
@pytest.mark.parametrize("data", ["tasks-1000", "hostile"])
def test_no_number_of_a_table_is_cut_off(gallery: Gallery, data: str, width: int) -> None:
    gallery.show(State("table", data, width=width))
    page = gallery.page
    if data == "tasks-1000":
        page.locator("main .tt-th[data-column='metrics.auc']").evaluate("header => header.click()")
        page.locator("main .tt-best").first.wait_for(state="attached")
    assert page.locator("main .tt-tbody .tt-td-number .tt-td-text").count() > 2
    assert page.evaluate(CUT) == []


FIGURES = """
() => [...document.querySelectorAll('main .tt-stat')].filter(each => {
  const { top, bottom, right, width } = each.getBoundingClientRect();
  const line = each.parentElement.getBoundingClientRect();
  return width > 0 && top >= line.top - 1 && bottom <= line.bottom + 1 && right <= line.right + 1;
}).map(each => each.textContent.replace(/\\u202f/g, ' '))
"""
SLIVERS = """
() => [...document.querySelectorAll('main :is(.tt-title, .tt-message-text, .tt-item-title)')].filter(each => {
  const letters = document.createRange();
  letters.selectNodeContents(each);
  const { width } = each.getBoundingClientRect();
  const isCut = letters.getBoundingClientRect().width > width + 1;
  return isCut && getComputedStyle(each).visibility === 'visible' && width < 3 * 7 + 12;
}).map(each => each.textContent)
"""


@pytest.mark.parametrize("data", ["tasks-1000", "tasks-10000", "runs", "stale"])
def test_elapsed_time_and_estimate_have_a_place(gallery: Gallery, data: str) -> None:
    gallery.show(State("panel", data, width=240, height=800))
    figures = gallery.page.evaluate(FIGURES)
    assert "3 failed" in figures[1]
    assert figures[-1].startswith("~"), figures
    assert figures[-2][0].isdigit(), figures


@pytest.mark.parametrize("data", ["stale", "broken", "tasks-10000"])
def test_no_text_is_cut_to_a_letter_or_two(gallery: Gallery, data: str) -> None:
    gallery.show(State("panel", data, width=240, height=800))
    assert gallery.page.evaluate(SLIVERS) == []
    title = gallery.page.locator('[role="row"][aria-level="1"] .tt-title')
    assert title.evaluate("title => title.clientWidth / title.scrollWidth") > 0.75
