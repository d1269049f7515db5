"""What couldn't be sent outlives its process: the next one sends it, once, and only where it belongs.

Programs run while the server is away and end in different ways; then the server comes back on another port and two
processes start at once.
"""

from __future__ import annotations

import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasktree_jupyter.client.discovery import server_at
from tasktree_jupyter.client.source import Entry
from tasktree_jupyter.client.spool import About, Spool
from tasktree_jupyter.client.spooling import FLUSH_WINDOW
from tests.client.conftest import Run
from tests.client.discovery.played import Frame, Played
from tests.client.hub import PATIENCE, ROOT, Hub, Program, free_port, written

ARRIVES = """
import sys, time
import tasktree_jupyter as tt
tt.emit("my.event", n=-1, project="next")
assert tt.flush(60), tt.status()
deadline = time.monotonic() + 60
while tt.status()["late"]:
    assert time.monotonic() < deadline, tt.status()
    time.sleep(0.01)
from tasktree_jupyter.client.session import session
print(session().connection._outbox._spooler.store_id)
"""

CONNECTED = """
import json, os, sys, time
import tasktree_jupyter as tt
tt.configure(exit_timeout=0.3)
project, = sys.argv[1:]
for n in range(20):
    tt.emit("my.event", n=n, project=project)
assert tt.flush(60), tt.status()
print(os.getpid(), flush=True)
input()
"""

KILLED = (
    CONNECTED
    + """
from tasktree_jupyter.client.spooling import Spooler
# When the thread last began to write all there was, and did, and how much that was.
begun, spill = {}, Spooler._spill
flushed = os.open("flushed", os.O_WRONLY | os.O_CREAT)
def noted(spooler, watch, *more):
    began = begun.setdefault(watch.goal, time.time())
    wrote = spill(spooler, watch, *more)
    if watch.goal is not None and watch.project.source.left >= watch.goal:
        os.pwrite(flushed, f"{watch.goal} {began}".encode().ljust(40), 0)
    return wrote
Spooler._spill = noted
tt.task("run", project=project).open()
emitted = os.open("emitted", os.O_WRONLY | os.O_CREAT)
n = 20
while True:
    tt.emit("my.event", n=n, project=project)
    os.pwrite(emitted, f"{n} {time.time()}\\n".encode().ljust(40), 40 * (n - 20))
    n += 1
    time.sleep(0.001)
"""
)

ENDED = (
    CONNECTED
    + """
for n in range(20, 3000):
    tt.emit("my.event", n=n, project=project)
print(json.dumps(tt.status()), flush=True)
"""
)

A_SCRIPT = """
import tasktree_jupyter as tt
tt.configure(exit_timeout=0.3)
with tt.task("run"):
    assert tt.flush(60), tt.status()
    print("running", flush=True)
    input()
    with tt.task("while it was away"):
        pass
"""

WITHOUT = (
    CONNECTED.replace("exit_timeout=0.3", "exit_timeout=0.3, spool_bytes=0")
    + "tt.emit('my.event', n=20, project=project)"
)

FORKED = (
    CONNECTED
    + """
tt.emit("my.event", n=20, project=project)
while not tt.status()["projects"][0]["on_disk"]:
    time.sleep(0.01)
if os.fork() == 0:
    tt.emit("my.event", n=21, project=project)
    sys.exit()
os.wait()
"""
)


class LeftBehind:
    """What is there when everything has happened."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.said: dict[str, str] = {}
        self.printed: dict[str, str] = {}
        self.killed_at = 0.0
        self.emitted: list[tuple[int, float]] = []
        self.flushed = (0, 0.0)
        self.kept: list[Path] = []
        self.stores: set[str | None] = set()
        self.modes: set[int] = set()

    def numbers(self, project: str) -> list[int]:
        return [event["data"]["n"] for event in self.hub.events(project) if event["type"] == "my.event"]


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LeftBehind]:
    folder = tmp_path_factory.mktemp("spooling")
    hub = Hub(folder / "hub")
    spools = hub.folder / "data" / "tasktree" / "spool"
    world = LeftBehind(hub)
    hub.start()
    programs: dict[str, Program] = {}
    codes = {
        "killed": KILLED,
        "ended": ENDED,
        "script": A_SCRIPT,
        "deleted": ENDED,
        "without": WITHOUT,
        "forked": FORKED,
    }

    def started(name: str, code: str) -> Program:
        place = folder / name
        place.mkdir(exist_ok=True)
        program = Program(written(place, code), hub.environment(), *([] if code == A_SCRIPT else [name]))
        programs[f"{name} {len(programs)}"] = program
        return program

    try:
        away = {name: started(name, code) for name, code in codes.items()}
        for program in away.values():
            program.line()
        hub.delete("projects/deleted")
        hub.kill()
        for program in away.values():
            program.go_on()
        for name in codes.keys() - {"killed"}:
            world.printed[name], world.said[name] = away[name].rest()
        flushed = folder / "killed" / "flushed"
        seen: set[str] = set()
        deadline = time.monotonic() + PATIENCE
        while len(seen) < 4:
            assert time.monotonic() < deadline
            seen |= set(flushed.read_text().split()[:1]) if flushed.exists() else set()
            time.sleep(0.01)
        away["killed"].process.send_signal(signal.SIGKILL)
        world.killed_at = time.time()
        away["killed"].rest()
        lines = (folder / "killed" / "emitted").read_text().split("\n")
        world.emitted = [(int(n), float(at)) for n, at in (line.split() for line in lines if line.strip())]
        count, at = flushed.read_text().split()
        world.flushed = int(count), float(at)
        world.kept = sorted(spools.iterdir())
        for path in world.kept:
            spool = Spool.take(str(path))
            assert spool is not None
            world.stores.add(spool.about.store)
            spool.close()
        world.modes = {path.stat().st_mode & 0o777 for path in (spools, *world.kept)}
        hub.start()
        both = [started("next", ARRIVES) for _ in range(2)]
        for program in both:
            printed, said = program.rest()
            assert program.process.returncode == 0, said
            world.stores.add(printed.strip())
        yield world
    finally:
        for program in programs.values():
            program.end()
        hub.kill()


def test_a_kernel_that_is_killed_loses_no_more_than_since_the_last_flush(left_behind: LeftBehind) -> None:
    arrived = left_behind.numbers("killed")
    assert arrived == list(range(len(arrived)))
    lost = [at for n, at in left_behind.emitted if n >= len(arrived)]
    count, began = left_behind.flushed
    window = left_behind.killed_at - min(lost, default=left_behind.killed_at)
    print(f"lost {len(lost)} of {len(left_behind.emitted)} events: the last {window * 1000:.0f} ms")
    print(f"the last flush began {(left_behind.killed_at - began) * 1000:.0f} ms before the end")
    # One is the task's.
    assert len(arrived) >= count - 1 > 20
    assert window <= left_behind.killed_at - began


def test_the_time_between_flushes_is_the_one_that_the_documentation_names() -> None:
    inside = (ROOT / "docs" / "inside.md").read_text("utf-8")
    found = re.search(r"has waited in memory for ([0-9.]+) s \(`FLUSH_WINDOW`\)", inside)
    assert found is not None
    assert float(found[1]) == FLUSH_WINDOW == 0.25
    assert "After a quarter of a second they go to the disk" in (ROOT / "docs/troubleshooting.md").read_text("utf-8")


def test_what_it_had_open_is_ended_though_the_server_hears_of_it_only_now(left_behind: LeftBehind) -> None:
    deadline = time.monotonic() + PATIENCE
    while "running" in (statuses := [node["status"] for node in left_behind.hub.nodes("killed").values()]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (run,) = left_behind.hub.nodes("killed").values()
    assert (statuses, run["trigger"]) == (["failed"], "process_died")


def test_what_a_process_left_when_it_ended_arrives_in_order_once(left_behind: LeftBehind) -> None:
    assert left_behind.numbers("ended") == list(range(3000))
    assert len({event["source"] for event in left_behind.hub.events("ended")}) == 1


def test_the_end_says_in_a_sentence_where_it_is_kept(left_behind: LeftBehind) -> None:
    told = left_behind.said["ended"]
    assert re.search(
        r"2980 events didn't reach TaskTree's server: .*\. They are kept in \S+spool, and sent by the next", told
    )
    assert "is lost" not in told


def test_it_says_so_too_while_it_waits(left_behind: LeftBehind) -> None:
    status = json.loads(left_behind.printed["ended"].splitlines()[-1])
    (project,) = status["projects"]
    assert (project["waiting"], project["dropped"], status["late"]) == (2980, 0, 0)
    assert Path(status["spool"]) == left_behind.hub.folder / "data" / "tasktree" / "spool"


def test_a_script_that_ended_is_whole_in_its_own_project(left_behind: LeftBehind) -> None:
    (info,) = [info for info in left_behind.hub.projects() if info["kind"] == "script"]
    nodes = left_behind.hub.nodes(info["project_id"]).values()
    assert [(node["title"], node["status"]) for node in nodes] == [
        ("run", "completed"),
        ("while it was away", "completed"),
    ]


def test_where_the_log_was_deleted_it_is_told_how_much_is_missing(left_behind: LeftBehind) -> None:
    events = left_behind.hub.events("deleted")
    assert [(event["type"], event["data"]["count"]) for event in events[:1]] == [("events_dropped", 20)]
    assert left_behind.numbers("deleted") == list(range(20, 3000))


def test_a_forked_child_keeps_its_own_and_its_parents_stays_the_parents(left_behind: LeftBehind) -> None:
    assert sorted(left_behind.numbers("forked")) == [*range(22)]
    by_source = {event["data"]["n"]: event["source"] for event in left_behind.hub.events("forked")}
    assert by_source[20] == by_source[0] != by_source[21]


def test_without_a_spool_nothing_is_kept_and_it_is_not_said(left_behind: LeftBehind) -> None:
    assert left_behind.numbers("without") == list(range(20))
    assert "1 events didn't reach" in left_behind.said["without"]
    assert "kept in" not in left_behind.said["without"]


def test_the_folder_of_logs_has_the_same_name_after_the_restart(left_behind: LeftBehind) -> None:
    (store,) = left_behind.stores
    assert store is not None
    assert re.fullmatch("[0-9a-f]{20}", store)


def test_only_their_owner_can_read_them_and_nothing_is_left_of_them(left_behind: LeftBehind) -> None:
    assert left_behind.modes == {0o600, 0o700}
    assert len(left_behind.kept) == 6
    assert [path.exists() for path in left_behind.kept] == [False] * 6


NOWHERE = """
import json, time
import tasktree_jupyter as tt
from tasktree_jupyter.client.session import session
tt.configure(exit_timeout=0.1)
for n in range(1000):
    tt.emit("my.event", n=n, project="p")
deadline = time.monotonic() + 30
while "the disk refuses" not in " ".join(session().complaints._texts):
    assert time.monotonic() < deadline
    time.sleep(0.01)
(project,) = tt.status()["projects"]
print(json.dumps([project["waiting"], project["on_disk"], project["dropped"]]))
"""


def away(folder: Path) -> str:
    """The connection file of a server that was killed."""
    content = {
        "version": 1,
        "pid": 2**22 + 1,
        "host": platform.node(),
        "urls": [f"http://127.0.0.1:{free_port()}/"],
        "root_dir": str(folder),
        "secret": "s",
    }
    file = folder / "tasktree-1.json"
    file.write_text(json.dumps(content))
    return str(file)


def test_a_disk_that_refuses_is_told_and_events_stay_in_memory(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    out, err = run(
        NOWHERE, TASKTREE_CONNECTION_FILE=away(tmp_path), TASKTREE_SPOOL_DIR=str(tmp_path / "file" / "spool")
    )
    assert json.loads(out) == [1000, 0, 0]
    assert err.count("since the disk refuses: ") == 1
    assert "1000 events didn't reach TaskTree's server" in err
    assert "kept in" not in err.partition("didn't reach")[2]


def test_where_no_server_was_promised_nothing_goes_to_the_disk(run: Run, tmp_path: Path) -> None:
    code = """
import tasktree_jupyter as tt
for n in range(1000):
    tt.emit("my.event", n=n, project="p")
"""
    _, err = run(code, TASKTREE_SPOOL_DIR=str(tmp_path / "spool"))
    assert "No TaskTree server found" in err
    assert not (tmp_path / "spool").exists()


def test_what_a_server_does_not_acknowledge_goes_to_the_disk_though_it_is_there(run: Run, tmp_path: Path) -> None:
    code = """
import time
import tasktree_jupyter as tt
tt.configure(exit_timeout=0.5)
assert tt.connect(URL), tt.status()
for n in range(10):
    tt.emit("my.event", n=n, project="p")
deadline = time.monotonic() + 30
while tt.status()["projects"][0]["on_disk"] < 10:
    assert time.monotonic() < deadline, tt.status()
    time.sleep(0.01)
print(tt.status()["state"], tt.status()["projects"][0]["waiting"], flush=True)
"""
    deaf = Played(frozenset({"publish"}), dress=lambda frame: [] if frame["op"] == "published" else [frame])
    with deaf.running():
        out, err = run(code.replace("URL", repr(deaf.url)), TASKTREE_SPOOL_DIR=str(tmp_path / "s"))
    assert out == "connected 10\n"
    assert "10 events didn't reach TaskTree's server: the server didn't acknowledge them in time. They are kept" in err
    (path,) = (tmp_path / "s").iterdir()
    taken = Spool.take(str(path))
    assert taken is not None
    assert (taken.waiting, taken.next_number, taken.about.place) == (10, 1, f"url {server_at(deaf.url, None).url}")
    taken.close()


def test_what_another_left_and_must_wait_does_not_hold_up_the_end(run: Run, tmp_path: Path) -> None:
    def dress(frame: Frame) -> list[Frame]:
        if (frame["op"], frame.get("project_id")) != ("published", "one too many"):
            return [frame]
        return [{"op": "error", "ref": frame["ref"], "code": "too_many", "message": "no more", "retry": True}]

    full = Played(frozenset({"publish"}), dress=dress)
    with full.running():
        about = About(source="dead", name="one too many", place=f"url {server_at(full.url, None).url}")
        left = Spool.create(str(tmp_path / "s"), about, 2**20)
        left.append(1, [Entry("my.event", b'{"n":1}', 1)])
        left.close()
        code = f"""
import tasktree_jupyter as tt
tt.configure(exit_timeout=10**6)
assert tt.connect({full.url!r}), tt.status()
tt.emit("my.event", n=1, project="p")
assert tt.flush(30), tt.status()
"""
        run(code, TASKTREE_SPOOL_DIR=str(tmp_path / "s"))
    assert {"dead"} < {frame["source"] for frame in full.received if frame["op"] == "publish"}
    assert Path(left.path).exists()


def test_a_script_whose_name_is_no_utf_8_is_kept_on_disk_too(tmp_path: Path) -> None:
    code = b"import tasktree_jupyter as tt\ntt.configure(exit_timeout=0.5)\ntt.emit('my.event', n=1)\n"
    script = os.fsencode(tmp_path) + b"/caf\xe9.py"
    with open(script, "wb") as file:
        file.write(code)
    names = {
        "TASKTREE_CONNECTION_FILE": away(tmp_path),
        "TASKTREE_SPOOL_DIR": str(tmp_path / "s"),
        "PYTHONPATH": str(ROOT),
    }

    done = subprocess.run(
        [sys.executable, script], env=os.environ | names, check=True, timeout=60, capture_output=True, text=True
    )

    assert "They are kept" in done.stderr
    (path,) = (tmp_path / "s").iterdir()
    taken = Spool.take(str(path))
    assert taken is not None
    assert (taken.waiting, taken.about.title) == (1, "caf\ufffd.py")
    taken.close()
