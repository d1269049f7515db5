"""Subscribers that stop reading, beside others that don't: what the server's memory and the others' latency make of it.

    python -m tests.faults.stopped [--live 50] [--stopped 50] [--rate 1000] [--seconds 60] [--ratio 3]

It runs twice, without and with the stopped ones (half of them plain clients), and prints both. The stopped ones are a
process that gets SIGSTOP once they are live. It ends with 1 if a live one missed an event
without being told so (on a busy machine they may be too slow themselves: that is told, as `resync: slow`); if the
stopped ones cost the server more memory than the bounds that it keeps allow; or if the live ones' p99 is more than
`--ratio` times what it is without them: run it where nothing else runs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tasktree_jupyter.core import subscriber as machine
from tasktree_jupyter.core.protocol import SUBPROTOCOL, encode
from tasktree_jupyter.server.limits import Limits
from tests.client.hub import TOKEN
from tests.faults.processes import Party, Server, clean_up_when_ended

PROJECT = "stopped"
BATCHES_A_SECOND = 100
PATIENCE = 60.0


LIMITS = Limits()
SHARED_MIB = LIMITS.max_lag_bytes / 1024 / 1024
"""What waits for plain clients, the same bytes for all of them, before they are closed."""

A_STOPPED_ONE_MIB = 2 * LIMITS.max_unacked_bytes / 1024 / 1024
"""What one that stopped may cost by itself: what it hasn't acknowledged, and the connection."""

SLACK_MIB = 32.0
"""What the server's memory may differ by from run to run: its allocator, the log's caches, the room's newest events."""

P99_RATIO = 3.0
P99_SLACK_MS = 50.0
"""Below so much it is the machine's scheduling that is measured."""

RECEIVE_BYTES = 64 * 1024
"""What the system takes in for who doesn't read. By default it is tens of MiB, whose upkeep the sender pays for on one
machine; so small, what isn't read is the server's to hold, as with clients far away."""


def _open(url: str, *subprotocols: str, sock: socket.socket | None = None) -> connect:
    own: dict[str, Any] = {} if sock is None else {"sock": sock}
    return connect(
        url,
        subprotocols=[Subprotocol(name) for name in subprotocols] or None,
        additional_headers={"Authorization": f"token {TOKEN}"},
        proxy=None,
        max_size=None,
        ping_interval=None,
        **own,
    )


def _small(url: str) -> socket.socket:
    """A socket that takes in little."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    place = urlsplit(url)
    sock.connect((place.hostname, place.port))
    sock.setblocking(False)
    return sock


# The subscribers' processes


class Live:
    """Takes everything in, and notes how long each event took from emit to here (µs)."""

    def __init__(self) -> None:
        self.live = asyncio.Event()
        self.offset = 0
        self.count = 0
        self.resyncs = 0
        self.latencies: list[int] = []

    async def follow(self, url: str, last: asyncio.Future[int]) -> None:
        """Follow until the last event is here."""
        follower = machine.Subscriber()
        follower.follow(PROJECT)
        async with _open(url, SUBPROTOCOL) as ws:
            while not (last.done() and self.offset >= last.result()):
                text = await ws.recv(decode=False)
                step = follower.receive(msgspec.json.decode(text), len(text))
                for delivery in step.deliver:
                    self._take(delivery)
                for answer in step.send:
                    await ws.send(encode(answer), text=True)

    def _take(self, delivery: machine.Delivery) -> None:
        if isinstance(delivery, machine.Events):
            now = time.time_ns() // 1000
            self.latencies += [now - event["data"]["sent"] for event in delivery.events if "sent" in event["data"]]
            self.count += len(delivery.events)
            self.offset = delivery.events[-1]["offset"]
        elif isinstance(delivery, machine.Live):
            self.live.set()
        elif isinstance(delivery, machine.Resync):
            self.resyncs += 1
        elif isinstance(delivery, machine.Snapshot):
            self.offset = delivery.offset


async def live(count: int, url: str) -> None:
    """A process of live subscribers: `live` once all are, and their figures once a line told them the last offset."""
    last: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    subscribers = [Live() for _ in range(count)]
    async with asyncio.TaskGroup() as tasks:
        for subscriber in subscribers:
            tasks.create_task(subscriber.follow(url, last))
        for subscriber in subscribers:
            await subscriber.live.wait()
        print("live", flush=True)
        last.set_result(int(await asyncio.to_thread(sys.stdin.readline)))
    latencies = sorted(latency for subscriber in subscribers for latency in subscriber.latencies)
    figures = {
        "counts": [subscriber.count for subscriber in subscribers if not subscriber.resyncs],
        "resynced": sum(bool(subscriber.resyncs) for subscriber in subscribers),
        "p50": latencies[len(latencies) // 2] / 1000,
        "p99": latencies[len(latencies) * 99 // 100] / 1000,
        "most": latencies[-1] / 1000,
    }
    print("figures", json.dumps(figures), flush=True)


async def stop_reading(count: int, url: str) -> None:
    """A process of subscribers that will be stopped: `live` once all are. The second half are plain clients."""
    opened: list[ClientConnection] = []
    for n in range(count):
        plain = n >= count // 2
        sock = _small(url)
        ws = await (_open(f"{url}?project_id={PROJECT}", sock=sock) if plain else _open(url, SUBPROTOCOL, sock=sock))
        opened.append(ws)
        if not plain:
            await ws.send(json.dumps({"op": "subscribe", "ref": 1, "project_id": PROJECT}))
            while json.loads(await ws.recv())["op"] != "live":
                pass
    print("live", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    for ws in opened:
        ws.transport.abort()


# The run


@dataclass
class Figures:
    """What one run measured: latencies in ms, memory in MiB; `counts` of those who never had to begin from a state."""

    events: int
    counts: list[int]
    resynced: int
    p50: float
    p99: float
    most: float
    memory_before: float
    memory_most: float

    @property
    def complete(self) -> bool:
        return all(count == self.events for count in self.counts)

    def __str__(self) -> str:
        return (
            f"{self.events} events, {'all' if self.complete else 'NOT all'} at each of {len(self.counts)} live ones, "
            f"{self.resynced} were too slow themselves and got the state instead; "
            f"latency p50 {self.p50:.1f} ms, p99 {self.p99:.1f} ms, most {self.most:.0f} ms; "
            f"server's memory {self.memory_before:.0f} MiB before, {self.memory_most:.0f} MiB at most"
        )


def faults(alone: Figures, beside: Figures, stopped: int, ratio: float = P99_RATIO) -> list[str]:
    """Return what mustn't be, of a run without and one with so many stopped subscribers."""
    found = [f"an event is missing at a live one: {figures}" for figures in (alone, beside) if not figures.complete]
    grown = [figures.memory_most - figures.memory_before for figures in (alone, beside)]
    allowed = grown[0] + SHARED_MIB + stopped * A_STOPPED_ONE_MIB + SLACK_MIB
    if grown[1] > allowed:
        found.append(f"the server's memory grew by {grown[1]:.0f} MiB, more than {allowed:.0f}")
    slowest = max(ratio * alone.p99, alone.p99 + P99_SLACK_MS)
    if beside.p99 > slowest:
        found.append(f"the live ones' p99 is {beside.p99:.1f} ms, more than {slowest:.1f}: {alone.p99:.1f} without")
    return found


def memory(pid: int) -> float:
    """Return the resident memory of a process, MiB; 0 where the system doesn't show it."""
    status = Path(f"/proc/{pid}/status")
    found = re.search(r"VmRSS:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) / 1024 if found else 0.0


async def publish(url: str, rate: int, seconds: float, watch: Any) -> int:
    """Publish at a steady rate, and return the log's last offset; `watch` is called ten times a second."""
    size = max(1, rate // BATCHES_A_SECOND)
    async with _open(url, SUBPROTOCOL) as ws:
        await ws.recv()
        answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

        async def read() -> None:
            async for text in ws:
                frame = json.loads(text)
                if frame["op"] == "ping":
                    await ws.send('{"op":"pong"}')
                else:
                    answers.put_nowait(frame)

        reading = asyncio.ensure_future(read())
        began, sent, offset, frames = time.monotonic(), 0, 0, 0
        while sent < rate * seconds:
            data = {"sent": time.time_ns() // 1000, "pad": "x" * 200}
            events = [{"type": "my.event", "data": data} for _ in range(size)]
            frame = {"op": "publish", "ref": sent, "project_id": PROJECT, "source": "s", "seq": sent + 1}
            await ws.send(json.dumps(frame | {"events": events}))
            sent, frames = sent + size, frames + 1
            if frames % 10 == 0:
                watch()
            while not answers.empty():
                offset = answers.get_nowait()["offset"]
            await asyncio.sleep(max(0.0, began + sent / rate - time.monotonic()))
        while offset < sent + 1:
            offset = (await asyncio.wait_for(answers.get(), PATIENCE))["offset"]
        reading.cancel()
    return offset


async def run(folder: Path, live: int, stopped: int, rate: int, seconds: float) -> Figures:
    """Measure so many live subscribers beside so many stopped ones."""
    server = Server(folder / "server", folder / "logs")
    parties: list[Party] = []
    try:
        await asyncio.to_thread(server.start)
        assert server.process is not None
        pid, url = server.process.pid, f"ws://127.0.0.1:{server.port}/tasktree/ws/updates"
        async with _open(url, SUBPROTOCOL) as ws:
            await ws.send(json.dumps({"op": "publish", "project_id": PROJECT, "events": [{"type": "x", "data": {}}]}))
            while json.loads(await ws.recv())["op"] != "published":
                pass
        for name, count in (("live", live), ("stopped", stopped)):
            if count:
                words = [name, str(count), url]
                environment = server.environment()
                party = await Party.start(name, "tests.faults.stopped", environment, folder, "as", *words)
                parties.append(party)
                await party.line_with("live")
        if stopped:
            os.kill(parties[1].pid, signal.SIGSTOP)
        before = most = memory(pid)

        def watch() -> None:
            nonlocal most
            most = max(most, memory(pid))

        last = await publish(url, rate, seconds, watch)
        await parties[0].say(str(last))
        async with asyncio.timeout(PATIENCE):
            found = json.loads((await parties[0].line_with("figures")).partition(" ")[2])
        return Figures(events=last - 1, memory_before=before, memory_most=most, **found)
    finally:
        for party in parties:
            await party.end()
        server.kill()


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["as"]:
        asyncio.run({"live": live, "stopped": stop_reading}[arguments[1]](int(arguments[2]), arguments[3]))
        return 0
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--live", type=int, default=50)
    parser.add_argument("--stopped", type=int, default=50)
    parser.add_argument("--rate", type=int, default=1000, help="events a second")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--ratio", type=float, default=P99_RATIO, help="how much slower the live ones' p99 may be")
    options = parser.parse_args(arguments)
    clean_up_when_ended()
    measured = []
    for stopped in (0, options.stopped):
        with tempfile.TemporaryDirectory(prefix="tasktree-stopped-") as folder:
            figures = asyncio.run(run(Path(folder), options.live, stopped, options.rate, options.seconds))
        print(f"beside {stopped} stopped: {figures}", flush=True)
        measured.append(figures)
    alone, beside = measured
    found = faults(alone, beside, options.stopped, options.ratio)
    print(*found, f"{len(found)} faults", sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
