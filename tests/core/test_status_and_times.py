"""Words and instants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktree_jupyter.core.status import ENDED, STATUS_ALIASES, TaskStatus, is_usual, parse_status
from tasktree_jupyter.core.times import format_time, normalise_time, parse_time

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INSTANTS = st.datetimes(timezones=st.just(UTC))


def test_every_status_means_itself_and_older_words_what_replaced_them() -> None:
    assert [parse_status(status) for status in TaskStatus] == list(TaskStatus)
    assert {word: parse_status(word) for word in STATUS_ALIASES} == {
        "unclaimed": "draft",
        "up_next": "ready",
        "in_progress": "running",
        "merged": "completed",
    }


@pytest.mark.parametrize("word", ["", "Running", "done", "constructor", None, 5, [], True])
def test_other_words_mean_none(word: object) -> None:
    assert parse_status(word) is None


def test_what_is_usual() -> None:
    usual = {(old, new) for old in TaskStatus for new in TaskStatus if old != new and is_usual(old, new)}
    path = ["draft", "ready", "running", "review", "completed"]
    forward = {(old, new) for old in path for new in path if path.index(old) < path.index(new)}
    broken_off = {(old, new) for old in path[:-1] for new in ("failed", "cancelled", "skipped")}
    again = {(old, new) for old in ("failed", "cancelled", "skipped") for new in ("ready", "running")}
    assert usual == forward | broken_off | again | {("review", "running"), ("review", "ready")}
    assert {"completed", "failed", "cancelled", "skipped"} == ENDED


@given(INSTANTS, st.integers(-1439, 1439))
def test_a_time_in_any_zone_is_the_same_instant(instant: datetime, minutes: int) -> None:
    microseconds = (instant - EPOCH) // timedelta(microseconds=1)
    assert parse_time(format_time(microseconds)) == microseconds
    try:
        local = (instant + timedelta(minutes=minutes)).replace(tzinfo=None)
    except OverflowError:
        return
    zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    written = local.isoformat() + zone
    assert parse_time(written) == microseconds
    assert parse_time(normalise_time(written)) == microseconds


@given(st.text("0123456789-:TZ+. ", max_size=30) | st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,7})?[Z+]?\Z"))
def test_no_text_raises(text: str) -> None:
    assert parse_time(text) is None or normalise_time(text) is not None


@given(INSTANTS)
def test_written_times_sort_as_they_pass(instant: datetime) -> None:
    microseconds = (instant - EPOCH) // timedelta(microseconds=1)
    if instant.year < 9999:
        assert format_time(microseconds) < format_time(microseconds + 1)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2026-01-31T14:02:11Z", "2026-01-31T14:02:11Z"),
        ("2026-01-31T14:02:11.5Z", "2026-01-31T14:02:11.5Z"),
        ("2026-01-31T14:02:11.123456789Z", "2026-01-31T14:02:11.123456Z"),
        ("2026-01-31T14:02:11", "2026-01-31T14:02:11.000000Z"),
        ("2026-01-31 14:02:11.25", "2026-01-31T14:02:11.250000Z"),
        ("2026-01-31t14:02:11z", "2026-01-31T14:02:11.000000Z"),
        ("2026-01-31T14:02:11+02:00", "2026-01-31T12:02:11.000000Z"),
        ("2026-01-01T00:30:00-23:59", "2026-01-02T00:29:00.000000Z"),
        ("2026-02-30T00:00:00Z", None),
        ("2026-01-31T14:02:60Z", None),
        ("2026-01-31", None),
        ("0001-01-01T00:00:00+00:01", None),
        ("now", None),
        ("", None),
        (1769868131, None),
        (None, None),
    ],
)
def test_what_is_sent_becomes_utc(sent: object, kept: str | None) -> None:
    assert normalise_time(sent) == kept


def test_an_instant_beyond_the_calendar_cannot_be_written() -> None:
    with pytest.raises(OverflowError):
        format_time(253_402_300_800_000_000)
