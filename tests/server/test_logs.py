"""The server's log: each line is an event with fields, and none holds a secret, the content of a task, or a flood."""

from __future__ import annotations

import ast
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError

from tasktree_jupyter.server import logs
from tasktree_jupyter.server.logs import EVENTS, LINES, SECONDS, Sparing, tell
from tasktree_jupyter.storage.log import StorageError
from tests.client.hub import ROOT, Hub
from tests.server.clients import Connect, Plain, Rest, update

SERVER = ROOT / "tasktree_jupyter" / "server"
Told = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Told:
    """The fields of all lines of an event."""
    monkeypatch.setattr(logs, "_SPARING", Sparing())
    caplog.set_level(logging.DEBUG)

    def told_(event: str) -> list[dict[str, Any]]:
        records = [record for record in caplog.records if getattr(record, "tasktree", {}).get("event") == event]
        for record in records:
            assert record.levelno == EVENTS[event].level
            assert record.message
            fields = set(record.tasktree) - {"event", "left_out"}  # type: ignore[attr-defined]
            assert fields == set(EVENTS[event].fields), event
        return [record.tasktree for record in records]  # type: ignore[attr-defined]

    return told_


async def test_a_connection_is_told_when_it_opens_and_ends(
    connect: Connect, plain: Plain, extension: Any, told: Told
) -> None:
    await connect()
    simple = await plain("p", "q")
    (kept,) = (each for each in extension.manager.connections if each.kind == "plain")

    kept.close(4001, "too slow")
    await simple.closed()
    await extension.stop_extension()

    opened, ended = told("connection.opened"), told("connection.closed")
    assert [(each["kind"], each["projects"]) for each in opened] == [("v1", 0), ("plain", 2)]
    (cut,) = told("connection.cut")
    assert (cut["connection"], cut["reason"], cut["code"]) == (opened[1]["connection"], "too_slow", 4001)
    assert [(each["connection"], each["reason"], each["code"]) for each in ended] == [
        (opened[0]["connection"], "stopping", 4000)
    ]
    assert ended[0]["seconds"] >= 0


@pytest.mark.parametrize("settings", [{"warn_connections": 2}])
async def test_growing_connections_are_warned_of_at_each_doubling(connect: Connect, extension: Any, told: Told) -> None:
    await connect()

    clients = [await connect() for _ in range(6)]
    warned = told("connections.many")
    for client in clients:
        client.ws.close()
        await client.closed()
    for _ in range(3):
        await connect()

    assert [(each["connections"], each["threshold"]) for each in warned] == [(3, 2), (7, 2)]
    # Below half of it the alarm is off, and the next time is a first time.
    assert [each["connections"] for each in told("connections.many")] == [3, 7, 3]


async def test_a_flood_of_bad_frames_is_a_few_lines(connect: Connect, told: Told) -> None:
    client = await connect()

    for number in range(3 * LINES):
        await client.send(f'{{"op":"nonsense","ref":{number}}}')
        await client.next()

    lines = told("frame.refused")
    assert len(lines) == LINES
    assert {each["code"] for each in lines} == {"unknown_op"}


def test_what_was_left_out_of_a_flood_is_told_afterwards() -> None:
    now = 0.0
    sparing = Sparing(lambda: now)

    before = [sparing.may("a") for _ in range(LINES + 5)]
    now = SECONDS
    after = [sparing.may("a"), sparing.may("a"), sparing.may("b")]

    assert before == [0] * LINES + [None] * 5
    assert after == [5, 0, 0]


async def test_a_storage_that_fails_is_told_with_what_was_being_done(
    connect: Connect, extension: Any, monkeypatch: pytest.MonkeyPatch, told: Told
) -> None:
    client = await connect()
    await client.publish("p", update("a", title="A"))

    async def full(*_: Any, **__: Any) -> None:
        raise StorageError("database or disk is full")

    monkeypatch.setattr(extension.manager.log, "append", full)
    answer = await client.publish("p", update("b", title="B"))

    assert answer["code"] == "storage"
    (line,) = told("storage.failed")
    assert (line["operation"], line["project_id"], line["error"]) == ("append", "p", "database or disk is full")


async def test_no_secret_and_no_content_is_in_any_line(
    connect: Connect, plain: Plain, extension: Any, rest: Rest, caplog: pytest.LogCaptureFixture, told: Told
) -> None:
    marked = "CONTENT-OF-A-TASK"
    client = await connect(headers={"Authorization": f"TaskTree {extension.secret}"})
    simple = await plain("p")
    await client.publish("p", update(marked, title=marked, params={marked: marked}))
    await simple.next()
    for bad in (
        update("a", status=marked),
        {"type": marked, "data": {}},
        {"type": "node_update", "data": {marked: marked}},
    ):
        await client.publish("p", bad)
        await simple.send({"project_id": "p", **bad})
        await simple.next()
    for frame in (f'{{"op":"{marked}"}}', f'{{"{marked}', json.dumps({"op": "subscribe", "project_id": [marked]})):
        await client.send(frame)
        assert (await client.next())["op"] == "error"
    await rest("POST", "projects", "p", "events", body={"type": "node_update", "data": {"node_id": marked}})
    with pytest.raises(HTTPClientError):
        await connect(headers={"Authorization": "TaskTree WRONG-SECRET"})
    await extension.stop_extension()

    assert told("frame.refused")
    assert told("connection.refused")
    written = [repr(vars(record)) for record in caplog.records if hasattr(record, "tasktree")]
    for hidden in (marked, extension.secret, "WRONG-SECRET"):
        assert [line for line in written if hidden in line] == []


def test_every_line_of_the_server_is_an_event_that_is_listed_and_no_other() -> None:
    used = set()
    for file in SERVER.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            function = node.func
            if isinstance(function, ast.Attribute) and function.attr in ("debug", "info", "warning", "exception"):
                assert not re.search(r"log", ast.unparse(function.value)), f"{file.name}:{node.lineno}"
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if name == "tell":
                used |= {
                    constant.value
                    for argument in node.args[:2]
                    for constant in ast.walk(argument)
                    if isinstance(constant, ast.Constant) and constant.value in EVENTS
                }
    in_a_variable = {"connection.closed", "connection.cut"}
    assert used | in_a_variable == set(EVENTS)


def test_an_event_that_isnt_listed_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        tell(logging.getLogger(), "nothing.known", "message")


def test_the_pages_configuration_makes_json_lines_of_a_real_servers_log(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "metrics.md").read_text("utf-8")
    (block,) = re.findall(r"```python\n(c\.ServerApp\.logging_config.*?)```", page, re.DOTALL)
    config = tmp_path / "jupyter_server_config.py"
    config.write_text(f"c = get_config()\n{block}", "utf-8")
    hub = Hub(tmp_path / "hub")

    hub.start(f"--config={config}")
    hub.stop()

    lines = []
    for line in hub.log.read_text("utf-8").splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    opened = [line for line in lines if line.get("tasktree", {}).get("event") == "storage.opened"]
    assert [line["tasktree"]["data_dir"] for line in opened] == [str(hub.logs)]
    assert opened[0]["levelname"] == "INFO"
    assert opened[0]["message"].startswith("TaskTree keeps its logs in ")
    assert len(lines) > 3
