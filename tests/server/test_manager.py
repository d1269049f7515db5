"""`WebSocketManager` by the names of the service it is modelled on: what each method promises to who calls it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tasktree_jupyter.core.events import WebSocketMessage
from tasktree_jupyter.core.shape import ProblemError
from tasktree_jupyter.server.manager import WebSocketManager
from tests.server.clients import Connect, Plain, PlainClient, Rest, update

WHEN = "2026-01-31T14:02:11.000000Z"


def message(text: str, project_id: str | None = None) -> WebSocketMessage:
    when = datetime(2026, 1, 31, 14, 2, 11, tzinfo=UTC)
    return WebSocketMessage(type="notice", project_id=project_id, data={"text": text}, timestamp=when)


async def manager_of(extension: Any) -> WebSocketManager:
    await extension.ready()
    manager: WebSocketManager = extension.manager
    return manager


async def taken_in(client: PlainClient) -> PlainClient:
    """Wait until the server holds the connection: what it answers comes after that."""
    await client.send("no JSON")
    assert (await client.next())["type"] == "error"
    return client


async def test_a_connection_is_held_under_the_projects_it_follows(
    plain: Plain, connect: Connect, extension: Any
) -> None:
    held = (await manager_of(extension)).active_connections
    await taken_in(await plain("a", "b"))
    await taken_in(await plain())
    ours = await connect()
    assert {key: len(connections) for key, connections in held.items()} == {"a": 1, "b": 1, None: 2}

    await ours.publish("a", update("n", title="x"))
    await ours.follow("a")

    assert {key: len(connections) for key, connections in held.items()} == {"a": 2, "b": 1, None: 1}


async def test_disconnect_takes_a_connection_out_everywhere_and_again_does_nothing(
    plain: Plain, extension: Any
) -> None:
    manager = await manager_of(extension)
    await taken_in(await plain("a", "b"))
    (connection,) = manager.active_connections["a"]

    manager.disconnect(connection)
    manager.disconnect(connection)

    assert (manager.active_connections, manager.number_of_connections) == ({}, 0)


async def test_a_personal_message_reaches_that_client_alone(plain: Plain, extension: Any) -> None:
    manager = await manager_of(extension)
    first = await taken_in(await plain("p"))
    (connection,) = manager.active_connections["p"]
    second = await taken_in(await plain("p"))

    assert manager.send_personal_message('{"type": "hello"}', connection)
    assert manager.send_personal_message({"type": "again"}, connection)
    await manager.broadcast_to_project("p", message("for both"))

    assert [(await first.next())["type"] for _ in range(3)] == ["hello", "again", "notice"]
    assert (await second.next())["type"] == "notice"


async def test_a_personal_message_to_a_dead_connection_says_so(plain: Plain, extension: Any) -> None:
    await taken_in(await plain("p"))
    (connection,) = extension.manager.active_connections["p"]
    connection.socket.stream_if_open.close()

    assert not extension.manager.send_personal_message("{}", connection)


async def test_a_broadcast_without_project_reaches_every_connection(plain: Plain, extension: Any) -> None:
    clients = [await taken_in(await plain("a")), await taken_in(await plain("b")), await taken_in(await plain())]

    await extension.manager.broadcast(message("hello"))

    expected = {"type": "notice", "project_id": None, "data": {"text": "hello"}, "timestamp": WHEN}
    assert [await client.next() for client in clients] == [expected] * 3


async def test_a_broadcast_to_a_project_carries_its_id_and_reaches_no_other(plain: Plain, extension: Any) -> None:
    manager = await manager_of(extension)
    here, elsewhere = await taken_in(await plain("a")), await taken_in(await plain("b"))

    await manager.broadcast_to_project("a", message("to a", project_id="b"))
    await manager.broadcast_to_project("b", {"type": "notice", "data": {"text": "to b"}})

    assert await here.next() == {"type": "notice", "project_id": "a", "data": {"text": "to a"}, "timestamp": WHEN}
    assert (await elsewhere.next())["data"] == {"text": "to b"}


async def test_a_broadcast_that_nobody_hears_is_stored_all_the_same(extension: Any, rest: Rest) -> None:
    manager = await manager_of(extension)

    await manager.broadcast(message("hello", project_id="p"))

    status, page = await rest("GET", "projects", "p", "events")
    assert (status, [event["data"] for event in page["events"]]) == (200, [{"text": "hello"}])


async def test_an_invalid_broadcast_is_refused_by_field(extension: Any) -> None:
    manager = await manager_of(extension)

    with pytest.raises(ProblemError) as caught:
        await manager.broadcast({"type": "node_update", "project_id": "p", "data": {"node_id": 7}})

    assert caught.value.problem.field == "data.node_id"


async def test_what_is_published_together_is_delivered_in_one_frame(connect: Connect) -> None:
    emitting, watching = await connect(), await connect()
    await emitting.publish("p", update("a", title="A"))
    await watching.follow("p")

    await emitting.publish("p", *(update("a", progress=step / 10) for step in range(5)))

    frame = await watching.next()
    assert [event["data"]["changes"]["progress"] for event in frame["events"]] == [0, 0.1, 0.2, 0.3, 0.4]
