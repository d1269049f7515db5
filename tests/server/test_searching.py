"""The log read backwards from the newest event to the first: filtered, in bounded bites; and metrics over time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tasktree_jupyter.core.times import parse_time
from tasktree_jupyter.server import searching
from tests.server.clients import Rest, update

PAST = ("projects", "p", "events")


async def publish(rest: Rest, *events: dict[str, Any], project: str = "p") -> None:
    status, body = await rest("POST", "projects", project, "events", body={"events": list(events)})
    assert (status, body["rejected"]) == (201, [])


async def back(rest: Rest, **params: Any) -> tuple[list[int], int]:
    """Go back to the first event; return the offsets that were found, and how many pages that took."""
    found: list[int] = []
    before: int | str | None = "now"
    pages = 0
    while before is not None:
        query = [("before", before)]
        for name, value in params.items():
            query += [(name, each) for each in (value if isinstance(value, list) else [value])]
        status, page = await rest("GET", *PAST, params=query)
        assert status == 200, page
        found += [event["offset"] for event in page["events"]]
        assert page["next"] is None or before == "now" or page["next"] < int(before)
        before = page["next"]
        pages += 1
    return found, pages


async def a_story(rest: Rest) -> None:
    await publish(
        rest,
        update("run", title="Run", status="running"),
        update("run/1", parent_id="run", title='Say "hi"\n', params={"max_depth": 12}),
        {"type": "task_status_changed", "data": {"task_id": "run/1", "status": "running"}},
        {"type": "node_log", "data": {"node_id": "run/1", "level": "info", "message": "Straße"}},
        {"type": "node_log", "data": {"node_id": "run/1", "level": "error", "message": "no room"}},
        {"type": "state_transition", "data": {"to": "completed", "context": {"node_id": "run/1"}}},
        update("other", title="Other", dependencies=["run/1"]),
        {"type": "own.kind", "data": {"node_id": "other", "deep": [{"KEY": True}]}},
        {"type": "coordination_update", "data": {"agents": {"w": {"status": "busy"}}}},
    )


async def test_events_come_backwards_from_the_newest_to_the_first(rest: Rest) -> None:
    for start in range(0, 25, 5):
        await publish(rest, *(update(f"n{number}", title="x") for number in range(start, start + 5)))

    assert await back(rest, limit=10) == (list(range(25, 0, -1)), 3)
    assert (await back(rest, limit=10, after=20))[0] == [25, 24, 23, 22, 21]
    _, page = await rest("GET", *PAST, params={"before": 9, "limit": 3})
    assert ([event["offset"] for event in page["events"]], page["next"]) == ([8, 7, 6], 6)
    _, page = await rest("GET", *PAST, params={"before": 999_999, "limit": 0})
    assert (page["events"], page["next"]) == ([], 26)


async def test_large_events_are_read_few_at_a_time(rest: Rest, extension: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = [10, 3000, 10, 10, 5000, 9000, 10, 10, 10, 10, 3000, 10]
    await publish(rest, *(update(f"n{n}", params={"text": "x" * size}) for n, size in enumerate(sizes)))
    log = extension.manager.log
    read, pages = log.read, []

    async def counted(*given: Any, **more: Any) -> list[bytes]:
        pages.append(await read(*given, **more))
        return list(pages[-1])

    monkeypatch.setattr(log, "read", counted)
    monkeypatch.setattr(searching, "READ_BYTES", 4000)

    assert await back(rest, limit=100) == (list(range(12, 0, -1)), 1)
    assert (await back(rest, limit=2))[0] == list(range(12, 0, -1))
    assert all(sum(map(len, page)) <= 4000 or len(page) == 1 for page in pages)


@pytest.mark.parametrize(
    ("params", "offsets"),
    [
        ({"types": ["node_log", "own.kind"]}, [8, 5, 4]),
        ({"node_id": "run/1"}, [6, 5, 4, 3, 2]),
        ({"node_id": ["run", "other"]}, [8, 7, 1]),
        ({"node_id": "run", "below": "true"}, [6, 5, 4, 3, 2, 1]),
        ({"node_id": "nobody", "below": "true"}, []),
        ({"contains": "STRASSE"}, [4]),
        ({"contains": 'say "HI"\n'}, [2]),
        ({"contains": "max_depth"}, [2]),
        ({"contains": "12"}, [2]),
        ({"contains": "true"}, [8]),
        ({"contains": "own."}, [8]),
        ({"contains": "offset"}, []),
        ({"contains": "timestamp"}, []),
        ({"types": "node_log", "level": "warning"}, [5]),
        ({"node_id": "run/1", "level": "error"}, [6, 5, 3, 2]),
        ({"types": "node_log", "node_id": "run/1", "contains": "room", "level": "debug"}, [5]),
    ],
)
async def test_filters_choose_events(params: dict[str, Any], offsets: list[int], rest: Rest) -> None:
    await a_story(rest)

    assert (await back(rest, **params))[0] == offsets
    assert (await back(rest, **params, limit=1))[0] == offsets


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"before": "-1"}, "before"),
        ({"before": "1" * 16}, "before"),
        ({"before": "now", "types": "No"}, "types"),
        ({"before": "now", "node_id": ""}, "node_id"),
        ({"before": "now", "level": "loud"}, "level"),
        ({"before": "now", "below": "yes"}, "below"),
        ({"before": "now", "contains": "x" * 1001}, "contains"),
        ([("before", "now")] + [("node_id", "a")] * 201, "node_id"),
    ],
)
async def test_a_bad_question_names_the_parameter(params: Any, field: str, rest: Rest) -> None:
    await publish(rest, update("a", title="A"))

    status, body = await rest("GET", *PAST, params=params)

    assert (status, body["field"]) == (400, field)


async def test_a_filter_alone_begins_at_the_newest(rest: Rest) -> None:
    await a_story(rest)

    _, page = await rest("GET", *PAST, params={"types": "node_log"})

    assert [event["offset"] for event in page["events"]] == [5, 4]


async def test_what_was_trimmed_is_the_end_and_it_says_so(rest: Rest, extension: Any) -> None:
    for number in range(6):
        await publish(rest, update(f"n{number}", title="x"))
    await extension.manager.log.trim("p", 2)

    _, page = await rest("GET", *PAST, params={"before": "now"})

    assert ([event["offset"] for event in page["events"]], page["next"], page["trimmed"]) == ([6, 5, 4, 3], None, 2)


class TestBounds:
    """What one request may cost."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"max_scanned_events": 1000, "max_reads": 1}

    async def test_a_search_says_where_to_go_on_though_nothing_matched(self, rest: Rest) -> None:
        await publish(rest, update("needle", title="N"))
        for start in range(0, 2500, 500):
            await publish(rest, *(update(f"n{number}", title="x") for number in range(start, start + 500)))

        _, page = await rest("GET", *PAST, params={"before": "now", "node_id": "needle"})

        assert (page["events"], page["next"]) == ([], 1502)
        assert await back(rest, node_id="needle") == ([1], 3)

    async def test_a_page_ends_where_it_is_large_enough(self, rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
        await publish(rest, *(update(f"n{number}", message="x" * 1000) for number in range(20)))
        monkeypatch.setattr(searching, "PAGE_BYTES", 3000)

        found, pages = await back(rest)

        assert (found, pages) == (list(range(20, 0, -1)), 7)

    async def test_one_search_too_many_is_busy(self, rest: Rest, extension: Any) -> None:
        await publish(rest, update("a", title="A"))
        async with extension.manager.searches._counted():
            status, body = await rest("GET", *PAST, params={"before": "now", "contains": "a"})

        assert (status, body["reason"]) == (503, "max_reads")
        assert (await rest("GET", *PAST, params={"before": "now"}))[0] == 200


async def test_series_are_what_was_reported_in_order_and_honest_about_nan(rest: Rest) -> None:
    reports: list[dict[str, Any]] = [
        {"loss": 1.5, "step": 1},
        {"loss": "NaN", "step": 2},
        {"loss": "Infinity"},
        {"loss": None},
        {"loss": 0.25, "acc": 7},
    ]
    for second, metrics in enumerate(reports):
        await publish(
            rest,
            {**update("a", title="A", metrics=metrics), "timestamp": f"2026-01-31T14:00:0{second}Z"},
            update("b", metrics={"loss": second}),
        )

    _, body = await rest("GET", "projects", "p", "series", params={"node_id": "a"})

    start = parse_time("2026-01-31T14:00:00Z") or 0
    series = {each["metric"]: each for each in body["series"]}
    assert {each["node_id"] for each in body["series"]} == {"a"}
    assert [[(time - start) // 1_000_000, value, step] for time, value, step in series["loss"]["points"]] == [
        [0, 1.5, 1],
        [1, "NaN", 2],
        [2, "Infinity", None],
        [3, None, None],
        [4, 0.25, None],
    ]
    assert [point[1] for point in series["acc"]["points"]] == [7]
    assert (body["next"], body["omitted"]) == (None, 0)


async def test_series_of_several_tasks_are_thinned_and_keep_their_spikes(rest: Rest) -> None:
    for start in range(0, 1000, 500):
        await publish(
            rest,
            *(
                update(node_id, metrics={"x": -5 if number == 333 else number % 7, "y": 1})
                for number in range(start, start + 500)
                for node_id in ("a", "b")
            ),
        )

    query = [("node_id", "a"), ("node_id", "b"), ("node_id", "nobody"), ("metric", "x"), ("points", 20)]
    _, body = await rest("GET", "projects", "p", "series", params=query)

    assert sorted((each["node_id"], each["metric"], each["count"]) for each in body["series"]) == [
        ("a", "x", 1000),
        ("b", "x", 1000),
    ]
    for each in body["series"]:
        values = [value for _, value, _ in each["points"]]
        assert len(values) <= 20
        assert (min(values), max(values), values[0], values[-1]) == (-5, 6, 0, 999 % 7)


@pytest.mark.parametrize(
    ("params", "field"),
    [({}, "node_id"), ({"node_id": "a", "points": 3}, "points"), ({"node_id": "a", "before": "x"}, "before")],
)
async def test_a_bad_question_for_series_names_the_parameter(params: Any, field: str, rest: Rest) -> None:
    await publish(rest, update("a", title="A"))

    status, body = await rest("GET", "projects", "p", "series", params=params)

    assert (status, body["field"]) == (400, field)
    assert (await rest("GET", "projects", "nobody", "series", params={"node_id": "a"}))[0] == 404


async def test_too_many_series_are_counted_not_sent(rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "MOST_SERIES", 3)
    await publish(rest, update("a", metrics={f"m{number}": number for number in range(10)}))

    _, body = await rest("GET", "projects", "p", "series", params={"node_id": "a"})

    assert (len(body["series"]), body["omitted"]) == (3, 7)
    assert len(json.dumps(body)) < 1000
