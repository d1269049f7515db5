"""A real Jupyter server with the extension, and clients that speak to it over real sockets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from traitlets.config import Config

from tasktree_jupyter.core.protocol import SUBPROTOCOL
from tests.server.clients import Client, Connect, Fetch, Plain, PlainClient, Rest


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "logs"


@pytest.fixture
def settings() -> dict[str, Any]:
    """Traits of the extension; a test module or class may give its own."""
    return {}


@pytest.fixture
def jp_nbconvert_templates() -> None:
    """Nothing here converts notebooks, and to copy the templates for each test takes longer than most tests."""


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
        kwargs |= {"method": method, "body": body, "allow_nonstandard_methods": True, "raise_error": False}
        response = await jp_fetch("tasktree", "api", *path, **kwargs)
        return response.code, json.loads(response.body) if response.body else None

    return call
