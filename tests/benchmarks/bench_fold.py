"""What the fold costs: time an event, memory a node, and how long a full garbage collection holds up Jupyter's loop.

    python tests/benchmarks/bench_fold.py [NODES]

The peer is the same state as plain dicts, which is what a fold without a thought for the collector would keep.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from tasktree_jupyter.core.pending import Pending
from tasktree_jupyter.core.shape import check_envelope
from tasktree_jupyter.core.tree import TaskTree
from tasktree_jupyter.display.bundle import bundle

NODES = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
FAN_OUT = 100


def a_run(nodes: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """A mission with stages of 100 tasks; each task begins, reports twice and ends: about 4 events a node."""
    yield "node_update", {"node_id": "run", "changes": {"title": "Grid search", "status": "running", "expected": nodes}}
    for number in range(nodes - 1):
        stage = f"run/{number // FAN_OUT}"
        task = f"{stage}/{number % FAN_OUT}"
        if number % FAN_OUT == 0:
            changes: dict[str, Any] = {"parent_id": "run", "title": f"Stage {number // FAN_OUT}", "status": "running"}
            yield "node_update", {"node_id": stage, "changes": changes}
        changes = {
            "parent_id": stage,
            "title": f"fit {number}",
            "status": "running",
            "kind": "task",
            "agent": f"worker-{number % 8}",
            "params": {"lr": number / 1000, "depth": number % 12, "loss": "log"},
        }
        yield "node_update", {"node_id": task, "changes": changes}
        yield "node_update", {"node_id": task, "changes": {"progress": 0.5, "message": "fold 2"}}
        yield "node_update", {"node_id": task, "changes": {"progress": 0.9, "metrics": {"auc": 0.93, "n": number}}}
        yield "task_status_changed", {"task_id": task, "status": "completed"}


def as_events(bodies: Iterator[tuple[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return events as they are read from a log: decoded JSON that shares nothing."""
    encode, decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode
    return [
        decode(
            encode(
                {
                    "type": kind,
                    "project_id": "p",
                    "data": data,
                    "timestamp": f"2026-01-31T14:{offset // 60 % 60:02d}:{offset % 60:02d}.{offset % 1_000_000:06d}Z",
                    "source": "k3f9",
                    "seq": offset,
                    "offset": offset,
                    "at": 1_769_868_131_000_000 + offset,
                }
            )
        )
        for offset, (kind, data) in enumerate(bodies, 1)
    ]


def seconds(work: Callable[[], object], rounds: int = 3) -> float:
    """Return this process's own time for some work, the best of some rounds: what else runs here hardly counts."""
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


def collection() -> float:
    """Return the median time of a full collection, in milliseconds."""
    gc.collect()
    return statistics.median(seconds(gc.collect, 1) for _ in range(9)) * 1000


def folded(events: list[dict[str, Any]]) -> TaskTree:
    """Fold events from nothing."""
    tree = TaskTree()
    for event in events:
        tree.apply(event)
    return tree


def print_rate(what: str, count: int, took: float) -> None:
    print(f"{what:26}{count / took:12,.0f} events/s {took / count * 1e6:8.2f} µs an event")


def bench_events(events: list[dict[str, Any]]) -> None:
    """Time an event, on its way in and in the fold."""
    print_rate("fold", len(events), seconds(lambda: folded(events)))
    print_rate("shape of an envelope", len(events), seconds(lambda: [check_envelope(event) for event in events]))

    def check_all() -> None:
        tree, pending = TaskTree(), Pending()
        for event in events:
            pending.check(tree, event["type"], event["data"])

    print_rate("check against the state", len(events), seconds(check_all))


def bench_whole(tree: TaskTree) -> None:
    """Time what is done with whole states."""
    state, nodes = tree.state(), list(tree.nodes())
    size = len(msgspec.json.encode([state, nodes])) / 1e6
    for what, work in (
        ("nodes()", lambda: list(tree.nodes())),
        ("nodes(rollups=True)", lambda: list(tree.nodes(rollups=True))),
        ("node_bytes() of all", lambda: [tree.node_bytes(node_id) for node_id in tree.walk()]),
        ("load()", lambda: TaskTree.load(state, nodes)),
    ):
        took = seconds(work)
        print(f"{what:26}{took * 1000:12.0f} ms       {took / len(tree) * 1e6:8.2f} µs a node ({size:.0f} MB of JSON)")
    known: dict[str, Any] = {"project_id": "p", "title": "a notebook", "epoch": "k3f9", "offset": tree.offset, "at": 0}
    took = seconds(lambda: bundle(tree, "run", **known))
    print(f"{'bundle for a cell':26}{took * 1000:12.0f} ms")
    first, again = seconds(lambda: tree.missions(20), 1), seconds(lambda: tree.missions(20))
    print(f"{'missions(20)':26}{first * 1000:12.1f} ms first  {again * 1e6:8.2f} µs after that")


def bench_memory(text: bytes, baseline: float) -> None:
    """Measure bytes a node and the pause of a full collection, beside plain dicts that hold the same."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tree = folded(msgspec.json.decode(text))
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    print(f"{'memory':26}{held / len(tree):12.0f} bytes a node")
    print(f"{'full collection':26}{collection():12.2f} ms with {len(tree)} nodes ({baseline:.2f} ms before)")
    dicts = {node["node_id"]: node for node in tree.nodes(rollups=True)}
    del tree
    print(f"{'  peer: plain dicts':26}{collection():12.2f} ms with {len(dicts)} nodes")


def main() -> None:
    """Print every number."""
    baseline = collection()
    events = as_events(a_run(NODES))
    print(f"{NODES} nodes, {len(events)} events, Python {sys.version.split()[0]}")
    # The events themselves are not the fold's: no collection shall look at them.
    gc.freeze()
    bench_events(events)
    bench_whole(folded(events))
    text = msgspec.json.encode(events)
    events.clear()
    gc.unfreeze()
    bench_memory(text, baseline)


if __name__ == "__main__":
    main()
