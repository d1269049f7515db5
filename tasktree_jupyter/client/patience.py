"""What an answer of `error` means for the events it is about, and how long to wait before they are sent again."""

from __future__ import annotations

import random
from typing import Any, Final, Literal

LONGEST: Final = 300.0
"""Seconds: never so long that one wrong word would silence us."""
_FIRST_DELAY: Final = 0.25
_LONGEST_DELAY: Final = 15.0
_FIRST_SLOW_DELAY: Final = 5.0
_OF_THE_FRAME: Final = ("project_id", "source", "seq", "dropped", "op")
"""Fields that no event has a part in."""

Meaning = Literal["later", "refused", "gap", "unfit"]


def meaning(frame: dict[str, Any]) -> Meaning:
    """Return what becomes of the events of a publish that was answered by this `error` (docs/protocol.md, Refusals).

    Returns:
        `later`: the server has trouble that passes; `refused`: it takes nothing of this project, and that may pass
        too; `gap`: it lacks what came before; `unfit`: an event among them is one that it never takes.
    """
    code = frame.get("code")
    if code == "seq_gap":
        return "gap"
    if frame.get("retry") is True:
        return "later"
    if code in ("too_large", "invalid_json") or (code == "invalid" and frame.get("field") not in _OF_THE_FRAME):
        return "unfit"
    return "refused"


def soon(failures: int) -> float:
    """Return the seconds to wait after so many failures one after the other, where trouble passes."""
    return min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(failures, 16)) * random.uniform(0.5, 1.0)


def slowly(failures: int) -> float:
    """Return the same where somebody has to do something about it: five seconds at first, five minutes at most."""
    return min(LONGEST, _FIRST_SLOW_DELAY * 2.0 ** min(failures - 1, 16)) * random.uniform(0.5, 1.0)


def seconds_to_wait(frame: dict[str, Any]) -> float:
    """Return the `retry_after` of an error, in seconds; 0 where it has none that makes sense."""
    value = frame.get("retry_after")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return min(max(0.0, float(value)), LONGEST)
    return 0.0
