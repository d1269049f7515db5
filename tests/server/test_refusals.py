"""A bad emit is told what is wrong and where, over each way in, and the next good one works."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.server.clients import Client, Connect, Plain, PlainClient, Rest, update

Answer = tuple[str, str, str]
"""Code, field and message of a refusal."""


class OverPlain:
    """Publishes over a plain client's socket."""

    def __init__(self, client: PlainClient) -> None:
        self.client = client

    async def refused(self, text: str) -> Answer:
        await self.client.send(text)
        data = (await self.client.next())["data"]
        return data["code"], data["field"], data["message"]

    async def works(self) -> bool:
        await self.client.send({"project_id": "p", **update("good", title="fine")})
        return bool((await self.client.next())["data"]["node_id"] == "good")


class OverFrames:
    """Publishes over `tasktree.v1.json`."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def refused(self, text: str) -> Answer:
        await self.client.send(f'{{"op":"publish","ref":7,"project_id":"p","events":[{text}]}}')
        frame = await self.client.next()
        assert frame["ref"] == 7
        if frame["op"] == "published":
            (frame,) = frame["rejected"]
            assert frame["index"] == 0
        return frame["code"], frame.get("field", ""), frame["message"]

    async def works(self) -> bool:
        answer = await self.client.publish("p", update("good", title="fine"))
        return bool(answer["op"] == "published" and answer["rejected"] == [])


class OverRest:
    """Publishes over REST."""

    def __init__(self, rest: Rest) -> None:
        self.rest = rest

    async def refused(self, text: str) -> Answer:
        status, body = await self.rest("POST", "projects", "p", "events", body=text)
        assert status in (400, 413), (status, body)
        code = {"json": "invalid_json"}.get(body["reason"], "too_large" if status == 413 else "invalid")
        return code, body["field"] or "", body["message"]

    async def works(self) -> bool:
        status, _ = await self.rest("POST", "projects", "p", "events", body=update("good", title="fine"))
        return bool(status == 201)


Way = OverPlain | OverFrames | OverRest
MakeWay = Callable[[], Awaitable[Way]]


@pytest.fixture(params=["plain", "frames", "rest"])
def way(request: pytest.FixtureRequest, plain: Plain, connect: Connect, rest: Rest) -> MakeWay:
    async def make() -> Way:
        if request.param == "plain":
            return OverPlain(await plain("p"))
        if request.param == "frames":
            return OverFrames(await connect())
        return OverRest(rest)

    return make


def status_changed(**data: Any) -> str:
    return json.dumps({"type": "task_status_changed", "project_id": "p", "data": data})


BAD = {
    "an unknown status": (status_changed(task_id="t", status="runing"), "data.status", "runing"),
    "a missing field": (status_changed(status="running"), "data.task_id", "missing"),
    "a wrong type": ('{"type":"node_update","project_id":"p","data":{"node_id":5}}', "data.node_id", "string"),
    "no data": ('{"type":"node_update","project_id":"p"}', "data", "missing"),
    "no type": ('{"project_id":"p","data":{}}', "type", "missing"),
    "a bad type": ('{"type":"No Type","project_id":"p","data":{}}', "type", "must match"),
    "the server's own type": (
        '{"type":"events_dropped","project_id":"p","data":{"count":1}}',
        "type",
        "only the server",
    ),
    "a bad time": ('{"type":"x","project_id":"p","data":{},"timestamp":"yesterday"}', "timestamp", "yesterday"),
    "a huge integer": (
        '{"type":"node_update","project_id":"p","data":{"node_id":"n","changes":{"params":{"seed":123456789012345678}}}}',
        "data.changes.params.seed",
        "2^53",
    ),
    "the first integer beyond 2^53-1": (
        '{"type":"x","project_id":"p","data":{"a":[9007199254740992]}}',
        "data.a",
        "2^53",
    ),
    "its negative": ('{"type":"x","project_id":"p","data":{"a":[-9007199254740992]}}', "data.a", "2^53"),
    "an infinite float": ('{"type":"x","project_id":"p","data":{"loss":1e999}}', "data.loss", "finite"),
    "too deep": (
        f'{{"type":"x","project_id":"p","data":{{"a":{"[" * 70}{"]" * 70}}}}}',
        "data",
        "deep",
    ),
    "no object": ("[1]", "", "object"),
}


@pytest.mark.parametrize("name", BAD)
async def test_it_names_the_field_and_the_next_one_works(name: str, way: MakeWay) -> None:
    through = await way()
    text, field, word = BAD[name]

    code, told, message = await through.refused(text)

    assert code == "invalid"
    assert told.startswith(field)
    assert word in message
    assert await through.works()


@pytest.mark.parametrize("text", ['{"type":"x"', '{"type":"x","data":{"loss":NaN}}', "hello"])
async def test_what_is_no_json_is_told_so(text: str, way: MakeWay) -> None:
    through = await way()

    code, _, message = await through.refused(text)

    assert code == "invalid_json"
    assert "JSON" in message
    assert await through.works()


async def test_a_message_of_2_mib_is_told_the_limit(way: MakeWay) -> None:
    through = await way()
    text = json.dumps({"type": "x", "project_id": "p", "data": {"text": "a" * (2 << 20)}})

    code, _, message = await through.refused(text)

    assert code == "too_large"
    assert "max_message_bytes" in message
    assert str(1 << 20) in message
    assert await through.works()


async def test_thousands_of_levels_dont_hurt(way: MakeWay) -> None:
    through = await way()

    code, _, message = await through.refused(
        f'{{"type":"x","project_id":"p","data":{{"a":{"[" * 20_000}{"]" * 20_000}}}}}'
    )

    assert code in ("invalid", "invalid_json")
    assert "deep" in message or "recursion" in message
    assert await through.works()


async def test_a_cycle_is_refused_with_the_field(way: MakeWay) -> None:
    through = await way()
    assert await through.works()
    below = update("below", parent_id="good") | {"project_id": "p"}
    cycle = update("good", parent_id="below") | {"project_id": "p"}
    if isinstance(through, OverPlain):
        await through.client.send(below)
        await through.client.next()
    elif isinstance(through, OverFrames):
        await through.client.publish("p", below)
    else:
        await through.rest("POST", "projects", "p", "events", body=below)

    code, field, message = await through.refused(json.dumps(cycle))

    assert code in ("cycle", "invalid")
    assert field == "data.changes.parent_id"
    assert "below" in message
    assert await through.works()


@pytest.mark.parametrize("project_id", ["", "a\nb", "x" * 201, 7, ["p"]])
async def test_a_bad_project_is_refused_over_the_sockets(project_id: Any, plain: Plain, connect: Connect) -> None:
    simple, ours = await plain("p"), await connect()

    await simple.send({"type": "x", "project_id": project_id, "data": {}})
    frame = await ours.publish(project_id, {"type": "x", "data": {}})

    assert (await simple.next())["data"]["field"] == "project_id"
    assert (frame["op"], frame["code"], frame["field"]) == ("error", "invalid", "project_id")


@pytest.mark.parametrize("project_id", ["a%0Ab", "x" * 201])
async def test_a_bad_project_is_refused_over_rest(project_id: str, jp_fetch: Any, jp_base_url: str) -> None:
    path = ("tasktree", "api", "projects", project_id.replace("%0A", "\n"), "events")

    response = await jp_fetch(*path, method="POST", body=json.dumps({"type": "x", "data": {}}), raise_error=False)

    assert response.code == 400
    assert json.loads(response.body)["field"] == "project_id"


async def test_one_bad_event_doesnt_keep_the_others_out(connect: Connect) -> None:
    client = await connect()

    answer = await client.publish(
        "p", update("a", title="A"), update("b", progress=7), update("c", title="C"), source="k", seq=1
    )

    (rejected,) = answer["rejected"]
    assert (rejected["index"], rejected["seq"], rejected["field"]) == (1, 2, "data.changes.progress")
    assert answer["upto"] == 3
    assert answer["offset"] == 2


async def test_an_event_for_another_project_than_its_frame_is_refused(connect: Connect) -> None:
    client = await connect()

    answer = await client.publish("p", update("a", title="A") | {"project_id": "q"})

    assert answer["rejected"][0]["field"] == "project_id"


@pytest.mark.parametrize("number", ["9007199254740991", "-9007199254740991", "0.12345678901234567", "1795421744349283"])
async def test_long_numbers_that_every_reader_keeps_are_taken(number: str, connect: Connect) -> None:
    client = await connect()

    await client.send(f'{{"op":"publish","ref":1,"project_id":"p","events":[{{"type":"x","data":{{"a":{number}}}}}]}}')

    assert (await client.next())["rejected"] == []


async def test_a_lone_surrogate_is_replaced_not_refused(connect: Connect, plain: Plain) -> None:
    client, watching = await connect(), await plain("p")

    await client.send(
        '{"op":"publish","ref":1,"project_id":"p","events":[{"type":"x","data":{"a":"\\ud83d","b":"\\ud83d\\ude00"}}]}'
    )

    assert (await client.next())["rejected"] == []
    assert (await watching.next())["data"] == {"a": "\ufffd", "b": "😀"}


@pytest.mark.parametrize(
    ("frame", "code", "field"),
    [
        ({"op": "dance"}, "unknown_op", "op"),
        ({"nop": 1}, "unknown_op", "op"),
        ([1], "invalid", None),
        ({"op": "publish", "project_id": "p"}, "invalid", "events"),
        ({"op": "publish", "project_id": "p", "events": [], "source": "k"}, "invalid", "seq"),
        ({"op": "publish", "project_id": "p", "events": [], "source": "k", "seq": 0}, "invalid", "seq"),
        ({"op": "publish", "project_id": "p", "events": [], "source": 5, "seq": 1}, "invalid", "source"),
        ({"op": "publish", "project_id": "p", "events": [], "dropped": -1}, "invalid", "dropped"),
        ({"op": "publish", "project_id": "p", "events": [{}] * 1001}, "too_large", "events"),
        ({"op": "subscribe"}, "invalid", "project_id"),
        ({"op": "subscribe", "project_id": "p", "since": 5}, "invalid", "since"),
        ({"op": "subscribe", "project_id": "p", "since": {"epoch": "e", "offset": -1}}, "invalid", "since.offset"),
        ({"op": "unsubscribe", "project_id": "p"}, "not_subscribed", None),
        ({"op": "ack", "project_id": "p", "offset": "x"}, "invalid", "offset"),
        ({"op": "resolve"}, "invalid", "kernel_id"),
        ({"op": "resolve", "kernel_id": 5}, "invalid", "kernel_id"),
    ],
)
async def test_a_bad_frame_is_answered_and_the_connection_lives(
    frame: Any, code: str, field: str | None, connect: Connect
) -> None:
    client = await connect()

    if isinstance(frame, dict):
        frame["ref"] = 99
    await client.send(frame)
    answer = await client.next()

    assert (answer["op"], answer["code"]) == ("error", code)
    assert answer.get("field") == field
    assert answer["ref"] == (99 if isinstance(frame, dict) else None)
    assert answer["message"]
    assert (await client.publish("p", update("a", title="A")))["op"] == "published"


async def test_a_binary_frame_is_answered(connect: Connect) -> None:
    client = await connect()

    await client.ws.write_message(b"\x00\x01", binary=True)

    assert (await client.next())["code"] == "invalid"
    assert (await client.ask("watch"))["op"] == "projects"


async def test_a_too_large_frame_is_answered_with_its_ref(connect: Connect) -> None:
    client = await connect()

    answer = await client.publish("p", {"type": "x", "data": {"text": "ä" * (600 * 1024)}})

    assert (answer["op"], answer["code"], answer["ref"]) == ("error", "too_large", 1)
    assert "1048576" in answer["message"]


SURROGATES = {
    "in the project's id": ('{"type":"No Type","project_id":"\\ud800","data":{}}', ""),
    "in a name": (
        '{"type":"node_update","project_id":"p","data":{"node_id":"n","changes":{"metrics":{"\\udfff":"x"}}}}',
        "data.changes.metrics",
    ),
}


@pytest.mark.parametrize("where", SURROGATES)
async def test_a_refusal_that_repeats_a_lone_surrogate_can_be_sent(where: str, way: MakeWay) -> None:
    through = await way()
    text, field = SURROGATES[where]

    code, told, _ = await through.refused(text)

    assert (code, told[: len(field)]) == ("invalid", field)
    assert await through.works()
