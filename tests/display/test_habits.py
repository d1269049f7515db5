"""The habits of real notebooks, in a real kernel: cells interrupted, loops within loops, widgets in boxes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.display.kernel import WIDGET, Kernel, data
from tests.display.test_cells import tree


@pytest.fixture
def kernel(shared_kernel: Kernel) -> Kernel:
    shared_kernel.run("import asyncio, itertools, threading, time\nimport tasktree_jupyter as tt")
    return shared_kernel


def interrupted(kernel: Kernel, code: str) -> None:
    """Run a cell, and interrupt it when it has printed something."""
    request = kernel.client.execute(code)
    while kernel.wait_for("stream")["content"]["name"] != "stdout":
        pass
    kernel.interrupt()
    kernel.finish(request, may_fail=True)


def test_an_interrupt_in_the_middle_of_a_tracked_loop_cancels_both(kernel: Kernel) -> None:
    interrupted(
        kernel,
        """
with tt.task("tracked") as run:
    for n in run.track(itertools.count(), "endless"):
        if n == 1000: print("begun", flush=True)""",
    )
    nodes = tree(kernel)
    assert {nodes["tracked"]["status"], nodes["endless"]["status"]} == {"cancelled"}
    assert nodes["tracked"]["reason"] == "KeyboardInterrupt"


BUSY = {
    "emits": "while True: tt.emit('my.event', n=1)",
    "tasks": "while True:\n    with tt.task('busy task') as t: t.update(progress=0.5)",
    "updates": "with tt.task('busy updates') as t:\n    while True: t.update(message='x')",
    "loops": "while True:\n    with tt.task('busy loop') as t:\n        for _ in t.track(range(3), 'three'): pass",
}


@pytest.mark.parametrize("what", BUSY)
def test_an_interrupt_anywhere_leaves_nothing_open_and_later_cells_are_fine(kernel: Kernel, what: str) -> None:
    for _ in range(4):
        interrupted(kernel, f"print('begun', flush=True)\n{BUSY[what]}")
    cell = kernel.run(
        """
from collections import Counter
from tasktree_jupyter.client.session import session as _session
with tt.task("afterwards"): pass
assert tt.current() is None
with _session().project().read() as _tree:
    print(dict(Counter(_tree.status_of(_id) for _id in _tree.walk() if _tree.node(_id).get("kind") != "cell")))
print(_session().open_tasks, _session().open_missions())"""
    )
    counts, still_open = cell.text().splitlines()[-2:]
    assert "running" not in counts
    assert still_open == "() []"


def test_loops_within_loops_find_their_parents(kernel: Kernel) -> None:
    kernel.run(
        """
async def work(name):
    async with tt.task(name):
        await asyncio.sleep(0)
with tt.task("outer") as outer:
    await work("in the kernel's loop")
    thread = threading.Thread(target=tt.wrap(lambda: asyncio.run(work("in a thread's loop"))))
    thread.start(); thread.join()
    _loop = asyncio.new_event_loop()
    _running = asyncio.events._get_running_loop()
    asyncio.events._set_running_loop(None)
    try:
        # What libraries do that make a loop run inside another.
        _loop.run_until_complete(work("in a loop in the loop"))
    finally:
        asyncio.events._set_running_loop(_running)
        _loop.close()
async def listen():
    stream = tt.events(types="my.event")
    for n in range(3): tt.emit("my.event", n=n)
    return [(await anext(stream))["data"]["n"] for _ in range(3)]
assert await listen() == [0, 1, 2]
thread = threading.Thread(target=lambda: heard.extend(asyncio.run(listen())))
heard = []
thread.start(); thread.join()
assert heard == [0, 1, 2]"""
    )
    nodes = tree(kernel)
    outer = nodes["outer"]["node_id"]
    for name in ("in the kernel's loop", "in a thread's loop", "in a loop in the loop"):
        assert (nodes[name]["parent_id"], nodes[name]["status"]) == (outer, "completed")


def test_a_cell_waits_for_a_run_on_a_thread_and_can_be_interrupted(kernel: Kernel) -> None:
    cell = kernel.run(
        """
def job():
    with tt.task("in the background"):
        go_on.wait(30)
go_on = threading.Event()
run = tt.task("background"); run.open()
threading.Timer(0.2, run.close, (None,)).start()
print(tt.wait(run, timeout=30))
run = tt.task("never"); run.open()
print(await asyncio.to_thread(lambda: "waited"))"""
    )
    assert cell.text() == "completed\nwaited\n"
    interrupted(kernel, "print('begun', flush=True)\ntt.wait(run)")
    kernel.run("run.close(None)")


def test_what_failed_is_told_under_the_cell_that_asked(kernel: Kernel) -> None:
    asking = kernel.client.execute(
        "told = threading.Event()\n"
        "def tell(failure):\n    print(failure, flush=True)\n    told.set()\n"
        "asked = tt.on_failure(tell)"
    )
    kernel.finish(asking)
    failing = kernel.client.execute(
        "try:\n    with tt.task('breaks'): raise ValueError('bad')\nexcept ValueError: pass\n"
        "assert told.wait(30)\nasked.close()"
    )
    said = kernel.wait_for("stream")
    assert said["content"]["text"].startswith("breaks: ValueError: bad")
    assert said["parent_header"]["msg_id"] == asking
    kernel.finish(failing)


def test_a_widget_in_a_box_is_shown_and_kept_up_to_date(kernel: Kernel) -> None:
    cell = kernel.run(
        """
from ipywidgets import HTML, VBox
with tt.task("boxed") as boxed:
    shown = tt.widget()
    box = VBox([HTML("<b>My run</b>"), shown])
    display(box)
    with tt.task("first"): pass
    time.sleep(1.2)
print(shown.model_id)"""
    )
    model = cell.text().split()[-1]
    [display] = [message for message in cell.displays if "VBox" in data(message).get("text/plain", "")]
    assert WIDGET in data(display)
    opened = {message["content"]["comm_id"]: message["content"]["data"]["state"] for message in cell.of("comm_open")}
    children = [state["children"] for state in opened.values() if state.get("_model_name") == "VBoxModel"]
    assert f"IPY_MODEL_{model}" in children[0]
    assert opened[model]["_esm"]
    assert titles(opened[model]["bundle"]) == ["boxed"]
    updates = [m["content"]["data"] for m in cell.of("comm_msg") if m["content"]["comm_id"] == model]
    bundles = [update["state"]["bundle"] for update in updates if "bundle" in update.get("state", {})]
    assert titles(bundles[-1]) == ["boxed", "first"]


def titles(bundle: dict[str, Any]) -> list[str]:
    return [node["title"] for node in bundle["nodes"]]
