"""`WebSocketService` and `useWebSocket` of the npm package against a real server: the seed's client, whole."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from tests.client.hub import TOKEN, Hub
from tests.npm.conftest import StartNode

JITTER = 0.5
EIGHT: list[tuple[str, dict[str, Any]]] = [
    ("orchestrator_started", {"status": "running", "a2amcp_enabled": True}),
    ("node_update", {"node_id": "etl/7", "changes": {"title": "Load"}}),
    ("task_status_changed", {"task_id": "etl/7", "status": "in_progress"}),
    ("state_transition", {"from": "running", "to": "review", "context": {"node_id": "etl/7"}}),
    ("coordination_update", {"active_agents": 1, "agents": {"ada": {"status": "busy"}}}),
    ("mission_snapshot", {"snapshot_id": "s1", "timestamp": "2026-01-31T14:02:11Z"}),
    ("orchestrator_error", {"error": "no more memory"}),
    ("orchestrator_stopped", {"status": "stopped"}),
]


def publish(hub: Hub, project: str, *events: tuple[str, dict[str, Any]]) -> None:
    body = {"events": [{"type": kind, "data": data} for kind, data in events]}
    request = urllib.request.Request(f"{hub.url}tasktree/api/projects/{project}/events", json.dumps(body).encode())
    request.add_header("Authorization", f"token {TOKEN}")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert json.load(answer)["rejected"] == []


def again(hub: Hub) -> None:
    """Start it where it was."""
    place = (f"--ServerApp.port={hub.port}", "--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=0")
    hub.start(place=place)


def test_a_plain_client_gets_the_eight_types_and_may_send(hub: Hub, start_node: StartNode) -> None:
    client = start_node("service.mjs")
    client.make(hub, project="eight")
    client.do("connect")
    client.state("open")
    publish(hub, "eight", *EIGHT)
    messages = [client.next("message") for _ in EIGHT]
    assert [(message["type"], message["data"]) for message in messages] == EIGHT
    assert {frozenset(message) for message in messages} == {frozenset({"type", "project_id", "data", "timestamp"})}

    log = {"node_id": "etl/7", "level": "info", "message": "from the page"}
    client.do("send", message={"type": "node_log", "project_id": "eight", "data": log})
    assert client.next("sent") is True
    assert client.next("message")["data"] == log
    assert hub.events("eight")[-1]["data"] == log
    client.do("send", message={"type": "node_log", "project_id": "eight", "data": {"node_id": "etl/7"}})
    refused = client.next("message")
    assert (refused["type"], refused["data"]["field"]) == ("error", "data.level")

    client.do("unsubscribe")
    assert client.next("was") is True
    client.do("disconnect")
    assert client.state("stopped")["reason"] == "disconnected"


def test_delays_grow_to_their_cap_the_maximum_is_told_and_retry_now_comes_back(hub: Hub, start_node: StartNode) -> None:
    client = start_node("service.mjs")
    client.make(hub, reconnectDelay=20, maxReconnectDelay=100, maxAttempts=5)
    client.do("connect")
    client.state("open")
    hub.stop()
    waits = [client.state("waiting") for _ in range(5)]
    assert [wait["attempt"] for wait in waits] == [1, 2, 3, 4, 5]
    for wait, longest in zip(waits, (20, 40, 80, 100, 100), strict=True):
        # A millisecond or more passes between the choice of the delay and its report.
        assert longest * (1 - JITTER) - 15 <= wait["wait"] <= longest
    stopped = client.state("stopped")
    assert stopped["reason"] == "max_attempts"
    assert "Retry" in stopped["message"]
    client.do("send", message={"type": "node_log", "data": {}})
    assert client.next("sent") is False

    again(hub)
    client.do("retryNow")
    client.state("connecting")
    client.state("open")
    publish(hub, "later", EIGHT[1])
    assert client.next("message")["project_id"] == "later"


def test_a_component_follows_the_connection_through_a_restart(hub: Hub, start_node: StartNode) -> None:
    page = start_node("hook.mjs")
    page.make(hub, "show", reconnectDelay=50, maxReconnectDelay=200)
    page.until("text", lambda text: text == "open: ")
    publish(hub, "hook", ("task_status_changed", {"task_id": "a", "status": "failed"}))
    assert page.next("text") == "open: a"

    hub.stop()
    page.until("text", lambda text: text == "waiting: a")
    page.do("click", button="send")
    assert page.next("sent") is False
    again(hub)
    page.until("text", lambda text: text == "open: a")
    page.do("click", button="send")
    assert page.next("sent") is True
    assert page.next("text") == "open: a mine"
    page.do("leave")
    assert page.next("text") is None
