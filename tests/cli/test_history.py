"""What reads and writes a project's history: export, import, delete, snapshots, diff, a moment gone by."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tasktree_jupyter.cli.moments import moment
from tasktree_jupyter.cli.problem import CommandError
from tasktree_jupyter.cli.rest import Rest
from tasktree_jupyter.cli.show import silences
from tests.cli.conftest import Command, Publish, node
from tests.client.hub import Hub


def story(publish: Publish, project_id: str) -> None:
    publish(project_id, node("r", title="Run", status="running"), node("r/1", parent_id="r", title="one"))
    publish(project_id, {"type": "mission_snapshot", "data": {"snapshot_id": "s1", "name": "before tuning"}})
    publish(project_id, node("r/1", status="completed", metrics={"auc": 0.929}))
    publish(project_id, node("r/2", parent_id="r", title="two", status="running"))


def test_show_tells_of_processes_that_are_not_heard() -> None:
    silent = {"source": "k1", "host": "node\x1b[7", "pid": 4711, "silent_since": 1_769_868_131_000_000, "stale": 1200}
    heard = {"source": "k2", "host": "node7", "pid": 1, "silent_since": None, "stale": 0}
    unnamed = {"source": "k3", "host": None, "pid": None, "silent_since": 1_769_868_131_000_000, "stale": 1}
    first, second = silences([silent, heard, unnamed, {"source": "of an older server"}])
    assert first.startswith("No word since 2026-01-31 14:02:11 UTC from process 4711 on node")
    assert "1\N{NARROW NO-BREAK SPACE}200 of the open tasks may be gone (stale)." in first
    assert "\x1b" not in first
    assert "from a process: 1 of" in second


def test_an_export_comes_back_as_the_same_project(
    tasktree: Command, publish: Publish, hub: Hub, tmp_path: Path
) -> None:
    story(publish, "travels")
    target = tmp_path / "log.jsonl"
    exported = tasktree("export", "travels", "-o", str(target))
    assert exported.code == 0, exported.err
    assert "5 events of travels" in exported.err
    assert [*tmp_path.iterdir()] == [target]
    head, *events = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    assert (head["tasktree"], head["project_id"], len(events)) == ("export", "travels", 5)
    before, nodes = hub.events("travels"), hub.nodes("travels")

    again = tasktree("import", str(target))
    assert again.code == 1
    assert "has events already" in again.err
    copied = tasktree("import", str(target), "--project", "travelled")
    assert copied.code == 0, copied.err
    assert hub.nodes("travelled") == nodes
    kept = ("type", "data", "offset", "at", "timestamp", "source", "seq")
    assert [[each.get(name) for name in kept] for each in hub.events("travelled")] == [
        [each.get(name) for name in kept] for each in before
    ]

    assert tasktree("delete", "travels", "--yes").code == 0
    assert "no project 'travels'" in tasktree("show", "travels").err
    assert tasktree("import", str(target)).code == 0
    assert hub.nodes("travels") == nodes


def test_what_is_no_export_is_not_imported(tasktree: Command, tmp_path: Path) -> None:
    (tmp_path / "x").write_text('{"some": "json"}\n', "utf-8")
    done = tasktree("import", str(tmp_path / "x"))
    assert done.code == 1
    assert "no export of TaskTree" in done.err
    assert tasktree("import", str(tmp_path / "absent")).code == 1


def test_a_person_is_asked_before_a_project_is_deleted(
    tasktree: Command, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Person(io.StringIO):
        def isatty(self) -> bool:
            return True

    publish("asked", node("r", title="R", status="running"))
    monkeypatch.setattr(sys, "stdin", Person("n\n"))
    refused = tasktree("delete", "asked")
    assert refused.code == 1
    assert "Delete asked with its 1 events?" in refused.err
    monkeypatch.setattr(sys, "stdin", Person("yes\n"))
    assert tasktree("delete", "asked").code == 0
    assert tasktree("show", "asked").code == 1


def test_a_moment_gone_by_is_shown(tasktree: Command, publish: Publish) -> None:
    story(publish, "gone by")
    assert "two" in tasktree("show", "gone by").out
    for then in ("snapshot:before tuning", "offset:2", "snapshot:s1"):
        done = tasktree("show", "gone by", "--at", then)
        assert done.code == 0, done.err
        assert "one" in done.out
        assert "two" not in done.out
    absent = tasktree("show", "gone by", "--at", "snapshot:never made")
    assert absent.code == 1
    assert "never made" in absent.err or "snapshot" in absent.err


def test_snapshots_are_listed(tasktree: Command, publish: Publish) -> None:
    story(publish, "named moments")
    done = tasktree("snapshots", "named moments")
    assert done.code == 0, done.err
    assert done.out.splitlines()[1].split()[:2] == ["before", "tuning"]


def test_a_diff_tells_what_was_added_and_what_changed(tasktree: Command, publish: Publish) -> None:
    story(publish, "differs")
    done = tasktree("diff", "differs", "snapshot:before tuning")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].startswith("1 added, 0 removed, ")
    assert any(line.split()[:3] == ["+", "two", "added"] for line in lines)
    assert any("status" in line and "→ completed" in line for line in lines)
    assert any("metrics.auc" in line and "– → 0.929" in line for line in lines)
    whole = json.loads(tasktree("diff", "differs", "snapshot:before tuning", "now", "--json").out)
    assert [each["node_id"] for each in whole["added"]] == ["r/2"]


# --- moments ---

NOON = datetime(2026, 1, 31, 12, 0, 0).astimezone()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "now"),
        ("offset:4711", "offset:4711"),
        ("snapshot:before tuning", "snapshot:before tuning"),
        ("at:1769868120000000", "at:1769868120000000"),
        ("at:2026-01-31T14:02:00Z", "at:2026-01-31T14:02:00.000000Z"),
        ("2026-01-31T14:02:00+02:00", "at:2026-01-31T12:02:00.000000Z"),
    ],
)
def test_a_moment_as_the_server_reads_it(text: str, expected: str) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize(("text", "day"), [("11:59", 31), ("at:11:59:30", 31), ("12:01", 30), ("2026-01-30T08:00", 30)])
def test_a_clock_time_is_the_last_one_here(text: str, day: int) -> None:
    told = datetime.fromisoformat(moment(text, now=NOON).removeprefix("at:")).astimezone()
    assert told.day == day
    assert told.strftime("%H:%M") == text.removeprefix("at:").rpartition("T")[2][:5]


@pytest.mark.parametrize("text", ["", "offset:", "offset:-1", "snapshot:", "25:00", "at:", "tomorrow", "at:2026-13-01"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(CommandError):
        moment(text)


def test_a_backup_brings_back_what_was_deleted_and_harms_nothing_that_is_there(
    tasktree: Command, publish: Publish, hub: Hub, tmp_path: Path
) -> None:
    for project_id in ("one", "the other"):
        story(publish, project_id)
    nodes, others, folder = hub.nodes("one"), hub.nodes("the other"), tmp_path / "backup"
    kept = tasktree("backup", str(folder), "one", "the other")
    assert kept.code == 0, kept.err
    assert "2 projects are in" in kept.err
    again = tasktree("backup", str(folder))
    assert (again.code, "isn't empty" in again.err) == (1, True)

    tasktree("delete", "one", "--yes")
    publish("the other", node("r/3", parent_id="r", title="since then"))
    since = hub.nodes("the other")
    back = tasktree("restore", str(folder))
    assert back.code == 1
    assert "one is back with 5 events" in back.err
    assert "the other has events already" in back.err
    assert hub.nodes("one") == nodes
    assert hub.nodes("the other") == since

    replaced = tasktree("restore", str(folder), "the other", "--replace", "--yes")
    assert replaced.code == 0, replaced.err
    assert hub.nodes("the other") == others
    assert not [info for info in hub.projects() if info["project_id"].startswith("restoring-")]


def test_a_backup_names_what_the_server_could_not_read_and_is_no_success(
    tasktree: Command, publish: Publish, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story(publish, "readable")
    get = Rest.get

    def with_one_that_cannot_be_read(rest: Rest, path: str, **query: Any) -> Any:
        answer = get(rest, path, **query)
        if path == "version":
            answer["storage"]["unreadable"] = [{"file": "x.sqlite", "message": "'nightly' was written by a newer one"}]
        return answer

    monkeypatch.setattr(Rest, "get", with_one_that_cannot_be_read)
    told = tasktree("backup", str(tmp_path / "all"))
    assert told.code == 1
    assert "'nightly' was written by a newer one" in told.err
    assert (tmp_path / "all" / "tasktree-backup.json").exists()
    assert tasktree("backup", str(tmp_path / "one"), "readable").code == 0


def test_a_backup_that_is_not_whole_changes_nothing(
    tasktree: Command, publish: Publish, hub: Hub, tmp_path: Path
) -> None:
    story(publish, "precious")
    nodes, folder = hub.nodes("precious"), tmp_path / "backup"
    assert tasktree("backup", str(folder), "precious").code == 0
    (file,) = folder.glob("*.jsonl")
    content = file.read_bytes()

    file.write_bytes(content[:-100])
    told = tasktree("restore", str(folder), "--replace", "--yes")
    assert (told.code, "SHA-256" in told.err) == (1, True)
    # One that the server doesn't take, though it is what the list says.
    manifest = json.loads((folder / "tasktree-backup.json").read_text("utf-8"))
    manifest["projects"][0]["sha256"] = hashlib.sha256(content[:-100]).hexdigest()
    (folder / "tasktree-backup.json").write_text(json.dumps(manifest), "utf-8")
    assert tasktree("restore", str(folder), "--replace", "--yes").code == 1
    assert hub.nodes("precious") == nodes
    (folder / "tasktree-backup.json").unlink()
    told = tasktree("restore", str(folder))
    assert (told.code, "no whole backup" in told.err) == (1, True)
