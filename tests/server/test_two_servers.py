"""Two servers of one user on one folder: each follows the log, not its own appends."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tasktree_jupyter.core.tree import TaskTree
from tasktree_jupyter.server.folding import encode_state
from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.manager import WebSocketManager
from tasktree_jupyter.server.publication import Published, parse_publication
from tasktree_jupyter.server.room import Room
from tasktree_jupyter.storage.log import Batch, Head, NewEvent, NoSuchProject, StorageError
from tasktree_jupyter.storage.sqlite import SqliteLog
from tests.server.clients import WAIT, Connect, Plain, PlainClient, Rest, update


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"follow_interval": 0.1}


class Other:
    """A second server's inside on the same folder: an engine, rooms and a manager of its own."""

    def __init__(self, data_dir: Path) -> None:
        self.log = SqliteLog(data_dir)
        self.manager = WebSocketManager(self.log, Limits(), logging.getLogger("other"))

    async def __aenter__(self) -> WebSocketManager:
        await self.log.start()
        return self.manager

    async def __aexit__(self, *exc: object) -> None:
        await self.manager.stop()
        await self.log.close()


async def _state(room: Room) -> bytes:
    async with room.reading() as tree:
        return b"".join(await encode_state(tree, room.project_id, room.epoch))


async def test_what_the_other_appends_is_delivered_in_order(connect: Connect, data_dir: Path, rest: Rest) -> None:
    client = await connect()
    await client.publish("p", update("a", title="A"))
    await client.follow("p")

    async with Other(data_dir) as other:
        for number in range(10):
            await other.publish_envelopes("p", [update(f"theirs{number}", title="x")])
            await client.send(
                {"op": "publish", "ref": -1, "project_id": "p", "events": [update(f"ours{number}", title="x")]}
            )
        frames: list[dict[str, Any]] = []
        while len(events := [e for f in frames if f["op"] == "events" for e in f["events"]]) < 20:
            frames.append(await client.next())
        theirs = await _state(await _room(other, "p"))

    _, ours = await rest("GET", "projects", "p", "state")
    assert [event["offset"] for event in events] == list(range(2, 22))
    assert {event["data"]["node_id"][:4] for event in events} == {"thei", "ours"}
    assert len(ours["nodes"]) == 21
    decoded = msgspec.json.decode(theirs)
    assert decoded["state"] == ours["state"]
    assert decoded["nodes"] == ours["nodes"]


async def _room(manager: WebSocketManager, project_id: str) -> Any:
    room = manager.rooms.get(project_id)
    await room.ready()
    return room


async def test_a_source_may_go_on_at_the_other_server(connect: Connect, data_dir: Path) -> None:
    client = await connect()
    snapshot = {"type": "mission_snapshot", "data": {"snapshot_id": "s"}}
    await client.publish("p", update("a", title="A"), source="k", seq=1)
    async with Other(data_dir) as other:
        frame = {"project_id": "p", "source": "k", "seq": 1, "events": [update("a", title="A"), snapshot]}
        publication = parse_publication(frame, limits=Limits(), now=1, careful=False, size=0)
        outcome = await other.publish_and_wait(publication)
        assert isinstance(outcome, Published)
        assert (outcome.upto, outcome.duplicates) == (2, 1)
        frames = await client.follow("p")
        while not any(frame["op"] == "events" or frame.get("offset") == 2 for frame in frames):
            frames.append(await client.next())

        again = await client.publish("p", update("a", title="A"), snapshot, source="k", seq=1)

    assert (again["upto"], again["duplicates"], again["rejected"]) == (2, 2, [])


async def test_a_plain_client_for_everything_hears_of_the_others_projects(
    plain: Plain, connect: Connect, data_dir: Path
) -> None:
    emitting = await connect()
    await emitting.publish("known", update("before", title="x"))
    simple = await plain()
    await emitting.publish("known", update("ours", title="x"))
    assert (await simple.next())["data"]["node_id"] == "ours"

    async with Other(data_dir) as other:
        await other.publish_envelopes("known", [update("theirs", title="x")])
        assert (await simple.next())["data"]["node_id"] == "theirs"
        await other.publish_envelopes("new", [update("first", title="x")])
        await other.publish_envelopes("new", [update("second", title="x")])

    got = [await simple.next() for _ in range(2)]
    assert [(event["project_id"], event["data"]["node_id"]) for event in got] == [("new", "first"), ("new", "second")]


async def test_a_cold_project_that_the_other_writes_to_is_delivered_from_there(
    plain: Plain, connect: Connect, data_dir: Path, extension: Any
) -> None:
    emitting = await connect()
    await emitting.publish("cold", update("old", title="x"))
    await extension.manager.rooms.close_idle(0)
    simple = await plain()
    watching = await connect()
    await watching.ask("watch")

    async with Other(data_dir) as other:
        await asyncio.sleep(0.3)
        await other.publish_envelopes("cold", [update("new", title="x")])
        got = await simple.next()

    assert got["data"]["node_id"] == "new"
    frame = await watching.next()
    assert [info["offset"] for info in frame["projects"]] == [2]


async def looked(extension: Any) -> None:
    """Wait until this server knows what there was before it began to look out."""
    for _ in range(1000):
        if extension.manager.projects.delivered("none of these") is not None:
            return
        await asyncio.sleep(WAIT / 1000)
    pytest.fail("it doesn't look out")


async def titles(simple: PlainClient, count: int) -> list[str]:
    return [(await simple.next())["data"]["changes"]["title"] for _ in range(count)]


async def test_who_follows_all_gets_a_new_project_whole_also_if_somebody_opens_it_before_it_was_seen(
    plain: Plain, data_dir: Path, extension: Any
) -> None:
    simple = await plain()
    await looked(extension)
    async with Other(data_dir) as other:
        await other.publish_envelopes("new", [update("a", title="first"), update("b", title="second")])
        async with extension.manager.rooms.hold("new"):
            assert await titles(simple, 2) == ["first", "second"]


async def test_who_follows_all_gets_what_was_made_anew_also_if_somebody_opens_it_before_it_was_seen(
    plain: Plain, connect: Connect, data_dir: Path, extension: Any
) -> None:
    await (await connect()).publish("p", *(update(f"old{number}", title="old") for number in range(5)))
    await extension.manager.rooms.close_idle(0)
    simple = await plain()
    await looked(extension)
    async with Other(data_dir) as other:
        await other.publish_envelopes("p", [update("old0", title="older")])
        assert await titles(simple, 1) == ["older"]
        await extension.manager.rooms.close_idle(0)
        await other.log.delete("p")
        await other.publish_envelopes("p", [update("a", title="new"), update("b", title="newer")])
        async with extension.manager.rooms.hold("p"):
            assert await titles(simple, 2) == ["new", "newer"]


async def test_who_follows_all_gets_later_what_could_not_be_read_at_first(
    plain: Plain, connect: Connect, data_dir: Path, extension: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await (await connect()).publish("p", update("a", title="old"))
    await extension.manager.rooms.close_idle(0)
    simple = await plain()
    await looked(extension)
    tried = asyncio.Event()

    async def fail(*_: object) -> None:
        tried.set()
        raise StorageError("the disk is on fire")

    async with Other(data_dir) as other:
        with monkeypatch.context() as broken:
            broken.setattr("tasktree_jupyter.server.room.load_tree", fail)
            async with asyncio.timeout(WAIT):
                envelope = update("a", title="unread") | {"timestamp": "2026-01-31T14:02:11Z"}
                event = NewEvent(None, msgspec.json.encode(envelope)[:-1])
                await other.log.append("p", [Batch(None, None, None, [event])], now=1)
                await tried.wait()
        await other.publish_envelopes("p", [update("a", title="read")])
        assert await titles(simple, 2) == ["unread", "read"]


async def test_a_project_that_the_other_deleted_is_gone_and_may_come_again(connect: Connect, data_dir: Path) -> None:
    client = await connect()
    await client.publish("p", update("a", title="A"))
    await client.follow("p")

    async with Other(data_dir) as other:
        await other.log.delete("p")
        assert await client.next() == {"op": "gone", "project_id": "p"}
        await other.publish_envelopes("p", [update("b", title="B")])

    frames = await client.follow("p")
    assert [node["node_id"] for node in frames[1]["nodes"]] == ["b"]


async def test_a_project_deleted_over_rest_is_gone_on_the_other_server_too(
    connect: Connect, data_dir: Path, rest: Rest
) -> None:
    client = await connect()
    async with Other(data_dir) as other:
        await other.publish_envelopes("p", [update("a", title="A")])
        told: asyncio.Queue[Head | None] = asyncio.Queue()
        room = await _room(other, "p")
        stop = other.log.follow("p", told.put_nowait)
        assert await asyncio.wait_for(told.get(), WAIT) is not None
        await client.follow("p")

        assert (await rest("DELETE", "projects", "p"))[0] == 204

        assert await client.next() == {"op": "gone", "project_id": "p"}
        assert await asyncio.wait_for(told.get(), WAIT) is None
        stop()
        await room.refresh()
        assert not room.exists
        with pytest.raises(NoSuchProject):
            await _state(room)


async def test_a_project_deleted_and_made_again_at_once_is_told_as_another_epoch(
    connect: Connect, data_dir: Path, rest: Rest
) -> None:
    client = await connect()
    before = await client.publish("p", update("a", title="A"), update("b", title="B"))
    await client.follow("p")

    async with Other(data_dir) as other:
        await other.log.delete("p")
        await other.publish_envelopes("p", [update("c", title="C")])
        first = await client.next()
        if first["op"] == "gone":
            await client.follow("p")
        else:
            assert first == {"op": "resync", "project_id": "p", "reason": "epoch"}
        _, state = await rest("GET", "projects", "p", "state")

    assert state["epoch"] != before["epoch"]
    assert [node["node_id"] for node in state["nodes"]] == ["c"]


async def test_what_only_the_log_can_know_is_flagged_the_same_on_both(
    connect: Connect, data_dir: Path, rest: Rest
) -> None:
    """Both take a move that is a cycle only together with the other's: the log decides."""
    client = await connect()
    await client.publish("p", update("a", title="A"), update("b", title="B"))
    async with Other(data_dir) as other:
        room = await _room(other, "p")
        await asyncio.gather(
            client.publish("p", update("a", parent_id="b")),
            other.publish_envelopes("p", [update("b", parent_id="a")]),
            return_exceptions=True,
        )
        _, ours = await rest("GET", "projects", "p", "state")
        theirs = msgspec.json.decode(await _state(room))

    whole = TaskTree()
    _, page = await rest("GET", "projects", "p", "events")
    for event in page["events"]:
        whole.apply(event)
    assert ours["state"] == theirs["state"] == whole.state()
