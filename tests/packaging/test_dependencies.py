"""What is installed where: all of it with a plain `pip install`, and in the browser only what runs there."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
CLIENT = {"anywidget", "msgspec"}
CONNECTED = {"apsw", "jupyter_events", "jupyter_server", "prometheus_client", "pydantic", "rich", "websockets"}


def required(platform: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    requirements = map(Requirement, project["dependencies"])
    return {
        each.name for each in requirements if each.marker is None or each.marker.evaluate({"sys_platform": platform})
    }


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_a_plain_install_has_both_halves(platform: str) -> None:
    assert required(platform) == CLIENT | CONNECTED


def test_in_the_browser_nothing_is_asked_for_that_cannot_be_had_there() -> None:
    """One requirement without a wheel for Pyodide, and `%pip install` of the whole fails there."""
    assert required("emscripten") == CLIENT
