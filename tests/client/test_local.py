"""Without a server, or without threads: the tree lives in this process, one warning, and nothing else changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tasktree_jupyter as tt
from tasktree_jupyter.client import project as projects
from tasktree_jupyter.client.session import Session
from tests.client.conftest import Run
from tests.client.tree import nodes, roots

PROGRAM = """
import json
import tasktree_jupyter as tt
with tt.task("run") as run:
    for n in run.track(range(3), "loop"):
        with tt.task(f"t {n}"):
            tt.emit("node_update", node_id="raw", changes={"title": "raw"})
assert tt.flush(1)
assert tt.status()["state"] == "local" and tt.status()["reason"] is None
from tasktree_jupyter.client.session import session
with session().project().read() as tree:
    print(json.dumps([tree.node(node_id)["status"] for node_id in tree.walk()]))
"""


def test_there_is_one_warning_and_the_tree_is_there(run: Run) -> None:
    out, err = run(PROGRAM)
    assert json.loads(out) == ["completed"] * 5 + ["draft"]
    assert err.count("TaskTreeWarning") == 1
    assert "program.py:4: TaskTreeWarning: No TaskTree server found" in err


def test_where_no_thread_can_be_started_it_is_the_same(run: Run) -> None:
    code = (
        'import threading\ndef no(self): raise RuntimeError("can\'t start new thread")\nthreading.Thread.start = no\n'
    )
    out, err = run(code + PROGRAM)
    assert json.loads(out) == ["completed"] * 5 + ["draft"]
    assert "can't start its thread" in err


def test_where_no_thread_can_be_started_a_server_makes_no_difference(run: Run, tmp_path: Path) -> None:
    code = (
        'import threading\ndef no(self): raise RuntimeError("can\'t start new thread")\nthreading.Thread.start = no\n'
    )
    out, err = run(code + PROGRAM, TASKTREE_CONNECTION_FILE=str(tmp_path / "tasktree-1.json"))
    assert json.loads(out) == ["completed"] * 5 + ["draft"]
    assert "didn't reach" not in err


def test_a_process_that_never_uses_it_starts_nothing(run: Run) -> None:
    code = "import threading, tasktree_jupyter as tt\ntt.task, tt.emit\nprint(threading.active_count())"
    assert run(code) == ("1\n", "")


def test_ending_takes_no_time(run: Run) -> None:
    code = """
import atexit, time
began = []
atexit.register(lambda: print(time.monotonic() - began[0] < 2))
import warnings
warnings.simplefilter("ignore")
import tasktree_jupyter as tt
for n in range(1000):
    tt.emit("my.event", n=n)
began.append(time.monotonic())
"""
    assert run(code)[0] == "True\n"


def test_reading_the_tree_folds_what_was_emitted(session: Session) -> None:
    for n in range(1200):
        tt.emit("node_update", node_id=str(n), changes={"title": str(n)})
        if n % 100 == 0:
            assert len(nodes(session)) == n + 1


def test_a_listener_misses_nothing_after_the_state_it_read(session: Session) -> None:
    import threading

    project = session.project()
    heard: list[int] = []
    done = threading.Event()

    def listener(events: list[dict[str, object]]) -> None:
        heard.extend(int(str(event["offset"])) for event in events)
        if heard[-1] >= 1000:
            done.set()

    def work() -> None:
        for _ in range(1000):
            tt.emit("my.event")

    thread = threading.Thread(target=work)
    thread.start()
    with project.read() as tree:
        before = tree.offset
        stop = project.listen(listener)
    thread.join()
    if before < 1000:
        assert done.wait(10)
    stop()
    assert heard == list(range(before + 1, 1001))


def test_what_is_emitted_between_reading_and_listening_is_for_the_listener(session: Session) -> None:
    project = session.project()
    heard: list[str] = []
    with project.read() as tree:
        assert tree.offset == 0
        tt.emit("my.event")
        stop = project.listen(lambda events: heard.extend(event["type"] for event in events))
    with project.read():
        pass
    stop()
    assert heard == ["my.event"]


def test_the_local_tree_forgets_the_oldest_runs_and_keeps_open_ones(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projects, "_LOCAL_NODES", 100)
    session.project()._forget_at = 100
    with tt.task("open all along"):
        for n in range(50):
            with tt.task(f"run {n}", project="p"):
                pass
    session.project("p")._forget_at = 100
    for n in range(50, 200):
        with tt.task(f"run {n}", project="p"):
            pass
        assert len(nodes(session, "p")) <= 126
    assert roots(session, "p")[-1] == "run 199"
    assert "run 0" not in roots(session, "p")
    assert roots(session) == ["open all along"]


def test_importing_loads_nothing_that_is_not_used() -> None:
    code = """
import sys
before = set(sys.modules)
import tasktree_jupyter
heavy = {"jupyter_server", "apsw", "pydantic", "websockets", "IPython", "asyncio", "tornado", "msgspec", "anywidget"}
print(sorted(heavy & (set(sys.modules) - before)))
import tasktree_jupyter as tt
tt.task
print(sorted({"jupyter_server", "apsw", "pydantic", "IPython", "asyncio", "tornado", "anywidget"} & set(sys.modules)))
"""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n[]\n"
