"""The server is away for minutes while a process goes on emitting: in the end everything is there, in order, once.

    python -m tests.faults.away [--seconds 300] [--events 200000] [--seed N]

The server is killed, the process emits in bursts, and the server starts again on another port while the process still
emits. The checker compares the log with what was emitted. Each emit is timed; so is, in a process beside it that has
no TaskTree but an idle thread, a piece of work about as long: what the machine alone does to the slowest of them. Of
the connection's thread it is told how much processor time it takes between two pauses: so long an emit may have to wait
for it, on a machine that isn't busy with others. It ends with 1 where a promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.core.canonical import canonical, fold
from tests.faults.checker import Violation, check
from tests.faults.history import Acknowledged, Final, History, Logged, Sent, Settled, logged, mark
from tests.faults.processes import Party, Server, clean_up_when_ended

PROJECT = "away"
NAME = "emitter"
PATIENCE = 300.0
BEFORE = 200
AFTER = 0.05
"""How much is emitted when the server is back, as a share of the rest."""
WORK = 20e-6
"""Seconds of the program's own work between two emits."""
LIMIT = 1000.0
"""What 99.9 % of all emits must stay below, in microseconds; or three times what they take beside an idle thread."""


def story(seed: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is emitted, the same each time for a seed: the log can be held against it."""
    draw = random.Random(seed)
    n = 0
    while True:
        node = f"n/{draw.randrange(500)}"
        if draw.random() < 0.8:
            changes = {
                "title": node,
                "status": "running",
                "progress": draw.random(),
                "metrics": {"loss": draw.random()},
            }
            kind, data = "node_update", {"node_id": node, "changes": changes}
        else:
            kind, data = "node_log", {"node_id": node, "level": "info", "message": "x" * draw.randrange(200)}
        yield kind, {**data, "emitter": NAME, "n": n}
        n += 1


# The emitter, a process of its own


class Stopwatch:
    """Does something in bursts, evenly over a time, and keeps how long each call took, in nanoseconds."""

    def __init__(self, call: Callable[[str, dict[str, Any]], object], seed: str) -> None:
        self.durations: list[int] = []
        self._call = call
        self._events = story(seed)
        self._draw = random.Random(f"bursts-{seed}")

    def run(self, count: int, seconds: float) -> None:
        began, done = time.perf_counter(), 0
        clock = time.perf_counter_ns
        while done < count:
            burst = min(self._draw.choice([1, 1, 5, 20, 200]), count - done)
            for _ in range(burst):
                kind, data = next(self._events)
                until = clock() + int(WORK * 1e9)
                while clock() < until:
                    pass
                start = clock()
                self._call(kind, data)
                self.durations.append(clock() - start)
            done += burst
            time.sleep(max(0.0, began + seconds * done / count - time.perf_counter()))


def time_stretches() -> list[int]:
    """Return a list that takes the processor time of the connection's thread between two pauses, in nanoseconds."""
    from tasktree_jupyter.client.connection import Connection

    stretches: list[int] = []
    wait_for_next, began = Connection._next, [0]

    def timed(self: Connection, wait: float | None) -> Any:
        if wait == 0:
            return wait_for_next(self, wait)
        stretches.append(time.thread_time_ns() - began[0])
        item = wait_for_next(self, wait)
        began[0] = time.thread_time_ns()
        return item

    Connection._next = timed  # type: ignore[method-assign]
    return stretches


def emit(seconds: float, count: int, seed: str) -> None:
    """Emit before, while and after the server is away, as lines tell."""
    import tasktree_jupyter as tt
    from tasktree_jupyter.client import connection

    # Else a short run would mostly wait for the next try.
    connection._LONGEST_DELAY = min(connection._LONGEST_DELAY, max(1.0, seconds / 4))  # type: ignore[misc]
    stretches = time_stretches()
    watch = Stopwatch(lambda kind, data: tt.emit(kind, data, project=PROJECT), seed)
    watch.run(BEFORE, 0.1)
    assert tt.flush(PATIENCE), tt.status()
    watch.durations.clear()
    stretches.clear()
    print("begun", flush=True)
    sys.stdin.readline()
    watch.run(count, seconds)
    (project,) = tt.status()["projects"]
    told = {"emits": figures(watch.durations), "stretches": figures([*stretches])}
    print("away", json.dumps({**project, **told}), flush=True)
    sys.stdin.readline()
    watch.run(int(count * AFTER), seconds * AFTER)
    assert tt.flush(PATIENCE), tt.status()
    (project,) = tt.status()["projects"]
    told = {"emits": figures(watch.durations), "stretches": figures([*stretches])}
    print("settled", json.dumps({**project, **told}), flush=True)


def idle(seconds: float, count: int, seed: str) -> None:
    """Do work about as long as an emit, beside a thread that only wakes now and then."""
    from tasktree_jupyter.client.encode import Bounds, encode

    kept: deque[bytes] = deque(maxlen=1000)
    stop = threading.Event()

    def wake() -> None:
        while not stop.wait(0.1):
            pass

    thread = threading.Thread(target=wake, daemon=True)
    thread.start()
    watch = Stopwatch(lambda kind, data: kept.append(encode(kind, data, Bounds())), seed)
    sys.stdin.readline()
    watch.run(count, seconds)
    print("idle", json.dumps(figures(watch.durations)), flush=True)
    stop.set()


def figures(durations: list[int]) -> dict[str, float]:
    """Microseconds within which so many were done."""
    ordered = sorted(durations)
    shares = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "worst": 1.0}
    return {name: ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1000 for name, share in shares.items()}


# The run


@dataclass
class Report:
    """What a run saw."""

    emitted: int = 0
    on_disk: int = 0
    dropped: int = 0
    catching_up: float = 0.0
    away: dict[str, float] = field(default_factory=dict)
    whole: dict[str, float] = field(default_factory=dict)
    idle: dict[str, float] = field(default_factory=dict)
    away_stretches: dict[str, float] = field(default_factory=dict)
    stretches: dict[str, float] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)

    def __str__(self) -> str:
        def told(name: str, shown: dict[str, float]) -> str:
            return f"{name:28}" + "   ".join(
                f"{share} {shown[share]:8.1f} µs" for share in ("p50", "p99", "p99.9", "worst")
            )

        lines = [
            f"{self.emitted} events emitted; {self.on_disk} were on disk when the server came back; {self.dropped} "
            f"dropped; all were in the log {self.catching_up:.1f} s after that",
            told("emit, the server away", self.away),
            told("emit, all of the run", self.whole),
            told("beside an idle thread", self.idle),
            told("its thread, server away", self.away_stretches),
            told("its thread, all of the run", self.stretches),
            *(str(violation) for violation in self.violations[:50]),
            f"{len(self.violations)} broken promises",
        ]
        return "\n".join(lines)


async def stay_away(folder: Path, seconds: float, events: int, *, seed: int = 0) -> Report:
    """Let the server be away so long while so many events are emitted, and return what came of it."""
    report = Report()
    server = Server(folder, folder / "logs")
    parties: list[Party] = []
    try:
        await server.up()
        words = [str(seconds), str(events), str(seed)]
        for role in ("emit", "idle"):
            parties.append(await Party.start(role, "tests.faults.away", server.environment(), folder, role, *words))
        emitter, beside = parties
        async with asyncio.timeout(seconds + 2 * PATIENCE):
            await emitter.line_with("begun")
            await asyncio.to_thread(server.kill)
            for party in parties:
                await party.say("go on")
            away = json.loads((await emitter.line_with("away")).partition(" ")[2])
            report.idle = json.loads((await beside.line_with("idle")).partition(" ")[2])
            report.away, report.away_stretches, report.on_disk = away["emits"], away["stretches"], away["on_disk"]
            await server.up()
            back = time.monotonic()
            await emitter.say("go on")
            settled = json.loads((await emitter.line_with("settled")).partition(" ")[2])
            report.whole, report.stretches = settled["emits"], settled["stretches"]
            report.catching_up = time.monotonic() - back
        report.emitted = BEFORE + events + int(events * AFTER)
        report.dropped = settled["dropped"]
        report.violations = await asyncio.to_thread(_compare, server, report.emitted, seed)
    finally:
        for party in parties:
            await party.end()
        server.kill()
    return report


def _compare(server: Server, emitted: int, seed: int) -> list[Violation]:
    events = server.events(PROJECT)
    log = [logged(event) for event in events]
    answer = server.ask(f"projects/{PROJECT}/state")
    nodes = [{key: value for key, value in node.items() if key != "rollup"} for node in answer["nodes"]]
    replayed = fold(events)
    state = Final(answer["epoch"], answer["offset"], canonical({"state": answer["state"], "nodes": nodes}))
    again = canonical({"state": replayed.state(), "nodes": list(replayed.nodes())})
    return check(
        History(
            epoch=state.epoch,
            log=log,
            state=state,
            emitters={NAME: [*_told(log, state.epoch, emitted, seed)]},
            subscribers={"replay of the log": [Final(state.epoch, replayed.offset, again)]},
        )
    )


def _told(log: list[Logged], epoch: str, emitted: int, seed: int) -> Iterator[Sent | Acknowledged | Settled]:
    """What the one source of the run was: nothing was dropped, so its numbers are those of the story."""
    source = next((event.source for event in log if event.source is not None), "")
    told = [next_ for _, next_ in zip(range(emitted), story(str(seed)), strict=False)]
    yield Sent(source, 1, [mark(kind, data) for kind, data in told], list(range(emitted)))
    yield Acknowledged(source, emitted, epoch, log[-1].offset if log else 0, [])
    yield Settled(emitted)


def main(arguments: list[str]) -> int:
    if arguments and arguments[0] in ("emit", "idle"):
        role, seconds, events, seed = arguments
        {"emit": emit, "idle": idle}[role](float(seconds), int(events), seed)
        return 0
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args(arguments)
    clean_up_when_ended()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="tasktree-away-") as temporary:
        report = asyncio.run(stay_away(Path(temporary), options.seconds, options.events, seed=options.seed))
    print(report)
    # A machine that is busy with others keeps everybody waiting.
    limit = max(LIMIT, 3 * report.idle["p99.9"])
    return 1 if report.violations or report.dropped or report.whole["p99.9"] > limit else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
