"""Times on the wire: RFC 3339 strings, and integer microseconds since 1970-01-01T00:00:00Z."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_ZONE = r"[+-](?:[01][0-9]|2[0-3]):[0-5][0-9]"
_TIME: Final = re.compile(rf"{_DATE}T{_CLOCK}(?:\.[0-9]{{1,6}})?(?:Z|{_ZONE})")
_LENIENT: Final = re.compile(rf"({_DATE})[Tt ]({_CLOCK})(?:(\.[0-9]{{1,6}})[0-9]*)?([Zz]|{_ZONE})?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_EARLIEST: Final = -62_135_596_800_000_000
_LATEST: Final = 253_402_300_799_999_999


def parse_time(text: object) -> int | None:
    """Return the microseconds since 1970 (UTC) of a time as docs/fold.md defines it; None where it isn't one."""
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        return None
    try:
        instant = (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND
    except ValueError:
        return None
    return instant if _EARLIEST <= instant <= _LATEST else None


def format_time(microseconds: int) -> str:
    """Return an instant as `2026-01-31T14:02:11.123456Z`, always with six decimals.

    Raises:
        OverflowError: the instant lies outside the years 0001–9999.
    """
    return (_EPOCH + timedelta(microseconds=microseconds)).isoformat(timespec="microseconds")[:-6] + "Z"


def normalise_time(text: object) -> str | None:
    """Return a time that somebody sent as the log keeps it: UTC, `Z`, at most six decimals; None where it isn't one.

    Without a zone it is UTC. A lower-case `t` or `z`, a space for the `T` and more than six decimals (cut) are taken
    too, since RFC 3339 allows them. What already has the form stays as it is.
    """
    if not isinstance(text, str):
        return None
    if text.endswith("Z") and _TIME.fullmatch(text):
        try:
            datetime.fromisoformat(text)
        except ValueError:
            return None
        return text
    parts = _LENIENT.fullmatch(text)
    if parts is None:
        return None
    day, clock, fraction, zone = parts.groups(default="")
    instant = parse_time(f"{day}T{clock}{fraction}{zone.upper() or 'Z'}")
    return None if instant is None else format_time(instant)
