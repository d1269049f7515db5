"""Clients that speak to the server over real sockets, as the tests need them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

WAIT = 10.0


def update(node_id: str, **changes: Any) -> dict[str, Any]:
    """Return a `node_update` envelope."""
    return {"type": "node_update", "data": {"node_id": node_id, "changes": changes}}


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what nobody tells of."""
    for _ in range(int(100 * WAIT)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to that")


class PlainClient:
    """A client without subprotocol: it parses what comes, and may send envelopes."""

    def __init__(self, ws: Any) -> None:
        self.ws = ws

    async def next(self) -> dict[str, Any]:
        text = await asyncio.wait_for(self.ws.read_message(), WAIT)
        assert text is not None, f"closed: {self.ws.close_code} {self.ws.close_reason}"
        message: dict[str, Any] = json.loads(text)
        return message

    async def send(self, message: Any) -> None:
        await self.ws.write_message(message if isinstance(message, str) else json.dumps(message))

    async def closed(self) -> int | None:
        """Wait until the server has closed, and return the code."""
        while await asyncio.wait_for(self.ws.read_message(), WAIT) is not None:
            pass
        code: int | None = self.ws.close_code
        return code


class Client(PlainClient):
    """A client of `tasktree.v1.json`. It answers pings, and acknowledges when it is told to."""

    def __init__(self, ws: Any) -> None:
        super().__init__(ws)
        self.ref = 0
        self.welcome: dict[str, Any] = {}

    async def next(self) -> dict[str, Any]:
        while True:
            frame = await super().next()
            if frame["op"] != "ping":
                return frame
            await self.send({"op": "pong"})

    async def until(self, op: str) -> list[dict[str, Any]]:
        """Return all frames up to and including the first with this op."""
        frames = [await self.next()]
        while frames[-1]["op"] != op:
            frames.append(await self.next())
        return frames

    async def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        """Send a frame and return its answer; what comes in between must be none of its business."""
        self.ref += 1
        await self.send({"op": op, "ref": self.ref, **fields})
        while True:
            frame = await self.next()
            if frame.get("ref") == self.ref:
                return frame

    async def publish(self, project_id: str | None, *events: dict[str, Any], **fields: Any) -> dict[str, Any]:
        return await self.ask("publish", project_id=project_id, events=list(events), **fields)

    async def follow(self, project_id: str, since: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Subscribe, and return all frames up to `live`."""
        self.ref += 1
        await self.send({"op": "subscribe", "ref": self.ref, "project_id": project_id, "since": since})
        return await self.until("live")

    async def ack(self, project_id: str, offset: int) -> None:
        await self.send({"op": "ack", "project_id": project_id, "offset": offset})


Plain = Callable[..., Awaitable[PlainClient]]
Connect = Callable[..., Awaitable[Client]]
Fetch = Callable[..., Awaitable[Any]]
Rest = Callable[..., Awaitable[tuple[int, Any]]]
