"""All of a view by keyboard alone, with the place of the keyboard to be seen at each stop."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.browser.gallery.page import ORIGIN, Gallery
from tests.browser.gallery.states import PARTS, State

STOP = """
() => {
  const at = document.activeElement;
  const name = at.getAttribute('aria-label') || at.textContent || at.title;
  const box = at.getBoundingClientRect();
  const inside = document.querySelector('main').getBoundingClientRect();
  return at === document.body ? null : {
    key: `${at.tagName}.${at.className}.${at.dataset.index ?? ''}.${name}`,
    name: name.trim(),
    x: Math.max(0, box.x - 4), y: Math.max(0, box.y - 4),
    width: Math.min(box.right + 4, inside.right) - Math.max(0, box.x - 4),
    height: Math.min(box.bottom + 4, inside.bottom) - Math.max(0, box.y - 4)
  };
}
"""
ALL_STOPS = """
() => [...document.querySelectorAll('main :is(button, a[href], select, input, summary, [tabindex="0"])')]
  .filter(each => each.tabIndex >= 0 && !each.disabled && each.checkVisibility({ visibilityProperty: true })).length
"""
BLUR = "() => { window.held = document.activeElement; held.blur(); }"
SEEN_PIXELS = 20
"""Of a ring: fewer would be missed."""


def press(gallery: Gallery, *keys: str) -> None:
    for key in keys:
        gallery.page.keyboard.press(key)
    gallery.page.evaluate("gallery.settled()")


def is_seen(gallery: Gallery, stop: dict[str, Any]) -> bool:
    """Whether the page looks otherwise there than without the keyboard."""
    page = gallery.page
    clip = {side: stop[side] for side in ("x", "y", "width", "height")}
    # So that nothing but the ring differs: a field that is empty or a row that is pointed at stays so.
    with_ring = page.screenshot(clip=clip)  # type: ignore[arg-type]
    page.evaluate(BLUR)
    without = page.screenshot(clip=clip)  # type: ignore[arg-type]
    page.evaluate("() => held.focus({ preventScroll: true })")
    texts = [base64.b64encode(png).decode() for png in (with_ring, without)]
    found = page.evaluate("([one, other]) => gallery.compare(one, other)", texts)
    return bool(found["different"] > SEEN_PIXELS)


STATES = (
    *(State(part, "failed") for part in PARTS),
    State("details", "failed", "dark"),
    State("panel-details", "runs", width=240, height=800),
    State("tree", "offline", "contrast"),
    State("tree", "tasks-12", "forced"),
)


@pytest.mark.parametrize("state", STATES, ids=str)
def test_tab_leads_everywhere_and_each_stop_is_seen_and_named(gallery: Gallery, state: State) -> None:
    gallery.show(state)
    expected = gallery.page.evaluate(ALL_STOPS)
    stops: list[dict[str, Any]] = []
    while len(stops) <= expected:
        gallery.page.keyboard.press("Tab")
        stop = gallery.page.evaluate(STOP)
        if stop is None or stop["key"] in (other["key"] for other in stops):
            break
        stops.append(stop)
        assert stop["name"], stop
        assert is_seen(gallery, stop), f"nobody sees that the keyboard is at {stop['name'][:60]!r}"
    assert len(stops) == expected


def focused(gallery: Gallery, selector: str) -> bool:
    return bool(gallery.page.evaluate("selector => document.activeElement.matches(selector)", selector))


def tab_to(gallery: Gallery, selector: str) -> None:
    for _ in range(30):
        press(gallery, "Tab")
        if focused(gallery, selector):
            return
    pytest.fail(f"Tab doesn't lead to {selector}")


def test_a_task_is_found_opened_read_and_closed_by_keyboard(gallery: Gallery) -> None:
    gallery.show(State("tree", "failed"))
    page = gallery.page
    tab_to(gallery, '[role="row"]')
    press(gallery, "Home", "ArrowDown", "ArrowRight", "ArrowDown")
    title = page.evaluate("document.activeElement.querySelector('.tt-title').textContent")
    press(gallery, "Enter")
    details = page.get_by_role("region", name=f"Details of {title}")
    details.wait_for()
    assert focused(gallery, '[role="row"][aria-selected="true"]')
    tab_to(gallery, ".tt-details *")
    press(gallery, "Escape")
    assert details.count() == 0
    assert page.evaluate("document.activeElement.querySelector('.tt-title')?.textContent") == title
    press(gallery, "End")
    assert focused(gallery, '[role="row"]')
    assert page.evaluate("document.activeElement.getBoundingClientRect().bottom") <= State("tree").pixels[1] + 1


def test_search_and_parts_and_retry_are_reached_and_left_by_keyboard(gallery: Gallery) -> None:
    page = gallery.page
    gallery.show(State("tree", "offline", width=1400))
    tab_to(gallery, "input")
    press(gallery, *"fit 1")
    assert page.evaluate("document.activeElement.value") == "fit 1"
    press(gallery, "Escape")
    assert page.evaluate("document.activeElement.value") == ""
    for part in PARTS[1:]:
        if not focused(gallery, '[role="tab"]'):
            tab_to(gallery, '[role="tab"]')
        press(gallery, "ArrowRight")
        assert page.evaluate("document.activeElement.dataset.part") == part
        assert page.locator(f'[role="tab"][data-part="{part}"]').get_attribute("aria-selected") == "true"
    before = page.evaluate("gallery.retries()")
    tab_to(gallery, "button:not([role='tab'])")
    while page.evaluate("document.activeElement.textContent") != "retry now":
        tab_to(gallery, "button:not([role='tab'])")
    press(gallery, "Enter")
    assert page.evaluate("gallery.retries()") == before + 1


def test_n_leads_to_the_next_failure_from_anywhere_in_a_view(gallery: Gallery) -> None:
    page = gallery.page
    title = "document.activeElement.querySelector('.tt-title')?.textContent"
    gallery.show(State("panel", "tasks-10000", width=240, height=800))
    page.locator("[role=listbox]").first.focus()
    press(gallery, "n")
    first = page.evaluate(title)
    assert page.evaluate("document.activeElement.dataset.status") == "failed"
    press(gallery, "Enter")
    page.get_by_role("region", name=f"Details of {first}").wait_for()
    assert page.get_by_role("region", name=f"Details of {first}").get_by_role("group", name="Traceback").is_visible()
    press(gallery, "n")
    assert page.evaluate("document.activeElement.dataset.status") == "failed"
    assert page.evaluate(title) != first


def test_a_table_is_sorted_and_its_columns_chosen_by_keyboard(gallery: Gallery) -> None:
    gallery.show(State("table", width=1400))
    page = gallery.page
    column = "document.activeElement.dataset.column"
    tab_to(gallery, '[role="columnheader"], [role="gridcell"]')
    press(gallery, "Control+Home", "ArrowUp")
    for _ in range(30):
        if page.evaluate(column) == "metrics.auc":
            break
        press(gallery, "ArrowRight")
    header = page.locator('[role="columnheader"][data-column="metrics.auc"]')
    assert header.get_attribute("aria-sort") == "none"
    press(gallery, "Enter")
    assert header.get_attribute("aria-sort") == "descending"
    press(gallery, "Enter")
    assert header.get_attribute("aria-sort") == "ascending"
    assert page.evaluate(column) == "metrics.auc"

    gallery.show(State("table", width=1400))
    columns = page.get_by_role("button", name="Columns")
    tab_to(gallery, ".tt-table-tools > button[aria-expanded]")
    press(gallery, "Enter")
    assert focused(gallery, ".tt-chooser input")
    press(gallery, "End")
    last = page.evaluate("document.activeElement.closest('label').title")
    before = page.evaluate("document.activeElement.checked")
    press(gallery, "Space", "Home")
    assert page.locator(f'.tt-chooser label[title="{last}"] input').is_checked() != before
    press(gallery, "Escape")
    assert page.locator(".tt-chooser").count() == 0
    assert columns.evaluate("button => button === document.activeElement")


def test_a_table_is_copied_by_keyboard(gallery: Gallery) -> None:
    gallery.show(State("table", "tasks-12", width=1400))
    page = gallery.page
    gallery.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=ORIGIN)
    tab_to(gallery, ".tt-table-tools > button:not([aria-expanded])")
    press(gallery, "Enter")
    page.get_by_text("Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    gallery.context.clear_permissions()
    head, *lines = copied.splitlines()
    assert "title" in head.split(",")
    assert any("fit 1" in line for line in lines)
    assert focused(gallery, ".tt-table-tools > button")


def test_a_failure_is_opened_and_left_for_its_task_by_keyboard(gallery: Gallery) -> None:
    gallery.show(State("failures", "failed"))
    page = gallery.page
    tab_to(gallery, ".tt-failure-head")
    press(gallery, "Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    page.get_by_role("group", name="Traceback").wait_for()
    press(gallery, "ArrowDown")
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "false"
    press(gallery, "Tab")
    task = page.evaluate("document.activeElement.textContent")
    press(gallery, "Enter")
    page.get_by_role("region", name=f"Details of {task}").wait_for()


def test_what_needs_attention_is_opened_walked_through_and_followed_by_keyboard(gallery: Gallery) -> None:
    gallery.show(State("tree", "troubled"))
    page = gallery.page
    place = "document.activeElement.dataset.item"
    tab_to(gallery, ".tt-attention-chip")
    press(gallery, "Enter")
    tab_to(gallery, ".tt-attention-item")
    first = page.evaluate(place)
    press(gallery, "End")
    fifth = page.evaluate(place)
    assert fifth != first
    press(gallery, "Tab")
    assert focused(gallery, ".tt-attention-all")
    press(gallery, "Enter", "Shift+Tab", "End")
    assert page.evaluate(place) not in (first, fifth)
    press(gallery, "Home")
    assert page.evaluate(place) == first
    node = page.evaluate("document.activeElement.dataset.nodeId")
    press(gallery, "Enter")
    page.locator(f'[role="row"][data-node-id="{node}"][aria-selected="true"]').wait_for()
