"""A custom authorizer decides by project, whichever way somebody comes, and may change its mind."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.auth import Authorizer
from tornado.httpclient import HTTPClientError
from traitlets.config import Config

from tests.server.clients import WAIT, Client, Connect, Fetch, Plain, PlainClient, Rest, update
from tests.server.people import People, login

DOCS = Path(__file__).resolve().parents[2] / "docs"
ADA, ALICE = login("ada"), login("alice")
MINE, THEIRS = "nightly-etl", "salaries"
READING = ["state", "missions", "snapshots", "events", "export", "diff?from=offset:1", ""]


def documented() -> type[Authorizer]:
    """The example of docs/access.md."""
    (block,) = re.findall(r"```python\n(.*?)```", (DOCS / "access.md").read_text("utf-8"), re.DOTALL)
    names: dict[str, Any] = {"c": Config()}
    exec(compile(block, "docs/access.md", "exec"), names)
    found: type[Authorizer] = names["c"].ServerApp.authorizer_class
    return found


class Thinking(Authorizer):
    """Lets alice read what is in `readable`; asks somewhere else, which takes a while."""

    readable: set[str | None] = set()  # noqa: RUF012
    thinks = asyncio.Event()

    async def is_authorized(self, handler: Any, user: Any, action: str, resource: Any) -> bool:
        if user.username != "alice":
            return True
        if resource.project_id is not None:
            await self.thinks.wait()
        return action == "read" and resource.project_id in self.readable


class OwnProject(Authorizer):
    """Gives alice a project of her own, and nothing else."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: Any) -> bool:
        if user.username != "alice":
            return True
        project_id = getattr(resource, "project_id", None)
        return project_id == "alices" or (action == "read" and project_id is None)


class Failing(Authorizer):
    """Can't say."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: Any) -> bool:
        raise KeyError(user.username)


@pytest.fixture
def authorizer() -> type[Authorizer]:
    return documented()


@pytest.fixture
def jp_server_config(jp_server_config: Config, authorizer: type[Authorizer]) -> Config:
    jp_server_config.ServerApp.authorizer_class = authorizer
    jp_server_config.ServerApp.identity_provider_class = People
    return jp_server_config


@pytest.fixture
def settings() -> dict[str, Any]:
    return {"authorize_every": 0.1, "follow_interval": 0.1}


async def emit(connect: Connect, *projects: str) -> Client:
    """Have somebody publish to these projects, and return that one."""
    ada = await connect(headers=dict(ADA))
    for project in projects:
        assert (await ada.publish(project, update("a", title=project)))["op"] == "published"
    return ada


class TestTheDocumentedExample:
    """Alice may read one project and nothing else; that page says so."""

    async def test_rest_gives_her_that_project_and_no_other(self, connect: Connect, jp_fetch: Fetch) -> None:
        await emit(connect, MINE, THEIRS)

        async def status(method: str, project: str, rest: str, body: str | None = None) -> int:
            path = ["projects", project, *([rest.partition("?")[0]] if rest else [])]
            query = dict([rest.partition("?")[2].split("=")]) if "?" in rest else {}
            more = {"method": method, "body": body, "params": query, "raise_error": False}
            response = await jp_fetch(
                "tasktree", "api", *path, headers=dict(ALICE), allow_nonstandard_methods=True, **more
            )
            return int(response.code)

        for resource in READING:
            assert (resource, await status("GET", MINE, resource)) == (resource, 200)
            assert (resource, await status("GET", THEIRS, resource)) == (resource, 403)
            assert (resource, await status("GET", "never-was", resource)) == (resource, 403)
        for method, resource in (("POST", "events"), ("POST", "snapshots"), ("POST", "import"), ("DELETE", "")):
            for project in (MINE, THEIRS, "never-was"):
                assert (method, resource, await status(method, project, resource, "{}")) == (method, resource, 403)

    async def test_a_list_holds_what_may_be_read(self, connect: Connect, rest: Rest) -> None:
        await emit(connect, MINE, THEIRS)

        _, hers = await rest("GET", "projects", headers=dict(ALICE))
        _, everything = await rest("GET", "projects", headers=dict(ADA))

        assert [info["project_id"] for info in hers["projects"]] == [MINE]
        assert {info["project_id"] for info in everything["projects"]} == {MINE, THEIRS}

    async def test_every_op_asks_about_its_project(self, connect: Connect) -> None:
        ada = await emit(connect, MINE, THEIRS)
        notebook = await ada.ask("resolve", path="/home/u/a.ipynb")
        alice = await connect(headers=dict(ALICE))

        async def code(op: str, project_id: str | None, **fields: Any) -> str | None:
            answer = await alice.ask(op, project_id=project_id, **fields)
            return str(answer["code"]) if answer["op"] == "error" else None

        moments = {"from": {"offset": 1}, "to": None}
        assert await code("state", MINE) is None
        assert await code("diff", MINE, **moments) is None
        for project in (THEIRS, "never-was"):
            assert await code("subscribe", project) == "forbidden"
            assert await code("state", project) == "forbidden"
            assert await code("diff", project, **moments) == "forbidden"
        for project_or_none in (MINE, THEIRS, None):
            assert await code("publish", project_or_none, events=[update("x", title="X")]) == "forbidden"
        assert (await alice.ask("resolve", path="/home/u/a.ipynb"))["code"] == "forbidden"
        assert (await alice.ask("resolve", path="/home/u/new.ipynb"))["code"] == "forbidden"
        assert notebook["op"] == "resolved"
        assert [frame["op"] for frame in await alice.follow(MINE)] == ["subscribed", "snapshot", "live"]

    async def test_who_watches_hears_of_no_other_project(self, connect: Connect) -> None:
        ada = await emit(connect, MINE, THEIRS)
        alice = await connect(headers=dict(ALICE))

        first = await alice.ask("watch")
        for number in range(3):
            await ada.publish(THEIRS, update("b", title=f"B{number}"))
            await ada.publish(f"made-later-{number}", update("b", title="B"))
        await ada.publish(MINE, update("b", title="the last"))
        heard = [await alice.next()]
        while heard[-1]["projects"][0]["offset"] < 2:
            heard.append(await alice.next())

        assert [info["project_id"] for info in first["projects"]] == [MINE]
        assert {info["project_id"] for frame in heard for info in frame["projects"]} == {MINE}
        assert {name for frame in heard for name in frame["removed"]} == set()

    async def test_a_plain_client_for_all_gets_what_may_be_read_without_a_gap(
        self, connect: Connect, plain: Plain
    ) -> None:
        alice = await plain(headers=dict(ALICE))
        ada = await connect(headers=dict(ADA))
        for number in range(5):
            await ada.publish(THEIRS, update("a", title=f"secret {number}"))
            await ada.publish(MINE, update("a", title=str(number)))

        got = [await alice.next() for _ in range(5)]

        assert [message["project_id"] for message in got] == [MINE] * 5
        assert [message["data"]["changes"]["title"] for message in got] == ["0", "1", "2", "3", "4"]

    async def test_a_plain_client_can_not_name_another(self, plain: Plain, jp_ws_fetch: Any) -> None:
        for names in ((THEIRS,), (MINE, THEIRS)):
            with pytest.raises(HTTPClientError) as refused:
                await plain(*names, headers=dict(ALICE))
            assert refused.value.code == 403
        assert isinstance(await plain(MINE, headers=dict(ALICE)), PlainClient)


class TestAnAuthorizerThatThinks:
    """It is asynchronous, and what it says changes."""

    @pytest.fixture
    def authorizer(self) -> type[Authorizer]:
        Thinking.readable, Thinking.thinks = {None, MINE}, asyncio.Event()
        return Thinking

    async def test_while_it_thinks_events_wait_in_order_and_nobody_else_does(
        self, connect: Connect, plain: Plain
    ) -> None:
        alice = await plain(headers=dict(ALICE))
        other = await plain(headers=dict(ADA))
        ada = await connect(headers=dict(ADA))
        for number in range(3):
            await ada.publish(THEIRS, update("a", title="secret"))
            await ada.publish(MINE, update("a", title=str(number)))
        assert [(await other.next())["project_id"] for _ in range(6)] == [THEIRS, MINE] * 3

        Thinking.thinks.set()
        got = [await alice.next() for _ in range(3)]
        await ada.publish(MINE, update("a", title="3"))
        got.append(await alice.next())

        assert [message["data"]["changes"]["title"] for message in got] == ["0", "1", "2", "3"]

    async def test_who_follows_what_it_may_no_longer_read_is_sent_away_to_ask_again(
        self, connect: Connect, plain: Plain, extension: Any
    ) -> None:
        Thinking.thinks.set()
        ada = await emit(connect, MINE)
        alice, simple = await connect(headers=dict(ALICE)), await plain(MINE, headers=dict(ALICE))
        await alice.follow(MINE)

        Thinking.readable = {None}

        assert await alice.closed() == 4004
        assert await simple.closed() == 4004
        again = await connect(headers=dict(ALICE))
        assert (await again.ask("subscribe", project_id=MINE))["code"] == "forbidden"
        assert (await ada.publish(MINE, update("b", title="B")))["op"] == "published"
        assert extension.manager.active_connections.keys() == {None}

    async def test_who_may_no_longer_read_anything_is_sent_away_and_can_not_come_back(self, connect: Connect) -> None:
        alice = await connect(headers=dict(ALICE))

        Thinking.readable = set()

        assert await alice.closed() == 4004
        with pytest.raises(HTTPClientError) as refused:
            await connect(headers=dict(ALICE))
        assert refused.value.code == 403

    async def test_a_list_follows_what_may_be_read(self, connect: Connect) -> None:
        Thinking.thinks.set()
        await emit(connect, MINE, THEIRS)
        alice = await connect(headers=dict(ALICE))
        assert [info["project_id"] for info in (await alice.ask("watch"))["projects"]] == [MINE]

        Thinking.readable = {None, THEIRS}
        appeared: set[str] = set()
        vanished: set[str] = set()
        while not (appeared and vanished):
            frame = await asyncio.wait_for(alice.next(), WAIT)
            appeared |= {info["project_id"] for info in frame["projects"]}
            vanished |= set(frame["removed"])

        assert (appeared, vanished) == ({THEIRS}, {MINE})


class TestAnAuthorizerThatFails:
    """Nothing is allowed then, and it is no failure of ours."""

    @pytest.fixture
    def authorizer(self) -> type[Authorizer]:
        return Failing

    async def test_nothing_is_allowed(self, rest: Rest, connect: Connect) -> None:
        status, body = await rest("GET", "projects", headers=dict(ADA))
        with pytest.raises(HTTPClientError) as refused:
            await connect(headers=dict(ADA))

        assert (status, body["reason"]) == (403, "forbidden")
        assert refused.value.code == 403


class TestOneWithAProjectOfHerOwn:
    """What she can't have from the server, she can't get by an import or a question either."""

    @pytest.fixture
    def authorizer(self) -> type[Authorizer]:
        return OwnProject

    async def test_an_import_gets_her_no_notebook_but_that_which_the_project_has(
        self, connect: Connect, rest: Rest, extension: Any
    ) -> None:
        notebook = {"title": "Secret", "path": "secret.ipynb", "root_dir": "/srv", "place": "file:/srv/secret.ipynb"}
        head = {"tasktree": "export", "version": 1, "project_id": "alices", "epoch": "e", "offset": 0, "at": 0}
        body = json.dumps(head | {"attributes": notebook}) + "\n"
        path, replacing = ("POST", "projects", "alices", "import"), {"replace": "true"}

        assert (await rest(*path, body=body, headers=ALICE))[0] == 201
        log = extension.manager.log
        kept = await log.attributes("alices")
        kernel = await connect(headers={"Authorization": f"TaskTree {extension.secret}"})
        another = (await kernel.ask("resolve", path="/srv/secret.ipynb"))["project_id"]
        assert another != "alices"
        assert (await rest("DELETE", "projects", another, headers=ADA))[0] == 204

        assert (await rest(*path, body=body, headers=ADA, params=replacing))[0] == 201
        assert notebook.items() <= (await log.attributes("alices")).items()
        assert (await rest(*path, body=body, headers=ALICE, params=replacing))[0] == 201
        assert notebook.items() <= (await log.attributes("alices")).items()
        assert {key: kept[key] for key in notebook.keys() & kept.keys()} == {"title": "Secret", "path": "secret.ipynb"}

    async def test_to_ask_for_a_notebooks_project_tells_nothing_of_one_that_is_not_hers(
        self, connect: Connect, extension: Any
    ) -> None:
        alice = await connect(headers=ALICE)
        kernel = await connect(headers={"Authorization": f"TaskTree {extension.secret}"})

        before = await alice.ask("resolve", path="/srv/secret.ipynb")
        assert (await kernel.ask("resolve", path="/srv/secret.ipynb"))["op"] == "resolved"
        after = await alice.ask("resolve", path="/srv/secret.ipynb")

        assert before["code"] == "forbidden"
        assert before | {"ref": 0} == after | {"ref": 0}
