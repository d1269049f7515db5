"""Hostile content, by every way in, is stored as it was said and handed on as JSON; nothing else happens."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from tasktree_jupyter.core.sanitise import without_surrogates
from tasktree_jupyter.core.tree import TaskTree
from tests.hostile import TEXTS, events
from tests.server.clients import Connect, Fetch, Plain, Rest, update


async def test_every_way_in_stores_it_as_it_was_said_and_every_way_out_is_json(
    connect: Connect, plain: Plain, rest: Rest, jp_fetch: Fetch
) -> None:
    client, simple, listening = await connect(), await plain("none"), await plain("plain")
    said = {name: events(words, number) for number, (name, words) in enumerate(TEXTS.items())}
    sent = [event for each in said.values() for event in each]
    for batch in said.values():
        answer = await client.publish("socket", *batch)
        assert (answer["op"], answer["rejected"]) == ("published", [])
        status, _ = await rest("POST", "projects", "rest", "events", body={"events": batch})
        assert status == 201
        for event in batch:
            await simple.send({"project_id": "plain", **event})
    heard = [await listening.next() for _ in sent]
    export = (await jp_fetch("tasktree", "api", "projects", "socket", "export")).body
    status, _ = await rest("POST", "projects", "imported", "import", body=export)
    assert status == 201

    wanted = [without_surrogates({"type": event["type"], "data": event["data"]}) for event in sent]
    assert [{key: message[key] for key in ("type", "data")} for message in heard] == wanted
    states = []
    for project in ("socket", "rest", "plain", "imported"):
        _, page = await rest("GET", "projects", project, "events")
        assert [{key: event[key] for key in ("type", "data")} for event in page["events"]] == wanted, project
        _, state = await rest("GET", "projects", project, "state")
        nodes = [{key: value for key, value in node.items() if key != "rollup"} for node in state["nodes"]]
        tree = TaskTree.load(state["state"], nodes)
        assert len(tree) == len(nodes)
        assert state["state"]["flagged"]["count"] == 0
        states.append([{key: value for key, value in node.items() if not key.endswith("_at")} for node in nodes])
    for titles in zip(*([node.get("title") for node in nodes] for nodes in states), strict=True):
        assert len(set(titles)) == 1


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        ('{"op":"publish","ref":1,"project_id":"p","events":[{"type":"a","data":{"x":NaN}}]}', {"invalid_json"}),
        ('{"op":"publish","ref":1,"project_id":"p","events":[{"type":"a","data":{"x":1e999}}]}', {"invalid"}),
        ('{"op":"publish","ref":1,"project_id":"p","events":[{"type":"a","data":{"x":%s}}]}' % 10**400, {"invalid"}),
        ('{"op":"publish","ref":1,"project_id":"p","events":%s' % ("[" * 10_000 + "]" * 10_000 + "}"), {"invalid"}),
        (
            '{"op":"publish","ref":1,"project_id":"p","events":[{"type":"a","data":%s}]}'
            % ('{"a":' * 10_000 + "1" + "}" * 10_000),
            {"invalid"},
        ),
        ('{"op":"subscribe","ref":1,"project_id":"\\u0000"}', {"invalid"}),
        ('{"op":"subscribe","ref":1,"project_id":"%s"}' % ("x" * 1_000_000), {"invalid"}),
        ('{"op":"resolve","ref":1,"path":"a\\u0000b"}', {"invalid"}),
        ('{"op":{"__proto__":1},"ref":1}', {"unknown_op"}),
        ('{"op":"__init__","ref":1}', {"unknown_op"}),
    ],
    ids=["nan", "infinity", "long", "deep array", "deep object", "nul", "megabyte", "nul path", "op", "dunder"],
)
async def test_what_json_or_the_protocol_does_not_know_is_answered_and_the_connection_lives(
    body: str, codes: set[str], connect: Connect
) -> None:
    client = await connect()
    await client.send(body)

    answer = await client.next()
    found = {answer["code"]} if answer["op"] == "error" else {each["code"] for each in answer["rejected"]}
    assert found == codes
    assert len(json.dumps(answer)) < 2000, "an error doesn't repeat what was sent"
    assert (await client.publish("p", update("a", title="A")))["op"] == "published"


async def test_a_list_of_projects_holds_no_title_without_end(connect: Connect, rest: Rest) -> None:
    client = await connect()
    await client.publish("p", update("a", title="x" * 500_000))

    _, info = await rest("GET", "projects", "p")
    _, state = await rest("GET", "projects", "p", "state")

    assert info["missions"][0]["title"] == "x" * 500 + "…"
    assert len(state["nodes"][0]["title"]) == 500_000


async def test_numbers_that_json_lacks_come_as_words(connect: Connect, rest: Rest) -> None:
    client = await connect()
    metrics: dict[str, Any] = {"a": "NaN", "b": "Infinity", "c": "-Infinity"}
    await client.publish("p", update("a", metrics=metrics))

    _, state = await rest("GET", "projects", "p", "state")

    assert state["nodes"][0]["metrics"] == metrics
    assert math.isnan(float(metrics["a"]))
