"""What the server costs: ingest, a delivery to 200 subscribers, latency, memory of an idle subscriber.

    python tests/benchmarks/bench_server.py [--subscribers 200] [--seconds 4]

A real Jupyter server runs in a process of its own; everything goes over loopback. The peer, measured in the same run,
is the design of the service this is modelled on: one loop over all clients, `write_message` to each, nothing stored.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import tornado.ioloop
import tornado.web
import tornado.websocket

from tasktree_jupyter.core.connection_file import file_name

TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
SUBPROTOCOL = "tasktree.v1.json"


# The peer


class Peer(tornado.websocket.WebSocketHandler):
    """Every message to every client, one `write_message` after the other."""

    active_connections: list[Peer] = []  # noqa: RUF012

    def open(self, *args: str, **kwargs: str) -> None:
        self.active_connections.append(self)

    def on_close(self) -> None:
        self.active_connections.remove(self)

    def on_message(self, message: str | bytes) -> None:
        text = json.dumps(json.loads(message))
        disconnected = []
        for connection in self.active_connections:
            try:
                connection.write_message(text)
            except tornado.websocket.WebSocketClosedError:
                disconnected.append(connection)
        for connection in disconnected:
            self.active_connections.remove(connection)


async def serve_peer() -> None:
    server = tornado.web.Application([("/ws/updates", Peer)]).listen(0, "127.0.0.1")
    (sock,) = server._sockets.values()
    print(sock.getsockname()[1], flush=True)
    await asyncio.Event().wait()


# A process under test


class Process:
    """A server's process, and what it has used."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, path: str, authorization: str) -> None:
        self.process = process
        self.port = port
        self.path = path
        self.authorization = authorization

    def cpu(self) -> float:
        """Seconds of processor time so far, all threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def rss(self) -> int:
        """Bytes in memory."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def jupyter(folder: Path) -> Iterator[Process]:
    names = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR")
    environment = os.environ | {f"JUPYTER_{name}": str(folder / name.lower()) for name in names}
    arguments = [
        "--ServerApp.jpserver_extensions={'tasktree_jupyter': True}",
        "--ServerApp.ip=127.0.0.1",
        "--ServerApp.port=0",
        f"--ServerApp.root_dir={folder}",
        "--ServerApp.open_browser=False",
        "--ServerApp.log_level=WARN",
        "--allow-root",
        f"--TaskTreeExtension.data_dir={folder / 'logs'}",
        "--TaskTreeExtension.max_publish_rate=0",
    ]
    command = [sys.executable, "-m", "jupyter_server", *arguments]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            file = folder / "runtime_dir" / file_name(process.pid, platform.node())
            while not file.exists():
                if process.poll() is not None:
                    raise RuntimeError("the server didn't start")
                time.sleep(0.05)
            found = json.loads(file.read_text())
            port = int(found["urls"][0].rsplit(":", 1)[1].split("/")[0])
            yield Process(process, port, "/tasktree/ws/updates", f"TaskTree {found['secret']}")
        finally:
            process.terminate()


@contextmanager
def peer() -> Iterator[Process]:
    with subprocess.Popen([sys.executable, __file__, "--peer"], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield Process(process, int(process.stdout.readline()), "/ws/updates", "")
        finally:
            process.terminate()


# Clients that cost as little as can be, so that the server is what is measured


def client_frame(payload: bytes) -> bytes:
    """A masked text frame; the mask is zero, so nothing has to be computed."""
    length = len(payload)
    if length < 126:
        return bytes((0x81, 0x80 | length)) + bytes(4) + payload
    if length < 1 << 16:
        return b"\x81\xfe" + length.to_bytes(2, "big") + bytes(4) + payload
    return b"\x81\xff" + length.to_bytes(8, "big") + bytes(4) + payload


class Client(asyncio.Protocol):
    """Takes frames in and counts events; acknowledges every 64 KiB; may note when each event came."""

    def __init__(self, *, ours: bool, timing: bool) -> None:
        self.ours = ours
        self.timing = timing
        self.events = 0
        self.frames = 0
        self.latencies: list[float] = []
        self.since_commit: list[float] = []
        self.answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.opened = asyncio.get_running_loop().create_future()
        self._buffer = bytearray()
        self._unacked = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def send(self, message: dict[str, Any]) -> None:
        self.transport.write(client_frame(msgspec.json.encode(message)))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self.opened.done():
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            status = bytes(self._buffer[:12])
            del self._buffer[: end + 4]
            if status != b"HTTP/1.1 101":
                self.opened.set_exception(RuntimeError(status.decode()))
                return
            self.opened.set_result(None)
        view, start = self._buffer, 0
        while len(view) - start >= 2:
            length, head = view[start + 1], 2
            if length == 126:
                length, head = int.from_bytes(view[start + 2 : start + 4], "big"), 4
            elif length == 127:
                length, head = int.from_bytes(view[start + 2 : start + 10], "big"), 10
            if len(view) - start < head + length:
                break
            if view[start] == 0x81:  # text; the server's pings below the page's sight need no answer here
                self.frame(bytes(view[start + head : start + head + length]))
            start += head + length
        del self._buffer[:start]

    def frame(self, payload: bytes) -> None:
        if not self.ours:
            self.count(1, [json.loads(payload)] if self.timing else None)
        elif payload.startswith(b'{"op":"events"'):
            self.count(payload.count(b'"offset":'), msgspec.json.decode(payload)["events"] if self.timing else None)
            self._unacked += len(payload)
            if self._unacked >= 65_536:
                self._unacked = 0
                tail = payload[payload.rindex(b'"offset":') + 9 :]
                self.send({"op": "ack", "project_id": "p", "offset": int(tail[: tail.index(b",")])})
        elif payload.startswith(b'{"op":"snapshot"'):
            self.send({"op": "ack", "project_id": "p", "offset": msgspec.json.decode(payload)["offset"]})
        elif payload == b'{"op":"ping"}':
            self.send({"op": "pong"})
        else:
            self.answers.put_nowait(msgspec.json.decode(payload))

    def count(self, number: int, events: list[dict[str, Any]] | None) -> None:
        self.events += number
        self.frames += 1
        now = time.time_ns() // 1000
        for event in events or ():
            self.latencies.append((now - event["data"]["changes"]["params"]["sent"]) % 10**12)
            if "at" in event:
                self.since_commit.append(now - event["at"])


async def connect(server: Process, *, timing: bool = False, subscribe: bool = False) -> Client:
    ours = bool(server.authorization)
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(lambda: Client(ours=ours, timing=timing), "127.0.0.1", server.port)
    lines = [
        f"GET {server.path} HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ]
    if ours:
        lines += [f"Sec-WebSocket-Protocol: {SUBPROTOCOL}", f"Authorization: {server.authorization}"]
    client.transport.write("\r\n".join([*lines, "", ""]).encode())
    await client.opened
    if ours:
        await client.answers.get()
        if subscribe:
            client.send({"op": "subscribe", "ref": 1, "project_id": "p"})
            while (await client.answers.get())["op"] != "live":
                pass
    return client


def an_event(number: int) -> dict[str, Any]:
    """About 310 bytes on the wire."""
    changes = {
        "status": "running",
        "progress": number % 100 / 100,
        "message": f"fold {number}",
        "params": {"sent": time.time_ns() // 1000 % 10**12, "loss": "log", "depth": 12},
        "metrics": {"auc": 0.93, "n": number},
    }
    return {
        "type": "node_update",
        "project_id": "p",
        "data": {"node_id": f"run/{number % 1000}", "changes": changes},
        "timestamp": "2026-01-31T14:02:11.123456Z",
    }


# What is measured


async def ingest(server: Process, seconds: float, publishers: int, batch: int) -> None:
    """Publishers with a few frames under way each; acknowledged means on disk."""
    clients = [await connect(server) for _ in range(publishers)]
    until = time.perf_counter() + seconds

    async def publish(number: int, client: Client) -> int:
        seq, acknowledged, under_way = 1, 0, 0
        while True:
            while under_way < 4 and time.perf_counter() < until:
                events = [an_event(seq + index) for index in range(batch)]
                frame = {"op": "publish", "ref": seq, "project_id": "ingest", "source": f"k{number}", "seq": seq}
                for event in events:
                    event["project_id"] = "ingest"
                client.send(frame | {"events": events})
                seq += batch
                under_way += 1
            if not under_way:
                return acknowledged
            answer = await client.answers.get()
            assert answer["op"] == "published", answer
            under_way -= 1
            acknowledged = answer["upto"]

    began, cpu = time.perf_counter(), server.cpu()
    counts = await asyncio.gather(*(publish(number, client) for number, client in enumerate(clients)))
    elapsed, used = time.perf_counter() - began, server.cpu() - cpu
    total = sum(counts)
    print(
        f"ingest, {publishers} publishers, {batch} events a frame: {total / elapsed:,.0f} events/s on disk, "
        f"{used / total * 1e6:.1f} µs CPU an event"
    )
    for client in clients:
        client.transport.close()


@asynccontextmanager
async def subscribed(server: Process, number: int) -> AsyncIterator[list[Client]]:
    clients = [await connect(server, timing=index < 3, subscribe=True) for index in range(number)]
    yield clients
    for client in clients:
        client.transport.close()


def percentile(values: list[float], share: float) -> float:
    values = sorted(values)
    return values[min(int(len(values) * share), len(values) - 1)] / 1000


async def fan_out(server: Process, name: str, subscribers: int, seconds: float, rate: int, batch: int) -> float:
    """One publisher at a steady rate; returns the CPU of one delivered event (µs)."""
    publisher = await connect(server)
    ours = bool(server.authorization)
    if ours:
        publisher.send({"op": "publish", "ref": 0, "project_id": "p", "events": [an_event(0)]})
        await publisher.answers.get()
    async with subscribed(server, subscribers) as clients:
        before = sum(client.events for client in clients), sum(client.frames for client in clients)
        began, cpu, sent = time.perf_counter(), server.cpu(), 0
        while (elapsed := time.perf_counter() - began) < seconds:
            while sent < elapsed * rate:
                events = [an_event(sent + index) for index in range(batch)]
                if ours:
                    publisher.send({"op": "publish", "ref": sent, "project_id": "p", "events": events})
                else:
                    for event in events:
                        publisher.send(event)
                sent += batch
            await asyncio.sleep(0.001)
        due = before[0] + sent * (subscribers + (0 if ours else 1))
        received = [*clients] if ours else [*clients, publisher]
        for _ in range(3000):
            if sum(client.events for client in received) >= due:
                break
            await asyncio.sleep(0.01)
        used = server.cpu() - cpu
        delivered = sum(client.events for client in clients) - before[0]
        frames = sum(client.frames for client in clients) - before[1]
        latencies = [value for client in clients for value in client.latencies]
        commits = [value for client in clients for value in client.since_commit]
    publisher.transport.close()
    cost = used / delivered * 1e6
    after_commit = (
        f", after the commit p50 {percentile(commits, 0.5):.1f} ms, p99 {percentile(commits, 0.99):.1f} ms"
        if commits
        else ""
    )
    print(
        f"{name}, {subscribers} subscribers, {rate} events/s in frames of {batch}: {cost:.2f} µs CPU a delivered event "
        f"({used / frames * 1e6:.1f} a frame), emit to delivery p50 {percentile(latencies, 0.5):.1f} ms, "
        f"p99 {percentile(latencies, 0.99):.1f} ms{after_commit}"
    )
    return cost


async def memory(server: Process, number: int) -> None:
    """Subscribers that do nothing."""
    async with subscribed(server, 20):
        before = server.rss()
        clients = [await connect(server, subscribe=True) for _ in range(number)]
        await asyncio.sleep(0.5)
        print(f"memory: {(server.rss() - before) / number / 1024:.1f} KiB an idle subscriber, of {number}")
        for client in clients:
            client.transport.close()


async def measure(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder, jupyter(Path(folder)) as server, peer() as other:
        await ingest(server, options.seconds, publishers=4, batch=100)
        await ingest(server, options.seconds, publishers=4, batch=1)
        for rate, batch in ((options.rate, 1), (options.rate, 16)):
            ours = await fan_out(server, "ours", options.subscribers, options.seconds, rate, batch)
            theirs = await fan_out(other, "peer", options.subscribers, options.seconds, rate, batch)
            print(f"  a delivered event costs {theirs / ours:.1f} times less than with the peer")
        await memory(server, 300)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="store_true", help="be the peer (internal)")
    parser.add_argument("--subscribers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rate", type=int, default=500, help="events a second in the fan-out")
    options = parser.parse_args()
    asyncio.run(serve_peer() if options.peer else measure(options))


if __name__ == "__main__":
    main()
