"""A plain client sends nothing, or an envelope, and understands every frame with `JSON.parse`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.server.clients import Connect, Plain, update

EIGHT_TYPES: dict[str, dict[str, Any]] = {
    "task_status_changed": {"task_id": "t1", "status": "in_progress"},
    "orchestrator_started": {"status": "running", "a2amcp_enabled": True},
    "orchestrator_stopped": {"status": "stopped"},
    "orchestrator_error": {"error": "no agents left"},
    "coordination_update": {"active_agents": 1, "agents": {"worker-1": {"task": "t1"}}},
    "node_update": {"node_id": "t1", "changes": {"title": "Fit", "progress": 0.5, "metrics": {"auc": "NaN"}}},
    "mission_snapshot": {"snapshot_id": "s1", "timestamp": "2026-01-31T14:02:11Z"},
    "state_transition": {"from": "running", "to": "completed", "context": {"node_id": "t1", "trigger": "done"}},
}


@pytest.mark.parametrize("kind", EIGHT_TYPES)
async def test_it_gets_each_of_the_eight_types_in_the_envelope(kind: str, plain: Plain, connect: Connect) -> None:
    watching, emitting = await plain("p"), await connect()
    event = {"type": kind, "data": EIGHT_TYPES[kind], "timestamp": "2026-01-31T15:02:11.5+01:00"}

    await emitting.publish("p", event, source="k", seq=1)

    got = await watching.next()
    assert got == {
        "type": kind,
        "project_id": "p",
        "data": EIGHT_TYPES[kind],
        "timestamp": "2026-01-31T14:02:11.500000Z",
    }


async def test_with_project_ids_it_gets_those_projects_only(plain: Plain, connect: Connect) -> None:
    one, two, emitting = await plain("a"), await plain("a", "b"), await connect()

    for project_id in ("c", "b", "a"):
        await emitting.publish(project_id, update(f"in-{project_id}", title="x"))

    assert (await one.next())["data"]["node_id"] == "in-a"
    assert [(await two.next())["project_id"] for _ in range(2)] == ["b", "a"]


async def test_without_project_id_it_gets_every_project_also_new_ones(plain: Plain, connect: Connect) -> None:
    emitting = await connect()
    await emitting.publish("old", update("before", title="x"))
    everything = await plain()

    await emitting.publish("old", update("a", title="x"))
    await emitting.publish("new", update("b", title="x"))

    assert [(await everything.next())["data"]["node_id"] for _ in range(2)] == ["a", "b"]


async def test_a_message_without_project_reaches_everyone_and_is_not_stored(
    plain: Plain, connect: Connect, extension: Any
) -> None:
    one, everything, ours = await plain("p"), await plain(), await connect()
    sender = await connect()

    answer = await sender.publish(None, {"type": "notice", "data": {"text": "hello"}})

    assert answer["op"] == "published"
    assert (await one.next())["data"] == {"text": "hello"}
    envelope = await everything.next()
    assert (envelope["type"], envelope["project_id"]) == ("notice", None)
    frame = await ours.next()
    assert (frame["op"], frame["project_id"], frame["events"][0]["data"]) == ("events", None, {"text": "hello"})
    assert await extension.manager.log.projects() == []


async def test_an_envelope_it_sends_is_published(plain: Plain) -> None:
    sender, watching = await plain("other"), await plain("p")

    await sender.send({"project_id": "p", **update("a", title="A")})

    got = await watching.next()
    assert (got["type"], got["data"]) == ("node_update", {"node_id": "a", "changes": {"title": "A"}})
    assert got["timestamp"].endswith("Z")


async def test_a_type_of_its_own_is_delivered_untouched(plain: Plain) -> None:
    client = await plain("p")
    data = {"deep": [1, {"x": None}], "text": "☃ \u2028"}

    await client.send({"type": "my.own-type_1", "project_id": "p", "data": data})

    assert (await client.next())["data"] == data


async def test_several_events_in_one_publish_are_a_frame_each(plain: Plain, connect: Connect) -> None:
    watching, emitting = await plain("p"), await connect()

    await emitting.publish("p", *(update(f"n{number}", title="x") for number in range(20)))

    assert [(await watching.next())["data"]["node_id"] for _ in range(20)] == [f"n{number}" for number in range(20)]


async def test_an_answer_to_its_mistake_goes_to_it_alone(plain: Plain) -> None:
    clumsy, other = await plain("p"), await plain("p")

    await clumsy.send({"type": "task_status_changed", "project_id": "p", "data": {"task_id": "t", "status": "runing"}})
    answer = await clumsy.next()
    await clumsy.send({"type": "task_status_changed", "project_id": "p", "data": {"task_id": "t", "status": "running"}})

    assert (answer["type"], answer["project_id"]) == ("error", "p")
    assert answer["data"]["code"] == "invalid"
    assert answer["data"]["field"] == "data.status"
    assert "running" in answer["data"]["message"]
    assert (await clumsy.next())["data"]["status"] == "running"
    assert (await other.next())["data"]["status"] == "running"
