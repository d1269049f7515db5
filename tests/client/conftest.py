"""A server for all tests that need one, programs that use it, and a session of its own for tests that need none."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasktree_jupyter.client import session as sessions
from tasktree_jupyter.client.session import Session
from tests.client.hub import Hub, Program, written

Run = Callable[..., tuple[str, str]]
Start = Callable[..., Program]


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A server that all tests share, each with projects of its own. Nobody stops it."""
    hub = Hub(tmp_path_factory.mktemp("hub"))
    hub.start()
    yield hub
    hub.stop()


@pytest.fixture
def own_hub(tmp_path: Path) -> Iterator[Hub]:
    """A server for one test, which may stop it."""
    hub = Hub(tmp_path / "hub")
    hub.start()
    yield hub
    hub.stop()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a program against a server; without one it has none to find."""
    programs: list[Program] = []

    def start_(code: str, hub: Hub | None = None, **environment: str) -> Program:
        base = (hub or Hub(tmp_path / "none")).environment()
        program = Program(written(tmp_path, code), base | environment)
        programs.append(program)
        return program

    yield start_
    for program in programs:
        program.end()


@pytest.fixture
def run(start: Start) -> Run:
    """Run a program to its end, and return what it printed on standard output and standard error."""

    def run_(code: str, hub: Hub | None = None, **environment: str) -> tuple[str, str]:
        program = start(code, hub, **environment)
        out, err = program.rest()
        assert program.process.returncode == 0, err
        return out, err

    return run_


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """This process's session, made anew, without a server."""
    for name in ("TASKTREE_CONNECTION_FILE", "TASKTREE_PARENT", "JUPYTER_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    fresh = Session()
    monkeypatch.setattr(sessions, "_session", fresh)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fresh.check_in()
    yield fresh
    fresh.close()
