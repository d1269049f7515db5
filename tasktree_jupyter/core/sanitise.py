"""What JSON carries from anyone to everyone: no lone surrogates, no numbers that readers round, no endless nesting."""

from __future__ import annotations

import math
import re
from typing import Any, Final

from tasktree_jupyter.core.problem import ProblemError, invalid, shown

MAX_INTEGER: Final = 2**53 - 1
MAX_NESTING: Final = 64

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def sanitise(value: Any, field: str = "data") -> Any:
    """Return a JSON value as the log may keep it: lone surrogates become U+FFFD. It is copied only where it changes.

    Raises:
        ProblemError: an integer beyond ±(2^53-1), a float that isn't finite, nesting deeper than 64, no JSON at all.
    """
    path: list[str] = []
    try:
        return _sanitised(value, MAX_NESTING, path)
    except _RefusedValue as refused:
        where = ".".join([field, *reversed(path)])
        raise ProblemError(invalid(where, refused.reason, f"{where} {refused.why}")) from None


class _RefusedValue(Exception):
    def __init__(self, reason: str, why: str) -> None:
        self.reason = reason
        self.why = why


def _sanitised(value: Any, room: int, path: list[str]) -> Any:
    if isinstance(value, str):
        return value if value.isprintable() else _SURROGATE.sub("\ufffd", value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise _RefusedValue("range", "is an integer beyond ±(2^53-1), which readers round; send it as a string")
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _RefusedValue("not_finite", "is no finite number; JSON has none: send it as a string")
        return value
    if isinstance(value, dict):
        return _sanitised_object(value, room, path)
    if isinstance(value, (list, tuple)):
        if room == 0:
            raise _RefusedValue("too_deep", f"nests deeper than {MAX_NESTING} levels")
        copy = []
        for place, item in enumerate(value):
            try:
                copy.append(_sanitised(item, room - 1, path))
            except _RefusedValue:
                path.append(str(place))
                raise
        return value if isinstance(value, list) and all(map(_is, value, copy)) else copy
    raise _RefusedValue("type", f"is {shown(value)}, which isn't JSON")


def _sanitised_object(value: dict[Any, Any], room: int, path: list[str]) -> dict[str, Any]:
    if room == 0:
        raise _RefusedValue("too_deep", f"nests deeper than {MAX_NESTING} levels")
    changed: dict[str, Any] | None = None
    for key, item in value.items():
        if not isinstance(key, str):
            raise _RefusedValue("type", f"has the key {shown(key)}; keys must be strings")
        try:
            clean = _sanitised(item, room - 1, path)
        except _RefusedValue:
            path.append(key)
            raise
        name = key if key.isprintable() else _SURROGATE.sub("\ufffd", key)
        if changed is None and (clean is not item or name != key):
            changed = {}
            for before, kept in value.items():
                if before == key:
                    break
                changed[before] = kept
        if changed is not None:
            changed[name] = clean
    return value if changed is None else changed


def without_surrogates(value: Any) -> Any:
    """Return a decoded JSON value with its lone surrogates replaced by U+FFFD."""
    if isinstance(value, str):
        return _SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_SURROGATE.sub("\ufffd", key): without_surrogates(item) for key, item in value.items()}
    return value


def _is(one: object, other: object) -> bool:
    return one is other


def nests_deeper(value: dict[str, Any] | list[Any], room: int) -> bool:
    """Return whether an object or array nests more than `room` levels deep, itself being one."""
    if room == 0:
        return True
    # Not any(): a generator takes twice as long.
    for item in value.values() if isinstance(value, dict) else value:
        kind = item.__class__
        if (kind is dict or kind is list) and nests_deeper(item, room - 1):
            return True
    return False
