"""The running servers of this user, by what they leave in Jupyter's runtime folder: for scripts outside Jupyter."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from tasktree_jupyter.client.discovery import connection_file
from tasktree_jupyter.client.discovery.connection_file import Content, read_object
from tasktree_jupyter.client.discovery.folders import runtime_dir
from tasktree_jupyter.client.discovery.liveness import is_alive
from tasktree_jupyter.client.discovery.server import ENDPOINT, Server, reachable, server_at
from tasktree_jupyter.core.connection_file import file_name

_FILE: Final = re.compile(r"(?:jpserver-([0-9]+)|tasktree-([0-9]+)-[0-9a-f]+)\.json")


class Running(NamedTuple):
    """A server that seems to run here.

    Attributes:
        root_dir: the folder it serves.
        shown: its address, for people.
        path: of its connection file; None: it has no TaskTree, or one that can't be understood.
        ways: how it is reached.
        password: whether it asks for a password, and there is no token for programs.
    """

    root_dir: str
    shown: str
    path: str | None
    ways: list[Server]
    password: bool


def around(folder: str, servers: Iterable[Running]) -> list[Running]:
    """Return those of `servers` whose root folder holds `folder`, of nested ones only the innermost."""
    place = _real(folder)
    holding = [(root, each) for each in servers if _holds(root := _real(each.root_dir), place)]
    innermost = max((len(root) for root, _ in holding), default=0)
    return [each for root, each in holding if len(root) == innermost]


def running_servers(folder: str | None = None) -> list[Running]:
    """Return the servers that seem to run here, by the files in `folder`; None: Jupyter's runtime folder."""
    folder = runtime_dir() if folder is None else folder
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    matches = filter(None, map(_FILE.fullmatch, names))
    pids = dict.fromkeys(int(match[1] or match[2]) for match in matches)
    found = (_running(pid, folder) for pid in pids if is_alive(pid))
    return [each for each in found if each is not None]


def _running(pid: int, folder: str) -> Running | None:
    path = os.path.join(folder, file_name(pid, platform.node()))
    content = connection_file.read(path)
    if content is not None:
        return _by_connection_file(path, content, pid)
    info = read_object(os.path.join(folder, f"jpserver-{pid}.json"))
    # A file with another number in it isn't this process's.
    if info is None or info.get("pid") != pid or not isinstance(info.get("root_dir"), str):
        return None
    return _by_server_info(info)


def _by_connection_file(path: str, content: Content, pid: int) -> Running | None:
    root_dir, ways = content.get("root_dir"), connection_file.ways(content)
    here = connection_file.is_of_this_machine(content) and content.get("pid") == pid
    if not here or not isinstance(root_dir, str) or not ways:
        return None
    return Running(root_dir, ways[0].shown, path, ways, False)


def _by_server_info(info: Content) -> Running | None:
    """Jupyter's own file has a token, where its login has one."""
    token = info.get("token")
    authorization = f"token {token}" if token else None
    base_url = str(info.get("base_url") or "/")
    sock = info.get("sock")
    ways: list[Server]
    if sock:
        ways = [Server(f"ws://localhost{base_url.rstrip('/')}/{ENDPOINT}", authorization, str(sock))]
    else:
        scheme = "https" if info.get("secure") else "http"
        hosts = reachable(str(info.get("hostname") or ""))
        try:
            ways = [server_at(f"{scheme}://{host}:{info.get('port')}{base_url}", authorization) for host in hosts]
        except ValueError:
            return None
    return Running(info["root_dir"], ways[0].shown, None, ways, bool(info.get("password")) and not token)


def _real(folder: str) -> str:
    return os.path.normcase(os.path.realpath(folder))


def _holds(root: str, place: str) -> bool:
    try:
        return os.path.commonpath([root, place]) == root
    except ValueError:
        return False
