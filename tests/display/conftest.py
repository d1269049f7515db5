"""Trees to show, and kernels to show them in."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tasktree_jupyter.core.tree import TaskTree
from tasktree_jupyter.display.bundle import bundle
from tests.client.conftest import session as session
from tests.client.hub import Hub
from tests.display.kernel import Kernel

AT = 1_769_868_131_000_000
"""2026-01-31T14:02:11Z"""


class Grower:
    """A tree that grows by events, as a server's does."""

    def __init__(self) -> None:
        self.tree = TaskTree()
        self._offsets = itertools.count(1)

    def update(self, node_id: str, *, timestamp: str = "2026-01-31T14:02:00.000000Z", **changes: Any) -> None:
        self.event("node_update", {"node_id": node_id, "changes": changes}, timestamp)

    def event(self, type: str, data: dict[str, Any], timestamp: str = "2026-01-31T14:02:00.000000Z") -> None:
        offset = next(self._offsets)
        self.tree.apply({"type": type, "data": data, "timestamp": timestamp, "source": "k", "offset": offset, "at": AT})
        assert self.tree.flagged == 0, self.tree.last_flagged

    def bundle(self, mission_id: str | None, **options: Any) -> dict[str, Any]:
        known: dict[str, Any] = {
            "project_id": "p",
            "title": "churn.ipynb",
            "epoch": "k3f9",
            "offset": self.tree.offset,
            "at": AT,
        }
        return bundle(self.tree, mission_id, **(known | options))


@pytest.fixture
def grower() -> Grower:
    return Grower()


@pytest.fixture(scope="session")
def new_grower() -> type[Grower]:
    return Grower


@pytest.fixture(scope="session")
def grid_search() -> Callable[[int], Grower]:
    return _grid_search


def _grid_search(tasks: int) -> Grower:
    """A run with `tasks` fits, of which some failed and some run, beside two other phases."""
    grower = Grower()
    grower.update("m", title="Grid search", status="running")
    grower.update("m/fit", parent_id="m", title="fit", status="running", expected=tasks)
    grower.update("m/report", parent_id="m", title="report", status="ready")
    for number in range(tasks):
        status = "completed" if number < tasks * 0.6 else "ready"
        if number % 1000 == 999:
            status = "failed"
        elif number % 1000 == 998:
            status = "running"
        grower.update(f"m/fit/{number}", parent_id="m/fit", title=f"fit {number}", status=status)
    return grower


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A server that the tests share. Nobody stops it."""
    hub = Hub(tmp_path_factory.mktemp("hub"))
    hub.start()
    yield hub
    hub.stop()


@pytest.fixture
def start_kernel(tmp_path: Path) -> Iterator[Callable[..., Kernel]]:
    """Start a kernel against a server; without one it has none to find."""
    kernels: list[Kernel] = []

    def start(hub: Hub | None = None, **environment: str) -> Kernel:
        kernel = Kernel((hub or Hub(tmp_path / "none")).environment() | environment, tmp_path)
        kernels.append(kernel)
        return kernel

    yield start
    for kernel in kernels:
        kernel.stop()


@pytest.fixture(scope="module")
def shared_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel without a server, for tests that leave no more behind than tasks and variables."""
    folder = tmp_path_factory.mktemp("kernel")
    kernel = Kernel(Hub(folder / "none").environment(), folder)
    yield kernel
    kernel.stop()


@pytest.fixture
def kernel(start_kernel: Callable[..., Kernel]) -> Kernel:
    """A kernel without a server."""
    return start_kernel(None)


@pytest.fixture
def kernel_with_server(start_kernel: Callable[..., Kernel], hub: Hub) -> Kernel:
    kernel = start_kernel(hub)
    kernel.run("import tasktree_jupyter as tt; tt.flush()")
    return kernel
