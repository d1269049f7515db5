"""Client and server one version apart, both ways: what one doesn't know, it leaves alone.

The other versions are played, from the protocol's rules (docs/protocol.md, Versions) and from what version 0.1.0 said
on the wire: a clone need not hold the history that an older copy would be built from, and a newer one isn't written.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.client.conftest import Run
from tests.client.discovery.played import AT, Frame, Played
from tests.client.hub import TOKEN, Hub

FIRST = frozenset({"ack", "ping", "pong", "publish", "resolve", "subscribe", "unsubscribe", "unwatch", "watch"})
RECORDED = json.loads((Path(__file__).parent / "frames-0.1.0.json").read_text("utf-8"))

PROGRAM = """
import json, threading, warnings
import tasktree_jupyter as tt
from tasktree_jupyter.client.session import session
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    assert tt.connect({url!r}, "t", timeout=20), tt.status()
    with tt.task("run"):
        tt.emit("my.event", n=1)
    assert tt.flush(20), tt.status()
    connection = session().connection
    connection.call(lambda: connection._send({{"op": "of.the.day.after", "ref": 10**6, "project_id": "minted"}}))
    heard, done = [], threading.Event()
    def on_event(event):
        heard.append(event["type"])
        if event["type"] == "my.event":
            done.set()
    tt.subscribe(on_event, since=0)
    assert done.wait(20), tt.status()
    tt.emit("my.event", n=2)
    assert tt.flush(20), tt.status()
print(json.dumps({{"told": [str(each.message) for each in told], "heard": heard, **tt.status()}}))
"""


def newer(frame: Frame) -> list[Frame]:
    """What a later server may add in version 1: operations, fields, kinds of events, another fold."""
    added: Frame = {"added": {"deep": [1]}, "op_version": 7}
    if frame["op"] == "welcome":
        added["limits"] = {**frame["limits"], "max_wishes": 3}
    if frame["op"] == "events":
        added["events"] = [{**event, "weight": 3} for event in frame["events"]]
    return [{"op": "weather", "sunny": True}, {**frame, **added}, {"op": "weather", "ref": frame.get("ref")}]


def play(run: Run, played: Played) -> dict[str, Any]:
    with played.running():
        result: dict[str, Any] = json.loads(run(PROGRAM.format(url=played.url))[0])
    return result


def test_an_older_server_gets_by_without_what_it_does_not_know(run: Run) -> None:
    played = Played(FIRST)
    result = play(run, played)
    assert (result["state"], result["told"]) == ("connected", [])
    assert "of.the.day.after" in {frame["op"] for frame in played.received}
    assert [event["data"].get("n") for event in played.log if event["type"] == "my.event"] == [1, 2]


def test_the_client_needs_no_operation_beyond_the_first_ones(run: Run) -> None:
    played = Played(FIRST)
    play(run, played)
    # Who the source is, is told all the same: a server that doesn't know the word says so, and that is all.
    assert {frame["op"] for frame in played.received} - FIRST == {"of.the.day.after", "source"}


def test_a_newer_server_may_say_more(run: Run) -> None:
    played = Played(FIRST | {"of.the.day.after"}, newer)
    teleport = {"type": "node_teleport", "data": {"node_id": "x"}, "timestamp": "2030-01-01T00:00:00Z"}
    played.log.append({**teleport, "project_id": "minted", "source": "another", "seq": 1, "offset": 1, "at": AT})
    result = play(run, played)
    assert (result["state"], result["told"], result["projects"][0]["project_id"]) == ("connected", [], "minted")
    assert [event["data"].get("n") for event in played.log if event["type"] == "my.event"] == [1, 2]
    assert result["heard"][0] == "node_teleport"
    assert "my.event" in result["heard"]


@pytest.mark.parametrize("conversation", RECORDED, ids=lambda conversation: conversation["name"])
def test_the_first_versions_client_is_understood(hub: Hub, conversation: dict[str, Any]) -> None:
    """What it said, recorded; and of the answers what it looked at."""
    headers = {"Authorization": f"token {TOKEN}"}
    url = hub.url.replace("http", "ws") + "tasktree/ws/updates"
    subprotocols = [Subprotocol("tasktree.v1.json")]
    with connect(url, additional_headers=headers, subprotocols=subprotocols, proxy=None, open_timeout=60) as ws:
        assert json.loads(ws.recv(20)).items() >= {"op": "welcome", "protocol": 1}.items()
        for turn in conversation["turns"]:
            ws.send(json.dumps(turn["send"]))
            for expected in turn["answers"]:
                answer = json.loads(ws.recv(20))
                assert {name: answer.get(name) for name in expected} == expected
