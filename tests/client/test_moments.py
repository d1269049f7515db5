"""Moments as people say them; what was at one, and what differs between two."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

import tasktree_jupyter as tt
from tasktree_jupyter.client.kept import MAX_KEPT
from tasktree_jupyter.client.moments import moment_of
from tasktree_jupyter.client.session import Session
from tests.client.conftest import Run
from tests.client.hub import Hub

NOW = datetime(2026, 1, 31, 15, 0, tzinfo=timezone(timedelta(hours=1)))
TWO = 1_769_868_120_000_000
"""2026-01-31T14:02:00Z"""
MINUTE = 60_000_000
DAY = 24 * 60 * MINUTE


@pytest.mark.parametrize(
    ("when", "moment"),
    [
        (None, None),
        ("now", None),
        (4711, {"offset": 4711}),
        ("before tuning", {"snapshot": "before tuning"}),
        ("4711", {"snapshot": "4711"}),
        ("14:02", {"at": TWO - 60 * MINUTE}),
        ("14:02:11", {"at": TWO - 60 * MINUTE + 11_000_000}),
        ("15:00", {"at": TWO - 2 * MINUTE}),
        ("15:01", {"at": TWO - MINUTE - DAY}),
        ("9:00", {"at": TWO - 2 * MINUTE - 360 * MINUTE}),
        ("2026-01-31T14:02:00Z", {"at": TWO}),
        ("2026-01-31 15:02:00.5+01:00", {"at": TWO + 500_000}),
        (datetime(2026, 1, 31, 14, 2, tzinfo=UTC), {"at": TWO}),
    ],
)
def test_anything_sensible_is_a_moment(when: Any, moment: dict[str, Any] | None) -> None:
    assert moment_of(when, NOW) == moment


def test_a_time_without_a_zone_is_local() -> None:
    naive = datetime(2026, 1, 31, 14, 2)
    assert moment_of(naive) == moment_of("2026-01-31T14:02") == moment_of(naive.astimezone(UTC))


@pytest.mark.parametrize(
    ("when", "error"),
    [
        ("25:00", "none: hour"),
        ("2026-02-30", "none: day"),
        (-1, "begin at 0"),
        (True, "no moment"),
        (1.5, "no moment"),
        ([], "no moment"),
    ],
)
def test_what_says_no_moment_is_refused(when: Any, error: str) -> None:
    with pytest.raises((ValueError, TypeError), match=error):
        moment_of(when, NOW)


def test_without_a_server_snapshots_and_the_present_are_kept(session: Session) -> None:
    with tt.task("run"):
        with tt.task("load"):
            pass
        before = tt.snapshot("before tuning")
        with tt.task("fit") as fit:
            fit.update(metrics={"auc": 0.9})
    assert [node["title"] for node in tt.at(before).nodes] == ["run", "load"]
    assert [node["title"] for node in tt.at("now").nodes] == ["run", "load", "fit"]
    assert tt.at("before tuning").nodes[0]["rollup"]["counts"] == {"completed": 1}
    found = tt.diff("before tuning")
    assert [node["title"] for node in found.data["added"]] == ["fit"]
    assert "status" in {change["field"] for change in found.data["changed"][0]["changes"]}
    assert found
    assert not tt.diff("now", "now")
    state = tt.at(before)
    assert tt.diff(before, tt.at(before)).data["counts"] == {"added": 0, "removed": 0, "changed": 0}
    assert (state.project_id, len(state), state.snapshots[0]["name"]) == (None, 2, "before tuning")


def test_without_a_server_a_bounded_number_is_kept_and_an_error_names_them(session: Session) -> None:
    for n in range(MAX_KEPT + 5):
        tt.snapshot(f"number {n}")
    assert tt.at("number 5").nodes == []
    with pytest.raises(ValueError, match=r"no snapshot 'number 4'.*'number 24' and 10 older ones"):
        tt.at("number 4")
    with pytest.raises(ValueError, match=r"nothing to be had at 14:02"):
        tt.at("14:02")
    with pytest.raises(ValueError, match="project"):
        tt.at("now", project="")


def test_of_the_same_name_the_newest_counts(session: Session) -> None:
    for n in range(3):
        tt.snapshot("again")
        with tt.task(f"run {n}"):
            pass
    assert len(tt.at("again").nodes) == 2


def test_with_a_server_the_past_is_whole_and_others_part_of_it(run: Run, hub: Hub) -> None:
    run(
        "import tasktree_jupyter as tt\nwith tt.task('other', project='past times'): pass\n"
        "tt.snapshot('others', project='past times')",
        hub,
    )
    out, _ = run(
        """
import json, time
from datetime import datetime, timedelta
import tasktree_jupyter as tt
tt.configure(project="past times")
began = datetime.now()
with tt.task("run"):
    before = tt.snapshot("before tuning")
    with tt.task("fit"): pass
titles = lambda state: [node["title"] for node in state.nodes]
print(json.dumps([titles(tt.at(when)) for when in ("others", began, before, "now", 0, tt.at(before))]))
found = tt.diff("others", before)
print(json.dumps(found.data))
now = tt.at("now")
print(json.dumps([len(now.to_frame()), len(tt.view().to_frame()), tt.at(before).project_id, now.epoch]))
for wrong in ("nothing", 10_000, datetime(2000, 1, 1)):
    try:
        tt.at(wrong)
    except ValueError as error:
        print(error)
try:
    tt.at("now", project="never heard of")
except ValueError as error:
    print(error)
""",
        hub,
    )
    titles, found, numbers, *errors = out.splitlines()
    assert json.loads(titles) == [["other"], ["other"], ["other", "run"], ["other", "run", "fit"], [], ["other", "run"]]
    assert [node["title"] for node in json.loads(found)["added"]] == ["run"]
    rows, shown, project_id, epoch = json.loads(numbers)
    assert (rows, shown, project_id) == (3, 2, "past times")
    assert isinstance(epoch, str)
    assert len(errors) == 4
    assert "'others', 'before tuning'" in errors[0]
    assert "never heard of" in errors[3]


def test_where_the_server_is_away_it_says_so_in_time(session: Session) -> None:
    from tasktree_jupyter.client.reading import read

    session.discovery.name("http://127.0.0.1:9/", "t", None)
    session.connection.renew()
    with pytest.raises(TimeoutError, match="didn't answer in"):
        read(session, session.project("p"), "now", timeout=0.5)
