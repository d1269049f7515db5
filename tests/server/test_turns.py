"""Large answers are made one at a time; meanwhile nobody's publishing waits for the answers of others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.server.clients import Client, Connect, Rest, until, update


class Others:
    """Those whose answers are being made when somebody asks."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.done = asyncio.Event()

    @asynccontextmanager
    async def making(self) -> AsyncIterator[None]:
        self.asked.set()
        await self.done.wait()
        yield


async def others_first(extension: Any, monkeypatch: pytest.MonkeyPatch) -> Others:
    """From now on, who asks for a large answer comes after others."""
    await extension.ready()
    others = Others()
    monkeypatch.setattr(extension.manager.answers, "making", others.making)
    return others


async def over_rest(rest: Rest, *path: str, **params: str) -> Any:
    _, body = await rest("GET", "projects", *path, params=params)
    return body


Ask = Callable[[Rest, Client, str], Awaitable[Any]]
WAYS: dict[str, Ask] = {
    "state": lambda rest, _, project_id: over_rest(rest, project_id, "state"),
    "run": lambda rest, _, project_id: over_rest(rest, project_id, "missions", "run"),
    "socket": lambda _, client, project_id: client.ask("state", project_id=project_id, moment=None),
    "last": lambda rest, _, project_id: over_rest(rest, project_id, "state", moment="offset:1"),
}


async def test_who_waits_to_be_told_a_state_holds_up_no_publish_and_is_told_the_newest(
    connect: Connect, rest: Rest, extension: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, reader = await connect(), await connect()
    for project_id, ask in WAYS.items():
        others = await others_first(extension, monkeypatch)
        await client.publish(project_id, update("run", title="before"))
        asking = asyncio.ensure_future(ask(rest, reader, project_id))
        await others.asked.wait()

        answer = await client.publish(project_id, update("run", title="after"))
        others.done.set()

        assert answer["op"] == "published"
        told = await asking
        expected = (1, "before") if project_id == "last" else (2, "after")
        assert (told["offset"], told["nodes"][0]["title"]) == expected


async def test_a_project_that_is_deleted_while_somebody_waits_for_its_state_is_told_as_not_there(
    connect: Connect, rest: Rest, extension: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await connect()
    others = await others_first(extension, monkeypatch)
    await client.publish("p", update("run", title="R"))
    asking = asyncio.ensure_future(rest("GET", "projects", "p", "state"))
    await others.asked.wait()

    await rest("DELETE", "projects", "p")
    await until(lambda: not extension.manager.rooms.find("p").exists)
    others.done.set()

    status, body = await asking
    assert (status, body["reason"]) == (404, "not_found")
