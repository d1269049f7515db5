"""Runs in a kernel for the doctor: how this process finds its server, and whether that lets it in."""

from __future__ import annotations

import json
import sys
import time
from queue import Empty, SimpleQueue
from typing import Any, Final

from tasktree_jupyter._version import __version__
from tasktree_jupyter.client.discovery import Discovery
from tasktree_jupyter.client.discovery.identity import identity
from tasktree_jupyter.client.happenings import Closed, Happening, Received
from tasktree_jupyter.client.websocket import Wire

_PATIENCE: Final = 10.0


def look() -> dict[str, Any]:
    """Return `version`, `prefix`, `server` (its address, None if it doesn't answer) and `trouble`."""
    discovery = Discovery(identity())
    found: dict[str, Any] = {"version": __version__, "prefix": sys.prefix, "server": None, "trouble": None}
    servers = discovery.find()
    if not servers:
        return found | {"trouble": discovery.trouble.text}
    inbox: SimpleQueue[Happening] = SimpleQueue()
    wire = Wire(servers, inbox.put)
    wire.start()
    until = time.monotonic() + _PATIENCE
    try:
        while True:
            happening = inbox.get(timeout=max(0.0, until - time.monotonic()))
            if isinstance(happening, Closed):
                return found | {"trouble": happening.trouble.text}
            if isinstance(happening, Received) and [*wire.feed(happening.data)]:
                return found | {"server": wire.server.shown}
    except Empty:
        return found | {"trouble": f"{wire.server.shown} doesn't answer in time"}
    finally:
        wire.close()


def main() -> None:
    """Print it as one line of JSON, after a mark."""
    sys.stdout.write(f"tasktree-doctor:{json.dumps(look())}\n")
