"""An import beside others who write: nothing that anybody was told is stored is ever taken away by it."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.auth import Authorizer
from traitlets.config import Config

from tasktree_jupyter.server.importing import Importer
from tests.server.clients import WAIT, Client, Connect, Fetch, Rest, update
from tests.server.test_two_servers import Other

EXPORT = [
    {"tasktree": "export", "version": 1, "project_id": "old", "epoch": "e", "offset": 4, "at": 9, "trimmed": 0},
    *(
        {
            "type": "node_update",
            "data": {"node_id": f"old{number}", "changes": {"title": "from before"}},
            "timestamp": "2026-01-31T14:02:11Z",
            "source": "before",
            "seq": number,
            "offset": number,
            "at": 5 + number,
        }
        for number in range(1, 5)
    ),
]
BODY = b"".join(json.dumps(line).encode() + b"\n" for line in EXPORT)


@pytest.fixture
def fed(monkeypatch: pytest.MonkeyPatch) -> asyncio.Queue[None]:
    """Gets something whenever a piece of an import was taken in, or an import that was cut off is undone."""
    told: asyncio.Queue[None] = asyncio.Queue()
    feed, abandon = Importer.feed, Importer.abandon

    async def fed(importer: Importer, chunk: bytes) -> None:
        await feed(importer, chunk)
        told.put_nowait(None)

    async def abandoned(importer: Importer) -> None:
        await abandon(importer)
        told.put_nowait(None)

    monkeypatch.setattr(Importer, "feed", fed)
    monkeypatch.setattr(Importer, "abandon", abandoned)
    return told


class Import:
    """An import of `EXPORT` whose body comes in pieces."""

    def __init__(self, jp_serverapp: Any, fed: asyncio.Queue[None]) -> None:
        self._app = jp_serverapp
        self._fed = fed

    async def begin(self, lines: int, project_id: str = "p") -> None:
        """Send the first so many lines, and wait until they are taken in."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._app.port)
        token, base = self._app.identity_provider.token, self._app.base_url
        path = f"{base}tasktree/api/projects/{project_id}/import"
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: token {token}\r\nConnection: close\r\n"
        self._writer.write(f"{head}Content-Length: {len(BODY)}\r\n\r\n".encode())
        first = b"".join(BODY.splitlines(keepends=True)[:lines])
        self._left = BODY[len(first) :]
        self._writer.write(first)
        await asyncio.wait_for(self._fed.get(), WAIT)

    async def finish(self) -> tuple[int, Any]:
        """Send the rest, and return the answer."""
        self._writer.write(self._left)
        head, _, body = (await asyncio.wait_for(self._reader.read(), WAIT)).partition(b"\r\n\r\n")
        self._writer.close()
        return int(head.split()[1]), json.loads(body)

    async def cut_off(self) -> None:
        """Go away, and wait until the server has noticed and done what it does then."""
        self._writer.close()
        await asyncio.wait_for(self._fed.get(), WAIT)


@pytest.fixture
def importing(jp_serverapp: Any, fed: asyncio.Queue[None]) -> Import:
    return Import(jp_serverapp, fed)


async def titles(rest: Rest, project_id: str = "p") -> list[str]:
    _, page = await rest("GET", "projects", project_id, "events", params={"after": 0})
    return [event["data"]["changes"]["title"] for event in page["events"]]


async def leftovers(extension: Any, data_dir: Path) -> list[Any]:
    """What is kept beside the project p."""
    records = await extension.manager.log.projects()
    files = [name for name in os.listdir(data_dir) if "staged" in name]
    return [record.project_id for record in records if record.project_id != "p"] + files


@pytest.mark.parametrize("lines", [1, 3])
@pytest.mark.parametrize("where", ["here", "elsewhere"])
async def test_what_a_kernel_publishes_amid_an_import_stays_and_the_import_is_refused_whole(
    connect: Connect, rest: Rest, extension: Any, data_dir: Path, importing: Import, lines: int, where: str
) -> None:
    client = await connect()
    await importing.begin(lines)
    if where == "here":
        for seq in (1, 2, 3):
            answer = await client.publish("p", update(f"n{seq}", title="mine"), source="kernel", seq=seq)
            assert (answer["upto"], answer["offset"]) == (seq, seq)
    else:
        async with Other(data_dir) as other:
            await other.publish_envelopes("p", [update(f"n{seq}", title="mine") for seq in (1, 2, 3)])

    status, answer = await importing.finish()

    assert (status, answer["reason"], answer["field"]) == (409, "exists", "project_id")
    assert "nothing of the import was stored" in answer["message"]
    assert await titles(rest) == ["mine"] * 3
    assert await leftovers(extension, data_dir) == []


async def test_what_a_kernel_publishes_amid_an_import_that_is_cut_off_stays(
    connect: Connect, rest: Rest, extension: Any, data_dir: Path, importing: Import
) -> None:
    client = await connect()
    await importing.begin(3)
    answer = await client.publish("p", update("n", title="mine"), source="kernel", seq=1)

    await importing.cut_off()

    assert answer["upto"] == 1
    assert await titles(rest) == ["mine"]
    again = await client.publish("p", update("m", title="mine too"), source="kernel", seq=2)
    assert (again["epoch"], again["upto"]) == (answer["epoch"], 2)
    assert await leftovers(extension, data_dir) == []


async def test_of_two_imports_at_once_the_first_that_is_whole_stays(
    jp_serverapp: Any, rest: Rest, extension: Any, data_dir: Path, importing: Import, fed: asyncio.Queue[None]
) -> None:
    other = Import(jp_serverapp, fed)
    await importing.begin(3)
    await other.begin(2)

    first, body = await other.finish()
    second, refused = await importing.finish()

    assert (first, body["events"]) == (201, 4)
    assert (second, refused["reason"]) == (409, "exists")
    assert await titles(rest) == ["from before"] * 4
    assert (await rest("GET", "projects", "p"))[1]["epoch"] == body["epoch"]
    assert await leftovers(extension, data_dir) == []


async def test_nobody_sees_an_import_before_it_is_whole(
    connect: Connect, rest: Rest, extension: Any, importing: Import
) -> None:
    client = await connect()
    await importing.begin(4)

    assert (await rest("GET", "projects"))[1]["projects"] == []
    assert (await client.ask("subscribe", project_id="p"))["code"] == "not_found"

    assert (await importing.finish())[0] == 201
    frames = await client.follow("p")
    assert [node["node_id"] for node in frames[1]["nodes"]] == ["old1", "old2", "old3", "old4"]


class TestReplacing:
    """With `replace` an import takes the place of what is there, all at once."""

    async def emit(self, client: Client, told: list[tuple[str, str]], enough: asyncio.Event) -> None:
        """Publish one after the other, as a kernel does: where the log is another, as another source."""
        source, seq, epoch, number = "k0", 0, None, 0
        while not enough.is_set():
            number, seq = number + 1, seq + 1
            answer = await client.publish("p", update(f"n{number}", title="live"), source=source, seq=seq)
            if answer["op"] == "published":
                told.append((answer["epoch"], f"n{number}"))
            if answer["op"] == "error" or epoch not in (None, answer["epoch"]):
                source, seq = f"k{number}", 0
            epoch = answer.get("epoch")

    async def test_what_is_emitted_meanwhile_is_before_it_or_after_it_and_all_after_it_stays(
        self, connect: Connect, rest: Rest, extension: Any, data_dir: Path
    ) -> None:
        client, enough = await connect(), asyncio.Event()
        told: list[tuple[str, str]] = []
        await client.publish("p", update("n0", title="live"), source="k0", seq=1)
        emitting = asyncio.ensure_future(self.emit(await connect(), told, enough))

        for _ in range(5):
            before = len(told)
            status, answer = await rest("POST", "projects", "p", "import", body=BODY, params={"replace": "true"})
            assert (status, answer["events"]) == (201, 4)
            # What comes next was stored after it.
            while not any(epoch == answer["epoch"] for epoch, _ in told[before:]):
                await client.publish("p", update("between", title="live"))
        enough.set()
        await emitting

        _, page = await rest("GET", "projects", "p", "events", params={"after": 0, "limit": 10_000})
        stored = [event["data"]["node_id"] for event in page["events"]]
        live = [node_id for epoch, node_id in told if epoch == page["epoch"]]
        assert page["epoch"] == answer["epoch"]
        assert stored[:4] == ["old1", "old2", "old3", "old4"]
        assert live
        assert [node_id for node_id in stored[4:] if node_id != "between"] == live
        assert await leftovers(extension, data_dir) == []

    async def test_what_is_refused_costs_nothing_of_what_is_there(
        self, connect: Connect, rest: Rest, extension: Any, data_dir: Path
    ) -> None:
        client = await connect()
        before = await client.publish("p", update("n", title="mine"))

        cut = await rest("POST", "projects", "p", "import", body=BODY[:-200], params={"replace": "true"})
        odd = await rest("POST", "projects", "p", "import", body=BODY, params={"replace": "perhaps"})

        assert [(status, answer["field"]) for status, answer in (cut, odd)] == [(400, None), (400, "replace")]
        assert (await rest("GET", "projects", "p"))[1]["epoch"] == before["epoch"]
        assert await titles(rest) == ["mine"]
        assert await leftovers(extension, data_dir) == []

    async def test_who_follows_it_is_told_of_another_epoch_and_gets_the_state(
        self, connect: Connect, rest: Rest, jp_fetch: Fetch
    ) -> None:
        client = await connect()
        await client.publish("p", update("n", title="mine"), update("m", title="mine"))
        await client.follow("p")

        status, _ = await rest("POST", "projects", "p", "import", body=BODY, params={"replace": "true"})

        frames = await client.until("live")
        assert status == 201
        assert frames[0] == {"op": "resync", "project_id": "p", "reason": "epoch"}
        assert [node["node_id"] for node in frames[1]["nodes"]] == ["old1", "old2", "old3", "old4"]


class WritesOnly(Authorizer):
    """Nobody may delete."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: Any) -> bool:
        return action != "delete"


class TestWhoMayNotDelete:
    """To replace is to delete: the right to write isn't enough for it."""

    @pytest.fixture
    def jp_server_config(self, jp_server_config: Config) -> Config:
        jp_server_config.ServerApp.authorizer_class = WritesOnly
        return jp_server_config

    async def test_they_may_import_but_take_nobodys_place(self, connect: Connect, rest: Rest) -> None:
        client = await connect()
        await client.publish("p", update("n", title="mine"))

        refused, answer = await rest("POST", "projects", "p", "import", body=BODY, params={"replace": "true"})
        taken, _ = await rest("POST", "projects", "q", "import", body=BODY)

        assert (refused, answer["reason"], taken) == (403, "forbidden", 201)
        assert await titles(rest) == ["mine"]
