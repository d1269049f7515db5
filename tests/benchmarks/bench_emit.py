"""What watching costs the code that is watched, with the connection at work, and what peers cost in the same run.

    python -m tests.benchmarks.bench_emit

Times are in microseconds a call. Between two calls the program computes for a while, as real ones do.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import queue
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.client.hub import Hub

CALLS = 20_000
ITERATIONS = 2_000_000
WORK = 50e-6
"""Seconds of the program's own work between two calls."""


def work(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass


def measured(call: Callable[[int], object], calls: int = CALLS) -> list[float]:
    """The duration of each call in microseconds, sorted."""
    clock = time.perf_counter_ns
    durations = []
    for n in range(calls):
        work(WORK)
        began = clock()
        call(n)
        durations.append((clock() - began) / 1000)
    return sorted(durations)


def told(name: str, durations: list[float]) -> None:
    def at(share: float) -> float:
        return durations[min(len(durations) - 1, int(share * len(durations)))]

    print(f"{name:44} p50 {at(0.5):8.1f}   p99 {at(0.99):8.1f}   p99.9 {at(0.999):8.1f}   worst {durations[-1]:9.1f}")


def per_iteration(loop: Iterable[int]) -> float:
    """Nanoseconds an iteration of an empty loop takes."""
    began = time.perf_counter_ns()
    for _ in loop:
        pass
    return (time.perf_counter_ns() - began) / ITERATIONS


def emits() -> None:
    import tasktree_jupyter as tt

    tt.emit("node_update", node_id="first", changes={"title": "first"})
    assert tt.flush(30), tt.status()
    told(
        "emit node_update",
        measured(lambda n: tt.emit("node_update", node_id=f"n/{n}", changes={"title": "t", "status": "running"})),
    )
    with tt.task("run") as run, tt.task("t") as t:
        told(
            "task.update(progress, message, metrics)", measured(lambda n: t.update(0.5, "fold 2", metrics={"auc": 0.9}))
        )
        told("task.log(line)", measured(lambda n: t.log("converged")))

        def block(n: int) -> None:
            with tt.task("fit", params={"n": n}):
                pass

        told("with task(title, params): pass", measured(block))
        assert tt.flush(60), tt.status()
        print(f"{'an iteration of track':44} {per_iteration(run.track(range(ITERATIONS), 'count')):8.0f} ns")
    print(f"{'an iteration of range, for comparison':44} {per_iteration(range(ITERATIONS)):8.0f} ns")
    assert tt.flush(60), tt.status()
    (project,) = tt.status()["projects"]
    print(f"{project['offset']} events in the log, {project['dropped']} dropped")


def peers(folder: Path) -> None:
    lines: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    logger = logging.getLogger("peer")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(logging.handlers.QueueHandler(lines))
    listener = logging.handlers.QueueListener(lines, logging.FileHandler(folder / "peer.log"))
    listener.start()
    told("peer: a logging line by QueueHandler", measured(lambda n: logger.info("node %s running", n)))
    listener.stop()
    try:
        from tqdm import tqdm  # type: ignore[import-untyped]
    except ImportError:
        print("peer: tqdm isn't installed")
    else:
        with open(os.devnull, "w") as nowhere:
            spent = per_iteration(tqdm(range(ITERATIONS), file=nowhere))
        print(f"{'peer: an iteration of tqdm':44} {spent:8.0f} ns")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="tasktree-bench-") as name:
        folder = Path(name)
        hub = Hub(folder)
        hub.start()
        os.environ.update(hub.environment())
        try:
            print(f"Python {sys.version.split()[0]}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
            peers(folder)
            emits()
            peers(folder)
        finally:
            hub.stop()


if __name__ == "__main__":
    main()
