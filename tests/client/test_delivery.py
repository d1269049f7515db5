"""From a program to the log of a real server: in order, nothing lost, nothing twice, whatever happens in between."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.client.conftest import Run, Start
from tests.client.hub import Hub


def of_type(events: list[dict[str, Any]], type: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == type]


def numbers(hub: Hub, project_id: str) -> list[int]:
    return [event["data"]["n"] for event in of_type(hub.events(project_id), "my.event")]


def test_a_script_gets_a_project_of_its_own(run: Run, hub: Hub) -> None:
    code = """
import tasktree_jupyter as tt
with tt.task("run"):
    with tt.task("a") as a:
        a.update(0.5, metrics={"loss": float("nan")})
assert tt.flush()
print(tt.status()["projects"][0]["project_id"])
"""
    project_id = run(code, hub)[0].strip()
    nodes = {node["title"]: node for node in hub.nodes(project_id).values()}
    assert nodes["a"]["parent_id"] == nodes["run"]["node_id"]
    assert nodes["a"]["metrics"] == {"loss": "NaN"}
    again = run(code, hub)[0].strip()
    assert again == project_id
    info = next(info for info in hub.projects() if info["project_id"] == project_id)
    assert (info["kind"], info["title"]) == ("script", "program.py")
    assert len(info["missions"]) == 2


def test_events_arrive_in_order_each_once(run: Run, hub: Hub) -> None:
    code = """
import tasktree_jupyter as tt
for n in range(20_000):
    tt.emit("my.event", n=n, project="order")
assert tt.flush(60)
"""
    run(code, hub)
    assert numbers(hub, "order") == list(range(20_000))


def test_the_end_of_the_process_waits_for_the_log(run: Run, hub: Hub) -> None:
    run("import tasktree_jupyter as tt\nfor n in range(5000): tt.emit('my.event', n=n, project='exit')", hub)
    assert numbers(hub, "exit") == list(range(5000))


def test_a_program_that_dies_of_an_exception_tells_so_first(start: Start, hub: Hub) -> None:
    program = start(
        "import tasktree_jupyter as tt\nwith tt.task('run', project='dies'):\n    raise ValueError('oh')", hub
    )
    _, err = program.rest()
    assert "ValueError: oh" in err
    (node,) = hub.nodes("dies").values()
    assert (node["status"], node["error"]["message"]) == ("failed", "oh")


def test_what_a_daemon_thread_leaves_open_is_cancelled(run: Run, hub: Hub) -> None:
    code = """
import threading
import tasktree_jupyter as tt
begun = threading.Event()
def work():
    with tt.task("left open", project="daemon"):
        begun.set()
        threading.Event().wait()
threading.Thread(target=work, daemon=True).start()
begun.wait()
"""
    run(code, hub)
    nodes = {node["title"]: node for node in hub.nodes("daemon").values()}
    assert (nodes["left open"]["status"], nodes["left open"]["reason"]) == ("cancelled", "the process has ended")
    assert nodes["Unattached"]["status"] == "completed"


def test_threads_that_outlive_the_main_thread_lose_nothing(run: Run, hub: Hub) -> None:
    code = """
import threading, time
import tasktree_jupyter as tt
def work():
    threading.main_thread().join()
    for n in range(1000):
        tt.emit("my.event", n=n, project="outlives")
tt.emit("my.other", project="outlives")
threading.Thread(target=work).start()
"""
    run(code, hub)
    assert numbers(hub, "outlives") == list(range(1000))


EMITTER = """
import sys
import tasktree_jupyter as tt
for n in range(0, 500):
    tt.emit("my.event", n=n, project="p")
assert tt.flush(30)
print("before", flush=True)
input()
for n in range(500, 1500):
    tt.emit("my.event", n=n, project="p")
print("while it is away", flush=True)
input()
for n in range(1500, 2000):
    tt.emit("my.event", n=n, project="p")
assert tt.flush(60), tt.status()
print("all", flush=True)
"""


def test_nothing_is_lost_over_a_restart_on_another_port(start: Start, own_hub: Hub) -> None:
    program = start(EMITTER, own_hub)
    assert program.line() == "before"
    port = own_hub.port
    own_hub.stop()
    program.go_on()
    assert program.line() == "while it is away"
    own_hub.start()
    assert own_hub.port != port
    program.go_on()
    assert program.line() == "all"
    assert numbers(own_hub, "p") == list(range(2000))
    assert len({event["source"] for event in own_hub.events("p")}) == 1


def test_nothing_is_lost_when_the_server_is_killed_at_work(start: Start, own_hub: Hub) -> None:
    code = """
import threading
import tasktree_jupyter as tt
stop = threading.Event()
def listen():
    input()
    stop.set()
threading.Thread(target=listen, daemon=True).start()
n = 0
tt.emit("my.event", n=n, project="p")
assert tt.flush(30)
print("begun", flush=True)
while not stop.wait(0.0005):
    n += 1
    tt.emit("my.event", n=n, project="p")
assert tt.flush(60), tt.status()
print(n, flush=True)
"""
    program = start(code, own_hub)
    assert program.line() == "begun"
    for _ in range(2):
        own_hub.kill()
        own_hub.start()
        while not own_hub.events("p"):
            pass
    program.go_on()
    last = int(program.line())
    assert numbers(own_hub, "p") == list(range(last + 1))


def test_a_log_that_was_deleted_gets_open_tasks_again_whole(start: Start, own_hub: Hub) -> None:
    code = """
import tasktree_jupyter as tt
with tt.task("ended before", project="p"):
    pass
with tt.task("run", project="p", agent="w") as run:
    with tt.task("done", params={"depth": 3}) as t:
        t.update(metrics={"auc": 0.9})
    try:
        with tt.task("again", id="again"):
            raise ValueError
    except ValueError:
        pass
    with tt.task("again", id="again") as again:
        again.update(0.25)
        assert tt.flush(30)
        print("before", flush=True)
        input()
        again.update(0.5)
        assert tt.flush(30), tt.status()
        print("after", flush=True)
        input()
"""
    program = start(code, own_hub)
    assert program.line() == "before"
    before = {node["title"]: node for node in own_hub.nodes("p").values()}
    own_hub.stop()
    shutil.rmtree(own_hub.logs)
    own_hub.start()
    program.go_on()
    assert program.line() == "after"
    after = {node["title"]: node for node in own_hub.nodes("p").values()}
    assert set(after) == {"run", "done", "again"}
    assert after["again"]["progress"] == 0.5
    for title in after:
        for field in (
            "node_id",
            "parent_id",
            "status",
            "attempt",
            "params",
            "metrics",
            "agent",
            "created_at",
            "started_at",
        ):
            default = 1 if field == "attempt" else None
            assert after[title].get(field, default) == before[title].get(field, default), (title, field)
        assert "unusual" not in after[title] or "unusual" in before[title]
    program.go_on()
    program.rest()
    assert {node["status"] for node in own_hub.nodes("p").values()} == {"completed"}


def test_events_dropped_are_told_and_the_tree_is_made_whole(start: Start, own_hub: Hub) -> None:
    code = """
import tasktree_jupyter as tt
tt.configure(max_events=200, spool_bytes=20_000)
with tt.task("run", project="p") as run:
    assert tt.flush(30)
    print("begun", flush=True)
    input()
    for n in range(1000):
        with tt.task(f"t {n}", params={"n": n}):
            pass
    print("dropped", tt.status()["projects"][0]["dropped"], flush=True)
    input()
    assert tt.flush(60), tt.status()
    print("sent", flush=True)
assert tt.flush(30)
"""
    program = start(code, own_hub)
    assert program.line() == "begun"
    own_hub.stop()
    program.go_on()
    count = int(program.line().split()[1])
    own_hub.start()
    program.go_on()
    assert program.line() == "sent"
    _, err = program.rest()
    assert program.process.returncode == 0, err
    told = sum(event["data"]["count"] for event in of_type(own_hub.events("p"), "events_dropped"))
    assert told == count > 1000
    nodes = own_hub.nodes("p")
    run_id = next(iter(nodes))
    children = [node for node in nodes.values() if node.get("parent_id") == run_id]
    assert [node["title"] for node in sorted(children, key=lambda node: node["params"]["n"])] == [
        f"t {n}" for n in range(1000)
    ]
    assert {node["status"] for node in nodes.values()} == {"completed"}


def test_an_event_the_server_refuses_is_told_and_harms_no_other(run: Run, hub: Hub) -> None:
    code = """
import json, warnings
import tasktree_jupyter as tt
tt.emit("node_update", node_id="a", changes={"title": "a"}, project="p-refused")
tt.emit("node_update", node_id="b", changes={"title": "b", "parent_id": "a"}, project="p-refused")
tt.emit("node_update", node_id="a", changes={"parent_id": "b"}, project="p-refused")
tt.emit("node_update", node_id="c", changes={"title": "c"}, project="p-refused")
assert tt.flush(30)
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    tt.emit("node_update", node_id="d", changes={"title": "d"}, project="p-refused")
print(json.dumps([str(each.message) for each in told]))
"""
    (told,) = json.loads(run(code, hub)[0])
    assert "node_update" in told
    assert re.search("cycle|below|itself", told)
    assert [node["title"] for node in hub.nodes("p-refused").values()] == ["a", "b", "c", "d"]


def test_what_was_refused_last_is_told_at_the_end(run: Run, hub: Hub) -> None:
    code = """
import tasktree_jupyter as tt
tt.emit("node_update", node_id="a", changes={"title": "a"}, project="p-last")
tt.emit("node_update", node_id="b", changes={"title": "b", "parent_id": "a"}, project="p-last")
tt.emit("node_update", node_id="a", changes={"parent_id": "b"}, project="p-last")
"""
    _, err = run(code, hub)
    assert err.count("TaskTreeWarning: TaskTree refused a node_update event") == 1


def test_a_server_that_is_not_there_costs_no_time_and_is_told_once(run: Run, own_hub: Hub) -> None:
    environment = own_hub.environment()
    own_hub.stop()
    code = """
import time
import tasktree_jupyter as tt
began = time.monotonic()
for n in range(1000):
    tt.emit("my.event", n=n, project="p")
assert time.monotonic() - began < 10
deadline = time.monotonic() + 20
from tasktree_jupyter.client.session import session
while not session().complaints:
    assert time.monotonic() < deadline
    time.sleep(0.01)
tt.emit("my.event", n=1000, project="p")
tt.emit("my.event", n=1001, project="p")
assert not tt.flush(0.1)
"""
    _, err = run(code, TASKTREE_CONNECTION_FILE=environment["TASKTREE_CONNECTION_FILE"])
    assert err.count("can't be reached") == 1
    assert "1002 events didn't reach TaskTree's server" in err
    assert "They are kept in" in err


def test_a_secret_the_server_does_not_know_is_refused_and_said(run: Run, own_hub: Hub) -> None:
    assert own_hub.connection_file is not None
    content = json.loads(own_hub.connection_file.read_text())
    own_hub.connection_file.write_text(json.dumps({**content, "secret": "another"}))
    code = """
import time
import tasktree_jupyter as tt
from tasktree_jupyter.client.session import session
tt.configure(exit_timeout=0.1)
tt.emit("my.event", n=1, project="p")
deadline = time.monotonic() + 20
while tt.status()["state"] != "refused":
    assert time.monotonic() < deadline
    time.sleep(0.01)
tt.emit("my.event", n=2, project="p")
print(tt.status()["reason"])
"""
    out, err = run(code, own_hub)
    assert "HTTP 403" in out
    assert "can't be reached" in err
    assert "another" not in out + err


def test_an_explicit_server_gets_what_is_open_whole(run: Run, hub: Hub) -> None:
    code = f"""
import warnings
warnings.simplefilter("ignore")
import tasktree_jupyter as tt
with tt.task("ended before"):
    pass
with tt.task("run") as run:
    with tt.task("a"):
        pass
    assert tt.status()["state"] == "local"
    assert tt.connect({hub.url!r}, "of-the-tests"), tt.status()
    with tt.task("b"):
        pass
assert tt.flush(30)
print(tt.status()["projects"][0]["project_id"])
"""
    out, _ = run(code)
    assert [node["title"] for node in hub.nodes(out.strip()).values()] == ["run", "a", "b"]


def test_a_wrong_token_is_said_without_telling_it(run: Run, hub: Hub) -> None:
    code = f"""
import tasktree_jupyter as tt
tt.configure(exit_timeout=0.1)
print(tt.connect({hub.url!r}, "wr0ng"), tt.status()["state"], tt.status()["reason"])
for url in ("ftp://x/", "localhost:8888", "http://h/?token=wr0ng"):
    try:
        tt.connect(url, "wr0ng")
    except ValueError as error:
        print(error)
"""
    out, err = run(code, hub)
    assert out.startswith("False refused HTTP 403")
    assert out.count("no address of a Jupyter server") == 2
    assert "not in the URL" in out
    assert "wr0ng" not in out + err


def test_the_token_is_never_in_a_url(run: Run, own_hub: Hub) -> None:
    run("import tasktree_jupyter as tt\ntt.emit('my.event', n=1, project='p')\nassert tt.flush(30)", own_hub)
    assert own_hub.connection_file is not None
    secret = json.loads(own_hub.connection_file.read_text())["secret"]
    own_hub.stop()
    log = own_hub.log.read_text()
    assert secret not in log
    assert "of-the-tests" not in log


def test_logs_in_a_busy_process_still_count_once(run: Run, hub: Hub) -> None:
    code = """
from concurrent.futures import ThreadPoolExecutor
import tasktree_jupyter as tt
def work(name):
    for n in range(500):
        tt.emit("my.event", name=name, n=n, project="threads")
with ThreadPoolExecutor(8) as pool:
    list(pool.map(work, range(8)))
"""
    run(code, hub)
    events = of_type(hub.events("threads"), "my.event")
    assert Counter(event["data"]["name"] for event in events) == dict.fromkeys(range(8), 500)
    for name in range(8):
        assert [event["data"]["n"] for event in events if event["data"]["name"] == name] == list(range(500))


def test_a_program_that_never_pauses_is_heard_all_the_same(run: Run, hub: Hub) -> None:
    code = """
import threading, time
import tasktree_jupyter as tt
tt.configure(exit_timeout=0.1)
stop = threading.Event()
def work():
    while not stop.is_set():
        tt.emit("my.event", project="busy")
thread = threading.Thread(target=work)
thread.start()
deadline = time.monotonic() + 40
while not any(project["offset"] for project in tt.status()["projects"]):
    if time.monotonic() > deadline:
        break
    time.sleep(0.01)
stop.set()
thread.join()
print(tt.status()["state"], tt.status()["projects"][0]["offset"] > 0)
"""
    assert run(code, hub)[0] == "connected True\n"


def test_a_script_whose_name_is_no_utf_8_reaches_its_project(start: Start, hub: Hub, tmp_path: Path) -> None:
    code = b"import tasktree_jupyter as tt\ntt.emit('my.event', n=1)\nassert tt.flush(30), tt.status()\n"
    script = os.fsencode(tmp_path) + b"/caf\xe9.py"
    with open(script, "wb") as file:
        file.write(code)
    subprocess.run([sys.executable, script], env=hub.environment(), check=True, timeout=60)
    assert "caf\ufffd.py" in [info["title"] for info in hub.projects()]
