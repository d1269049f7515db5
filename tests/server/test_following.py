"""Following a project: order, no hole, no double, and a resume that is honest."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tasktree_jupyter.core.tree import TaskTree
from tests.server.clients import Client, Connect, Rest, update


def numbered(first: int, last: int) -> list[dict[str, Any]]:
    return [update(f"n{number}", title=str(number)) for number in range(first, last + 1)]


def offsets(frames: list[dict[str, Any]]) -> list[int]:
    return [event["offset"] for frame in frames if frame["op"] == "events" for event in frame["events"]]


def folded(frames: list[dict[str, Any]]) -> TaskTree:
    """Fold what a subscriber was sent, snapshot first."""
    tree = TaskTree()
    nodes: list[dict[str, Any]] = []
    state: dict[str, Any] = {}
    for frame in frames:
        if frame["op"] == "snapshot":
            if frame["part"] == 0:
                state, nodes = frame["state"], []
            nodes += frame["nodes"]
            if frame["part"] == frame["parts"] - 1:
                tree = TaskTree.load(state, nodes)
        elif frame["op"] == "events":
            for event in frame["events"]:
                assert event["offset"] == tree.offset + 1
                tree.apply(event)
    return tree


def same(one: TaskTree, other: TaskTree) -> bool:
    return one.state() == other.state() and list(one.nodes()) == list(other.nodes())


async def position_of(rest: Rest, offset: int) -> dict[str, Any]:
    _, body = await rest("GET", "projects", "p", "events", params={"after": offset - 1, "limit": 1})
    return {"epoch": body["epoch"], "offset": offset, "at": body["events"][0]["at"]}


async def test_the_first_frame_is_welcome_with_the_limits(connect: Connect) -> None:
    client = await connect()

    assert client.welcome["op"] == "welcome"
    assert client.welcome["protocol"] == 1
    assert client.welcome["limits"] == {
        "max_message_bytes": 1048576,
        "max_events_per_publish": 1000,
        "max_unacked_bytes": 262144,
        "ping_interval": 20.0,
    }


async def test_from_a_snapshot_then_live(connect: Connect) -> None:
    emitting, client = await connect(), await connect()
    await emitting.publish("p", *numbered(1, 5))

    frames = await client.follow("p")
    await emitting.publish("p", *numbered(6, 7))
    frames.append(await client.next())

    assert [frame["op"] for frame in frames] == ["subscribed", "snapshot", "live", "events"]
    assert (frames[0]["recovered"], frames[0]["offset"]) == (False, 5)
    assert frames[0]["info"]["missions_total"] == 5
    assert offsets(frames) == [6, 7]
    assert len(folded(frames)) == 7


async def test_resumed_exactly_where_it_was(connect: Connect, rest: Rest) -> None:
    emitting, client = await connect(), await connect()
    await emitting.publish("p", *numbered(1, 9))

    frames = await client.follow("p", await position_of(rest, 4))

    assert frames[0]["recovered"] is True
    assert "snapshot" not in [frame["op"] for frame in frames]
    assert offsets(frames) == [5, 6, 7, 8, 9]
    assert frames[-1] == {"op": "live", "project_id": "p", "offset": 9}


async def test_resumed_at_the_head_nothing_is_sent_twice(connect: Connect, rest: Rest) -> None:
    emitting, client = await connect(), await connect()
    await emitting.publish("p", *numbered(1, 3))

    frames = await client.follow("p", await position_of(rest, 3))

    assert [frame["op"] for frame in frames] == ["subscribed", "live"]


async def test_offset_0_with_the_epoch_is_from_the_beginning(connect: Connect) -> None:
    emitting, client = await connect(), await connect()
    epoch = (await emitting.publish("p", *numbered(1, 3)))["epoch"]

    frames = await client.follow("p", {"epoch": epoch, "offset": 0})

    assert frames[0]["recovered"] is True
    assert offsets(frames) == [1, 2, 3]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [({"epoch": "another"}, "epoch"), ({"offset": 99}, "ahead"), ({"at": 12345}, "epoch")],
)
async def test_a_position_of_another_history_is_told_and_gets_the_state(
    changed: dict[str, Any], reason: str, connect: Connect, rest: Rest
) -> None:
    emitting, client = await connect(), await connect()
    await emitting.publish("p", *numbered(1, 9))
    since = await position_of(rest, 4) | changed

    frames = await client.follow("p", since)

    assert [frame["op"] for frame in frames] == ["subscribed", "resync", "snapshot", "live"]
    assert frames[0]["recovered"] is False
    assert frames[1]["reason"] == reason


async def test_an_at_of_null_isnt_compared(connect: Connect, rest: Rest) -> None:
    emitting, client = await connect(), await connect()
    await emitting.publish("p", *numbered(1, 9))

    frames = await client.follow("p", await position_of(rest, 4) | {"at": None})

    assert frames[0]["recovered"] is True


async def test_a_trimmed_position_is_told_and_gets_the_state(connect: Connect, rest: Rest, extension: Any) -> None:
    emitting, client = await connect(), await connect()
    await emitting.publish("p", *numbered(1, 9))
    since = await position_of(rest, 4)
    await extension.manager.log.trim("p", 6)

    frames = await client.follow("p", since)

    assert [frame["op"] for frame in frames] == ["subscribed", "resync", "snapshot", "live"]
    assert frames[1]["reason"] == "trimmed"
    assert len(folded(frames)) == 9


async def test_an_unknown_project_isnt_made_by_asking(connect: Connect, extension: Any) -> None:
    client = await connect()

    answer = await client.ask("subscribe", project_id="nobody")
    again = await client.ask("subscribe", project_id="nobody")

    assert (answer["op"], answer["code"], answer["retry"]) == ("error", "not_found", True)
    assert again["code"] == "not_found"
    assert await extension.manager.log.projects() == []


async def test_subscribing_twice_is_an_error_and_unsubscribing_ends_it(connect: Connect) -> None:
    emitting, client = await connect(), await connect()
    await emitting.publish("p", *numbered(1, 1))
    await client.follow("p")

    twice = await client.ask("subscribe", project_id="p")
    left = await client.ask("unsubscribe", project_id="p")
    await emitting.publish("p", *numbered(2, 2))
    again = await client.follow("p")

    assert twice["code"] == "already_subscribed"
    assert left == {"op": "unsubscribed", "ref": left["ref"], "project_id": "p"}
    assert [frame["op"] for frame in again] == ["subscribed", "snapshot", "live"]


async def test_a_deleted_project_is_gone(connect: Connect, extension: Any) -> None:
    emitting, client = await connect(), await connect()
    await emitting.publish("p", *numbered(1, 1))
    await client.follow("p")

    await extension.manager.log.delete("p")

    assert await client.next() == {"op": "gone", "project_id": "p"}
    assert (await client.ask("unsubscribe", project_id="p"))["code"] == "not_subscribed"


async def test_replay_and_live_meet_without_hole_or_double(connect: Connect) -> None:
    """Subscribers come while events stream in, from everywhere in the log."""
    emitting = await connect()
    epoch = (await emitting.publish("p", *numbered(1, 500)))["epoch"]
    stop = asyncio.Event()

    async def stream() -> int:
        number = 500
        while not stop.is_set() or number < 1000:
            frame = {"op": "publish", "ref": number, "project_id": "p", "events": numbered(number + 1, number + 7)}
            await emitting.send(frame)
            await asyncio.sleep(0.001)
            number += 7
        for ref in range(500, number, 7):
            assert (await emitting.next())["ref"] == ref
        return number

    async def follow(start: int) -> tuple[list[dict[str, Any]], Client]:
        client = await connect()
        return await client.follow("p", {"epoch": epoch, "offset": start}), client

    streaming = asyncio.ensure_future(stream())
    followers = await asyncio.gather(*(follow(start) for start in range(0, 500, 60)))
    stop.set()
    last = await streaming

    for start, (frames, client) in zip(range(0, 500, 60), followers, strict=True):
        while not (seen := offsets(frames)) or seen[-1] < last:
            frames.append(await client.next())
        assert seen == list(range(start + 1, last + 1))


async def test_a_large_state_comes_in_parts_and_is_the_fold_of_the_log(connect: Connect, rest: Rest) -> None:
    emitting, client = await connect(), await connect()
    for start in range(0, 3000, 500):
        await emitting.publish(
            "p",
            *(
                update(f"n{number}", parent_id=f"n{number // 10}" if number else None, title="t" * 100)
                for number in range(start, start + 500)
            ),
        )

    frames = await client.follow("p")
    parts = [frame for frame in frames if frame["op"] == "snapshot"]
    _, page = await rest("GET", "projects", "p", "events", params={"limit": 5000})
    _, state = await rest("GET", "projects", "p", "state")

    whole = TaskTree()
    for event in page["events"]:
        whole.apply(event)
    assert len(parts) > 2
    assert [part["part"] for part in parts] == list(range(len(parts)))
    assert all(part["parts"] == len(parts) and len(json.dumps(part)) < 140_000 for part in parts)
    assert same(folded(frames), whole)
    assert state["state"] == whole.state()
    assert state["nodes"] == list(whole.nodes(rollups=True))


async def test_two_projects_on_one_connection_dont_mix(connect: Connect) -> None:
    emitting, client = await connect(), await connect()
    await emitting.publish("a", *numbered(1, 1))
    await emitting.publish("b", *numbered(1, 2))
    await client.follow("a")
    await client.follow("b")

    await emitting.publish("a", *numbered(3, 3))
    await emitting.publish("b", *numbered(3, 3))
    frames = [await client.next() for _ in range(2)]

    assert [(frame["project_id"], frame["events"][0]["offset"]) for frame in frames] == [("a", 2), ("b", 3)]


class TestTooFarBehind:
    """More than `max_replay_events` missing: a snapshot is cheaper."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"max_replay_events": 5}

    async def test_it_gets_the_state_without_a_resync(self, connect: Connect, rest: Rest) -> None:
        emitting, client, near = await connect(), await connect(), await connect()
        await emitting.publish("p", *numbered(1, 9))

        frames = await client.follow("p", await position_of(rest, 3))
        exact = await near.follow("p", await position_of(rest, 4))

        assert [frame["op"] for frame in frames] == ["subscribed", "snapshot", "live"]
        assert frames[0]["recovered"] is False
        assert exact[0]["recovered"] is True


async def test_a_room_that_was_closed_goes_on_where_it_was(connect: Connect, extension: Any, rest: Rest) -> None:
    emitting = await connect()
    for start in range(1, 1500, 500):
        await emitting.publish("p", *numbered(start, start + 499), source="k", seq=start)
    manager = extension.manager
    await manager.rooms.close_idle(0)
    assert len(manager.rooms) == 0
    assert (await manager.log.fold_below("p", None)).offset == 1500

    answer = await emitting.publish("p", *numbered(1499, 1501), source="k", seq=1499)
    _, state = await rest("GET", "projects", "p", "state")

    assert (answer["duplicates"], answer["offset"]) == (2, 1501)
    assert (state["offset"], len(state["nodes"])) == (1501, 1501)
