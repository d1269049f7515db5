"""A server extension of the tests: tells what the server holds, so that a leak can be seen. Enabled beside TaskTree."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
from collections import Counter
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import APIHandler
from tornado import web

from tasktree_jupyter.server.connection import Connection
from tasktree_jupyter.server.outgoing import Outgoing
from tasktree_jupyter.server.rest.base import TaskTreeHandler
from tasktree_jupyter.server.room import Room
from tasktree_jupyter.server.socket import UpdatesSocket
from tasktree_jupyter.server.subscription import Subscription

NAME = "tests.faults.counting"
KINDS = (Connection, Outgoing, Subscription, Room, TaskTreeHandler, UpdatesSocket)
"""What there must be no more of once everybody has gone."""


class Counts(APIHandler):
    """`GET tests/counts`."""

    @web.authenticated
    def get(self) -> None:
        assert self.serverapp is not None
        (app,) = self.serverapp.extension_manager.extension_apps["tasktree_jupyter"]
        manager = app.manager
        gc.collect()
        alive = Counter(kind.__name__ for each in gc.get_objects() for kind in KINDS if isinstance(each, kind))
        opened = _opened()
        logs = Counter(path for path in opened if path.startswith(app.data_dir))
        # A connection has one WAL open. How often the log itself is says less: SQLite parks what it has closed until
        # nobody in the process holds a lock on the file, and uses it again.
        connections = [number for path, number in logs.items() if path.endswith("-wal")]
        self.finish(
            {
                "connections": manager.number_of_connections,
                "bound": sum(map(len, manager.active_connections.values())),
                "users": sum(manager._doors._inside.values()),
                "watchers": len(manager.projects._watches),
                "rooms": len(manager.rooms),
                # Whoever holds them: what is counted above says only what the manager knows of.
                **{f"{kind.__name__} objects": alive[kind.__name__] for kind in KINDS},
                "memory": _memory(),
                "reads": manager.history._reads,
                "answers": manager.answers.size,
                "requests": app.requests.number,
                "tasks": len(asyncio.all_tasks()),
                "descriptors": len(opened) - logs.total(),
                "connections to one log": max(connections, default=0),
            }
        )


def _memory() -> int:
    """The resident memory of this process (bytes); 0 where the system doesn't show it."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0


def _opened() -> list[str]:
    """What this process's descriptors lead to, where the system shows it."""
    folder = Path("/proc/self/fd")
    found = []
    for name in os.listdir(folder) if folder.exists() else ():
        # The listing's own is closed by now.
        with contextlib.suppress(OSError):
            found.append(os.readlink(folder / name))
    return found


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": NAME}]


def _load_jupyter_server_extension(serverapp: Any) -> None:
    url = serverapp.web_app.settings["base_url"] + "tests/counts"
    serverapp.web_app.add_handlers(".*$", [(url, Counts)])
