"""Faults of the storage under a running server: everybody is told, nothing acknowledged is lost, it ends by itself."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import Any

import apsw
import pytest

from tasktree_jupyter.core.protocol import CLOSE_PERMISSIONS
from tasktree_jupyter.storage import sqlite_writer
from tasktree_jupyter.storage.log import StorageError
from tasktree_jupyter.storage.sqlite_folder import Folder, file_name
from tasktree_jupyter.storage.sqlite_rows import FAST, pack
from tasktree_jupyter.storage.sqlite_transaction import Transaction
from tests.server.clients import WAIT, Client, Connect, Plain, Rest, until, update

REFUSALS = {"full": apsw.FullError, "readonly": apsw.ReadOnlyError, "failing": apsw.IOError}


@pytest.fixture(autouse=True)
def try_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_writer, "_TRY_AGAIN_S", 0.05)


class Disk:
    """Takes nothing while `refusal` is set. What SQLite does with a disk like that is shown in tests/storage."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.refusal: type[apsw.Error] | None = None
        flush = Transaction.flush

        def refusing(transaction: Transaction) -> None:
            if self.refusal is not None:
                raise self.refusal("by order")
            flush(transaction)

        monkeypatch.setattr(Transaction, "flush", refusing)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


async def told(client: Client) -> dict[str, Any]:
    return (await client.until("storage"))[-1]


@pytest.mark.parametrize("kind", REFUSALS)
async def test_a_trouble_comes_and_goes_and_is_told_each_time_once(
    connect: Connect, plain: Plain, rest: Rest, disk: Disk, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    client, looking, other = await connect(), await connect(), await plain()
    await client.publish("p", update("a", title="A"), source="k", seq=1)
    assert "storage" not in client.welcome
    await other.next()
    disk.refusal = REFUSALS[kind]

    with caplog.at_level(logging.INFO):
        for _ in range(3):
            refused = await client.publish("p", update("b", title="B"), source="k", seq=2)
            assert (refused["op"], refused["code"], refused["retry"]) == ("error", "storage", True)
        frame = await told(looking)
        assert (frame["kind"], "Nothing is lost" in frame["message"]) == (kind, True)
        assert (await connect()).welcome["storage"] == {"kind": kind, "message": frame["message"]}
        _, version = await rest("GET", "version")
        assert (version["storage"]["condition"], version["storage"]["banner"]) == (kind, frame["message"])

        disk.refusal = None
        assert await told(looking) == {"op": "storage", "kind": "ok", "message": None}

    _, version = await rest("GET", "version")
    assert version["storage"]["condition"] == "ok"
    assert "banner" not in version["storage"]
    answer = await client.publish("p", update("b", title="B"), source="k", seq=2)
    assert (answer["upto"], answer["duplicates"], answer["offset"]) == (2, 0, 2)
    lines = [record.message for record in caplog.records if "Nothing is lost" in record.message]
    assert len(lines) == 1
    assert len([record for record in caplog.records if "can write its logs again" in record.message]) == 1
    # A plain client knows the envelope and nothing else.
    assert (await other.next())["data"]["node_id"] == "b"


class TestAtTheStart:
    """With a disk that is full when the server starts."""

    @pytest.fixture(autouse=True)
    def room(self, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
        room, probe = asyncio.Event(), Folder._probe

        def refusing(folder: Folder) -> None:
            if not room.is_set():
                raise apsw.FullError("by order")
            probe(folder)

        monkeypatch.setattr(Folder, "_probe", refusing)
        return room

    async def test_the_server_waits_for_room_and_does_not_work_without_the_disk(
        self, connect: Connect, rest: Rest, room: asyncio.Event, data_dir: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        client = await connect()
        assert client.welcome["storage"]["kind"] == "full"
        lines = [record.message for when in ("setup", "call") for record in caplog.get_records(when)]
        assert len([line for line in lines if "The disk is full" in line]) == 1

        room.set()
        assert await told(client) == {"op": "storage", "kind": "ok", "message": None}

        await client.publish("p", update("a", title="A"))
        _, version = await rest("GET", "version")
        assert (version["storage"]["engine"], version["storage"]["condition"]) == ("sqlite", "ok")
        assert (data_dir / file_name("p")).exists()


async def test_a_locked_file_is_told_in_its_projects_info_and_harms_no_other(
    connect: Connect, data_dir: Path, monkeypatch: pytest.MonkeyPatch, extension: Any
) -> None:
    client, watching = await connect(), await connect()
    monkeypatch.setattr(extension.manager.log._folder, "busy_ms", 100)
    await client.publish("p", update("a", title="A"))
    await watching.ask("watch")
    holder = apsw.Connection(str(data_dir / file_name("p")))
    holder.execute("BEGIN IMMEDIATE")

    refused = await client.publish("p", update("b", title="B"))
    assert (refused["code"], refused["retry"]) == ("storage", True)
    assert (await client.publish("q", update("a", title="A")))["op"] == "published"
    info = await in_list(watching, lambda info: info["project_id"] == "p" and "storage" in info)
    assert info["storage"]["kind"] == "locked"
    assert str(data_dir) not in info["storage"]["message"]

    holder.execute("ROLLBACK")
    holder.close()
    assert (await client.publish("p", update("b", title="B")))["offset"] == 2
    await in_list(watching, lambda info: info["project_id"] == "p" and "storage" not in info)


async def in_list(client: Client, wanted: Any) -> dict[str, Any]:
    async with asyncio.timeout(WAIT):
        while True:
            for info in (await client.until("projects"))[-1]["projects"]:
                if wanted(info):
                    return dict(info)


async def test_a_file_damaged_under_a_running_server_is_recovered_and_everybody_heals(
    connect: Connect, rest: Rest, data_dir: Path, extension: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, following = await connect(), await connect()
    log = extension.manager.log
    for seq in range(1, 31):
        noise = os.urandom(1500).hex()
        await client.publish("p", update(f"n{seq}", title=noise), source="k", seq=seq)
    _, before = await rest("GET", "projects", "p")
    await extension.manager.rooms.close_idle(0)
    # As if everything had been checkpointed, closed and forgotten long ago.
    log._readers.close()
    connection = apsw.Connection(str(data_dir / file_name("p")))
    assert connection.execute("PRAGMA user_version; PRAGMA wal_checkpoint(TRUNCATE)").fetchall()[-1][0] == 0
    connection.close()
    with (data_dir / file_name("p")).open("r+b") as file:
        for page in range(14, 24):
            file.seek(page * 4096)
            file.write(os.urandom(4096))

    since = {"epoch": before["epoch"], "offset": 3, "at": None}
    for _ in range(5):
        await following.send({"op": "subscribe", "ref": 99, "project_id": "p", "since": since})
        frames = [await following.next()]
        while frames[-1]["op"] not in ("live", "error"):
            frames.append(await following.next())
        if frames[-1]["op"] == "live":
            break
        assert frames[-1]["retry"] is True
    snapshot = next(frame for frame in frames if frame["op"] == "snapshot")
    assert snapshot["epoch"] != before["epoch"]
    assert snapshot["state"]["dropped"] > 0
    assert [frame["reason"] for frame in frames if frame["op"] == "resync"] == ["epoch"]
    answer = await client.publish("p", update("n31", title="late"), source="k", seq=31)
    assert (answer["op"], answer["epoch"]) == ("published", snapshot["epoch"])
    _, version = await rest("GET", "version")
    assert [name for name in version["storage"]["damaged"] if name.startswith(file_name("p"))]
    _, info = await rest("GET", "projects", "p")
    assert info["storage"]["kind"] == "damaged"
    assert str(data_dir) not in info["storage"]["message"]
    assert version["storage"]["condition"] == "ok"


async def test_a_base_that_can_not_be_read_counts_as_lost_and_the_project_opens(
    connect: Connect, rest: Rest, data_dir: Path, extension: Any
) -> None:
    client = await connect()
    for number in range(4):
        await client.publish("p", update(f"n{number}", title="x"))
    log = extension.manager.log
    await extension.manager.rooms.close_idle(0)
    await log.trim("p", 2)

    _, state = await rest("GET", "projects", "p", "state")

    assert [node["node_id"] for node in state["nodes"]] == ["n2", "n3"]
    assert (state["offset"], state["state"]["dropped"]) == (4, 2)


@pytest.mark.parametrize("is_open", [True, False])
async def test_who_follows_a_project_that_a_newer_server_brings_forward_comes_back_and_is_told(
    connect: Connect, data_dir: Path, extension: Any, is_open: bool
) -> None:
    client, following = await connect(), await connect()
    await client.publish("p", update("a", title="A"))
    await following.follow("p")
    watcher = extension.manager.log._running.watcher
    await until(lambda: watcher._watched["p"].head is not None)
    if not is_open:
        watcher.release("p")
    connection = apsw.Connection(str(data_dir / file_name("p")))
    last = connection.execute("SELECT max(last) FROM batches").get
    event = b'{"type":"node_update","project_id":"p","data":{},"offset":%d,"at":9}' % (last + 1)
    with connection:
        connection.execute("PRAGMA user_version=99")
        row = (last + 1, last + 1, *pack([event], FAST))
        connection.execute("INSERT INTO batches VALUES (?, ?, 9, 9, ?, ?)", row)
    connection.close()

    assert await following.closed() == CLOSE_PERMISSIONS
    told_again = await (await connect()).ask("subscribe", project_id="p", since=None)
    assert (told_again["code"], told_again["retry"]) == ("storage", False)
    assert "newer tasktree_jupyter" in told_again["message"]
    assert str(data_dir) not in told_again["message"]


async def test_a_newer_file_is_refused_by_name_and_hides_no_other(
    connect: Connect, rest: Rest, data_dir: Path, extension: Any
) -> None:
    client = await connect()
    for project_id in ("old", "newer"):
        await client.publish(project_id, update("a", title="A"))
    await extension.manager.rooms.close_idle(0)
    connection = apsw.Connection(str(data_dir / file_name("newer")))
    connection.execute("PRAGMA user_version=99")
    connection.close()

    status, body = await rest("GET", "projects", "newer")
    assert (status, "newer tasktree_jupyter" in body["message"]) == (503, True)
    _, listed = await rest("GET", "projects")
    assert [info["project_id"] for info in listed["projects"]] == ["old"]
    _, version = await rest("GET", "version")
    assert [each["file"] for each in version["storage"]["unreadable"]] == [file_name("newer")]
    refused = await client.publish("newer", update("b", title="B"))
    assert (refused["code"], refused["retry"]) == ("storage", False)
    with pytest.raises(StorageError, match="upgrade this one"):
        await extension.manager.log.head("newer")
