"""One emitter's life in one project: it numbers events, keeps them until acknowledged, and says what it dropped.

Sans-I/O: it makes publish frames and takes the answers; the connection carries them. One frame is under way at a
time, and what arrived meanwhile is the next, so a busy emitter batches by itself and a quiet one waits for nothing.

What waits for long goes to a store (`spill`), the oldest first. So there is one order: the frame under way, what is in
the store, what is in memory; where the store holds anything, it holds the frame under way too.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Iterable
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from tasktree_jupyter.core.times import format_time

MAX_EVENTS: Final = 100_000
MAX_BYTES: Final = 32 * 2**20
_ENVELOPE: Final = 96
"""Bytes an envelope takes besides its data, about; at most: the type has 64 characters."""
_FRAME: Final = 2048
"""Bytes a frame takes besides its events, at most: a project id of 200 characters may be escaped."""


class Entry(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """An event as the emit left it: encoded, so that later changes of the user's objects don't count."""

    type: str
    data: bytes
    timestamp: int
    """Microseconds since 1970, the emitter's clock."""

    @property
    def size(self) -> int:
        """Bytes of the envelope, about; at most."""
        return len(self.data) + len(self.type) + _ENVELOPE

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


Position = tuple[int, int]
"""A place in a store; only the store knows what it means."""


class Read(NamedTuple):
    """Events out of a store.

    Attributes:
        first_seq: the number of the first; the others follow on.
        entries: the events.
        end: the place behind them.
    """

    first_seq: int
    entries: list[Entry]
    end: Position


class Store(Protocol):
    """Keeps numbered events outside of memory, in their order; used on the connection thread only."""

    waiting: int
    """How many events in it aren't acknowledged; may be read on any thread."""

    def append(self, first: int, entries: list[Entry]) -> Position:
        """Keep events, numbered from `first`; return the place behind them. Raises OSError: none is kept."""

    def peek(self, limits: Limits) -> Read | None:
        """Return the next events that aren't acknowledged."""

    def advance(self, position: Position, count: int) -> None:
        """Forget the next `count` events, up to `position`."""

    def renumber(self, source: str) -> int:
        """Give what waits to another source id, numbered from 1; return the last number."""

    def remove(self) -> None:
        """Forget everything."""


class _Batch(msgspec.Struct):
    """The frame under way: numbered once, so that sending it again is recognised as the same.

    `gap` is how many events were dropped before it; `end` is the place behind it in the store, None: it isn't there.
    """

    first_seq: int
    entries: list[Entry]
    gap: int = 0
    end: Position | None = None


class Source:
    """The queue of one source. `push` may be called on any thread; all else belongs to the connection thread.

    Args:
        max_events: how many events are kept until they are acknowledged.
        max_bytes: how many bytes of them. Past either, the oldest in memory that isn't under way is dropped and
            counted.
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
        self.store: Store | None = None
        """Where events go that wait for long; None: nowhere."""
        # Reentrant: a garbage collection inside `push` may run a `__del__` of the user's that emits.
        self._lock = threading.RLock()
        self._pending: deque[Entry] = deque()
        self._first: deque[Entry] = deque()
        self._bytes = 0
        self._upto = 0
        self._numbered = 0
        self._gap = 0
        self._most: int | None = None
        self._batch: _Batch | None = None
        self._in_flight: int | None = None
        self.taken = 0
        """How many events came into memory."""
        self.left = 0
        """How many of them have left it: acknowledged, dropped, or in the store; the oldest first."""

    @classmethod
    def resume(cls, source_id: str, store: Store, first: int) -> Source:
        """Return the source of a process that has ended: it sends what the store holds, from number `first` on."""
        source = cls()
        source.id = source_id
        source.store = store
        source._upto = first - 1
        return source

    def push(self, entry: Entry) -> None:
        """Take an event. Where the queue is full, the oldest one waiting is dropped for it."""
        size = entry.size
        with self._lock:
            try:
                self.unfolded.append(entry)
            finally:
                # An interrupt may come after any call: what the process's own tree has must reach the server too.
                self.emitted += 1
                if self.keep:
                    self.taken += 1
                    self._bytes += size
                    self._pending.append(entry)
                    if self._bytes > self.max_bytes or len(self._pending) > self.max_events:
                        self._shed()

    def __len__(self) -> int:
        """How many events wait or are under way."""
        return self.in_memory + self.on_disk

    @property
    def in_memory(self) -> int:
        """How many of those are in memory only."""
        return self.taken - self.left

    @property
    def on_disk(self) -> int:
        """How many of those are in the store."""
        return self.store.waiting if self.store is not None else 0

    @property
    def crowded(self) -> bool:
        """Whether a good part of the room in memory is used up."""
        return len(self._pending) > self.max_events // 4 or self._bytes > self.max_bytes // 4

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
        return self._in_flight is None and bool(self._pending or self._first or self._batch or self.on_disk)

    @property
    def in_flight(self) -> bool:
        """Whether a frame was sent on this connection and isn't answered."""
        return self._in_flight is not None

    @property
    def first_in_flight(self) -> int | None:
        """The timestamp of the first event of the frame under way, microseconds; None: there is none."""
        return self._batch.entries[0].timestamp if self._batch is not None else None

    def _shed(self) -> None:
        while self._pending and (len(self._pending) > self.max_events or self._bytes > self.max_bytes):
            entry = self._pending.popleft()
            self._bytes -= entry.size
            self.left += 1
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
        if self._in_flight is not None:
            return None
        batch = self._batch or self._stored_batch(limits)
        with self._lock:
            batch = self._batch = batch or self._next_batch(limits)
            if batch is None:
                return None
            self._in_flight = ref
        head = {"op": "publish", "ref": ref, "project_id": project_id, "source": self.id, "seq": batch.first_seq}
        missing = batch.first_seq - self._upto - 1
        if missing > 0:
            head["dropped"] = missing
        events = b",".join([entry.envelope() for entry in batch.entries])
        return b'%b,"events":[%b]}' % (msgspec.json.encode(head)[:-1], events)

    def _stored_batch(self, limits: Limits) -> _Batch | None:
        if not self.on_disk or self.store is None:
            return None
        most = limits.events if self._most is None else min(self._most, limits.events)
        read = self.store.peek(Limits(limits.message_bytes - _FRAME, most))
        return _Batch(read.first_seq, read.entries, end=read.end) if read is not None else None

    def _next_batch(self, limits: Limits) -> _Batch | None:
        entries: list[Entry] = []
        room = limits.message_bytes - _FRAME
        for waiting in (self._first, self._pending):
            while waiting and len(entries) < limits.events:
                room -= waiting[0].size
                if room < 0 and entries:
                    break
                entries.append(waiting.popleft())
            if waiting:
                break
        if not entries:
            return None
        batch = _Batch(self._numbered + self._gap + 1, entries, self._gap)
        self._numbered = batch.first_seq + len(entries) - 1
        self._gap = 0
        return batch

    def spill(self, limits: Limits) -> bool:
        """Write the oldest events that are in memory only to the store; return whether there were any.

        Args:
            limits: how much to write at once.

        Raises:
            OSError: the store couldn't take them; they are in memory as before.
        """
        store, under_way = self.store, self._batch
        if store is None:
            return False
        if under_way is not None and under_way.end is None:
            under_way.end = store.append(under_way.first_seq, under_way.entries)
            self._leave(under_way.entries)
            return True
        with self._lock:
            batch = self._next_batch(limits)
        if batch is None:
            return False
        try:
            store.append(batch.first_seq, batch.entries)
        except OSError:
            with self._lock:
                self._take_back(batch, 0)
            raise
        self._leave(batch.entries)
        return True

    def _leave(self, entries: list[Entry]) -> None:
        size = sum(entry.size for entry in entries)
        with self._lock:
            self._bytes -= size
            self.left += len(entries)

    def _take_back(self, batch: _Batch, start: int) -> None:
        """Put a batch's events from `start` on back into the line, their numbers too."""
        self._first.extendleft(reversed(batch.entries[start:]))
        self._numbered = batch.first_seq + start - 1
        if start == 0:
            self._numbered -= batch.gap
            self._gap += batch.gap
        del batch.entries[start:]

    def published(self, frame: dict[str, Any]) -> list[Rejection]:
        """Take the server's acknowledgement of the frame under way and return the events it refused."""
        batch = self._batch
        if batch is None or not self.awaits(frame.get("ref")):
            return []
        self._upto = batch.first_seq + len(batch.entries) - 1
        self._settle(batch)
        self._most = None
        refused = []
        for rejected in frame.get("rejected") or ():
            place = rejected.get("index", -1)
            if 0 <= place < len(batch.entries):
                refused.append(Rejection(batch.entries[place], rejected.get("field", ""), rejected.get("message", "")))
        return refused

    def _settle(self, batch: _Batch) -> None:
        self._batch = self._in_flight = None
        if batch.end is None:
            self._leave(batch.entries)
        elif self.store is not None:
            self.store.advance(batch.end, len(batch.entries))

    def expects(self, seq: int) -> None:
        """The server has nothing of this source from `seq` on: what lies between that and the next frame is lost."""
        self._upto = seq - 1
        self._in_flight = None

    def awaits(self, ref: object) -> bool:
        """Return whether an answer with this `ref` is to the frame under way."""
        return self._in_flight is not None and self._in_flight == ref

    def unsent(self) -> None:
        """The connection is gone, or the server said to try again: the frame under way will be sent again as it was."""
        self._in_flight = None

    def bisect(self) -> Entry | None:
        """The server takes the frame under way never, for its size or for an event in it: half of it is tried next.

        Returns:
            the event that it doesn't take alone; it counts as dropped.
        """
        batch = self._batch
        self._in_flight = None
        if batch is None:
            return None
        half = len(batch.entries) // 2
        if half and batch.end is not None:
            self._batch, self._most = None, half
            return None
        if half:
            with self._lock:
                self._take_back(batch, half)
            return None
        self._settle(batch)
        self._most = None
        self.dropped += 1
        return batch.entries[0]

    def stop_keeping(self) -> None:
        """There is no server to wait for: nothing is lost, since everything is in the process's own tree."""
        with self._lock:
            self.keep = False
            self._pending.clear()
            self._first.clear()
            self._batch = self._in_flight = None
            self._bytes = 0
            self.left = self.taken
        if self.store is not None:
            self.store.remove()
            self.store = None

    def heal(self, nodes: Iterable[Entry], folded: int, *, new_life: bool) -> None:
        """Send nodes whole, after all events that they have taken in and before all others.

        Needed when the log lost what it had acknowledged (a new life begins), and after events were dropped.

        Args:
            nodes: the nodes as events, parents first. They aren't bounded by the queue's size.
            folded: how many of the pushed events they have taken in.
            new_life: take a new source id and number from 1.
        """
        source_id = new_source_id()
        stored = self.store.renumber(source_id) if new_life and self.store is not None and self.on_disk else 0
        with self._lock:
            if new_life:
                if self._batch is not None and self._batch.end is None:
                    self._first.extendleft(reversed(self._batch.entries))
                self._batch = self._in_flight = None
                self.id = source_id
                self._upto = self._gap = 0
                self._numbered = stored
            before = folded - (self.emitted - len(self._pending))
            while self._pending and before > 0:
                self._first.append(self._pending.popleft())
                before -= 1
            for node in nodes:
                self._first.append(node)
                self._bytes += node.size
                self.taken += 1
            self.first_drop = None


def new_source_id() -> str:
    """Return a random source id, 16 characters."""
    return secrets.token_hex(8)
