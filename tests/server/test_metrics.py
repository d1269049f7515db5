"""What Prometheus gets on Jupyter's `/metrics`: named as it should be, and exact."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from tornado.httpclient import HTTPClientError

from tasktree_jupyter._version import __version__
from tasktree_jupyter.server.metrics import DEFINITIONS, STATES
from tasktree_jupyter.server.tally import Counts
from tests.server.clients import WAIT, Connect, Fetch, Plain, Rest, update

UNITS = ("_bytes", "_seconds", "_info")
Scrape = Callable[[], Awaitable["Scraped"]]


class Scraped:
    """One answer of `/metrics`: our families, and our samples by name and label."""

    def __init__(self, text: str) -> None:
        found = text_string_to_metric_families(text)
        self.families: dict[str, Metric] = {each.name: each for each in found if each.name.startswith("tasktree")}
        self.samples = {
            (sample.name.removeprefix("tasktree_"), *sample.labels.values()): sample.value
            for family in self.families.values()
            for sample in family.samples
        }

    def __getitem__(self, key: str | tuple[str, ...]) -> float:
        return self.samples[(key,) if isinstance(key, str) else key]

    def since(self, before: Scraped) -> dict[str, float]:
        """The counters that have grown, with by how much; `name{label}`."""
        grown = {}
        for family in self.families.values():
            for sample in family.samples if family.type == "counter" else ():
                key = (sample.name.removeprefix("tasktree_"), *sample.labels.values())
                if self[key] != before[key]:
                    name = key[0].removesuffix("_total") + "".join(f"{{{label}}}" for label in key[1:])
                    grown[name] = self[key] - before[key]
        return grown


@pytest.fixture
def scrape(jp_fetch: Fetch) -> Scrape:
    async def scrape_() -> Scraped:
        response = await jp_fetch("metrics")
        assert response.headers["Content-Type"].startswith("text/plain")
        return Scraped(response.body.decode())

    return scrape_


def without_bytes(grown: dict[str, float]) -> dict[str, float]:
    return {name: number for name, number in grown.items() if not name.endswith("_bytes")}


async def test_names_helps_and_labels_are_as_prometheus_wants_them(rest: Rest, scrape: Scrape) -> None:
    await rest("GET", "version")

    scraped = await scrape()

    defined = {f"tasktree_{each.name.removesuffix('_total')}" for each in DEFINITIONS}
    histograms = {"tasktree_commit_duration_seconds", "tasktree_delivery_duration_seconds"}
    assert {name for name in scraped.families if not name.endswith("_created")} == defined | histograms | {
        "tasktree_info"
    }
    for name, family in scraped.families.items():
        assert re.fullmatch(r"tasktree(_[a-z0-9]+)+", name), name
        assert family.documentation.endswith("."), name
        assert family.documentation[0].isupper() or family.documentation[0].isdigit(), name
        assert "bytes" not in name or name.endswith("_bytes"), name
        if family.type == "histogram":
            assert name.endswith("_seconds")
            assert "seconds" in family.documentation
        for sample in family.samples:
            assert (family.type == "counter") == sample.name.endswith("_total"), sample.name
            assert set(sample.labels) <= {
                "kind",
                "state",
                "beginning",
                "reason",
                "code",
                "operation",
                "le",
                "version",
                "engine",
            }
    for definition in DEFINITIONS:
        assert (definition.kind == "counter") == definition.name.endswith("_total"), definition.name
        labels = {key[1:] for key in scraped.samples if key[0] == definition.name}
        assert labels == ({(value,) for value in definition.values} if definition.label else {()}), definition.name


async def test_traffic_is_counted_exactly(connect: Connect, plain: Plain, rest: Rest, scrape: Scrape) -> None:
    await rest("GET", "version")
    before = await scrape()
    emitting, following, simple = await connect(), await connect(), await plain("p")

    first = await emitting.publish("p", update("a", title="A"), update("b", title="B"), source="k", seq=1)
    await emitting.publish("p", update("b", title="B"), update("c", title="C"), source="k", seq=2)
    await emitting.publish("p", update("d", title="D"), {"type": "node_update", "data": {}}, source="k", seq=4)
    frames = await following.follow("p")
    await emitting.publish("p", update("e", title="E"), source="k", seq=9)
    await emitting.publish("p", update("e", title="E"), source="k", seq=9, dropped=3)
    await emitting.publish("p", update("e", title="E"), source="k", seq=9, dropped=3)
    pushed = await following.next()
    again = await following.ask("subscribe", project_id="p")
    await following.ask("unsubscribe", project_id="p")
    at = pushed["events"][-1]["at"]
    await following.follow("p", {"epoch": first["epoch"], "offset": 6, "at": at})
    await following.ask("unsubscribe", project_id="p")
    await following.follow("p", {"epoch": "another", "offset": 6, "at": at})
    await simple.send("no JSON")
    for _ in range(7):
        await simple.next()
    await rest("POST", "projects", "p", "events", body=update("f", title="F"))
    await simple.next()
    await following.next()
    during = await scrape()

    assert frames[-1]["offset"] == 4
    assert len(pushed["events"]) == 2
    assert again["code"] == "already_subscribed"
    assert without_bytes(during.since(before)) == {
        "connections_opened{v1}": 2,
        "connections_opened{plain}": 1,
        "events_received": 10,
        "events_stored": 7,
        "events_duplicate": 2,
        "events_rejected{invalid}": 1,
        "events_dropped": 3,
        # To the plain client all 7, to the other 2 at e, none at its return, and f.
        "events_delivered": 7 + 2 + 1,
        "publishes_failed{seq_gap}": 1,
        "frames_refused{seq_gap}": 1,
        "frames_refused{already_subscribed}": 1,
        "frames_refused{invalid_json}": 1,
        "subscribes{new}": 1,
        "subscribes{recovered}": 1,
        "subscribes{resync}": 1,
        "resyncs{epoch}": 1,
    }
    assert (during["connections", "v1"], during["connections", "plain"]) == (2, 1)
    assert [during["subscriptions", state] for state in STATES] == [1, 0, 0]
    assert (during["rooms"], during["nodes"]) == (1, 6)
    assert during["max_unacked_bytes"] == during["unacked_bytes"] > 0
    assert during["storage_degraded"] == 0
    assert during["info", "sqlite", __version__] == 1


async def test_a_gap_that_is_told_again_is_counted_once(connect: Connect, rest: Rest, scrape: Scrape) -> None:
    client = await connect()
    await client.publish("p", update("a", title="A"), source="k", seq=1)
    before = await scrape()

    await client.publish("p", update("b", title="B"), source="k", seq=4, dropped=2)
    await client.publish("p", update("b", title="B"), update("c", title="C"), source="k", seq=4, dropped=2)

    grown = (await scrape()).since(before)
    assert (grown["events_dropped"], grown["events_duplicate"], grown["events_stored"]) == (2, 1, 3)


async def test_commits_and_deliveries_are_timed_once_a_batch(connect: Connect, rest: Rest, scrape: Scrape) -> None:
    await rest("GET", "version")
    emitting, following = await connect(), await connect()
    await emitting.publish("p", update("a", title="A"))
    await following.follow("p")
    before, begun = await scrape(), time.perf_counter()

    for number in range(5):
        await emitting.publish("p", *(update(f"n{number}-{each}", title="x") for each in range(20)))
        await following.next()
    elapsed = time.perf_counter() - begun
    after = await scrape()

    for name in ("commit_duration_seconds", "delivery_duration_seconds"):
        assert after[f"{name}_count"] - before[f"{name}_count"] == 5
        assert 0 < after[f"{name}_sum"] - before[f"{name}_sum"] < elapsed
        buckets = [value for key, value in after.samples.items() if key[0] == f"{name}_bucket"]
        assert len(buckets) > 10
        assert buckets == sorted(buckets)
        assert buckets[-1] == after[f"{name}_bucket", "+Inf"] == after[f"{name}_count"]


async def test_who_is_connected_is_looked_up_and_leaves_with_a_reason(
    connect: Connect, plain: Plain, extension: Any, scrape: Scrape
) -> None:
    client, simple = await connect(), await plain()
    before = await scrape()

    client.ws.close()
    while extension.manager.number_of_connections > 1:
        await asyncio.wait_for(asyncio.sleep(0.01), WAIT)
    (kept,) = (each for each in extension.manager.connections if each.kind == "plain")
    kept.close(4001, "too slow")
    assert await simple.closed() == 4001
    await connect()
    after = await scrape()

    assert before["connections", "v1"] == before["connections", "plain"] == 1
    assert (after["connections", "v1"], after["connections", "plain"]) == (1, 0)
    assert after.since(before)["connections_closed{client}"] == 1
    assert after.since(before)["connections_closed{too_slow}"] == 1


@pytest.mark.parametrize("settings", [{"warn_connections": 2}])
async def test_the_alarm_is_a_metric_too(connect: Connect, extension: Any, scrape: Scrape) -> None:
    await connect()
    before = await scrape()

    for _ in range(6):
        await connect()
    after = await scrape()

    assert after["connections_warning_threshold"] == 2
    # At 3, and at 7: beyond twice the 3.
    assert after.since(before)["connections_warnings"] == 2


async def test_a_server_that_has_stopped_is_left_out(connect: Connect, extension: Any, scrape: Scrape) -> None:
    await connect()
    assert (await scrape())["connections", "v1"] == 1

    await extension.stop_extension()

    stopped = await scrape()
    assert stopped["connections", "v1"] == stopped["connections_warning_threshold"] == 0
    assert [key for key in stopped.samples if key[0] == "info"] == []


async def test_it_asks_for_the_login_that_jupyter_asks_for(jp_fetch: Fetch, jp_serverapp: Any) -> None:
    with pytest.raises(HTTPClientError) as refused:
        await jp_fetch("metrics", headers={"Authorization": "token wrong"})
    assert refused.value.code == 403


def test_a_value_that_a_label_doesnt_know_makes_no_new_one() -> None:
    counts = Counts(("a",))
    counts.add("a")
    counts.add("b")
    counts.add(None)

    assert counts.numbers == {"a": 1, "other": 2}
