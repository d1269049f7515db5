"""What all Python tests but the browser's share: pytest-jupyter's fixtures, and which package is tested."""

from __future__ import annotations

import importlib.util

import pytest
from hypothesis import HealthCheck, settings

# How long it takes says something of the machine, which runs two suites at once, and nothing of what is tested.
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The test command asks the same every time, so that a red run is about the change.
settings.register_profile("same", settings.get_profile("search"), derandomize=True)
settings.load_profile("same")

pytest_plugins = ("pytest_jupyter.jupyter_server",)


def pytest_report_header(config: pytest.Config) -> str:
    spec = importlib.util.find_spec("tasktree_jupyter")
    return f"tasktree_jupyter: {spec.origin if spec else 'not found'}"
