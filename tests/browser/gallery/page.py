"""The gallery in a page: bundled from the front end's sources, with the themes of the JupyterLab that is installed."""

from __future__ import annotations

import json
import mimetypes
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, Route

from tests.browser.gallery.states import ACTS, State

FRONT_END = Path(__file__).resolve().parents[3] / "labextension"
ORIGIN = "http://gallery.localhost"
LAB_THEMES = Path(sys.prefix, "share", "jupyter", "lab", "themes", "@jupyterlab")
THEME_FILES = {
    "light": "theme-light-extension",
    "dark": "theme-dark-extension",
    "contrast": "theme-dark-high-contrast-extension",
}


def build(folder: Path) -> Path:
    """Bundle the gallery into a folder. Raises AssertionError with what esbuild says."""
    node = shutil.which("node")
    assert node, "No Node on the PATH: tests/run.py brings one"
    script = FRONT_END / "scripts" / "build-gallery.mjs"
    made = subprocess.run([node, str(script), str(folder)], capture_output=True, text=True, timeout=120)
    assert made.returncode == 0, made.stderr
    themes = {
        name: {"css": (LAB_THEMES / place / "index.css").read_text("utf-8"), "isLight": name == "light"}
        for name, place in THEME_FILES.items()
    }
    (folder / "themes.js").write_text(f"globalThis.THEMES = {json.dumps(themes)};", "utf-8")
    return folder


def serve(page: Page, folder: Path, origin: str) -> None:
    """Let the page find the folder below `<origin>/gallery/`, with no server."""

    def answer(route: Route) -> None:
        file = folder / (route.request.url.partition("/gallery/")[2].partition("#")[0] or "index.html")
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        route.fulfill(body=file.read_bytes(), content_type=kind)

    page.route(f"{origin}/gallery/**", answer)


class Gallery:
    """One page, which shows one state after the other."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self.context = browser.new_context(
            viewport={"width": 1400, "height": 900},
            locale="en-GB",
            timezone_id="UTC",
            reduced_motion="reduce",
        )
        self.context.set_default_timeout(20_000)
        self.page = self.context.new_page()
        self.errors: list[str] = []
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.errors.append(f"{error.name}: {error.message}\n{error.stack}"))
        serve(self.page, folder, ORIGIN)
        self.page.goto(f"{ORIGIN}/gallery/")
        self._protocol = self.context.new_cdp_session(self.page)
        self._size = (0, 0, 0)
        self._media: dict[str, Any] = {}

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and "favicon" not in message.location.get("url", ""):
            self.errors.append(message.text)

    def show(self, state: State) -> dict[str, Any]:
        """Show a state, and wait until it stands still."""
        theme, _, system = state.theme.partition("-")
        media = {
            "color_scheme": "dark" if system == "dark" else "light",
            "forced_colors": "active" if theme == "forced" else "none",
        }
        if media != self._media:
            self._media = media
            self.page.emulate_media(**media)  # type: ignore[arg-type]
        width, height = state.pixels
        self._resize(width, height, state.zoom)
        asked = {
            "view": state.view,
            "data": state.data,
            "theme": ("dark" if system == "dark" else "light") if theme == "forced" else theme,
            "width": width,
            "height": height,
            "zoom": state.zoom,
        }
        away = (width - 1, height + 40)
        self.page.mouse.move(*away)
        shown: dict[str, Any] = self.page.evaluate("state => gallery.show(state)", asked)
        for place in ACTS[state.act]:
            self.page.locator(place).click()
            self.page.evaluate("gallery.settled()")
        if state.act:
            self.page.mouse.move(*away)
            self.page.evaluate("gallery.settled()")
        return shown

    def _resize(self, width: int, height: int, zoom: int) -> None:
        """A zoomed page has fewer pixels of its own, each of which is larger on the screen."""
        size = (max(width, 1400), max(height, 900), zoom)
        if size != self._size:
            self._size = size
            metrics = {"width": size[0] // zoom, "height": size[1] // zoom, "deviceScaleFactor": zoom, "mobile": False}
            self._protocol.send("Emulation.setDeviceMetricsOverride", metrics)

    def picture(self, state: State) -> bytes:
        """Show a state and return what is to be seen of it, as a PNG."""
        self.show(state)
        width, height = state.pixels
        clip = {"x": 0, "y": 0, "width": width / state.zoom, "height": height / state.zoom}
        return self.page.screenshot(clip=clip, animations="disabled", caret="hide", scale="device")  # type: ignore[arg-type]

    def close(self) -> None:
        self.context.close()
