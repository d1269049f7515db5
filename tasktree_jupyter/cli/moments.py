"""A moment of a project as people type it, and as the server reads it (docs/cli.md, Moments)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from tasktree_jupyter.cli.problem import usage
from tasktree_jupyter.core.times import format_time, parse_time

_CLOCK: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?")
_WORDS: Final = "now, offset:4711, at:14:02, at:2026-01-31T14:02:00Z or snapshot:NAME"


def moment(text: str, *, now: datetime | None = None) -> str:
    """Return a moment as a query string holds it. A clock time is the last one of that time, in the local zone.

    Args:
        text: `now`, `offset:4711`, `at:…` or `snapshot:…`; a bare clock time or RFC 3339 time counts as `at`.
        now: for a clock time; None: the present.

    Raises:
        CommandError: it is none of these.
    """
    kind, colon, rest = text.partition(":")
    if text == "now" or (kind == "snapshot" and rest):
        return text
    if kind == "offset":
        if not (rest.isascii() and rest.isdigit()):
            raise usage(f"{text!r} is no moment: an offset is a whole number, like offset:4711.")
        return text
    given = rest if kind == "at" and colon else text
    if given.isascii() and given.isdigit() and kind == "at":
        return text
    clock = _CLOCK.fullmatch(given)
    if clock is not None:
        present = (now or datetime.now()).astimezone()
        hour, minute, second = (int(part or 0) for part in clock.groups())
        then = present.replace(hour=hour, minute=minute, second=second, microsecond=0)
        if then > present:
            then -= timedelta(days=1)
        return f"at:{format_time(int(then.timestamp()) * 1_000_000)}"
    zoned = given if given.endswith("Z") or re.search(r"[+-][0-9]{2}:[0-9]{2}$", given) else None
    if zoned is None:
        try:
            zoned = datetime.fromisoformat(given).astimezone().isoformat()
        except ValueError:
            zoned = ""
    instant = parse_time(zoned)
    if instant is None:
        raise usage(f"{text!r} is no moment; write {_WORDS}.")
    return f"at:{format_time(instant)}"
