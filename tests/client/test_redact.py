"""`configure(redact=…)`: what is hidden is hidden before it leaves the process, and costs nothing where nothing is."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest

import tasktree_jupyter as tt
from tasktree_jupyter.client.session import Session
from tasktree_jupyter.display.bundle import MIME_TYPE
from tests.client.conftest import Run
from tests.client.hub import Hub
from tests.client.tree import nodes

SECRET = "sk-s3cret"

EVERYWHERE = f"""
with tt.task("call {SECRET}", params={{"api_key": "{SECRET}", "deep": [{{"a": "x {SECRET} y"}}], "n": 3}}) as t:
    t.update(message="using {SECRET}", agent="{SECRET}", outputs=("{SECRET}",), metrics={{"auc": 0.5}})
    t.update(note_of_mine={{"k": "{SECRET}"}})
    t.log("said {SECRET}")
    for _ in t.track(["{SECRET}"], "loop {SECRET}"): pass
    tt.emit("my.event", {{"text": "{SECRET}"}})
    tt.emit("coordination_update", active_agents=1, agents={{"a": {{"token": "{SECRET}"}}}})
    tt.emit("orchestrator_error", error="{SECRET}")
    tt.emit("state_transition", {{"from": "a", "to": "b", "context": {{"reason": "{SECRET}"}}}})
    tt.snapshot("at {SECRET}", note="{SECRET}", tags=["{SECRET}"])
    try:
        with tt.task("fails"):
            raise ValueError("{SECRET}")
    except ValueError: pass
"""


def hide(path: str, value: Any) -> Any:
    return value.replace(SECRET, "…") if isinstance(value, str) else value


def raw(session: Session) -> str:
    """All that would be sent, and all that a saved notebook would hold."""
    sent = [entry.data.decode() for entry in session.project().source.unfolded]
    with session.project().read() as tree:
        return json.dumps([sent, tree.state(), [*tree.nodes()]])


def test_a_secret_reaches_neither_the_log_nor_the_saved_notebook(session: Session) -> None:
    tt.configure(redact=hide)
    exec(EVERYWHERE, {"tt": tt})
    assert SECRET not in raw(session)
    tree = nodes(session)
    assert tree["call …"]["params"] == {"api_key": "…", "deep": [{"a": "x … y"}], "n": 3}
    assert tree["call …"]["metrics"] == {"auc": 0.5}
    assert tree["fails"]["error"]["message"] == "…"
    assert "ValueError" in tree["fails"]["error"]["traceback"]
    shown = tt.view().representations()
    assert SECRET not in json.dumps(shown[MIME_TYPE]) + shown["text/html"] + shown["text/plain"]


def test_the_servers_log_never_has_it(run: Run, hub: Hub) -> None:
    code = f"""
import tasktree_jupyter as tt
def hide(path, value):
    return value.replace("{SECRET}", "…") if isinstance(value, str) else value
tt.configure(redact=hide, project="hidden")
{EVERYWHERE}
assert tt.flush(30)
"""
    run(code, hub)
    log = json.dumps(hub.events("hidden"))
    assert "using" in log or "\\u2026" in log
    assert SECRET not in log


def test_it_is_asked_about_each_value_by_its_path_and_about_objects_first(session: Session) -> None:
    asked: list[tuple[str, Any]] = []

    def redact(path: str, value: Any) -> Any:
        asked.append((path, value))
        if path == "params.credentials":
            return {"hidden": True}
        return "…" if path.endswith("password") else value

    tt.configure(redact=redact)
    with tt.task("run", params={"password": "p", "credentials": {"user": "u", "password": "q"}}):
        pass
    assert nodes(session)["run"]["params"] == {"password": "…", "credentials": {"hidden": True}}
    paths = [path for path, _ in asked]
    assert paths.index("params") < paths.index("params.password") < paths.index("params.credentials")
    assert "params.credentials.user" not in paths
    assert {"title", "source.host"} <= set(paths)
    assert not {"node_id", "status", "progress", "metrics"} & set(paths)


def test_where_it_raises_a_mark_is_sent_and_it_is_told_once(session: Session) -> None:
    def broken(path: str, value: Any) -> Any:
        if isinstance(value, str):
            raise KeyError(value)
        return value

    tt.configure(redact=broken)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        exec(EVERYWHERE, {"tt": tt})
    assert SECRET not in raw(session)
    [told_once] = [str(each.message) for each in told if issubclass(each.category, tt.TaskTreeWarning)]
    assert "redact" in told_once
    assert SECRET not in told_once
    with session.project().read() as tree:
        [root] = tree.roots
        assert tree.node(root)["params"]["api_key"] == "[redact failed: KeyError]"
        assert tree.status_of(root) == "completed"


@pytest.mark.parametrize("made", [7, None, [1], {"a": 1}, object(), float("nan")])
def test_whatever_it_returns_the_tree_is_whole_and_nothing_is_sent_as_it_was(session: Session, made: Any) -> None:
    tt.configure(redact=lambda path, value: made)
    exec(EVERYWHERE, {"tt": tt})
    assert SECRET not in raw(session)
    with session.project().read() as tree:
        assert tree.flagged == 0
        assert {tree.status_of(node_id) for node_id in tree.walk()} == {"completed", "failed"}


def test_none_hides_nothing_again_and_what_cannot_be_called_is_refused(session: Session) -> None:
    tt.configure(redact=hide)
    tt.configure(redact=None)
    with tt.task(SECRET):
        pass
    assert SECRET in raw(session)
    wrong: Any = "no"
    with pytest.raises(TypeError, match="redact"):
        tt.configure(redact=wrong)
