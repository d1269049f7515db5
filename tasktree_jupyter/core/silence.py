"""Which agents are silent. Twin of `core/reports.ts` in the browser; `tests/vectors/attention` holds them together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from tasktree_jupyter.core.times import parse_time

_SECOND: Final = 1_000_000
_MISSED: Final = 3
"""So many of the intervals that an agent promises may go by."""
_SILENT_AFTER: Final = 120 * _SECOND
_RESTING: Final = frozenset(
    [
        "idle",
        "stopped",
        "done",
        "finished",
        "completed",
        "failed",
        "cancelled",
        "offline",
        "exited",
        "terminated",
        "ended",
    ]
)
_HEARTBEATS: Final = ("last_heartbeat", "heartbeat_at", "last_seen", "heartbeat")
_INTERVALS: Final = ("heartbeat_interval", "heartbeat_every")
_STATES: Final = ("status", "state")


class Word(NamedTuple):
    """What a source said of an agent last, as far as its silence goes. Microseconds.

    Attributes:
        heard_at: its last sign of life that the source tells of; None where no time is known.
        silent_after: after how long without one it is silent; None: it owes none.
    """

    heard_at: float | None
    silent_after: float | None


def word_of(agent: Mapping[str, Any], at: int | None, *, stopped: bool) -> Word:
    """Return what is reported of an agent at a time, by a source whose orchestrator may have stopped."""
    state = next((agent[name] for name in _STATES if isinstance(agent.get(name), str) and agent[name]), "")
    heard_at = _heartbeat(agent)
    if stopped or state.lower() in _RESTING:
        silent_after: float | None = None
    else:
        promised = next((each for name in _INTERVALS if (each := _number(agent.get(name))) is not None), None)
        silent_after = _SILENT_AFTER if promised is None else promised * _MISSED * _SECOND
    return Word(at if heard_at is None else heard_at, silent_after)


def is_silent(word: Word, now: int) -> bool:
    """Return whether an agent is called silent at a time."""
    return word.silent_after is not None and word.heard_at is not None and now - word.heard_at > word.silent_after


def _heartbeat(agent: Mapping[str, Any]) -> float | None:
    """RFC 3339, or seconds, milliseconds or microseconds since 1970: which one is told by their size."""
    for name in _HEARTBEATS:
        value = agent.get(name)
        number = _number(value)
        if number is not None and number > 1e8:
            return number * _SECOND if number < 1e11 else number * 1000 if number < 1e14 else number
        time = parse_time(value)
        if time is not None:
            return time
    return None


def _number(value: object) -> float | None:
    is_one = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
    return float(value) if is_one else None  # type: ignore[arg-type]
