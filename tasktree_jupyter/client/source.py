"""One emitter's life in one project: it numbers events, keeps them until acknowledged, and says what it dropped.

Sans-I/O: it makes publish frames and takes the answers; the connection carries them. One frame is under way at a
time, and what arrived meanwhile is the next, so a busy emitter batches by itself and a quiet one waits for nothing.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

import msgspec

from tasktree_jupyter.core.times import format_time

MAX_EVENTS: Final = 100_000
MAX_BYTES: Final = 32 * 2**20
_ENVELOPE: Final = 96
"""Bytes an envelope takes besides its data, about; at most: the type has 64 characters."""
_FRAME: Final = 2048
"""Bytes a frame takes besides its events, at most: a project id of 200 characters may be escaped."""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An event as the emit left it: encoded, so that later changes of the user's objects don't count."""

    type: str
    data: bytes
    timestamp: int
    """Microseconds since 1970, the emitter's clock."""

    def envelope(self) -> bytes:
        """Return the event's JSON, without its project."""
        time = format_time(self.timestamp)
        return b'{"type":"%b","data":%b,"timestamp":"%b"}' % (self.type.encode(), self.data, time.encode())


class Limits(NamedTuple):
    """What the server takes in one publish frame; it says so in `welcome`."""

    message_bytes: int
    events: int


class Rejection(NamedTuple):
    """An event that the server refused."""

    entry: Entry
    field: str
    message: str


class _Batch(msgspec.Struct):
    """The frame under way: numbered once, so that sending it again is recognised as the same."""

    first_seq: int
    dropped: int
    entries: list[Entry]


class Source:
    """The queue of one source. `push` may be called on any thread; all else belongs to the connection thread.

    Args:
        max_events: how many events are kept until they are acknowledged.
        max_bytes: how many bytes of them. Past either, the oldest that isn't under way is dropped and counted.
        keep: whether events wait for a server at all; without one they only go to `unfolded`.
    """

    def __init__(self, *, max_events: int = MAX_EVENTS, max_bytes: int = MAX_BYTES, keep: bool = True) -> None:
        self.id: str = new_source_id()
        self.keep = keep
        self.max_events = max_events
        self.max_bytes = max_bytes
        self.unfolded: deque[Entry] = deque()
        """What was pushed and the process's own fold hasn't taken yet."""
        self.emitted = 0
        """How many events were pushed."""
        self.dropped = 0
        """How many of them were dropped."""
        self.first_drop: int | None = None
        """The timestamp of the first event dropped since the last `heal`, microseconds."""
        # Reentrant: a garbage collection inside `push` may run a `__del__` of the user's that emits.
        self._lock = threading.RLock()
        self._pending: deque[Entry] = deque()
        self._first: deque[Entry] = deque()
        self._bytes = 0
        self._upto = 0
        self._gap = 0
        self._batch: _Batch | None = None
        self._in_flight: int | None = None

    def push(self, entry: Entry) -> None:
        """Take an event. Where the queue is full, the oldest one waiting is dropped for it."""
        with self._lock:
            self.emitted += 1
            self.unfolded.append(entry)
            if self.keep:
                self._pending.append(entry)
                self._bytes += len(entry.data) + _ENVELOPE
                if self._bytes > self.max_bytes or len(self._pending) > self.max_events:
                    self._shed()

    def __len__(self) -> int:
        """How many events wait or are under way."""
        return len(self._pending) + len(self._first) + (len(self._batch.entries) if self._batch else 0)

    @property
    def settled(self) -> int:
        """How many of the emitted events need nothing more: acknowledged, refused or dropped, at least."""
        with self._lock:
            return self.emitted - len(self)

    @property
    def folded(self) -> int:
        """How many of the emitted events the process's own fold has taken."""
        with self._lock:
            return self.emitted - len(self.unfolded)

    @property
    def waiting(self) -> bool:
        """Whether there is something that `next_frame` could send."""
        return self._in_flight is None and bool(self._pending or self._first or self._batch)

    @property
    def in_flight(self) -> bool:
        """Whether a frame was sent on this connection and isn't answered."""
        return self._in_flight is not None

    def _shed(self) -> None:
        while self._pending and (len(self._pending) > self.max_events or self._bytes > self.max_bytes):
            entry = self._pending.popleft()
            self._bytes -= len(entry.data) + _ENVELOPE
            self._gap += 1
            self.dropped += 1
            if self.first_drop is None:
                self.first_drop = entry.timestamp

    def next_frame(self, ref: int, project_id: str, limits: Limits) -> bytes | None:
        """Return the publish frame to send now, or None: nothing waits, or one is under way.

        Args:
            ref: the number its answer will repeat.
            project_id: the project as the server knows it.
            limits: what the server takes.
        """
        with self._lock:
            if self._in_flight is not None:
                return None
            batch = self._batch = self._batch or self._next_batch(limits)
            if batch is None:
                return None
            self._in_flight = ref
        head = {"op": "publish", "ref": ref, "project_id": project_id, "source": self.id, "seq": batch.first_seq}
        if batch.dropped:
            head["dropped"] = batch.dropped
        events = b",".join([entry.envelope() for entry in batch.entries])
        return b'%b,"events":[%b]}' % (msgspec.json.encode(head)[:-1], events)

    def _next_batch(self, limits: Limits) -> _Batch | None:
        entries: list[Entry] = []
        room = limits.message_bytes - _FRAME
        for waiting in (self._first, self._pending):
            while waiting and len(entries) < limits.events:
                room -= len(waiting[0].data) + len(waiting[0].type) + _ENVELOPE
                if room < 0 and entries:
                    break
                entries.append(waiting.popleft())
            if waiting:
                break
        if not entries:
            return None
        batch = _Batch(first_seq=self._upto + self._gap + 1, dropped=self._gap, entries=entries)
        self._gap = 0
        return batch

    def published(self, frame: dict[str, Any]) -> list[Rejection]:
        """Take the server's acknowledgement of the frame under way and return the events it refused."""
        with self._lock:
            batch = self._batch
            if batch is None or not self.awaits(frame.get("ref")):
                return []
            self._upto = batch.first_seq + len(batch.entries) - 1
            self._bytes -= sum(len(entry.data) + _ENVELOPE for entry in batch.entries)
            self._batch = self._in_flight = None
        refused = []
        for rejected in frame.get("rejected") or ():
            place = rejected.get("index", -1)
            if 0 <= place < len(batch.entries):
                refused.append(Rejection(batch.entries[place], rejected.get("field", ""), rejected.get("message", "")))
        return refused

    def awaits(self, ref: object) -> bool:
        """Return whether an answer with this `ref` is to the frame under way."""
        return self._in_flight is not None and self._in_flight == ref

    def unsent(self) -> None:
        """The connection is gone, or the server said to try again: the frame under way will be sent again as it was."""
        self._in_flight = None

    def too_large(self) -> Entry | None:
        """The server took nothing of the frame under way since it was too large: half of it is tried next.

        Returns:
            the event that alone is too large; it counts as dropped.
        """
        with self._lock:
            batch = self._batch
            self._in_flight = None
            if batch is None:
                return None
            if len(batch.entries) > 1:
                half = len(batch.entries) // 2
                self._first.extendleft(reversed(batch.entries[half:]))
                del batch.entries[half:]
                return None
            entry = batch.entries[0]
            self._batch = None
            self._bytes -= len(entry.data) + _ENVELOPE
            self._gap = batch.dropped + 1
            self.dropped += 1
            return entry

    def discard(self) -> int:
        """Forget everything that waits, where the project refuses it for good; return how many events that were."""
        with self._lock:
            count = len(self)
            if self._batch:
                # It may have arrived all the same: its numbers are used.
                self._upto = self._batch.first_seq + len(self._batch.entries) - 1
            self._pending.clear()
            self._first.clear()
            self._batch = self._in_flight = None
            self._bytes = 0
            self._gap += count
            self.dropped += count
            return count

    def stop_keeping(self) -> None:
        """There is no server to wait for: nothing is lost, since everything is in the process's own tree."""
        with self._lock:
            self.keep = False
            self._pending.clear()
            self._first.clear()
            self._batch = self._in_flight = None
            self._bytes = 0

    def heal(self, nodes: Iterable[Entry], folded: int, *, new_life: bool) -> None:
        """Send nodes whole, after all events that they have taken in and before all others.

        Needed when the log lost what it had acknowledged (a new life begins), and after events were dropped.

        Args:
            nodes: the nodes as events, parents first. They aren't bounded by the queue's size.
            folded: how many of the pushed events they have taken in.
            new_life: take a new source id and number from 1.
        """
        with self._lock:
            if new_life:
                if self._batch is not None:
                    self._first.extendleft(reversed(self._batch.entries))
                    self._batch = self._in_flight = None
                self.id = new_source_id()
                self._upto = self._gap = 0
            before = folded - (self.emitted - len(self._pending))
            while self._pending and before > 0:
                self._first.append(self._pending.popleft())
                before -= 1
            for node in nodes:
                self._first.append(node)
                self._bytes += len(node.data) + _ENVELOPE
            self.first_drop = None


def new_source_id() -> str:
    """Return a random source id, 16 characters."""
    return secrets.token_hex(8)
