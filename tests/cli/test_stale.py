"""What the command line says of tasks that nobody hears: never that they run."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.cli.conftest import Command, beside, node
from tests.cli.test_watch import Tty, line
from tests.client.hub import TOKEN, Hub


@pytest.fixture
def impatient_hub(tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(tmp_path / "hub")
    hub.start("--TaskTreeExtension.source_silence=0.5")
    yield hub
    hub.stop()


def emit_and_vanish(hub: Hub, project_id: str) -> None:
    """A process of another machine, whose connection ends while its tasks are under way."""
    source = {"project_id": project_id, "source": f"far-{project_id}"}
    with connect(
        f"ws://127.0.0.1:{hub.port}/tasktree/ws/updates",
        additional_headers={"Authorization": f"token {TOKEN}"},
        subprotocols=[Subprotocol("tasktree.v1.json")],
    ) as socket:
        socket.send(json.dumps({"op": "source", "state": "here", "host": "node-17", "pid": 4711, **source}))
        events = [
            node("n", title="Nightly training", status="running"),
            node("n/1", parent_id="n", title="epoch 1", status="running"),
            node("n/2", parent_id="n", title="epoch 2", status="running"),
        ]
        socket.send(json.dumps({"op": "publish", "ref": 1, "seq": 1, "events": events, **source}))
        while json.loads(socket.recv(30)).get("ref") != 1:
            pass


def test_list_and_watch_tell_what_isnt_heard(impatient_hub: Hub, tasktree: Command) -> None:
    hub = impatient_hub
    emit_and_vanish(hub, "nightly")
    watching = beside(hub, "watch", "nightly")
    try:
        line(watching, "-- ", "2 stale")
        lines = tasktree("list", hub=hub).out.splitlines()
    finally:
        watching.kill()
        watching.communicate()
    again = beside(hub, "watch", "nightly")
    try:
        assert line(again, "-- live").rstrip().endswith("nightly, Nightly training: stale; 2 stale")
    finally:
        again.kill()
        again.communicate()

    assert lines[0].split() == ["PROJECT", "STATUS", "DONE", "FAILED", "STALE", "WHEN"]
    assert lines[1].split() == ["nightly", "◷", "stale", "0/2", "2", "just", "now"]


def test_what_watch_leaves_in_a_terminal_tells_what_isnt_heard(impatient_hub: Hub) -> None:
    emit_and_vanish(impatient_hub, "nightly")
    tty = Tty(impatient_hub, "watch", "nightly")
    tty.wait_for("2 stale")
    os.kill(tty.process.pid, signal.SIGINT)
    left = tty.rest().rpartition("\x1b[?1049l")[2]
    assert "epoch 2" in left
    assert left.rstrip().endswith("2 stale: said to run, but nobody hears them")
