"""An output that was published before the server was there comes to life with it."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Callable
from pathlib import Path

from tests.client.hub import Hub
from tests.display.kernel import STORED, WIDGET, Kernel, Message, data, display_id, stored

START = """
import tasktree_jupyter as tt
run = tt.task("Grid search").__enter__()
"""


def busy_until(stop: Path) -> str:
    return START + f"import os, time\nwhile not os.path.exists({str(stop)!r}): time.sleep(0.02)"


def test_the_first_output_of_a_kernel_says_what_to_follow(start_kernel: Callable[..., Kernel], hub: Hub) -> None:
    cell = start_kernel(hub).run(START + 'tt.flush()\nprint(tt.status()["projects"][0]["project_id"])')
    last = [*cell.displays, *cell.updates][-1]
    assert stored(last)["project_id"] == cell.text().strip()
    assert "offset" in stored(last)


def test_while_its_cell_still_runs(start_kernel: Callable[..., Kernel], hub: Hub, tmp_path: Path) -> None:
    file, stop = tmp_path / "later.json", tmp_path / "stop"
    kernel = start_kernel(hub, TASKTREE_CONNECTION_FILE=str(file))
    kernel.client.execute(busy_until(stop))
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


def slow_server(file: Path, hub: Hub) -> socket.socket:
    """Let `file` lead to a port that takes connections and answers nothing yet."""
    listening = socket.create_server(("127.0.0.1", 0))
    assert hub.connection_file is not None
    told = json.loads(hub.connection_file.read_text("utf-8"))
    port = listening.getsockname()[1]
    file.write_text(json.dumps(told | {"urls": [f"http://127.0.0.1:{port}/"]}), "utf-8")
    file.chmod(0o600)
    return listening


def pass_on(listening: socket.socket, port: int) -> None:
    """Answer by the server at `port` from now on."""

    def pump(source: socket.socket, target: socket.socket) -> None:
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)

    def serve() -> None:
        while True:
            here, there = listening.accept()[0], socket.create_connection(("127.0.0.1", port))
            threading.Thread(target=pump, args=(here, there), daemon=True).start()
            threading.Thread(target=pump, args=(there, here), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()


def test_no_widget_is_made_for_a_server_that_only_takes_its_time(
    start_kernel: Callable[..., Kernel], hub: Hub, tmp_path: Path
) -> None:
    file, stop = tmp_path / "slow.json", tmp_path / "stop"
    listening = slow_server(file, hub)
    kernel = start_kernel(hub, TASKTREE_CONNECTION_FILE=str(file))
    request = kernel.client.execute(busy_until(stop))
    shown = kernel.wait_for("display_data")
    assert set(data(shown)) == {STORED, "text/html", "text/plain"}
    pass_on(listening, hub.port)
    live = kernel.wait_for("update_display_data")
    stop.touch()
    assert stored(live)["project_id"] in {project["project_id"] for project in hub.projects()}
    assert kernel.finish(request).of("comm_open") == []


def test_a_widget_takes_over_once_the_first_attempt_has_failed(
    start_kernel: Callable[..., Kernel], hub: Hub, tmp_path: Path
) -> None:
    file, stop = tmp_path / "slow.json", tmp_path / "stop"
    listening = slow_server(file, hub)
    kernel = start_kernel(hub, TASKTREE_CONNECTION_FILE=str(file))
    kernel.client.execute(busy_until(stop))
    shown = kernel.wait_for("display_data")
    listening.close()
    fed = kernel.wait_for("update_display_data")
    assert WIDGET in data(fed)
    assert display_id(fed) == display_id(shown)
    stop.touch()


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
