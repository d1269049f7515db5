"""One server for all tests of the command line, and ways to run a command: in this process, or beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

from tasktree_jupyter.cli.main import main
from tasktree_jupyter.cli.servers import Place
from tests.client.hub import TOKEN, Hub

VARIABLE = "TASKTREE_CONNECTION_FILE"
SOCKET_HUB_CONNECTIONS = 5
"""With more the socket hub warns."""


class Done(NamedTuple):
    """What a command answered."""

    code: int
    out: str
    err: str


Command = Callable[..., Done]
Publish = Callable[..., None]


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    hub = Hub(tmp_path_factory.mktemp("cli"))
    hub.start()
    yield hub
    hub.stop()


@pytest.fixture(scope="session")
def socket_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A server on a Unix socket, below a base URL, without any login, whose folder can't be written."""
    hub = Hub(tmp_path_factory.mktemp("socket"))
    # No folder can be made in a file's place; this holds for root too.
    hub.logs.write_text("")
    with tempfile.TemporaryDirectory(prefix="tt-") as short:
        # An identity provider of its own, since the token is given to the usual one.
        hub.start(
            "--ServerApp.base_url=/user/ada/",
            "--ServerApp.identity_provider_class=tests.cli.open_login.OpenLogin",
            f"--TaskTreeExtension.warn_connections={SOCKET_HUB_CONNECTIONS}",
            sock=f"{short}/jupyter.sock",
        )
        yield hub
        hub.stop()


@pytest.fixture
def socket_place(socket_hub: Hub) -> Place:
    """Where it is."""
    assert socket_hub.connection_file is not None
    content = json.loads(socket_hub.connection_file.read_text("utf-8"))
    return Place("http://localhost/user/ada/", unix_socket=content["unix_socket"])


@pytest.fixture
def nowhere(tmp_path: Path) -> Hub:
    """The folders of a user who has no server."""
    return Hub(tmp_path / "nowhere")


def enter(monkeypatch: pytest.MonkeyPatch, hub: Hub) -> None:
    """Be in a terminal of this user, though not one of the server's own."""
    for name in [*os.environ]:
        if name.startswith(("JUPYTER", "TASKTREE", "JPY")):
            monkeypatch.delenv(name)
    for name, value in terminal(hub).items():
        if name.startswith("JUPYTER") or name == "HOME":
            monkeypatch.setenv(name, value)
    # Registered, so that what a command sets is taken away again.
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.delenv(VARIABLE)


def terminal(hub: Hub) -> dict[str, str]:
    """The environment of a terminal that the server didn't start."""
    return {name: value for name, value in hub.environment().items() if name != VARIABLE}


@pytest.fixture
def tasktree(hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process, against the server of all tests, or another."""

    def run(*arguments: str, hub: Hub = hub) -> Done:
        with monkeypatch.context() as inner:
            enter(inner, hub)
            code = main(arguments)
        out, err = capsys.readouterr()
        return Done(code, out, err)

    return run


@pytest.fixture
def publish(hub: Hub) -> Publish:
    """Publish events to a project of the server of all tests."""

    def publish_(project_id: str, *events: dict[str, Any], hub: Hub = hub) -> None:
        url = f"{hub.url}tasktree/api/projects/{quote(project_id, safe='')}/events"
        request = urllib.request.Request(url, json.dumps({"events": events}).encode(), method="POST")
        request.add_header("Authorization", f"token {TOKEN}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 201

    return publish_


def node(node_id: str, **changes: Any) -> dict[str, Any]:
    return {"type": "node_update", "data": {"node_id": node_id, "changes": changes}}


def beside(hub: Hub, *arguments: str, **more: Any) -> subprocess.Popen[str]:
    """Start a command as a process of its own, with pipes."""
    environment = terminal(hub) | more.pop("environment", {})
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE) | more
    command = [sys.executable, "-m", "tasktree_jupyter.cli", *arguments]
    return subprocess.Popen(command, env=environment, cwd=hub.folder, text=True, encoding="utf-8", **pipes)
