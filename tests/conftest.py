"""What all Python tests but the browser's share: pytest-jupyter's fixtures, and which package is tested."""

from __future__ import annotations

import importlib.util

import pytest

pytest_plugins = ("pytest_jupyter.jupyter_server",)


def pytest_report_header(config: pytest.Config) -> str:
    spec = importlib.util.find_spec("tasktree_jupyter")
    return f"tasktree_jupyter: {spec.origin if spec else 'not found'}"
