"""Every route, verb and op that the server has, tried by everybody who might come. A new one needs a line here."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jupyter_server.auth import Authorizer
from tornado.httpclient import HTTPClientError
from traitlets.config import Config

from tasktree_jupyter.server.rest.routes import RESOURCES
from tests.server.clients import Client, Connect, Fetch, Rest, update
from tests.server.people import People, login

ROUTES = {
    "version": {"GET": "read"},
    "openapi.json": {"GET": "read"},
    "projects": {"GET": "read"},
    "projects/{project_id}/state": {"GET": "read"},
    "projects/{project_id}/diff": {"GET": "read"},
    "projects/{project_id}/events": {"GET": "read", "POST": "write"},
    "projects/{project_id}/series": {"GET": "read"},
    "projects/{project_id}/missions": {"GET": "read"},
    "projects/{project_id}/missions/{mission_id}": {"GET": "read", "DELETE": "delete"},
    "projects/{project_id}/snapshots": {"GET": "read", "POST": "write"},
    "projects/{project_id}/snapshots/{snapshot_id}": {"GET": "read", "PATCH": "write", "DELETE": "delete"},
    "projects/{project_id}/export": {"GET": "read"},
    "projects/{project_id}/import": {"POST": "write"},
    "projects/{project_id}": {"GET": "read", "DELETE": "delete"},
}
"""What each verb of each route needs; the last is the one after which nothing is left."""
OPS = {
    **dict.fromkeys(("subscribe", "state", "diff", "resolve", "watch"), "read"),
    **dict.fromkeys(("publish", "source"), "write"),
    **dict.fromkeys(("unsubscribe", "ack", "unwatch", "ping", "pong"), "nothing"),
}
"""What each op of the socket needs."""
SOCKET = r"/tasktree/ws/updates"
ACTIONS = {"GET": "read", "HEAD": "read", "POST": "write", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
MAY = {"nobody": "", "wrong": "", "kernel": "", "reader": "read", "owner": "read write delete"}
"""What those who come may do over REST; on the socket a kernel may read and write."""
GOOD = {"GET": 200, "HEAD": 200, "POST": 201, "PATCH": 200, "DELETE": 204}


class Readers(Authorizer):
    """Alice may read; everybody else may do everything."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return user.username != "alice" or action == "read"


@pytest.fixture
def jp_server_config(jp_server_config: Config) -> Config:
    jp_server_config.ServerApp.authorizer_class = Readers
    jp_server_config.ServerApp.identity_provider_class = People
    return jp_server_config


@pytest.fixture
def headers(who: str, extension: Any) -> dict[str, str]:
    """The headers that each shows."""
    return {
        "nobody": {"Authorization": ""},
        "wrong": login("mallory"),
        "kernel": {"Authorization": f"TaskTree {extension.secret}"},
        "reader": login("alice"),
        "owner": login("ada"),
    }[who]


async def fill(connect: Connect) -> Client:
    """Make the project `p`, with a run and a snapshot, and return who did."""
    ada = await connect(headers=login("ada"))
    await ada.publish("p", update("a", title="A"), {"type": "mission_snapshot", "data": {"snapshot_id": "s"}})
    return ada


def test_the_tables_name_every_route_and_verb() -> None:
    assert {path: set(verbs) for path, verbs in ROUTES.items()} == {
        path: set(handler.verbs()) for path, handler in RESOURCES.items()
    }


async def test_the_tables_name_all_that_the_server_listens_to(jp_serverapp: Any, extension: Any) -> None:
    rules = [rule for router in jp_serverapp.web_app.default_router.rules for rule in router.target.rules]
    ours = {rule.matcher.regex.pattern for rule in rules if "tasktree" in getattr(rule.target, "__module__", "")}

    assert len(ours) == len(ROUTES) + 2, "each route, the socket, and what answers 404 for all else below the API"
    assert any(pattern.rstrip("$").endswith(SOCKET) for pattern in ours)


async def test_the_tables_name_every_op(connect: Connect, extension: Any) -> None:
    await connect(headers=login("ada"))
    (connection,) = extension.manager.active_connections[None]

    assert OPS.keys() == connection._ops.keys() | {"publish"}


@pytest.mark.parametrize("who", MAY)
async def test_every_verb_of_every_route(
    who: str, headers: dict[str, str], connect: Connect, jp_fetch: Fetch, rest: Rest
) -> None:
    await fill(connect)
    names = {"{project_id}": "p", "{mission_id}": "a", "{snapshot_id}": "s"}
    bodies = {
        "projects/{project_id}/events": update("b", title="B"),
        "projects/{project_id}/snapshots": {"name": "n"},
        "projects/{project_id}/snapshots/{snapshot_id}": {"name": "n"},
        "projects/{project_id}/import": {"tasktree": "export", "version": 1, "project_id": "p", "offset": 0},
    }
    params = {"diff": {"from": "offset:1"}, "series": {"node_id": "a"}}
    for route, verbs in ROUTES.items():
        path = [names.get(part, part) for part in route.split("/")]
        if route.endswith("import"):
            path[1] = "imported"
        for verb in ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"):
            body = None if verb in ("GET", "HEAD", "DELETE") else json.dumps(bodies.get(route, {}))
            response = await jp_fetch(
                "tasktree",
                "api",
                *path,
                method=verb,
                body=body,
                headers=dict(headers),
                params=params.get(route.rpartition("/")[2], {}),
                allow_nonstandard_methods=True,
                follow_redirects=False,
                raise_error=False,
            )
            there = verb in verbs or (verb == "HEAD" and "GET" in verbs)
            allowed = verbs.get(verb, ACTIONS[verb]) in MAY[who].split()
            expected = 403 if not allowed else GOOD[verb] if there else 405
            assert (verb, route, response.code) == (verb, route, expected), response.body
    _, left = await rest("GET", "projects", headers=login("ada"))
    assert {info["project_id"] for info in left["projects"]} == ({"imported"} if who == "owner" else {"p"})


@pytest.mark.parametrize("who", MAY)
@pytest.mark.parametrize("subprotocols", [None, ["tasktree.v1.json"]], ids=["plain", "ours"])
async def test_the_socket_itself(who: str, headers: dict[str, str], subprotocols: Any, jp_ws_fetch: Any) -> None:
    opening = jp_ws_fetch("tasktree", "ws", "updates", headers=dict(headers), subprotocols=subprotocols)
    if who in ("nobody", "wrong"):
        with pytest.raises(HTTPClientError) as refused:
            await opening
        assert refused.value.code == 403
    else:
        (await opening).close()


@pytest.mark.parametrize("who", ["kernel", "reader", "owner"])
async def test_every_op_of_the_socket(who: str, headers: dict[str, str], connect: Connect, rest: Rest) -> None:
    ada = await fill(connect)
    await ada.ask("resolve", path="/home/u/a.ipynb")
    client = await connect(headers=dict(headers))
    fields: dict[str, dict[str, Any]] = {
        "state": {"project_id": "p"},
        "diff": {"project_id": "p", "from": {"offset": 1}, "to": None},
        "resolve": {"path": "/home/u/a.ipynb"},
        "subscribe": {"project_id": "p"},
        "unsubscribe": {"project_id": "p"},
        "ack": {"project_id": "p", "offset": 1},
        "publish": {"project_id": "p", "events": [update("b", title="B")]},
        "source": {"project_id": "p", "source": "s", "state": "left"},
    }
    may = "read write" if who == "kernel" else MAY[who]

    for op, needs in OPS.items():
        client.ref += 1
        await client.send({"op": op, "ref": client.ref, **fields.get(op, {})})
        await client.send({"op": "publish", "ref": -1})
        frames = [await client.next()]
        while all(frame.get("field") != "events" for frame in frames) or (
            op in ("state", "diff", "resolve", "watch") and _open(client, frames)
        ):
            frames.append(await client.next())
        codes = {frame.get("code") for frame in frames if frame.get("ref") == client.ref}
        assert (op, "forbidden" in codes) == (op, needs != "nothing" and needs not in may.split()), frames
        assert "unknown_op" not in codes

    _, state = await rest("GET", "projects", "p", "state", headers=login("ada"))
    assert {node["node_id"] for node in state["nodes"]} == ({"a"} if who == "reader" else {"a", "b"})


def _open(client: Client, frames: list[dict[str, Any]]) -> bool:
    """Whether a question has no answer yet: it is answered when there is one, not in its turn."""
    return not any(frame.get("ref") == client.ref for frame in frames)
