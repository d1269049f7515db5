"""What all Python tests but the browser's share: pytest-jupyter's fixtures, and which package is tested."""

from __future__ import annotations

import importlib.util

import pytest
from hypothesis import HealthCheck, settings

# How long it takes says something of the machine, which runs two suites at once, and nothing of what is tested.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

pytest_plugins = ("pytest_jupyter.jupyter_server",)


def pytest_report_header(config: pytest.Config) -> str:
    spec = importlib.util.find_spec("tasktree_jupyter")
    return f"tasktree_jupyter: {spec.origin if spec else 'not found'}"
