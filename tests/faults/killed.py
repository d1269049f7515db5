"""`kill -9` of many processes while the server is away: how much of their last moments is lost, and nothing else.

    python -m tests.faults.killed [--processes 20] [--seed N]

Each emits all the time and is killed at a random moment; then the server comes back, and one more process sends what
they left. It ends with 1 where anything but the end of what one emitted is missing, doubled or out of order, or where
more than a second of it is.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.processes import Party, Server, clean_up_when_ended

PATIENCE = 120.0
LIMIT = 1.0
_LINE = 40


@dataclass
class Report:
    """What a run saw: of each process the seconds before its death whose events are lost, and what went wrong."""

    emitted: int = 0
    arrived: int = 0
    windows: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        ordered = sorted(self.windows)
        middle, most = ordered[len(ordered) // 2], ordered[-1]
        lines = [
            f"{len(ordered)} processes killed: {self.arrived} of {self.emitted} events arrived; lost were the last "
            f"{1000 * middle:.0f} ms in the middle, {1000 * most:.0f} ms at most",
            *self.wrong,
        ]
        return "\n".join(lines)


def emit(project: str, note: str) -> None:
    """Emit for ever, and note when each event was emitted."""
    import tasktree_jupyter as tt

    file = os.open(note, os.O_WRONLY | os.O_CREAT)
    tt.emit("my.event", n=0, project=project)
    assert tt.flush(PATIENCE), tt.status()
    print("begun", os.getpid(), flush=True)
    n = 0
    while True:
        n += 1
        tt.emit("my.event", n=n, project=project)
        os.pwrite(file, f"{n} {time.time()}\n".encode().ljust(_LINE), _LINE * (n - 1))
        time.sleep(0.002)


def deliver() -> None:
    """Be the next process: stay until what the others left is sent."""
    import tasktree_jupyter as tt

    tt.emit("my.event", n=0, project="next")
    assert tt.flush(PATIENCE), tt.status()
    until = time.monotonic() + PATIENCE
    while tt.status()["late"]:
        assert time.monotonic() < until, tt.status()
        time.sleep(0.05)
    print("delivered", flush=True)


async def kill_processes(folder: Path, count: int, *, seed: int = 0) -> Report:
    """Kill so many processes while the server is away, and return what is lost."""
    draw, report = random.Random(seed), Report()
    server = Server(folder, folder / "logs")
    parties: list[Party] = []
    killed: list[float] = []
    names = [f"killed-{n}" for n in range(count)]
    notes = [folder / f"{name}.emitted" for name in names]
    try:
        await server.up()
        for name, note in zip(names, notes, strict=True):
            words = ["emit", name, str(note)]
            parties.append(await Party.start(name, "tests.faults.killed", server.environment(), folder, *words))
        for party in parties:
            await party.line_with("begun")
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(2)
        for party in parties:
            await asyncio.sleep(draw.uniform(0, 0.3))
            os.kill(party.pid, signal.SIGKILL)
            killed.append(time.time())
        await server.up()
        parties.append(await Party.start("next", "tests.faults.killed", server.environment(), folder, "deliver"))
        await parties[-1].line_with("delivered")
        for name, note, died in zip(names, notes, killed, strict=True):
            await asyncio.to_thread(_compare, report, server, name, note, died)
    finally:
        for party in parties:
            await party.end()
        server.kill()
    return report


def _compare(report: Report, server: Server, name: str, note: Path, died: float) -> None:
    emitted = [float(line.split()[1]) for line in note.read_text().splitlines() if len(line.split()) == 2]
    arrived = [event["data"]["n"] for event in server.events(name)]
    if arrived != list(range(len(arrived))):
        report.wrong.append(
            f"{name}: what arrived isn't the beginning of what was emitted: {json.dumps(arrived)[:300]}"
        )
    lost = emitted[len(arrived) - 1 :]
    report.emitted += len(emitted) + 1
    report.arrived += len(arrived)
    report.windows.append(died - lost[0] if lost else 0.0)


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["emit"]:
        emit(*arguments[1:])
    if arguments[:1] == ["deliver"]:
        deliver()
        return 0
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--processes", type=int, default=20)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args(arguments)
    clean_up_when_ended()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="tasktree-killed-") as temporary:
        report = asyncio.run(kill_processes(Path(temporary), options.processes, seed=options.seed))
    print(report)
    return 1 if report.wrong or max(report.windows) > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
