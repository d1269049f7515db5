"""What a new status does to a node (docs/fold.md, Status)."""

from __future__ import annotations

from typing import Any, Final

from tasktree_jupyter.core.node import Node
from tasktree_jupyter.core.sanitise import MAX_INTEGER
from tasktree_jupyter.core.status import ENDED, STATUS_WORDS, TaskStatus, is_usual

# Plain strings: looking at an enum's members takes several times as long.
_STATUS: Final[dict[str, str]] = {word: status.value for word, status in STATUS_WORDS.items()}
_READY: Final = TaskStatus.READY.value
_RUNNING: Final = TaskStatus.RUNNING.value


def set_status(
    node: Node, word: str, timestamp: str, fresh: bool, context: dict[str, Any] | None, origin: str | None
) -> None:
    """Give a node the status that `word` means.

    `fresh`: the node was made by this event, or was a placeholder. `context` and `origin`: those of a state_transition
    (`origin` is its `from`), None of any other event.
    """
    new, old = _STATUS[word], node.status
    trigger, reason = (context.get("trigger"), context.get("reason")) if context is not None else (None, None)
    if not fresh:
        unusual_from = None
        if origin is not None and _STATUS.get(origin) != old:
            unusual_from = origin
        elif new != old and not is_usual(old, new):
            unusual_from = old
        if unusual_from is not None:
            node.patch_rest({"unusual": {"from": unusual_from, "to": new, "timestamp": timestamp}})
        if new == old:
            node.trigger = node.trigger if trigger is None else trigger
            node.reason = node.reason if reason is None else reason
            return
        if old in ENDED and new not in ENDED:
            node.attempt = min((node.attempt or 1) + 1, MAX_INTEGER)
            node.ended_at = node.started_at = node.progress = node.message = None
            if node.rest is not None:
                node.patch_rest({"error": None})
    node.status = new
    node.trigger, node.reason = trigger, reason
    if new == _READY and node.queued_at is None:
        node.queued_at = timestamp
    if new == _RUNNING and node.started_at is None:
        node.started_at = timestamp
    node.ended_at = timestamp if new in ENDED else None
