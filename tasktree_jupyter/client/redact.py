"""What the user wants nobody to see goes before anything leaves the process: before it is queued, and folded here.

So neither the server's log nor a saved notebook ever holds it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tasktree_jupyter.client.encode import Bounds, preview
from tasktree_jupyter.client.reporting import Complaints, logger
from tasktree_jupyter.core.shape import EVENT_TYPES, ProblemError, check_data

Redact = Callable[[str, Any], Any]
"""Takes a dotted path like `params.api_key` and the value there; returns what may be seen."""

_IDS: Final = frozenset({"node_id", "task_id"})
_STRUCTURE: Final = _IDS | {
    "parent_id",
    "snapshot_id",
    "status",
    "progress",
    "expected",
    "attempt",
    "metrics",
    "dependencies",
    "queued_at",
    "created_at",
    "started_at",
    "ended_at",
    "timestamp",
    "from",
    "to",
    "level",
    "active_agents",
    "a2amcp_enabled",
}
"""What makes the tree: ids, statuses, times and numbers. Without them there is none, so they are left alone."""
_MOST_REPLACED: Final = 8
_NEEDED: Final = frozenset({("node_log", "message"), ("orchestrator_error", "error")})


class Redactor:
    """Applies the user's function, and never lets a value through that it failed on.

    Args:
        redact: the user's function.
        complaints: takes what the user is to be told, once.
    """

    def __init__(self, redact: Redact, complaints: Complaints) -> None:
        self._redact = redact
        self._complaints = complaints
        self._complained = False

    def __call__(self, type: str, data: dict[str, Any], bounds: Bounds) -> dict[str, Any]:
        """Return an event's data as it may be seen.

        Args:
            type: the event's.
            data: decoded JSON; it isn't changed.
            bounds: how much of a value is kept.

        Raises:
            ProblemError: what came back can't be made an event; nothing may be sent then.
        """
        inner = {"node_update": "changes", "state_transition": "context"}.get(type)
        known = type in EVENT_TYPES
        seen = self._object(type, data, _STRUCTURE if known else _IDS, bounds, skip=inner)
        if inner is not None and isinstance(data.get(inner), dict):
            seen[inner] = self._object(type, data[inner], _STRUCTURE, bounds)
        return self._made_valid(type, seen, inner)

    def _object(
        self, type: str, fields: dict[str, Any], kept: frozenset[str], bounds: Bounds, skip: str | None = None
    ) -> dict[str, Any]:
        return {
            name: value if name in kept or name == skip else self._seen(name, value, bounds)
            for name, value in fields.items()
        }

    def _seen(self, path: str, value: Any, bounds: Bounds, left: int = _MOST_REPLACED) -> Any:
        """From the outside in: an object or array is asked about whole, then what is in it.

        Args:
            path: where the value is.
            value: JSON.
            bounds: how much of a value is kept.
            left: how many objects or arrays around what is in them may be others than they were.
        """
        if value is None:
            return None
        try:
            seen = self._redact(path, value)
            if seen is not value:
                seen = preview(seen, bounds)
        except Exception as error:
            self._complain(f"raised {error.__class__.__name__} at {path}: that value wasn't sent")
            return f"[redact failed: {error.__class__.__name__}]"
        if not isinstance(seen, (dict, list)) or not isinstance(value, (dict, list)):
            return seen
        if seen is not value:
            left -= 1
            if left < 0:
                # A function that gives an object for each object would never end.
                return "[redacted]"
        if isinstance(seen, dict):
            return {name: self._seen(f"{path}.{name}", each, bounds, left) for name, each in seen.items()}
        return [self._seen(f"{path}.{place}", each, bounds, left) for place, each in enumerate(seen)]

    def _made_valid(self, type: str, data: dict[str, Any], inner: str | None) -> dict[str, Any]:
        """Leave out what the function made something else of than it must be, a number of a text for one."""
        for _ in range(sum(map(_size, (data, data.get(inner or ""))))):
            problem = check_data(type, data)
            if problem is None:
                return data
            path = problem.field.split(".")[1:]
            where = data
            if path and path[0] == inner and len(path) > 1 and isinstance(data.get(inner), dict):
                where, path = data[inner], path[1:]
            if not path or path[0] not in where:
                raise ProblemError(problem)
            self._complain(f"returned what {problem.field} can't be ({problem.message}): it wasn't sent")
            where[path[0]] = "[redacted]" if (type, path[0]) in _NEEDED else None
        problem = check_data(type, data)
        if problem is not None:
            raise ProblemError(problem)
        return data

    def _complain(self, what: str) -> None:
        logger.warning("The function given to configure(redact=…) %s", what)
        if not self._complained:
            self._complained = True
            self._complaints.add(f"The function given to configure(redact=…) {what}. This isn't told again.")


def _size(value: Any) -> int:
    return len(value) if isinstance(value, dict) else 0
