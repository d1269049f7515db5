"""A real Jupyter server with the extension, and clients that speak to it over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError, HTTPResponse
from traitlets.config import Config

from tasktree_jupyter.core.protocol import SUBPROTOCOL

WAIT = 10.0


def update(node_id: str, **changes: Any) -> dict[str, Any]:
    """Return a `node_update` envelope."""
    return {"type": "node_update", "data": {"node_id": node_id, "changes": changes}}


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
Fetch = Callable[..., Awaitable[HTTPResponse]]
Rest = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "logs"


@pytest.fixture
def settings() -> dict[str, Any]:
    """Traits of the extension; a test module or class may give its own."""
    return {}


@pytest.fixture
def jp_server_config(data_dir: Path, settings: dict[str, Any]) -> Config:
    return Config(
        {
            "ServerApp": {
                "jpserver_extensions": {"tasktree_jupyter": True, "jupyter_server_terminals": True},
                "allow_unauthenticated_access": False,
            },
            "TaskTreeExtension": {"data_dir": str(data_dir), **settings},
        }
    )


@pytest.fixture
def extension(jp_serverapp: Any) -> Any:
    """The extension app of the running server."""
    (app,) = jp_serverapp.extension_manager.extension_apps["tasktree_jupyter"]
    return app


@pytest.fixture
async def _sockets() -> AsyncIterator[list[Any]]:
    opened: list[Any] = []
    yield opened
    for ws in opened:
        ws.close()


@pytest.fixture
def plain(jp_ws_fetch: Any) -> Plain:
    """Open a plain client's socket."""

    async def open_(*project_ids: str, **kwargs: Any) -> PlainClient:
        params = [("project_id", project_id) for project_id in project_ids]
        return PlainClient(await jp_ws_fetch("tasktree", "ws", "updates", params=params, **kwargs))

    return open_


@pytest.fixture
def connect(jp_ws_fetch: Any) -> Connect:
    """Open a socket that speaks `tasktree.v1.json`, and take its welcome."""

    async def open_(**kwargs: Any) -> Client:
        ws = await jp_ws_fetch("tasktree", "ws", "updates", subprotocols=[SUBPROTOCOL], **kwargs)
        client = Client(ws)
        client.welcome = await client.next()
        return client

    return open_


@pytest.fixture
def rest(jp_fetch: Fetch) -> Rest:
    """Call the REST interface; returns status and body, whatever they are."""

    async def call(method: str, *path: str, body: Any = None, **kwargs: Any) -> tuple[int, Any]:
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        try:
            response = await jp_fetch(
                "tasktree", "api", *path, method=method, body=body, allow_nonstandard_methods=True, **kwargs
            )
        except HTTPClientError as error:
            assert error.response is not None
            response = error.response
        return response.code, json.loads(response.body) if response.body else None

    return call
