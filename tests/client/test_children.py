"""Forks, pools and child processes: each a source of its own, all in one mission, nothing lost."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from tasktree_jupyter.client import origin
from tests.client.conftest import Run
from tests.client.hub import Hub


def by_title(hub: Hub, project_id: str) -> dict[str, dict[str, Any]]:
    return {node["title"]: node for node in hub.nodes(project_id).values()}


def children(hub: Hub, project_id: str, title: str) -> list[str]:
    nodes = hub.nodes(project_id)
    (parent,) = [node_id for node_id, node in nodes.items() if node["title"] == title]
    return sorted(str(node["title"]) for node in nodes.values() if node.get("parent_id") == parent)


def test_three_forked_children_lose_nothing(run: Run, hub: Hub) -> None:
    code = """
import os
import tasktree_jupyter as tt
PROJECT = "forks"
with tt.task("run", project=PROJECT) as run:
    for n in range(2000):
        tt.emit("my.event", who="parent", n=n)
    pids = []
    for child in range(3):
        pid = os.fork()
        if pid == 0:
            for n in range(1000):
                tt.emit("my.event", who=child, n=n)
            with tt.task(f"child {child}"):
                pass
            os._exit(0 if tt.flush(60) else 1)
        pids.append(pid)
    for n in range(2000, 3000):
        tt.emit("my.event", who="parent", n=n)
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0, 0, 0]
"""
    run(code, hub)
    events = [event for event in hub.events("forks") if event["type"] == "my.event"]
    for who, count in (("parent", 3000), (0, 1000), (1, 1000), (2, 1000)):
        own = [event for event in events if event["data"]["who"] == who]
        assert [event["data"]["n"] for event in own] == list(range(count))
        assert len({event["source"] for event in own}) == 1
    assert len({event["source"] for event in events}) == 4
    assert children(hub, "forks", "run") == ["child 0", "child 1", "child 2"]
    assert {node["status"] for node in hub.nodes("forks").values()} == {"completed"}


def test_a_fork_while_threads_emit_does_not_hang(run: Run, hub: Hub) -> None:
    code = """
import os, threading
import tasktree_jupyter as tt
stop = threading.Event()
def work():
    while not stop.is_set():
        tt.emit("my.busy", project="busy-fork")
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads: thread.start()
pids = []
for child in range(20):
    pid = os.fork()
    if pid == 0:
        tt.emit("my.event", n=child, project="busy-fork")
        os._exit(0 if tt.flush(60) else 1)
    pids.append(pid)
results = [os.waitpid(pid, 0)[1] for pid in pids]
stop.set()
for thread in threads: thread.join()
assert results == [0] * 20, results
"""
    run(code, hub)
    events = [event for event in hub.events("busy-fork") if event["type"] == "my.event"]
    assert sorted(event["data"]["n"] for event in events) == list(range(20))


def test_a_forked_child_leaves_its_parents_tasks_alone(run: Run, hub: Hub) -> None:
    code = """
import os
import tasktree_jupyter as tt
pid = None
try:
    with tt.task("run", project="leaves"):
        pid = os.fork()
        if pid == 0:
            raise RuntimeError("in the child")
        os.waitpid(pid, 0)
        with tt.task("after"):
            pass
except RuntimeError:
    tt.flush(30)
    os._exit(0)
"""
    run(code, hub)
    nodes = by_title(hub, "leaves")
    assert nodes["run"]["status"] == "completed"
    assert "error" not in nodes["run"]
    assert "attempt" not in nodes["run"]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_multiprocessing_join_and_flush(run: Run, hub: Hub, method: str) -> None:
    code = f"""
import multiprocessing
import tasktree_jupyter as tt
def work(name):
    with tt.task(f"work {{name}}"):
        with tt.task(f"inner {{name}}"):
            pass
if __name__ == "__main__":
    context = multiprocessing.get_context({method!r})
    with tt.task("run", project="mp-{method}"):
        with tt.task("stage"):
            workers = [context.Process(target=work, args=(name,)) for name in range(3)]
            for worker in workers: worker.start()
            for worker in workers: worker.join()
            assert [worker.exitcode for worker in workers] == [0, 0, 0]
"""
    run(code, hub)
    project_id = f"mp-{method}"
    assert children(hub, project_id, "stage") == ["work 0", "work 1", "work 2"]
    nodes = hub.nodes(project_id)
    assert len(nodes) == 8
    assert {node["status"] for node in nodes.values()} == {"completed"}
    pids = {node["source"]["pid"] for node in nodes.values() if node["title"].startswith("work")}
    assert len(pids) == 3


def test_a_process_pool_finds_its_mission(run: Run, hub: Hub) -> None:
    code = """
from concurrent.futures import ProcessPoolExecutor
import tasktree_jupyter as tt
@tt.task
def square(n):
    return n * n
if __name__ == "__main__":
    with tt.task("run", project="pool") as run:
        with ProcessPoolExecutor(2) as pool:
            assert list(pool.map(square, range(10))) == [n * n for n in range(10)]
"""
    run(code, hub)
    assert children(hub, "pool", "run") == ["square"] * 10
    assert len(hub.nodes("pool")) == 11


def test_a_child_process_joins_through_the_environment(run: Run, hub: Hub) -> None:
    """In the default project too, though the child is another script."""
    code = """
import subprocess, sys, json
import tasktree_jupyter as tt
child = '''
import threading
import tasktree_jupyter as tt
def work():
    with tt.task("thread of child"):
        pass
with tt.task("child") as t:
    tt.emit("node_update", node_id=t.id, changes={"agent": "c"})
thread = threading.Thread(target=work)
thread.start()
thread.join()
'''
with tt.task("run"):
    with tt.task("stage"):
        subprocess.run([sys.executable, "-c", child], check=True)
    subprocess.run([sys.executable, "-c", child.replace("child", "late child")], check=True)
subprocess.run([sys.executable, "-c", child.replace("child", "own child")], check=True)
assert tt.flush(30)
print(tt.status()["projects"][0]["project_id"])
"""
    project_id = run(code, hub)[0].strip()
    assert children(hub, project_id, "stage") == ["child", "thread of child"]
    assert children(hub, project_id, "run") == ["late child", "stage", "thread of late child"]
    assert by_title(hub, project_id)["child"]["agent"] == "c"
    assert "own child" not in by_title(hub, project_id)


def test_ids_of_many_processes_never_meet(run: Run, hub: Hub) -> None:
    code = """
import os
import tasktree_jupyter as tt
with tt.task("run", project="ids"):
    for n in range(20):
        with tt.task(f"before {n}"): pass
    pids = []
    for child in range(4):
        pid = os.fork()
        if pid == 0:
            for n in range(20):
                with tt.task(f"{child} {n}"): pass
            os._exit(0 if tt.flush(60) else 1)
        pids.append(pid)
    for n in range(20):
        with tt.task(f"after {n}"): pass
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 4
"""
    run(code, hub)
    nodes = hub.nodes("ids")
    assert len(nodes) == 1 + 6 * 20
    assert len(by_title(hub, "ids")) == 1 + 6 * 20


def test_a_child_does_not_hear_for_its_parent(run: Run, hub: Hub) -> None:
    """A subscription is the parent's: a fork doesn't call its callbacks."""
    code = """
import os, json, threading
import tasktree_jupyter as tt
heard, done = [], threading.Event()
def on_event(event):
    heard.append((os.getpid(), event["data"]["n"]))
    if len(heard) == 2: done.set()
tt.subscribe(on_event, project="hear", types=["my.event"])
tt.emit("my.event", n=0, project="hear")
pid = os.fork()
if pid == 0:
    tt.emit("my.event", n=1, project="hear")
    os._exit(0 if tt.flush(30) else 1)
assert os.waitpid(pid, 0)[1] == 0
assert done.wait(30)
# Two sources, so whose event comes first is open.
print(json.dumps(sorted([who == os.getpid(), n] for who, n in heard)))
"""
    assert json.loads(run(code, hub)[0]) == [[True, 0], [True, 1]]


def test_a_forked_child_of_a_kernel_doesnt_say_that_it_is_the_kernel() -> None:
    assert origin.of_source("k") == {"kernel_id": "k", "pid": os.getpid(), **origin.of_source(None)}
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, json.dumps(origin.of_source("k")).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    said = json.loads(os.read(read, 4096))
    os.close(read)
    os.close(write)
    assert said["pid"] == pid
    assert "kernel_id" not in said
