"""Who gets in, and what they may do there."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jupyter_server.auth import Authorizer
from tornado.httpclient import HTTPClientError
from traitlets.config import Config

from tasktree_jupyter.server.rest.routes import RESOURCES
from tests.server.clients import Connect, Fetch, Plain, Rest, update

IDS = {"{project_id}": "p", "{mission_id}": "a", "{snapshot_id}": "s"}
PATHS = [
    *(tuple(IDS.get(part, part) for part in path.split("/")) for path in RESOURCES),
    ("nowhere",),
    ("projects", "p", "x"),
]
VERBS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
WRITING = [
    ("POST", ("projects", "p", "events"), update("b", title="B")),
    ("POST", ("projects", "p", "snapshots"), {"name": "n"}),
    ("PATCH", ("projects", "p", "snapshots", "s"), {"name": "n"}),
    ("DELETE", ("projects", "p", "snapshots", "s"), None),
    ("DELETE", ("projects", "p", "missions", "a"), None),
    ("POST", ("projects", "q", "import"), {"tasktree": "export", "version": 1, "project_id": "p", "offset": 0}),
    ("DELETE", ("projects", "p"), None),
]
"""Everything that changes anything, in an order in which each of them works."""


class OnlyRead(Authorizer):
    """Lets everybody read and nobody do anything else, and writes down what it was asked."""

    asked: list[tuple[str, str]] = []  # noqa: RUF012

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        self.asked.append((action, resource))
        return action == "read"


class Nothing(Authorizer):
    """Allows nothing."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return False


def test_all_that_changes_anything_is_tried_here() -> None:
    changing = {(verb, path) for path, handler in RESOURCES.items() for verb in handler.verbs() if verb != "GET"}
    assert len(WRITING) == len(changing)


@pytest.mark.parametrize("authorization", ["", "token wrong", "TaskTree secret", "TaskTree wrong"])
async def test_without_token_no_verb_works(authorization: str, jp_fetch: Fetch, extension: Any) -> None:
    shown = authorization.replace("secret", extension.secret)
    for path in PATHS:
        for verb in VERBS:
            response = await jp_fetch(
                "tasktree",
                "api",
                *path,
                method=verb,
                body=json.dumps(update("a", title="A")) if verb != "GET" else None,
                headers={"Authorization": shown},
                raise_error=False,
                allow_nonstandard_methods=True,
                follow_redirects=False,
            )
            assert (verb, path, response.code) == (verb, path, 403)

    await extension.ready()
    assert await extension.manager.log.projects() == []


async def test_with_the_token_everything_works(rest: Rest) -> None:
    for verb, path, body in _before():
        assert (await rest(verb, *path, body=body))[0] == 201

    for verb, path, body in WRITING:
        status, answer = await rest(verb, *path, body=body)
        assert (verb, path, status) == (verb, path, {"POST": 201, "PATCH": 200, "DELETE": 204}[verb]), answer


def _before() -> list[tuple[str, tuple[str, ...], Any]]:
    snapshot = {"type": "mission_snapshot", "data": {"snapshot_id": "s"}}
    return [("POST", ("projects", "p", "events"), {"events": [update("a", title="A"), snapshot]})]


@pytest.mark.parametrize("subprotocols", [None, ["tasktree.v1.json"]])
async def test_without_token_no_socket_opens(subprotocols: Any, jp_ws_fetch: Any, jp_serverapp: Any) -> None:
    for authorization in ("", "token wrong", "TaskTree wrong", "TaskTree ", "TaskTree"):
        with pytest.raises(HTTPClientError) as refused:
            await jp_ws_fetch(
                "tasktree", "ws", "updates", headers={"Authorization": authorization}, subprotocols=subprotocols
            )
        assert refused.value.code == 403


async def test_a_foreign_origin_opens_no_socket(jp_ws_fetch: Any, extension: Any) -> None:
    headers = {"Authorization": f"TaskTree {extension.secret}", "Origin": "https://evil.example"}

    with pytest.raises(HTTPClientError) as refused:
        await jp_ws_fetch("tasktree", "ws", "updates", headers=headers)

    assert refused.value.code == 403


async def test_a_foreign_origin_with_a_login_cookie_gets_nothing(
    jp_serverapp: Any, jp_fetch: Fetch, jp_ws_fetch: Any, jp_base_url: str
) -> None:
    response = await jp_fetch("api", "status")
    cookies = "; ".join(value.split(";")[0] for value in response.headers.get_list("Set-Cookie"))
    assert "username" in cookies
    foreign = {"Authorization": "", "Cookie": cookies, "Origin": "https://evil.example"}

    with pytest.raises(HTTPClientError) as refused:
        await jp_ws_fetch("tasktree", "ws", "updates", headers=dict(foreign))
    read = await jp_fetch("tasktree", "api", "projects", headers=dict(foreign), raise_error=False)
    own = await jp_fetch("tasktree", "api", "projects", headers={"Authorization": "", "Cookie": cookies})

    assert refused.value.code == 403
    assert read.code in (403, 404)
    assert own.code == 200


async def test_with_a_cookie_alone_nothing_is_changed_without_the_xsrf_token(
    jp_serverapp: Any, jp_fetch: Fetch, rest: Rest
) -> None:
    for verb, path, body in _before():
        assert (await rest(verb, *path, body=body))[0] == 201
    response = await jp_fetch("api", "status")
    cookies = [value.split(";")[0] for value in response.headers.get_list("Set-Cookie")]
    page = await jp_fetch("login", headers={"Authorization": ""}, follow_redirects=False, raise_error=False)
    cookies += [value.split(";")[0] for value in page.headers.get_list("Set-Cookie")]
    xsrf = next(cookie.partition("=")[2] for cookie in cookies if cookie.startswith("_xsrf="))
    login = {"Authorization": "", "Cookie": "; ".join(cookies)}
    own = {**login, "X-XSRFToken": xsrf}

    for headers in (login, {**login, "X-XSRFToken": "x" + xsrf[1:]}, {**own, "Origin": "https://evil.example"}):
        for verb, path, body in WRITING:
            status, _ = await rest(verb, *path, body=body, headers=dict(headers))
            # Another origin is told "there is nothing".
            assert (verb, path, status in (403, 404)) == (verb, path, True), headers
    _, events = await rest("GET", "projects", "p", "events")
    assert len(events["events"]) == 2, "nothing was changed"

    for verb, path, body in WRITING:
        status, _ = await rest(verb, *path, body=body, headers=dict(own))
        assert (verb, path, status) == (verb, path, {"POST": 201, "PATCH": 200, "DELETE": 204}[verb])


async def test_the_secret_opens_the_socket_and_not_rest(
    connect: Connect, plain: Plain, jp_fetch: Fetch, extension: Any
) -> None:
    secret = {"Authorization": f"TaskTree {extension.secret}"}

    client = await connect(headers=dict(secret))
    simple = await plain("p", headers=dict(secret))
    rest = await jp_fetch("tasktree", "api", "projects", headers=dict(secret), raise_error=False)
    status = await jp_fetch("api", "contents", headers=dict(secret), raise_error=False)

    assert (await client.publish("p", update("a", title="A")))["op"] == "published"
    assert (await simple.next())["data"]["node_id"] == "a"
    assert [frame["op"] for frame in await client.follow("p")] == ["subscribed", "snapshot", "live"]
    assert rest.code == 403
    assert status.code == 403


class TestReadOnly:
    """With an authorizer that lets the user read alone."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config: Config) -> Config:
        OnlyRead.asked.clear()
        jp_server_config.ServerApp.authorizer_class = OnlyRead
        return jp_server_config

    async def test_reading_works_and_publishing_is_forbidden(
        self, connect: Connect, plain: Plain, rest: Rest, extension: Any
    ) -> None:
        kernel = await connect(headers={"Authorization": f"TaskTree {extension.secret}"})
        await kernel.publish("p", update("a", title="A"))
        client, simple = await connect(), await plain("p")

        frames = await client.follow("p")
        answer = await client.publish("p", update("b", title="B"))
        await simple.send({"project_id": "p", **update("b", title="B")})
        complaint = await simple.next()
        status, body = await rest("POST", "projects", "p", "events", body=update("b", title="B"))
        state_status, state = await rest("GET", "projects", "p", "state")

        assert frames[-1] == {"op": "live", "project_id": "p", "offset": 1}
        assert (answer["op"], answer["code"]) == ("error", "forbidden")
        assert (complaint["type"], complaint["data"]["code"]) == ("error", "forbidden")
        assert (status, body["reason"]) == (403, "forbidden")
        assert (state_status, state["offset"]) == (200, 1)
        assert {resource for _, resource in OnlyRead.asked} == {"tasktree"}
        assert {"read", "write"} <= {action for action, _ in OnlyRead.asked}

    async def test_a_project_is_found_but_not_made(self, connect: Connect, extension: Any) -> None:
        client = await connect()
        kernel = await connect(headers={"Authorization": f"TaskTree {extension.secret}"})

        refused = await client.ask("resolve", path="/home/u/train.py")
        minted = await kernel.ask("resolve", path="/home/u/train.py")
        found = await client.ask("resolve", path="/home/u/train.py")

        assert (refused["op"], refused["code"]) == ("error", "forbidden")
        assert found["project_id"] == minted["project_id"]

    async def test_all_that_changes_anything_is_forbidden_and_all_that_reads_works(
        self, connect: Connect, rest: Rest, extension: Any
    ) -> None:
        kernel = await connect(headers={"Authorization": f"TaskTree {extension.secret}"})
        snapshot = {"type": "mission_snapshot", "data": {"snapshot_id": "s"}}
        await kernel.publish("p", update("a", title="A"), snapshot)
        client = await connect()

        for verb, path, body in WRITING:
            status, answer = await rest(verb, *path, body=body)
            assert (verb, path, status) == (verb, path, 403)
            assert answer == {"message": answer["message"], "reason": "forbidden", "field": None}
        for path, handler in zip(PATHS, RESOURCES.values(), strict=False):
            if "GET" in handler.verbs() and path[-1] != "export":
                asked = {"diff": {"from": "offset:1"}, "series": {"node_id": "a"}}.get(path[-1], {})
                status, answer = await rest("GET", *path, params=asked)
                assert (path, status) == (path, 200), answer
        state = await client.ask("state", project_id="p", moment={"offset": 1})
        diff = await kernel.ask("diff", project_id="p", **{"from": {"offset": 1}, "to": None})
        _, version = await rest("GET", "version")

        assert (state["op"], state["offset"]) == ("state", 1)
        assert {change["field"] for change in diff["diff"]["project"]} == {
            f"snapshots.s.{field}" for field in ("snapshot_id", "timestamp", "offset", "at")
        }
        assert "data_dir" not in version["storage"]


class TestNothingAllowed:
    """With an authorizer that allows nothing."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config: Config) -> Config:
        jp_server_config.ServerApp.authorizer_class = Nothing
        return jp_server_config

    async def test_no_verb_works(self, rest: Rest) -> None:
        for path in PATHS:
            for verb in ("GET", "POST", "PUT", "PATCH", "DELETE"):
                status, body = await rest(verb, *path, body=None if verb == "GET" else "{}")
                assert (verb, path, status, body["reason"]) == (verb, path, 403, "forbidden")

    async def test_no_socket_opens(self, jp_ws_fetch: Any) -> None:
        with pytest.raises(HTTPClientError) as refused:
            await jp_ws_fetch("tasktree", "ws", "updates")

        assert refused.value.code == 403


async def test_an_unknown_version_is_told_and_not_to_come_back(jp_ws_fetch: Any) -> None:
    ws = await jp_ws_fetch("tasktree", "ws", "updates", subprotocols=["tasktree.v9.json"])

    assert await ws.read_message() is None
    assert ws.close_code == 4501
