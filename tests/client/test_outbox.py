"""All that a process has to send: what a server in memory gets of it, and how much may lie on the disk; no network."""

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
from tasktree_jupyter.client.spooling import Spooler

PLACE = "folder /root on here"
WELCOME = {"op": "welcome", "protocol": 1, "store": "s"}
IN_MEMORY = {"kind": "memory", "message": "Nothing is kept when the server stops: no such disk"}
LIMITS = {"max_message_bytes": 100_000, "max_events_per_publish": 100}


class Emitter:
    """A process whose server is away: it writes what it emits to the disk, as far as it may."""

    def __init__(self, spool_bytes: int) -> None:
        discovery: Any = SimpleNamespace(place=PLACE, promised=True)
        identity = Identity(None, "/x/etl.py", "etl.py")
        self.complaints = Complaints()
        self.spooler = Spooler(discovery, lambda: identity, lambda: spool_bytes, self.complaints)
        self.project = Project("p", Source(), lambda: None, lambda: (Bounds(), None))
        self.now = 0.0

    def emit(self, size: int) -> None:
        self.project.emit("my.event", {"pad": "x" * size})
        # It has waited for as long as events wait before they are written, or the disk is tried again.
        for _ in range(2):
            self.now += 10
            list(self.spooler.serve([self.project], self.now))


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


def test_all_spools_together_have_a_bound_though_all_grow_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASKTREE_SPOOL_DIR", str(tmp_path))
    emitters = [Emitter(20_000) for _ in range(10)]
    for _ in range(40):
        for emitter in emitters:
            emitter.emit(500)
    used = sum(path.stat().st_size for path in tmp_path.iterdir())
    # Each looks now and then only.
    assert 0.9 <= used / (4 * 20_000) <= 1.3
    assert any(f"all spools in {tmp_path} have" in told for each in emitters for told in each.complaints.take())
    assert {each.project.source.emitted - len(each.project.source) for each in emitters} == {0}


def test_a_spool_grows_again_when_others_have_made_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TASKTREE_SPOOL_DIR", str(tmp_path))
    others = tmp_path / "others.damaged"
    others.write_bytes(b"x" * (4 * 20_000 - 2_000))
    emitter = Emitter(20_000)
    for _ in range(10):
        emitter.emit(500)
    source = emitter.project.source
    assert (source.in_memory > 0, source.on_disk > 0) == (True, True)
    others.unlink()
    emitter.emit(500)
    assert (source.in_memory, source.on_disk) == (0, 11)
