"""One server for each file of tests; every notebook gets a project of its own on it, or the one it names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.client.hub import Hub


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    hub = Hub(tmp_path_factory.mktemp("hub"))
    hub.start()
    yield hub
    hub.stop()
