"""A page's hub against the real server: it comes back by itself, exactly where it was, or with the state as it is."""

from __future__ import annotations

from typing import Any

from tests.client.hub import Hub
from tests.npm.conftest import StartNode
from tests.npm.test_service import again, publish

NODE = ("node_update", {"node_id": "n", "changes": {"title": "N"}})
LINE = ("node_log", {"node_id": "n", "level": "info", "message": "counts"})


def live_at(offset: int) -> Any:
    return lambda seen: (seen["status"], seen["offset"]) == ("live", offset)


def test_it_comes_back_after_a_restart_a_deletion_and_a_new_life(hub: Hub, start_node: StartNode) -> None:
    publish(hub, "resume", NODE, LINE, LINE)
    page = start_node("hub.mjs")
    page.make(hub, "follow", project="resume", reconnectDelay=20, maxReconnectDelay=100)
    first = page.until("seen", live_at(3))

    hub.stop()
    page.until("seen", lambda seen: seen["status"] == "offline")
    again(hub)
    back = page.until("seen", live_at(3))
    publish(hub, "resume", LINE)
    grown = page.until("seen", live_at(4))

    assert first["counts"] == {"info": 2}
    assert (back["epoch"], back["counts"]) == (first["epoch"], {"info": 2})
    assert grown["counts"] == {"info": 3}

    hub.delete("projects/resume")
    gone = page.until("seen", lambda seen: seen["status"] == "gone")
    publish(hub, "resume", NODE, LINE)
    anew = page.until("seen", live_at(2))

    assert gone["counts"] == {"info": 3}
    assert anew["epoch"] != first["epoch"]
    assert anew["counts"] == {"info": 1}
