"""A slow subscriber costs a bounded amount of memory, learns the truth when it reads again, and delays nobody."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from tests.server.clients import WAIT, Client, Connect, Plain, PlainClient, update

MAX_UNACKED = 64 * 1024


def sized(number: int, size: int = 8000) -> dict[str, Any]:
    return update(f"n{number % 50}", title=str(number), params={"text": "x" * size})


def offsets(frames: list[dict[str, Any]]) -> list[int]:
    return [event["offset"] for frame in frames if frame["op"] == "events" for event in frame["events"]]


async def events_until(client: Client, offset: int, *, ack: bool) -> list[dict[str, Any]]:
    frames: list[dict[str, Any]] = []
    while not (seen := offsets(frames)) or seen[-1] < offset:
        frames.append(await client.next())
        if ack and frames[-1]["op"] == "events":
            await client.ack("p", frames[-1]["events"][-1]["offset"])
    return frames


async def silence(client: Client) -> bool:
    """Whether nothing but answers to our own questions comes: a ping is answered after all that was sent before."""
    await client.send({"op": "ping"})
    return bool((await client.next())["op"] == "pong")


class TestSlowSubscriber:
    """Who doesn't acknowledge isn't sent more than `max_unacked_bytes`."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"max_unacked_bytes": MAX_UNACKED}

    async def stalled(self, emitting: Client, slow: Client, events: int) -> list[dict[str, Any]]:
        """Let a subscriber fall behind, and return what it was sent until it got no more."""
        await emitting.publish("p", sized(0))
        await slow.follow("p")
        for start in range(1, events, 5):
            await emitting.publish("p", *(sized(number) for number in range(start, start + 5)))
        await slow.send({"op": "ping"})
        return (await slow.until("pong"))[:-1]

    async def test_it_is_sent_no_more_than_the_bound(self, connect: Connect) -> None:
        emitting, slow = await connect(), await connect()

        frames = await self.stalled(emitting, slow, 100)

        size = sum(len(event["data"]["changes"]["params"]["text"]) for frame in frames for event in frame["events"])
        assert 0 < size <= MAX_UNACKED
        seen = offsets(frames)
        assert seen == list(range(2, 2 + len(seen)))
        assert await silence(slow)

    async def test_others_get_everything_meanwhile(self, connect: Connect) -> None:
        emitting, slow, quick = await connect(), await connect(), await connect()
        await emitting.publish("p", sized(0))
        await slow.follow("p")
        await quick.follow("p")
        following = asyncio.ensure_future(events_until(quick, 101, ack=True))

        for start in range(1, 101, 5):
            await emitting.publish("p", *(sized(number) for number in range(start, start + 5)))

        assert offsets(await asyncio.wait_for(following, WAIT)) == list(range(2, 102))

    async def test_far_behind_it_gets_resync_slow_and_the_state(self, connect: Connect) -> None:
        emitting, slow = await connect(), await connect()
        frames = await self.stalled(emitting, slow, 400)

        await slow.ack("p", offsets(frames)[-1])
        after = [await slow.next()]
        while after[-1]["op"] != "live":
            after.append(await slow.next())
            if after[-1]["op"] == "snapshot":
                await slow.ack("p", after[-1]["offset"])

        assert after[0] == {"op": "resync", "project_id": "p", "reason": "slow"}
        snapshots = [frame for frame in after if frame["op"] == "snapshot"]
        assert snapshots[0]["offset"] == 401
        assert {node["title"] for part in snapshots for node in part["nodes"]} == {str(n) for n in range(351, 401)}
        await emitting.publish("p", sized(401))
        assert offsets([await slow.next()]) == [402]

    async def test_a_little_behind_it_gets_the_missing_events(self, connect: Connect) -> None:
        emitting, slow = await connect(), await connect()
        frames = await self.stalled(emitting, slow, 30)
        seen = offsets(frames)
        assert seen[-1] < 31

        await slow.ack("p", seen[-1])
        after = await events_until(slow, 31, ack=True)

        assert [frame["op"] for frame in after if frame["op"] not in ("events", "live")] == []
        assert offsets(frames + after) == list(range(2, 32))

    async def test_an_event_larger_than_the_bound_comes_through(self, connect: Connect) -> None:
        emitting, client = await connect(), await connect()
        await emitting.publish("p", sized(0))
        await client.follow("p")

        await client.ack("p", 1)
        await emitting.publish("p", sized(1, 500_000))
        frames = await events_until(client, 2, ack=True)
        await emitting.publish("p", sized(2))
        frames += await events_until(client, 3, ack=True)

        assert offsets(frames) == [2, 3]

    async def test_who_has_less_than_a_quarter_of_the_bound_to_acknowledge_gets_the_next_event_however_large(
        self, connect: Connect
    ) -> None:
        emitting, client = await connect(), await connect()
        await emitting.publish("p", sized(0))
        await client.follow("p")
        await client.ack("p", 1)

        await emitting.publish("p", sized(1, MAX_UNACKED // 4 - 500))
        await emitting.publish("p", sized(2, MAX_UNACKED))

        assert offsets(await events_until(client, 3, ack=False)) == [2, 3]

    async def test_a_replay_waits_for_acknowledgements_too(self, connect: Connect) -> None:
        emitting, client = await connect(), await connect()
        epoch = (await emitting.publish("p", sized(0)))["epoch"]
        for start in range(1, 100, 5):
            await emitting.publish("p", *(sized(number) for number in range(start, start + 5)))

        await client.send(
            {"op": "subscribe", "ref": 1, "project_id": "p", "since": {"epoch": epoch, "offset": 0, "at": None}}
        )
        first = [await client.next()]
        while len(offsets(first)) < 5:
            first.append(await client.next())
        await client.send({"op": "ping"})
        first += (await client.until("pong"))[:-1]
        seen = offsets(first)
        assert seen[-1] * 8000 <= MAX_UNACKED

        await client.ack("p", seen[-1])
        rest = await events_until(client, 101, ack=True)

        assert seen + offsets(rest) == list(range(1, 102))

    async def test_a_replay_reads_no_more_of_the_log_than_it_sends(
        self, connect: Connect, extension: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        emitting, client = await connect(), await connect()
        epoch = (await emitting.publish("p", sized(0)))["epoch"]
        for start in range(1, 100, 5):
            await emitting.publish("p", *(sized(number) for number in range(start, start + 5)))
        log = extension.manager.log
        pages: list[list[bytes]] = []
        read = log.read

        async def counted(*given: Any, **more: Any) -> list[bytes]:
            pages.append(await read(*given, **more))
            return pages[-1]

        monkeypatch.setattr(log, "read", counted)
        await client.send({"op": "subscribe", "ref": 1, "project_id": "p", "since": {"epoch": epoch, "offset": 0}})
        frames = [await client.next()]
        while len(offsets(frames)) < 5:
            frames.append(await client.next())
        await client.send({"op": "ping"})
        frames += (await client.until("pong"))[:-1]

        assert sum(map(len, pages)) == len(offsets(frames)) < 10
        assert max(sum(map(len, page)) for page in pages) <= MAX_UNACKED // 2

    async def test_a_state_larger_than_the_bound_comes_whole(self, connect: Connect) -> None:
        emitting, client = await connect(), await connect()
        for start in range(0, 50, 5):
            await emitting.publish("p", *(sized(number) for number in range(start, start + 5)))

        frames = await client.follow("p")
        await emitting.publish("p", sized(50))
        assert await silence(client)
        await client.ack("p", 50)
        frames += await events_until(client, 51, ack=True)

        assert len([frame for frame in frames if frame["op"] == "snapshot"]) > 2
        assert offsets(frames) == [51]


class TestSlowPlainClient:
    """It can't acknowledge: past the bound it is closed, and told to come back."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"max_lag_bytes": 256 * 1024, "max_message_bytes": 128 * 1024}

    async def narrow(self, plain: Plain, extension: Any) -> tuple[PlainClient, Any]:
        """A plain client between which and the server hardly anything fits, and the server's connection to it."""
        client = await plain("p")
        (connection,) = extension.manager.active_connections["p"]
        for stream, option in (
            (connection.socket.stream_if_open, socket.SO_SNDBUF),
            (client.ws.protocol.stream, socket.SO_RCVBUF),
        ):
            stream.socket.setsockopt(socket.SOL_SOCKET, option, 16 * 1024)
        return client, connection

    async def test_it_is_closed_with_4001_and_the_others_go_on(
        self, plain: Plain, connect: Connect, extension: Any
    ) -> None:
        slow, connection = await self.narrow(plain, extension)
        quick, emitting = await plain("p"), await connect()
        wanted = 60

        async def take() -> int:
            for _ in range(wanted):
                await quick.next()
            return wanted

        taking = asyncio.ensure_future(take())
        for number in range(wanted):
            await emitting.publish("p", sized(number, 20_000))

        assert await asyncio.wait_for(taking, WAIT) == wanted
        assert await slow.closed() == 4001
        assert len(extension.manager.active_connections["p"]) == 1
        assert connection.buffered_bytes == 0

    async def behind(self, plain: Plain, connect: Connect, extension: Any) -> tuple[PlainClient, Any]:
        """A plain client for whom most of a hundred events wait, and the server's connection to it."""
        slow, connection = await self.narrow(plain, extension)
        emitting = await connect()
        for number in range(100):
            await emitting.publish("p", sized(number, 2000))
        return slow, connection

    async def titles(self, client: PlainClient) -> list[str]:
        return [(await client.next())["data"]["changes"]["title"] for _ in range(100)]

    async def test_within_the_bound_it_gets_all_in_order_and_costs_the_server_one_write_at_a_time(
        self, plain: Plain, connect: Connect, extension: Any
    ) -> None:
        slow, connection = await self.behind(plain, connect, extension)

        stream = connection.socket.stream_if_open
        assert connection.backlogged
        assert 64 * 1024 < connection.buffered_bytes <= 256 * 1024
        assert len(stream._write_futures) == 1
        assert await self.titles(slow) == [str(number) for number in range(100)]
        assert await connection.drained()
        assert connection.buffered_bytes == 0

    async def test_what_waits_is_sent_before_it_is_told_that_the_server_stops(
        self, plain: Plain, connect: Connect, extension: Any
    ) -> None:
        slow, connection = await self.behind(plain, connect, extension)

        connection.close(4000, "server stopping")

        assert await self.titles(slow) == [str(number) for number in range(100)]
        assert await slow.closed() == 4000


async def test_a_connection_that_fails_is_taken_out_after_the_others_got_theirs(
    plain: Plain, connect: Connect, extension: Any
) -> None:
    emitting = await connect()
    clients = [await plain("p") for _ in range(3)]
    held = extension.manager.active_connections["p"]
    failing = next(iter(held))
    failing.socket.stream_if_open.close()

    await emitting.publish("p", sized(1, 10))

    got = 0
    for client in clients:
        message = await asyncio.wait_for(client.ws.read_message(), WAIT)
        got += message is not None
    assert got == 2
    assert failing not in extension.manager.active_connections["p"]
    assert len(extension.manager.active_connections["p"]) == 2
