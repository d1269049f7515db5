"""What is larger than all that may wait for a connection comes through all the same, where nothing waits before it."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest

from tasktree_jupyter.storage.log import Batch, NewEvent
from tests.server.clients import Client, Connect, Plain, PlainClient, update

LAG = 128 * 1024


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"max_lag_bytes": LAG, "max_message_bytes": LAG, "max_unacked_bytes": 64 * 1024}


async def fat_node(emitting: Client, project_id: str) -> None:
    """One task whose params grow by patches, each within all bounds."""
    for number in range(4):
        changes = {"title": "fat", "params": {f"k{number}": "x" * (LAG // 2)}}
        assert (await emitting.publish(project_id, update("fat", **changes)))["rejected"] == []


async def many_tombstones(emitting: Client, project_id: str) -> None:
    """Old runs that were removed: their ids stay."""
    for run in range(20):
        tasks = [update(f"{run}/{number}" + "x" * 80, title="t", parent_id=f"run{run}") for number in range(100)]
        await emitting.publish(project_id, update(f"run{run}", title="Run"), *tasks)
        await emitting.publish(project_id, removal(f"run{run}"))


def removal(node_id: str) -> dict[str, Any]:
    return {"type": "node_update", "data": {"node_id": node_id, "changes": None}}


async def many_roots(emitting: Client, project_id: str) -> None:
    """Each stands in the state, beside its node."""
    for start in range(0, 2000, 500):
        roots = [update(f"{number:05d}" + "x" * 80, status="ready") for number in range(start, start + 500)]
        await emitting.publish(project_id, *roots)


STATES = (fat_node, many_tombstones, many_roots)


def narrow(*streams: Any) -> None:
    """Let hardly anything fit between the two ends."""
    for stream in streams:
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            stream.socket.setsockopt(socket.SOL_SOCKET, option, 16 * 1024)


async def narrowed(connect: Connect, extension: Any) -> Client:
    """A client that gets only what it reads."""
    before = set(extension.manager._connections)
    client = await connect()
    (connection,) = set(extension.manager._connections) - before
    narrow(connection.socket.stream_if_open, client.ws.protocol.stream)
    return client


@pytest.mark.parametrize("state", STATES)
async def test_a_project_whose_state_is_one_large_frame_can_be_opened(connect: Connect, state: Any) -> None:
    emitting, client = await connect(), await connect()
    await state(emitting, "p")

    frames = await client.follow("p")
    answer = [await client.ask("state", project_id="p", moment=None)]

    assert max(len(json.dumps(frame)) for frame in frames) > LAG
    assert frames[-1]["op"] == "live"
    assert answer[0]["op"] == "state"


async def test_several_such_projects_in_one_tab_take_their_turns(connect: Connect, extension: Any) -> None:
    emitting, client = await connect(), await narrowed(connect, extension)
    names = [state.__name__ for state in STATES] + ["small"]
    for state in STATES:
        await state(emitting, state.__name__)
    await emitting.publish("small", update("a", title="A"))

    for ref, name in enumerate(names):
        await client.send({"op": "subscribe", "ref": ref, "project_id": name, "since": None})
    live: set[str] = set()
    while len(live) < len(names):
        frame = await client.next()
        if frame["op"] == "snapshot":
            await client.ack(frame["project_id"], frame["offset"])
        elif frame["op"] == "live":
            live.add(frame["project_id"])

    await emitting.publish("small", update("b", title="B"))
    assert (await client.until("events"))[-1]["events"][0]["data"]["node_id"] == "b"


async def test_a_long_list_of_projects_waits_its_turn_too(
    connect: Connect, extension: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    emitting, client = await connect(), await narrowed(connect, extension)
    await fat_node(emitting, "p")

    async def infos(_: Any) -> list[dict[str, Any]]:
        return [{"project_id": "p", "title": "x" * 3 * LAG}]

    monkeypatch.setattr(extension.manager.projects, "infos", infos)
    await client.send({"op": "subscribe", "ref": 1, "project_id": "p", "since": None})
    await extension.manager.rooms.get("p").snapshot()
    await client.send({"op": "ping"})
    await client.send({"op": "watch", "ref": 2})

    frames = await client.until("projects")
    assert {"snapshot", "pong"} < {frame["op"] for frame in frames}
    assert len(frames[-1]["projects"][0]["title"]) == 3 * LAG


async def appended(extension: Any, project_id: str, size: int) -> None:
    """An event that another server took, whose bound is higher; it was delivered when this returns."""
    body = {"type": "x", "project_id": project_id, "data": {"x": "x" * size}, "timestamp": "2026-01-31T14:02:11Z"}
    event = NewEvent(None, json.dumps(body | {"source": None, "seq": None}).encode()[:-1])
    await extension.manager.log.append(project_id, [Batch(None, None, None, [event])], now=1)
    await extension.manager.rooms.get(project_id).refresh()


async def sizes(client: PlainClient, count: int) -> list[int]:
    return [len((await client.next())["data"]["x"]) for _ in range(count)]


async def test_an_event_larger_than_the_bound_reaches_a_plain_client_and_one_may_wait_behind_it(
    connect: Connect, plain: Plain, extension: Any
) -> None:
    await (await connect()).publish("p", update("a", title="A"))
    client = await plain("p")
    (connection,) = extension.manager.active_connections["p"]
    narrow(connection.socket.stream_if_open, client.ws.protocol.stream)
    wanted = [3 * LAG, 4 * LAG]

    for size in wanted:
        await appended(extension, "p", size)

    assert connection.buffered_bytes > 6 * LAG
    assert await sizes(client, 2) == wanted
    assert await connection.drained()
    assert connection.buffered_bytes == 0


async def test_what_waits_behind_that_is_bounded(connect: Connect, plain: Plain, extension: Any) -> None:
    await (await connect()).publish("p", update("a", title="A"))
    client = await plain("p")
    (connection,) = extension.manager.active_connections["p"]
    narrow(connection.socket.stream_if_open, client.ws.protocol.stream)

    for _ in range(3):
        await appended(extension, "p", 3 * LAG)

    assert await client.closed() == 4001
    assert connection.buffered_bytes == 0


class TestBoundsThatContradictEachOther:
    """A single message must have room."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"max_message_bytes": 8_000_000, "max_lag_bytes": 100_000}

    async def test_as_much_may_wait_as_a_message_has_and_the_log_says_so(
        self, extension: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        await extension.ready()

        records = caplog.get_records("setup") + caplog.get_records("call")
        lines: list[Any] = [record for record in records if hasattr(record, "tasktree")]
        (line,) = [line for line in lines if line.tasktree["event"] == "limits.raised"]

        assert extension.limits.max_lag_bytes == 8_000_000
        assert "max_message_bytes" in line.getMessage()
        assert line.levelname == "WARNING"
