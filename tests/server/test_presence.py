"""Who is there: a source that isn't heard is silent, one whose process is certainly gone has its open tasks ended."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from tasktree_jupyter.server.endings import speaker_of
from tasktree_jupyter.server.intake import now_us
from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.sources import Ending
from tests.server.clients import WAIT, Client, Connect, Plain, Rest, until, update
from tests.server.emitters import SILENCE, Emitter, Line, emitter, gone_pid, me, other_server


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"source_silence": SILENCE}


async def next_presence(client: Client) -> list[dict[str, Any]]:
    sources: list[dict[str, Any]] = (await client.until("presence"))[-1]["sources"]
    return sources


async def follow_the_silent(client: Client) -> list[dict[str, Any]]:
    """Follow a project in which a source is silent, or will be: it may be told before `live`, or after."""
    told = [frame["sources"] for frame in await client.follow("p") if frame["op"] == "presence"]
    return told[-1] if told else await next_presence(client)


async def statuses(rest: Rest, project_id: str = "p") -> dict[str, str]:
    _, state = await rest("GET", "projects", project_id, "state")
    return {node["node_id"]: node["status"] for node in state["nodes"]}


async def until_over(rest: Rest, *node_ids: str) -> dict[str, str]:
    async with asyncio.timeout(WAIT):
        while True:
            found = await statuses(rest)
            if "running" not in [found.get(node_id) for node_id in node_ids]:
                return found
            await asyncio.sleep(0.05)


async def test_a_source_that_isnt_heard_is_told_as_silent_with_its_open_tasks(connect: Connect, rest: Rest) -> None:
    silent, living = await emitter(connect, "k1"), await emitter(connect, "k2")
    client = await connect()
    assert [frame["op"] for frame in await client.follow("p")] == ["subscribed", "snapshot", "live"]
    silent.leaves_without_a_word()

    (told,) = await next_presence(client)
    late = await connect()
    frames = await late.follow("p")
    _, info = await rest("GET", "projects", "p")

    assert (told["source"], told["pid"], told["nodes"]) == ("k1", os.getpid(), ["k1-fit", "k1-run"])
    assert [frame["op"] for frame in frames] == ["subscribed", "snapshot", "presence", "live"]
    assert frames[2]["sources"] == [told]
    about = {each["source"]: (each["connected"], each["silent_since"], each["stale"]) for each in info["sources"]}
    assert about == {"k1": (False, told["silent_since"], 2), "k2": (True, None, 0)}
    assert (await statuses(rest))["k1-fit"] == "running"
    living.leaves_without_a_word()


async def test_it_is_heard_again_when_it_comes_back(connect: Connect) -> None:
    (await emitter(connect, "k1")).leaves_without_a_word()
    client = await connect()
    assert len(await follow_the_silent(client)) == 1

    back = Emitter(await connect(), "k1")
    await back.says("here", **me())

    assert await next_presence(client) == []


async def test_what_a_silent_source_ends_after_all_is_no_longer_stale(connect: Connect) -> None:
    """What came from it by another way: the spool of a process that is still there, but has no connection."""
    (await emitter(connect, "k1")).leaves_without_a_word()
    client = await connect()
    assert (await follow_the_silent(client))[0]["nodes"] == ["k1-fit", "k1-run"]

    await client.publish("p", update("k1-fit", status="completed"))

    assert (await next_presence(client))[0]["nodes"] == ["k1-run"]


async def test_a_client_that_never_says_who_it_is_counts_by_its_connection(connect: Connect) -> None:
    stranger = Emitter(await connect(), "own-client")
    await stranger.emit(update("a", title="A", status="running"))
    client = await connect()
    await client.follow("p")
    stranger.leaves_without_a_word()

    (told,) = await next_presence(client)

    assert (told["source"], told["host"], told["nodes"]) == ("own-client", None, ["a"])


async def test_who_leaves_in_order_is_forgotten_and_rest_alone_is_never_silent(
    connect: Connect, rest: Rest, extension: Any
) -> None:
    leaving = await emitter(connect, "k1")
    await leaving.emit(update("k1-run", status="completed"), update("k1-fit", status="completed"))
    await leaving.says("left")
    body = {"events": [update("nightly", title="x", status="running")], "source": "curl", "seq": 1}
    await rest("POST", "projects", "p", "events", body=body)
    await leaving.client.ask("watch")

    assert (await rest("GET", "projects", "p"))[1]["sources"] == []
    assert not [key for key in await extension.manager.log.attributes("p") if key.startswith("source:")]


async def test_plain_clients_are_told_nothing(connect: Connect, plain: Plain) -> None:
    simple = await plain("p")
    (await emitter(connect, "k1")).leaves_without_a_word()
    client = await connect()
    await follow_the_silent(client)

    await client.publish("p", update("last", title="x"))

    got = [await simple.next() for _ in range(4)]
    assert {message["type"] for message in got} == {"node_update"}
    assert got[-1]["data"]["node_id"] == "last"


async def test_a_process_that_is_certainly_gone_leaves_nothing_running(connect: Connect, rest: Rest) -> None:
    dead = await emitter(connect, "script", **me(pid=gone_pid()))
    living = await emitter(connect, "k2")
    dead.leaves_without_a_word()

    found = await until_over(rest, "script-run", "script-fit")

    assert (found["script-run"], found["script-fit"], found["script-done"]) == ("failed", "failed", "completed")
    assert found["k2-fit"] == "running"
    _, state = await rest("GET", "projects", "p", "state")
    error = next(node["error"] for node in state["nodes"] if node["node_id"] == "script-fit")
    assert error == {"type": "Process died", "message": "its process is gone"}
    living.leaves_without_a_word()


async def test_a_kernel_that_said_goodbye_isnt_judged_before_jupyter_tells_how_it_ended(
    connect: Connect, rest: Rest, extension: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = await emitter(connect, "k1", **me(pid=gone_pid(), kernel_id="k"))
    presence = extension.manager.presence
    monkeypatch.setattr(presence.kernels, "running", lambda: ["k"])
    for each in (presence, presence.silence):
        monkeypatch.setattr(each, "_limits", Limits(source_silence=60))
    monkeypatch.setattr(presence.silence, "began", 0)
    await kernel.says("left")
    await kernel.client.ask("watch")

    await presence.look()

    assert not presence.sources.find("p", "k1").lines
    assert not presence._endings._at_work
    assert (await statuses(rest))["k1-fit"] == "running"


@pytest.mark.parametrize("listed", [["k"], []])
async def test_a_kernel_that_died_deaf_isnt_judged_before_jupyter_tells_how_it_ended(
    connect: Connect, rest: Rest, extension: Any, monkeypatch: pytest.MonkeyPatch, listed: list[str]
) -> None:
    """It hadn't been heard for long when its connection broke: culled, for example."""
    kernel = await emitter(connect, "k1", **me(pid=gone_pid(), kernel_id="k"))
    presence = extension.manager.presence
    monkeypatch.setattr(presence.kernels, "running", lambda: listed)
    monkeypatch.setattr(presence.kernels, "will_tell", lambda kernel_id: kernel_id == "k")
    kernel.leaves_without_a_word()
    client = await connect()
    assert len(await follow_the_silent(client)) == 1

    await presence.look()
    assert not presence._endings._at_work
    assert (await statuses(rest))["k1-fit"] == "running"

    # Jupyter never says so: then it ends all the same.
    monkeypatch.setattr("tasktree_jupyter.server.presence.JUPYTER_SECONDS", 0)
    await presence.look()
    assert "k1-fit" in [event["data"].get("node_id") for event in (await client.until("events"))[-1]["events"]]


async def test_nobody_judges_a_kernel_while_it_is_being_told_how_it_ended(
    connect: Connect, rest: Rest, extension: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jupyter has told of it, and which sources it had is being read."""
    kernel = await emitter(connect, "k1", **me(pid=gone_pid(), kernel_id="k"))
    presence = extension.manager.presence
    kernel.leaves_without_a_word()
    source = presence.sources.find("p", "k1")
    await until(lambda: not source.lines)
    began, free = asyncio.Event(), asyncio.Event()
    load = presence.sources.load

    async def slow() -> None:
        began.set()
        await free.wait()
        await load()

    monkeypatch.setattr(presence.sources, "load", slow)
    presence.kernel_ended("k", None, Ending("cancelled", "kernel_culled", "culled", now_us()))
    await began.wait()
    monkeypatch.setattr(presence.silence, "began", 0)
    for each in (presence, presence.silence):
        monkeypatch.setattr(each, "_limits", Limits(source_silence=0.001))
    presence._judge(source)
    assert not presence._endings._at_work

    free.set()
    assert (await until_over(rest, "k1-fit"))["k1-fit"] == "cancelled"


@pytest.mark.parametrize("elsewhere", [{"host": "another-machine"}, {"namespace": "pid:[of a container]"}])
async def test_of_another_machine_or_container_nothing_is_certain(
    connect: Connect, rest: Rest, elsewhere: dict[str, str]
) -> None:
    far = await emitter(connect, "far", **me(pid=gone_pid(), **elsewhere))
    client = await connect()
    await client.follow("p")
    far.leaves_without_a_word()

    assert (await next_presence(client))[0]["nodes"] == ["far-fit", "far-run"]
    await asyncio.sleep(SILENCE * 2)
    assert (await statuses(rest))["far-fit"] == "running"


async def test_what_a_dead_source_left_behind_comes_late_and_is_ended_too(
    connect: Connect, rest: Rest, extension: Any
) -> None:
    dead = await emitter(connect, "k1", **me(pid=gone_pid()))
    dead.leaves_without_a_word()
    await until_over(rest, "k1-run", "k1-fit")
    # While it looks again whether all is ended, it would end at once what comes now.
    await until(lambda: not extension.manager.presence._endings._at_work)

    deliverer = Emitter(await connect(), "k1")
    deliverer.seq = dead.seq
    await deliverer.emit(
        update("late", title="Late", status="running"),
        update("whole", title="Whole", status="running"),
    )
    await deliverer.emit(update("whole", status="completed"))
    found = await until_over(rest, "late")

    assert (found["late"], found["whole"]) == ("failed", "completed")
    _, page = await rest("GET", "projects", "p", "events")
    said = [event for event in page["events"] if event["source"] == speaker_of("k1")]
    assert [(event["seq"], event["data"]["node_id"]) for event in said] == [(1, "k1-fit"), (2, "k1-run"), (3, "late")]


async def test_a_source_that_never_reached_the_server_is_ended_when_its_spool_is_delivered(
    connect: Connect, rest: Rest
) -> None:
    deliverer = Emitter(await connect(), "unheard")
    await deliverer.emit(update("a", title="A", status="running"), update("b", title="B", status="completed"))
    await deliverer.says("lost", **me(pid=gone_pid(), kernel_id="of long ago"))

    found = await until_over(rest, "a")

    assert found == {"a": "failed", "b": "completed"}
    _, state = await rest("GET", "projects", "p", "state")
    assert [node.get("trigger") for node in state["nodes"]] == ["kernel_died", None]


async def test_who_lives_after_all_is_believed(connect: Connect, rest: Rest, extension: Any) -> None:
    """It was taken for dead; its tasks are its own again when it says that they run."""
    alive = await emitter(connect, "k1", **me(pid=gone_pid()))
    alive.leaves_without_a_word()
    await until_over(rest, "k1-run", "k1-fit")

    back = Emitter(await connect(), "k1")
    back.seq = alive.seq
    await back.says("here", **me())
    await back.emit(update("k1-fit", status="running"))
    await asyncio.sleep(extension.manager.presence.interval * 3)

    assert (await statuses(rest))["k1-fit"] == "running"


@pytest.mark.parametrize(
    ("frame", "field"),
    [
        ({"source": "k1", "state": "asleep"}, "state"),
        ({"source": "", "state": "here"}, "source"),
        ({"source": "k1"}, "state"),
        ({"source": 7, "state": "left"}, "source"),
        ({"project_id": "", "source": "k1", "state": "here"}, "project_id"),
    ],
)
async def test_a_wrong_word_names_its_field(connect: Connect, frame: dict[str, Any], field: str) -> None:
    client = await connect()
    answer = await client.ask("source", **({"project_id": "p"} | frame))
    assert (answer["op"], answer["code"], answer["field"]) == ("error", "invalid", field)


async def test_what_makes_no_sense_of_a_process_is_left_out(connect: Connect, rest: Rest) -> None:
    odd = Emitter(await connect(), "odd")
    await odd.says("here", host=["x"], pid=-1, namespace="x" * 10_000, kernel_id={"a": 1})
    await odd.emit(update("a", title="A", status="running"))

    _, info = await rest("GET", "projects", "p")

    assert [(each["source"], each["host"], each["pid"]) for each in info["sources"]] == [("odd", None, None)]


async def test_who_is_connected_to_the_other_server_isnt_silent_here(
    connect: Connect, rest: Rest, data_dir: Path
) -> None:
    here = await emitter(connect, "k1")
    client = await connect()
    await client.follow("p")
    async with other_server(data_dir) as other:
        await other.presence.here(Line(), "p", "k1", me())
        here.leaves_without_a_word()
        await asyncio.sleep(SILENCE * 3)
        _, info = await rest("GET", "projects", "p")
        assert [(each["connected"], each["silent_since"]) for each in info["sources"]] == [(True, None)]

    assert [told["source"] for told in await next_presence(client)] == ["k1"]


async def test_two_servers_end_a_dead_sources_tasks_once(
    connect: Connect, rest: Rest, data_dir: Path, extension: Any
) -> None:
    dead = await emitter(connect, "k1", **me(kernel_id="k"))
    ending = Ending("failed", "kernel_died", "killed by SIGKILL", now_us())
    async with other_server(data_dir) as other:
        dead.leaves_without_a_word()
        await other.presence.sources.load()
        servers = [extension.manager.presence, other.presence]
        await asyncio.gather(*(presence._kernel_ended("k", None, ending) for presence in servers))
        found = await until_over(rest, "k1-run", "k1-fit")
        await asyncio.gather(*(task for each in servers for task in each._endings._at_work.values()))

    assert (found["k1-run"], found["k1-fit"]) == ("failed", "failed")
    _, page = await rest("GET", "projects", "p", "events")
    said = [event["data"]["node_id"] for event in page["events"] if event["source"] == speaker_of("k1")]
    assert said == ["k1-fit", "k1-run"]


async def test_what_a_stopping_servers_kernels_had_open_is_cancelled_by_who_comes_next(
    connect: Connect, rest: Rest, data_dir: Path, extension: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jupyter ends its kernels after its extensions."""
    kernel = await emitter(connect, "k1", **me(kernel_id="k"))
    kernel.leaves_without_a_word()
    presence = extension.manager.presence
    monkeypatch.setattr(presence.kernels, "running", lambda: ["k"])
    await presence.server_stops()
    await presence.close()

    async with other_server(data_dir):
        found = await until_over(rest, "k1-run", "k1-fit")

    assert found["k1-fit"] == "cancelled"
    _, state = await rest("GET", "projects", "p", "state")
    (node,) = [node for node in state["nodes"] if node["node_id"] == "k1-fit"]
    assert (node["trigger"], node["reason"]) == ("kernel_shut_down", "the Jupyter server was stopped")


async def test_a_deleted_project_isnt_made_again_by_who_was_there(connect: Connect, rest: Rest) -> None:
    quiet = await emitter(connect, "k1")
    assert (await rest("DELETE", "projects", "p"))[0] == 204
    await quiet.says("here", **me())
    await quiet.client.ask("watch")

    assert (await rest("GET", "projects"))[1]["projects"] == []


class TestManySources:
    """A project remembers so many sources, and those first whose end somebody would miss."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"source_silence": SILENCE, "max_sources": 10}

    async def test_those_that_left_nothing_open_make_room_for_others(
        self, connect: Connect, rest: Rest, extension: Any
    ) -> None:
        elsewhere = me(host="a container", pid=1)
        for number in range(10):
            idle = await emitter(connect, f"idle-{number}", **elsewhere)
            done = (update(f"idle-{number}-{task}", status="completed") for task in ("fit", "run"))
            await idle.emit(*done)
            idle.leaves_without_a_word()
        sources = extension.manager.presence.sources
        await until(lambda: len(list(sources)) <= 8)
        client = await connect()
        await client.follow("p")

        (await emitter(connect, "late", **elsewhere)).leaves_without_a_word()

        (told,) = await next_presence(client)
        assert (told["source"], told["nodes"]) == ("late", ["late-fit", "late-run"])
        kept = {key for key in await extension.manager.log.attributes("p") if key.startswith("source:")}
        assert {source.id for source in sources} == {key.removeprefix("source:") for key in kept}
        assert "idle-9" in {source.id for source in sources}, "the oldest go first"
        assert "idle-0" not in {source.id for source in sources}

    async def test_where_all_have_something_open_that_is_told_once_and_they_stay(
        self, connect: Connect, rest: Rest, caplog: pytest.LogCaptureFixture
    ) -> None:
        for number in range(12):
            (await emitter(connect, f"busy-{number:02}")).leaves_without_a_word()
        client = await connect()

        told = await follow_the_silent(client)
        while len(told) < 10:
            told = await next_presence(client)

        assert [source["source"] for source in told] == [f"busy-{number:02}" for number in range(10)]
        (line,) = [record for record in caplog.records if "max_sources" in record.message]
        assert line.tasktree == {"event": "presence.full", "project_id": "p", "sources": 10}  # type: ignore[attr-defined]
        assert line.message.startswith("'p' has 10 sources, no more are remembered (max_sources)")
