"""What the user hands over becomes JSON at once: a later change of it doesn't count, and no object makes it fail.

Plain data takes the short way. Everything else becomes a bounded picture of itself (`picture.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec

from tasktree_jupyter.client.picture import Picture
from tasktree_jupyter.core.shape import (
    EVENT_TYPES,
    MAX_INTEGER,
    MAX_NESTING,
    Problem,
    ProblemError,
    check_data,
    check_envelope,
)


class Bounds(NamedTuple):
    """How much of a value is kept.

    Attributes:
        depth: levels of nesting of a value; what lies deeper is shown as text.
        items: entries of one array or object; of more, the first are kept and the rest is counted.
        text: characters of one string; a longer one is cut, and says so.
        event: bytes of one event's data; an event that is larger is refused.
    """

    depth: int = 8
    items: int = 200
    text: int = 8_192
    event: int = 262_144


_KNOWN: Final = frozenset(EVENT_TYPES) - {"events_dropped"}
_encode: Final[Callable[[Any], bytes]] = msgspec.json.Encoder().encode


def encode(type: str, data: Mapping[str, Any], bounds: Bounds) -> bytes:
    """Return an event's data as JSON, checked. NaN becomes `"NaN"`, integers beyond ±(2^53-1) strings of digits.

    Nothing of plain data is cut: beyond `bounds.event` bytes it is refused. `bounds.items` cuts what isn't JSON:
    arrays of numpy, series and frames of pandas.

    Raises:
        ProblemError: it isn't valid (docs/fold.md, Shape), or too large.
    """
    if type not in _KNOWN and (problem := check_envelope({"type": type, "data": {}})):
        raise ProblemError(problem)
    plain = data.__class__ is dict and _is_plain(data, MAX_NESTING, bounds.event)
    if not plain:
        data = _pictured(data, bounds)
    problem = check_data(type, data)
    if problem is not None:
        raise ProblemError(problem)
    try:
        encoded = _encode(data)
    except UnicodeEncodeError:
        encoded = _encode(_pictured(data, bounds))
    if len(encoded) > bounds.event:
        # A picture's size says nothing about that of what it shows.
        raise ProblemError(_too_large(data, len(encoded) if plain else None, bounds))
    return encoded


def preview(value: Any, bounds: Bounds) -> Any:
    """Return a bounded picture of any value, for fields that are only looked at: `params`, `outputs` and such."""
    if _is_small(value, bounds.depth, bounds):
        return value
    # A quarter: what several fields of one event take together still fits.
    return Picture(bounds.depth, bounds.items, bounds.text, bounds.event // 4, cut=True).of(value)


def _pictured(data: Mapping[str, Any], bounds: Bounds) -> dict[str, Any]:
    picture = Picture(MAX_NESTING, bounds.items, bounds.event, bounds.event, cut=False)
    pictured = picture.of(data)
    if picture.overrun:
        raise ProblemError(_too_large(data, None, bounds))
    if not isinstance(pictured, dict):
        message = f"data must be an object, not {str(pictured)[:80]!r}"
        raise ProblemError(Problem(code="invalid", field="data", message=message, reason="type"))
    return pictured


def _is_plain(value: Any, depth: int, most: int) -> bool:
    kind = value.__class__
    if kind is str:
        # A huge one isn't even looked at.
        return len(value) <= most
    if kind is bool or value is None:
        return True
    if kind is float:
        # Neither NaN nor an infinity.
        return bool(value - value == 0.0)
    if kind is int:
        return bool(-MAX_INTEGER <= value <= MAX_INTEGER)
    if kind is dict:
        if depth == 0 or len(value) > most:
            return False
        for key, item in value.items():
            if key.__class__ is not str or not _is_plain(item, depth - 1, most):
                return False
        return True
    if kind is list:
        if depth == 0 or len(value) > most:
            return False
        return all(_is_plain(item, depth - 1, most) for item in value)
    return False


def _is_small(value: Any, depth: int, bounds: Bounds) -> bool:
    kind = value.__class__
    if kind is str:
        return len(value) <= bounds.text
    if kind is dict:
        if depth == 0 or len(value) > min(bounds.items, 20):
            return False
        return all(
            key.__class__ is str
            and len(key) <= bounds.text
            and item.__class__ is not dict
            and _is_small(item, 0, bounds)
            for key, item in value.items()
        )
    return kind is not list and _is_plain(value, 0, 0)


def _too_large(data: Mapping[str, Any], size: int | None, bounds: Bounds) -> Problem:
    field = "data"
    if size is None:
        field = _huge_text("data", data, bounds.event) or field
    else:
        while isinstance(data, dict) and data:
            name = max(data, key=lambda key: len(_encode(data[key])))
            field = f"{field}.{name}"
            data = data[name]
            if not isinstance(data, dict) or field.count(".") == 3:
                break
    shown = "more" if size is None else f"{size} bytes, more"
    message = f"{field} is too large: the event has {shown} than the {bounds.event} that are allowed"
    return Problem(code="too_large", field=field, message=message, reason="too_large")


def _huge_text(field: str, fields: Mapping[Any, Any], most: int) -> str | None:
    """Return where a text is that alone is too large; None where there is none, or only within other things."""
    for name, value in islice(fields.items(), 100):
        path = f"{field}.{name}"
        if isinstance(value, str) and len(value) > most:
            return path
        found = _huge_text(path, value, most) if value.__class__ is dict and path.count(".") <= 3 else None
        if found is not None:
            return found
    return None
