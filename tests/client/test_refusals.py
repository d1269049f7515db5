"""A server that takes nothing of a project for a while: nothing is lost, the user is told, and the end doesn't hang."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from tasktree_jupyter.client.spool import Spool
from tests.client.conftest import Run, Start
from tests.client.discovery.played import Frame, Played

EMITS = """
import json, time
import tasktree_jupyter as tt
# Were the end to wait for what is refused, it would do so for longer than the test has patience.
tt.configure(exit_timeout=1000, max_events=500)
assert tt.connect(URL), tt.status()
for n in range(300):
    tt.emit("my.event", n=n, project="p")
deadline = time.monotonic() + 60
while (project := tt.status()["projects"][0])["on_disk"] < 300 or project["refused"] is None:
    assert time.monotonic() < deadline, tt.status()
    time.sleep(0.01)
waiting = [project["waiting"], project["dropped"]]
print(json.dumps([tt.flush(0.05), tt.status()["state"], project["refused"], *waiting]), flush=True)
"""

NEXT = """
import time
import tasktree_jupyter as tt
assert tt.connect(URL), tt.status()
tt.emit("my.event", n=-1, project="next")
assert tt.flush(60), tt.status()
deadline = time.monotonic() + 60
while tt.status()["late"]:
    assert time.monotonic() < deadline, tt.status()
    time.sleep(0.01)
"""


class Authorizer:
    """Refuses every publish while it is shut."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.server = Played(frozenset({"publish"}), dress=self._dress)

    def _dress(self, frame: Frame) -> list[Frame]:
        if frame["op"] != "published" or self.open.is_set():
            return [frame]
        # What it acknowledged isn't in its log.
        self.server.log.clear()
        ref = frame["ref"]
        return [{"op": "error", "ref": ref, "code": "forbidden", "message": "not for you", "retry": False}]

    @property
    def arrived(self) -> list[Any]:
        return [event["data"]["n"] for event in self.server.log if event["project_id"] == "p"]


def test_what_is_refused_outlives_the_process_and_the_next_one_sends_it(run: Run, tmp_path: Path) -> None:
    world = Authorizer()
    folder = tmp_path / "s"
    with world.server.running():
        out, err = run(EMITS.replace("URL", repr(world.server.url)), TASKTREE_SPOOL_DIR=str(folder))
        assert json.loads(out) == [False, "connected", "not for you", 300, 0]
        assert err.count("refuses events of 'p': not for you") == 1
        assert "300 events didn't reach TaskTree's server" in err
        assert "They are kept" in err
        (path,) = folder.iterdir()
        spool = Spool.take(str(path))
        assert spool is not None
        assert (spool.waiting, spool.next_number) == (300, 1)
        spool.close()
        world.open.set()
        run(NEXT.replace("URL", repr(world.server.url)), TASKTREE_SPOOL_DIR=str(folder))
    assert world.arrived == list(range(300))
    assert [*folder.iterdir()] == []


def test_what_was_refused_arrives_when_it_may(start: Start, tmp_path: Path) -> None:
    code = (
        EMITS
        + """
input()
tt.emit("my.event", n=300, project="p")
assert tt.flush(60), tt.status()
(project,) = tt.status()["projects"]
print(json.dumps([project["refused"], project["waiting"], project["on_disk"], project["dropped"]]), flush=True)
"""
    )
    world = Authorizer()
    with world.server.running():
        program = start(code.replace("URL", repr(world.server.url)), TASKTREE_SPOOL_DIR=str(tmp_path / "s"))
        program.line()
        world.open.set()
        program.go_on()
        assert json.loads(program.line()) == [None, 0, 0, 0]
        program.rest()
    assert world.arrived == list(range(301))


def test_a_spool_that_is_full_keeps_its_bound_while_everything_is_refused(run: Run, tmp_path: Path) -> None:
    code = """
import json, time
import tasktree_jupyter as tt
tt.configure(exit_timeout=1000, max_events=100, spool_bytes=20_000)
assert tt.connect(URL), tt.status()
deadline = time.monotonic() + 60
n = 0
while not tt.status()["projects"] or not tt.status()["projects"][0]["dropped"]:
    assert time.monotonic() < deadline, tt.status()
    tt.emit("my.event", n=(n := n + 1), project="p")
    time.sleep(0.0005)
(project,) = tt.status()["projects"]
print(json.dumps([n - project["waiting"] - project["dropped"], project["waiting"] - project["on_disk"] <= 300]))
"""
    world = Authorizer()
    folder = tmp_path / "s"
    with world.server.running():
        out, _ = run(code.replace("URL", repr(world.server.url)), TASKTREE_SPOOL_DIR=str(folder))
    assert json.loads(out) == [0, True]
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 20_000 + 1000
