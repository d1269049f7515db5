"""`emit` and `snapshot`: checked at the call, encoded at once, never raising."""

from __future__ import annotations

import re
import threading
from typing import Any

import pytest

import tasktree_jupyter as tt
from tasktree_jupyter.client.session import Session
from tests.client.tree import nodes


def test_raw_ids_stay_raw(session: Session) -> None:
    tt.emit("node_update", node_id="etl/7", changes={"title": "load", "status": "running"})
    tt.emit("task_status_changed", task_id="etl/7", status="merged")
    tt.emit("node_log", {"node_id": "etl/7"}, level="info", message="done")
    node = nodes(session)["load"]
    assert (node["node_id"], node["status"]) == ("etl/7", "completed")
    assert node["log"]["last"]["message"] == "done"


@pytest.mark.parametrize(
    ("type", "data", "named"),
    [
        ("task_status_changed", {"task_id": "x", "status": "runing"}, "data.status"),
        ("task_status_changed", {"status": "running"}, "data.task_id"),
        ("node_update", {"node_id": "x"}, "data.changes"),
        ("node_update", {"node_id": "a\x00b", "changes": {}}, "data.node_id"),
        ("node_log", {"node_id": "x", "level": "loud", "message": ""}, "data.level"),
        ("orchestrator_error", {"error": 3}, "data.error"),
        ("Not A Type", {}, "type is"),
        ("events_dropped", {"count": 1}, "type is"),
        ("my.event", {"big": "x" * 300_000}, "data.big"),
    ],
)
def test_a_bad_event_warns_at_the_users_line_names_the_field_and_is_not_sent(
    session: Session, type: str, data: dict[str, Any], named: str
) -> None:
    with pytest.warns(tt.TaskTreeWarning, match=re.escape(named)) as told:
        tt.emit(type, data)
    assert told[0].filename == __file__
    assert session.project().source.emitted == 0
    tt.emit("node_update", node_id="next", changes={"title": "next"})
    assert "next" in nodes(session)


def test_a_wrong_project_is_named(session: Session) -> None:
    with pytest.warns(tt.TaskTreeWarning, match="project is"):
        tt.emit("my.event", project="")
    with pytest.warns(tt.TaskTreeWarning, match="project is"):
        tt.emit("my.event", project="p\n")


def test_what_the_user_changes_later_does_not_count(session: Session) -> None:
    changes = {"title": "then", "params": {"rows": [1, 2]}}
    data = {"node_id": "n", "changes": changes}
    tt.emit("node_update", data)
    changes["title"] = "now"
    changes["params"]["rows"].append(3)  # type: ignore[index]
    node = nodes(session)["then"]
    assert node["params"] == {"rows": [1, 2]}


def test_what_cannot_even_be_read_is_warned_about(session: Session) -> None:
    class Hostile:
        def keys(self) -> Any:
            raise RuntimeError("no")

    with pytest.warns(tt.TaskTreeWarning, match="RuntimeError: no"):
        tt.emit("my.event", Hostile())  # type: ignore[arg-type]


def test_an_emit_goes_where_the_task_around_it_goes(session: Session) -> None:
    with tt.task("run", project="p"):
        tt.emit("node_update", node_id="x", changes={"title": "x"})
    tt.emit("node_update", node_id="y", changes={"title": "y"})
    assert "x" in nodes(session, "p")
    assert "y" in nodes(session)


def test_a_snapshot_has_a_name_and_an_id_of_its_own(session: Session) -> None:
    first = tt.snapshot("before tuning", note="as it was", tags=["a"])
    second = tt.snapshot("before tuning")
    assert first.id != second.id
    with session.project().read() as tree:
        snapshots = tree.state()["snapshots"]
    assert snapshots[first.id]["name"] == "before tuning"
    assert (snapshots[first.id]["note"], snapshots[first.id]["tags"]) == ("as it was", ["a"])


def test_threads_may_emit_at_once(session: Session) -> None:
    def work(name: int) -> None:
        for n in range(500):
            tt.emit("node_update", node_id=f"{name}/{n}", changes={"title": f"{name}/{n}"})

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert session.project().source.emitted == 4000
    with session.project().read() as tree:
        assert len(tree) == 4000
        assert tree.offset == 4000


def test_an_emit_inside_a_garbage_collection_does_not_hang(session: Session) -> None:
    import gc

    class Emits:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            tt.emit("my.event", n=1)

    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for n in range(200):
            Emits()
            tt.emit("my.event", n=n)
    finally:
        gc.set_threshold(*threshold)
    gc.collect()
    assert session.project().source.emitted == 400


@pytest.mark.parametrize(
    ("setting", "value"), [("max_events", 0), ("max_bytes", -1), ("exit_timeout", 0), ("max_text", 0), ("project", "")]
)
def test_a_wrong_setting_is_refused(session: Session, setting: str, value: object) -> None:
    with pytest.raises(ValueError, match=setting):
        tt.configure(**{setting: value})  # type: ignore[arg-type]
