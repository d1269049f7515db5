"""The file that a server with TaskTree leaves for its kernels and terminals (docs/protocol.md, Connection file)."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import platform
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from tasktree_jupyter.client.discovery.liveness import is_alive
from tasktree_jupyter.client.discovery.server import ENDPOINT, Server, server_at

VARIABLE: Final = "TASKTREE_CONNECTION_FILE"

Content = dict[str, Any]


def read_object(path: str) -> Content | None:
    """Return the JSON object in a file, None where there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def read(path: str) -> Content | None:
    """Return what a connection file says, None where there is none, or one that can't be understood."""
    content = read_object(path)
    return content if content is not None and content.get("version") == 1 else None


def is_of_this_machine(content: Content) -> bool:
    """Return whether a connection file was written here; other machines may share the folder."""
    here = platform.node()
    return bool(content.get("host", here) == here)


def is_elsewhere(content: Content) -> bool:
    """Return whether a file's server runs on another machine, so that what listens on localhost here isn't it.

    The name alone doesn't tell: a laptop gets another one with another network.
    """
    return not is_of_this_machine(content) and not is_alive(content.get("pid"))


def successor(path: str, root_dir: str) -> Content | None:
    """Return the file of the one other live server of the same root folder: a restarted server has another file."""
    found = [content for content in _others(path, root_dir) if is_of_this_machine(content)]
    return found[0] if len(found) == 1 else None


def _others(path: str, root_dir: str) -> Iterator[Content]:
    for each in glob.glob(os.path.join(glob.escape(os.path.dirname(path)), "tasktree-*.json")):
        if each != path:
            content = read(each)
            if content and content.get("root_dir") == root_dir and is_alive(content.get("pid")):
                yield content


def ways(content: Content) -> list[Server]:
    """Return the ways to a file's server, the best first."""
    authorization = f"TaskTree {content.get('secret')}"
    socket = _text(content.get("unix_socket"))
    if socket:
        path = f"{str(content.get('base_url') or '/').rstrip('/')}/{ENDPOINT}"
        # Not also by URL: whoever listens on localhost would get the secret.
        return [Server(f"ws://localhost{path}", authorization, socket)]
    ca_file, certificate = _text(content.get("ca_file")), _text(content.get("certificate"))
    urls = content.get("urls")
    elsewhere = is_elsewhere(content)
    found: list[Server] = []
    for url in urls if isinstance(urls, list) else ():
        with contextlib.suppress(ValueError, TypeError, AttributeError):
            if not (elsewhere and _is_loopback(urlsplit(url).hostname)):
                found.append(server_at(url, authorization, ca_file)._replace(certificate=certificate))
    return found


def _is_loopback(host: str | None) -> bool:
    return host in ("localhost", "::1") or (host or "").startswith("127.")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
