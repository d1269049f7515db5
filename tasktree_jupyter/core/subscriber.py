"""The following side of a `tasktree.v1.json` connection, as a machine without I/O.

Its owner sends what it says, hands it every frame that comes, and takes what it delivers. What it promises for each
project: events in offset order, each once, none left out; where that can't be had, a whole state in their place. It
asks again by itself when a frame doesn't follow on from the last.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import msgspec

from tasktree_jupyter.core.protocol import PROTOCOL_VERSION, Frame
from tasktree_jupyter.core.shape import is_integer

ACK_BYTES: Final = 65_536
MAX_HOLES: Final = 3
"""How often a project is asked for again without having come to `live` in between."""


class Position(msgspec.Struct, frozen=True):
    """Everything up to `offset` in this life of the log has been delivered; `at` is that event's commit time in µs."""

    epoch: str
    offset: int
    at: int | None = None


class Subscribed(msgspec.Struct, frozen=True):
    """The server knows the project. `recovered`: it goes on from the position given; else a snapshot comes."""

    project_id: str
    epoch: str
    offset: int
    recovered: bool
    info: dict[str, Any] | None


class Events(msgspec.Struct, frozen=True):
    """The next events. With `project_id` None they belong to no project, and have no offsets."""

    project_id: str | None
    epoch: str | None
    events: list[dict[str, Any]]


class Snapshot(msgspec.Struct, frozen=True):
    """The whole state at an offset, in place of everything delivered before."""

    project_id: str
    epoch: str
    offset: int
    at: int
    state: dict[str, Any]
    nodes: list[dict[str, Any]]


class Live(msgspec.Struct, frozen=True):
    """Everything up to the log's head has been delivered."""

    project_id: str
    offset: int


class Resync(msgspec.Struct, frozen=True):
    """The server can't go on from where we were: `epoch`, `trimmed`, `ahead` or `slow`."""

    project_id: str
    reason: str


class Gone(msgspec.Struct, frozen=True):
    """The project was deleted. It isn't followed any longer."""

    project_id: str


class Presence(msgspec.Struct, frozen=True):
    """Who is silent now, in place of what was said before (docs/protocol.md, Presence)."""

    project_id: str
    sources: list[dict[str, Any]]


class Refused(msgspec.Struct, frozen=True):
    """The server refused to let this project be followed (None: all of them). It isn't followed any longer.

    `code` is the server's, or `version` (it speaks another protocol), or `continuity` (what it sent didn't follow on,
    again and again). `retry`: a later `follow` may work.
    """

    project_id: str | None
    code: str
    message: str
    retry: bool


Delivery: TypeAlias = Subscribed | Events | Snapshot | Live | Resync | Gone | Presence | Refused


class Step(msgspec.Struct, frozen=True):
    """What a frame led to. Deliver first, then send: an acknowledgement says that it has been taken in."""

    deliver: list[Delivery] = []
    send: list[Frame] = []


class _Follow(msgspec.Struct):
    position: Position | None
    # The subscribe frame that hasn't been answered. Until it is, whatever comes belongs to an older subscription.
    waiting: int | None = None
    parts: list[dict[str, Any]] | None = None
    first: Frame | None = None
    next_part: int = 0
    unacknowledged: int = 0
    holes: int = 0


class Subscriber:
    """Follows any number of projects over one connection after the other."""

    def __init__(self, *, first_ref: int = 1) -> None:
        self.connected = False
        self.limits: dict[str, Any] = {}
        self._follows: dict[str, _Follow] = {}
        self._ref = first_ref - 1

    def next_ref(self) -> int:
        """Return a number for a frame of the owner's own, so that it meets none of the machine's."""
        self._ref += 1
        return self._ref

    def position(self, project_id: str) -> Position | None:
        """Return up to where a project was delivered; None before anything was, or where it isn't followed."""
        follow = self._follows.get(project_id)
        return None if follow is None else follow.position

    def follow(self, project_id: str, since: Position | None = None) -> list[Frame]:
        """Follow a project from a position, or from a snapshot; return what to send now.

        Raises:
            ValueError: it is followed already.
        """
        if project_id in self._follows:
            raise ValueError(f"The project {project_id!r} is followed already")
        follow = self._follows[project_id] = _Follow(since)
        return [self._subscribe(project_id, follow)] if self.connected else []

    def unfollow(self, project_id: str) -> list[Frame]:
        """Stop following a project; return what to send now."""
        follow = self._follows.pop(project_id, None)
        if follow is None or not self.connected:
            return []
        return [{"op": "unsubscribe", "ref": self.next_ref(), "project_id": project_id}]

    def closed(self) -> None:
        """Take in that the connection is gone. Positions stay: the next `welcome` asks to go on from them."""
        self.connected = False
        for follow in self._follows.values():
            _drop_parts(follow)

    def receive(self, frame: Frame, size: int) -> Step:
        """Take in a frame of `size` bytes. Frames that it doesn't know lead to nothing."""
        op, project_id = frame.get("op"), frame.get("project_id")
        if op == "ping":
            return Step(send=[{"op": "pong"}])
        if op == "welcome":
            return self._welcome(frame)
        if op == "error":
            return self._error(frame)
        if op == "events" and project_id is None:
            events = frame.get("events")
            return Step([Events(None, None, events)]) if isinstance(events, list) else Step()
        follow = self._follows.get(project_id) if isinstance(project_id, str) else None
        if follow is None or not isinstance(project_id, str):
            return Step()
        if op == "subscribed":
            return self._subscribed(project_id, follow, frame)
        if follow.waiting is not None:
            return Step()
        if op == "events":
            return self._events(project_id, follow, frame, size)
        if op == "snapshot":
            return self._snapshot(project_id, follow, frame)
        if op == "live":
            return self._live(project_id, follow, frame)
        if op == "resync":
            _drop_parts(follow)
            return Step([Resync(project_id, str(frame.get("reason")))])
        if op == "presence":
            sources = frame.get("sources")
            told = [source for source in sources if isinstance(source, dict)] if isinstance(sources, list) else []
            return Step([Presence(project_id, told)])
        if op == "gone":
            del self._follows[project_id]
            return Step([Gone(project_id)])
        return Step()

    def _subscribe(self, project_id: str, follow: _Follow, *, since: bool = True) -> Frame:
        follow.waiting = self.next_ref()
        follow.unacknowledged = 0
        _drop_parts(follow)
        position = follow.position if since else None
        return {
            "op": "subscribe",
            "ref": follow.waiting,
            "project_id": project_id,
            "since": None if position is None else msgspec.structs.asdict(position),
        }

    def _welcome(self, frame: Frame) -> Step:
        if frame.get("protocol") != PROTOCOL_VERSION:
            self._follows.clear()
            message = (
                f"The server speaks version {frame.get('protocol')} of the protocol, this client {PROTOCOL_VERSION}"
            )
            return Step([Refused(None, "version", message, retry=False)])
        self.connected = True
        limits = frame.get("limits")
        self.limits = limits if isinstance(limits, dict) else {}
        return Step(send=[self._subscribe(project_id, follow) for project_id, follow in self._follows.items()])

    def _error(self, frame: Frame) -> Step:
        ref = frame.get("ref")
        for project_id, follow in self._follows.items():
            if ref is not None and follow.waiting == ref:
                del self._follows[project_id]
                code, message = str(frame.get("code")), str(frame.get("message"))
                return Step([Refused(project_id, code, message, retry=frame.get("retry") is True)])
        return Step()

    def _subscribed(self, project_id: str, follow: _Follow, frame: Frame) -> Step:
        if follow.waiting is None or frame.get("ref") != follow.waiting:
            return Step()
        epoch, offset, info = frame.get("epoch"), frame.get("offset"), frame.get("info")
        recovered = frame.get("recovered") is True
        follow.waiting = None
        if not isinstance(epoch, str) or not is_integer(offset, 0):
            return self._ask_again(project_id, follow)
        if recovered and (follow.position is None or follow.position.epoch != epoch):
            return self._ask_again(project_id, follow)
        about = info if isinstance(info, dict) else None
        return Step([Subscribed(project_id, epoch, int(offset), recovered, about)])  # type: ignore[arg-type]

    def _events(self, project_id: str, follow: _Follow, frame: Frame, size: int) -> Step:
        epoch, events, position = frame.get("epoch"), frame.get("events"), follow.position
        if position is None or epoch != position.epoch or follow.first is not None or not isinstance(events, list):
            return self._ask_again(project_id, follow)
        offset, fresh, whole = position.offset, [], True
        at: Any = position.at
        for event in events:
            its_offset: Any = event.get("offset") if isinstance(event, dict) else None
            if not is_integer(its_offset, 0, offset + 1):
                whole = False
                break
            if its_offset == offset + 1:
                offset, at = offset + 1, event.get("at")
                fresh.append(event)
        follow.position = Position(position.epoch, offset, int(at) if is_integer(at, 0) else None)
        deliver: list[Delivery] = [Events(project_id, position.epoch, fresh)] if fresh else []
        if not whole:
            again = self._ask_again(project_id, follow)
            return Step(deliver + again.deliver, again.send)
        follow.unacknowledged += size
        return Step(
            deliver, self._acknowledge(project_id, follow) if follow.unacknowledged >= self._ack_after() else []
        )

    def _snapshot(self, project_id: str, follow: _Follow, frame: Frame) -> Step:
        part, nodes = frame.get("part"), frame.get("nodes")
        if part == 0:
            _drop_parts(follow)
            follow.first, follow.parts = frame, []
        first = follow.first
        if first is None or follow.parts is None or not _follows_on(first, frame, follow.next_part):
            return self._ask_again(project_id, follow)
        follow.parts.extend(nodes or [])
        follow.next_part += 1
        epoch, offset, at = first["epoch"], int(first["offset"]), int(first["at"])
        acknowledgement = {"op": "ack", "project_id": project_id, "offset": offset}
        if follow.next_part < first["parts"]:
            return Step(send=[acknowledgement])
        snapshot = Snapshot(project_id, epoch, offset, at, first["state"], follow.parts)
        follow.position = Position(epoch, offset, at)
        follow.unacknowledged = 0
        _drop_parts(follow)
        return Step([snapshot], [acknowledgement])

    def _live(self, project_id: str, follow: _Follow, frame: Frame) -> Step:
        offset: Any = frame.get("offset")
        position = follow.position
        if position is None or follow.first is not None or not is_integer(offset) or offset > position.offset:
            return self._ask_again(project_id, follow)
        follow.holes = 0
        return Step([Live(project_id, position.offset)])

    def _ack_after(self) -> float:
        most = self.limits.get("max_unacked_bytes")
        return min(ACK_BYTES, most / 4) if isinstance(most, int) else ACK_BYTES

    def _acknowledge(self, project_id: str, follow: _Follow) -> list[Frame]:
        follow.unacknowledged = 0
        assert follow.position is not None
        return [{"op": "ack", "project_id": project_id, "offset": follow.position.offset}]

    def _ask_again(self, project_id: str, follow: _Follow) -> Step:
        """What came doesn't follow on: first ask from where we are, then for a snapshot, and then give up."""
        follow.holes += 1
        leave: Frame = {"op": "unsubscribe", "ref": self.next_ref(), "project_id": project_id}
        if follow.holes > MAX_HOLES:
            del self._follows[project_id]
            message = f"What the server sent for {project_id!r} didn't follow on, {follow.holes} times"
            return Step([Refused(project_id, "continuity", message, retry=True)], [leave])
        return Step(send=[leave, self._subscribe(project_id, follow, since=follow.holes == 1)])


def _drop_parts(follow: _Follow) -> None:
    follow.first = follow.parts = None
    follow.next_part = 0


def _follows_on(first: Frame, frame: Frame, part: int) -> bool:
    return (
        frame.get("part") == part
        and isinstance(frame.get("nodes"), list)
        and isinstance(first.get("state"), dict)
        and isinstance(first.get("epoch"), str)
        and is_integer(first.get("offset"), 0)
        and is_integer(first.get("at"), 0)
        and is_integer(first.get("parts"), part + 1)
        and all(frame.get(name) == first.get(name) for name in ("epoch", "offset", "at", "parts"))
    )
