"""One way to a server, and what is wrong where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple
from urllib.parse import SplitResult, urlsplit, urlunsplit

ENDPOINT: Final = "tasktree/ws/updates"

_EVERY_ADDRESS: Final[Mapping[str, tuple[str, ...]]] = {
    "": ("127.0.0.1",),
    "*": ("127.0.0.1",),
    "0.0.0.0": ("127.0.0.1",),
    "::": ("::1", "127.0.0.1"),
}


class Server(NamedTuple):
    """One way to reach a server.

    Attributes:
        url: of the endpoint, `ws://…` or `wss://…`.
        authorization: the value of that header; never part of a URL.
        unix_socket: the path of the socket to use instead of the URL's host, or None.
        ca_file: the certificates to trust besides the system's, or None.
        certificate: the SHA-256 of the one certificate to accept, in hexadecimal, whatever name it bears and whoever
            signed it; None: it is verified as usual.
    """

    url: str
    authorization: str | None
    unix_socket: str | None = None
    ca_file: str | None = None
    certificate: str | None = None

    @property
    def shown(self) -> str:
        """What messages call it."""
        return self.unix_socket or self.url.removesuffix(ENDPOINT)


Code = Literal[
    "none", "ambiguous", "no_access", "gone", "absent", "refused", "certificate", "version", "unreachable", "lost"
]


class Trouble(NamedTuple):
    """Why there is no connection.

    Attributes:
        code: for programs. `none`: no server was found; `ambiguous`: several were, and none is guessed; `no_access`:
            the one that was found asks for a password; `gone`: the server that started this process has ended;
            `absent`: the server has no TaskTree; `refused`: it refuses the token or secret; `certificate`: its
            certificate isn't trusted; `version`: it speaks another version; `unreachable`: nobody answers; `lost`: the
            connection ended.
        text: for people, a sentence without its stop.
    """

    code: Code
    text: str


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
    path = f"{parts.path.rstrip('/')}/{ENDPOINT}"
    return Server(urlunsplit((scheme, parts.netloc, path, "", "")), authorization, None, ca_file)


def reachable(host: str) -> tuple[str, ...]:
    """Return where a server that listens on `host` is reached from its own machine, as hosts of a URL."""
    return tuple(f"[{each}]" if ":" in each else each for each in _EVERY_ADDRESS.get(host, (host,)))


def _has_a_port(parts: SplitResult) -> bool:
    try:
        return parts.port is None or parts.port > 0
    except ValueError:
        return False


def _without_query(parts: SplitResult) -> str:
    return urlunsplit((parts.scheme, parts.hostname or "", parts.path, "", ""))
