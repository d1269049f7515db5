"""`doctor` on the storage: each state that it may be in is a line that names it, with what to type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest

from tasktree_jupyter.cli.doctor import storage
from tasktree_jupyter.cli.doctor.report import Check, Report
from tests.cli.conftest import Command, Publish, node
from tests.client.hub import Hub

WELL: dict[str, Any] = {
    "engine": "sqlite",
    "mode": "wal",
    "promise": "Acknowledged means on disk.",
    "condition": "ok",
    "data_dir": "/home/a da/tasktree",
    "filesystem": "ext4",
    "network": False,
    "free_bytes": 5_000_000_000,
    "damaged": [],
    "unreadable": [],
}


def checks(**differing: Any) -> dict[str, Check]:
    report = Report(None)
    storage.check(report, WELL | differing)
    return {check.name: check for check in report.checks}


def test_where_all_is_well_it_says_where_and_how() -> None:
    found = checks()
    assert {check.status for check in found.values()} == {"ok"}
    assert "mode wal" in found["storage"].message
    assert "on ext4" in found["storage-folder"].message


@pytest.mark.parametrize("kind", ["memory", "full", "readonly", "failing"])
def test_each_condition_is_a_failure_with_the_banner_and_what_to_type(kind: str) -> None:
    found = checks(condition=kind, banner="What people are told.")["storage"]
    assert (found.status, found.message) == ("failed", "What people are told.")
    assert found.advice
    assert "{" not in found.advice


def test_a_network_home_is_no_failure_but_named() -> None:
    found = checks(mode="truncate", filesystem="nfs4", network=True)
    assert found["storage-folder"].status == "ok"
    assert "network filesystem" in found["storage-folder"].message
    assert "mode truncate" in found["storage"].message


def test_little_room_is_told_before_the_disk_is_full() -> None:
    found = checks(free_bytes=10_000_000)["storage-folder"]
    assert found.status == "failed"
    assert "10 MiB" in found.message


def test_files_it_can_not_read_are_listed_by_the_running_server(tasktree: Command, publish: Publish, hub: Hub) -> None:
    publish("from-tomorrow", node("r", title="Run"))
    publish("broken", node("r", title="Run"))
    newer, broken = (path_of(hub, name) for name in ("from-tomorrow", "broken"))
    for path, statement in ((newer, "PRAGMA user_version=99"), (broken, "DROP TABLE batches")):
        connection = apsw.Connection(str(path))
        connection.execute(statement)
        connection.close()
    try:
        publish("broken", node("s", title="Another"))
        told = tasktree("doctor")
        assert told.code == 1
        assert "newer tasktree_jupyter (schema 99, known here:" in told.out
        assert "pip install --upgrade tasktree_jupyter" in told.out
        assert f"{broken.name}.damaged-" in told.out
    finally:
        tasktree("delete", "broken", "--yes")
        connection = apsw.Connection(str(newer))
        connection.execute("PRAGMA user_version=1")
        # The header alone is read of a file that may be newer, so it mustn't lag behind the WAL.
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        connection.close()
        assert tasktree("delete", "from-tomorrow", "--yes").code == 0
    assert not list(hub.logs.glob("*.damaged-*"))


def path_of(hub: Hub, project_id: str) -> Path:
    return next(hub.logs.glob(f"{project_id}-*.sqlite"))
