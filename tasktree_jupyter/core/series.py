"""Metrics over time: the values that a task reported one after the other, few enough to draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

STEPS: Final = ("step", "global_step", "iteration", "epoch")
"""Metrics that count: what is reported together with one of them was measured at that step."""

Point = tuple[int, float | str | None, float | None]
"""When (microseconds since 1970, by the emitter's clock), what, and at which step, if that was told.

A value is a number, `"NaN"`, `"Infinity"`, `"-Infinity"`, or None where the metric was taken away.
"""


class Reported(msgspec.Struct, frozen=True, gc=False):
    """What one event says of a task's metrics."""

    node_id: str
    metrics: dict[str, Any]
    timestamp: str


class _Changes(msgspec.Struct, gc=False):
    metrics: dict[str, Any] | None = None


class _Data(msgspec.Struct, gc=False):
    node_id: str
    changes: _Changes | None = None


class _Event(msgspec.Struct, gc=False):
    type: str
    data: _Data
    timestamp: str


_decode = msgspec.json.Decoder(_Event).decode


def reported_by(event: bytes) -> Reported | None:
    """Return what an event of the log says of metrics; None: nothing."""
    if b'"metrics":' not in event:
        return None
    try:
        update = _decode(event)
    except msgspec.ValidationError:
        return None
    changes = update.data.changes
    if update.type != "node_update" or changes is None or changes.metrics is None:
        return None
    return Reported(update.data.node_id, changes.metrics, update.timestamp)


def step_of(metrics: Mapping[str, Any]) -> float | None:
    """Return the step at which these were reported."""
    for name in STEPS:
        value = metrics.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
    return None


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """Return at most `most` (8 or more) of the points, in their order: the first, the last, and of each stretch between
    them the lowest, the highest and one that is no finite number. So no spike and no gap is lost.
    """
    if len(points) <= most:
        return list(points)
    inner = len(points) - 2
    stretches = (most - 2) // 3
    kept = [points[0]]
    for stretch in range(stretches):
        start = 1 + inner * stretch // stretches
        end = 1 + inner * (stretch + 1) // stretches
        kept += [points[index] for index in _telling(points, start, end)]
    kept.append(points[-1])
    return kept


def _telling(points: Sequence[Point], start: int, end: int) -> list[int]:
    low = high = odd = -1
    lowest = highest = 0.0
    for index in range(start, end):
        value = points[index][1]
        if value is None or isinstance(value, str):
            odd = index
            continue
        if low < 0 or value < lowest:
            low, lowest = index, value
        if high < 0 or value > highest:
            high, highest = index, value
    return sorted({index for index in (low, high, odd) if index >= 0})
