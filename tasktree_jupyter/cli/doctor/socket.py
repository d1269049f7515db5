"""The WebSocket: a page's handshake, and a message that goes all the way round."""

from __future__ import annotations

import base64
import contextlib
import secrets
import time
from http.cookies import SimpleCookie
from queue import Empty, SimpleQueue
from typing import Any, Final
from urllib.parse import urlsplit

from tasktree_jupyter.cli.doctor.report import Report
from tasktree_jupyter.cli.problem import CommandError
from tasktree_jupyter.cli.rest import Rest, segment
from tasktree_jupyter.client.happenings import Closed, Happening, Received
from tasktree_jupyter.client.websocket import Wire
from tasktree_jupyter.core.protocol import SUBPROTOCOL, decode, encode
from tasktree_jupyter.core.shape import ProblemError

_ENDPOINT: Final = "tasktree/ws/updates"
_PATIENCE: Final = 10.0


def check_handshake(report: Report, rest: Rest, origin: str | None) -> bool:
    """A page that this server sent may open the socket; return whether it is worth going on."""
    parts = urlsplit(rest.place.url)
    page = (origin or f"{parts.scheme}://{parts.netloc}").rstrip("/")
    try:
        status, protocol = _shake(rest, {})
        # As a page does it: with the login's cookie, since with a token Jupyter doesn't look at the origin.
        cookies = _cookies(rest)
        refused = status == 101 and _shake(rest, {"Cookie": cookies, "Origin": page}, anonymous=True)[0] != 101
    except CommandError as error:
        report.failed("handshake", error.message, "A proxy before the server must let WebSockets through.")
        return False
    if status != 101:
        report.failed(
            "handshake",
            f"The WebSocket handshake at {_ENDPOINT} is answered with HTTP {status}.",
            "A proxy before the server must pass on the headers Upgrade and Connection."
            if status != 403
            else "Give the server's token in JUPYTER_TOKEN: `jupyter server list`.",
        )
        return False
    if refused:
        report.failed(
            "origin",
            f"The server refuses the socket to pages of {page}.",
            f"Start it with --ServerApp.allow_origin={page}, or let the proxy pass the Host header on unchanged.",
        )
    else:
        report.ok("origin", f"Pages of {page} may open the socket.")
    if protocol != SUBPROTOCOL:
        report.failed(
            "handshake",
            f"The server takes the socket, but not the subprotocol {SUBPROTOCOL}.",
            "Install the same tasktree_jupyter on both sides; a proxy must keep Sec-WebSocket-Protocol.",
        )
        return False
    report.ok("handshake", f"The WebSocket opens and speaks {SUBPROTOCOL}.")
    return True


def _shake(rest: Rest, more: dict[str, str], *, anonymous: bool = False) -> tuple[int, str | None]:
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
        "Sec-WebSocket-Protocol": SUBPROTOCOL,
    }
    status, answered, _ = rest.probe(_ENDPOINT, headers | more, anonymous=anonymous)
    return status, answered.get("Sec-WebSocket-Protocol")


def _cookies(rest: Rest) -> str:
    """Return the cookies that Jupyter gives to who shows the token."""
    _, answered, _ = rest.probe("api/me")
    given = SimpleCookie()
    for each in answered.get_all("Set-Cookie") or ():
        given.load(each)
    return "; ".join(f"{name}={morsel.coded_value}" for name, morsel in given.items())


def check_round_trip(report: Report, rest: Rest) -> None:
    """What is published arrives at a subscriber, in a project of its own that is deleted afterwards."""
    project_id = f"doctor-{secrets.token_hex(6)}"
    try:
        milliseconds = _round_trip(rest, project_id)
    except (CommandError, OSError, ProblemError, Empty) as error:
        reason = "no answer came in time" if isinstance(error, Empty) else str(error)
        report.failed(
            "round-trip",
            f"A message didn't come back: {reason.rstrip('.')}.",
            "The server's log says more: look for lines with TaskTree.",
        )
        return
    finally:
        deleted = _delete(rest, project_id)
    report.ok("round-trip", f"A message went to disk and came back in {milliseconds:.1f} ms.")
    if deleted is not None:
        report.failed(
            "cleanup",
            f"The doctor's own project {project_id} couldn't be deleted: {deleted}",
            f"Type `jupyter tasktree delete {project_id} --yes` when that works.",
        )


def _delete(rest: Rest, project_id: str) -> str | None:
    try:
        rest.ask("DELETE", f"projects/{segment(project_id)}")
    except CommandError as error:
        return None if getattr(error, "reason", None) == "not_found" else error.message
    return None


def _round_trip(rest: Rest, project_id: str) -> float:
    """Return how long the second event took from here to here, in milliseconds; the first makes the project."""
    conversation = _Conversation(rest)
    try:
        conversation.wait_for("welcome")
        conversation.publish(project_id, 1)
        conversation.wait_for("published")
        conversation.send({"op": "subscribe", "ref": 2, "project_id": project_id, "since": None})
        conversation.wait_for("live")
        began = time.perf_counter()
        conversation.publish(project_id, 2)
        conversation.wait_for("events")
        return (time.perf_counter() - began) * 1000
    finally:
        conversation.close()


class _Conversation:
    """Frames by hand, one after the other: what a client would mend by itself is to be seen here."""

    def __init__(self, rest: Rest) -> None:
        servers = rest.place.discovery().find()
        if not servers:
            raise CommandError("the server has gone")
        self._inbox: SimpleQueue[Happening] = SimpleQueue()
        self._frames: list[dict[str, Any]] = []
        self._source = secrets.token_hex(8)
        self._until = time.monotonic() + _PATIENCE
        self._wire = Wire(servers, self._inbox.put)
        self._wire.start()

    def publish(self, project_id: str, seq: int) -> None:
        event = {"type": "doctor.ping", "data": {"number": seq}}
        frame = {"op": "publish", "ref": seq, "project_id": project_id, "source": self._source, "seq": seq}
        self.send({**frame, "events": [event]})

    def send(self, frame: dict[str, Any]) -> None:
        self._wire.send(encode(frame))

    def wait_for(self, op: str) -> None:
        """Take frames until one of this sort comes. Raises CommandError, OSError, Empty."""
        while True:
            while self._frames:
                frame = self._frames.pop(0)
                if frame["op"] == op:
                    return
                if frame["op"] == "error":
                    raise CommandError(str(frame.get("message")))
                if frame["op"] == "ping":
                    self.send({"op": "pong"})
            happening = self._inbox.get(timeout=max(0.0, self._until - time.monotonic()))
            if isinstance(happening, Closed):
                raise CommandError(happening.trouble.text)
            if isinstance(happening, Received):
                self._frames += [decode(message) for message in self._wire.feed(happening.data)]

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._wire.close()
