"""How large an event may be inside: its longest text, and how many values it holds (docs/configuration.md, Bounds)."""

from __future__ import annotations

from typing import Any

from tasktree_jupyter.core.problem import Problem, shown
from tasktree_jupyter.server.limits import Limits


def check_sizes(data: dict[str, Any], encoded: int, limits: Limits) -> Problem | None:
    """Return what is too large in an event's data, or None; `encoded` is its size as JSON, in bytes.

    A text has no more characters than bytes, and each value at least two bytes: most events needn't be looked at.
    """
    if encoded <= limits.max_string_chars and encoded <= 2 * limits.max_event_values:
        return None
    return _Measure(limits).check(data)


class _Measure:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._values = 0

    def check(self, value: Any, *path: str) -> Problem | None:
        """`path` leads to the value. The nesting was checked before."""
        if isinstance(value, str):
            most = self._limits.max_string_chars
            if len(value) > most:
                field = ".".join(("data", *path))
                message = f"{field} has {len(value)} characters; at most {most} are allowed (max_string_chars)"
                return Problem("too_large", field, message, "max_string_chars")
            return None
        if not isinstance(value, (dict, list)):
            return None
        self._values += len(value)
        most = self._limits.max_event_values
        if self._values > most:
            message = f"data has {self._values} values or more; at most {most} are allowed (max_event_values)"
            return Problem("too_large", "data", message, "max_event_values")
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(key, str) and len(key) > self._limits.max_string_chars:
                return self.check(key, *path, shown(key))
            if (problem := self.check(item, *path, str(key))) is not None:
                return problem
        return None
