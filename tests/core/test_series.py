"""Metrics over time, thinned so that a spike stays a spike and a gap a gap."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktree_jupyter.core.series import Point, reported_by, step_of, thinned


def a_series(*values: Any) -> list[Point]:
    return [(time, value, None) for time, value in enumerate(values)]


@given(st.integers(0, 400), st.integers(8, 60), st.randoms(use_true_random=True))
def test_thinning_keeps_order_ends_extremes_and_that_there_was_a_gap(count: int, most: int, chance: Random) -> None:
    odd: list[Any] = ["NaN", "Infinity", None]
    points = a_series(*(chance.choice(odd) if chance.random() < 0.02 else chance.gauss(0, 1e3) for _ in range(count)))
    kept = thinned(points, most)

    assert len(kept) <= most
    assert [point for point in points if point in set(kept)] == kept
    assert kept[:1] == points[:1]
    assert kept[-1:] == points[-1:]
    numbers = [value for _, value, _ in points if isinstance(value, float)]
    shown = [value for _, value, _ in kept if isinstance(value, float)]
    if numbers:
        assert (min(shown), max(shown)) == (min(numbers), max(numbers))
    assert len(numbers) == len(points) or len(shown) < len(kept)


def test_a_single_spike_among_many_stays() -> None:
    kept = thinned(a_series(*[0.5] * 700, 99.0, *[0.5] * 4000), 50)

    assert (700, 99.0, None) in kept


@pytest.mark.parametrize(
    ("event", "metrics"),
    [
        ({"type": "node_update", "data": {"node_id": "a", "changes": {"metrics": {"x": "NaN"}}}}, {"x": "NaN"}),
        ({"type": "node_update", "data": {"node_id": "a", "changes": {"metrics": None}}}, None),
        ({"type": "node_update", "data": {"node_id": "a", "changes": None, "metrics": {}}}, None),
        ({"type": "node_update", "data": {"node_id": "a", "changes": {"params": {"metrics": {"x": 1}}}}}, None),
        ({"type": "own.kind", "data": {"node_id": "a", "changes": {"metrics": {"x": 1}}}}, None),
        ({"type": "own.kind", "data": {"node_id": 7, "changes": {"metrics": []}}}, None),
    ],
)
def test_only_updates_of_tasks_report_metrics(event: dict[str, Any], metrics: dict[str, Any] | None) -> None:
    wire = json.dumps(event | {"timestamp": "2026-01-31T14:02:11Z", "offset": 1, "at": 1}, separators=(",", ":"))
    reported = reported_by(wire.encode())

    assert (reported and reported.metrics) == metrics


def test_the_step_is_what_counts_among_the_metrics() -> None:
    assert step_of({"loss": 0.5, "epoch": 3}) == 3
    assert step_of({"step": 7, "epoch": 3}) == 7
    assert step_of({"step": "NaN"}) is None
    assert step_of({"loss": 0.5}) is None
