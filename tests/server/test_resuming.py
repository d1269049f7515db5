"""Coming back: every position that a client may have, and cuts at any moment while events stream by."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tornado.websocket import WebSocketClosedError

from tasktree_jupyter.core.subscriber import Events, Refused, Resync, Snapshot, Subscribed, Subscriber
from tasktree_jupyter.core.tree import TaskTree
from tests.server.clients import WAIT, Client, Connect, Rest, update


def lines(first: int, last: int) -> list[dict[str, Any]]:
    """Events of which each counts: one too many or too few would be seen in the state."""
    numbers = range(first, last)
    return [{"type": "node_log", "data": {"node_id": "n", "level": "info", "message": str(each)}} for each in numbers]


async def position_at(rest: Rest, offset: int) -> dict[str, Any]:
    _, body = await rest("GET", "projects", "p", "events", params={"after": offset - 1, "limit": 1})
    return {"epoch": body["epoch"], "offset": offset, "at": body["events"][0]["at"]}


def offsets(frames: list[dict[str, Any]]) -> list[int]:
    return [event["offset"] for frame in frames if frame["op"] == "events" for event in frame["events"]]


async def restart(extension: Any, jp_serverapp: Any) -> None:
    await extension.stop_extension()
    await extension._start_jupyter_server_extension(jp_serverapp)


async def test_the_last_trimmed_position_still_resumes_exactly(connect: Connect, rest: Rest, extension: Any) -> None:
    emitting, client, older = await connect(), await connect(), await connect()
    await emitting.publish("p", update("n", title="N"), *lines(2, 10))
    at_boundary, below = await position_at(rest, 6), await position_at(rest, 5)
    await extension.manager.log.trim("p", 6)

    frames = await client.follow("p", {**at_boundary, "at": None})
    too_old = await older.follow("p", below)

    assert frames[0]["recovered"] is True
    assert offsets(frames) == [7, 8, 9]
    assert [frame.get("reason") for frame in too_old if frame["op"] == "resync"] == ["trimmed"]


async def test_the_beginning_of_another_life_is_told_as_epoch(connect: Connect) -> None:
    emitting, client = await connect(), await connect()
    await emitting.publish("p", update("n", title="N"))

    frames = await client.follow("p", {"epoch": "another", "offset": 0, "at": None})

    assert [frame["op"] for frame in frames] == ["subscribed", "resync", "snapshot", "live"]
    assert frames[1]["reason"] == "epoch"


async def test_a_project_deleted_and_made_again_while_one_was_away_is_told_as_epoch(
    connect: Connect, rest: Rest
) -> None:
    emitting = await connect()
    await emitting.publish("p", update("n", title="N"), *lines(2, 5))
    before = await position_at(rest, 4)
    await rest("DELETE", "projects", "p")

    gone = await (await connect()).ask("subscribe", project_id="p", since=before)
    await emitting.publish("p", update("n", title="again"), *lines(2, 10))
    frames = await (await connect()).follow("p", before)

    assert (gone["op"], gone["code"]) == ("error", "not_found")
    assert [frame["op"] for frame in frames] == ["subscribed", "resync", "snapshot", "live"]
    assert frames[1]["reason"] == "epoch"
    assert frames[0]["epoch"] != before["epoch"]


async def test_a_restored_backup_is_noticed_though_epoch_and_offset_fit(
    connect: Connect, rest: Rest, extension: Any, jp_serverapp: Any, data_dir: Path, tmp_path: Path
) -> None:
    await (await connect()).publish("p", update("n", title="N"), *lines(2, 5))
    await extension.stop_extension()
    shutil.copytree(data_dir, tmp_path / "backup")
    await extension._start_jupyter_server_extension(jp_serverapp)
    await (await connect()).publish("p", *lines(5, 9))
    kept, lost = await position_at(rest, 3), await position_at(rest, 7)

    await extension.stop_extension()
    shutil.rmtree(data_dir)
    shutil.copytree(tmp_path / "backup", data_dir)
    await extension._start_jupyter_server_extension(jp_serverapp)
    ahead = await (await connect()).follow("p", lost)
    await (await connect()).publish("p", *lines(100, 106))
    other = await (await connect()).follow("p", lost)
    same = await (await connect()).follow("p", kept)

    assert [frame.get("reason") for frame in ahead if frame["op"] == "resync"] == ["ahead"]
    assert [frame.get("reason") for frame in other if frame["op"] == "resync"] == ["epoch"]
    assert other[0]["epoch"] == lost["epoch"]
    # What was before the backup is the same history.
    assert offsets(same) == [4, 5, 6, 7, 8, 9, 10]


async def test_a_restart_of_the_server_costs_nothing(
    connect: Connect, rest: Rest, extension: Any, jp_serverapp: Any
) -> None:
    await (await connect()).publish("p", update("n", title="N"), *lines(2, 8))
    position = await position_at(rest, 4)

    await restart(extension, jp_serverapp)
    frames = await (await connect()).follow("p", position)

    assert (frames[0]["recovered"], offsets(frames)) == (True, [5, 6, 7])


class Wanderer:
    """A subscriber that is cut off again and again, and holds what it got."""

    def __init__(self, connect: Connect, seed: int) -> None:
        self._connect = connect
        self._draw = random.Random(seed)
        self._machine = Subscriber()
        self._machine.follow("p")
        self.tree = TaskTree()
        self.replayed = self.loaded = 0

    async def wander(self, enough: asyncio.Event) -> None:
        """Come and go until there is enough."""
        while not enough.is_set():
            client = await self._connect()
            reading = asyncio.ensure_future(self._read(client))
            # Sometimes in the middle of the replay, sometimes when it is live.
            await asyncio.wait([reading], timeout=self._draw.random() * 0.1)
            client.ws.close()
            await reading
            self._machine.closed()

    async def _read(self, client: Client) -> None:
        """Take in what comes, until it is closed."""
        await self._take(client, client.welcome)
        while (text := await client.ws.read_message()) is not None:
            with suppress(WebSocketClosedError):
                await self._take(client, json.loads(text))

    async def settle(self, last: int) -> None:
        """Come once more, and stay until everything is there."""
        client = await self._connect()
        await self._take(client, client.welcome)
        while self.tree.offset < last:
            await self._take(client, await client.next())

    async def _take(self, client: Client, frame: dict[str, Any]) -> None:
        step = self._machine.receive(frame, len(json.dumps(frame)))
        for delivery in step.deliver:
            if isinstance(delivery, Snapshot):
                assert delivery.offset >= self.tree.offset
                self.tree = TaskTree.load(delivery.state, delivery.nodes)
                self.loaded += 1
            elif isinstance(delivery, Subscribed):
                self.replayed += delivery.recovered
            elif isinstance(delivery, Events):
                for event in delivery.events:
                    assert event["offset"] == self.tree.offset + 1
                    self.tree.apply(event)
            assert not isinstance(delivery, Resync | Refused)
        for answer in step.send:
            # It would mend a hole by asking again: there is to be none to mend.
            assert answer["op"] != "unsubscribe"
            await client.send(answer)


class TestCuts:
    """Subscribers are cut off at any moment while events stream by; some then have missed too much for a replay."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"max_replay_events": 10}

    @pytest.mark.parametrize("seed", [1, 2])
    async def test_no_hole_and_no_double(self, seed: int, connect: Connect) -> None:
        emitting, enough = await connect(), asyncio.Event()
        await emitting.publish("p", update("n", title="N"))
        wanderers = [Wanderer(connect, 100 * seed + number) for number in range(8)]
        wandering = [asyncio.ensure_future(each.wander(enough)) for each in wanderers]

        def both_ways() -> bool:
            """Whether some came back by a replay, and some by a state."""
            return any(each.replayed for each in wanderers) and sum(each.loaded for each in wanderers) > len(wanderers)

        last, draw = 1, random.Random(seed)
        while last < 1500 or not both_ways():
            # Few at a time in the end, so that one who comes back quickly has missed little.
            count = draw.randrange(1, 40 if last < 1500 else 3)
            answer = await emitting.publish("p", *lines(last + 1, last + 1 + count))
            last = answer["offset"]
        enough.set()
        await asyncio.wait_for(asyncio.gather(*wandering), WAIT)
        await asyncio.wait_for(asyncio.gather(*(each.settle(last) for each in wanderers)), WAIT)

        for each in wanderers:
            assert each.tree.offset == last
            (node,) = each.tree.nodes()
            assert node["log"]["counts"] == {"info": last - 1}
