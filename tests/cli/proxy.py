"""A small HTTP proxy before a server, which does to requests what proxies do that nobody has set up for WebSockets."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Final

PAGE: Final = b"<html><title>Please log in</title></html>"
HOLD_SECONDS: Final = 2.5


class Proxy:
    """Passes on to a port of loopback, one request a connection.

    What it does is `fault`: `strip` takes the headers away that ask for a WebSocket; `page` answers whatever is below
    `path` with a page of its own; `hold` keeps the first frames of a WebSocket back for a while; None: nothing.
    """

    def __init__(self, target: int) -> None:
        self.fault: str | None = None
        self.path = b"/tasktree/"
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def close(self) -> None:
        # A thread that waits in `accept` isn't woken by `close` alone.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._target)) as far:
            head = b""
            while b"\r\n\r\n" not in head:
                head += near.recv(65_536) or b"\r\n\r\n"
            is_socket = b"upgrade: websocket" in head.lower()
            if self.fault == "page" and head.split(b" ", 2)[1].startswith(self.path):
                near.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n")
                near.sendall(b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(PAGE), PAGE))
                return
            if self.fault == "strip":
                lines = head.split(b"\r\n")
                head = b"\r\n".join(
                    line for line in lines if not line.lower().startswith((b"upgrade:", b"connection:"))
                )
            far.sendall(head)
            threading.Thread(target=_pump, args=(near, far), daemon=True).start()
            if self.fault == "hold" and is_socket:
                answer, end, frames = far.recv(65_536).partition(b"\r\n\r\n")
                near.sendall(answer + end)
                time.sleep(HOLD_SECONDS)
                near.sendall(frames)
            _pump(far, near)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def proxied(target: int) -> Iterator[Proxy]:
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
