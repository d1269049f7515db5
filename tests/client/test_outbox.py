"""What a process does with all that it has to send when a server says how it keeps its logs; without I/O but for spools."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tasktree_jupyter.client.discovery import Identity
from tasktree_jupyter.client.encode import Bounds
from tasktree_jupyter.client.outbox import Outbox
from tasktree_jupyter.client.project import Project
from tasktree_jupyter.client.reporting import Complaints
from tasktree_jupyter.client.source import Entry, Source
from tasktree_jupyter.client.spool import About, Spool

PLACE = "folder /root on here"
WELCOME = {"op": "welcome", "protocol": 1, "store": "s"}
IN_MEMORY = {"kind": "memory", "message": "Nothing is kept when the server stops: no such disk"}
LIMITS = {"max_message_bytes": 100_000, "max_events_per_publish": 100}


class World:
    """A process with one project, beside the spool of one that has ended; the test plays the server."""

    def __init__(self, folder: Path) -> None:
        self.sent: list[dict[str, Any]] = []
        self.complaints = Complaints()
        self._ref = 0
        following: Any = SimpleNamespace(
            known=lambda project: None, published=lambda project: None, held_until=lambda project_id, now: None
        )
        discovery: Any = SimpleNamespace(place=PLACE, promised=True)
        self.outbox = Outbox(
            discovery,
            lambda: Identity(None, "/x/etl.py", "etl.py"),
            lambda: 2**20,
            self._send,
            self._next_ref,
            following,
            self.complaints,
        )
        self.project = Project("p", Source(), lambda: None, lambda: (Bounds(), None))
        self.outbox.add(self.project)
        spool = Spool.create(str(folder), About(source="dead", name="old", place=PLACE, store="s"), 2**20)
        spool.append(1, [Entry("my.event", b'{"n":1}', 1)])
        spool.close()
        self.left = Path(spool.path)

    def _send(self, frame: dict[str, Any] | bytes) -> None:
        self.sent.append(json.loads(frame) if isinstance(frame, bytes) else frame)

    def _next_ref(self) -> int:
        self._ref += 1
        return self._ref

    def served_by(self, **welcome: Any) -> list[str]:
        """Let a server greet it, which acknowledges everything; return which projects it was sent something of."""
        self.sent.clear()
        self.outbox.disconnected()
        self.outbox.connected(LIMITS, WELCOME | welcome)
        answered: list[dict[str, Any]] = []
        while True:
            list(self.outbox.serve(10.0**9, lambda: True))
            asked = [said for said in self.sent if said["op"] == "publish"][len(answered) :]
            if not asked:
                return [said["project_id"] for said in answered]
            for said in asked:
                epoch = str(welcome.get("store"))
                self.outbox.answered({"op": "published", "ref": said["ref"], "epoch": epoch, "offset": 1})
            answered += asked


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("TASKTREE_SPOOL_DIR", str(tmp_path))
    return World(tmp_path)


def test_a_server_that_keeps_nothing_empties_no_spool_and_the_next_one_gets_all(world: World) -> None:
    world.project.emit("node_update", {"node_id": "run", "changes": {"title": "run", "status": "completed"}})
    assert world.served_by(store="in memory", storage=IN_MEMORY) == ["p"]
    assert world.left.exists()
    assert sorted(world.served_by(store="s")) == ["old", "p"]
    assert not world.left.exists()


def test_whoever_emits_hears_once_that_nothing_is_kept(world: World) -> None:
    for _ in range(2):
        world.served_by(store="in memory", storage=IN_MEMORY)
    assert world.complaints.take() == [
        "TaskTree's server has its logs in memory only. Nothing is kept when the server stops: no such disk"
    ]


@pytest.mark.parametrize("storage", [{"kind": "full", "message": "The disk is full."}, {}, None, "memory"])
def test_any_other_trouble_of_a_server_passes(world: World, storage: object) -> None:
    assert world.served_by(storage=storage) == ["old"]
    assert not world.complaints
