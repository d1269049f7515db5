"""One WebSocket connection: `websockets` knows the protocol, TLS works on memory, and this file moves the bytes.

A reader thread opens the connection and then does nothing but read; everything else is done by the thread that owns the
connection, so neither protocol nor TLS is ever touched by two threads. It never waits: what the network doesn't take at
once is left to a `Sender`.
"""

from __future__ import annotations

import contextlib

# Every look-up of a host imports it. On our thread that would be too late: a child forked amid an import never gets it.
import encodings.idna  # noqa: F401
import hashlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable
from typing import Final

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import CONNECTING, OPEN
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from tasktree_jupyter.client.discovery import Server, Trouble
from tasktree_jupyter.client.happenings import Closed, Drained, Happening, Opened, Received
from tasktree_jupyter.client.sending import TIMEOUT, Sender
from tasktree_jupyter.core.protocol import SUBPROTOCOL

OPEN_TIMEOUT: Final = 10.0
_LAST_WORDS: Final = 0.5
"""Seconds that a polite end waits at most for the network."""
_READ: Final = 65_536
_LARGEST: Final = 64 * 2**20
"""Bytes of the largest frame taken from the server."""


class Wire:
    """A connection to the first of some servers that takes it.

    Args:
        servers: the ways to try, in this order.
        post: told what happens; called on threads of its own.
    """

    def __init__(self, servers: Iterable[Server], post: Callable[[Happening], None]) -> None:
        self._servers = tuple(servers)
        self._post = post
        self._tls: _Tls | None = None
        self._socket: socket.socket | None = None
        self._protocol: ClientProtocol | None = None
        self._sender: Sender | None = None
        self._partial = bytearray()
        self._ended = False
        self.server: Server = self._servers[0]
        """The one that is connected, or tried."""

    def start(self) -> None:
        """Begin to open the connection. Raises RuntimeError where threads can't be started."""
        threading.Thread(target=self._run, name="tasktree-reader", daemon=True).start()

    # The owner's side

    @property
    def congested(self) -> bool:
        """Whether the network doesn't take what there is to send; `Drained` tells when it does again."""
        return self._sender is not None and self._sender.congested

    def send(self, text: bytes) -> None:
        """Send a text frame; returns at once.

        Raises:
            OSError: the connection is gone.
        """
        protocol = self._open_protocol()
        protocol.send_text(text)
        self._flush(protocol)

    def feed(self, data: bytes) -> list[bytes]:
        """Take received bytes and return the text messages they complete.

        Raises:
            OSError: the connection is gone, or the server broke the protocol.
        """
        protocol = self._protocol
        if protocol is None:
            return []
        protocol.receive_data(self._tls.decrypt(data) if self._tls else data)
        messages = self._messages(protocol)
        self._flush(protocol)
        if protocol.state is not OPEN:
            raise ConnectionError(self.close_reason)
        return messages

    @property
    def close_code(self) -> int | None:
        """The code that the server closed with, None where it didn't."""
        protocol = self._protocol
        return protocol.close_rcvd.code if protocol is not None and protocol.close_rcvd is not None else None

    @property
    def close_reason(self) -> str:
        """Why the connection ended, for a person."""
        protocol = self._protocol
        if protocol is None or protocol.close_rcvd is None:
            return "the connection was lost"
        return protocol.close_rcvd.reason or f"closed with code {protocol.close_rcvd.code}"

    def close(self) -> None:
        """End the connection, politely where that costs no time."""
        protocol = self._protocol
        if protocol is not None and protocol.state is OPEN and not self._ended:
            with contextlib.suppress(OSError):
                protocol.send_close(1000)
                self._flush(protocol)
                if self._sender is not None:
                    self._sender.drain(_LAST_WORDS)
        self.hang_up()

    def abandon(self) -> None:
        """Let go of the socket without a word. In a forked child this leaves the parent's connection as it is."""
        self._ended = True
        if self._sender is not None:
            self._sender.abandon()
        if self._socket is not None:
            self._socket.close()

    def hang_up(self) -> None:
        """End the connection at once and wake the reader."""
        # First, or the sender would tell of a network that fails.
        if self._sender is not None:
            self._sender.end()
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self.abandon()

    def _open_protocol(self) -> ClientProtocol:
        if self._protocol is None or self._protocol.state is not OPEN:
            raise ConnectionError("not connected")
        return self._protocol

    def _messages(self, protocol: ClientProtocol) -> list[bytes]:
        messages = []
        for event in protocol.events_received():
            if isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.CONT):
                self._partial += event.data
                if event.fin:
                    messages.append(bytes(self._partial))
                    self._partial.clear()
        return messages

    def _flush(self, protocol: ClientProtocol) -> None:
        for data in protocol.data_to_send():
            if self._socket is None or self._ended:
                raise ConnectionError("not connected")
            if not data:
                if self._sender is not None:
                    self._sender.send_eof()
                continue
            if self._tls is not None:
                data = self._tls.encrypt(data)
            if self._sender is not None:
                self._sender.send(data)
            else:
                self._socket.sendall(data)

    # The reader's side

    def _run(self) -> None:
        failures: list[tuple[Server, Closed]] = []
        for server in self._servers:
            self.server = server
            try:
                rest = self._open(server)
            except Exception as error:
                self.abandon()
                failures.append((server, self._failure(error)))
                self._ended = False
                continue
            self._post(Opened(self))
            self._read(rest)
            return
        self._ended = True
        # What a server said tells more than that nobody was at another of its addresses; else the best way's failure.
        self.server, closed = next((each for each in failures if each[1].trouble.code != "unreachable"), failures[0])
        self._post(closed)

    def _failure(self, error: Exception) -> Closed:
        text = str(error) or type(error).__name__
        if isinstance(error, _Unusable):
            return Closed(self, error.refused, error.trouble)
        if isinstance(error, ssl.SSLCertVerificationError):
            return Closed(self, False, Trouble("certificate", f"its certificate isn't trusted: {error.verify_message}"))
        return Closed(self, False, Trouble("unreachable", text))

    def _open(self, server: Server) -> bytes:
        self._sender = None
        uri = parse_uri(server.url)
        if server.unix_socket is not None:
            self._socket = sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.settimeout(OPEN_TIMEOUT)
            sock.connect(server.unix_socket)
        else:
            self._socket = sock = socket.create_connection((uri.host, uri.port), timeout=OPEN_TIMEOUT)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._tls = _Tls(sock, uri.host, server) if uri.secure else None
        protocol = ClientProtocol(uri, subprotocols=[Subprotocol(SUBPROTOCOL)], max_size=_LARGEST)
        request = protocol.connect()
        if server.authorization is not None:
            request.headers["Authorization"] = server.authorization
        protocol.send_request(request)
        self._protocol = protocol
        self._flush(protocol)
        while protocol.state is CONNECTING and protocol.handshake_exc is None:
            data = sock.recv(_READ)
            if not data:
                protocol.receive_eof()
                break
            protocol.receive_data(self._tls.decrypt(data) if self._tls else data)
        if protocol.handshake_exc is not None or protocol.state is not OPEN:
            raise _refusal(protocol.handshake_exc, server.authorization)
        if protocol.subprotocol != SUBPROTOCOL:
            text = f"the server doesn't speak {SUBPROTOCOL}; it may be of another version"
            raise _Unusable(Trouble("version", text), refused=True)
        sock.settimeout(TIMEOUT)
        self._sender = Sender(sock, lambda: self._post(Drained(self)), self._cannot_send)
        self._sender.start()
        return b""

    def _cannot_send(self, why: str) -> None:
        self._post(Closed(self, False, Trouble("lost", why)))

    def _read(self, data: bytes) -> None:
        # What came right behind the handshake waits in the protocol: an empty feed fetches it.
        self._post(Received(self, data))
        sock = self._socket
        while not self._ended and sock is not None:
            try:
                data = sock.recv(_READ)
            except TimeoutError:
                continue
            except OSError as error:
                self._post(Closed(self, False, Trouble("lost", str(error))))
                return
            if not data:
                break
            self._post(Received(self, data))
        self._post(Closed(self, False, Trouble("lost", "the connection was lost")))


class _Unusable(ConnectionError):
    """The server answered, but not as it should."""

    def __init__(self, trouble: Trouble, *, refused: bool) -> None:
        super().__init__(trouble.text)
        self.trouble = trouble
        self.refused = refused


_LOGIN: Final = "it asks for a login: a token or secret is missing, or isn't the right one"
_ANSWERS: Final = {
    401: Trouble("refused", _LOGIN),
    403: Trouble("refused", "it refuses the token or secret"),
    404: Trouble("absent", "it has no TaskTree: tasktree_jupyter isn't installed or enabled there"),
}
_FOR_NOW: Final = frozenset({408, 424, 425, 429})
"""Refusals that may end soon: too many requests, or a server that its Hub has stopped."""


def _refusal(error: BaseException | None, authorization: str | None) -> ConnectionError:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if not isinstance(status, int):
        text = str(error) if error is not None else "the connection was lost during the handshake"
        return _Unusable(Trouble("unreachable", text), refused=False)
    if status == 403 and authorization is None:
        answer = Trouble("refused", _LOGIN)
    elif status in _ANSWERS:
        answer = _ANSWERS[status]
    elif 300 <= status < 400:
        # To the page with the login.
        answer = Trouble("refused", _LOGIN)
    else:
        answer = Trouble("unreachable", "the socket was refused")
    for_now = status >= 500 or status in _FOR_NOW
    return _Unusable(answer._replace(text=f"HTTP {status}, {answer.text}"), refused=not for_now)


class _Tls:
    """TLS on memory, so that one thread can own it while another reads the socket."""

    def __init__(self, sock: socket.socket, host: str, server: Server) -> None:
        context = _context(server)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        while True:
            try:
                self._object.do_handshake()
            except ssl.SSLWantReadError:
                self._exchange(sock)
            else:
                break
        self._check(server.certificate)
        self._send(sock)

    def _check(self, certificate: str | None) -> None:
        if certificate is not None:
            shown = self._object.getpeercert(binary_form=True) or b""
            if hashlib.sha256(shown).hexdigest() != certificate.lower():
                text = "its certificate isn't the one that its connection file names"
                raise _Unusable(Trouble("certificate", text), refused=False)

    def _send(self, sock: socket.socket) -> None:
        if self._outgoing.pending:
            sock.sendall(self._outgoing.read())

    def _exchange(self, sock: socket.socket) -> None:
        self._send(sock)
        data = sock.recv(_READ)
        if not data:
            raise ConnectionError("the connection was lost during the TLS handshake")
        self._incoming.write(data)

    def decrypt(self, data: bytes) -> bytes:
        """Return what the bytes received so far mean."""
        self._incoming.write(data)
        clear = bytearray()
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            while chunk := self._object.read(_READ):
                clear += chunk
        return bytes(clear)

    def encrypt(self, data: bytes) -> bytes:
        """Return the bytes to send."""
        self._object.write(data)
        return self._outgoing.read()


def _context(server: Server) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context()
        if server.ca_file is not None:
            context.load_verify_locations(server.ca_file)
    except OSError as error:
        raise _Unusable(Trouble("certificate", f"ca_file {server.ca_file!r}: {error}"), refused=False) from None
    if server.certificate is not None:
        # Exactly one will do, and its name says nothing more: on loopback it hardly ever is the machine's.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
