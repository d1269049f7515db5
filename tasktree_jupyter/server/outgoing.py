"""What is on its way to a client: it goes out as fast as the client reads, and nobody waits for that."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from tornado.iostream import StreamClosedError

if TYPE_CHECKING:
    from tornado.iostream import IOStream

CHUNK_BYTES: Final = 64 * 1024
"""How much of what waits is given to the stream at a time."""


class Way(Protocol):
    """What leads to the client."""

    @property
    def stream_if_open(self) -> IOStream | None:
        """The stream to write frames to; None once the connection is closing."""


class Outgoing:
    """Frames for one client, in order.

    Behind what hasn't left yet they wait here: all connections share the frame, while a stream would keep a future for
    each, and fail them one by one when it is closed.

    However large a frame is, it goes out where nothing is being sent, and waits where nothing else does: who couldn't
    get it would come back for it and be closed again, for ever.

    Args:
        way: to the client.
        max_bytes: how much may wait behind what is being sent.
        too_slow: called where it would be more. It closes the connection.
    """

    def __init__(self, way: Way, max_bytes: int, too_slow: Callable[[], None]) -> None:
        self._way = way
        self._max_bytes = max_bytes
        self._too_slow = too_slow
        self._sent: asyncio.Future[None] | None = None
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0

    @property
    def backlogged(self) -> bool:
        """Whether what was written before hasn't left this process yet."""
        return bool(self._waiting) or (self._sent is not None and not self._sent.done())

    @property
    def size(self) -> int:
        """How much of what was written hasn't left this process yet."""
        stream = self._way.stream_if_open
        if stream is None:
            return 0
        # A stream tells only whether there is anything: the number has no public name.
        return self._waiting_bytes + (len(stream._write_buffer) if stream.writing() else 0)

    def write(self, frame: bytes) -> bool:
        """Send a frame, or put it behind those that wait; False if the connection has failed or is too slow."""
        stream = self._way.stream_if_open
        if stream is None:
            return False
        if not self.backlogged:
            return self._give(stream, frame)
        if self._waiting and self._waiting_bytes + len(frame) > self._max_bytes:
            self._too_slow()
            return False
        self._waiting.append(frame)
        self._waiting_bytes += len(frame)
        return True

    async def drained(self) -> bool:
        """Wait until what was written has left this process; False if the connection has failed."""
        while self._sent is not None and self.backlogged:
            if self._sent.done():
                self._go_on(self._sent)
                continue
            try:
                await asyncio.shield(self._sent)
            except StreamClosedError:
                return False
        return self._way.stream_if_open is not None

    def end(self, *, deliver: bool) -> None:
        """A close frame is about to be written: what waits goes before it, or nowhere."""
        stream = self._way.stream_if_open
        if stream is not None and deliver and self._waiting:
            self._give(stream, b"".join(self._waiting))
        self._forget()

    def _give(self, stream: IOStream, data: bytes) -> bool:
        try:
            self._sent = stream.write(data)
        except StreamClosedError:
            return False
        if not self._sent.done():
            self._sent.add_done_callback(self._go_on)
        return True

    def _go_on(self, sent: asyncio.Future[None]) -> None:
        """Give the stream more of what waits, now that it has sent what it had."""
        stream = self._way.stream_if_open
        if stream is None or sent.cancelled() or sent.exception() is not None:
            self._forget()
        while stream is not None and self._waiting and (self._sent is None or self._sent.done()):
            chunk = [self._waiting.popleft()]
            size = len(chunk[0])
            while self._waiting and size + len(self._waiting[0]) <= CHUNK_BYTES:
                chunk.append(self._waiting.popleft())
                size += len(chunk[-1])
            self._waiting_bytes -= size
            if not self._give(stream, b"".join(chunk)):
                self._forget()

    def _forget(self) -> None:
        self._waiting.clear()
        self._waiting_bytes = 0
