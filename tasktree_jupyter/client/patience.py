"""How long a refusal says to wait before the same is tried again."""

from __future__ import annotations

from typing import Any, Final

LONGEST: Final = 300.0
"""Seconds: never so long that one wrong word would silence us."""


def seconds_to_wait(frame: dict[str, Any]) -> float:
    """Return the `retry_after` of an error, in seconds; 0 where it has none that makes sense."""
    value = frame.get("retry_after")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return min(max(0.0, float(value)), LONGEST)
    return 0.0
