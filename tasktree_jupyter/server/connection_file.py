"""The file by which kernels and terminals of this server find it (docs/protocol.md, "Connection file")."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import platform
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_core.paths import secure_write
from jupyter_server.utils import check_pid

from tasktree_jupyter._version import __version__
from tasktree_jupyter.core.connection_file import file_name
from tasktree_jupyter.server.logs import tell

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp

VARIABLE = "TASKTREE_CONNECTION_FILE"

_ALL_IPV4 = frozenset({"", "*", "0.0.0.0"})
_ALL_IPV6 = "::"


class ConnectionFile:
    """A file in Jupyter's runtime folder, readable by its owner alone."""

    def __init__(self, runtime_dir: str | Path, logger: logging.Logger) -> None:
        self.path = Path(runtime_dir) / file_name(os.getpid(), platform.node())
        self._logger = logger
        self._secret: str | None = None

    def write(self, serverapp: ServerApp, secret: str, ca_file: str = "") -> None:
        """Write the file, all at once, and put its path into the environment that kernels inherit. Raises OSError.

        `ca_file` is the trait's value.
        """
        content = describe(serverapp, secret, ca_file)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_suffix(".tmp")
        with secure_write(str(unfinished)) as file:
            json.dump(content, file, indent=2)
        os.replace(unfinished, self.path)
        self._secret = secret
        os.environ[VARIABLE] = str(self.path)

    def remove(self) -> None:
        """Take the file and the variable away, if they are still ours."""
        if self._secret is not None and _read(self.path).get("secret") == self._secret:
            with contextlib.suppress(OSError):
                self.path.unlink()
        self._secret = None
        if os.environ.get(VARIABLE) == str(self.path):
            del os.environ[VARIABLE]

    def remove_stale(self) -> None:
        """Take away what servers left behind that died on this machine. Other machines may share the folder."""
        here = platform.node()
        for path in self.path.parent.glob("tasktree-*.json"):
            content = _read(path)
            pid = content.get("pid")
            if content.get("host") != here or not isinstance(pid, int) or pid == os.getpid() or check_pid(pid):
                continue
            tell(self._logger, "kernels.file_removed", "Removing %s: its server is gone", path, path=str(path))
            with contextlib.suppress(OSError):
                path.unlink()


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def describe(serverapp: ServerApp, secret: str, ca_file: str = "") -> dict[str, Any]:
    """Return the content of the file. Call it when the server has its port."""
    sock = getattr(serverapp, "sock", "")
    return {
        "version": 1,
        "server": __version__,
        "pid": os.getpid(),
        "host": platform.node(),
        "urls": list(dict.fromkeys(_urls(serverapp))),
        "base_url": serverapp.base_url,
        "unix_socket": os.path.abspath(sock) if sock else None,
        "ca_file": os.path.abspath(os.path.expanduser(ca_file)) if ca_file else None,
        # Whoever can read this file may trust just this one: most are signed by nobody known, for no loopback address.
        "certificate": None if ca_file else _fingerprint(serverapp.certfile),
        "root_dir": os.path.abspath(serverapp.root_dir),
        "secret": secret,
    }


def _fingerprint(certfile: str) -> str | None:
    """The SHA-256 of the server's own certificate, the first in its file; None without TLS, or an unreadable one."""
    try:
        text = Path(certfile).read_text("ascii", "replace") if certfile else ""
        begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
        first = text[text.index(begin) : text.index(end) + len(end)]
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest()
    except (OSError, ValueError):
        return None


def _urls(serverapp: ServerApp) -> Iterator[str]:
    """The server's URLs as this machine reaches them, the most direct first."""
    base = serverapp.base_url if serverapp.base_url.endswith("/") else serverapp.base_url + "/"
    if getattr(serverapp, "sock", ""):
        yield f"http://localhost{base}"
        return
    scheme = "https" if serverapp.certfile else "http"
    for host in _hosts(serverapp.ip, tls=bool(serverapp.certfile)):
        yield f"{scheme}://{host}:{serverapp.port}{base}"


def _hosts(ip: str, *, tls: bool) -> Iterator[str]:
    if ip in _ALL_IPV4:
        yield "127.0.0.1"
    elif ip == _ALL_IPV6:
        yield from ("[::1]", "127.0.0.1")
    elif ip == "localhost":
        yield from ("localhost", "127.0.0.1")
    else:
        yield f"[{ip}]" if ":" in ip else ip
    if tls and (ip in _ALL_IPV4 or ip == _ALL_IPV6):
        # A certificate names the machine, hardly ever the loopback address.
        yield socket.getfqdn()
