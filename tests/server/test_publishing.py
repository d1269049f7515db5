"""Publishing is idempotent for ever, tells of every gap, and is acknowledged when it is on disk."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tasktree_jupyter.core.events import WebSocketMessage
from tasktree_jupyter.storage.log import StorageError
from tasktree_jupyter.storage.sqlite import SqliteLog
from tests.server.clients import Connect, Rest, update


def numbered(first: int, last: int) -> list[dict[str, Any]]:
    return [update(f"n{number}", title=str(number)) for number in range(first, last + 1)]


async def events_of(rest: Rest, project_id: str = "p") -> list[dict[str, Any]]:
    _, body = await rest("GET", "projects", project_id, "events")
    events: list[dict[str, Any]] = body["events"]
    return events


async def test_it_is_acknowledged_with_where_it_is(connect: Connect) -> None:
    client = await connect()

    answer = await client.publish("p", *numbered(1, 3), source="k", seq=1)

    assert {key: answer[key] for key in ("op", "project_id", "source", "upto", "offset", "duplicates", "rejected")} == {
        "op": "published",
        "project_id": "p",
        "source": "k",
        "upto": 3,
        "offset": 3,
        "duplicates": 0,
        "rejected": [],
    }


async def test_what_is_acknowledged_is_on_disk(connect: Connect, data_dir: Path) -> None:
    client = await connect()
    await client.publish("p", *numbered(1, 3), source="k", seq=1)

    other = SqliteLog(data_dir)
    await other.start()
    try:
        assert len(await other.read("p", 0, limit=10)) == 3
    finally:
        await other.close()


async def test_sent_again_it_is_acknowledged_again_and_stored_once(connect: Connect, rest: Rest) -> None:
    client = await connect()
    await client.publish("p", *numbered(1, 3), source="k", seq=1)

    again = await client.publish("p", *numbered(1, 5), source="k", seq=1)

    assert (again["upto"], again["duplicates"], again["offset"]) == (5, 3, 5)
    assert [event["seq"] for event in await events_of(rest)] == [1, 2, 3, 4, 5]


async def test_sent_again_nothing_is_refused_as_a_duplicate_of_itself(connect: Connect, rest: Rest) -> None:
    client = await connect()
    events = [
        {"type": "mission_snapshot", "data": {"snapshot_id": "before"}},
        update("a", title="A"),
        update("b", parent_id="a"),
        update("b", parent_id=None),
        update("a", parent_id="b"),
    ]
    first = await client.publish("p", *events, source="k", seq=1)

    again = await client.publish("p", *events, source="k", seq=1)

    assert first["rejected"] == []
    assert (again["rejected"], again["duplicates"]) == ([], 5)
    assert len(await events_of(rest)) == 5


async def test_a_snapshot_id_used_again_is_refused(connect: Connect) -> None:
    client = await connect()
    snapshot = {"type": "mission_snapshot", "data": {"snapshot_id": "before"}}
    await client.publish("p", snapshot, source="k", seq=1)

    answer = await client.publish("p", snapshot, source="other", seq=1)

    (rejected,) = answer["rejected"]
    assert (rejected["code"], rejected["field"]) == ("duplicate", "data.snapshot_id")


async def test_a_refusal_by_the_state_sees_what_the_same_publish_changes(connect: Connect) -> None:
    client = await connect()

    answer = await client.publish(
        "p", update("a", title="A"), update("b", parent_id="a"), update("a", parent_id="b"), update("c", title="C")
    )

    (rejected,) = answer["rejected"]
    assert (rejected["index"], rejected["code"], rejected["field"]) == (2, "cycle", "data.changes.parent_id")


async def test_a_gap_is_refused_with_what_is_expected(connect: Connect, rest: Rest) -> None:
    client = await connect()
    await client.publish("p", *numbered(1, 2), source="k", seq=1)

    answer = await client.publish("p", *numbered(5, 6), source="k", seq=5)
    filled = await client.publish("p", *numbered(3, 6), source="k", seq=3)

    assert (answer["op"], answer["code"], answer["expected"]) == ("error", "seq_gap", 3)
    assert filled["upto"] == 6
    assert [event["seq"] for event in await events_of(rest)] == [1, 2, 3, 4, 5, 6]


async def test_dropped_events_are_told_in_the_log_once(connect: Connect, rest: Rest) -> None:
    client = await connect()
    await client.publish("p", *numbered(1, 2), source="k", seq=1)

    answer = await client.publish("p", *numbered(8, 8), source="k", seq=8, dropped=5)
    await client.publish("p", *numbered(8, 8), source="k", seq=8, dropped=5)

    assert answer["upto"] == 8
    events = await events_of(rest)
    assert [event["type"] for event in events] == ["node_update", "node_update", "events_dropped", "node_update"]
    assert events[2]["data"] == {"count": 5}
    _, state = await rest("GET", "projects", "p", "state")
    assert state["state"]["dropped"] == 5


async def test_a_rejected_event_uses_up_its_seq(connect: Connect) -> None:
    client = await connect()
    bad = {"type": "task_status_changed", "data": {"task_id": "t", "status": "runing"}}

    first = await client.publish("p", bad, source="k", seq=1)
    second = await client.publish("p", *numbered(2, 2), source="k", seq=2)

    assert (first["upto"], first["rejected"][0]["seq"]) == (1, 1)
    assert (second["op"], second["upto"]) == ("published", 2)


async def test_a_storage_error_uses_no_seq_and_may_be_tried_again(
    connect: Connect, extension: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await connect()
    await client.publish("p", *numbered(1, 1), source="k", seq=1)
    log = extension.manager.log
    append = log.append

    async def full(*args: Any, **kwargs: Any) -> Any:
        raise StorageError("database or disk is full")

    monkeypatch.setattr(log, "append", full)
    failed = await client.publish("p", *numbered(2, 2), source="k", seq=2)
    monkeypatch.setattr(log, "append", append)
    worked = await client.publish("p", *numbered(2, 2), source="k", seq=2)

    assert (failed["op"], failed["code"], failed["retry"]) == ("error", "storage", True)
    assert "full" in failed["message"]
    assert (worked["upto"], worked["duplicates"], worked["offset"]) == (2, 0, 2)


async def test_frames_sent_without_waiting_are_answered_in_order(connect: Connect, rest: Rest) -> None:
    client = await connect()
    for ref in range(100):
        frame = {"op": "publish", "ref": ref, "project_id": "p", "source": "k", "seq": ref + 1}
        await client.send({**frame, "events": numbered(ref, ref)})

    answers = [await client.next() for _ in range(100)]

    assert [answer["ref"] for answer in answers] == list(range(100))
    assert [answer["upto"] for answer in answers] == list(range(1, 101))
    assert [event["seq"] for event in await events_of(rest)] == list(range(1, 101))


async def test_many_sources_at_once_lose_and_double_nothing(connect: Connect, rest: Rest) -> None:
    clients = [await connect() for _ in range(5)]

    async def emit(number: int) -> None:
        for seq in range(1, 21):
            event = update(f"{number}/{seq}", title="x")
            answer = await clients[number].publish("p", event, source=f"k{number}", seq=seq)
            assert answer["upto"] == seq

    await asyncio.gather(*(emit(number) for number in range(5)))

    events = await events_of(rest)
    assert [event["offset"] for event in events] == list(range(1, 101))
    for number in range(5):
        assert [event["seq"] for event in events if event["source"] == f"k{number}"] == list(range(1, 21))


async def test_a_deleted_log_has_a_new_epoch_and_published_tells(connect: Connect, extension: Any) -> None:
    client = await connect()
    before = await client.publish("p", *numbered(1, 2), source="k", seq=1)

    await extension.manager.log.delete("p")
    refused = await client.publish("p", *numbered(3, 3), source="k", seq=3)
    after = await client.publish("p", *numbered(1, 1), source="new", seq=1)

    assert (refused["code"], refused["expected"]) == ("seq_gap", 1)
    assert after["epoch"] != before["epoch"]
    assert after["offset"] == 1


async def test_a_broadcast_to_a_project_is_stored_and_delivered(connect: Connect, extension: Any, rest: Rest) -> None:
    client = await connect()
    await client.publish("p", *numbered(1, 1))
    await client.follow("p")
    message = WebSocketMessage(
        type="orchestrator_error",
        project_id=None,
        data={"error": "no agents left"},
        timestamp=datetime(2026, 1, 31, 14, 2, 11, tzinfo=UTC),
    )

    await extension.manager.broadcast_to_project("p", message)

    frame = await client.next()
    assert (frame["op"], frame["events"][0]["data"]) == ("events", {"error": "no agents left"})
    assert (await events_of(rest))[-1]["type"] == "orchestrator_error"
    assert {key: len(held) for key, held in extension.manager.active_connections.items()} == {"p": 1}
