"""Which project a kernel or a script belongs to, with real sessions and a real contents manager."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

from tasktree_jupyter.server.kernels import KernelProjects
from tasktree_jupyter.storage.sqlite import SqliteLog
from tests.server.clients import Connect, Fetch, Rest, update

Do = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def jupyter(jp_fetch: Fetch) -> Do:
    """Call Jupyter's own REST interface."""

    async def call(method: str, *path: str, **model: Any) -> dict[str, Any]:
        body = json.dumps(model) if model else None
        response = await jp_fetch("api", *path, method=method, body=body, allow_nonstandard_methods=True)
        answer: dict[str, Any] = json.loads(response.body) if response.body else {}
        return answer

    return call


@pytest.fixture
def new_notebook(jupyter: Do) -> Do:
    async def make(path: str) -> dict[str, Any]:
        content = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        return await jupyter("PUT", "contents", path, type="notebook", content=content)

    return make


@pytest.fixture
def new_session(jupyter: Do) -> Do:
    """Open a notebook as JupyterLab does: a session with a kernel."""

    async def open_(path: str) -> dict[str, Any]:
        name = path.rpartition("/")[2]
        return await jupyter("POST", "sessions", path=path, name=name, type="notebook", kernel={"name": "python3"})

    return open_


async def test_a_kernel_finds_its_notebooks_project(connect: Connect, new_notebook: Do, new_session: Do) -> None:
    await new_notebook("Grid search.ipynb")
    kernel_id = (await new_session("Grid search.ipynb"))["kernel"]["id"]
    client = await connect()

    answer = await client.ask("resolve", kernel_id=kernel_id)
    again = await (await connect()).ask("resolve", kernel_id=kernel_id)

    assert answer["op"] == "resolved"
    info = answer["info"]
    assert (info["title"], info["path"], info["kind"]) == ("Grid search", "Grid search.ipynb", "notebook")
    assert (info["offset"], info["missions"]) == (0, [])
    assert again["project_id"] == answer["project_id"]
    assert "grid" not in answer["project_id"].lower()


async def test_the_next_kernel_of_the_notebook_finds_the_same(
    connect: Connect, new_notebook: Do, new_session: Do, jupyter: Do
) -> None:
    await new_notebook("a.ipynb")
    client = await connect()
    session = await new_session("a.ipynb")
    first = await client.ask("resolve", kernel_id=session["kernel"]["id"])

    await jupyter("DELETE", "sessions", session["id"])
    session = await new_session("a.ipynb")
    second = await client.ask("resolve", kernel_id=session["kernel"]["id"])

    assert second["project_id"] == first["project_id"]


async def test_a_renamed_notebook_keeps_its_project(
    connect: Connect, new_notebook: Do, new_session: Do, jupyter: Do, rest: Rest
) -> None:
    await new_notebook("before.ipynb")
    session = await new_session("before.ipynb")
    kernel_id = session["kernel"]["id"]
    client = await connect()
    first = await client.ask("resolve", kernel_id=kernel_id)
    await client.publish(first["project_id"], update("m", title="Mission"))

    await jupyter("PATCH", "contents", "before.ipynb", path="after.ipynb")
    between = await client.ask("resolve", kernel_id=kernel_id)
    await jupyter("PATCH", "sessions", session["id"], path="after.ipynb", name="after.ipynb")
    after = await client.ask("resolve", kernel_id=kernel_id)

    assert between["project_id"] == first["project_id"]
    assert after["project_id"] == first["project_id"]
    assert (after["info"]["title"], after["info"]["path"]) == ("after", "after.ipynb")
    assert after["info"]["missions_total"] == 1
    _, listed = await rest("GET", "projects")
    assert len(listed["projects"]) == 1


async def test_a_new_notebook_with_an_old_name_gets_a_project_of_its_own(
    connect: Connect, new_notebook: Do, jupyter: Do
) -> None:
    client = await connect()
    await new_notebook("Untitled.ipynb")
    first = await client.ask("resolve", path="Untitled.ipynb")

    await jupyter("PATCH", "contents", "Untitled.ipynb", path="Named.ipynb")
    await new_notebook("Untitled.ipynb")
    second = await client.ask("resolve", path="Untitled.ipynb")
    await jupyter("DELETE", "contents", "Untitled.ipynb")
    await new_notebook("Untitled.ipynb")
    third = await client.ask("resolve", path="Untitled.ipynb")
    listed = (await client.ask("watch"))["projects"]
    named = await client.ask("resolve", path="Named.ipynb")

    assert len({answer["project_id"] for answer in (first, second, third)}) == 3
    assert named["project_id"] == first["project_id"]
    assert [(info["title"], info["path"]) for info in listed] == [
        ("Named", "Named.ipynb"),
        ("Untitled", None),
        ("Untitled", "Untitled.ipynb"),
    ]


async def test_a_copy_gets_a_project_of_its_own(connect: Connect, new_notebook: Do, jupyter: Do) -> None:
    client = await connect()
    await new_notebook("original.ipynb")
    original = await client.ask("resolve", path="original.ipynb")

    copy_path = (await jupyter("POST", "contents", "", copy_from="original.ipynb"))["path"]
    copy = await client.ask("resolve", path=copy_path)
    again = await client.ask("resolve", path="original.ipynb")

    assert copy["project_id"] != original["project_id"]
    assert again["project_id"] == original["project_id"]


async def test_a_renamed_folder_takes_its_notebooks_along(
    connect: Connect, new_notebook: Do, jupyter: Do, jp_root_dir: Path
) -> None:
    client = await connect()
    (jp_root_dir / "old" / "sub").mkdir(parents=True)
    await new_notebook("old/sub/a.ipynb")
    await new_notebook("older.ipynb")
    inside = await client.ask("resolve", path="old/sub/a.ipynb")
    beside = await client.ask("resolve", path="older.ipynb")

    await jupyter("PATCH", "contents", "old", path="new")
    moved = await client.ask("resolve", path="new/sub/a.ipynb")

    assert moved["project_id"] == inside["project_id"]
    assert moved["info"]["path"] == "new/sub/a.ipynb"
    assert (await client.ask("resolve", path="older.ipynb"))["project_id"] == beside["project_id"]


async def test_a_watcher_sees_a_rename(connect: Connect, new_notebook: Do, jupyter: Do) -> None:
    client, watching = await connect(), await connect()
    await new_notebook("before.ipynb")
    project_id = (await client.ask("resolve", path="before.ipynb"))["project_id"]
    await watching.ask("watch")

    await jupyter("PATCH", "contents", "before.ipynb", path="after.ipynb")
    frame = await watching.next()

    assert [(info["project_id"], info["title"]) for info in frame["projects"]] == [(project_id, "after")]


async def test_a_script_is_known_by_its_path_and_follows_renames_too(
    connect: Connect, jupyter: Do, jp_root_dir: Path
) -> None:
    (jp_root_dir / "train.py").write_text("")
    client = await connect()

    by_file = await client.ask("resolve", path=str(jp_root_dir / "train.py"), title="Nightly training")
    by_api_path = await client.ask("resolve", path="train.py")
    await jupyter("PATCH", "contents", "train.py", path="fit.py")
    renamed = await client.ask("resolve", path=str(jp_root_dir / "fit.py"))

    assert (by_file["info"]["kind"], by_file["info"]["title"]) == ("script", "Nightly training")
    assert by_api_path["project_id"] == by_file["project_id"]
    assert renamed["project_id"] == by_file["project_id"]


async def test_asked_at_the_same_time_it_is_made_once(connect: Connect, rest: Rest) -> None:
    clients = [await connect() for _ in range(5)]

    answers = await asyncio.gather(*(client.ask("resolve", path="a.ipynb") for client in clients))

    assert len({answer["project_id"] for answer in answers}) == 1
    _, listed = await rest("GET", "projects")
    assert len(listed["projects"]) == 1


async def test_a_kernel_of_another_server_isnt_known_here(connect: Connect) -> None:
    client = await connect()

    answer = await client.ask("resolve", kernel_id="0000-another")
    script = await client.ask("resolve", kernel_id="0000-another", path="/home/u/train.py")

    assert (answer["op"], answer["code"]) == ("error", "not_found")
    assert script["op"] == "resolved"


class TestTwoServers:
    """Two servers of one user share the logs: what a path means is in the log, not in a server's memory."""

    @staticmethod
    def projects_of(log: SqliteLog, root: Path, salt: str) -> KernelProjects:
        class NoSessions:
            async def list_sessions(self) -> list[Any]:
                return []

        return KernelProjects(
            log,
            root_dir=str(root),
            salt=salt,
            session_manager=NoSessions(),
            kernel_manager=(),
            contents_manager=AsyncLargeFileManager(root_dir=str(root)),
            touched=lambda project_id: None,
            logger=logging.getLogger(),
        )

    @staticmethod
    async def pair(folder: Path) -> tuple[SqliteLog, SqliteLog]:
        logs = SqliteLog(folder), SqliteLog(folder)
        for log in logs:
            await log.start()
        return logs

    async def test_they_resolve_alike_with_other_roots_and_at_the_same_moment(self, tmp_path: Path) -> None:
        pair = await self.pair(tmp_path / "logs")
        (tmp_path / "home" / "work").mkdir(parents=True)
        one = self.projects_of(pair[0], tmp_path / "home", "salt")
        two = self.projects_of(pair[1], tmp_path / "home" / "work", "salt")
        try:
            ids = await asyncio.gather(
                one.resolve(None, "work/a.ipynb", None, may_mint=True),
                two.resolve(None, "a.ipynb", None, may_mint=True),
            )
            (record,) = await pair[0].projects()
        finally:
            for log in pair:
                await log.close()

        assert ids[0] == ids[1] == record.project_id
        assert one.describe(record)["path"] == "work/a.ipynb"
        assert two.describe(record)["path"] == "a.ipynb"

    async def test_one_sees_what_the_other_renamed_and_deleted(self, tmp_path: Path) -> None:
        pair = await self.pair(tmp_path / "logs")
        one, two = (self.projects_of(log, tmp_path, "salt") for log in pair)
        try:
            first = await one.resolve(None, "a.ipynb", None, may_mint=True)
            rename = {"action": "rename", "path": "b.ipynb", "source_path": "a.ipynb"}
            await two.on_contents(None, "", rename)
            renamed = await one.resolve(None, "b.ipynb", None, may_mint=True)
            fresh = await one.resolve(None, "a.ipynb", None, may_mint=True)
            await two.on_contents(None, "", {"action": "delete", "path": "b.ipynb"})
            reborn = await one.resolve(None, "b.ipynb", None, may_mint=True)
        finally:
            for log in pair:
                await log.close()

        assert renamed == first
        assert len({first, fresh, reborn}) == 3


async def test_the_same_path_on_another_hub_is_another_project(
    connect: Connect, extension: Any, tmp_path: Path
) -> None:
    client = await connect()
    here = (await client.ask("resolve", path="/home/jovyan/work.ipynb"))["project_id"]
    log = SqliteLog(tmp_path / "elsewhere")
    await log.start()
    try:
        there = await TestTwoServers.projects_of(log, tmp_path, "another").resolve(
            None, "/home/jovyan/work.ipynb", None, may_mint=True
        )
    finally:
        await log.close()

    assert here != there


async def test_a_path_that_is_no_utf_8_has_a_project_and_one_that_can_be_none_is_refused(connect: Connect) -> None:
    client = await connect()
    first = await client.ask("resolve", path="/home/u/caf\udce9.py", title="caf\udce9.py")
    again = await client.ask("resolve", path="/home/u/caf\udce9.py")
    assert first["op"] == "resolved"
    assert first["project_id"] == again["project_id"]
    assert first["info"]["title"] == "caf\ufffd.py"

    refused = await client.ask("resolve", path="/home/u/a\0b.py")
    assert (refused["code"], refused["field"]) == ("invalid", "path")
