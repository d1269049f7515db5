"""notebooks/snapshots.ipynb: the moments it looks back at are those of the log, and so is what changed between them."""

from __future__ import annotations

import pytest

from tests.client.hub import Hub
from tests.notebooks.executing import Executed, execute


@pytest.fixture(scope="module")
def executed(hub: Hub) -> Executed:
    computed = (
        "{'before': before.id, 'after': after.id, 'offset': was.offset, 'then': [n['title'] for n in was.nodes],"
        " 'gained': gained.round(6).to_dict()}"
    )
    return execute(hub, "snapshots.ipynb", computed)


def test_both_snapshots_are_in_the_log_with_what_was_said_of_them(executed: Executed) -> None:
    snapshots = executed.state["state"]["snapshots"]
    assert list(snapshots) == [executed.computed["before"], executed.computed["after"]]
    before, after = snapshots.values()
    told = before["name"], before["note"], before["tags"], after["name"]
    assert told == ("before tuning", "depths as in the paper", ["paper"], "after tuning")
    assert before["offset"] == executed.computed["offset"]


def test_the_tree_is_that_after_tuning(executed: Executed) -> None:
    assert executed.tree("models") == [
        (0, "Models", "running"),
        (1, "forest", "completed"),
        (1, "boosting", "completed"),
        (1, "stack", "completed"),
    ]
    assert executed.nodes()["models/boosting"]["params"] == {"depth": 6}
    assert executed.state["state"]["tombstones"] == ["models/baseline"]


def test_looking_back_gave_the_tree_as_it_was(executed: Executed) -> None:
    assert executed.computed["then"] == ["Models", "forest", "boosting", "baseline"]
    (*_, stored) = executed.bundles()
    assert [node["title"] for node in stored["nodes"]] == executed.computed["then"]
    assert stored["project_id"] is None
    lines = executed.printed("offsets").splitlines()
    offset = executed.computed["offset"]
    assert lines[0] == "1 ['Models']"
    assert [line.split(" ", 1)[0] for line in lines] == ["1", str(offset - 1), str(offset)]
    assert lines[1].endswith(str(executed.computed["then"]))


def test_the_difference_names_what_is_new_gone_and_changed(executed: Executed) -> None:
    for text in (executed.shown("diff"), executed.printed("diff-text")):
        assert "stack" in text
        assert "baseline" in text
        assert "metrics.auc" in text
        assert "0.94" in text
        assert "forest" not in text
    assert "boosting" in executed.shown("diff", "text/html")


def test_the_frame_has_params_and_metrics_as_columns(executed: Executed) -> None:
    frame = executed.shown("frame")
    assert "params.depth" in frame
    assert "0.88" in frame
    assert executed.computed["gained"] == {"forest": 0.0, "boosting": 0.03}


def test_nothing_was_dropped_or_flagged(executed: Executed) -> None:
    state = executed.state["state"]
    assert (state["dropped"], state["flagged"]["count"], state["overflow"]) == (0, 0, 0)
