"""How many tasks are stale, as the info of a project tells it, also where nobody follows: never as running."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasktree_jupyter.server import logs
from tasktree_jupyter.server.intake import now_us
from tasktree_jupyter.server.manager import WebSocketManager
from tasktree_jupyter.server.owners import Owners
from tasktree_jupyter.server.publication import parse_publication
from tasktree_jupyter.storage.log import Head, StorageError
from tests.server.clients import WAIT, Client, Connect, Rest, update
from tests.server.emitters import SILENCE, Emitter, Line, emitter, gone_pid, me, other_server


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"source_silence": SILENCE, "follow_interval": 0.1}


async def told(watcher: Client, stale: dict[str, int] | None, project_id: str = "p") -> dict[str, Any]:
    """Wait until a watcher is told so many of a project; None: nothing of it. Returns the info."""
    while True:
        for info in (await watcher.until("projects"))[-1]["projects"]:
            if info["project_id"] == project_id and info.get("stale") == stale:
                found: dict[str, Any] = info
                return found


async def until(ask: Callable[[], Any], wanted: Any) -> None:
    """Ask, and wait for the answer where it must be, until it is the one that is wanted."""
    async with asyncio.timeout(WAIT):
        while True:
            answer = ask()
            if (await answer if inspect.isawaitable(answer) else answer) == wanted:
                return
            await asyncio.sleep(0.02)


async def stale_in(manager: WebSocketManager, project_id: str = "p") -> dict[str, int] | None:
    found: dict[str, int] | None = (await manager.projects.info(project_id)).get("stale")
    return found


async def counted(manager: WebSocketManager) -> dict[str, int] | None:
    """What is told after another look."""
    await manager.presence.look()
    return await stale_in(manager)


async def test_the_list_tells_of_stale_tasks_where_nobody_follows(connect: Connect, rest: Rest, extension: Any) -> None:
    silent, living = await emitter(connect, "k1"), await emitter(connect, "k2")
    watcher = await connect()
    first = await watcher.ask("watch")
    silent.leaves_without_a_word()

    info = await told(watcher, {"k1-run": 1})

    assert "stale" not in first["projects"][0]
    assert {mission["mission_id"]: mission["rollup"]["counts"]["running"] for mission in info["missions"]} == {
        "k1-run": 1,
        "k2-run": 1,
    }
    assert (await rest("GET", "projects"))[1]["projects"][0]["stale"] == {"k1-run": 1}
    assert (await rest("GET", "projects", "p"))[1]["stale"] == {"k1-run": 1}
    await extension.manager.rooms.close_idle(0)
    assert "stale" not in (await extension.manager.log.attributes("p"))["summary"]
    living.leaves_without_a_word()


async def test_it_is_gone_when_the_source_is_heard_again(connect: Connect) -> None:
    (await emitter(connect, "k1")).leaves_without_a_word()
    watcher = await connect()
    await watcher.ask("watch")
    await told(watcher, {"k1-run": 1})

    await Emitter(await connect(), "k1").says("here", **me())

    await told(watcher, None)


async def test_the_number_is_the_same_as_that_of_a_tree_that_is_followed(connect: Connect, extension: Any) -> None:
    """`view/staleness.ts`: of the open tasks those that run and have nothing below, with each run that they are in."""
    silent = Emitter(await connect(), "k1")
    await silent.says("here", **me())
    await silent.emit(
        update("run", title="Run", status="running"),
        update("group", title="Group", status="running", parent_id="run"),
        *(update(f"fit/{n}", status="running", parent_id="group") for n in range(3)),
        update("next", title="Next", status="ready", parent_id="group"),
        update("done", title="Done", status="completed", parent_id="group"),
        update("alone", title="A run of one task", status="running"),
        update("waits", title="Waits", status="ready"),
    )
    await (await connect()).publish("p", update("nobody's", parent_id="group", status="running"))
    silent.leaves_without_a_word()
    await until(lambda: stale_in(extension.manager), {"run": 3, "alone": 1})

    client = await connect()
    await client.send({"op": "subscribe", "ref": 7, "project_id": "p", "since": None})
    subscribed, *_, presence = await client.until("presence")
    (source,) = presence["sources"]

    assert subscribed["info"]["stale"] == {"run": 3, "alone": 1}
    assert {"fit/0", "fit/1", "fit/2", "alone", "next", "waits", "run", "group"} == set(source["nodes"])
    await extension.manager.presence.look()
    assert await stale_in(extension.manager) == {"run": 3, "alone": 1}


async def test_what_ends_after_all_or_is_ended_is_no_longer_counted(connect: Connect) -> None:
    (await emitter(connect, "k1")).leaves_without_a_word()
    watcher, client = await connect(), await connect()
    await watcher.ask("watch")
    await told(watcher, {"k1-run": 1})

    await client.publish("p", update("k1-fit", status="completed"))

    await told(watcher, None)


async def test_a_process_that_is_certainly_gone_leaves_nothing_stale(connect: Connect) -> None:
    watcher = await connect()
    await watcher.ask("watch")
    (await emitter(connect, "script", **me(pid=gone_pid()))).leaves_without_a_word()

    while True:
        info = await told(watcher, None)
        if info["missions"] and info["missions"][0]["status"] == "failed":
            break


async def test_never_more_is_told_than_there_are_running(connect: Connect, extension: Any) -> None:
    """The log may have gone on since it was counted."""
    client = await connect()
    await client.publish("p", update("m", status="running"), update("ended", status="completed"))
    extension.manager.projects.stale = lambda project_id, epoch: {"m": 7, "ended": 1, "unknown": 1}

    assert await stale_in(extension.manager) == {"m": 1}


async def test_a_closed_project_is_opened_once_and_again_when_its_log_goes_on(
    connect: Connect, extension: Any, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (await emitter(connect, "k1")).leaves_without_a_word()
    manager = extension.manager
    await manager.presence.close()
    await manager.rooms.close_idle(0)
    opened: list[str] = []
    get = manager.rooms.get

    def noted(project_id: str, **more: Any) -> Any:
        opened.append(project_id)
        return get(project_id, **more)

    monkeypatch.setattr(manager.rooms, "get", noted)

    await until(lambda: counted(manager), {"k1-run": 1})
    for _ in range(3):
        await manager.presence.look()
    assert opened == ["p"]
    await until(lambda: len(manager.rooms), 0)

    async with other_server(data_dir, silence=60) as other:
        await other.publish_envelopes("p", [update("k1-2", status="running", parent_id="k1-run")])
        await other.publish_envelopes("p", [update("k1-fit", status="completed")])
    await manager.presence.look()
    assert opened == ["p", "p"]
    assert await stale_in(manager) is None


async def test_after_a_start_everybody_has_time_to_come_back(connect: Connect, data_dir: Path) -> None:
    (await emitter(connect, "k1")).leaves_without_a_word()
    async with other_server(data_dir, silence=60) as starting:
        await starting.presence.sources.load()
        await starting.presence.look()
        assert await stale_in(starting) is None
        starting.presence.silence.began = 0
        await until(lambda: counted(starting), {"k1-run": 1})


async def publish(manager: WebSocketManager, source: str, *events: dict[str, Any], project_id: str) -> None:
    frame = {"project_id": project_id, "source": source, "seq": 1, "events": list(events)}
    await manager.publish_and_wait(parse_publication(frame, limits=manager.limits, now=now_us(), careful=True, size=0))


async def test_whom_another_server_heard_last_is_told_too(connect: Connect, extension: Any, data_dir: Path) -> None:
    """Nothing of that project was ever asked of this server."""
    await connect()
    sources = extension.manager.presence.sources
    async with other_server(data_dir) as other:
        line = Line()
        await other.presence.here(line, "q", "far", me())
        await publish(other, "far", update("run", status="running"), project_id="q")
        await until(lambda: sources.find("q", "far") is not None, True)
        for _ in range(3):
            await extension.manager.presence.look()
        assert await stale_in(extension.manager, "q") is None
        heard = sources.find("q", "far").elsewhere
        other.presence.disconnected(line)
        await until(lambda: stale_in(extension.manager, "q"), {"run": 1})
        assert now_us() - heard > SILENCE * 1e6


async def test_who_left_the_other_server_in_order_isnt_missed_here(
    connect: Connect, extension: Any, data_dir: Path
) -> None:
    await connect()
    sources = extension.manager.presence.sources
    async with other_server(data_dir) as other:
        line = Line()
        await other.presence.here(line, "q", "far", me())
        await publish(other, "far", update("run", status="running"), project_id="q")
        await until(lambda: sources.find("q", "far") is not None, True)
        await other.presence.left(line, "q", "far")
        await until(lambda: sources.find("q", "far"), None)


async def test_a_deleted_project_is_forgotten(connect: Connect, rest: Rest, extension: Any) -> None:
    (await emitter(connect, "k1")).leaves_without_a_word()
    watcher = await connect()
    await watcher.ask("watch")
    await told(watcher, {"k1-run": 1})

    assert (await rest("DELETE", "projects", "p"))[0] == 204
    assert extension.manager.presence.silence.stale.projects == frozenset()
    await watcher.publish("p", update("k1-run", status="running"))
    await extension.manager.presence.look()

    assert await stale_in(extension.manager) is None


async def test_one_that_another_server_deleted_is_forgotten_too(
    connect: Connect, extension: Any, data_dir: Path
) -> None:
    (await emitter(connect, "k1")).leaves_without_a_word()
    await until(lambda: stale_in(extension.manager), {"k1-run": 1})

    async with other_server(data_dir) as other:
        await other.delete_project("p")

    await until(lambda: extension.manager.presence.silence.stale.projects, frozenset())


async def test_a_project_that_cant_be_read_is_told_once_and_tried_again(
    connect: Connect, extension: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    quiet = Emitter(await connect(), "k1")
    await quiet.says("here", **me())
    await quiet.emit(update("run", status="running"))
    quiet.leaves_without_a_word()
    manager = extension.manager
    await manager.presence.close()
    await manager.rooms.close_idle(0)
    presence = manager.presence
    await until(lambda: [presence.silence.silent_since(source) is None for source in presence.sources], [False])

    async def fails(project_id: str) -> Head | None:
        raise StorageError("the disk is on fire")

    monkeypatch.setattr(logs, "_SPARING", logs.Sparing())
    with caplog.at_level(logging.DEBUG), monkeypatch.context() as broken:
        broken.setattr(manager.log, "head", fails)
        for _ in range(3):
            await presence.look()
    assert caplog.text.count("the disk is on fire") == 1

    await presence.look()
    assert await stale_in(manager) == {"run": 1}


async def test_what_runs_is_told_first_where_not_all_can_be_and_counted_whole(
    connect: Connect, rest: Rest, extension: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasktree_jupyter.server.silence.MAX_NODES", 3)
    quiet = Emitter(await connect(), "k1")
    await quiet.says("here", **me())
    await quiet.emit(update("run", status="running"))
    for number in range(10):
        await quiet.emit(update(f"queued{number}", parent_id="run", status="ready"))
        if number % 2:
            await quiet.emit(update(f"running{number}", parent_id="run", status="running"))
    quiet.leaves_without_a_word()
    await until(lambda: counted(extension.manager), {"run": 5})

    client = await connect()
    frames = await client.follow("p")
    (source,) = next(frame for frame in frames if frame["op"] == "presence")["sources"]
    assert source["nodes"] == ["running1", "running3", "running5"]


async def told_of_two(connect: Connect, extension: Any) -> dict[str, list[str]]:
    """What is told, by source, of one with five open tasks, of which one runs, and one with three that run."""
    waiting, running = Emitter(await connect(), "k1"), Emitter(await connect(), "k2")
    for quiet in (waiting, running):
        await quiet.says("here", **me())
    await waiting.emit(update("run", status="running"))
    for number in range(4):
        await waiting.emit(update(f"queued{number}", parent_id="run", status="ready"))
    for number in range(3):
        await running.emit(update(f"running{number}", parent_id="run", status="running"))
    waiting.leaves_without_a_word()
    running.leaves_without_a_word()
    await until(lambda: counted(extension.manager), {"run": 3})

    frames = await (await connect()).follow("p")
    sources = next(frame for frame in frames if frame["op"] == "presence")["sources"]
    return {source["source"]: source["nodes"] for source in sources}


async def test_the_bound_holds_for_all_sources_of_a_project_together(
    connect: Connect, rest: Rest, extension: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasktree_jupyter.server.silence.MAX_NODES", 5)

    assert await told_of_two(connect, extension) == {
        "k1": ["run", "queued0"],
        "k2": ["running0", "running1", "running2"],
    }
    _, info = await rest("GET", "projects", "p")
    assert {source["source"]: source["stale"] for source in info["sources"]} == {"k1": 5, "k2": 3}


async def test_long_ids_are_bounded_by_their_length_and_who_has_none_left_is_not_told(
    connect: Connect, extension: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasktree_jupyter.server.silence.MAX_CHARACTERS", 4)

    assert await told_of_two(connect, extension) == {"k1": ["run"]}


async def test_who_becomes_live_knows_already_what_is_stale(
    connect: Connect, extension: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nobody followed before, and it takes a while to see whose tasks they are."""
    (await emitter(connect, "k1")).leaves_without_a_word()
    manager = extension.manager
    await until(lambda: counted(manager), {"k1-run": 1})
    await manager.presence.close()
    await manager.rooms.close_idle(0)
    manager.presence.silence._owners.clear()
    read, began = Owners.read, asyncio.Event()

    async def slowly(owners: Owners, head: Head, start: int) -> None:
        began.set()
        await asyncio.sleep(0.4)
        await read(owners, head, start)

    monkeypatch.setattr(Owners, "read", slowly)
    told = [frame["op"] for frame in await (await connect()).follow("p")]
    assert began.is_set()
    assert told.index("presence") < told.index("live")


async def test_a_project_that_another_server_deleted_costs_no_look_any_more(
    connect: Connect, extension: Any, data_dir: Path
) -> None:
    (await emitter(connect, "k1")).leaves_without_a_word()
    manager = extension.manager
    await until(lambda: counted(manager), {"k1-run": 1})
    await manager.rooms.close_idle(0)
    async with other_server(data_dir) as other:
        await other.log.delete("p")
    await until(lambda: manager.presence.look(), None)
    assert list(manager.presence.sources) == []
    assert manager.presence.silence.stale.projects == frozenset()
