"""One gallery for all tests of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.gallery.page import Gallery, build


@pytest.fixture(scope="session")
def gallery_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled gallery."""
    return build(tmp_path_factory.mktemp("gallery"))


@pytest.fixture(scope="session")
def whole_gallery(browser: Browser, gallery_folder: Path) -> Iterator[Gallery]:
    """The one page of all tests that show states."""
    gallery = Gallery(browser, gallery_folder)
    yield gallery
    gallery.close()


@pytest.fixture
def gallery(whole_gallery: Gallery) -> Iterator[Gallery]:
    """The gallery; nothing may have gone wrong in it."""
    whole_gallery.errors.clear()
    yield whole_gallery
    assert whole_gallery.errors == []


@pytest.fixture
def browser_gallery(browser: Browser, gallery_folder: Path) -> Iterator[Gallery]:
    """A gallery of one test."""
    gallery = Gallery(browser, gallery_folder)
    yield gallery
    gallery.close()
    assert gallery.errors == []
