"""The REST interface, for curl, CI and people without a WebSocket."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.iostream import StreamClosedError

from tasktree_jupyter._version import __version__
from tests.server.clients import Connect, Fetch, Rest, update


async def test_version_says_what_it_speaks_and_what_acknowledged_means(rest: Rest, extension: Any) -> None:
    status, body = await rest("GET", "version")

    assert status == 200
    assert (body["version"], body["protocol"], body["fold"]) == (__version__, 1, 2)
    assert body["storage"]["engine"] == "sqlite"
    assert body["storage"]["data_dir"] == extension.data_dir
    assert body["python"].count(".") == 2
    assert "on disk" in body["storage"]["promise"]


@pytest.mark.parametrize("path", [(), ("state",), ("events",)])
async def test_an_unknown_project_is_404_and_isnt_made(path: tuple[str, ...], rest: Rest, extension: Any) -> None:
    status, body = await rest("GET", "projects", "nobody", *path)

    assert (status, body["reason"], body["field"]) == (404, "not_found", "project_id")
    assert await extension.manager.log.projects() == []


async def test_one_envelope_or_many_are_published(rest: Rest) -> None:
    status, one = await rest("POST", "projects", "p", "events", body=update("a", title="A"))
    many_status, many = await rest(
        "POST",
        "projects",
        "p",
        "events",
        body={"events": [update("b", title="B"), update("c", progress=9)], "source": "ci", "seq": 1},
    )

    assert (status, one["offset"], one["source"], one["upto"]) == (201, 1, None, None)
    assert (many_status, many["offset"], many["upto"]) == (201, 2, 2)
    assert many["rejected"][0]["field"] == "data.changes.progress"


async def test_a_seq_gap_is_a_conflict_with_what_is_expected(rest: Rest) -> None:
    status, body = await rest(
        "POST", "projects", "p", "events", body={"events": [update("b", title="B")], "source": "ci", "seq": 5}
    )

    assert (status, body["reason"], body["expected"]) == (409, "seq_gap", 1)


async def test_events_come_page_by_page(rest: Rest) -> None:
    for start in range(0, 25, 5):
        events = [update(f"n{number}", title="x") for number in range(start, start + 5)]
        await rest("POST", "projects", "p", "events", body={"events": events})

    seen: list[int] = []
    after: int | None = 0
    while after is not None:
        _, page = await rest("GET", "projects", "p", "events", params={"after": after, "limit": 10})
        seen += [event["offset"] for event in page["events"]]
        after = page["next"]

    assert seen == list(range(1, 26))


@pytest.mark.parametrize(
    ("params", "field"), [({"after": -1}, "after"), ({"after": "x"}, "after"), ({"limit": 10**9}, "limit")]
)
async def test_a_bad_page_names_the_parameter(params: dict[str, Any], field: str, rest: Rest) -> None:
    status, body = await rest("GET", "projects", "p", "events", params=params)

    assert (status, body["field"]) == (400, field)


async def test_trimmed_events_are_gone_and_it_says_up_to_where(rest: Rest, extension: Any) -> None:
    for number in range(5):
        await rest("POST", "projects", "p", "events", body=update(f"n{number}", title="x"))
    await extension.manager.log.trim("p", 3)

    status, body = await rest("GET", "projects", "p", "events")
    later_status, later = await rest("GET", "projects", "p", "events", params={"after": 3})

    assert (status, body["reason"], body["trimmed"]) == (410, "trimmed", 3)
    assert (later_status, [event["offset"] for event in later["events"]]) == (200, [4, 5])


@pytest.mark.parametrize("project_id", ["nächtlich/ETL #1", "a?b=c", "..", "🌲", "a b+c%20"])
async def test_any_project_id_works_percent_encoded(project_id: str, jp_serverapp: Any, jp_fetch: Fetch) -> None:
    quoted = urllib.parse.quote(project_id, safe="")
    url = urllib.parse.urlsplit(jp_serverapp.connection_url)
    client = AsyncHTTPClient()
    base = f"http://127.0.0.1:{url.port}{jp_serverapp.base_url}tasktree/api/projects/{quoted.replace('..', '%2E%2E')}"
    headers = {"Authorization": f"token {jp_serverapp.identity_provider.token}"}

    posted = await client.fetch(
        f"{base}/events", method="POST", body=json.dumps(update("a", title="A")), headers=headers
    )
    info = await client.fetch(base, headers=headers)

    assert posted.code == 201
    assert json.loads(info.body)["project_id"] == project_id


async def test_polling_doesnt_keep_an_idle_server_alive(rest: Rest, jp_serverapp: Any) -> None:
    before = jp_serverapp.web_app.settings.get("api_last_activity")

    await rest("GET", "projects")
    await rest("GET", "version")

    assert jp_serverapp.web_app.settings.get("api_last_activity") == before


async def test_a_body_without_a_length_is_bounded_too(jp_fetch: Fetch, extension: Any) -> None:
    async def chunks(write: Any) -> None:
        for _ in range(40):
            await write(b"x" * 100_000)

    path = ("tasktree", "api", "projects", "p", "events")
    try:
        response = await jp_fetch(*path, method="POST", body_producer=chunks, raise_error=False)
    except (ConnectionError, StreamClosedError):
        pass  # cut off in the middle of the body
    else:
        assert response.code in (400, 413, 599)

    assert await extension.manager.log.projects() == []
    assert (await jp_fetch(*path, method="POST", body=json.dumps(update("a", title="A")))).code == 201


async def test_an_error_is_a_message_a_reason_and_a_field(rest: Rest) -> None:
    status, body = await rest("POST", "projects", "p", "events", body=update("a", status="runing"))

    assert status == 400
    assert set(body) >= {"message", "reason", "field"}
    assert (body["field"], body["reason"]) == ("data.changes.status", "unknown_status")
    assert "runing" in body["message"]


async def test_deleting_a_project_forgets_it_and_tells_who_follows(
    rest: Rest, connect: Connect, extension: Any
) -> None:
    client, watching = await connect(), await connect()
    before = await client.publish("p", update("a", title="A"))
    await client.follow("p")
    await watching.ask("watch")

    status, body = await rest("DELETE", "projects", "p")
    again, _ = await rest("DELETE", "projects", "p")

    assert (status, body, again) == (204, None, 404)
    assert await client.next() == {"op": "gone", "project_id": "p"}
    assert (await watching.next())["removed"] == ["p"]
    assert (await rest("GET", "projects"))[1] == {"projects": []}
    assert (await client.ask("unsubscribe", project_id="p"))["code"] == "not_subscribed"
    # A living emitter makes it anew, and hears of it.
    after = await client.publish("p", update("a", title="A"))
    assert after["offset"] == 1
    assert after["epoch"] != before["epoch"]


async def test_a_run_is_removed_from_the_tree_and_stays_in_the_log(rest: Rest) -> None:
    events = [update("one", title="One"), update("one/a", parent_id="one"), update("two", title="Two")]
    await rest("POST", "projects", "p", "events", body={"events": events})

    status, _ = await rest("DELETE", "projects", "p", "missions", "one")
    again, told = await rest("DELETE", "projects", "p", "missions", "one")
    inner, _ = await rest("GET", "projects", "p", "missions", "two%2Fx")

    _, state = await rest("GET", "projects", "p", "state")
    _, then = await rest("GET", "projects", "p", "missions", "one", params={"moment": "offset:3"})
    assert (status, again, told["field"], inner) == (204, 404, "mission_id", 404)
    assert [node["node_id"] for node in state["nodes"]] == ["two"]
    assert [node["node_id"] for node in then["nodes"]] == ["one", "one/a"]
    assert (then["nodes"][0]["rollup"]["leaves"], then["offset"], then["project_id"]) == (1, 3, "p")


async def test_what_isnt_there_and_what_cant_be_done_is_told_as_json(rest: Rest, jp_fetch: Fetch) -> None:
    unknown: list[tuple[str, ...]] = [("nowhere",), ("projects", "p", "nothing"), ("projects", "p", "state", "more")]
    for path in unknown:
        for verb in ("GET", "POST", "PATCH", "PUT", "DELETE"):
            status, body = await rest(verb, *path, body=None if verb == "GET" else "{}")
            assert (status, set(body), body["reason"]) == (404, {"message", "reason", "field"}, "no_such_path")
    meaningless: list[tuple[str, tuple[str, ...], str]] = [
        ("DELETE", ("version",), "GET, HEAD, OPTIONS"),
        ("PUT", ("projects", "p"), "GET, DELETE, HEAD, OPTIONS"),
        ("GET", ("projects", "p", "import"), "POST, OPTIONS"),
    ]
    for verb, path, allowed in meaningless:
        response = await jp_fetch(
            "tasktree",
            "api",
            *path,
            method=verb,
            body="" if verb == "PUT" else None,
            raise_error=False,
        )
        assert (response.code, response.headers["Allow"]) == (405, allowed)
        assert json.loads(response.body)["reason"] == "verb"


async def test_head_is_get_without_the_body_and_options_names_the_verbs(rest: Rest, jp_fetch: Fetch) -> None:
    await rest("POST", "projects", "p", "events", body=update("a", title="A"))
    for path in ("state", "events", "missions", "snapshots", "export"):
        head = await jp_fetch("tasktree", "api", "projects", "p", path, method="HEAD")
        assert (head.code, head.body) == (200, b"")
    missing = await jp_fetch("tasktree", "api", "projects", "q", "state", method="HEAD", raise_error=False)
    refused = await jp_fetch("tasktree", "api", "projects", "p", "import", method="HEAD", raise_error=False)
    asked = await jp_fetch(
        "tasktree", "api", "projects", "p", "snapshots", method="OPTIONS", headers={"Authorization": ""}
    )

    assert (missing.code, refused.code) == (404, 405)
    assert (asked.code, asked.headers["Allow"]) == (204, "GET, POST, HEAD, OPTIONS")
