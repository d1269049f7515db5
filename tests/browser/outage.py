"""A network between page and server that fails on demand, and a record of what the page says meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page

from tests.faults.proxy import FaultProxy

WATCH = """
(() => {
  const said = window.said = [];
  const look = () => {
    const view = document.querySelector('.jp-Notebook .tt-view');
    const text = view?.querySelector('[role="row"][data-node-id]')?.textContent ?? '';
    const tick = text.match(/tick (\\d+)/);
    said.push([Date.now() / 1000, view?.dataset.connection ?? null, tick ? Number(tick[1]) : null]);
  };
  setInterval(look, 50);
})();
"""
"""Every 50 ms: when, what the view says of its connection, and the last tick that it shows."""


class Network:
    """The fault proxy on a thread of its own: Playwright has this one's loop."""

    def __init__(self, target: int) -> None:
        self._loop = asyncio.new_event_loop()
        self._proxy = FaultProxy(target)
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._run(self._proxy.__aenter__())
        self.origin = f"http://127.0.0.1:{self._proxy.port}"

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def _call(self, action: Callable[[], None]) -> None:
        async def act() -> None:
            action()

        self._run(act())

    def lead_to(self, target: int | None) -> None:
        """New connections go to this port; with None they are refused."""
        self._proxy.target = target

    def fall_silent(self) -> None:
        """Nothing passes any more on the connections there are, and nobody is told; new ones are refused."""
        self.lead_to(None)
        self._call(self._proxy.silence)

    def close(self) -> None:
        self._run(self._proxy.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass(frozen=True)
class Saying:
    """What the page said at a moment (seconds since 1970)."""

    at: float
    connection: str | None
    tick: int | None


def sayings(page: Page) -> list[Saying]:
    """All that the page has said since it was opened."""
    return [Saying(*each) for each in page.evaluate("window.said")]


class Ticks:
    """What the server knew when: asked of itself, not through the network that fails."""

    def __init__(self, ask: Callable[[], int | None]) -> None:
        self.known: list[tuple[float, int]] = []
        self._ask = ask
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            at = time.time()
            tick = self._ask()
            if tick is not None:
                self.known.append((at, tick))

    def close(self) -> None:
        self._stop.set()
        self._thread.join()

    def at(self, moment: float) -> int:
        """The newest tick that the server had told of by then."""
        return max((tick for at, tick in self.known if at <= moment), default=0)


def lies(said: list[Saying], ticks: Ticks, late: float) -> list[str]:
    """When the page said "live" and showed less than the server had known `late` seconds before."""
    return [
        f"at {each.at:.2f} live with tick {each.tick}; the server had {known} {late} s before"
        for each in said
        if each.connection == "live" and (each.tick or 0) < (known := ticks.at(each.at - late))
    ]
