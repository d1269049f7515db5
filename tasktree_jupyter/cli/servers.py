"""Which server a command talks to: the one named, else the running one that is meant. It never guesses among several.

Running servers leave `jpserver-{pid}.json` in Jupyter's runtime folder, and TaskTree's leave a connection file beside
it (docs/protocol.md, Connection file), which opens the socket though Jupyter asks for a password.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from tasktree_jupyter.cli.problem import CommandError, usage
from tasktree_jupyter.client.discovery import VARIABLE, Discovery, server_at
from tasktree_jupyter.core.connection_file import file_name
from tasktree_jupyter.display import plain

_FILE: Final = re.compile(r"jpserver-([0-9]+)\.json")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Place(NamedTuple):
    """A Jupyter server, and what opens it.

    Attributes:
        url: its address with base URL; ends with `/`.
        token: Jupyter's, or None.
        unix_socket: the path of the socket to use instead of the URL's host, or None.
        ca_file: certificates to trust besides the system's, or None.
        root_dir: the folder it serves; None where it was only named.
        pid: its process, where it runs here.
        connection_file: the one that TaskTree wrote there, or None.
        password: whether it asks for a password and has no token for programs.
    """

    url: str
    token: str | None = None
    unix_socket: str | None = None
    ca_file: str | None = None
    root_dir: str | None = None
    pid: int | None = None
    connection_file: str | None = None
    password: bool = False

    @property
    def shown(self) -> str:
        """What messages call it."""
        return plain.line(self.unix_socket or self.url)

    def discovery(self) -> Discovery:
        """Return what finds it again at each attempt to connect."""
        self.enter()
        discovery = Discovery()
        if self.connection_file is None:
            discovery.name(self.url, self.token, self.ca_file)
        return discovery

    def enter(self) -> None:
        """Make this process's environment the one that this server's kernels have."""
        os.environ.pop(VARIABLE, None)
        if self.connection_file is not None:
            os.environ[VARIABLE] = self.connection_file
            if self.ca_file is not None:
                os.environ["SSL_CERT_FILE"] = self.ca_file


def options(parser: argparse.ArgumentParser, *, default: Any = argparse.SUPPRESS) -> None:
    """Add the options that name a server."""
    group = parser.add_argument_group("which server (by default the one that runs here)")
    group.add_argument("--url", default=default, metavar="URL", help="its address, like http://localhost:8888/")
    group.add_argument(
        "--token",
        default=default,
        metavar="TOKEN",
        help="its token; better in the environment variable JUPYTER_TOKEN, which other users can't see",
    )
    group.add_argument("--ca-file", default=default, metavar="FILE", help="certificates to trust besides the system's")


def chosen(options: argparse.Namespace) -> Place:
    """Return the server that a command line means.

    Raises:
        CommandError: there is none, or there are several, or what was named can't be one.
    """
    token = options.token or os.environ.get("JUPYTER_TOKEN") or None
    if options.ca_file and not os.path.isfile(options.ca_file):
        raise usage(f"--ca-file: there is no file {options.ca_file}")
    found = running_servers()
    place = _named(options.url, found) if options.url else _meant(found)
    token = token or place.token or os.environ.get("JUPYTERHUB_API_TOKEN") or None
    return place._replace(token=token, ca_file=options.ca_file or place.ca_file)


def _named(url: str, found: list[Place]) -> Place:
    try:
        server_at(url, None)
    except ValueError as error:
        message = str(error)
        if "token" in message.lower():
            message = "--url has a token in it; give it in JUPYTER_TOKEN or by --token: URLs end up in logs."
        raise usage(message) from None
    parts = urlsplit(url)
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    base = re.sub(r"/(lab|tree|notebooks|doc)(/.*)?$", "", parts.path.rstrip("/"))
    url = f"{scheme}://{parts.netloc}{base}/"
    place = next((each for each in found if _same(each.url, url) and not each.unix_socket), None)
    return Place(url) if place is None else place._replace(url=url)


def _same(one: str, other: str) -> bool:
    first, second = urlsplit(one), urlsplit(other)
    hosts = {first.hostname, second.hostname}
    return (
        first.port == second.port
        and first.scheme == second.scheme
        and first.path.rstrip("/") == second.path.rstrip("/")
        and (len(hosts) == 1 or hosts <= _LOOPBACK)
    )


def _meant(found: list[Place]) -> Place:
    if not found:
        raise CommandError(
            f"No running Jupyter server was found in {runtime_dir()}. "
            "Start one with `jupyter lab`, or name one: --url http://localhost:8888/ (its token in JUPYTER_TOKEN)."
        )
    if len(found) == 1:
        return found[0]
    ours = os.environ.get(VARIABLE)
    mine = [each for each in found if ours is not None and each.connection_file == ours]
    around = mine or _around(os.getcwd(), found)
    if len(around) == 1:
        return around[0]
    several = "\n".join(f"  --url {each.shown}   serves {plain.line(each.root_dir or '?')}" for each in found)
    raise usage(f"Several Jupyter servers run here; name one:\n{several}")


def _around(folder: str, found: list[Place]) -> list[Place]:
    """Return the servers whose root folder holds `folder`, of nested ones the innermost."""
    here = Path(folder).resolve()
    holding = [(Path(each.root_dir).resolve(), each) for each in found if each.root_dir]
    holding = [(root, each) for root, each in holding if here.is_relative_to(root)]
    innermost = max((len(root.parts) for root, _ in holding), default=0)
    return [each for root, each in holding if len(root.parts) == innermost]


def runtime_dir() -> str:
    """Return the folder where running servers leave their files."""
    from jupyter_core.paths import jupyter_runtime_dir

    return str(jupyter_runtime_dir())


def running_servers() -> list[Place]:
    """Return the Jupyter servers of this user that run here, by what they left in the runtime folder."""
    try:
        folder = runtime_dir()
        names = sorted(os.listdir(folder))
    except (ImportError, OSError):
        return []
    found = []
    for name in names:
        match = _FILE.fullmatch(name)
        info = read_object(os.path.join(folder, name)) if match and is_alive(int(match[1])) else None
        # A file with another number in it isn't this process's.
        if match and info is not None and info.get("pid") == int(match[1]):
            place = _place(info, os.path.join(folder, file_name(info["pid"], platform.node())))
            if place is not None:
                found.append(place)
    return found


def _place(info: dict[str, Any], connection_file: str) -> Place | None:
    ours = read_object(connection_file) or {}
    base_url = f"/{str(info.get('base_url') or '/').strip('/')}/".replace("//", "/")
    urls = [url for url in ours.get("urls") or () if isinstance(url, str)]
    sock = info.get("sock") or None
    host = str(info.get("hostname") or "localhost")
    if host in ("", "*", "0.0.0.0"):
        host = "127.0.0.1"
    elif ":" in host:
        host = "[::1]" if host == "::" else f"[{host}]"
    scheme = "https" if info.get("secure") else "http"
    url = f"http://localhost{base_url}" if sock else f"{scheme}://{host}:{info.get('port')}{base_url}"
    try:
        server_at(url, None)
    except ValueError:
        return None
    token = info.get("token") or None
    return Place(
        url=urls[0] if urls and not sock and scheme == "http" else url,
        token=token,
        unix_socket=str(sock) if sock else None,
        ca_file=ours.get("ca_file"),
        root_dir=str(info.get("root_dir") or "") or None,
        pid=info["pid"],
        connection_file=connection_file if ours else None,
        password=bool(info.get("password")) and token is None,
    )


def read_object(path: str) -> dict[str, Any] | None:
    """Return the JSON object in a file; None where there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def is_alive(pid: int) -> bool:
    """Return whether a process of this machine lives, or may live where nobody can tell."""
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
