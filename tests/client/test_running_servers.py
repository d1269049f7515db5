"""What the files in Jupyter's runtime folder say about the servers that run; and what JupyterHub's variables say."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tasktree_jupyter.cli import servers
from tasktree_jupyter.client.discovery import Discovery, Identity, Server, hub
from tasktree_jupyter.client.discovery.folders import runtime_dir
from tasktree_jupyter.client.discovery.liveness import is_alive
from tasktree_jupyter.client.discovery.running import around, running_servers
from tasktree_jupyter.core.connection_file import file_name

ENDPOINT = "tasktree/ws/updates"
ADA = {
    "JUPYTERHUB_API_TOKEN": "t",
    "JUPYTERHUB_SERVICE_PREFIX": "/user/ada/",
    "JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:54321/user/ada/",
    "JUPYTERHUB_USER": "ada",
}


@pytest.fixture(autouse=True)
def nothing_inherited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith(("TASKTREE", "JUPYTER"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))


def server_info(folder: Path, pid: int | None = None, **changes: Any) -> None:
    pid = os.getpid() if pid is None else pid
    content = {
        "url": "http://localhost:8888/",
        "hostname": "localhost",
        "port": 8888,
        "sock": "",
        "secure": False,
        "base_url": "/",
        "token": "t",
        "root_dir": "/home/u",
        "password": False,
        "pid": pid,
        "version": "2.0.0",
    }
    (folder / f"jpserver-{pid}.json").write_text(json.dumps(content | changes), "utf-8")


def connection_file(folder: Path, pid: int | None = None, **changes: Any) -> None:
    pid = os.getpid() if pid is None else pid
    content = {
        "version": 1,
        "server": "0.1.0",
        "pid": pid,
        "host": platform.node(),
        "urls": ["http://127.0.0.1:9999/"],
        "base_url": "/",
        "unix_socket": None,
        "ca_file": None,
        "root_dir": "/home/u",
        "secret": "s",
    }
    content |= changes
    (folder / file_name(pid, str(content["host"]))).write_text(json.dumps(content), "utf-8")


def find(folder: str = "/home/u") -> list[Server]:
    return Discovery(Identity(None, f"{folder}/x.py", "x.py")).find()


def test_tasktrees_own_file_is_preferred_to_jupyters_token(tmp_path: Path) -> None:
    """Its secret opens TaskTree alone."""
    server_info(tmp_path)
    connection_file(tmp_path)
    assert find() == [Server(f"ws://127.0.0.1:9999/{ENDPOINT}", "TaskTree s")]


def test_the_same_number_on_another_machine_is_another_server(tmp_path: Path) -> None:
    server_info(tmp_path)
    for host in ("a-machine", platform.node(), "z-machine"):
        connection_file(tmp_path, host=host, secret=f"of {host}")
    assert find() == [Server(f"ws://127.0.0.1:9999/{ENDPOINT}", f"TaskTree of {platform.node()}")]
    (place,) = servers.running_servers()
    assert place.connection_file == str(tmp_path / file_name(os.getpid(), platform.node()))


def test_a_file_of_a_version_that_is_not_understood_leaves_jupyters_token(tmp_path: Path) -> None:
    server_info(tmp_path)
    connection_file(tmp_path, version=2)
    assert find() == [Server(f"ws://localhost:8888/{ENDPOINT}", "token t")]


@pytest.mark.parametrize(
    ("changes", "ways"),
    [
        ({"hostname": "0.0.0.0", "base_url": "/b/"}, [f"ws://127.0.0.1:8888/b/{ENDPOINT}"]),
        ({"hostname": "::"}, [f"ws://[::1]:8888/{ENDPOINT}", f"ws://127.0.0.1:8888/{ENDPOINT}"]),
        ({"hostname": "::1"}, [f"ws://[::1]:8888/{ENDPOINT}"]),
        ({"hostname": "box", "secure": True}, [f"wss://box:8888/{ENDPOINT}"]),
        ({"sock": "/run/j.sock", "port": 0, "base_url": "/b/"}, [f"ws://localhost/b/{ENDPOINT}"]),
        ({"port": 0}, []),
        ({"port": None}, []),
        ({"root_dir": None}, []),
    ],
)
def test_jupyters_file_says_where(tmp_path: Path, changes: dict[str, Any], ways: list[str]) -> None:
    server_info(tmp_path, **changes)
    found = find()
    assert [each.url for each in found] == ways
    assert all(each.authorization == "token t" for each in found)
    assert all(each.unix_socket == (changes.get("sock") or None) for each in found)


def test_what_died_or_is_of_another_machine_does_not_count(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    server_info(tmp_path, ended.pid)
    connection_file(tmp_path, ended.pid)
    connection_file(tmp_path, host="elsewhere")
    (tmp_path / "jpserver-x.json").write_text("{}")
    os.rename(tmp_path / f"jpserver-{ended.pid}.json", tmp_path / f"jpserver-{os.getpid()}.json")
    (tmp_path / f"jpserver-{os.getpid()}-open.html").write_text("")
    assert find() == []


@pytest.mark.parametrize("pid", [None, True, 0, -1, 2**70, "1"])
def test_what_is_no_number_of_a_process_is_not_alive(pid: Any) -> None:
    assert not is_alive(pid)


def test_a_number_that_somebody_elses_process_has_is_in_use_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(pid: int, signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", kill)
    assert not is_alive(os.getpid())


def test_of_nested_roots_the_innermost_holds_a_folder(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        connection_file(tmp_path, root_dir=str(tmp_path))
        connection_file(tmp_path, child.pid, root_dir=str(tmp_path / "deep"), urls=["http://h:1/"])
        servers = running_servers()
        below = [around(str(tmp_path / folder), servers) for folder in ("", "deep", "deep/er", "deeper")]
        assert [[each.ways[0].url[:12] for each in found] for found in below] == [
            ["ws://127.0.0"],
            ["ws://h:1/tas"],
            ["ws://h:1/tas"],
            ["ws://127.0.0"],
        ]
        assert around("/", servers) == []
    finally:
        child.communicate(b"\n")


def test_a_password_without_token_is_told_without_trying(tmp_path: Path) -> None:
    server_info(tmp_path, password=True, token="")
    discovery = Discovery(Identity(None, "/home/u/x.py", "x.py"))
    assert (discovery.expects_server, discovery.find(), discovery.trouble.code) == (False, [], "no_access")
    assert "asks for a password" in discovery.trouble.text


def test_a_server_that_was_found_by_its_folder_is_kept_while_another_of_it_starts(tmp_path: Path) -> None:
    connection_file(tmp_path)
    discovery = Discovery(Identity(None, "/home/u/x.py", "x.py"))
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        connection_file(tmp_path, child.pid, urls=["http://h:1/"])
        first, *_ = discovery.find()
        assert first.url == f"ws://127.0.0.1:9999/{ENDPOINT}"
        assert find() == []
    finally:
        child.communicate(b"\n")


def test_a_variable_left_over_from_a_server_that_ended_hides_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A terminal may outlive the server that it was opened in, in tmux for example."""
    monkeypatch.setenv("TASKTREE_CONNECTION_FILE", str(tmp_path / "tasktree-1.json"))
    assert find() == []
    connection_file(tmp_path)
    assert find() == [Server(f"ws://127.0.0.1:9999/{ENDPOINT}", "TaskTree s")]


@pytest.mark.parametrize("variable", [None, "JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "XDG_DATA_HOME"])
def test_the_runtime_folder_is_jupyters_also_without_jupyter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str | None
) -> None:
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    if variable is not None:
        monkeypatch.setenv(variable, str(tmp_path / "named"))
    with_jupyter = runtime_dir()
    monkeypatch.setitem(sys.modules, "jupyter_core.paths", None)
    assert runtime_dir() == with_jupyter


# JupyterHub


@pytest.mark.parametrize(
    ("changes", "urls"),
    [
        ({}, ["ws://127.0.0.1:54321/user/ada/"]),
        ({"JUPYTERHUB_SERVICE_URL": "http://0.0.0.0:8888/user/ada/"}, ["ws://127.0.0.1:8888/user/ada/"]),
        ({"JUPYTERHUB_SERVICE_URL": "http://:8888/user/ada/"}, ["ws://127.0.0.1:8888/user/ada/"]),
        (
            {"JUPYTERHUB_SERVICE_URL": "http://[::]:8888/user/ada/"},
            ["ws://[::1]:8888/user/ada/", "ws://127.0.0.1:8888/user/ada/"],
        ),
        (
            {"JUPYTERHUB_PUBLIC_URL": "https://hub.example/user/ada/"},
            ["ws://127.0.0.1:54321/user/ada/", "wss://hub.example/user/ada/"],
        ),
        (
            {"JUPYTERHUB_SSL_CERTFILE": "/c.pem", "JUPYTERHUB_PUBLIC_URL": "https://hub.example/user/ada/"},
            ["wss://hub.example/user/ada/"],
        ),
        ({"JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:0/user/ada/"}, []),
        ({"JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:x/user/ada/"}, []),
        ({"JUPYTERHUB_SERVICE_URL": ""}, []),
        ({"JUPYTERHUB_HOST": "https://hub.example", "JUPYTERHUB_SERVICE_URL": ""}, []),
        ({"JUPYTERHUB_SERVICE_NAME": "culler"}, []),
        ({"JUPYTERHUB_API_TOKEN": ""}, []),
        ({"JUPYTERHUB_SERVICE_PREFIX": ""}, []),
    ],
)
def test_the_variables_that_lead_to_the_users_server(changes: dict[str, str], urls: list[str]) -> None:
    found = hub.ways(ADA | changes)
    assert [each.url.removesuffix(ENDPOINT) for each in found] == urls
    assert all(each.authorization == "token t" for each in found)


def test_the_hubs_server_is_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in ADA.items():
        monkeypatch.setenv(name, value)
    server_info(tmp_path)
    discovery = Discovery(Identity(None, "/home/u/x.py", "x.py"))
    assert [each.authorization for each in discovery.find()] == ["token t"]
    assert discovery.find()[0].url.startswith("ws://127.0.0.1:54321/user/ada/")
    assert not discovery.give_up(discovery.trouble)


def test_a_server_that_a_user_starts_under_the_hub_has_nothing_to_do_with_the_hubs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in ADA.items():
        monkeypatch.setenv(name, value)
    connection_file(tmp_path)
    monkeypatch.setenv("TASKTREE_CONNECTION_FILE", str(tmp_path / file_name(os.getpid(), platform.node())))
    discovery = Discovery()
    assert [each.authorization for each in discovery.find()] == ["TaskTree s"]
    connection_file(tmp_path, base_url="/user/ada/")
    assert [each.authorization for each in discovery.find()] == ["TaskTree s", "token t"]
