"""A server ends before its kernel, or with it: the next one finds what the kernel left open."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.client.hub import PATIENCE, Hub
from tests.client.notebook import Notebook
from tests.server.kernels import OPEN, is_over, told, wait


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(tmp_path)
    hub.start()
    yield hub
    hub.stop()


def wait_gone(pid: int) -> None:
    """Wait until a kernel has noticed that its server is gone."""
    until = time.monotonic() + PATIENCE
    while Path(f"/proc/{pid}").exists():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        assert time.monotonic() < until
        time.sleep(0.05)


def test_the_next_server_finds_them(hub: Hub) -> None:
    killed = Notebook(hub, "killed.ipynb")
    project_id, pid = killed.run(OPEN).split()
    last = hub.events(project_id)[-1]
    hub.kill()
    wait_gone(int(pid))
    hub.start()

    nodes = wait(hub, project_id, is_over)

    assert told(nodes["fit"]) == ("failed", "kernel_died", "its process is gone")
    assert nodes["fit"]["error"] == {"type": "Kernel died", "message": "its process is gone"}
    assert abs(_seconds(nodes["fit"]["ended_at"]) - last["at"] / 1e6) < 1, "it ended with its last word"


def _seconds(time_: str) -> float:
    return datetime.fromisoformat(time_).timestamp()
