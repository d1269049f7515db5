"""Who stops reading costs bounded memory and keeps nothing from the others (`python -m tests.faults.stopped`)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from tasktree_jupyter.core.protocol import SUBPROTOCOL, encode
from tasktree_jupyter.core.subscriber import Events, Subscriber
from tests.faults.nonsense import ws_frame
from tests.faults.stopped import A_STOPPED_ONE_MIB, SHARED_MIB, SLACK_MIB, Figures, faults
from tests.server.clients import WAIT, Client, Connect
from tests.server.conftest import connect, data_dir, extension, jp_server_config  # noqa: F401

PEOPLE = 10
FRAMES = 250
UNACKED = 32 * 1024
LAG = 512 * 1024
LARGEST_FRAME = 70_000


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"max_unacked_bytes": UNACKED, "max_lag_bytes": LAG, "max_message_bytes": LAG}


@contextlib.asynccontextmanager
async def stopped(port: int, path: str, authorization: str, count: int) -> AsyncIterator[None]:
    """Clients that subscribe and read nothing more; the second half are plain ones."""
    opened: list[socket.socket] = []
    loop = asyncio.get_running_loop()
    try:
        for n in range(count):
            sock = socket.socket()
            opened.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            sock.setblocking(False)
            await loop.sock_connect(sock, ("127.0.0.1", port))
            protocol = f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n" if n < count // 2 else ""
            request = (
                f"GET {path}?project_id=p HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                f"Authorization: {authorization}\r\n{protocol}\r\n"
            )
            await loop.sock_sendall(sock, request.encode())
            assert b" 101 " in await loop.sock_recv(sock, 65_536)
            if protocol:
                await loop.sock_sendall(sock, ws_frame(encode({"op": "subscribe", "ref": 1, "project_id": "p"})))
        yield
    finally:
        for sock in opened:
            sock.close()


async def follow(client: Client, last: int) -> list[int]:
    """Take in everything up to the last offset, acknowledging as a client does; return the offsets after the state."""
    machine = Subscriber()
    machine.follow("p")
    offsets: list[int] = []
    for frame in machine.receive(client.welcome, 0).send:
        await client.send(frame)
    while not offsets or offsets[-1] < last:
        frame = await client.next()
        step = machine.receive(frame, len(encode(frame)))
        for delivery in step.deliver:
            if isinstance(delivery, Events):
                offsets += [event["offset"] for event in delivery.events]
        for answer in step.send:
            await client.send(answer)
    return offsets


async def test_the_others_get_everything_and_what_waits_is_bounded(
    connect: Connect,  # noqa: F811
    extension: Any,  # noqa: F811
    jp_http_port: int,
    jp_base_url: str,
    jp_auth_header: dict[str, str],
) -> None:
    publisher = await connect()
    await publisher.publish("p", {"type": "my.event", "data": {}})
    people = [await connect() for _ in range(PEOPLE)]
    last = 1 + 10 * FRAMES
    path = f"{jp_base_url}tasktree/ws/updates"
    manager = extension.manager
    async with stopped(jp_http_port, path, jp_auth_header["Authorization"], PEOPLE):
        following = [asyncio.ensure_future(follow(client, last)) for client in people]
        room = manager.rooms.get("p")
        most = 0
        for _ in range(FRAMES):
            events = [{"type": "my.event", "data": {"pad": "x" * 3000}}] * 10
            await publisher.publish("p", *events)
            waiting = [connection.buffered_bytes for connection in manager._connections]
            unacked = [follower.unacked_bytes for follower in room.followers if hasattr(follower, "unacked_bytes")]
            assert max(waiting) <= LAG
            assert max(unacked) <= UNACKED + LARGEST_FRAME
            most = max(most, *waiting)
        offsets = await asyncio.wait_for(asyncio.gather(*following), 6 * WAIT)
    for got in offsets:
        assert got == list(range(got[0], last + 1))
    # Else nobody was stopped, and it shows nothing.
    assert most > LAG // 2


def test_the_long_run_fails_for_memory_for_latency_and_for_what_is_missing() -> None:
    alone = Figures(100, [100, 100], 0, 5.0, 20.0, 60.0, 80.0, 100.0)
    assert faults(alone, replace(alone, p99=30.0, memory_most=120.0), 2) == []

    (memory,) = faults(alone, replace(alone, memory_most=100.0 + SHARED_MIB + 2 * A_STOPPED_ONE_MIB + SLACK_MIB + 1), 2)
    (latency,) = faults(alone, replace(alone, p99=71.0), 2)
    (missing,) = faults(alone, replace(alone, counts=[100, 99]), 2)

    assert "memory grew by" in memory
    assert "p99 is 71.0 ms, more than 70.0" in latency
    assert "an event is missing" in missing
