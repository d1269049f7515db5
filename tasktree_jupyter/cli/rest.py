"""The REST interface as a command sees it: JSON in, JSON out, and a sentence where something is wrong."""

from __future__ import annotations

import contextlib
import http.client
import json
import secrets
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from email.message import Message
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urlsplit

from tasktree_jupyter.cli.problem import CommandError
from tasktree_jupyter.cli.servers import Place
from tasktree_jupyter.display import plain

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

TIMEOUT: Final = 30.0
_CHUNK: Final = 65_536
_LONGEST_REASON: Final = 500


class Refused(CommandError):
    """The server answered with an error.

    Attributes:
        status: of HTTP.
        reason: the server's word for programs, or None.
        field: what it is about, or None.
    """

    def __init__(self, message: str, status: int, reason: str | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.field = field


class Unreachable(CommandError):
    """Nobody answers there, or it isn't who it should be."""


class Rest:
    """Asks one server.

    Args:
        place: which.
        timeout: seconds to wait for each part of an answer.
    """

    def __init__(self, place: Place, timeout: float = TIMEOUT) -> None:
        self.place = place
        self._timeout = timeout

    def get(self, path: str, **query: Any) -> Any:
        """Return the answer to `GET tasktree/api/{path}`. Raises Refused, Unreachable."""
        return self.ask("GET", path, query)

    def ask(self, method: str, path: str, query: Mapping[str, Any] | None = None, body: Any = None) -> Any:
        """Send a request below `tasktree/api/` and return the answer's JSON, None for none. Raises Refused."""
        content = None if body is None else json.dumps(body).encode()
        with self._answer(method, path, query, content) as response:
            text = response.read()
        try:
            return json.loads(text) if text else None
        except ValueError:
            raise Refused(f"What answers at {self.place.shown} isn't TaskTree.", response.status) from None

    def stream(self, path: str) -> Iterator[bytes]:
        """Yield what `GET tasktree/api/{path}` answers, piece by piece. Raises Refused, Unreachable."""
        with self._answer("GET", path, None, None) as response, self._translated():
            while piece := response.read(_CHUNK):
                yield piece

    def upload(self, path: str, content: Iterable[bytes], length: int | None, **query: Any) -> Any:
        """Send `content` to `POST tasktree/api/{path}` as JSON Lines, piece by piece. Raises Refused, Unreachable.

        Args:
            path: below `tasktree/api/`.
            content: the pieces.
            length: of all together in bytes; None: unknown.
            query: the parameters.
        """
        headers = {"Content-Type": "application/x-ndjson"}
        headers |= {"Transfer-Encoding": "chunked"} if length is None else {"Content-Length": str(length)}
        with self._answer("POST", path, query, content, headers) as response:
            return json.loads(response.read())

    def probe(
        self,
        path: str,
        headers: Mapping[str, str] | None = None,
        *,
        anonymous: bool = False,
        method: str = "GET",
        body: bytes | None = None,
        most: int = _CHUNK,
    ) -> tuple[int, Message, bytes]:
        """Return status, headers and the beginning of what `{base_url}{path}` answers, whatever it is.

        Args:
            path: below the base URL.
            headers: more of them.
            anonymous: without the token.
            method: the verb.
            body: what to send.
            most: bytes of the answer to read at most.

        Raises:
            Unreachable: nobody answers.
        """
        every = {**({} if anonymous else self._authorization()), **(headers or {})}
        with self._translated(), contextlib.closing(self._connection()) as connection:
            connection.request(method, self._target(path), body=body, headers=every)
            response = connection.getresponse()
            return response.status, response.headers, b"" if response.status == 101 else response.read(most)

    @contextlib.contextmanager
    def socket(self, path: str) -> Iterator[ClientConnection]:
        """Open a WebSocket to `{base_url}{path}`, without subprotocol, and close it.

        Raises:
            Unreachable: nobody answers, or without a handshake.
        """
        from websockets.exceptions import InvalidHandshake
        from websockets.sync.client import connect

        connection = self._connection()
        with contextlib.ExitStack() as stack:
            with self._translated():
                connection.connect()
                # The socket speaks TLS already, where there is any.
                opening = connect(
                    f"ws://{urlsplit(self.place.url).netloc}{self._target(path)}",
                    sock=connection.sock,
                    additional_headers=self._authorization(),
                    open_timeout=self._timeout,
                    max_size=None,
                    proxy=None,
                )
                try:
                    opened = stack.enter_context(opening)
                except InvalidHandshake as error:
                    raise Unreachable(f"The WebSocket {path} of {self.place.shown} doesn't open: {error}.") from None
            yield opened

    # One request

    @contextlib.contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None,
        body: bytes | Iterable[bytes] | None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[http.client.HTTPResponse]:
        target = self._target(f"tasktree/api/{path}")
        if query:
            target += f"?{urlencode({name: value for name, value in query.items() if value is not None})}"
        every = {"Accept": "application/json", **self._authorization(), **(headers or {})}
        if isinstance(body, bytes):
            every["Content-Type"] = "application/json"
        with contextlib.closing(self._connection()) as connection:
            with self._translated():
                try:
                    connection.request(method, target, body=body, headers=every, encode_chunked=True)
                except (BrokenPipeError, ConnectionResetError):
                    # A server that refuses a body before it has read it all says why, all the same.
                    if body is None:
                        raise
                response = connection.getresponse()
            if not 200 <= response.status < 300:
                raise self._refusal(response, response.read(_CHUNK))
            yield response

    def _target(self, path: str) -> str:
        return urlsplit(self.place.url).path + path

    def _authorization(self) -> dict[str, str]:
        if self.place.token:
            return {"Authorization": f"token {self.place.token}"}
        # A server without login wants the cookie that a page has; who can send both may set both.
        mark = secrets.token_hex(16)
        return {"Cookie": f"_xsrf={mark}", "X-XSRFToken": mark}

    def _connection(self) -> http.client.HTTPConnection:
        place = self.place
        if place.unix_socket is not None:
            return _UnixConnection(place.unix_socket, self._timeout)
        parts = urlsplit(place.url)
        host = parts.hostname or "localhost"
        if parts.scheme != "https":
            return http.client.HTTPConnection(host, parts.port, timeout=self._timeout)
        context = ssl.create_default_context()
        if place.ca_file is not None:
            try:
                context.load_verify_locations(place.ca_file)
            except (OSError, ssl.SSLError) as error:
                raise CommandError(f"--ca-file {place.ca_file} holds no certificates: {error}", 2) from None
        return http.client.HTTPSConnection(host, parts.port, timeout=self._timeout, context=context)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        where = self.place.shown
        try:
            yield
        except ssl.SSLCertVerificationError as error:
            raise Unreachable(
                f"The certificate of {where} isn't trusted ({error.verify_message}). "
                "Name the certificate that signed it: --ca-file FILE."
            ) from None
        except ssl.SSLError as error:
            raise Unreachable(f"{where} doesn't speak TLS as it should ({error.reason or error}).") from None
        except TimeoutError:
            raise Unreachable(f"{where} doesn't answer within {self._timeout:g} s.") from None
        except (ConnectionRefusedError, FileNotFoundError):
            raise Unreachable(
                f"Nobody answers at {where}. Start the server with `jupyter lab`, or name another one with --url."
            ) from None
        except http.client.IncompleteRead:
            raise Unreachable(f"{where} broke off in the middle of its answer.") from None
        except http.client.HTTPException as error:
            raise Unreachable(f"What answers at {where} isn't a Jupyter server ({type(error).__name__}).") from None
        except OSError as error:
            raise Unreachable(f"{where} can't be reached: {error}.") from None

    def _refusal(self, response: http.client.HTTPResponse, text: bytes) -> Refused:
        status, where = response.status, self.place.shown
        try:
            body = json.loads(text)
        except ValueError:
            body = None
        ours = isinstance(body, dict) and {"message", "reason", "field"} <= body.keys()
        if ours and status == 403 and body["reason"] == "forbidden" and not self._is_logged_in():
            return Refused(self._no_access(), status)
        if ours and (body["reason"] is not None or status not in (401, 403, 404)):
            message = plain.line(body["message"])[:_LONGEST_REASON]
            return Refused(message.rstrip(".") + ".", status, body["reason"], body["field"])
        if status in (301, 302, 303, 307, 308, 401, 403):
            return Refused(self._no_access(), status)
        if status == 404:
            return Refused(self._not_there(ours), status)
        return Refused(f"{where} answered HTTP {status}: {response.reason}.", status)

    def _is_logged_in(self) -> bool:
        """Whether Jupyter knows who asks: an authorizer may still say no."""
        try:
            return self.probe("api/me")[0] == 200
        except CommandError:
            return False

    def _no_access(self) -> str:
        where = self.place.shown
        if self.place.token is not None:
            return f"{where} refuses the token: give its own in JUPYTER_TOKEN or by --token (`jupyter server list`)."
        if self.place.password:
            return (
                f"{where} asks for a password, and programs can't type one: start it with a token besides, "
                "--IdentityProvider.token=…, and give that in JUPYTER_TOKEN."
            )
        return f"{where} asks for a login: give its token in JUPYTER_TOKEN or by --token (`jupyter server list`)."

    def _not_there(self, is_jupyter: bool) -> str:
        """Say why there is no such page: no TaskTree, an older one, or no Jupyter at this path."""
        where = self.place.shown
        try:
            status, _, text = self.probe("tasktree/api/version")
            if status == 200:
                version = plain.line(json.loads(text)["version"])
                return f"TaskTree {version} at {where} can't do that: update tasktree_jupyter there."
            status, _, text = self.probe("api")
            if status == 200 and "version" in json.loads(text):
                return (
                    f"The Jupyter server at {where} has no TaskTree: install tasktree_jupyter where it runs and start "
                    "it again; `jupyter tasktree doctor` looks closer."
                )
        except (CommandError, ValueError, KeyError, TypeError):
            pass
        return f"There is no Jupyter server at {where}; behind a proxy or a hub its base URL belongs to the address."


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(self.timeout)
        try:
            sock.connect(self._path)
        except OSError:
            sock.close()
            raise
        self.sock = sock


def segment(name: str) -> str:
    """Return an id as a part of a path: missions' ids hold slashes."""
    return quote(name, safe="")
