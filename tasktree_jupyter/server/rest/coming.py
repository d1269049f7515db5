"""A large body on its way: how long a request waits for more of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Coming:
    """Calls `stalled` where `size` more bytes, or the end, haven't come in `seconds` of waiting.

    What is done with the bytes meanwhile doesn't count: a slow disk is no fault of who sends.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, size: int, seconds: float, stalled: Callable[[], None]) -> None:
        self._loop = loop
        self._size = self._missing = size
        self._seconds = self._left = seconds
        self._stalled = stalled
        self._since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._over = False

    def wait(self) -> None:
        """Wait for more."""
        if not self._over:
            self._since = self._loop.time()
            self._timer = self._loop.call_later(self._left, self._stalled)

    def came(self, size: int) -> None:
        """So much is here; until the next `wait` nobody waits."""
        self._pause()
        self._left -= self._loop.time() - self._since
        self._missing -= size
        if self._missing <= 0:
            self._missing, self._left = self._size, self._seconds

    def end(self) -> None:
        """All of it is here, or nobody wants it any more."""
        self._over = True
        self._pause()

    def _pause(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
