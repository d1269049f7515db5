"""Each view and state looks as it did when somebody looked at it last.

    TASKTREE_PICTURES=update python -m pytest tests/browser/gallery/test_pictures.py

makes the pictures anew: look at them before you commit them. A failing test leaves what it saw, and where that differs,
in a folder that it names: `….actual.png` and `….different.png`.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.gallery.page import ORIGIN, Gallery, serve
from tests.browser.gallery.states import PICTURES, State

FOLDER = Path(__file__).parent / "pictures"
TOLERATED = 12
"""Pixels that may differ: fewer than are in one column of the smallest icon."""
ROOM = 3_000_000


@pytest.fixture(scope="module")
def judge(browser: Browser, gallery_folder: Path) -> Iterator[Page]:
    """A page that compares pictures; what it does leaves no trace in the one that is looked at."""
    page = browser.new_page()
    serve(page, gallery_folder, ORIGIN)
    page.goto(f"{ORIGIN}/gallery/")
    yield page
    page.close()


def differences(judge: Page, before: bytes, after: bytes) -> tuple[int | None, bytes | None]:
    """How many pixels differ to the eye (None: the sizes do), and a picture of where."""
    texts = [base64.b64encode(png).decode() for png in (before, after)]
    found = judge.evaluate("([before, after]) => gallery.compare(before, after)", texts)
    return found["different"], base64.b64decode(found["picture"]) if found["picture"] else None


@pytest.mark.parametrize("state", PICTURES, ids=str)
def test_it_looks_as_before(gallery: Gallery, judge: Page, state: State, tmp_path: Path) -> None:
    file = FOLDER / f"{state}.png"
    seen = gallery.picture(state)
    if os.environ.get("TASKTREE_PICTURES") == "update":
        FOLDER.mkdir(exist_ok=True)
        # One that is the same to the eye stays, so that only what changed is committed.
        if not file.exists() or differences(judge, file.read_bytes(), seen)[0] != 0:
            file.write_bytes(seen)
    assert file.exists(), "no such picture yet: TASKTREE_PICTURES=update makes it"
    if file.read_bytes() != seen:
        pixels, picture = differences(judge, file.read_bytes(), seen)
        if pixels is None or pixels > TOLERATED:
            (tmp_path / f"{state}.actual.png").write_bytes(seen)
            if picture is not None:
                (tmp_path / f"{state}.different.png").write_bytes(picture)
            pytest.fail(f"{'another size' if pixels is None else f'{pixels} pixels differ'}: look into {tmp_path}")


def test_the_pictures_are_those_of_the_table_and_small() -> None:
    kept = {file.name for file in FOLDER.iterdir()}
    assert kept == {f"{state}.png" for state in PICTURES}
    assert sum((FOLDER / name).stat().st_size for name in kept) < ROOM


def test_a_moved_column_and_a_changed_colour_are_seen_and_antialiasing_is_not(gallery: Gallery, judge: Page) -> None:
    state = State("tree", "tasks-12", width=420, height=120)
    before = gallery.picture(state)
    assert differences(judge, before, gallery.picture(state))[0] == 0

    def with_style(css: str) -> int:
        gallery.show(state)
        style = gallery.page.add_style_tag(content=css)
        clip = {"x": 0, "y": 0, "width": 420, "height": 120}
        after = gallery.page.screenshot(clip=clip)  # type: ignore[arg-type]
        style.evaluate("style => style.remove()")
        assert after != before
        return differences(judge, before, after)[0] or 0

    assert with_style(".tt-row[aria-level='2'] .tt-icon { margin-left: 1px; margin-right: -1px }") > TOLERATED
    assert with_style(".tt-number { padding-right: 1px }") > TOLERATED
    assert with_style(".tt-message { color: rgb(130 130 130) }") > TOLERATED
    assert with_style(".tt-icon { transform: rotate(0.2deg) }") <= TOLERATED
