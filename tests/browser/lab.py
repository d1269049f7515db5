"""JupyterLab (or Notebook 7) in a page, as its user sees it, and the task trees in it."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Locator, Page

from tests.browser.jupyter import Jupyter, wait_until

NOTEBOOK = "window.jupyterapp.shell.currentWidget"
"""The notebook in front, in the page's own words."""

TREE_MIME = "application/vnd.tasktree.v1+json"

KNOWN_NOISE = re.compile(
    r"favicon|apple-touch-icon|Failed to load resource.*(404|409)|restore the debugger state"
    r"|reading 'schema'\)[\s\S]*notebook_core"
)
"""What JupyterLab and Notebook 7 say to the console by themselves, also where TaskTree isn't installed."""

# Only the rows in sight are in the page: walking scrolls through all of them, and waits each time until they are drawn.
WALK = """
async function walk(grid, visit) {
  const rows = () => [...grid.querySelectorAll('[role="row"][data-index]')];
  const height = rows()[0]?.offsetHeight ?? 0;
  if (!height) return;
  const drawn = async () => {
    for (let frames = 0; frames < 300; frames += 1) {
      await new Promise(requestAnimationFrame);
      const indexes = new Set(rows().map(row => Number(row.dataset.index)));
      const count = Number(grid.getAttribute('aria-rowcount')) - 1;
      const end = Math.min(count, Math.floor((grid.scrollTop + grid.clientHeight) / height));
      let index = Math.ceil(grid.scrollTop / height);
      while (index < end && indexes.has(index)) index += 1;
      if (index >= end) return;
    }
  };
  for (let top = 0; ; top += Math.max(grid.clientHeight - height, height)) {
    grid.scrollTop = top;
    await drawn();
    await visit(rows());
    if (top + grid.clientHeight >= grid.scrollHeight) return;
  }
}
"""

READ_ROWS = f"""
async view => {{
  {WALK}
  const grid = view.querySelector('[role="treegrid"]');
  const found = new Map();
  await walk(grid, rows => rows.forEach(row => {{
    const text = selector => row.querySelector(selector)?.textContent ?? '';
    const heard = selector => {{
      const copy = row.querySelector(selector)?.cloneNode(true);
      copy?.querySelectorAll('[aria-hidden="true"]').forEach(each => each.remove());
      return copy?.textContent ?? '';
    }};
    found.set(Number(row.dataset.index), {{
      node_id: row.dataset.nodeId ?? null,
      status: row.dataset.status ?? null,
      level: Number(row.ariaLevel),
      expanded: row.ariaExpanded,
      title: text('.tt-title'),
      count: heard('.tt-cell-count'),
      progress: text('.tt-cell-bar .tt-hidden'),
      text: row.textContent
    }});
  }}));
  grid.scrollTop = 0;
  return [...found].sort((a, b) => a[0] - b[0]).map(([, row]) => row);
}}
"""

OPEN_ALL = f"""
async view => {{
  {WALK}
  const grid = view.querySelector('[role="treegrid"]');
  for (let opened = 1; opened > 0; ) {{
    opened = 0;
    await walk(grid, rows => {{
      for (const row of rows) {{
        if (row.ariaExpanded === 'false') {{
          row.querySelector('[data-twisty="true"]').click();
          opened += 1;
        }}
      }}
    }});
  }}
}}
"""


@dataclass(frozen=True)
class Row:
    """One row of a tree as it is drawn, its count as it is read out.

    `node_id` is None for a row that stands for several nodes.
    """

    node_id: str | None
    status: str | None
    level: int
    expanded: str | None
    title: str
    count: str
    progress: str
    text: str


class TreeView:
    """A task tree in the page: below a cell, or in the panel."""

    def __init__(self, root: Locator) -> None:
        self.root = root

    def wait_shown(self, seconds: float = 15) -> TreeView:
        self.root.locator("[role=treegrid] [role=row][data-index]").first.wait_for(timeout=seconds * 1000)
        return self

    def rows(self) -> list[Row]:
        """All rows from top to bottom, those scrolled away too."""
        return [Row(**row) for row in self.root.evaluate(READ_ROWS)]

    def open_all(self) -> None:
        """Open every row that is closed."""
        self.root.evaluate(OPEN_ALL)

    def connection(self) -> str | None:
        """What the view says of itself: live, catching-up, offline, stored …"""
        return self.root.get_attribute("data-connection")

    def wait_connection(self, expected: str, seconds: float = 15) -> None:
        self.root.and_(self.root.page.locator(f'[data-connection="{expected}"]')).wait_for(timeout=seconds * 1000)

    def text(self) -> str:
        return self.root.inner_text()


class Lab:
    """A page of JupyterLab or Notebook 7 on one server. Errors in the console are kept and must be expected.

    `origin`: where the page finds the server, if that isn't the server's own address.
    """

    def __init__(self, page: Page, jupyter: Jupyter, *, origin: str | None = None) -> None:
        self.page = page
        self.jupyter = jupyter
        self.origin = origin
        self.errors: list[str] = []
        self._expected: list[re.Pattern[str]] = [KNOWN_NOISE]
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.errors.append(f"{error.name}: {error.message}\n{error.stack}"))

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(f"{message.text} ({message.location.get('url')})")

    def expect_errors(self, pattern: str) -> None:
        """Say that this test provokes such messages in the console."""
        self._expected.append(re.compile(pattern))

    def unexpected_errors(self) -> list[str]:
        return [error for error in self.errors if not any(known.search(error) for known in self._expected)]

    # --- the page ---

    def open(self, path: str = "", *, reset: bool = True) -> Lab:
        """Open the application: `path` is a notebook's. `reset` forgets the layout of an earlier page."""
        is_lab = self.jupyter.app == "lab"
        start, document = ("lab", "lab/tree/") if is_lab else ("tree", "notebooks/")
        place = document + path if path else start
        query = f"?token={self.jupyter.token}" + ("&reset" if reset and is_lab else "")
        self.page.goto(f"{self.origin or self.jupyter.origin}/{place}{query}")
        return self.wait_ready()

    def wait_ready(self) -> Lab:
        self.page.wait_for_function("window.jupyterapp?.restored", timeout=60_000)
        self.page.evaluate("window.jupyterapp.restored.then(() => undefined)")
        self.page.locator("#jupyterlab-splash").wait_for(state="detached", timeout=60_000)
        return self

    def reload(self) -> Lab:
        """Reload the page as soon as JupyterLab has kept which notebook is open; it does so a moment after."""
        path = self.page.evaluate(f"() => {NOTEBOOK}?.context?.path ?? null")
        if path is not None and self.jupyter.app == "lab":
            kept = "lab/api/workspaces/default"
            wait_until(lambda: f"notebook:{path}" in json.dumps(self.jupyter.get(kept)), "the layout is kept")
        self.page.reload()
        return self.wait_ready()

    def command(self, name: str, arguments: dict[str, Any] | None = None, *, wait: bool = True) -> None:
        """Execute a command of JupyterLab; `wait` for its end."""
        run = f"window.jupyterapp.commands.execute({name!r}, args)"
        code = f"args => {{ {run}; }}" if not wait else f"async args => {{ await {run}; }}"
        self.page.evaluate(code, arguments or {})

    def has_plugin(self, prefix: str) -> bool:
        return bool(self.page.evaluate("p => window.jupyterapp.listPlugins().some(id => id.startsWith(p))", prefix))

    def theme(self, name: str) -> None:
        """Change to "JupyterLab Light" or "JupyterLab Dark"."""
        self.command("apputils:change-theme", {"theme": name})
        dark = "false" if name.endswith("Dark") else "true"
        self.page.locator(f'body[data-jp-theme-light="{dark}"]').wait_for(state="attached")
        # JupyterLab shows its splash meanwhile, and throws where the next change begins before that is gone.
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")

    def screenshot(self, name: str) -> None:
        """Keep what is to be seen in the folder TASKTREE_SCREENSHOTS, if it is set."""
        folder = os.environ.get("TASKTREE_SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(folder, f"{name}.png")))

    # --- the notebook in front ---

    def write_notebook(self, name: str, cells: list[str]) -> None:
        """Put a notebook of these code cells on disk."""
        code: dict[str, Any] = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": []}
        notebook = {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
            "cells": [{**code, "id": f"cell-{index}", "source": source} for index, source in enumerate(cells)],
        }
        (self.jupyter.root / name).write_text(json.dumps(notebook), "utf-8")

    def open_notebook(self, name: str, cells: list[str] | None = None) -> None:
        """Open a notebook, made of `cells` if they are given, and wait until its kernel is idle."""
        if cells is not None:
            self.write_notebook(name, cells)
        if self.jupyter.app == "lab":
            self.command("docmanager:open", {"path": name, "factory": "Notebook"})
        else:
            self.open(name)
        self.wait_notebook(name)
        self.wait_kernel("idle")

    def wait_notebook(self, name: str) -> None:
        self.page.wait_for_function(f"name => {NOTEBOOK}?.context?.path === name", arg=name, timeout=30_000)
        self.page.evaluate(f"async () => {{ await {NOTEBOOK}.context.ready; await {NOTEBOOK}.revealed; }}")

    def kernel_status(self) -> str | None:
        status: str | None = self.page.evaluate(f"() => {NOTEBOOK}?.sessionContext?.session?.kernel?.status ?? null")
        return status

    def wait_kernel(self, status: str, seconds: float = 60) -> None:
        expression = f"s => {NOTEBOOK}?.sessionContext?.session?.kernel?.status === s"
        self.page.wait_for_function(expression, arg=status, timeout=seconds * 1000)

    def run_all(self, *, wait: bool = True) -> None:
        self.command("notebook:run-all-cells", wait=wait)

    def run_cell(self, index: int, *, wait: bool = True) -> None:
        self.page.evaluate(f"index => {{ {NOTEBOOK}.content.activeCellIndex = index; }}", index)
        self.command("notebook:run-cell", wait=wait)

    def save(self) -> None:
        self.command("docmanager:save")

    def close_notebook(self) -> None:
        """Close the tab, without saving, and wait until its document is gone; the kernel stays."""
        close = f"""
        () => new Promise(resolve => {{
          const notebook = {NOTEBOOK};
          notebook.context.model.dirty = false;
          notebook.context.disposed.connect(() => resolve());
          notebook.close();
        }})
        """
        self.page.evaluate(close)

    def shut_down_kernel(self) -> None:
        self.page.evaluate(f"async () => {{ await {NOTEBOOK}.sessionContext.shutdown(); }}")

    def restart_kernel(self) -> None:
        self.page.evaluate(f"async () => {{ await {NOTEBOOK}.sessionContext.restartKernel(); }}")
        self.wait_kernel("idle")

    def rename_notebook(self, name: str) -> None:
        """Rename the file of the notebook in front, as the file browser does."""
        self.page.evaluate(f"async name => {{ await {NOTEBOOK}.context.rename(name); }}", name)
        self.wait_notebook(name)

    def is_dirty(self) -> bool:
        """Whether the notebook has changes that aren't saved."""
        return bool(self.page.evaluate(f"() => {NOTEBOOK}.context.model.dirty"))

    def is_trusted(self, index: int) -> bool:
        return bool(self.page.evaluate(f"i => {NOTEBOOK}.content.widgets[i].model.trusted", index))

    def cell_errors(self) -> list[str]:
        """The exceptions that cells have ended with."""
        code = f"""
        () => {NOTEBOOK}.context.model.toJSON().cells
          .flatMap(cell => cell.outputs ?? [])
          .filter(output => output.output_type === 'error')
          .map(output => `${{output.ename}}: ${{output.evalue}}`)
        """
        errors: list[str] = self.page.evaluate(code)
        return errors

    def cell_with_tree(self) -> int:
        """The first cell that has a task tree among its outputs; waits for one."""
        code = f"""
        () => {NOTEBOOK}.context.model.toJSON().cells
          .findIndex(cell => (cell.outputs ?? []).some(output => output.data?.[{TREE_MIME!r}]))
        """
        index: int = wait_until(lambda: self.page.evaluate(code) + 1, "a cell with a tree") - 1
        return index

    def cell_text(self, index: int) -> str:
        """All that the cell's code has put out, as text."""
        text: str = self.page.evaluate(f"i => {NOTEBOOK}.content.widgets[i].outputArea?.node.textContent ?? ''", index)
        return text

    def wait_cell_text(self, index: int, expected: str, seconds: float = 30) -> None:
        wait_until(lambda: expected in self.cell_text(index), f"cell {index} says {expected!r}", seconds)

    # --- task trees ---

    def tree_in_cell(self, index: int) -> TreeView:
        """The tree below a cell, scrolled to."""
        self.page.evaluate(f"async i => {{ await {NOTEBOOK}.content.scrollToItem(i); }}", index)
        cell = self.page.locator(f'.jp-Notebook [data-windowed-list-index="{index}"]')
        return TreeView(cell.locator(".jp-OutputArea .tt-view").last)

    def open_panel(self) -> TreeView:
        self.page.evaluate("() => window.jupyterapp.shell.activateById('tasktree-panel')")
        panel = self.page.locator("#tasktree-panel")
        panel.wait_for(timeout=15_000)
        return TreeView(panel.locator(".tt-view[data-connection]").first)
