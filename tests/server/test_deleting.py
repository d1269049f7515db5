"""Deleting deletes: the files are gone, followers and sources are told, and it holds for two servers on one folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tasktree_jupyter.storage.sqlite_folder import file_name
from tests.server.clients import Connect, Rest, update
from tests.server.test_two_servers import Other


def left(data_dir: Path) -> list[str]:
    return [name for name in os.listdir(data_dir) if name.startswith(file_name("p"))]


async def test_nothing_of_it_stays_on_the_disk_and_everybody_is_told(
    connect: Connect, rest: Rest, data_dir: Path
) -> None:
    client, follower = await connect(), await connect()
    answer = await client.publish("p", update("a", title="A"), source="k", seq=1)
    await client.publish("p", {"type": "mission_snapshot", "data": {"snapshot_id": "s"}}, source="k", seq=2)
    await follower.follow("p")
    (data_dir / f"{file_name('p')}.damaged-20260101T000000Z").write_text("what was moved aside")

    assert (await rest("DELETE", "projects", "p"))[0] == 204

    assert (await follower.until("gone"))[-1]["project_id"] == "p"
    assert left(data_dir) == []
    # Its source learns it with its next publish: the old numbers mean nothing, and the epoch is another.
    refused = await client.publish("p", update("b", title="B"), source="k", seq=3)
    assert (refused["code"], refused["expected"]) == ("seq_gap", 1)
    anew = await client.publish("p", update("b", title="B"), source="k2", seq=1)
    assert (anew["offset"], anew["epoch"] != answer["epoch"]) == (1, True)


async def test_what_one_server_deletes_is_gone_at_the_other(
    connect: Connect, rest: Rest, data_dir: Path, extension: Any
) -> None:
    client, follower = await connect(), await connect()
    async with Other(data_dir) as other:
        await other.publish_envelopes("p", [update("a", title="A")])
        await follower.follow("p")
        await client.publish("p", update("b", title="B"), source="k", seq=1)

        await other.delete_project("p")

        assert (await follower.until("gone"))[-1]["project_id"] == "p"
        assert left(data_dir) == []
        assert (await rest("GET", "projects", "p"))[0] == 404
        refused = await client.publish("p", update("c", title="C"), source="k", seq=2)
        assert (refused["code"], refused["expected"]) == ("seq_gap", 1)
