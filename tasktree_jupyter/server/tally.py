"""What is counted as it happens, in plain numbers: each costs tens of nanoseconds, and only a scrape makes metrics of
them (`metrics.py`). All of it belongs to the loop; it counts for the whole process, as Jupyter's own metrics do.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from tasktree_jupyter.core import protocol

OTHER: Final = "other"
"""Stands for every value that a label isn't known to have, so that nobody can make more of them."""

KINDS: Final = ("plain", "v1")
ENDINGS: Final = {
    protocol.CLOSE_STOPPING: "stopping",
    protocol.CLOSE_TOO_SLOW: "too_slow",
    protocol.CLOSE_VIOLATION: "violation",
    protocol.CLOSE_NO_PONG: "no_pong",
    protocol.CLOSE_PERMISSIONS: "permissions",
    protocol.CLOSE_TOO_MANY: "too_many",
    protocol.CLOSE_FORBIDDEN: "forbidden",
}
"""Why the server closed a connection, by code."""

CODES: Final = (
    "already_subscribed",
    "busy",
    "cycle",
    "depth",
    "duplicate",
    "forbidden",
    "internal",
    "invalid",
    "invalid_json",
    "not_found",
    "not_subscribed",
    "parent_removed",
    "rate_limited",
    "seq_gap",
    "storage",
    "too_large",
    "too_many",
    "trimmed",
    "unknown_op",
    "unknown_snapshot",
)
"""The codes of errors (docs/protocol.md)."""

REASONS: Final = ("epoch", "trimmed", "ahead", "slow")
BEGINNINGS: Final = ("new", "recovered", "too_far", "resync")
OPERATIONS: Final = ("append", "read", "fold", "snapshot", "list", "presence", "retain", "salt")


class Counts:
    """A counter by one label, whose values are fixed: what isn't among them counts as `other`."""

    __slots__ = ("numbers",)

    def __init__(self, values: Iterable[str]) -> None:
        self.numbers = dict.fromkeys((*values, OTHER), 0)

    def add(self, value: str | None, number: int = 1) -> None:
        """Count."""
        numbers = self.numbers
        numbers[value if value in numbers else OTHER] += number


class Durations:
    """How long something took: how many took no longer than each bound, and the sum. In seconds."""

    __slots__ = ("bounds", "numbers", "sum")

    def __init__(self, *bounds: float) -> None:
        self.bounds = bounds
        self.numbers = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        """Note one."""
        self.numbers[bisect_left(self.bounds, seconds)] += 1
        self.sum += seconds


class Tally:
    """Every counter of the process; `metrics.DEFINITIONS` says what each means."""

    __slots__ = (
        "closed",
        "commits",
        "delivered",
        "deliveries",
        "dropped",
        "duplicates",
        "failed",
        "opened",
        "received",
        "received_bytes",
        "refused",
        "rejected",
        "resyncs",
        "sent_bytes",
        "stalls",
        "storage_errors",
        "stored",
        "subscribed",
        "warnings",
    )

    def __init__(self) -> None:
        self.opened = Counts(KINDS)
        self.closed = Counts(("client", *ENDINGS.values()))
        self.warnings = 0
        self.received = self.stored = self.duplicates = self.dropped = self.delivered = 0
        self.received_bytes = self.sent_bytes = 0
        self.rejected = Counts(CODES)
        self.refused = Counts(CODES)
        self.failed = Counts(CODES)
        self.subscribed = Counts(BEGINNINGS)
        self.resyncs = Counts(REASONS)
        self.stalls = 0
        self.storage_errors = Counts(OPERATIONS)
        self.commits = Durations(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
        self.deliveries = Durations(0.00025, *self.commits.bounds)


TALLY: Final = Tally()
