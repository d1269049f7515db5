"""How counts, durations and times are written, the same as in the live view. Times are microseconds since 1970."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tasktree_jupyter.core.times import format_time
from tasktree_jupyter.display.glyphs import GLYPHS, status_name

NARROW_SPACE: Final = "\u202f"
_SECOND: Final = 1_000_000


def count(number: int) -> str:
    """`6 480`: grouped by narrow spaces, which no language reads as a decimal point."""
    return f"{number:,}".replace(",", NARROW_SPACE)


def percent(per_mille: int) -> str:
    """Rounded down, so that 100 % means all of it."""
    return f"{per_mille // 10}{NARROW_SPACE}%"


def duration(microseconds: int) -> str:
    """`82 ms`, `9.8 s`, `1:02`, `1:02:33`, `2 d 3 h`, rounded; below zero counts as zero."""
    elapsed = max(0, microseconds)
    if (milliseconds := _rounded(elapsed, _SECOND // 1000)) < 100:
        return f"{milliseconds}{NARROW_SPACE}ms"
    if (tenths := _rounded(elapsed, _SECOND // 10)) < 600:
        return f"{tenths / 10:.1f}{NARROW_SPACE}s"
    minutes, seconds = divmod(_rounded(elapsed, _SECOND), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 24:
        days, hours = divmod(_rounded(elapsed, 3600 * _SECOND), 24)
        return f"{count(days)}{NARROW_SPACE}d {hours}{NARROW_SPACE}h"
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def _rounded(microseconds: int, unit: int) -> int:
    """Return how many units; a half is one more, as in the page."""
    return (microseconds + unit // 2) // unit


def clock(microseconds: int) -> str:
    """`2026-01-31 14:02:11 UTC`: a stored output doesn't know where it will be read."""
    return format_time(microseconds)[:19].replace("T", " ") + " UTC"


def counts(by_status: Mapping[str, int], total: int | None = None, *, stale: int = 0) -> str:
    """`3 failed, 6 480 completed, 2 more`: what the counts don't explain of `total` is "more".

    Args:
        by_status: how many there are.
        total: how many there are in all; None: no more than these.
        stale: how many of the running ones nobody hears.
    """
    parts = []
    for status in GLYPHS:
        number = by_status.get(status, 0)
        heard = number - stale if status == "running" else number
        parts += [f"{count(heard)} {status_name(status)}"] if heard > 0 else []
        parts += [f"{count(stale)} stale"] if status == "running" and stale else []
    rest = (total or 0) - sum(by_status.get(status, 0) for status in GLYPHS)
    if rest > 0:
        parts.append(f"{count(rest)} more")
    return ", ".join(parts)
