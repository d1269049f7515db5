"""What the end of a block means for its task."""

from __future__ import annotations

from typing import Any, Final

from tasktree_jupyter.client.fields import error_of

UNFINISHED: Final = (None, "draft", "ready", "running", "unclaimed", "up_next", "in_progress")
"""Statuses that a block leaves behind when it ends: what the user set to anything else stays."""


def ending(status: str | None, error: BaseException | None) -> dict[str, Any]:
    """Return what changes on a task of this status whose block ended, with what its code raised."""
    if error is None:
        return {"status": "completed"} if status in UNFINISHED else {}
    if isinstance(error, SystemExit) and error.code in (None, 0):
        return {"status": "completed", "reason": "SystemExit"}
    if isinstance(error, SystemExit) or (isinstance(error, Exception) and type(error).__name__ != "CancelledError"):
        return {"status": "failed", "error": error_of(error)}
    return {"status": "cancelled", "reason": type(error).__name__}
