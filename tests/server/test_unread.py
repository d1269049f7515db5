"""Answers that nobody takes: how much of them the server holds, of one connection, of all, and over REST."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tasktree_jupyter.server.folding import PART_BYTES
from tasktree_jupyter.server.rest.base import PIECE_BYTES
from tests.server.clients import WAIT, Client, Connect, Rest, until, update

NODES = 600
SIZE = 8000
STATE = NODES * SIZE
MOST = 2 * STATE


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"max_answer_bytes": MOST, "max_requests": 12}


async def fill(client: Client, project: str = "p") -> None:
    """A project whose state, and whose events, are far more than a socket's buffers hold."""
    for start in range(0, NODES, 100):
        nodes = (update(f"n{n}", params={"text": "x" * SIZE}) for n in range(start, start + 100))
        await client.publish(project, *nodes)


def narrow(stream: Any, option: int) -> None:
    stream.socket.setsockopt(socket.SOL_SOCKET, option, 16 * 1024)


async def stuck(connect: Connect, extension: Any) -> tuple[Client, Any]:
    """A client that takes nothing in, and the server's connection to it."""
    before = set(extension.manager.connections)
    client = await connect()
    (connection,) = set(extension.manager.connections) - before
    narrow(connection.socket.stream_if_open, socket.SO_SNDBUF)
    narrow(client.ws.protocol.stream, socket.SO_RCVBUF)
    return client, connection


@asynccontextmanager
async def unread(jp_serverapp: Any, jp_auth_header: dict[str, str], path: str, count: int) -> AsyncIterator[list[Any]]:
    """So many requests whose answers aren't taken."""
    opened: list[socket.socket] = []
    loop = asyncio.get_running_loop()
    port, base = jp_serverapp.port, jp_serverapp.base_url
    try:
        for _ in range(count):
            sock = socket.socket()
            opened.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            sock.setblocking(False)
            await loop.sock_connect(sock, ("127.0.0.1", port))
            lines = f"Host: 127.0.0.1:{port}\r\nAuthorization: {jp_auth_header['Authorization']}\r\n"
            await loop.sock_sendall(sock, f"GET {base}tasktree/api/{path} HTTP/1.1\r\n{lines}\r\n".encode())
        yield opened
    finally:
        for sock in opened:
            sock.close()


async def taken(sock: socket.socket, got: bytearray) -> bytes:
    """Take all that comes on a socket, up to the end of a chunked answer."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(WAIT):
        while not got.endswith(b"\r\n0\r\n\r\n"):
            piece = await loop.sock_recv(sock, 1024 * 1024)
            assert piece, bytes(got[-200:])
            got += piece
    return bytes(got)


def body_of(answer: bytes) -> Any:
    """The JSON of a chunked answer."""
    rest, body = answer.partition(b"\r\n\r\n")[2], b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return json.loads(body)


async def test_one_connection_holds_one_answer_however_much_it_asks_and_takes_them_all_in_the_end(
    connect: Connect, extension: Any
) -> None:
    await fill(await connect())
    client, connection = await stuck(connect, extension)
    answers = extension.manager.answers

    for ref in range(20):
        await client.send({"op": "state", "ref": ref, "project_id": "p", "moment": None})
    await until(lambda: connection.backlogged and len(connection._tasks) == 20)
    most = 0
    for _ in range(50):
        most = max(most, answers.size + connection.buffered_bytes)
        await asyncio.sleep(0)
    assert STATE // 2 < most < 1.2 * STATE + PART_BYTES

    seen: dict[int, int] = {}
    while len(seen) < 20 or seen[19] < NODES:
        frame = await client.next()
        seen[frame["ref"]] = seen.get(frame["ref"], 0) + len(frame["nodes"])
    assert seen == dict.fromkeys(range(20), NODES)
    assert answers.size == 0


async def test_of_all_together_no_more_than_the_bound_and_the_next_is_told_so(
    connect: Connect, extension: Any, rest: Rest
) -> None:
    asking = await connect()
    await fill(asking)
    opened = [await stuck(connect, extension) for _ in range(3)]
    answers = extension.manager.answers
    for client, _ in opened:
        await client.send({"op": "state", "ref": 1, "project_id": "p", "moment": None})
    await until(lambda: answers.size >= MOST)

    assert answers.size < MOST + 1.2 * STATE
    refused = await asking.ask("state", project_id="p", moment=None)
    status, body = await rest("GET", "projects", "p", "state")

    assert (refused["code"], refused["reason"], refused["retry"]) == ("busy", "max_answer_bytes", True)
    assert refused["retry_after"] > 0
    assert (status, body["reason"], body["retry_after"]) == (503, "max_answer_bytes", refused["retry_after"])
    for client, _ in opened:
        client.ws.close()
    await until(lambda: answers.size == 0)
    assert (await asking.ask("state", project_id="p", moment=None))["op"] == "state"


async def test_who_takes_nothing_of_an_answer_for_long_is_closed(
    connect: Connect, extension: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(await connect())
    monkeypatch.setattr("tasktree_jupyter.server.protocol.ANSWER_SECONDS", 0.1)
    client, connection = await stuck(connect, extension)
    await client.send({"op": "state", "ref": 1, "project_id": "p", "moment": None})
    await until(lambda: connection.close_code is not None)

    assert connection.close_code == 4001
    await until(lambda: extension.manager.answers.size == 0)


class TestRest:
    """Answers over HTTP leave in pieces."""

    async def test_events_are_read_as_they_leave(
        self, connect: Connect, extension: Any, jp_serverapp: Any, jp_auth_header: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await fill(await connect())
        log = extension.manager.log
        read_log, reads, came = log.read, [], bytearray()

        async def counted(*given: Any, **more: Any) -> list[bytes]:
            events: list[bytes] = await read_log(*given, **more)
            reads.append((sum(map(len, events)), len(came)))
            return events

        monkeypatch.setattr(log, "read", counted)
        async with unread(jp_serverapp, jp_auth_header, "projects/p/events?limit=10000", 1) as (sock,):
            body = body_of(await taken(sock, came))

        assert max(size for size, _ in reads) <= PIECE_BYTES
        assert reads[-1][1] > 0, "the last of it is read when much has left already"
        assert [event["offset"] for event in body["events"]] == list(range(1, NODES + 1))
        assert body["next"] is None

    async def test_a_state_counts_until_it_has_left(
        self, connect: Connect, extension: Any, jp_serverapp: Any, jp_auth_header: Any, rest: Rest
    ) -> None:
        await fill(await connect())
        answers = extension.manager.answers
        async with unread(jp_serverapp, jp_auth_header, "projects/p/state", 8) as opened:
            await until(lambda: answers.size >= MOST)
            status, body = await rest("GET", "projects", "p", "diff", params={"from": "offset:1"})
            assert answers.size < MOST + 1.2 * STATE
            assert (status, body["reason"]) == (503, "max_answer_bytes")
            assert len(body_of(await taken(opened[0], bytearray()))["nodes"]) == NODES
        await until(lambda: answers.size == 0 == extension.requests.number)

    async def test_one_request_too_many_is_answered_by_503(
        self, connect: Connect, extension: Any, jp_serverapp: Any, jp_auth_header: Any, jp_fetch: Any, rest: Rest
    ) -> None:
        await fill(await connect())
        async with unread(jp_serverapp, jp_auth_header, "projects/p/events?limit=10000", 12):
            await until(lambda: extension.requests.number == 12)
            refused = await jp_fetch("tasktree", "api", "version", raise_error=False)
            assert (refused.code, refused.headers["Retry-After"]) == (503, "1")
            body = json.loads(refused.body)
            assert (body["reason"], body["retry_after"]) == ("max_requests", 1.0)
            assert "12 requests are under way" in body["message"]
        await until(lambda: extension.requests.number == 0)
        assert (await rest("GET", "version"))[0] == 200

    @pytest.mark.parametrize("what", ["state", "export"])
    async def test_who_takes_nothing_for_long_is_cut_off(
        self,
        what: str,
        connect: Connect,
        extension: Any,
        jp_serverapp: Any,
        jp_auth_header: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        await fill(await connect())
        monkeypatch.setattr("tasktree_jupyter.server.rest.base.ANSWER_SECONDS", 0.1)
        async with unread(jp_serverapp, jp_auth_header, f"projects/p/{what}", 1) as (sock,):
            await until(lambda: extension.requests.number == 1)
            await until(lambda: extension.manager.answers.size == 0 == extension.requests.number)
            with pytest.raises((AssertionError, ConnectionError)):
                await taken(sock, bytearray())
