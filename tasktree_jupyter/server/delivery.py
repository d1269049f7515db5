"""What a room hands to its followers, and the last events it keeps at hand for them."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from tasktree_jupyter.server.frames import Frame, events_frames, plain_frames

RECENT_BYTES = 512 * 1024


class Delivery:
    """Consecutive events of a project on their way to its followers. Each form is encoded once, when asked for."""

    __slots__ = ("_frames", "_plain", "epoch", "events", "first", "last", "project_id")

    def __init__(self, project_id: str, epoch: str, first: int, events: list[bytes]) -> None:
        self.project_id = project_id
        self.epoch = epoch
        self.first = first
        self.last = first + len(events) - 1
        self.events = events
        self._frames: list[Frame] | None = None
        self._plain: bytes | None = None

    @property
    def frames(self) -> list[Frame]:
        """The `events` frames of `tasktree.v1.json`."""
        if self._frames is None:
            self._frames = events_frames(self.project_id, self.epoch, self.first, self.events)
        return self._frames

    @property
    def plain(self) -> bytes:
        """The text frames for plain clients, one an event."""
        if self._plain is None:
            self._plain = plain_frames(self.events)
        return self._plain


class Follower(Protocol):
    """One who follows a room. Everything is called on the loop and must not wait."""

    keeps_room: bool
    """Whether the room has to stay open for it."""

    def push(self, delivery: Delivery) -> bool:
        """Take the next events. False: the connection has failed, and the room forgets this follower."""

    def failed(self) -> None:
        """Clean up after a push that failed; called after all others have got theirs."""

    def restart(self, reason: str) -> None:
        """The log isn't the one it was (`epoch`), or what was to come is gone (`trimmed`): begin again."""

    def gone(self) -> None:
        """The project was deleted."""

    def unreadable(self) -> None:
        """A newer server has brought the project's file forward: nothing more of it can be read here."""


class RecentEvents:
    """The newest events of a room, as they came, up to about `RECENT_BYTES`."""

    def __init__(self) -> None:
        self._batches: deque[tuple[int, list[bytes], int]] = deque()
        self._bytes = 0

    def add(self, first: int, events: list[bytes]) -> None:
        """Keep events that follow directly on those kept before."""
        size = sum(map(len, events))
        self._batches.append((first, events, size))
        self._bytes += size
        while self._bytes > RECENT_BYTES and len(self._batches) > 1:
            self._bytes -= self._batches.popleft()[2]

    def clear(self) -> None:
        """Forget them all."""
        self._batches.clear()
        self._bytes = 0

    def reach_back_to(self, offset: int) -> bool:
        """Return whether every event after `offset` is here."""
        return bool(self._batches) and self._batches[0][0] <= offset + 1

    def after(self, offset: int) -> list[bytes] | None:
        """Return the events after `offset`; None if some of them are no longer here."""
        if not self.reach_back_to(offset):
            return None
        events: list[bytes] = []
        for first, batch, _ in self._batches:
            if first > offset:
                events.extend(batch)
            elif first + len(batch) - 1 > offset:
                events.extend(batch[offset + 1 - first :])
        return events
