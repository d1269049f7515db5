"""Moments: the points of a project's log that one may ask for, as people say them and as the protocol has them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from tasktree_jupyter.core.shape import MAX_INTEGER

if TYPE_CHECKING:
    from tasktree_jupyter.client.project import Project

_CLOCK: Final = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:$|[Tt ])")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Snapshot(NamedTuple):
    """A named moment of a project.

    Attributes:
        id: its `snapshot_id`.
        name: what people call it.
        project: the project it is of.
    """

    id: str
    name: str
    project: Project


class Placed(Protocol):
    """What was read at an offset, like a `State`."""

    @property
    def offset(self) -> int:
        """The offset of the last event that it has taken in."""
        ...


When = Snapshot | Placed | str | int | datetime | None
"""`"now"` or None, a snapshot or its name or id, an offset, a time, a text with one, or what was read at a moment."""


def moment_of(when: When, now: datetime | None = None) -> dict[str, Any] | None:
    """Return a moment in the protocol's form, None for the present.

    Args:
        when: see `When`. A time without a zone is local. `"14:02"` and `"14:02:11"` mean today, or yesterday where that
            would be in the future.
        now: the present, in the local zone; None: the clock's.

    Raises:
        TypeError: it is nothing that says a moment.
        ValueError: it looks like a time and isn't one, or it is a negative offset.
    """
    if when is None or when == "now":
        return None
    if isinstance(when, Snapshot):
        return {"snapshot": when.id}
    if isinstance(when, str):
        return _of_text(when, now or datetime.now().astimezone())
    if isinstance(when, datetime):
        return {"at": _microseconds(when)}
    if isinstance(when, int) and not isinstance(when, bool):
        if not 0 <= when <= MAX_INTEGER:
            raise ValueError(f"{when} is no offset: they begin at 0")
        return {"offset": when}
    offset = getattr(when, "offset", None)
    if isinstance(offset, int):
        return {"offset": offset}
    raise TypeError(
        f"{when!r} is no moment: give 'now', a snapshot, its name or id, an offset, a datetime, or a time like '14:02'"
    )


def _of_text(text: str, now: datetime) -> dict[str, Any]:
    clock = _CLOCK.fullmatch(text.strip())
    try:
        if clock is not None:
            hour, minute, second = (int(part or 0) for part in clock.groups())
            of_day = time(hour, minute, second)
            instant = datetime.combine(now.date(), of_day, now.tzinfo)
            return {"at": _microseconds(instant if instant <= now else instant - timedelta(days=1))}
        if _DATE.match(text):
            return {"at": _microseconds(datetime.fromisoformat(text))}
    except ValueError as error:
        raise ValueError(f"{text!r} looks like a time, but is none: {error}") from None
    return {"snapshot": text}


def _microseconds(instant: datetime) -> int:
    # As everywhere in Python, a datetime without a zone is local time.
    return (instant.astimezone(UTC) - _EPOCH) // _MICROSECOND


def instant_of(microseconds: int) -> datetime:
    """Return microseconds since 1970 as a datetime in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)


def said(when: When) -> str:
    """Return a moment as a message or a heading may call it."""
    if when is None:
        return "now"
    if isinstance(when, Snapshot):
        return when.name
    if isinstance(when, datetime):
        return when.isoformat(sep=" ", timespec="seconds")
    if isinstance(when, str):
        return when
    return f"offset {when if isinstance(when, int) else when.offset}"
