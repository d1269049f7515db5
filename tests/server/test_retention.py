"""What is old is let go: by age, number and runs; the newest state never changes by it, and snapshots are kept."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from tasktree_jupyter.server import retention
from tasktree_jupyter.server.intake import now_us
from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.manager import WebSocketManager
from tasktree_jupyter.server.retention import DAY_US, Retention
from tasktree_jupyter.storage.sqlite import SqliteLog
from tests.server.clients import Client, Connect, Rest, update


def bound(extension: Any, clock: Any = now_us, **bounds: Any) -> Retention:
    """The server's own, with these bounds."""
    manager = extension.manager
    limits = Limits(**{name: getattr(manager.limits, name) for name in manager.limits.__struct_fields__} | bounds)

    class Bounded:
        """The manager as retention sees it."""

        def __getattr__(self, name: str) -> Any:
            return limits if name == "limits" else getattr(manager, name)

    return Retention(Bounded(), logging.getLogger("test"), clock=clock)  # type: ignore[arg-type]


async def story(client: Client, events: int = 60) -> None:
    await client.publish("p", update("run", title="Run", status="running"))
    for number in range(events - 3):
        await client.publish("p", update(f"n{number}", title=f"n{number}", parent_id="run"))
        if number == 9:
            await client.publish("p", {"type": "mission_snapshot", "data": {"snapshot_id": "s", "name": "early"}})
    await client.publish("p", update("run", status="completed"))


async def state(rest: Rest, moment: str = "now") -> tuple[int, Any]:
    return await rest("GET", "projects", "p", "state", params={"moment": moment})


def without_place(body: dict[str, Any]) -> dict[str, Any]:
    return {key: body[key] for key in ("state", "nodes")}


async def test_by_number_the_newest_events_stay_and_the_state_is_what_it_was(
    connect: Connect, rest: Rest, extension: Any
) -> None:
    client = await connect()
    await story(client)
    before, early = await state(rest), await state(rest, "snapshot:early")
    at_boundary = await state(rest, "offset:40")

    await bound(extension, retain_events=20).sweep()

    head = await extension.manager.log.head("p")
    assert (head.trimmed, head.offset) == (40, 60)
    assert await state(rest) == before
    assert await state(rest, "snapshot:early") == early
    assert await state(rest, "offset:40") == at_boundary
    assert (await state(rest, "offset:39"))[0] == 410
    await extension.manager.rooms.close_idle(0)
    assert await state(rest) == before

    frames = await client.follow("p", {"epoch": head.epoch, "offset": 10, "at": None})
    assert [frame["reason"] for frame in frames if frame["op"] == "resync"] == ["trimmed"]
    other = await connect()
    frames = await other.follow("p", {"epoch": head.epoch, "offset": 50, "at": None})
    assert frames[0]["recovered"] is True


async def test_by_age_what_is_older_goes(connect: Connect, rest: Rest, extension: Any) -> None:
    client = await connect()
    await story(client, 30)
    before = await state(rest)
    young = bound(extension, retain_days=1.0)
    await young.sweep()
    assert (await extension.manager.log.head("p")).trimmed == 0

    await bound(extension, lambda: now_us() + 2 * DAY_US, retain_days=1.0).sweep()

    head = await extension.manager.log.head("p")
    assert (head.trimmed, head.offset) == (30, 30)
    assert await state(rest) == before
    assert (await client.publish("p", update("later", title="later")))["offset"] == 31


async def test_by_runs_the_newest_ended_stay_and_those_that_go_on(connect: Connect, rest: Rest, extension: Any) -> None:
    client = await connect()
    await client.publish("p", update("endless", title="x", status="running", created_at="2026-01-01T00:00:00Z"))
    for number in range(5):
        times = {"created_at": f"2026-01-02T00:00:0{number}Z"}
        await client.publish("p", update(f"run{number}", title="x", status="completed", **times))
    await client.follow("p")

    await bound(extension, retain_missions=2).sweep()

    _, listed = await rest("GET", "projects", "p", "missions")
    assert [mission["mission_id"] for mission in listed["missions"]] == ["run4", "run3", "endless"]
    removed = [event for frame in [await client.next() for _ in range(3)] for event in frame["events"]]
    assert [event["data"]["node_id"] for event in removed] == ["run0", "run1", "run2"]
    before = await extension.manager.log.head("p")
    await bound(extension, retain_missions=2).sweep()
    assert await extension.manager.log.head("p") == before


async def test_few_events_wait_until_it_is_worth_making_the_state_anew(
    connect: Connect, extension: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await connect()
    await story(client, 30)
    kept = bound(extension, retain_events=20)
    await kept.sweep()
    assert (await extension.manager.log.head("p")).trimmed == 10
    await client.publish("p", update("more", title="more"))
    await kept.sweep()
    assert (await extension.manager.log.head("p")).trimmed == 10

    monkeypatch.setattr(retention, "SOON_ENOUGH", 0.0)
    await kept.sweep()
    assert (await extension.manager.log.head("p")).trimmed == 11


async def test_two_servers_that_both_let_go_agree(connect: Connect, rest: Rest, extension: Any, data_dir: Path) -> None:
    client = await connect()
    await story(client)
    before = await state(rest)
    log = SqliteLog(data_dir)
    await log.start()
    other = WebSocketManager(log, Limits(retain_events=20, retain_missions=1), logging.getLogger("other"))

    await bound(extension, retain_events=20, retain_missions=1).sweep()
    await Retention(other, logging.getLogger("other")).sweep()

    assert (await log.head("p")).trimmed == 40  # type: ignore[union-attr]
    assert await state(rest) == before
    await other.stop()
    await log.close()


class TestConfigured:
    """By the settings, in the background."""

    @pytest.fixture
    def settings(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
        monkeypatch.setattr(retention, "LOOK_EVERY", 0.1)
        return {"retain_events": 20}

    async def test_it_is_done_by_itself(self, connect: Connect, extension: Any) -> None:
        client = await connect()
        await story(client)
        trimmed: list[int] = []
        stop = extension.manager.log.follow("p", lambda head: trimmed.append(head.trimmed))
        while not trimmed or trimmed[-1] < 20:
            await client.publish("p", update("more", title="more"))
        stop()
