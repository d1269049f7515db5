"""An error of TaskTree's own about one project costs that project some time, and the others nothing."""

from __future__ import annotations

from typing import Any

import pytest

import tasktree_jupyter as tt
from tasktree_jupyter.client.session import Session
from tasktree_jupyter.client.source import Entry
from tasktree_jupyter.client.spool import Spool
from tests.client.conftest import Run
from tests.client.hub import Hub
from tests.client.tree import nodes

SICK = """
import tasktree_jupyter as tt
from tasktree_jupyter.client import publishing, spooling
from tasktree_jupyter.client.session import session
publishing._HOLD = 0.2
sick = session().project("{name}-sick").source

def once(name):
    real = getattr(type(sick), name)
    def stumble(self, *arguments):
        if self is sick and not stumbled:
            stumbled.append(name)
            raise KeyError("a fault")
        return real(self, *arguments)
    stumbled = []
    setattr(type(sick), name, stumble)
    return stumbled
"""


def numbers(hub: Hub, project_id: str) -> list[int]:
    return [event["data"]["n"] for event in hub.events(project_id)]


@pytest.mark.parametrize("step", ["next_frame", "published"])
def test_sending_goes_on_for_the_others_and_then_for_it(run: Run, hub: Hub, step: str) -> None:
    code = """
stumbled = once("{step}")
for n in range(50):
    tt.emit("my.event", n=n, project="{step}-sick")
    tt.emit("my.event", n=n, project="{step}-well")
assert tt.flush(30)
assert stumbled
assert session().connection._attempts == 0 and tt.status()["state"] == "connected"
"""
    _, err = run((SICK + code).replace("{step}", step).replace("{name}", step), hub)
    assert f"An error in TaskTree keeps events of '{step}-sick' from being sent: KeyError('a fault')" in err
    assert numbers(hub, f"{step}-sick") == numbers(hub, f"{step}-well") == list(range(50))


def test_a_line_that_breaks_meanwhile_is_no_error_of_ours(run: Run, hub: Hub) -> None:
    code = """
stumbled = once("published")
tt.emit("my.event", n=1, project="broken-sick")
assert tt.flush(30)
assert stumbled
"""
    broken = SICK.replace("{name}", "broken").replace('KeyError("a fault")', 'ConnectionResetError("gone")')
    _, err = run(broken + code, hub)
    assert "An error in TaskTree" not in err
    assert numbers(hub, "broken-sick") == [1]


def test_the_disk_is_written_to_for_the_others(run: Run, own_hub: Hub) -> None:
    environment = own_hub.environment()
    own_hub.stop()
    code = """
import time
def never(self, *arguments):
    if self is sick:
        raise KeyError("a fault")
    return real(self, *arguments)
real = type(sick).spill
type(sick).spill = never
tt.configure(exit_timeout=0.1)
tt.emit("my.event", n=1, project="disk-sick")
tt.emit("my.event", n=1, project="disk-well")
until = time.monotonic() + 30
while not session().project("disk-well").source.store:
    assert time.monotonic() < until
    time.sleep(0.01)
tt.emit("my.event", n=2, project="disk-well")
"""
    run((SICK + code).replace("{name}", "disk"), None, **environment)
    waiting = {}
    for path in (own_hub.folder / "data" / "tasktree" / "spool").glob("*.spool"):
        spool = Spool.take(str(path))
        assert spool is not None
        waiting[spool.about.project_id] = spool.waiting
        spool.close()
    assert waiting == {"disk-sick": 0, "disk-well": 2}


def test_an_event_that_cannot_be_folded_costs_no_other(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    project = session.project()
    real = project._event

    def stumble(entry: Entry, offset: int, at: int) -> dict[str, Any]:
        if b"second" in entry.data:
            raise KeyError("a fault")
        return real(entry, offset, at)

    monkeypatch.setattr(project, "_event", stumble)
    for name in ("first", "second", "third"):
        tt.emit("node_update", node_id=name, changes={"title": name})
    assert sorted(nodes(session)) == ["first", "third"]
