"""How many events one sender may publish: a bucket that fills at a steady rate and allows for bursts."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

MAX_SENDERS = 10_000
"""Of so many senders of requests the last ones are remembered."""


class Bucket:
    """A token bucket: `rate` events a second in the long run, `burst` at once. A rate of 0 bounds nothing."""

    __slots__ = ("_at", "_burst", "_clock", "_left", "_rate")

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._left = float(burst)
        self._at = clock()

    def take(self, number: int) -> float:
        """Take `number` events; return 0, or in how many seconds there is room for them, and nothing is taken.

        More than a burst at once needs a full bucket and leaves a debt: it would never pass otherwise.
        """
        if self._rate <= 0:
            return 0.0
        now = self._clock()
        self._left = min(float(self._burst), self._left + (now - self._at) * self._rate)
        self._at = now
        missing = min(number, self._burst) - self._left
        if missing > 0:
            # Rounded up: who comes back just then must find room.
            return math.ceil(missing / self._rate * 1000) / 1000
        self._left -= number
        return 0.0


class Buckets:
    """A bucket for each sender of requests, which have no connection to hold one."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def of(self, sender: str) -> Bucket:
        """Return the sender's bucket."""
        bucket = self._buckets.get(sender)
        if bucket is None:
            bucket = self._buckets[sender] = Bucket(self._rate, self._burst)
            if len(self._buckets) > MAX_SENDERS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(sender)
        return bucket
