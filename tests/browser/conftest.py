"""Servers and pages for the browser tests. Run them on their own: `pytest tests/browser`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Playwright, sync_playwright

from tests.browser.jupyter import Jupyter, free_port, is_free
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

ACTION_MILLISECONDS = 30_000

MakeJupyter = Callable[..., Jupyter]
OpenLab = Callable[..., Lab]


def pytest_configure(config: pytest.Config) -> None:
    if config.pluginmanager.hasplugin("pytest_jupyter.jupyter_server"):
        raise pytest.UsageError("The browser tests need a process of their own: pytest tests/browser")


@pytest.fixture(scope="session")
def chromium() -> str:
    path = find_chromium()
    assert path, "No Chromium or Chrome on this machine: tests/run.py says how to get one"
    return path


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def profile(
    playwright: Playwright, chromium: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BrowserContext]:
    """A browser that keeps scripts, compiled, as a user's does; a page of JupyterLab then takes a fifth less work."""
    folder = tmp_path_factory.mktemp("profile")
    profile = playwright.chromium.launch_persistent_context(folder, executable_path=chromium, args=CHROMIUM_OPTIONS)
    profile.set_default_timeout(ACTION_MILLISECONDS)
    yield profile
    profile.close()


@pytest.fixture(scope="session")
def usual_ports() -> tuple[int, int, int]:
    """Where servers are: that of most tests, then others; what a browser keeps belongs to an address."""
    return free_port(), free_port(), free_port()


@pytest.fixture(scope="module")
def make_jupyter(tmp_path_factory: pytest.TempPathFactory, usual_ports: tuple[int, int, int]) -> Iterator[MakeJupyter]:
    """Starts a server, of a user of its own or, with `home=other.home`, another one of the same user."""
    servers: list[Jupyter] = []

    def make(home: Path | None = None, **options: Any) -> Jupyter:
        port = next((port for port in usual_ports[1:] if is_free(port)), None)
        server = Jupyter(home or tmp_path_factory.mktemp("home"), port=port, **options)
        servers.append(server)
        return server.start()

    yield make
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def usual_jupyter(tmp_path_factory: pytest.TempPathFactory, usual_ports: tuple[int, int, int]) -> Iterator[Jupyter]:
    server = Jupyter(tmp_path_factory.mktemp("home"), port=usual_ports[0])
    yield server.start()
    server.stop()


@pytest.fixture
def jupyter(usual_jupyter: Jupyter) -> Iterator[Jupyter]:
    """JupyterLab with TaskTree as it is installed. Nobody stops it; kernels, projects and settings end with a test."""
    yield usual_jupyter
    usual_jupyter.shut_down_kernels()
    usual_jupyter.forget()


@pytest.fixture
def open_lab(browser: Browser, profile: BrowserContext) -> Iterator[OpenLab]:
    """Opens a page with cookies of its own on a server. At the end no console may hold an unexpected error."""
    labs: list[Lab] = []

    def make(
        server: Jupyter, path: str = "", *, width: int = 1400, height: int = 1000, origin: str | None = None
    ) -> Lab:
        page = new_context(browser).new_page() if labs else profile.new_page()
        page.set_viewport_size({"width": width, "height": height})
        lab = Lab(page, server, origin=origin)
        labs.append(lab)
        return lab.open(path)

    yield make
    errors = [error for lab in labs for error in lab.unexpected_errors()]
    for lab in labs:
        if lab.page.context is profile:
            lab.page.close()
            forget(profile, lab.page.url)
        else:
            lab.page.context.close()
    assert errors == []


def new_context(browser: Browser) -> BrowserContext:
    context = browser.new_context()
    context.set_default_timeout(ACTION_MILLISECONDS)
    return context


def forget(profile: BrowserContext, url: str) -> None:
    """Leave nothing of a test in the browser but the scripts."""
    profile.set_offline(False)
    profile.clear_permissions()
    profile.clear_cookies()
    session = profile.new_cdp_session(profile.pages[0])
    where = urlsplit(url)
    kinds = "local_storage,indexeddb,cache_storage,service_workers"
    session.send("Storage.clearDataForOrigin", {"origin": f"{where.scheme}://{where.netloc}", "storageTypes": kinds})
    session.detach()


@pytest.fixture
def lab(jupyter: Jupyter, open_lab: OpenLab) -> Lab:
    """A page of JupyterLab on the server of most tests."""
    return open_lab(jupyter)
