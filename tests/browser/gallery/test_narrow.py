"""In a narrow panel what matters most is read whole: how many failed, and any number of a table."""

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
