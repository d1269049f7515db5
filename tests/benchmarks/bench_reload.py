"""How soon the tree is back after a reload of the page, while the kernel is busy and can't answer.

    python -m tests.benchmarks.bench_reload [--tasks 5 1000] [--rounds 5]

Milliseconds, middle and longest of some rounds, from when JupyterLab shows the notebook's cells to when the tree below
the cell has rows and to when it is live, in a real JupyterLab and a real Chromium; and, to see what of a reload is
TaskTree's, from the beginning of the reload to the notebook's cells. Needs the package installed, with `[test]`.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.conftest import CHROMIUM_OPTIONS
from tests.browser.jupyter import Jupyter, wait_until
from tests.browser.lab import Lab
from tests.setting_up import find_chromium

BUSY = """
import pathlib, time
import tasktree_jupyter as tt
with tt.task("Long run", expected={tasks}):
    for number in range({tasks} - 1):
        with tt.task(f"fit {{number}}", params={{"depth": number % 9}}):
            pass
    with tt.task("the last"):
        while not pathlib.Path("go").exists():
            time.sleep(0.01)
"""

WATCH = """
(() => {
  const seen = window.seen = {};
  const look = () => {
    const view = document.querySelector('.jp-Notebook .tt-view');
    const now = performance.now();
    if (document.querySelector('.jp-Notebook .jp-Cell')) seen.notebook ??= now;
    if (view?.querySelector('[role="row"][data-node-id]')) seen.tree ??= now;
    if (seen.tree && view?.dataset.connection === 'live') seen.live ??= now;
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})();
"""


def measure(lab: Lab, tasks: int, rounds: int) -> list[dict[str, float]]:
    """Run one notebook that stays busy, and reload its page. Milliseconds since the beginning of each reload."""
    name = f"busy-{tasks}.ipynb"
    go = lab.jupyter.root / "go"
    go.unlink(missing_ok=True)
    lab.open_notebook(name, [BUSY.format(tasks=tasks)])
    lab.save()
    lab.run_all(wait=False)
    (project,) = wait_until(
        lambda: [each for each in lab.jupyter.projects() if each["path"] == name and each["missions"]], "a run"
    )
    wait_until(lambda: len(lab.jupyter.state(project["project_id"])["nodes"]) > tasks, "the last task runs", 120)
    lab.tree_in_cell(0).wait_connection("live")
    lab.save()
    found = []
    for _ in range(rounds):
        lab.reload()
        lab.wait_notebook(name)
        lab.tree_in_cell(0).wait_connection("live")
        found.append(lab.page.evaluate("window.seen"))
        assert lab.jupyter.kernel_states() == ["busy"]
    go.touch()
    lab.wait_kernel("idle")
    lab.close_notebook()
    lab.jupyter.shut_down_kernels()
    return found


def line(what: str, times: list[float]) -> str:
    return f"  {what:34}{statistics.median(times):8.0f} ms {max(times):8.0f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tasks", type=int, nargs="+", default=[5, 1000])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        jupyter = Jupyter(Path(home))
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_OPTIONS)
        try:
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            page.set_default_timeout(60_000)
            page.add_init_script(WATCH)
            lab = Lab(page, jupyter.start()).open()
            for tasks in options.tasks:
                found = measure(lab, tasks, options.rounds)
                print(f"{tasks} tasks, {options.rounds} reloads: middle and longest")
                print(line("reload to the notebook's cells", [seen["notebook"] for seen in found]))
                for what in ("tree", "live"):
                    print(line(f"cells to {what}", [seen[what] - seen["notebook"] for seen in found]))
        finally:
            browser.close()
            jupyter.stop()


if __name__ == "__main__":
    main()
