"""Find the server, and say which notebook or script this is. It never guesses: what isn't known is left open.

In this order: what `connect(url, token)` named; the connection file that the server put into the environment
(docs/protocol.md, Connection file). Otherwise there is no server, and the tree lives in this process.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import platform
import re
import sys
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, urlsplit, urlunsplit

VARIABLE: Final = "TASKTREE_CONNECTION_FILE"
_KERNEL_FILE: Final = re.compile(r"kernel-(.+)\.json")
_ENDPOINT: Final = "tasktree/ws/updates"


class Server(NamedTuple):
    """One way to reach a server.

    Attributes:
        url: of the endpoint, `ws://…` or `wss://…`.
        authorization: the value of that header; never part of a URL.
        unix_socket: the path of the socket to use instead of the URL's host, or None.
        ca_file: the certificates to trust besides the system's, or None.
    """

    url: str
    authorization: str | None
    unix_socket: str | None = None
    ca_file: str | None = None

    @property
    def shown(self) -> str:
        """What messages call it."""
        return self.unix_socket or self.url.removesuffix(_ENDPOINT)


class Identity(NamedTuple):
    """What the server needs to know which project is the default one: the kernel, or the path of a script."""

    kernel_id: str | None
    path: str | None
    title: str | None


class Discovery:
    """Where the server is, asked again at each attempt: it may have restarted on another port with another secret."""

    def __init__(self) -> None:
        self._file = os.environ.get(VARIABLE) or None
        self._root_dir: str | None = None
        self._named: Server | None = None

    @property
    def expects_server(self) -> bool:
        """Whether there is, or was, a server; if not, events needn't wait for one."""
        return self._named is not None or self._file is not None

    def name(self, url: str, token: str | None, ca_file: str | None) -> Server:
        """Use this server from now on.

        Raises:
            ValueError: the URL isn't `http(s)://` or `ws(s)://`, or carries a token.
        """
        token = token or os.environ.get("JUPYTER_TOKEN")
        self._named = server_at(url, f"token {token}" if token else None, ca_file)
        return self._named

    def find(self) -> list[Server]:
        """Return the ways to the server, the best first; empty while it can't be found."""
        if self._named is not None:
            return [self._named]
        if self._file is None:
            return []
        here = _read(self._file)
        if here is not None:
            self._root_dir = here.get("root_dir")
        successor = self._successor()
        return [*_servers(here), *_servers(successor)]

    def _successor(self) -> dict[str, Any] | None:
        """Return the file of the one other live server of the same root folder: a restarted server has another file."""
        if self._file is None or self._root_dir is None:
            return None
        folder = os.path.dirname(self._file)
        found = []
        for path in glob.glob(os.path.join(glob.escape(folder), "tasktree-*.json")):
            if path != self._file:
                content = _read(path)
                if content and content.get("root_dir") == self._root_dir and _is_alive(content):
                    found.append(content)
        return found[0] if len(found) == 1 else None


def server_at(url: str, authorization: str | None, ca_file: str | None = None) -> Server:
    """Return the server at a Jupyter base URL.

    Raises:
        ValueError: the URL isn't `http(s)://` or `ws(s)://`, has no host, or carries a token.
    """
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}.get(parts.scheme)
    if scheme is None or not parts.hostname or not _has_a_port(parts):
        raise ValueError(
            f"{_without_query(parts)!r} is no address of a Jupyter server; it looks like http://localhost:8888/"
        )
    if "token=" in parts.query or parts.password:
        raise ValueError("Give the token as an argument, not in the URL: URLs end up in logs.")
    path = f"{parts.path.rstrip('/')}/{_ENDPOINT}"
    return Server(urlunsplit((scheme, parts.netloc, path, "", "")), authorization, None, ca_file)


def _has_a_port(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


def _without_query(parts: SplitResult) -> str:
    return urlunsplit((parts.scheme, parts.hostname or "", parts.path, "", ""))


def _read(path: str) -> dict[str, Any] | None:
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and content.get("version") == 1 else None


def _servers(content: dict[str, Any] | None) -> list[Server]:
    if content is None:
        return []
    authorization = f"TaskTree {content.get('secret')}"
    ca_file = content.get("ca_file")
    socket = content.get("unix_socket")
    if socket:
        path = f"{str(content.get('base_url') or '/').rstrip('/')}/{_ENDPOINT}"
        # Not also by URL: whoever listens on localhost would get the secret.
        return [Server(f"ws://localhost{path}", authorization, str(socket))]
    found: list[Server] = []
    for url in content.get("urls") or ():
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            found.append(server_at(url, authorization, ca_file))
    return found


def _is_alive(content: dict[str, Any]) -> bool:
    """Return whether a file's server may be running; other machines may share the folder."""
    pid = content.get("pid")
    if not isinstance(pid, int) or content.get("host", platform.node()) != platform.node():
        return False
    if os.name == "nt":
        # There, signal 0 isn't harmless. A dead server's file is told apart when nobody takes the connection.
        return True
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def identity() -> Identity:
    """Return who this process is: a kernel by its connection file, else a script by its path."""
    kernel_id = _kernel_id()
    if kernel_id is not None:
        return Identity(kernel_id, None, None)
    path = getattr(sys.modules.get("__main__"), "__file__", None)
    if path is None:
        # A prompt, or code from the command line: the folder is all there is to know it by.
        folder = os.getcwd()
        return Identity(None, os.path.join(folder, "python"), f"python in {os.path.basename(folder) or folder}")
    path = os.path.abspath(path)
    return Identity(None, path, os.path.basename(path))


def _kernel_id() -> str | None:
    application = getattr(sys.modules.get("ipykernel.kernelapp"), "IPKernelApp", None)
    if application is None or not application.initialized():
        return None
    file = _KERNEL_FILE.fullmatch(os.path.basename(getattr(application.instance(), "connection_file", "") or ""))
    return file.group(1) if file else None
