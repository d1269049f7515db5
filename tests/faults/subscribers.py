"""A process with many subscribers that come and go at random, each with a journal of all that it got.

    python subscribers.py COUNT PROJECT FOLDER SEED TOKEN URL…

When a line `EPOCH OFFSET` comes, each goes on until it stands there, writes down what it holds, and ends; then
`held N` is printed.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
from pathlib import Path
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.typing import Subprotocol

from tasktree_jupyter.core import subscriber as machine
from tasktree_jupyter.core.protocol import SUBPROTOCOL, encode
from tasktree_jupyter.core.tree import TaskTree
from tests.core.canonical import canonical
from tests.faults.history import Events, Final, Journal, Live, Opened, Resync, Snapshot, Subscribed, logged

SILENCE = 3.0
AGAIN = 0.5


class Subscriber:
    """One subscriber: a state machine, a tree, and a journal of what came over the wire."""

    def __init__(self, name: str, project: str, folder: Path, urls: list[str], token: str, draw: random.Random) -> None:
        self._project = project
        self._urls = urls
        self._headers = {"Authorization": f"token {token}"}
        self._journal = Journal(folder / f"{name}.jsonl")
        self._draw = draw
        self._goal: machine.Position | None = None
        self._settling = asyncio.Event()
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._anew = True
        self._machine = machine.Subscriber()
        self._machine.follow(self._project)
        self._tree = TaskTree()

    def settle(self, goal: machine.Position) -> None:
        """Come and go no more: end where the log ends."""
        self._goal = goal
        self._settling.set()

    async def live(self) -> None:
        """Come and go, and come again whatever happens, until it stands at its goal."""
        while not self._there:
            if self._draw.random() < 0.15:
                self._begin_anew()
            with contextlib.suppress(OSError, WebSocketException, InvalidHandshake, TimeoutError):
                async with connect(
                    self._draw.choice(self._urls),
                    subprotocols=[Subprotocol(SUBPROTOCOL)],
                    additional_headers=self._headers,
                    proxy=None,
                    max_size=None,
                    ping_interval=None,
                    open_timeout=SILENCE,
                    close_timeout=0.2,
                ) as ws:
                    self._journal.write(Opened(kept=not self._anew))
                    self._anew = False
                    await self._stay(ws)
            self._machine.closed()
            if not self._there:
                await asyncio.sleep(AGAIN * self._draw.random())
        self._journal.write(
            Final(
                self._goal.epoch if self._goal else "",
                self._tree.offset,
                canonical({"state": self._tree.state(), "nodes": list(self._tree.nodes())}),
            )
        )
        self._journal.close()

    @property
    def _there(self) -> bool:
        position = self._machine.position(self._project)
        goal = self._goal
        return goal is not None and position is not None and position.offset >= goal.offset

    async def _stay(self, ws: ClientConnection) -> None:
        """Take in what comes, for a while drawn; then go, politely or not."""
        reading = asyncio.ensure_future(self._read(ws))
        settling = asyncio.ensure_future(self._settling.wait())
        try:
            length = None if self._settling.is_set() else self._draw.expovariate(1 / 1.5)
            await asyncio.wait([reading, settling], timeout=length, return_when=asyncio.FIRST_COMPLETED)
            if settling.done() and not reading.done():
                await reading
            elif not reading.done() and self._draw.random() < 0.5:
                ws.transport.abort()
            if reading.done():
                reading.result()
        finally:
            reading.cancel()
            settling.cancel()
            await asyncio.gather(reading, settling, return_exceptions=True)

    async def _read(self, ws: ClientConnection) -> None:
        while not self._there:
            text = await asyncio.wait_for(ws.recv(decode=False), SILENCE)
            assert isinstance(text, bytes)
            frame = msgspec.json.decode(text)
            self._note(frame)
            step = self._machine.receive(frame, len(text))
            for delivery in step.deliver:
                await self._deliver(ws, delivery)
            for answer in step.send:
                await ws.send(encode(answer), text=True)

    def _note(self, frame: dict[str, Any]) -> None:
        """Write down what the server sent, before anything is made of it."""
        op = frame["op"]
        if op == "subscribed":
            self._journal.write(Subscribed(frame["epoch"], frame["recovered"]))
        elif op == "snapshot" and frame["part"] == frame["parts"] - 1:
            self._journal.write(Snapshot(frame["epoch"], frame["offset"]))
        elif op == "events":
            self._journal.write(Events(frame["epoch"], [logged(event) for event in frame["events"]]))
        elif op == "live":
            self._journal.write(Live(frame["offset"]))
        elif op == "resync":
            self._journal.write(Resync(frame["reason"]))

    async def _deliver(self, ws: ClientConnection, delivery: machine.Delivery) -> None:
        if isinstance(delivery, machine.Snapshot):
            self._tree = TaskTree.load(delivery.state, delivery.nodes)
        elif isinstance(delivery, machine.Events):
            for event in delivery.events:
                self._tree.apply(event)
        elif isinstance(delivery, machine.Refused):
            if not delivery.retry:
                raise AssertionError(delivery)
            again = self._machine.follow(self._project)
            await asyncio.sleep(AGAIN)
            for frame in again:
                await ws.send(encode(frame), text=True)


async def main(count: str, project: str, folder: str, seed: str, token: str, *urls: str) -> None:
    subscribers = [
        Subscriber(f"subscriber-{n}", project, Path(folder), list(urls), token, random.Random(f"{seed}-{n}"))
        for n in range(int(count))
    ]
    async with asyncio.TaskGroup() as tasks:
        for subscriber in subscribers:
            tasks.create_task(subscriber.live())
        epoch, offset = (await asyncio.to_thread(sys.stdin.readline)).split()
        for subscriber in subscribers:
            subscriber.settle(machine.Position(epoch, int(offset)))
    print("held", len(subscribers), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
