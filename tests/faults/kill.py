"""Rounds of `kill -9` of the server under load, and what the checker says of them.

    python -m tests.faults.kill [--rounds 100] [--servers 1] [--seed N] [--keep FOLDER]

Four emitters (the real client API; two find the server by its connection file, two go through the proxy) and twenty
subscribers that come and go at random, all through the proxy, which delays, throttles, slices, cuts and silences. With
two servers on one folder of logs, one of them is killed each round. Every ten rounds everybody settles, the checker
compares, and a new project begins. It ends with 1 where a promise was broken, or a server logged an error.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.client.hub import TOKEN
from tests.core.canonical import canonical, fold
from tests.faults.checker import Violation, check
from tests.faults.history import Acknowledged, Events, Final, History, Opened, Resync, heard, logged, told
from tests.faults.processes import Party, Server, clean_up_when_ended
from tests.faults.proxy import ROUGH, FaultProxy

EMITTERS = 4
SUBSCRIBERS = 20
RATE = 25.0
ROUNDS_A_PROJECT = 10
PATIENCE = 120.0


@dataclass
class Report:
    """What a run saw, so that a run in which nothing happened isn't taken for a sound one."""

    rounds: int = 0
    events: int = 0
    acknowledgements: int = 0
    connections: int = 0
    resyncs: int = 0
    deliveries: int = 0
    seconds: float = 0.0
    violations: list[Violation] = field(default_factory=list)
    complaints: Counter[str] = field(default_factory=Counter)

    @property
    def is_sound(self) -> bool:
        """Whether every promise was kept, and no server failed on the way."""
        return not self.violations and not self.complaints

    def __str__(self) -> str:
        lines = [
            f"{self.rounds} rounds in {self.seconds:.0f} s: {self.events} events in the log, {self.acknowledgements} "
            f"acknowledgements, {self.connections} subscriber connections, {self.resyncs} resyncs, "
            f"{self.deliveries} deliveries",
            *(f"{count} × in a server's log: {line}" for line, count in self.complaints.most_common(20)),
            *(str(violation) for violation in self.violations[:50]),
            f"{len(self.violations)} broken promises",
        ]
        return "\n".join(lines)


class Run:
    """Servers with a proxy before each, and parties around them."""

    def __init__(self, folder: Path, servers: int, seed: int) -> None:
        self.folder = folder
        self.report = Report()
        self._seed = seed
        self._draw = random.Random(seed)
        logs = folder / "logs"
        self._servers = [Server(folder / f"server-{n}", logs) for n in range(servers)]
        self._proxies = [FaultProxy(seed=seed + n) for n in range(servers)]

    async def rounds(self, count: int) -> Report:
        """Do so many rounds, and check."""
        began = time.monotonic()
        async with contextlib.AsyncExitStack() as stack:
            for proxy in self._proxies:
                await stack.enter_async_context(proxy)
            stack.callback(self._kill_all)
            await asyncio.gather(*(self._up(n) for n in range(len(self._servers))))
            for first in range(0, count, ROUNDS_A_PROJECT):
                await self._project(f"project-{first}", min(ROUNDS_A_PROJECT, count - first))
                if self.report.violations:
                    break
        self.report.seconds = time.monotonic() - began
        for server in self._servers:
            self.report.complaints.update(server.complaints())
        return self.report

    def _kill_all(self) -> None:
        for server in self._servers:
            server.kill()

    async def _up(self, n: int) -> None:
        await self._servers[n].up()
        self._proxies[n].target = self._servers[n].port

    async def _project(self, project: str, rounds: int) -> None:
        folder = self.folder / project
        folder.mkdir()
        for proxy in self._proxies:
            proxy.faults = ROUGH
        async with self._parties(project, folder) as (emitters, subscribers):
            acknowledged = asyncio.Semaphore(0)
            listening = [asyncio.ensure_future(self._listen(emitter, acknowledged)) for emitter in emitters]
            try:
                for _ in range(rounds):
                    await self._round(acknowledged)
                async with asyncio.timeout(PATIENCE):
                    history = await self._settle(project, folder, emitters, listening, subscribers)
            except TimeoutError:
                stuck = f"not everybody had come to an end after {PATIENCE:.0f} s"
                self.report.violations.append(Violation("lost", project, stuck))
                return
            finally:
                for task in listening:
                    task.cancel()
                await asyncio.gather(*listening, return_exceptions=True)
        self._count(history)
        self.report.violations += check(history)
        print(f"{project}: {self.report.rounds} rounds, {len(self.report.violations)} broken promises", flush=True)

    @contextlib.asynccontextmanager
    async def _parties(self, project: str, folder: Path) -> AsyncIterator[tuple[list[Party], Party]]:
        parties: list[Party] = []
        try:
            for n in range(EMITTERS):
                place = n % len(self._servers)
                name, server = f"emitter-{n}", self._servers[place]
                journal = folder / f"{name}.jsonl"
                # The first half finds its server by itself, the second half goes through the proxy.
                url = f"http://127.0.0.1:{self._proxies[place].port}/"
                way = [] if n < EMITTERS // 2 else [url, TOKEN]
                words = [name, project, str(journal), f"{self._seed}-{n}", str(RATE), *way]
                environment = server.environment()
                parties.append(await Party.start(name, "tests.faults.emitter", environment, folder, *words))
            urls = [f"ws://127.0.0.1:{proxy.port}/tasktree/ws/updates" for proxy in self._proxies]
            words = [str(SUBSCRIBERS), project, str(folder), str(self._seed), TOKEN, *urls]
            environment = self._servers[0].environment()
            parties.append(await Party.start("subscribers", "tests.faults.subscribers", environment, folder, *words))
            yield parties[:-1], parties[-1]
        finally:
            for party in parties:
                await party.end()

    async def _listen(self, emitter: Party, acknowledged: asyncio.Semaphore) -> str:
        """Count its acknowledgements, until it says how it ended."""
        while (line := await emitter.line()) == "acknowledged":
            acknowledged.release()
        return line

    async def _round(self, acknowledged: asyncio.Semaphore) -> None:
        """Let some be acknowledged, kill a server at a random moment after that, and start it again."""
        while not acknowledged.locked():
            await acknowledged.acquire()
        async with asyncio.timeout(PATIENCE):
            for _ in range(self._draw.randint(1, 40)):
                await acknowledged.acquire()
        await asyncio.sleep(self._draw.uniform(0, 0.05))
        n = self._draw.randrange(len(self._servers))
        await asyncio.to_thread(self._servers[n].kill)
        await self._up(n)
        self.report.rounds += 1

    async def _settle(
        self,
        project: str,
        folder: Path,
        emitters: list[Party],
        listening: Sequence[asyncio.Future[str]],
        subscribers: Party,
    ) -> History:
        """Let everybody come to an end in peace, and gather what they hold."""
        for proxy in self._proxies:
            proxy.calm()
        for emitter in emitters:
            await emitter.say("stop")
        for line in await asyncio.gather(*listening):
            assert line.startswith("settled"), line
        # Everything is acknowledged by now, so the log is at its end. A server's own state comes there a moment later
        # where another server stored the last of it.
        events = await asyncio.to_thread(self._servers[0].events, project)
        replayed = fold(events)
        states = [await asyncio.to_thread(_state_at, server, project, replayed.offset) for server in self._servers]
        state = states[0]
        await subscribers.say(f"{state.epoch} {state.offset}")
        await subscribers.line_with("held")
        names = [f"subscriber-{n}" for n in range(SUBSCRIBERS)]
        return History(
            epoch=state.epoch,
            log=[logged(event) for event in events],
            state=state,
            emitters={emitter.name: told(folder / f"{emitter.name}.jsonl") for emitter in emitters},
            subscribers={name: heard(folder / f"{name}.jsonl") for name in names}
            | {f"state of server {n}": [held] for n, held in enumerate(states)}
            | {
                "replay of the log": [
                    Final(state.epoch, replayed.offset, _text(replayed.state(), list(replayed.nodes())))
                ]
            },
        )

    def _count(self, history: History) -> None:
        report = self.report
        report.events += len(history.log)
        report.acknowledgements += sum(
            isinstance(record, Acknowledged) for records in history.emitters.values() for record in records
        )
        for records in history.subscribers.values():
            for record in records:
                report.connections += isinstance(record, Opened)
                report.resyncs += isinstance(record, Resync)
                report.deliveries += len(record.events) if isinstance(record, Events) else 0


def _state_at(server: Server, project: str, offset: int) -> Final:
    """Its state, once it holds as much of the log as this; what it holds at last where it never does."""
    deadline = time.monotonic() + PATIENCE / 4
    while (state := _state(server, project)).offset < offset and time.monotonic() < deadline:
        time.sleep(0.05)
    return state


def _state(server: Server, project: str) -> Final:
    answer = server.ask(f"projects/{project}/state")
    nodes = [{key: value for key, value in node.items() if key != "rollup"} for node in answer["nodes"]]
    return Final(answer["epoch"], answer["offset"], _text(answer["state"], nodes))


def _text(state: object, nodes: object) -> str:
    return canonical({"state": state, "nodes": nodes})


async def kill_rounds(folder: Path, rounds: int, *, servers: int = 1, seed: int = 0) -> Report:
    """Do so many rounds in a folder, and return what came of them."""
    return await Run(folder, servers, seed).rounds(rounds)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--servers", type=int, default=1, choices=[1, 2], help="servers on one folder of logs")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", type=Path, help="keep journals, logs and servers' output in this new folder")
    options = parser.parse_args(arguments)
    clean_up_when_ended()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="tasktree-kill-") as temporary:
        folder: Path = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        report = asyncio.run(kill_rounds(folder, options.rounds, servers=options.servers, seed=options.seed))
    print(report)
    return 0 if report.is_sound else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
