"""Servers and pages for the browser tests. Run them on their own: `pytest tests/browser`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.jupyter import Jupyter
from tests.browser.lab import Lab
from tests.setting_up import find_chromium

CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Letters and colours as on any other machine.
    "--font-render-hinting=none",
    "--disable-lcd-text",
    "--force-color-profile=srgb",
]

MakeJupyter = Callable[..., Jupyter]
OpenLab = Callable[..., Lab]


def pytest_configure(config: pytest.Config) -> None:
    if config.pluginmanager.hasplugin("pytest_jupyter.jupyter_server"):
        raise pytest.UsageError("The browser tests need a process of their own: pytest tests/browser")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    assert path, "No Chromium or Chrome on this machine: tests/run.py says how to get one"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def make_jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeJupyter]:
    """Starts a server, of a user of its own or, with `home=other.home`, another one of the same user."""
    servers: list[Jupyter] = []

    def make(home: Path | None = None, **options: Any) -> Jupyter:
        server = Jupyter(home or tmp_path_factory.mktemp("home"), **options)
        servers.append(server)
        return server.start()

    yield make
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def jupyter(make_jupyter: MakeJupyter) -> Jupyter:
    """JupyterLab with TaskTree as it is installed, shared by the tests of a module."""
    return make_jupyter()


@pytest.fixture
def open_lab(browser: Browser) -> Iterator[OpenLab]:
    """Opens a page with cookies of its own on a server. At the end no console may hold an unexpected error."""
    labs: list[Lab] = []

    def make(
        server: Jupyter, path: str = "", *, width: int = 1400, height: int = 1000, origin: str | None = None
    ) -> Lab:
        context = browser.new_context(viewport={"width": width, "height": height})
        context.set_default_timeout(30_000)
        lab = Lab(context.new_page(), server, origin=origin)
        labs.append(lab)
        return lab.open(path)

    yield make
    errors = [error for lab in labs for error in lab.unexpected_errors()]
    for lab in labs:
        lab.page.context.close()
    assert errors == []


@pytest.fixture
def lab(jupyter: Jupyter, open_lab: OpenLab) -> Iterator[Lab]:
    """A page of JupyterLab on the module's server; its kernels end with the test."""
    yield open_lab(jupyter)
    jupyter.shut_down_kernels()
