"""Every bound: what is beyond it gets an error with the field, the number and what is allowed; the rest goes on."""

from __future__ import annotations

import asyncio
import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError
from traitlets.config import Config

from tasktree_jupyter.server.app import TaskTreeExtension
from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.rates import Bucket, Buckets
from tests.server.clients import Connect, Fetch, Plain, Rest, until, update
from tests.server.people import People, login

PROTOCOL = Path(__file__).resolve().parents[2] / "docs" / "protocol.md"
BOUNDS = {
    name: trait
    for name, trait in TaskTreeExtension.class_own_traits(config=True).items()
    if name.startswith("max_") or name == "publish_burst"
}


def test_every_bound_is_a_trait_with_a_unit_and_an_answer_that_the_protocol_knows() -> None:
    page = PROTOCOL.read_text("utf-8")
    assert {name for name in Limits.__struct_fields__ if name.startswith("max_")} <= BOUNDS.keys()
    for name, trait in BOUNDS.items():
        assert trait.metadata["unit"], name
        answer = trait.metadata["answer"]
        assert not answer or re.search(rf"`{answer}`|\b{answer}\b", page), (name, answer)
        assert getattr(Limits(), name) == trait.default_value, "the struct's defaults are the traits'"
        assert getattr(trait, "min", -1) >= 0, name


class TestConnections:
    """In all, and of each user."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"max_connections": 4, "max_connections_per_user": 2}

    @pytest.fixture
    def jp_server_config(self, jp_server_config: Config) -> Config:
        jp_server_config.ServerApp.identity_provider_class = People
        return jp_server_config

    async def open(self, jp_ws_fetch: Any, **headers: str) -> tuple[Any, str | None]:
        """Return the socket and the first message; None: it was closed before any."""
        ws = await jp_ws_fetch("tasktree", "ws", "updates", subprotocols=["tasktree.v1.json"], headers=headers)
        return ws, await asyncio.wait_for(ws.read_message(), 10)

    async def test_one_too_many_is_closed_with_4005_and_a_reason_and_may_come_when_another_has_gone(
        self, jp_ws_fetch: Any, extension: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        ada, alice, kernel = login("ada"), login("alice"), {"Authorization": f"TaskTree {extension.secret}"}
        first, welcome = await self.open(jp_ws_fetch, **ada)
        assert welcome is not None
        await self.open(jp_ws_fetch, **ada)

        theirs, nothing = await self.open(jp_ws_fetch, **ada)
        assert (nothing, theirs.close_code) == (None, 4005)
        assert theirs.close_reason == "you have 2 connections, no more are allowed (max_connections_per_user)"
        for others in (alice, kernel):
            assert (await self.open(jp_ws_fetch, **others))[1] is not None

        for _ in range(3):
            ws, nothing = await self.open(jp_ws_fetch, **alice)
            assert (nothing, ws.close_code) == (None, 4005)
            assert ws.close_reason == "4 connections, no more are allowed (max_connections)"
        assert len([record for record in caplog.records if "refuses a connection" in record.message]) == 1

        first.close()
        while (await self.open(jp_ws_fetch, **ada))[1] is None:
            pass
        assert extension.manager.number_of_connections == 4


class TestRate:
    """Events a second, of a connection or of a user's requests."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"max_publish_rate": 4.0, "publish_burst": 10}

    async def test_what_comes_faster_is_refused_and_taken_after_the_time_that_is_named(self, connect: Connect) -> None:
        client, other = await connect(), await connect()
        events = [update("a", title=str(number)) for number in range(10)]
        assert (await client.publish("p", *events, source="k", seq=1))["upto"] == 10

        refused = await client.publish("p", *events[:4], source="k", seq=11)
        elsewhere = await other.publish("q", events[0])

        assert elsewhere["op"] == "published", "each connection has a rate of its own"
        assert {key: refused[key] for key in ("op", "code", "field", "reason", "retry")} == {
            "op": "error",
            "code": "rate_limited",
            "field": "events",
            "reason": "max_publish_rate",
            "retry": True,
        }
        assert "4 events a second" in refused["message"]
        assert 0 < refused["retry_after"] <= 1
        await asyncio.sleep(refused["retry_after"])
        assert (await client.publish("p", *events[:4], source="k", seq=11))["upto"] == 14

    async def test_a_plain_client_is_told_too(self, plain: Plain) -> None:
        client = await plain("q")
        for number in range(12):
            await client.send({"project_id": "p", **update("a", title=str(number))})

        data = (await client.next())["data"]

        assert (data["code"], data["reason"]) == ("rate_limited", "max_publish_rate")
        assert data["retry_after"] > 0

    async def test_rest_answers_429_with_retry_after(self, jp_fetch: Fetch) -> None:
        events = {"events": [update("a", title="A")] * 10}
        answers = [
            await jp_fetch(
                *("tasktree", "api", "projects", "p", "events"), method="POST", body=json.dumps(body), raise_error=False
            )
            for body in (events, {"events": [update("a", title="A")] * 9})
        ]

        assert [answer.code for answer in answers] == [201, 429]
        assert 1 <= int(answers[1].headers["Retry-After"]) <= 3
        body = json.loads(answers[1].body)
        assert (body["reason"], body["field"]) == ("max_publish_rate", "events")
        assert 0 < body["retry_after"] < 3


def test_a_bucket_fills_steadily_and_lets_more_than_a_burst_through_when_it_is_full() -> None:
    now = [0.0]
    bucket = Bucket(10.0, 5, lambda: now[0])
    assert (bucket.take(5), bucket.take(1)) == (0.0, 0.1)
    now[0] = 0.1
    assert (bucket.take(1), bucket.take(50)) == (0.0, 0.5)
    now[0] = 0.6
    assert bucket.take(50) == 0.0
    assert bucket.take(1) == pytest.approx(4.6), "a debt"
    assert Bucket(0, 1).take(10**9) == 0.0


def test_senders_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasktree_jupyter.server.rates.MAX_SENDERS", 2)
    buckets = Buckets(1.0, 1)
    kept = buckets.of("a")
    for sender in ("b", "a", "c"):
        buckets.of(sender)
    assert buckets.of("a") is kept
    assert len(buckets._buckets) == 2


class TestProjects:
    """How many there may be, whichever way one is made."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"max_projects": 2}

    async def test_one_too_many_is_refused_however_it_comes_and_taken_when_another_is_deleted(
        self, connect: Connect, plain: Plain, rest: Rest, extension: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tasktree_jupyter.server.admission.COUNT_AT_MOST_EVERY", 0.0)
        client, simple = await connect(), await plain("p")
        for project in ("p", "q"):
            assert (await client.publish(project, update("a", title="A")))["op"] == "published"
        export = {"tasktree": "export", "version": 1, "project_id": "r", "offset": 0}

        refused = await client.publish("r", update("a", title="A"))
        await simple.send({"project_id": "r", **update("a", title="A")})
        minted = await client.ask("resolve", path="/home/u/new.ipynb")
        posted = await rest("POST", "projects", "r", "events", body=update("a", title="A"))
        imported = await rest("POST", "projects", "r", "import", body=export)

        assert (refused["code"], refused["field"], refused["retry"]) == ("too_many", "project_id", True)
        assert refused["message"] == "There are 2 projects; no more are allowed (max_projects): delete some"
        assert refused["retry_after"] > 0
        assert [(await simple.next())["type"], (await simple.next())["data"]["code"]] == ["node_update", "too_many"]
        assert (minted["code"], minted["retry"]) == ("too_many", True)
        for status, body in (posted, imported):
            assert (status, body["reason"], body["field"]) == (409, "max_projects", "project_id")
        assert (await client.publish("p", update("b", title="B")))["op"] == "published"
        assert {record.project_id for record in await extension.manager.log.projects()} == {"p", "q"}

        await rest("DELETE", "projects", "q")
        assert (await client.publish("r", update("a", title="A")))["op"] == "published"


class TestOfAConnection:
    """How much one may follow and ask for at a time."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"max_subscriptions": 2, "max_questions": 3}

    async def test_one_subscription_too_many_is_refused_until_another_ends(self, connect: Connect) -> None:
        client = await connect()
        for project in ("p", "q", "r"):
            await client.publish(project, update("a", title="A"))
        for project in ("p", "q"):
            await client.follow(project)

        refused = await client.ask("subscribe", project_id="r")
        await client.ask("unsubscribe", project_id="p")
        followed = await client.ask("subscribe", project_id="r")

        assert (refused["code"], refused["field"], refused["retry"]) == ("too_many", "project_id", True)
        assert "follows 2 projects; no more are allowed (max_subscriptions)" in refused["message"]
        assert followed["op"] == "subscribed"

    async def test_one_question_too_many_is_refused_and_the_others_are_answered(
        self, connect: Connect, extension: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client = await connect()
        await client.publish("p", update("a", title="A"))
        let_go = asyncio.Event()
        resolve = extension.manager.resolve

        async def slowly(*given: Any, **more: Any) -> Any:
            await let_go.wait()
            return await resolve(*given, **more)

        monkeypatch.setattr(extension.manager, "resolve", slowly)
        for ref in (101, 102, 103, 104):
            await client.send({"op": "resolve", "ref": ref, "path": "/home/u/a.ipynb"})
        refused = await client.next()
        let_go.set()
        answers = [await client.next() for _ in range(3)]

        assert (refused["ref"], refused["code"], refused["retry"]) == (104, "busy", True)
        assert "3 questions" in refused["message"]
        assert {answer["ref"] for answer in answers} == {101, 102, 103}
        assert {answer["op"] for answer in answers} == {"resolved"}

    async def test_a_plain_client_may_name_no_more_projects_either(self, plain: Plain) -> None:
        await plain("p", "q", "q")
        with pytest.raises(HTTPClientError) as refused:
            await plain("p", "q", "r")
        assert refused.value.code == 400


async def test_what_isnt_there_costs_nothing_once_nobody_asks_for_it(
    connect: Connect, plain: Plain, rest: Rest, extension: Any
) -> None:
    client, rooms = await connect(), extension.manager.rooms
    waiting = await plain("later")
    for project in ("none-1", "none-2"):
        assert (await client.ask("subscribe", project_id=project))["code"] == "not_found"
        assert rooms.find(project) is None
    assert (await client.publish("none-3", {"type": "node_update", "data": 5}))["rejected"]
    await client.send({"op": "subscribe", "ref": 8, "project_id": "none-4"})
    await client.ask("unsubscribe", project_id="none-4")
    assert (await rest("GET", "projects", "none-5", "state"))[0] == 404

    await until(lambda: len(rooms) == 1)
    assert set(extension.manager.log._opened().watcher._watched) == {"later"}
    await client.publish("later", update("a", title="A"))
    assert (await waiting.next())["data"]["node_id"] == "a"
    assert rooms.find("later").exists


class TestQueue:
    """How much may wait for one project's log."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"max_queued_bytes": 64 * 1024}

    async def test_what_is_too_much_is_busy_names_the_bound_and_is_stored_when_it_comes_again(
        self, connect: Connect, plain: Plain, extension: Any, jp_fetch: Fetch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client, others, simple = await connect(), [await connect() for _ in range(3)], await plain("q")
        large = [update("a", params={"text": "x" * 50_000})]
        await client.publish("p", update("a", title="A"))
        log, begun, let_go = extension.manager.log, asyncio.Event(), asyncio.Event()
        append = log.append

        async def slowly(*given: Any, **more: Any) -> Any:
            begun.set()
            await let_go.wait()
            return await append(*given, **more)

        def waits(least: int) -> bool:
            return bool(extension.manager.rooms.find("p").queued_bytes >= least)

        monkeypatch.setattr(log, "append", slowly)
        for number, other in enumerate(others):
            await other.send({"op": "publish", "ref": 1, "project_id": "p", "events": large})
            await asyncio.wait_for(begun.wait(), 10)
            await until(partial(waits, number * 50_000))
        queued = extension.manager.rooms.find("p").queued_bytes
        refused = await client.publish("p", *large)
        await simple.send({"project_id": "p", **large[0]})
        told = (await simple.next())["data"]
        body = json.dumps({"events": large})
        posted = await jp_fetch(
            "tasktree", "api", "projects", "p", "events", method="POST", body=body, raise_error=False
        )

        assert 64 * 1024 < queued == extension.manager.rooms.find("p").queued_bytes < 64 * 1024 + 51_000
        assert {key: refused[key] for key in ("op", "code", "field", "reason", "retry", "retry_after")} == {
            "op": "error",
            "code": "busy",
            "field": "events",
            "reason": "max_queued_bytes",
            "retry": True,
            "retry_after": 1.0,
        }
        assert f"{queued} bytes wait" in refused["message"]
        assert "(max_queued_bytes)" in refused["message"]
        assert (told["code"], told["field"], told["reason"]) == ("busy", "events", "max_queued_bytes")
        assert (posted.code, posted.headers["Retry-After"]) == (503, "1")
        assert json.loads(posted.body)["reason"] == "max_queued_bytes"
        let_go.set()
        assert [(await other.next())["op"] for other in others] == ["published"] * 3
        assert (await client.publish("p", *large))["op"] == "published"


class TestReads:
    """How many states and diffs are read at a time, by everybody."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"max_reads": 1}

    async def test_one_too_many_is_busy_and_comes_through_later(
        self, connect: Connect, jp_fetch: Fetch, extension: Any
    ) -> None:
        client = await connect()
        await client.publish("p", update("a", title="A"))
        with extension.manager.history._counted():
            asked = await client.ask("state", project_id="p")
            compared = await client.ask("diff", project_id="p", **{"from": {"offset": 1}, "to": None})
            fetched = await jp_fetch("tasktree", "api", "projects", "p", "state", raise_error=False)

        for answer in (asked, compared):
            assert (answer["code"], answer["retry"], answer["reason"]) == ("busy", True, "max_reads")
            assert answer["retry_after"] > 0
        assert (fetched.code, fetched.headers["Retry-After"]) == (503, "1")
        assert json.loads(fetched.body)["reason"] == "max_reads"
        assert (await client.ask("state", project_id="p"))["op"] == "state"


class TestSizes:
    """What one event may hold."""

    @pytest.fixture
    def settings(self) -> dict[str, Any]:
        return {"max_string_chars": 1024, "max_event_values": 100}

    @pytest.mark.parametrize(
        ("changes", "field", "reason"),
        [
            ({"title": "x" * 1025}, "data.changes.title", "max_string_chars"),
            ({"params": {"a": ["é", {"b": "é" * 1025}]}}, "data.changes.params.a.1.b", "max_string_chars"),
            ({"params": {"k" * 1025: 1}}, "data.changes.params.'kkk", "max_string_chars"),
            ({"tags": [""] * 100}, "data", "max_event_values"),
            ({"params": {str(key): 0 for key in range(100)}}, "data", "max_event_values"),
        ],
    )
    async def test_one_event_too_large_is_rejected_alone(
        self, changes: dict[str, Any], field: str, reason: str, connect: Connect
    ) -> None:
        client = await connect()

        answer = await client.publish("p", update("a", title="A"), update("b", **changes), update("c", title="C"))

        (rejected,) = answer["rejected"]
        assert answer["offset"] == 2
        assert (rejected["index"], rejected["code"], rejected["reason"]) == (1, "too_large", reason)
        assert rejected["field"].startswith(field)
        assert re.search(r"at most (1024|100) are allowed \(max_", rejected["message"])

    async def test_what_is_just_allowed_is_stored(self, connect: Connect) -> None:
        client = await connect()
        just = [
            update("a", title="é" * 1024),
            update("b", tags=["x"] * 96),
            update("c", params={"k" * 1024: "v" * 1024}),
        ]

        assert (await client.publish("p", *just))["rejected"] == []
