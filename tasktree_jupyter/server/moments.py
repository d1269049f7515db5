"""A moment: a point of a project's log that somebody wants to look at (docs/protocol.md, "Moments")."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from tasktree_jupyter.core.shape import MAX_INTEGER, is_integer
from tasktree_jupyter.core.times import normalise_time, parse_time
from tasktree_jupyter.server.publication import invalid

_KINDS = ("offset", "at", "snapshot")
_WRITTEN = "now, offset:4711, at:2026-01-31T14:02:00Z or snapshot:before tuning"


class Moment(msgspec.Struct, frozen=True):
    """Now, or an `offset`, a commit time (`at`, µs), or the offset of a `snapshot`, by its id or its name.

    `field` says where it was given, for those who are told that there is no such moment.
    """

    kind: Literal["now", "offset", "at", "snapshot"]
    value: int | str = 0
    field: str = ""


NOW = Moment("now")


def moment_of(value: Any, field: str) -> Moment:
    """Return the moment of a frame: null, `{"offset": n}`, `{"at": µs}` or `{"snapshot": "…"}`. Raises ProblemError."""
    if value is None:
        return NOW
    given = [kind for kind in _KINDS if value.get(kind) is not None] if isinstance(value, dict) else []
    if len(given) != 1:
        allowed = 'null, {"offset": n}, {"at": µs} or {"snapshot": "id or name"}'
        raise invalid(field, "type", f"{field} must be {allowed}")
    return _checked(given[0], value[given[0]], field, f"{field}.{given[0]}")


def parse_moment(text: str, field: str) -> Moment:
    """Return the moment that a query string names. Raises ProblemError."""
    if text == "now":
        return NOW
    kind, colon, rest = text.partition(":")
    if not colon or kind not in _KINDS:
        raise invalid(field, "moment", f"{field} is {text[:80]!r}; write {_WRITTEN}")
    if kind == "snapshot":
        return _checked(kind, rest, field, field)
    if kind == "at" and (time := normalise_time(rest)) is not None:
        return Moment("at", parse_time(time) or 0, field)
    if not (rest.isascii() and rest.removeprefix("-").isdigit() and len(rest) <= 17):
        what = "an integer" if kind == "offset" else "a time like 2026-01-31T14:02:00Z, or microseconds since 1970"
        raise invalid(field, "moment", f"{field} is {text[:80]!r}; after {kind}: comes {what}")
    return _checked(kind, int(rest), field, field)


def _checked(kind: str, value: Any, field: str, place: str) -> Moment:
    if kind == "snapshot":
        if not isinstance(value, str) or not value:
            raise invalid(place, "type", f"{place} must be the id or the name of a snapshot")
        return Moment("snapshot", value, field)
    if not is_integer(value, 0 if kind == "offset" else -MAX_INTEGER):
        low = "0" if kind == "offset" else "-(2^53-1)"
        raise invalid(place, "range", f"{place} must be an integer from {low} to 2^53-1")
    return Moment("offset" if kind == "offset" else "at", int(value), field)
