"""A project out as JSON Lines and in again: everything that readers and emitters rely on stays what it was."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import apsw
import pytest
from tornado.httpclient import HTTPClientError
from tornado.iostream import StreamClosedError

from tasktree_jupyter.storage.sqlite_folder import file_name
from tests.core.canonical import canonical
from tests.server.clients import Connect, Fetch, Rest, update

HEADER = {"tasktree": "export", "version": 1, "project_id": "p", "epoch": "e", "offset": 1, "at": 5, "trimmed": 0}
EVENT = {
    "type": "node_log",
    "data": {"node_id": "a", "level": "info", "message": "x"},
    "timestamp": "2026-01-31T14:02:11Z",
}


def lines(*values: Any) -> bytes:
    return b"".join(value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n" for value in values)


async def exported(jp_fetch: Fetch, project_id: str) -> Any:
    return await jp_fetch("tasktree", "api", "projects", project_id, "export", request_timeout=60)


async def all_events(rest: Rest, project_id: str) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    after: int | None = 0
    while after is not None:
        _, page = await rest("GET", "projects", project_id, "events", params={"after": after, "limit": 10_000})
        events += page["events"]
        after = page["next"]
    return events


async def test_what_comes_out_and_goes_in_again_is_the_same_log_under_another_epoch(
    rest: Rest, connect: Connect, jp_fetch: Fetch
) -> None:
    client = await connect()
    bad = update("bad", progress=7)
    await client.publish("p", update("run", title="Ⓡun"), source="k1", seq=1)
    await client.publish("p", bad, update("a", parent_id="run"), bad, update("a", status="running"), source="k1", seq=2)
    await client.publish("p", update("b", parent_id="run"), source="k2", seq=5, dropped=4)
    await client.publish(
        "p", {"type": "mission_snapshot", "data": {"snapshot_id": "s"}}, update("c", title="x\n\u2028")
    )
    await client.publish("p", update("a", status="completed"), source="k1", seq=6)

    response = await exported(jp_fetch, "p")
    status, imported = await rest("POST", "projects", "other", "import", body=response.body)

    before, after = await all_events(rest, "p"), await all_events(rest, "other")
    first, *rest_of_it = response.body.splitlines()
    head = json.loads(first)
    assert response.headers["Content-Type"] == "application/jsonl"
    assert "p.jsonl" in response.headers["Content-Disposition"]
    assert (head["tasktree"], head["version"], head["project_id"], head["offset"]) == ("export", 1, "p", len(before))
    assert [json.loads(line) for line in rest_of_it] == before
    assert status == 201
    assert imported == {"project_id": "other", "epoch": imported["epoch"], "offset": len(before), "events": len(before)}
    assert imported["epoch"] != head["epoch"]
    assert [event | {"project_id": "p"} for event in after] == before
    states = [(await rest("GET", "projects", name, "state"))[1] for name in ("p", "other")]
    assert canonical(states[0]["state"]) == canonical(states[1]["state"])
    assert states[0]["nodes"] == states[1]["nodes"]
    # What a source sends again is a duplicate, what comes next isn't.
    again = await client.publish("other", update("a", status="completed"), source="k1", seq=6)
    more = await client.publish("other", update("a", status="ready"), source="k1", seq=7)
    third = await client.publish("other", update("b", status="ready"), source="k2", seq=6)
    assert (again["duplicates"], again["upto"]) == (1, 6)
    assert (more["duplicates"], more["offset"]) == (0, len(before) + 1)
    assert (third["op"], third["upto"]) == ("published", 6)


async def test_what_is_wrong_is_told_by_line_and_field_and_nothing_is_stored(rest: Rest, extension: Any) -> None:
    event = {**EVENT, "offset": 1, "at": 5}
    second = {**EVENT, "offset": 2, "at": 5}
    two = HEADER | {"offset": 2}
    cases: list[tuple[bytes, int, str | None]] = [
        (b"", 1, "tasktree"),
        (b"\xff\n", 1, None),
        (b"{\n", 1, None),
        (lines([]), 1, None),
        (lines(event), 1, "tasktree"),
        (lines(HEADER | {"version": 2}), 1, "version"),
        (lines(HEADER | {"offset": -1}), 1, "offset"),
        (lines(HEADER | {"trimmed": 7}), 1, "trimmed"),
        (lines(HEADER, event | {"type": "Bad"}), 2, "type"),
        (lines(HEADER, event | {"timestamp": "soon"}), 2, "timestamp"),
        (lines(HEADER, event | {"data": {}}), 2, "data.node_id"),
        (lines(HEADER, event | {"data": None}), 2, "data"),
        (lines(HEADER, event | {"offset": 2}), 2, "offset"),
        (lines(HEADER, event | {"at": "x"}), 2, "at"),
        (lines(two, event, second | {"at": 4}), 3, "at"),
        (lines(two, event, second | {"offset": 1}), 3, "offset"),
        (lines(HEADER, event | {"seq": 1}), 2, "seq"),
        (lines(two, event | {"source": "k", "seq": 2}, second | {"source": "k", "seq": 2}), 3, "seq"),
        (lines(HEADER, event | {"source": ""}), 2, "source"),
        (lines(HEADER, event, b"\n\n", second), 5, "offset"),
        (lines(two, event), 3, "offset"),
        (lines(HEADER, event | {"data": {"node_id": "a", "level": "info", "message": "x", "n": 2**60}}), 2, "data.n"),
        (lines(HEADER, b'{"x":"' + b"x" * 3_000_000), 2, None),
    ]
    for body, line, field in cases:
        status, answer = await rest("POST", "projects", "p", "import", body=body)
        assert (body[:200], status, answer["line"], answer["field"]) == (body[:200], 400, line, field)
        assert answer["message"].startswith(f"Line {line}: ")
        assert answer["reason"]
        assert await extension.manager.log.projects() == []


async def test_a_project_with_events_is_left_alone(rest: Rest) -> None:
    await rest("POST", "projects", "p", "events", body=update("a", title="A"))
    _, before = await rest("GET", "projects", "p", "state")

    status, body = await rest("POST", "projects", "p", "import", body=lines(HEADER, {**EVENT, "offset": 1, "at": 5}))

    assert (status, body["reason"], body["field"]) == (409, "exists", "project_id")
    assert (await rest("GET", "projects", "p", "state"))[1] == before


async def test_a_damaged_project_is_replaced_at_the_first_try(
    rest: Rest, connect: Connect, jp_fetch: Fetch, data_dir: Path, extension: Any
) -> None:
    client = await connect()
    await client.publish("p", update("a", title="A"))
    body = (await exported(jp_fetch, "p")).body
    await extension.manager.rooms.close_idle(0)
    log = extension.manager.log
    log._readers.close()
    connection = apsw.Connection(str(data_dir / file_name("p")))
    connection.execute("PRAGMA user_version; PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()
    with (data_dir / file_name("p")).open("r+b") as file:
        file.write(os.urandom(8192))

    status, answer = await rest("POST", "projects", "p", "import", body=body, params={"replace": "true"})

    assert (status, answer.get("events")) == (201, 1)
    _, state = await rest("GET", "projects", "p", "state")
    assert [node["title"] for node in state["nodes"]] == ["A"]


async def test_a_project_without_events_is_filled_and_keeps_what_is_said_of_it(
    rest: Rest, connect: Connect, extension: Any
) -> None:
    client = await connect()
    project_id = (await client.ask("resolve", path="/home/u/train.py", title="Training"))["project_id"]
    _, before = await rest("GET", "projects", project_id)

    refused, _ = await rest(
        "POST", "projects", project_id, "import", body=lines(HEADER, {**EVENT, "offset": 7, "at": 5})
    )
    _, between = await rest("GET", "projects", project_id)
    status, _ = await rest(
        "POST", "projects", project_id, "import", body=lines(HEADER, {**EVENT, "offset": 1, "at": 5})
    )
    _, after = await rest("GET", "projects", project_id)

    said = ("title", "path", "kind")
    assert (refused, status) == (400, 201)
    assert [[info[key] for key in said] for info in (between, after)] == [[before[key] for key in said]] * 2
    assert (between["offset"], after["offset"]) == (0, 1)


async def test_half_a_character_goes_in_as_a_replacement_wherever_it_stands(rest: Rest) -> None:
    header = {**HEADER, "attributes": {"title": "A\ud800"}}
    data = {"node_id": "a", "level": "info", "message": "\udfff"}
    event = {**EVENT, "data": data, "source": "s\ud800", "seq": 1}

    status, _ = await rest("POST", "projects", "p", "import", body=lines(header, {**event, "offset": 1, "at": 5}))

    assert status == 201
    [stored] = await all_events(rest, "p")
    assert (stored["source"], stored["data"]["message"]) == ("s\ufffd", "\ufffd")


async def test_an_empty_project_travels_too(rest: Rest, connect: Connect, jp_fetch: Fetch) -> None:
    client = await connect()
    project_id = (await client.ask("resolve", path="/home/u/train.py"))["project_id"]

    status, body = await rest("POST", "projects", "q", "import", body=(await exported(jp_fetch, project_id)).body)

    assert (status, body["events"]) == (201, 0)
    assert (await rest("GET", "projects", "q"))[1]["epoch"] == body["epoch"]


async def test_a_client_that_goes_away_leaves_nothing_behind(
    jp_fetch: Fetch, extension: Any, data_dir: Path, jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await extension.ready()
    log = extension.manager.log
    stored, removed = asyncio.Event(), asyncio.Event()
    append, delete = log.append, log.delete

    async def appended(*args: Any, **kwargs: Any) -> Any:
        commit = await append(*args, **kwargs)
        stored.set()
        return commit

    async def deleted(project_id: str) -> bool:
        there: bool = await delete(project_id)
        removed.set()
        return there

    monkeypatch.setattr(log, "append", appended)
    monkeypatch.setattr(log, "delete", deleted)
    event = {**EVENT, "offset": 1, "at": 5}
    _, writer = await asyncio.open_connection("127.0.0.1", jp_serverapp.port)
    path = f"{jp_serverapp.base_url}tasktree/api/projects/p/import"
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: token {jp_serverapp.identity_provider.token}\r\n"
    writer.write(
        f"{head}Content-Length: 1000000\r\n\r\n".encode()
        + lines(HEADER | {"offset": 9}, event, event | {"offset": 2, "at": 6}, event | {"offset": 3, "at": 7})
    )
    await writer.drain()

    async with asyncio.timeout(20):
        await stored.wait()
        writer.close()
        await removed.wait()

    assert await log.projects() == []
    assert [name for name in os.listdir(data_dir) if "sqlite" in name] == []


class TestBounds:
    """With a small bound on imports."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"max_import_bytes": 20_000}

    async def test_a_larger_import_is_refused_with_or_without_a_length(
        self, rest: Rest, jp_fetch: Fetch, extension: Any
    ) -> None:
        events = [{**EVENT, "offset": n, "at": n} for n in range(1, 400)]
        body = lines(HEADER | {"offset": 399}, *events)

        async def chunks(write: Any) -> None:
            await write(body)

        status, answer = await rest("POST", "projects", "p", "import", body=body)
        try:
            path = ("tasktree", "api", "projects", "p", "import")
            cut = (await jp_fetch(*path, method="POST", body_producer=chunks, raise_error=False)).code
        except (ConnectionError, StreamClosedError, HTTPClientError):
            cut = 400
        small, _ = await rest("POST", "projects", "q", "import", body=lines(HEADER, events[0]))

        assert (status, answer["reason"]) == (413, "max_import_bytes")
        assert cut in (400, 413, 599)
        assert small == 201
        assert [record.project_id for record in await extension.manager.log.projects()] == ["q"]


async def test_ten_thousand_events_go_in_and_out(rest: Rest, jp_fetch: Fetch, extension: Any) -> None:
    await extension.ready()
    count = 10_000
    events = [
        {
            "type": "node_update",
            "data": {"node_id": f"n{n % 3000}", "changes": {"title": f"Task {n}", "params": {"depth": n % 9}}},
            "timestamp": "2026-01-31T14:02:11.123456Z",
            "source": f"k{n % 3}",
            "seq": n // 3 + 1,
            "offset": n + 1,
            "at": 1_769_868_131_000_000 + 7 * n,
        }
        for n in range(count)
    ]
    body = lines(HEADER | {"offset": count}, *events)
    status, answer = await rest("POST", "projects", "p", "import", body=body, request_timeout=60)
    out = await exported(jp_fetch, "p")

    assert (status, answer["events"]) == (201, count), answer
    assert [json.loads(line) for line in out.body.splitlines()[1:]] == [
        {"project_id": "p", **event} for event in events
    ]
