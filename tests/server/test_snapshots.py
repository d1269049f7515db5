"""Snapshots: made, named, changed and removed over REST; and really kept."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tasktree_jupyter.core.tree import FOLD_VERSION
from tasktree_jupyter.server.manager import WebSocketManager
from tasktree_jupyter.storage.log import Pin
from tests.server.clients import WAIT, Connect, Fetch, Rest, update
from tests.server.test_two_servers import Other


async def kept(manager: WebSocketManager) -> list[Pin]:
    """Return what is pinned once the project's room has nothing left to do; each snapshot's pin has its state."""
    room = manager.rooms.get("p")
    await room.settled()
    while room._others:
        await asyncio.wait(tuple(room._others), timeout=WAIT)
    pins = await manager.log.pins("p")
    offsets = await manager.log.fold_offsets("p", version=FOLD_VERSION)
    assert {pin.offset for pin in pins if pin.name.startswith("snapshot:")} <= {*offsets, 1}
    return pins


async def test_a_snapshot_is_made_listed_changed_and_removed(rest: Rest) -> None:
    await rest("POST", "projects", "p", "events", body=update("a", title="A"))

    made_status, made = await rest(
        "POST", "projects", "p", "snapshots", body={"name": "one", "tags": ["x"], "note": "n"}
    )
    bare_status, bare = await rest("POST", "projects", "p", "snapshots", body="")
    own_status, own = await rest("POST", "projects", "p", "snapshots", body={"snapshot_id": "own/1", "name": "own"})
    _, listed = await rest("GET", "projects", "p", "snapshots")
    changed_status, changed = await rest(
        "PATCH", "projects", "p", "snapshots", made["snapshot_id"], body={"name": "first", "note": None}
    )
    removed_status, _ = await rest("DELETE", "projects", "p", "snapshots", bare["snapshot_id"])
    _, left = await rest("GET", "projects", "p", "snapshots")

    assert (made_status, bare_status, own_status, changed_status, removed_status) == (201, 201, 201, 200, 204)
    assert (made["name"], made["tags"], made["note"], made["offset"]) == ("one", ["x"], "n", 2)
    assert (bare["name"], bare["tags"], bare["note"], bare["offset"]) == (None, None, None, 3)
    assert made["at"] > 0
    assert made["timestamp"].endswith("Z")
    assert listed == {"snapshots": [made, bare, own]}
    assert changed == made | {"name": "first", "note": None}
    assert left == {"snapshots": [changed, own]}


async def test_what_is_wrong_is_told_by_its_field(rest: Rest) -> None:
    snapshot = {"type": "mission_snapshot", "data": {"snapshot_id": "s"}}
    await rest("POST", "projects", "p", "events", body=snapshot)

    cases: list[tuple[str, tuple[str, ...], Any, int, str | None]] = [
        ("POST", ("nobody", "snapshots"), {}, 404, "project_id"),
        ("POST", ("p", "snapshots"), {"name": 5}, 400, "name"),
        ("POST", ("p", "snapshots"), {"colour": "red"}, 400, "colour"),
        ("POST", ("p", "snapshots"), {"snapshot_id": ""}, 400, "snapshot_id"),
        ("POST", ("p", "snapshots"), [], 400, None),
        ("POST", ("p", "snapshots"), "{", 400, None),
        ("POST", ("p", "snapshots"), {"snapshot_id": "s"}, 409, "snapshot_id"),
        ("PATCH", ("p", "snapshots", "s"), {"tags": ["a", 5]}, 400, "tags.1"),
        ("PATCH", ("p", "snapshots", "s"), {"offset": 5}, 400, "offset"),
        ("PATCH", ("p", "snapshots", "nobody"), {"name": "n"}, 404, "snapshot_id"),
        ("DELETE", ("p", "snapshots", "nobody"), None, 404, "snapshot_id"),
        ("GET", ("p", "snapshots", "nobody"), None, 404, "snapshot_id"),
    ]
    for verb, path, body, status, field in cases:
        got, answer = await rest(verb, "projects", *path, body=body)
        assert (verb, path, body, got, answer["field"]) == (verb, path, body, status, field)
        assert answer["message"]
        assert answer["reason"]
    assert (await rest("GET", "projects", "p"))[1]["offset"] == 1


async def test_the_id_of_a_removed_snapshot_stays_used(rest: Rest) -> None:
    await rest("POST", "projects", "p", "events", body=update("a", title="A"))
    await rest("POST", "projects", "p", "snapshots", body={"snapshot_id": "s"})
    await rest("DELETE", "projects", "p", "snapshots", "s")

    status, body = await rest("POST", "projects", "p", "snapshots", body={"snapshot_id": "s"})

    assert (status, body["reason"], body["field"]) == (409, "duplicate", "snapshot_id")


async def test_a_snapshot_is_pinned_with_its_state_until_it_is_removed(
    connect: Connect, rest: Rest, extension: Any
) -> None:
    client = await connect()
    snapshots = [{"type": "mission_snapshot", "data": {"snapshot_id": f"s{n}"}} for n in range(3)]
    await client.publish("p", update("a", title="A"), snapshots[0], update("b", title="B"), snapshots[1])
    await client.publish("p", snapshots[2])

    before = await kept(extension.manager)
    await rest("DELETE", "projects", "p", "snapshots", "s1")
    after = await kept(extension.manager)

    assert before == [Pin("snapshot:s0", 2), Pin("snapshot:s1", 4), Pin("snapshot:s2", 5)]
    assert after == [Pin("snapshot:s0", 2), Pin("snapshot:s2", 5)]


async def test_snapshots_that_came_without_a_room_are_kept_when_the_project_is_loaded(
    rest: Rest, jp_fetch: Fetch, extension: Any
) -> None:
    snapshot = {"type": "mission_snapshot", "data": {"snapshot_id": "s"}}
    events = [update("a", title="A"), snapshot, update("b", title="B")]
    await rest("POST", "projects", "q", "events", body={"events": events})
    lines = (await jp_fetch("tasktree", "api", "projects", "q", "export")).body
    status, _ = await rest("POST", "projects", "p", "import", body=lines)
    assert status == 201
    assert await extension.manager.log.pins("p") == []

    assert await kept(extension.manager) == [Pin("snapshot:s", 2)]


async def test_another_server_keeps_it_too_and_takes_no_pin_away_that_it_doesnt_know(
    connect: Connect, rest: Rest, extension: Any, data_dir: Path
) -> None:
    client = await connect()
    await client.publish("p", update("a", title="A"), {"type": "mission_snapshot", "data": {"snapshot_id": "ours"}})
    async with Other(data_dir) as other:
        await kept(other)
        await other.log.pin("p", 1, "snapshot:elsewhere")
        await other.log.pin("p", 1, "something else")
        await other.publish_envelopes("p", [{"type": "mission_snapshot", "data": {"snapshot_id": "theirs"}}])
        pins = await kept(other)

    assert [pin.name for pin in pins] == [*("snapshot:elsewhere", "something else", "snapshot:ours", "snapshot:theirs")]


async def test_a_snapshot_outlives_its_events(rest: Rest, extension: Any) -> None:
    await rest("POST", "projects", "p", "events", body=update("a", title="A"))
    log = extension.manager.log
    await rest("POST", "projects", "p", "snapshots", body={"snapshot_id": "s"})
    await rest("POST", "projects", "p", "events", body=update("a", title="Later"))
    assert await kept(extension.manager) == [Pin("snapshot:s", 2)]
    await extension.manager.rooms.get("p")._store_fold()
    await log.trim("p", 3)

    status, state = await rest("GET", "projects", "p", "state", params={"moment": "snapshot:s"})
    gone, _ = await rest("GET", "projects", "p", "state", params={"moment": "offset:1"})
    _, found = await rest("GET", "projects", "p", "diff", params={"from": "snapshot:s"})

    assert (status, state["nodes"][0]["title"]) == (200, "A")
    assert gone == 410
    assert found["changed"][0]["changes"] == [{"field": "title", "from": "A", "to": "Later"}]
