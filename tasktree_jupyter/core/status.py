"""The words for a task's state, and which way between two of them is usual."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class TaskStatus(StrEnum):
    """A node's state; the order is the order of the counts in a view."""

    DRAFT = "draft"
    READY = "ready"
    RUNNING = "running"
    REVIEW = "review"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


STATUS_ALIASES: Final[dict[str, TaskStatus]] = {
    "unclaimed": TaskStatus.DRAFT,
    "up_next": TaskStatus.READY,
    "in_progress": TaskStatus.RUNNING,
    "merged": TaskStatus.COMPLETED,
}
"""Older words, which the fold maps; an event keeps the word it was sent with."""

ENDED: Final = frozenset({TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.SKIPPED})
"""Nothing more is expected of a node in one of these."""

STATUS_WORDS: Final[dict[str, TaskStatus]] = {status.value: status for status in TaskStatus} | STATUS_ALIASES
"""Every word that an event may carry, with what it means."""

_WORKING = (TaskStatus.DRAFT, TaskStatus.READY, TaskStatus.RUNNING, TaskStatus.REVIEW)
_PATH = (*_WORKING, TaskStatus.COMPLETED)
_BROKEN_OFF = (TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.SKIPPED)
_USUAL: Final[frozenset[tuple[str, str]]] = frozenset(
    [(old, new) for place, old in enumerate(_PATH) for new in _PATH[place + 1 :]]
    + [(TaskStatus.REVIEW, TaskStatus.RUNNING), (TaskStatus.REVIEW, TaskStatus.READY)]
    + [(old, new) for old in _WORKING for new in _BROKEN_OFF]
    + [(old, new) for old in _BROKEN_OFF for new in (TaskStatus.READY, TaskStatus.RUNNING)]
)


def parse_status(word: object) -> TaskStatus | None:
    """Return the status that a word of an event means, older words included; None where it is none."""
    return STATUS_WORDS.get(word) if isinstance(word, str) else None


def is_usual(old: str, new: str) -> bool:
    """Return whether going from one status to another, different one is usual (docs/fold.md, Status)."""
    return (old, new) in _USUAL
