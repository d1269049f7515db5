"""Ids that are made here: a mission's is ordered by time, a task's is its mission and a counter."""

from __future__ import annotations

import secrets
import threading
import time
from typing import Final

_DIGITS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_TIME_DIGITS: Final = 11
_RANDOM_DIGITS: Final = 5
_lock = threading.RLock()
_last = 0


def time_ordered_id() -> str:
    """Return a new id of 16 characters; ids sort by the time they were made (µs), within a process strictly."""
    global _last
    with _lock:
        _last = instant = max(_last + 1, time.time_ns() // 1000)
    return _digits(instant, _TIME_DIGITS) + _digits(secrets.randbits(5 * _RANDOM_DIGITS), _RANDOM_DIGITS)


def _digits(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, 32)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))


def renew_lock_after_fork() -> None:
    """In a forked child: another thread may have held the lock when the process was forked."""
    global _lock
    _lock = threading.RLock()
