"""An output that was published before the server was there comes to life with it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.client.hub import Hub
from tests.display.kernel import STORED, WIDGET, Kernel, Message, data, display_id, stored

START = """
import tasktree_jupyter as tt
run = tt.task("Grid search").__enter__()
"""


def test_the_first_output_of_a_kernel_says_what_to_follow(start_kernel: Callable[..., Kernel], hub: Hub) -> None:
    cell = start_kernel(hub).run(START + 'tt.flush()\nprint(tt.status()["projects"][0]["project_id"])')
    last = [*cell.displays, *cell.updates][-1]
    assert stored(last)["project_id"] == cell.text().strip()
    assert "offset" in stored(last)


def test_while_its_cell_still_runs(start_kernel: Callable[..., Kernel], hub: Hub, tmp_path: Path) -> None:
    file, stop = tmp_path / "later.json", tmp_path / "stop"
    kernel = start_kernel(hub, TASKTREE_CONNECTION_FILE=str(file))
    kernel.client.execute(START + f"import os, time\nwhile not os.path.exists({str(stop)!r}): time.sleep(0.02)")
    shown = kernel.wait_for("display_data")
    assert WIDGET in data(shown)
    assert hub.connection_file is not None
    shutil.copy(hub.connection_file, file)
    live = kernel.wait_for("update_display_data")
    assert set(data(live)) == {STORED, "text/html", "text/plain"}
    assert display_id(live) == display_id(shown)
    stop.touch()
    assert stored(live)["project_id"] in {project["project_id"] for project in hub.projects()}
    assert not stored(live)["ended"]


def test_a_server_that_never_comes_costs_one_second_once(start_kernel: Callable[..., Kernel], tmp_path: Path) -> None:
    kernel = start_kernel(None, TASKTREE_CONNECTION_FILE=str(tmp_path / "never.json"))
    kernel.run("import tasktree_jupyter as tt, time")
    code = 'began = time.monotonic()\nwith tt.task("run"): pass\nprint(time.monotonic() - began)'
    kernel.run(code)
    messages: list[Message] = []
    cells = [kernel.run(code) for _ in range(3)]
    for cell in cells:
        messages += cell.displays
    assert len(messages) == 3
    assert min(float(cell.text()) for cell in cells) < 1, "only the first waited"
