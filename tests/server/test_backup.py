"""A backup is a prefix of what was acknowledged; after a restore an old position isn't taken for one of the new log."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from pathlib import Path
from typing import Any

import apsw
import pytest

from tasktree_jupyter.storage.sqlite_folder import file_name
from tests.server.clients import Client, Connect, Fetch, Rest, update


async def exported(jp_fetch: Fetch, project_id: str = "p") -> bytes:
    response = await jp_fetch("tasktree", "api", "projects", project_id, "export", request_timeout=60)
    return bytes(response.body)


async def state(rest: Rest, project_id: str, moment: str = "now") -> dict[str, Any]:
    status, body = await rest("GET", "projects", project_id, "state", params={"moment": moment})
    assert status == 200, body
    return {key: body[key] for key in ("offset", "at", "state", "nodes")}


async def fill(client: Client, events: int = 30) -> None:
    await client.publish("p", update("run", title="Run", status="running", tags=["a"]))
    await client.publish("p", {"type": "mission_snapshot", "data": {"snapshot_id": "s", "name": "early"}})
    await client.publish("p", {"type": "coordination_update", "data": {"agents": {"w": {}}}}, source="k", seq=1)
    await client.publish("p", {"type": "node_log", "data": {"node_id": "run", "level": "info", "message": "x"}})
    for number in range(events - 4):
        await client.publish("p", update(f"n{number}", parent_id="run", metrics={"loss": "NaN"}))


async def trim(rest: Rest, extension: Any, offset: int) -> None:
    """What retention does."""
    from tasktree_jupyter.server.folding import encode_fold, fold_to

    log = extension.manager.log
    head = await log.head("p")
    tree, _ = await fold_to(log, "p", offset, head.trimmed)
    await log.save_fold("p", head.epoch, await encode_fold(tree))
    await log.trim("p", offset)


@pytest.mark.parametrize("boundary", [20, 30])
async def test_an_export_of_a_trimmed_log_carries_the_state_that_it_begins_with(
    connect: Connect, rest: Rest, jp_fetch: Fetch, extension: Any, boundary: int
) -> None:
    client = await connect()
    await fill(client)
    await trim(rest, extension, boundary)
    body = await exported(jp_fetch)
    head = json.loads(body.partition(b"\n")[0])
    assert (head["offset"], head["trimmed"]) == (30, boundary)

    status, answer = await rest("POST", "projects", "copy", "import", body=body)

    assert (status, answer["offset"], answer["events"]) == (201, 30, 30 - boundary)
    assert answer["epoch"] != head["epoch"]
    assert await state(rest, "copy") == await state(rest, "p")
    status, gone = await rest("GET", "projects", "copy", "state", params={"moment": "offset:10"})
    assert (status, gone["trimmed"]) == (410, boundary)
    published = await client.publish("copy", update("later", title="later"))
    assert published["offset"] == 31
    again = await exported(jp_fetch, "copy")
    assert json.loads(again.partition(b"\n")[0])["trimmed"] == boundary


def node(node_id: str, **more: Any) -> dict[str, Any]:
    return {"tasktree": "node", "node": {"node_id": node_id, "status": "draft", **more}}


STATE = {
    **{"fold": 2, "offset": 5, "at": 9, "status": None, "roots": ["a"], "agents": {}, "orchestrators": {}},
    **{"snapshots": {}, "removed_snapshots": [], "tombstones": [], "dropped": 0, "overflow": 0},
    "flagged": {"count": 0, "last": None},
}
AGENTS = {"active_agents": 1, "agents": {"w": {}}, "timestamp": "2026-01-31T14:02:11Z"}
SNAPSHOT = {"snapshot_id": "s", "timestamp": "2026-01-31T14:02:11Z", "offset": 3, "at": 4}
HEAD = {"tasktree": "export", "version": 1, "project_id": "x", "epoch": "e", "offset": 5, "at": 9, "trimmed": 5}
BASE = {"tasktree": "base", "nodes": 2, "state": STATE}


@pytest.mark.parametrize(
    ("lines", "line", "field"),
    [
        ([HEAD], 2, "offset"),
        ([HEAD, {"type": "x"}], 2, "tasktree"),
        ([HEAD, BASE | {"nodes": -1}], 2, "nodes"),
        ([HEAD, BASE | {"state": STATE | {"fold": 99}}], 2, "state.fold"),
        ([HEAD, BASE | {"state": STATE | {"offset": 4}}], 2, "state.offset"),
        ([HEAD, BASE | {"state": STATE | {"agents": []}}], 2, "state"),
        ([HEAD, BASE | {"state": STATE | {"agents": {"k": {"a": 1}}}}], 2, "state"),
        ([HEAD, BASE | {"state": STATE | {"agents": {"k": AGENTS | {"agents": {"w": 1}}}}}], 2, "state"),
        ([HEAD, BASE | {"state": STATE | {"orchestrators": {"k": {"status": 1}}}}], 2, "state"),
        ([HEAD, BASE | {"state": STATE | {"snapshots": {"s": {}}}}], 2, "state"),
        ([HEAD, BASE | {"state": STATE | {"snapshots": {"s": SNAPSHOT | {"tags": "x"}}}}], 2, "state"),
        ([HEAD, BASE | {"state": STATE | {"snapshots": {"s": SNAPSHOT | {"offset": -1}}}}], 2, "state.snapshots"),
        ([HEAD, BASE | {"owners": {"k": []}}], 2, "owners"),
        ([HEAD, BASE | {"owners": {"": {"at": 1, "tasks": []}}}], 2, "owners"),
        ([HEAD, BASE, node("a")], 4, "offset"),
        ([HEAD, BASE, node("a"), node("b", parent_id="c")], 4, "node.parent_id"),
        ([HEAD, BASE, node("a"), node("a")], 4, "node.parent_id"),
        ([HEAD, BASE, node("a"), node("b", progress=7)], 4, "data.changes.progress"),
        ([HEAD, BASE, node("a"), node("b", log=3)], 4, "node.log"),
        ([HEAD | {"trimmed": 6}], 1, "trimmed"),
    ],
)
async def test_a_base_that_makes_no_sense_is_told_by_line_and_nothing_stays(
    rest: Rest, lines: list[Any], line: int, field: str
) -> None:
    body = b"".join(json.dumps(each).encode() + b"\n" for each in lines)
    status, answer = await rest("POST", "projects", "x", "import", body=body)
    assert (status, answer["line"], answer["field"]) == (400, line, field)
    assert (await rest("GET", "projects", "x"))[0] == 404


async def test_taken_under_load_it_is_a_prefix_of_what_was_acknowledged(connect: Connect, jp_fetch: Fetch) -> None:
    client = await connect()
    await client.publish("p", update("n0", title="0"), source="k", seq=1)
    acknowledged = 1
    stop = asyncio.Event()

    async def emit() -> None:
        nonlocal acknowledged
        while not stop.is_set():
            answer = await client.publish("p", update("n", title="x"), source="k", seq=acknowledged + 1)
            acknowledged = answer["upto"]

    emitting = asyncio.ensure_future(emit())
    for _ in range(5):
        before = acknowledged
        events = [json.loads(line) for line in (await exported(jp_fetch)).splitlines()][1:]
        assert before <= len(events)
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    stop.set()
    await emitting


async def test_a_client_that_knows_more_than_the_restored_log_is_not_fooled(
    connect: Connect, rest: Rest, jp_fetch: Fetch
) -> None:
    client, follower = await connect(), await connect()
    await client.publish("p", update("a", title="A"), update("b", title="B"), source="k", seq=1)
    body = await exported(jp_fetch)
    await client.publish("p", update("c", title="C"), update("d", title="D"), source="k", seq=3)
    frames = await follower.follow("p")
    known = {"epoch": frames[0]["epoch"], "offset": 4, "at": None}

    assert (await rest("DELETE", "projects", "p"))[0] == 204
    assert (await rest("POST", "projects", "p", "import", body=body))[0] == 201
    assert (await follower.until("gone"))[-1]["project_id"] == "p"
    # Even when the new log has grown beyond where the client stood.
    for name in "xyz":
        await client.publish("p", update(name, title=name))

    frames = await follower.follow("p", known)
    assert [frame["reason"] for frame in frames if frame["op"] == "resync"] == ["epoch"]
    (snapshot,) = [frame for frame in frames if frame["op"] == "snapshot"]
    assert sorted(each["node_id"] for each in snapshot["nodes"]) == ["a", "b", "x", "y", "z"]
    # An emitter of before learns of it by the epoch, or by the gap.
    late = await client.publish("p", update("e", title="E"), source="k", seq=5)
    assert (late["code"], late["expected"]) == ("seq_gap", 3)


async def test_a_file_copied_back_by_hand_is_the_same_epoch_but_another_history(
    connect: Connect, data_dir: Path, tmp_path: Path
) -> None:
    client, follower = await connect(), await connect()
    path = data_dir / file_name("p")
    await client.publish("p", update("a", title="A"), update("b", title="B"))
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA user_version; PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    shutil.copy(path, tmp_path / "copy")
    answer = await client.publish("p", update("c", title="C"))
    at = (await client.follow("p"))[0]["info"]["at"]
    known = {"epoch": answer["epoch"], "offset": 3, "at": at}
    await client.ask("unsubscribe", project_id="p")

    os.replace(tmp_path / "copy", path)
    for beside in ("-wal", "-shm"):
        os.unlink(f"{path}{beside}")
    again = await client.publish("p", update("z", title="Z"))
    assert (again["epoch"], again["offset"]) == (answer["epoch"], 3)

    frames = await follower.follow("p", known)
    assert [frame["reason"] for frame in frames if frame["op"] == "resync"] == ["epoch"]
    (snapshot,) = [frame for frame in frames if frame["op"] == "snapshot"]
    assert sorted(each["node_id"] for each in snapshot["nodes"]) == ["a", "b", "z"]


async def test_what_a_project_is_called_comes_back_with_it_but_no_place_that_another_has(
    connect: Connect, rest: Rest, jp_fetch: Fetch, extension: Any
) -> None:
    client = await connect()
    await client.publish("p", update("a", title="A"))
    log = extension.manager.log
    named = {"kind": "notebook", "title": "A notebook", "place": "file:1", "secret": "x"}
    await log.set_attributes("p", named)
    body = await exported(jp_fetch)
    assert "secret" not in json.loads(body.partition(b"\n")[0])["attributes"]
    await rest("DELETE", "projects", "p")
    await log.set_attributes("other", {"place": "file:2"})

    assert (await rest("POST", "projects", "p", "import", body=body))[0] == 201
    assert {key: value for key, value in (await log.attributes("p")).items() if key in named} == {
        key: value for key, value in named.items() if key != "secret"
    }
    assert (await rest("POST", "projects", "copy", "import", body=body))[0] == 201
    assert "place" not in await log.attributes("copy")
    await rest("DELETE", "projects", "p")
    await log.set_attributes("other", {"place": "file:1"})
    assert (await rest("POST", "projects", "p", "import", body=body))[0] == 201
    assert "place" not in await log.attributes("p")
