"""The widget in a real kernel without a server: what a front end is sent over comms, and when."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tasktree_jupyter.core.tree import TaskTree
from tests.display.kernel import STORED, WIDGET, Cell, Kernel, Message, data

START = """
import tasktree_jupyter as tt, time, json
run = tt.task("Grid search", expected=20).__enter__()
"""


def model_of(cell: Cell) -> str:
    found: str = data(cell.displays[0])[WIDGET]["model_id"]
    return found


def bundles(messages: list[Message], model: str) -> list[dict[str, Any]]:
    """The states of `bundle` that a front end saw, in order."""
    found = []
    for message in messages:
        content = message["content"]
        if content.get("comm_id") == model and "state" in content["data"] and "bundle" in content["data"]["state"]:
            found.append(content["data"]["state"]["bundle"])
    return found


def frames(messages: list[Message], model: str) -> list[dict[str, Any]]:
    return [
        message["content"]["data"]["content"]
        for message in messages
        if message["msg_type"] == "comm_msg"
        and message["content"]["comm_id"] == model
        and message["content"]["data"]["method"] == "custom"
    ]


def ask(kernel: Kernel, model: str) -> list[Message]:
    """Say `ready` as the front end does; return all that came up to `live`."""
    content = {"comm_id": model, "data": {"method": "custom", "content": {"op": "ready"}}}
    kernel.client.shell_channel.send(kernel.client.session.msg("comm_msg", content))
    messages: list[Message] = []
    while not any(frame["op"] == "live" for frame in frames(messages[-1:], model)):
        messages.append(kernel.next_message())
    return messages


def folded(sent: list[dict[str, Any]]) -> TaskTree:
    """Fold frames as a subscriber does: parts in order, one epoch, offsets without gaps."""
    tree: TaskTree | None = None
    parts: list[dict[str, Any]] = []
    for frame in sent:
        if frame["op"] == "snapshot":
            parts = [frame] if frame["part"] == 0 else [*parts, frame]
            assert [part["part"] for part in parts] == list(range(len(parts)))
            if len(parts) == frame["parts"]:
                tree = TaskTree.load(parts[0]["state"], (node for part in parts for node in part["nodes"]))
        elif frame["op"] == "events":
            assert tree is not None
            for event in frame["events"]:
                assert event["offset"] == tree.offset + 1
                tree.apply(event)
    assert tree is not None
    assert {(frame["project_id"], frame.get("epoch", "local")) for frame in sent} == {("local", "local")}
    return tree


def own_nodes(kernel: Kernel) -> tuple[list[dict[str, Any]], list[Message]]:
    """The kernel's own tree, and the messages up to it: reading the tree hands on what hasn't been handed on yet."""
    cell = kernel.run("with run.project.read() as tree: print(json.dumps(list(tree.nodes())))")
    found: list[dict[str, Any]] = json.loads(cell.text())
    return found, cell.messages


def test_the_tree_is_there_at_once_and_grows_while_the_cell_runs_though_nobody_can_ask(kernel: Kernel) -> None:
    cell = kernel.run(
        START
        + """
for number in range(20):
    with tt.task(f"fit {number}"):
        time.sleep(0.1)
"""
    )
    seen = bundles(cell.messages, model_of(cell))
    assert [node["title"] for node in seen[0]["nodes"]] == ["Grid search"]
    sizes = [len(bundle["nodes"]) for bundle in seen]
    assert sizes == sorted(sizes)
    assert 3 <= len(set(sizes)) <= 8, "twice a second"
    assert {bundle["project_id"] for bundle in seen} == {None}
    assert frames(cell.messages, model_of(cell)) == []


def test_who_asks_gets_the_whole_tree_and_from_then_on_what_happens(kernel: Kernel) -> None:
    shown = kernel.run(
        START
        + """
for number in range(5000):
    changes = {"parent_id": run.id, "title": f"fit {number}"}
    run.emit("node_update", {"node_id": f"{run.id}/raw-{number}", "changes": changes})
"""
    )
    model = model_of(shown)
    asked = frames(ask(kernel, model), model)
    assert [frame["op"] for frame in asked] == ["snapshot"] * 3 + ["live"]
    assert max(len(frame["nodes"]) for frame in asked[:-1]) <= 2000
    assert list(folded(asked).nodes()) == own_nodes(kernel)[0]

    more = kernel.run(
        """
ends = time.monotonic() + 2
while time.monotonic() < ends:
    with tt.task("more") as t:
        t.update(progress=0.5)
    time.sleep(0.001)
"""
    )
    sent = frames(more.messages, model)
    assert 5 <= len(sent) <= 24, "at most ten a second"
    assert sum(len(frame["events"]) for frame in sent) > 100
    nodes, last = own_nodes(kernel)
    assert list(folded([*asked, *sent, *frames(last, model)]).nodes()) == nodes
    assert bundles(more.messages, model) == [], "who follows needs no bundles"


def test_a_view_drawn_anew_asks_again_and_gets_the_present(kernel: Kernel) -> None:
    model = model_of(kernel.run(START))
    first = frames(ask(kernel, model), model)
    kernel.run('with tt.task("later"): pass')
    again = frames(ask(kernel, model), model)
    snapshot = next(place for place, frame in enumerate(again) if frame["op"] == "snapshot")
    assert list(folded(again[snapshot:]).nodes()) == own_nodes(kernel)[0]
    assert len(list(folded(first).nodes())) == 1


@pytest.mark.parametrize("noise", ["{}", '{"op": "dance"}', "[]", '"ready"', "null"])
def test_what_a_front_end_may_send_besides_is_passed_over(kernel: Kernel, noise: str) -> None:
    model = model_of(kernel.run(START))
    content = {"comm_id": model, "data": {"method": "custom", "content": json.loads(noise)}}
    kernel.client.shell_channel.send(kernel.client.session.msg("comm_msg", content))
    assert kernel.run("print('alive')").text() == "alive\n"
    assert len(frames(ask(kernel, model), model)) == 2


def test_inside_other_widgets_the_tree_is_a_widget_also_with_a_server(kernel_with_server: Kernel) -> None:
    cell = kernel_with_server.run(
        """
import ipywidgets
with tt.task("Grid search"):
    pass
tree = tt.widget()
ipywidgets.VBox([tree])
"""
    )
    model = kernel_with_server.run("print(tree.model_id)").text().strip()
    [bundle] = bundles(cell.messages, model)
    assert [node["title"] for node in bundle["nodes"]] == ["Grid search"]
    assert bundle["project_id"] is None
    kernel_with_server.run("tree.close()")


def test_without_anywidget_an_output_is_still_html_and_text(kernel: Kernel) -> None:
    cell = kernel.run("import sys; sys.modules['anywidget'] = None\n" + START)
    assert set(data(cell.displays[0])) == {STORED, "text/html", "text/plain"}
