"""The state as it was, and what differs between two moments, over REST and over the socket."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tasktree_jupyter.core.diff import diff
from tasktree_jupyter.core.shape import ProblemError
from tasktree_jupyter.core.times import format_time
from tasktree_jupyter.core.tree import TaskTree
from tasktree_jupyter.server import history as history_module
from tasktree_jupyter.server.folding import fold_to
from tasktree_jupyter.server.moments import Moment, moment_of, parse_moment
from tests.core.canonical import canonical, fold
from tests.server.clients import Connect, Rest, update


async def a_past(rest: Rest) -> list[dict[str, Any]]:
    """Make a project with a past, one commit an event, and return its events."""
    story = [
        update("run", title="Run", status="running"),
        update("a", parent_id="run", title="A"),
        {"type": "mission_snapshot", "data": {"snapshot_id": "s1", "name": "before"}},
        update("a", status="running", metrics={"auc": 0.9}),
        update("b", parent_id="run", title="B"),
        {"type": "mission_snapshot", "data": {"snapshot_id": "s2", "name": "before"}},
        update("a", status="completed", metrics={"auc": 0.95}),
        {"type": "node_update", "data": {"node_id": "b", "changes": None}},
    ]
    for event in story:
        await rest("POST", "projects", "p", "events", body=event)
    events: list[dict[str, Any]] = (await rest("GET", "projects", "p", "events"))[1]["events"]
    assert len({event["at"] for event in events}) == len(events)
    return events


async def state_at(rest: Rest, moment: str) -> Any:
    status, body = await rest("GET", "projects", "p", "state", params={"moment": moment})
    assert status == 200, body
    return body


def as_told(tree: TaskTree) -> str:
    return canonical({"state": tree.state(), "nodes": list(tree.nodes(rollups=True))})


async def test_the_state_at_every_offset_and_time_is_what_the_events_up_to_it_fold_to(rest: Rest) -> None:
    events = await a_past(rest)
    for offset in range(len(events) + 1):
        expected = as_told(fold(events[:offset]))
        told = [await state_at(rest, f"offset:{offset}")]
        if offset:
            at = events[offset - 1]["at"]
            told += [await state_at(rest, f"at:{at}"), await state_at(rest, f"at:{format_time(at)}")]
            told += [await state_at(rest, f"at:{events[offset]['at'] - 1 if offset < len(events) else at + 10**9}")]
        else:
            told += [await state_at(rest, "at:0"), await state_at(rest, "at:2001-01-01T00:00:00+01:00")]
        for state in told:
            assert canonical({"state": state["state"], "nodes": state["nodes"]}) == expected
            assert (state["project_id"], state["offset"]) == ("p", offset)


async def test_a_snapshot_is_found_by_its_id_else_the_newest_of_that_name(rest: Rest) -> None:
    await a_past(rest)
    await rest("POST", "projects", "p", "snapshots", body={"snapshot_id": "s3", "name": "s1"})

    assert (await state_at(rest, "snapshot:s1"))["offset"] == 3
    assert (await state_at(rest, "snapshot:before"))["offset"] == 6
    assert (await state_at(rest, "now"))["offset"] == 9


async def test_a_moment_that_isnt_there_is_told_by_its_field(rest: Rest) -> None:
    await a_past(rest)
    for moment, status, reason in [
        ("offset:9", 404, "not_found"),
        ("snapshot:nobody", 404, "not_found"),
        ("yesterday", 400, "moment"),
        ("at:14:02", 400, "moment"),
        ("offset:-1", 400, "range"),
        ("offset:x", 400, "moment"),
        ("snapshot:", 400, "type"),
        ("", 400, "moment"),
    ]:
        for path, field in (("state", "moment"), ("diff", "from")):
            got, body = await rest("GET", "projects", "p", path, params={field: moment})
            assert (moment, got, body["reason"], body["field"]) == (moment, status, reason, field)
    got, body = await rest("GET", "projects", "p", "diff")
    assert (got, body["reason"], body["field"]) == (400, "missing", "from")


async def test_a_moment_before_the_trimmed_boundary_is_gone(rest: Rest, connect: Connect, extension: Any) -> None:
    events = await a_past(rest)
    room = extension.manager.rooms.get("p")
    await room._store_fold()
    await extension.manager.log.trim("p", 6)
    client = await connect()

    for moment in ("offset:5", f"at:{events[4]['at']}"):
        status, body = await rest("GET", "projects", "p", "state", params={"moment": moment})
        assert (status, body["reason"], body["field"], body["trimmed"]) == (410, "trimmed", "moment", 6)
    told = await client.ask("state", project_id="p", moment={"offset": 5})

    assert (told["op"], told["code"], told["trimmed"], told["retry"]) == ("error", "trimmed", 6, False)
    for offset in (6, 7, 8):
        assert (await state_at(rest, f"offset:{offset}"))["offset"] == offset
    # What a snapshot keeps outlives its events.
    assert (await state_at(rest, "snapshot:s1"))["offset"] == 3


async def test_the_diff_of_any_two_moments_is_that_of_their_states(rest: Rest) -> None:
    events = await a_past(rest)
    trees = [fold(events[:offset]) for offset in range(len(events) + 1)]
    for start, end in [(0, 8), (3, 6), (6, 3), (4, 8), (8, 8)]:
        status, body = await rest(
            "GET", "projects", "p", "diff", params={"from": f"offset:{start}", "to": f"offset:{end}"}
        )
        assert status == 200
        assert (body.pop("project_id"), bool(body.pop("epoch"))) == ("p", True)
        assert canonical(body) == canonical(diff(trees[start], trees[end]))


async def test_the_socket_answers_state_and_diff_beside_a_subscription(rest: Rest, connect: Connect) -> None:
    await a_past(rest)
    client = await connect()
    await client.follow("p")

    state = await client.ask("state", project_id="p", moment={"snapshot": "before"})
    found = await client.ask("diff", project_id="p", **{"from": {"snapshot": "before"}, "to": None})
    newest = await client.ask("state", project_id="p")
    again = await client.ask("subscribe", project_id="p")

    assert (state["op"], state["offset"], state["part"], state["parts"]) == ("state", 6, 0, 1)
    assert [node["node_id"] for node in state["nodes"]] == ["run", "a", "b"]
    assert "rollup" not in state["nodes"][0]
    assert state["state"]["offset"] == 6
    assert TaskTree.load(state["state"], state["nodes"]).offset == 6
    assert (found["op"], found["diff"]["from"]["offset"], found["diff"]["to"]["offset"]) == ("diff", 6, 8)
    assert [entry["node_id"] for entry in found["diff"]["removed"]] == ["b"]
    assert {change["field"] for change in found["diff"]["changed"][0]["changes"]} >= {"status", "metrics.auc"}
    assert newest["offset"] == 8
    assert again["code"] == "already_subscribed"


async def test_the_socket_names_the_code_and_the_field(connect: Connect, rest: Rest) -> None:
    await a_past(rest)
    client = await connect()
    cases: list[tuple[dict[str, Any], str, str | None]] = [
        ({"op": "state", "project_id": "p", "moment": {"offset": 99}}, "not_found", "moment"),
        ({"op": "state", "project_id": "p", "moment": "now"}, "invalid", "moment"),
        ({"op": "state", "project_id": "p", "moment": {"offset": 1, "at": 2}}, "invalid", "moment"),
        ({"op": "state", "project_id": "p", "moment": {"offset": -1}}, "invalid", "moment.offset"),
        ({"op": "state", "project_id": "nobody"}, "not_found", None),
        ({"op": "state"}, "invalid", "project_id"),
        ({"op": "diff", "project_id": "p", "from": {"snapshot": "x"}}, "not_found", "from"),
        ({"op": "diff", "project_id": "p", "to": {"at": "x"}}, "invalid", "to.at"),
    ]
    for frame, code, field in cases:
        told = await client.ask(**frame)
        assert (frame, told["op"], told["code"], told.get("field")) == (frame, "error", code, field)


async def test_a_large_state_comes_in_parts_and_is_folded_in_slices(
    connect: Connect, rest: Rest, extension: Any
) -> None:
    client = await connect()
    for start in range(0, 3000, 500):
        nodes = [update(f"n{n}", title="x" * 100, parent_id="run") for n in range(start, start + 500)]
        await client.publish("p", *nodes)
    await client.publish("p", update("run", title="Run"))
    turns, asking = 0, True

    async def others() -> None:
        nonlocal turns
        while asking:
            await asyncio.sleep(0)
            turns += 1

    waiting = asyncio.ensure_future(others())
    await extension.manager.history._tree("p", await extension.manager.log.head("p"), 3000)
    asking = False
    await waiting
    first = await client.ask("state", project_id="p", moment={"offset": 3000})
    parts = [first]
    while len(parts) < first["parts"]:
        parts.append(await client.next())

    assert len(parts) > 1
    assert [part["part"] for part in parts] == list(range(len(parts)))
    assert all(part["op"] == "state" and part["ref"] == first["ref"] for part in parts)
    assert ["state" in part for part in parts] == [True] + [False] * (len(parts) - 1)
    assert sum(len(part["nodes"]) for part in parts) == 3001
    # Folding 3000 events takes many slices, between which others have their turn.
    assert turns > 5


async def test_a_diff_too_large_for_a_frame_is_refused_and_rest_has_it(
    connect: Connect, rest: Rest, extension: Any
) -> None:
    client = await connect()
    for start in range(6):
        await client.publish("p", *[update(f"n{start}.{n}", title="x" * 2000) for n in range(400)])

    told = await client.ask("diff", project_id="p", **{"from": {"offset": 0}})
    status, body = await rest("GET", "projects", "p", "diff", params={"from": "offset:0"})

    assert (told["op"], told["code"]) == ("error", "too_large")
    assert (status, body["counts"]["added"]) == (200, 2400)


async def test_recent_moments_are_kept_within_bounds(
    rest: Rest, extension: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await a_past(rest)
    made: list[int] = []
    real = fold_to

    async def counted(log: Any, project_id: str, offset: int, trimmed: int) -> Any:
        made.append(offset)
        return await real(log, project_id, offset, trimmed)

    monkeypatch.setattr(history_module, "fold_to", counted)
    monkeypatch.setattr(history_module, "KEPT_TREES", 2)
    await asyncio.gather(*(state_at(rest, "offset:3") for _ in range(5)))
    await state_at(rest, "offset:4")
    await state_at(rest, "offset:3")
    assert made == [3, 4]

    await state_at(rest, "offset:5")
    await state_at(rest, "offset:4")
    monkeypatch.setattr(history_module, "KEPT_NODES", 0)
    await state_at(rest, "offset:1")

    assert made == [3, 4, 5, 4, 1]
    assert len(extension.manager.history._kept) == 0


async def test_publishing_goes_on_while_the_past_is_looked_at(connect: Connect, rest: Rest) -> None:
    await a_past(rest)
    client = await connect()

    answers = await asyncio.gather(
        *(rest("GET", "projects", "p", "diff", params={"from": f"offset:{n % 8}"}) for n in range(20)),
        *(rest("POST", "projects", "p", "events", body=update(f"new{n}", title="N")) for n in range(20)),
    )

    assert [status for status, _ in answers] == [200] * 20 + [201] * 20
    assert (await client.ask("state", project_id="p"))["offset"] == 28


async def test_a_project_made_again_has_no_past_of_the_one_before(rest: Rest) -> None:
    await a_past(rest)
    await state_at(rest, "offset:2")
    await rest("DELETE", "projects", "p")
    for name in ("x", "y", "z"):
        await rest("POST", "projects", "p", "events", body=update(name, title="X"))

    state = await state_at(rest, "offset:2")

    assert [node["node_id"] for node in state["nodes"]] == ["x", "y"]


async def test_one_run_at_a_moment_and_the_runs_page_by_page(rest: Rest) -> None:
    for n in range(5):
        await rest(
            "POST",
            "projects",
            "p",
            "events",
            body={
                "events": [
                    update(f"run/{n}", title=f"Run {n}", created_at=f"2026-01-31T14:00:0{n}Z"),
                    update(f"run/{n}/a", parent_id=f"run/{n}", title="A"),
                ]
            },
        )
    seen: list[str] = []
    before: dict[str, Any] = {}
    while True:
        status, page = await rest("GET", "projects", "p", "missions", params={"limit": 2, **before})
        assert (status, page["total"]) == (200, 5)
        seen += [mission["mission_id"] for mission in page["missions"]]
        if page["next"] is None:
            break
        before = {"before": page["next"]}
    wrong, body = await rest("GET", "projects", "p", "missions", params={"before": "nobody"})

    assert seen == [f"run/{n}" for n in (4, 3, 2, 1, 0)]
    assert (wrong, body["field"]) == (404, "before")


def test_moments_are_read_the_same_from_frames_and_queries() -> None:
    assert parse_moment("now", "m").kind == moment_of(None, "m").kind == "now"
    assert parse_moment("offset:7", "m") == moment_of({"offset": 7}, "m") == Moment("offset", 7, "m")
    assert parse_moment("at:1970-01-01T00:00:01Z", "m") == moment_of({"at": 1_000_000}, "m")
    assert parse_moment("at:1000000", "m") == moment_of({"at": 1_000_000}, "m")
    assert parse_moment("snapshot:a:b c", "m") == moment_of({"snapshot": "a:b c"}, "m")
    nonsense: tuple[Any, ...] = (
        {},
        [],
        5,
        {"offset": True},
        {"offset": 1.5},
        {"at": None},
        {"snapshot": ""},
        {"when": 1},
    )
    for bad in nonsense:
        with pytest.raises(ProblemError):
            moment_of(bad, "m")
