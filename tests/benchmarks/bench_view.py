"""What the view costs a browser: long tasks, frames while scrolling, memory, while events come.

    python tests/benchmarks/bench_view.py [--tasks 10000 100000] [--rate 1000] [--seconds 10] [--part tree]

A real Chromium shows the gallery's grid search (labextension/tests/gallery) and gets events at a rate from a timer in
the page; then somebody scrolls it meanwhile. Long tasks are those over 50 ms, as the browser itself reports them. The
page makes the events too, so that its figures are a little worse than those of a page that gets them from a server.
Needs Node and the front end's packages; nothing of this is installed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.browser.conftest import CHROMIUM_OPTIONS  # noqa: E402
from tests.browser.gallery.page import Gallery, build  # noqa: E402
from tests.browser.gallery.states import State  # noqa: E402
from tests.setting_up import find_chromium  # noqa: E402

WATCH = """
() => {
  window.long = [];
  window.shifts = 0;
  new PerformanceObserver(list => list.getEntries().forEach(({ duration }) => long.push(duration)))
    .observe({ type: 'longtask' });
  new PerformanceObserver(list => list.getEntries().forEach(({ value }) => { shifts += value; }))
    .observe({ type: 'layout-shift' });
}
"""
OPEN = """
async options => {
  const began = performance.now();
  window.stream = gallery.stream(options);
  await gallery.settled();
  return performance.now() - began;
}
"""
RUN = """
async ({ scrolls, selector }) => {
  long.length = 0;
  shifts = 0;
  const frames = [];
  let going = true;
  let last = performance.now();
  const grid = document.querySelector(selector);
  let down = true;
  const frame = now => {
    frames.push(now - last);
    last = now;
    if (scrolls && grid) {
      const before = grid.scrollTop;
      grid.scrollTop += down ? 120 : -120;
      if (grid.scrollTop === before) down = !down;
    }
    if (going) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  const events = await stream();
  going = false;
  return { events, long: [...long], frames, shifts };
}
"""
OPEN_REST = """
async () => {
  for (const twisty of document.querySelectorAll('main [aria-expanded="false"] [data-twisty="true"]')) twisty.click();
  await gallery.settled();
}
"""
SCROLLED = "[role='treegrid'], [role='grid'], main [tabindex]"


def measured(page: Page, asked: dict[str, Any], *, scrolls: bool) -> dict[str, Any]:
    opening = page.evaluate(OPEN, asked)
    if scrolls:
        page.evaluate(OPEN_REST)
    page.mouse.move(5, 880)
    seen: dict[str, Any] = page.evaluate(RUN, {"scrolls": scrolls, "selector": SCROLLED})
    protocol = page.context.new_cdp_session(page)
    protocol.send("HeapProfiler.collectGarbage")
    heap = protocol.send("Runtime.getHeapUsage")["usedSize"]
    return {**seen, "opening": opening, "heap": heap}


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def told(name: str, seen: dict[str, Any], seconds: float) -> str:
    long, frames = seen["long"], seen["frames"][1:]
    return (
        f"{name:<28}{seen['events'] / seconds:>9.0f}/s{len(long):>8}{max(long, default=0):>9.0f} ms"
        f"{quantile(long, 0.99):>9.0f} ms{len(frames) / seconds:>8.0f}{quantile(frames, 0.99):>9.0f} ms"
        f"{seen['heap'] / 1e6:>9.0f} MB{seen['opening']:>9.0f} ms{seen['shifts']:>9.4f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tasks", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--rate", type=int, default=1000, help="events a second")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--part", default="tree", help="which part of the view is shown")
    options = parser.parse_args()
    print(
        f"{'':<28}{'events':>11}{'long':>8}{'longest':>12}{'p99':>12}{'frames/s':>8}{'p99':>12}"
        f"{'heap':>12}{'opening':>12}{'shift':>9}"
    )
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        build(Path(folder))
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_OPTIONS)
        gallery = Gallery(browser, Path(folder))
        for tasks in options.tasks:
            for scrolls in (False, True):
                # A page of its own, with a heap of its own.
                gallery.page.reload()
                gallery.show(State("tree", "empty", height=800))
                gallery.page.evaluate(WATCH)
                asked = {"tasks": tasks, "rate": options.rate, "seconds": options.seconds, "part": options.part}
                seen = measured(gallery.page, asked, scrolls=scrolls)
                name = f"{tasks} {'scrolled, all open' if scrolls else 'as it opens'}"
                print(told(name, seen, options.seconds), flush=True)
        browser.close()


if __name__ == "__main__":
    main()
