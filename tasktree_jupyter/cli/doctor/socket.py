"""The WebSocket: a page's handshake, and a message that goes all the way round."""

from __future__ import annotations

import base64
import secrets
from http.cookies import SimpleCookie
from queue import Empty
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from tasktree_jupyter.cli.doctor import conversation as talking
from tasktree_jupyter.cli.doctor.conversation import Conversation
from tasktree_jupyter.cli.doctor.report import Report
from tasktree_jupyter.cli.problem import CommandError
from tasktree_jupyter.cli.rest import Rest, segment
from tasktree_jupyter.core.protocol import SUBPROTOCOL
from tasktree_jupyter.core.shape import ProblemError

_ENDPOINT: Final = "tasktree/ws/updates"
_SLOW: Final = 2.0
"""Seconds: a frame that takes longer is held back by something."""
_SKEWED: Final = 2.0
"""Seconds by which the two clocks may differ."""


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


class _Found(NamedTuple):
    """What a round trip has shown; all in seconds.

    Attributes:
        delay: from the first byte of the handshake to the first frame.
        round_trip: from sending an event to having it back, from the log.
        skew: how far the server's clock is ahead of ours, if it is certain; else 0.
        refused: the field that a bad event was refused for, or None.
        shape: the fields of an event as it came back.
    """

    delay: float
    round_trip: float
    skew: float
    refused: str | None
    shape: frozenset[str]


def check_round_trip(report: Report, rest: Rest) -> None:
    """What is published arrives at a subscriber, in a project of its own that is deleted afterwards."""
    project_id = f"doctor-{secrets.token_hex(6)}"
    try:
        found = _round_trip(rest, project_id)
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
    report.ok("round-trip", f"A message went to disk and came back in {found.round_trip * 1000:.1f} ms.")
    _judge_delay(report, found)
    _judge_clock(report, found)
    _judge_format(report, found)
    if deleted is not None:
        report.failed(
            "cleanup",
            f"The doctor's own project {project_id} couldn't be deleted: {deleted}",
            f"Type `jupyter tasktree delete {project_id} --yes` when that works.",
        )


def _judge_delay(report: Report, found: _Found) -> None:
    if max(found.delay, found.round_trip) < _SLOW:
        report.ok("delay", f"The first frame came {found.delay * 1000:.1f} ms after the socket was asked for.")
        return
    report.failed(
        "delay",
        f"Frames are late: the first came {found.delay:.1f} s after it was asked for, a message took "
        f"{found.round_trip:.1f} s.",
        "Ask the server without what is between, on its own machine: jupyter tasktree doctor --url "
        "http://localhost:8888/\n"
        "If it is quick there, a proxy holds data back: switch its buffering off for tasktree/ws/ "
        "(nginx: `proxy_buffering off;`). If not, the server is busy: its log and /metrics say with what.",
    )


def _judge_clock(report: Report, found: _Found) -> None:
    if abs(found.skew) <= _SKEWED:
        report.ok("clock", "The server's clock agrees with the one here.")
        return
    where = "ahead of" if found.skew > 0 else "behind"
    report.failed(
        "clock",
        f"The server's clock is {abs(found.skew):.0f} s {where} the one here: times and durations look wrong.",
        "Let both keep time: `timedatectl set-ntp true`, and look at `timedatectl` on either machine.",
    )


def _judge_format(report: Report, found: _Found) -> None:
    missing = {"type", "project_id", "data", "timestamp"} - found.shape
    if missing or found.refused != "data.status":
        what = f"lacks {', '.join(sorted(missing))}" if missing else "isn't checked: a bad one was taken"
        report.failed(
            "format",
            f"What comes back {what}.",
            "Install the same tasktree_jupyter on both sides: pip install --upgrade tasktree_jupyter",
        )
    else:
        report.ok("format", "Messages have their four fields, and a bad one is refused with its field.")


def _delete(rest: Rest, project_id: str) -> str | None:
    try:
        rest.ask("DELETE", f"projects/{segment(project_id)}")
    except CommandError as error:
        return None if getattr(error, "reason", None) == "not_found" else error.message
    return None


def _round_trip(rest: Rest, project_id: str) -> _Found:
    """Say something, and listen to it; the first event makes the project, the second is the one that is timed."""
    conversation = Conversation(rest)
    try:
        welcome, came = conversation.wait_for("welcome")
        conversation.publish(project_id, 1)
        conversation.wait_for("published")
        conversation.send({"op": "subscribe", "ref": 2, "project_id": project_id, "since": None})
        conversation.wait_for("live")
        began = talking.clock()
        conversation.publish(project_id, 2)
        events, ended = conversation.wait_for("events")
        bad = {"type": "task_status_changed", "data": {"task_id": "doctor", "status": "no such status"}}
        conversation.publish(project_id, 3, bad)
        published, _ = conversation.wait_for("published")
        while published.get("ref") != 3:
            published, _ = conversation.wait_for("published")
    finally:
        conversation.close()
    rejected = published.get("rejected") or [{}]
    return _Found(
        delay=came - conversation.began_at,
        round_trip=ended - began,
        skew=_skew(welcome.get("time"), conversation.began_at, came),
        refused=rejected[0].get("field"),
        shape=frozenset(events["events"][0]),
    )


def _skew(theirs: Any, earliest: float, latest: float) -> float:
    """Return how far a clock is off that said `theirs` (µs) at some time between these two."""
    if not isinstance(theirs, int):
        return 0.0
    said = theirs / 1_000_000
    return said - latest if said > latest else min(0.0, said - earliest)
