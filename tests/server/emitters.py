"""Emitters that come and go without a word, and a second server on the same folder."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.manager import WebSocketManager
from tasktree_jupyter.server.neighbours import Neighbours
from tasktree_jupyter.server.processes import pid_namespace
from tasktree_jupyter.storage.sqlite import SqliteLog
from tests.server.clients import Client, Connect, update

SILENCE = 0.4


def me(**more: Any) -> dict[str, Any]:
    """What a client says of its process; with another `pid`, of another."""
    return {"host": platform.node(), "pid": os.getpid(), "namespace": pid_namespace(), **more}


def gone_pid() -> int:
    """The number of a process that was."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


class Emitter:
    """A source on a connection of its own."""

    def __init__(self, client: Client, source: str) -> None:
        self.client = client
        self.source = source
        self.seq = 0

    async def says(self, state: str, project_id: str = "p", **described: Any) -> None:
        frame = {"op": "source", "project_id": project_id, "source": self.source, "state": state}
        await self.client.send(frame | described)

    async def emit(self, *events: dict[str, Any], project_id: str = "p") -> dict[str, Any]:
        self.seq += len(events)
        seq = self.seq - len(events) + 1
        return await self.client.publish(project_id, *events, source=self.source, seq=seq)

    def leaves_without_a_word(self) -> None:
        self.client.ws.close()


async def emitter(connect: Connect, source: str, **described: Any) -> Emitter:
    """One that has said who it is, and has a run with a task under way."""
    emitter = Emitter(await connect(), source)
    await emitter.says("here", **(described or me()))
    await emitter.emit(
        update(f"{source}-run", title="Run", status="running"),
        update(f"{source}-fit", title="Fit", status="running", parent_id=f"{source}-run"),
        update(f"{source}-done", title="Done", status="completed", parent_id=f"{source}-run"),
    )
    return emitter


class Line:
    """A connection of the other server's."""

    def __init__(self) -> None:
        self.heard_at = asyncio.get_running_loop().time()


@asynccontextmanager
async def other_server(data_dir: Path, silence: float = SILENCE) -> AsyncIterator[WebSocketManager]:
    """A second server's inside on the same folder."""
    log = SqliteLog(data_dir)
    await log.start()
    manager = WebSocketManager(log, Limits(source_silence=silence), logging.getLogger("other"))
    manager.presence.neighbours = Neighbours(data_dir, silence, logging.getLogger("other"))
    manager.presence.start()
    try:
        yield manager
    finally:
        await manager.stop()
        await log.close()
