"""A task's fields as users give them, and as a node has them (docs/fold.md, rules on `changes`)."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from tasktree_jupyter.client.encode import Bounds, preview

_TRACEBACK: Final = 16_000
"""Characters of a traceback that are kept: its end, where the error is."""
_MESSAGE: Final = 4_000
_SHELL: Final = os.path.join("IPython", "core", "interactiveshell.py")
"""Stands above every cell's own lines."""
_FRAMES: Final = 50


def changes_of(fields: Mapping[str, Any], bounds: Bounds) -> dict[str, Any]:
    """Return `changes` from fields by name; None means not mentioned.

    What can't be made to fit is left as it is: the check refuses it and names the field.
    """
    changes = {}
    for name, value in fields.items():
        if value is not None:
            convert = _CONVERSIONS.get(name)
            changes[name] = preview(value, bounds) if convert is None else convert(value)
    return changes


def error_of(error: BaseException) -> dict[str, str]:
    """Return a node's `error`: type, message and traceback, bounded."""
    kind = type(error)
    name = (
        kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    )
    try:
        message = str(error)
    except Exception as failure:
        message = f"<its text can't be had: {type(failure).__qualname__}>"
    return {"type": name, "message": _cut(message, _MESSAGE), "traceback": _traceback(error)}


def _traceback(error: BaseException) -> str:
    try:
        shown = traceback.TracebackException.from_exception(error, limit=-_FRAMES, compact=True)
        _cut_messages(shown)
        text = "".join(shown.format())
    except Exception as failure:
        return f"<the traceback can't be had: {type(failure).__qualname__}>"
    text = _without_own_frames(text)
    return text if len(text) <= _TRACEBACK else f"… ({len(text) - _TRACEBACK} characters before)\n{text[-_TRACEBACK:]}"


def _cut_messages(shown: traceback.TracebackException | None) -> None:
    """Cut what exceptions say before it is written out: one of 100 MB would be copied many times."""
    while shown is not None:
        text = getattr(shown, "_str", None)
        if isinstance(text, str) and len(text) > _MESSAGE:
            shown._str = _cut(text, _MESSAGE)  # type: ignore[attr-defined]
        for each in shown.exceptions or ():
            _cut_messages(each)
        shown = shown.__cause__ or shown.__context__


def _without_own_frames(text: str) -> str:
    """Leave out the lines of this package's wrappers, and of IPython's: they say nothing about the error."""
    here = os.path.dirname(os.path.abspath(__file__)) + os.sep
    kept = []
    own = False
    for line in text.splitlines(keepends=True):
        if line.startswith('  File "'):
            own = line.startswith(f'  File "{here}') or _SHELL in line
        elif not line.startswith("    "):
            own = False
        if not own:
            kept.append(line)
    return "".join(kept)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most} more characters)"


def _text(value: Any) -> Any:
    if isinstance(value, str):
        return str.__str__(value) if len(value) <= _MESSAGE else _cut(str.__str__(value), _MESSAGE)
    return _cut(str(value), _MESSAGE)


def _number(value: Any) -> Any:
    """Return a plain number of what is one: a bool, numpy's and torch's scalars, a Decimal, an integer of any size."""
    kind = type(value)
    if kind is float or value is None or isinstance(value, str):
        return value
    if kind is int and -(2**53) < value < 2**53:
        return value
    if isinstance(value, bool):
        return int(value)
    try:
        return int(value) if hasattr(kind, "__index__") and abs(int(value)) < 2**53 else float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return value


def _progress(value: Any) -> Any:
    number = _number(value)
    # Sums of floats end a little above 1.
    return 1.0 if isinstance(number, float) and 1.0 < number < 1.000001 else number


def _metrics(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {str(name): _number(metric) for name, metric in value.items()}


def _strings(value: Any) -> Any:
    if isinstance(value, str) or not isinstance(value, Iterable):
        return [value]
    return [item if isinstance(item, str) else str(item) for item in value]


def _ids(value: Any) -> Any:
    """Return the ids of tasks given as ids or as tasks, one or many."""
    many = [value] if isinstance(value, str) or not isinstance(value, Iterable) else list(value)
    return [getattr(item, "id", item) for item in many]


def _instant(value: Any) -> Any:
    if isinstance(value, datetime):
        # As everywhere in Python, a datetime without a zone is local time.
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return value


_CONVERSIONS: Final[dict[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(("title", "kind", "message", "agent", "trigger", "reason"), _text),
    **dict.fromkeys(("progress",), _progress),
    **dict.fromkeys(("expected", "attempt"), _number),
    **dict.fromkeys(("queued_at", "created_at", "started_at", "ended_at"), _instant),
    "status": lambda value: getattr(value, "value", value),
    "metrics": _metrics,
    "tags": _strings,
    "dependencies": _ids,
    "error": lambda value: error_of(value) if isinstance(value, BaseException) else value,
}
