"""Gives bytes to a socket without letting its caller wait: what the system doesn't take at once, a thread sends.

The caller is the thread that keeps events on the disk. While a network takes nothing it must go on doing so.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

TIMEOUT: Final = 30.0
"""Seconds without a byte taken after which a connection counts as lost."""
CONGESTED: Final = 2**18
"""Bytes that wait, above which no further events are handed over."""
MOST: Final = 16 * 2**20
"""Bytes that may wait; with more the connection counts as lost."""


class Sender:
    """Belongs to one thread, but for `end`. Its own thread does nothing but wait for the socket.

    Args:
        sock: an open socket, with `TIMEOUT` as its timeout.
        drained: told when bytes have waited and `congested` is over.
        failed: told why the socket takes nothing any more. Both are called on the sender's thread.
    """

    def __init__(self, sock: socket.socket, drained: Callable[[], None], failed: Callable[[str], None]) -> None:
        self._socket = sock
        # The same connection, with a timeout of its own: this one never waits.
        self._at_once = sock.dup()
        self._at_once.settimeout(0)
        self._drained = drained
        self._failed = failed
        self._changed = threading.Condition()
        self._queue: deque[memoryview] = deque()
        self._pending = 0
        self._last = False
        self._ended = False

    def start(self) -> None:
        """Begin to send. Raises RuntimeError where threads can't be started."""
        threading.Thread(target=self._run, name="tasktree-sender", daemon=True).start()

    @property
    def congested(self) -> bool:
        """Whether so much waits that more should be kept back."""
        return self._pending > CONGESTED

    def send(self, data: bytes) -> None:
        """Send bytes behind all others; returns at once.

        Raises:
            OSError: the connection is gone, or far too much waits.
        """
        rest = memoryview(data)
        with self._changed:
            if self._ended or self._last:
                raise ConnectionError("not connected")
            if not self._pending:
                rest = rest[self._taken_at_once(rest) :]
            if not rest:
                return
            if self._pending > MOST:
                raise ConnectionError("the network doesn't take what is sent")
            self._queue.append(rest)
            self._pending += len(rest)
            self._changed.notify_all()

    def send_eof(self) -> None:
        """Send nothing any more, once all that waits is sent."""
        with self._changed:
            self._last = True
            if not self._pending:
                self._shut()

    def drain(self, timeout: float) -> None:
        """Wait until nothing waits, at most `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: not self._pending or self._ended, timeout)

    def end(self) -> None:
        """Send nothing any more; on any thread."""
        self.abandon()
        with self._changed:
            self._changed.notify_all()

    def abandon(self) -> None:
        """The same in a forked child, where nobody would ever let go of the lock that the parent held."""
        self._ended = True
        self._at_once.close()

    def _taken_at_once(self, data: memoryview) -> int:
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < len(data):
                sent += self._at_once.send(data[sent:])
        return sent

    def _shut(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def _run(self) -> None:
        try:
            while self._wait():
                self._note(self._socket.send(self._queue[0]))
        except OSError as error:
            if not self._ended:
                self._ended = True
                silent = isinstance(error, TimeoutError)
                self._failed("the network takes nothing that is sent" if silent else str(error))

    def _wait(self) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._ended)
            return not self._ended

    def _note(self, sent: int) -> None:
        with self._changed:
            was_congested = self.congested
            self._pending -= sent
            rest = self._queue.popleft()[sent:]
            if rest:
                self._queue.appendleft(rest)
            if not self._pending:
                self._changed.notify_all()
                if self._last:
                    self._shut()
        if was_congested and not self.congested:
            self._drained()
