"""The list of projects: over REST, and as it changes."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from tests.server.clients import Connect, Rest, update


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"follow_interval": 0.1}


async def test_an_info_says_what_the_project_is_and_its_missions(connect: Connect, rest: Rest) -> None:
    client = await connect()
    for mission in ("first", "second"):
        await client.publish(
            "p", update(mission, title=mission.title(), status="running"), update(f"{mission}/1", parent_id=mission)
        )

    status, info = await rest("GET", "projects", "p")

    assert status == 200
    missions = info.pop("missions")
    assert {key: info[key] for key in ("project_id", "title", "path", "kind", "offset", "missions_total")} == {
        "project_id": "p",
        "title": "p",
        "path": None,
        "kind": "named",
        "offset": 4,
        "missions_total": 2,
    }
    assert info["created_at"] > 1_700_000_000_000_000
    assert info["at"] >= info["created_at"]
    assert [mission["mission_id"] for mission in missions] == ["second", "first"]
    assert missions[0]["title"] == "Second"
    assert missions[0]["rollup"]["counts"] == {"draft": 1}
    assert set(missions[0]) == {
        "mission_id",
        "title",
        "status",
        "rollup",
        "created_at",
        "started_at",
        "ended_at",
    }


async def test_at_most_20_missions_are_told_with_their_number(connect: Connect, rest: Rest) -> None:
    client = await connect()
    await client.publish("p", *(update(f"m{number}", title=str(number)) for number in range(30)))

    _, info = await rest("GET", "projects", "p")

    assert len(info["missions"]) == 20
    assert info["missions_total"] == 30


async def test_a_closed_project_is_told_from_its_summary(
    connect: Connect, rest: Rest, extension: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await connect()
    await client.publish("p", update("m", title="Mission"))
    _, before = await rest("GET", "projects")
    await extension.manager.rooms.close_idle(0)

    _, after = await rest("GET", "projects")

    assert after == before
    assert len(extension.manager.rooms) == 0


async def test_an_old_summary_never_hides_newer_events(connect: Connect, rest: Rest, extension: Any) -> None:
    client = await connect()
    await client.publish("p", update("m", title="Mission"))
    manager = extension.manager
    await manager.rooms.close_idle(0)
    summary = (await manager.log.attributes("p"))["summary"]
    await client.publish("p", update("m", title="Renamed"))
    await manager.rooms.close_idle(0)
    await manager.log.set_attributes("p", {"summary": summary})

    _, info = await rest("GET", "projects", "p")

    assert info["missions"][0]["title"] == "Renamed"
    assert info["offset"] == 2


async def test_a_watcher_gets_all_first_and_then_what_changed(connect: Connect) -> None:
    emitting, watching = await connect(), await connect()
    await emitting.publish("a", update("m", title="A"))
    await emitting.publish("b", update("m", title="B"))

    first = await watching.ask("watch")
    await emitting.publish("b", update("m", status="running"))
    changed = await watching.next()
    await emitting.publish("c", update("m", title="C"))
    new = await watching.next()

    assert (first["full"], [info["project_id"] for info in first["projects"]], first["removed"]) == (
        True,
        ["a", "b"],
        [],
    )
    assert (changed["full"], changed.get("ref")) == (False, None)
    assert [(info["project_id"], info["missions"][0]["status"]) for info in changed["projects"]] == [("b", "running")]
    assert [info["project_id"] for info in new["projects"]] == ["c"]


async def test_many_changes_are_told_at_most_four_times_a_second(connect: Connect) -> None:
    emitting, watching = await connect(), await connect()
    await watching.ask("watch")
    loop = asyncio.get_running_loop()
    begun = loop.time()

    for number in range(100):
        event = update("m", title=str(number))
        await emitting.send({"op": "publish", "ref": number, "project_id": "p", "events": [event]})
        await asyncio.sleep(0.01)
    frames = [await watching.next()]
    while frames[-1]["projects"][0]["missions"][0]["title"] != "99":
        frames.append(await watching.next())

    assert 2 <= len(frames) <= 1 + 4 * (loop.time() - begun)


async def test_a_deleted_project_is_told_as_removed(connect: Connect, extension: Any) -> None:
    emitting, watching = await connect(), await connect()
    await emitting.publish("p", update("m", title="A"))
    await watching.ask("watch")

    await extension.manager.log.delete("p")
    frame = await watching.next()

    assert (frame["projects"], frame["removed"]) == ([], ["p"])


async def test_after_unwatch_nothing_more_comes(connect: Connect) -> None:
    emitting, watching = await connect(), await connect()
    await watching.ask("watch")

    await watching.send({"op": "unwatch"})
    await emitting.publish("p", update("m", title="A"))
    again = await watching.ask("watch")

    assert again["full"] is True
    assert [info["project_id"] for info in again["projects"]] == ["p"]


async def test_who_asks_while_it_is_being_let_go_is_not_kept(connect: Connect, extension: Any) -> None:
    client = await connect()
    [connection] = extension.manager._connections
    connection.close(4001, "too slow")
    connection.lost()

    await connection.receive('{"op":"watch","ref":1}')

    assert await client.closed() == 4001
    assert not extension.manager.projects._watches


@pytest.mark.parametrize("place", ["file:C:\\Users\\ada\\x.ipynb", "file:x.ipynb"])
async def test_a_place_of_another_system_takes_the_list_from_nobody(
    connect: Connect, rest: Rest, extension: Any, place: str
) -> None:
    client = await connect()
    await client.publish("p", update("a", title="A"))
    about = {"kind": "notebook", "title": "x", "path": "x.ipynb", "root_dir": "C:\\Users\\ada", "place": place}
    await extension.manager.log.set_attributes("p", about)

    _, listed = await rest("GET", "projects")

    assert [info["path"] for info in listed["projects"]] == ["x.ipynb"]


async def test_a_project_that_can_not_be_told_of_is_left_out_and_the_others_are_told(
    connect: Connect, rest: Rest, extension: Any, caplog: pytest.LogCaptureFixture
) -> None:
    client, watching = await connect(), await connect()
    await client.publish("bad", update("a", title="A"))
    projects = extension.manager.projects
    describe = projects.describe

    def failing(record: Any) -> Any:
        if record.project_id == "bad":
            raise ValueError("by order")
        return describe(record)

    projects.describe = failing
    with caplog.at_level(logging.ERROR):
        assert (await watching.ask("watch"))["projects"] == []
        await client.publish("bad", update("a", title="B"))
        await client.publish("good", update("a", title="A"))
        told = (await watching.until("projects"))[-1]["projects"]

    assert [info["project_id"] for info in told] == ["good"]
    assert (await rest("GET", "projects"))[0] == 200
    assert "Can't tell of 'bad'" in caplog.text
