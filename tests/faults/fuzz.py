"""Nonsense, by the thousand, at a real server: raw frames, JSON in sound frames, requests. Nobody else may notice.

    python -m tests.faults.fuzz [--cases 100000] [--seed N]

It ends with 1 if the server crashed, answered 500 or `internal`, logged a traceback, kept a connection, a room, a task,
a descriptor or memory for each case, or if the witness, a subscriber that only listens, lost its connection or an
event.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from tasktree_jupyter.core.protocol import SUBPROTOCOL
from tasktree_jupyter.core.tree import TaskTree
from tests.client.hub import TOKEN
from tests.faults import counting
from tests.faults.nonsense import PROJECTS, envelope, frame, raw_frames, request, text, ws_frame
from tests.faults.processes import Server, clean_up_when_ended

WORKERS = 4
WAIT = 20.0
TEXTS_A_CONNECTION = 25
WITNESSED = "witnessed"
MEMORY_BYTES = 24 * 1024 * 1024
MEMORY_BYTES_A_CASE = 512
"""By how much the server's memory may grow: what is first used later, and what a log of what was stored takes."""

LAST_HANDLERS = 2
"""How many requests Tornado or a traceback may still hold: the last ones, whatever the number of cases."""

OF_ONE_LOG = 6
"""How many connections a log may keep for a while: for writing, for watching, and one of each thread that reads."""


@dataclass
class Findings:
    """What came of it. `failures` are what must not be."""

    cases: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    witnessed: int = 0
    grown: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{sum(self.cases.values())} cases in {self.seconds:.0f} s: {dict(self.cases)}",
                f"statuses {dict(sorted(self.statuses.items()))}",
                f"error codes {dict(self.codes.most_common())}",
                f"the server's memory grew by {self.grown / 1024 / 1024:.1f} MiB",
                f"the witness got {self.witnessed} events",
                *self.failures[:30],
                f"{len(self.failures)} failures",
            ]
        )


class Fuzz:
    """One run against one server."""

    def __init__(self, server: Server, seed: int) -> None:
        self.server = server
        self.findings = Findings()
        self._seed = seed
        self._url = f"ws://127.0.0.1:{server.port}/tasktree/ws/updates"
        self._kinds = {
            "raw": self._raw,
            "frames": self._frames,
            "envelopes": self._envelopes,
            "request": self._request_of,
            "handshake": self._handshake,
        }

    async def run(self, cases: int) -> Findings:
        """Send so many cases, from some connections at once, with a witness beside them."""
        began = time.monotonic()
        await self._tell_witness(0)
        before = await self._settled_counts(None)
        async with self._open(SUBPROTOCOL) as witness:
            await witness.recv()
            await witness.send(json.dumps({"op": "subscribe", "ref": 1, "project_id": WITNESSED}))
            while json.loads(await witness.recv())["op"] != "live":
                pass
            stop = asyncio.Event()
            telling = asyncio.ensure_future(self._keep_telling(stop))
            listening = asyncio.ensure_future(self._witness(witness))
            await asyncio.gather(*(self._work(n, cases // WORKERS) for n in range(WORKERS)))
            stop.set()
            told = await telling
            await self._tell_witness(-1)
            try:
                heard = await asyncio.wait_for(listening, WAIT)
            except (TimeoutError, WebSocketException) as error:
                self._fail(f"the witness lost its connection: {error!r}")
                heard = []
            self.findings.witnessed = len(heard)
            if heard != list(range(told)):
                self._fail(f"the witness got {len(heard)} events of {told}")
        await self._states()
        await self._no_leak(before)
        # Jupyter's page for paths that nobody serves fails where a request is refused before its login is looked at.
        self.findings.failures += [line for line in self.server.complaints() if "Template404" not in line]
        self.findings.seconds = time.monotonic() - began
        return self.findings

    def _fail(self, what: str) -> None:
        self.findings.failures.append(what)

    def _open(self, *subprotocols: str) -> connect:
        return connect(
            self._url,
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            additional_headers={"Authorization": f"token {TOKEN}"},
            proxy=None,
            max_size=None,
            ping_interval=None,
        )

    # The witness

    async def _tell_witness(self, n: int) -> None:
        body = json.dumps({"type": "my.event", "data": {"n": n}}).encode()
        status, _ = await self._request("POST", f"/tasktree/api/projects/{WITNESSED}/events", body)
        if status != 201:
            self._fail(f"the witness couldn't be told: {status}")

    async def _keep_telling(self, stop: asyncio.Event) -> int:
        told = 1
        while not stop.is_set():
            await self._tell_witness(told)
            told += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.1)
        return told

    async def _witness(self, ws: ClientConnection) -> list[int]:
        heard: list[int] = [0]
        while True:
            got = json.loads(await ws.recv())
            if got["op"] == "ping":
                await ws.send('{"op":"pong"}')
            if got.get("project_id") == WITNESSED and got["op"] == "events":
                ack = {"op": "ack", "project_id": WITNESSED, "offset": got["events"][-1]["offset"]}
                await ws.send(json.dumps(ack))
            for event in got.get("events", ()):
                if event["project_id"] == WITNESSED:
                    if event["data"]["n"] == -1:
                        return heard
                    heard.append(event["data"]["n"])

    # The cases

    async def _work(self, worker: int, cases: int) -> None:
        draw = random.Random(f"{self._seed}-{worker}")
        done = 0
        while done < cases:
            kind = draw.choices(["raw", "frames", "envelopes", "request", "handshake"], [20, 2, 1, 30, 1])[0]
            count = TEXTS_A_CONNECTION if kind in ("frames", "envelopes") else 1
            try:
                async with asyncio.timeout(WAIT):
                    await self._kinds[kind](draw)
            except (OSError, TimeoutError, WebSocketException, asyncio.IncompleteReadError) as error:
                self._fail(f"{kind}: {error!r}")
                if self.server.process is None or self.server.process.poll() is not None:
                    self._fail("the server is gone")
                    return
            self.findings.cases[kind] += count
            done += count

    async def _frames(self, draw: random.Random) -> None:
        async with self._open(SUBPROTOCOL) as ws:
            for _ in range(TEXTS_A_CONNECTION):
                await ws.send(text(frame(draw), draw).encode("utf-8", "replace"), text=True)
            await ws.send('{"op":"resolve","ref":987654,"kernel_id":5}')
            while (got := json.loads(await ws.recv())).get("ref") != 987654:
                self._see(got)

    async def _envelopes(self, draw: random.Random) -> None:
        async with self._open() as ws:
            for _ in range(TEXTS_A_CONNECTION):
                await ws.send(text(envelope(draw), draw).encode("utf-8", "replace"), text=True)
            await ws.send('{"type":"the last one"}')
            while True:
                got = json.loads(await ws.recv())
                if got["type"] == "error":
                    self._see(got["data"] | {"op": "error"})
                    if "the last one" in got["data"]["message"]:
                        return

    def _see(self, got: dict[str, Any]) -> None:
        if got.get("op") != "error":
            return
        self.findings.codes[got["code"]] += 1
        if got["code"] in ("internal", "storage"):
            self._fail(f"an answer {json.dumps(got)[:300]}")

    async def _raw(self, draw: random.Random) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        try:
            protocol = f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n" if draw.random() < 0.7 else ""
            writer.write(
                f"GET /tasktree/ws/updates HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\nUpgrade: websocket\r\n"
                f"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                f"Authorization: token {TOKEN}\r\n{protocol}\r\n".encode()
            )
            answer = await reader.readuntil(b"\r\n\r\n")
            if b" 101 " not in answer:
                self._fail(f"no upgrade: {answer[:200]!r}")
            writer.write(raw_frames(draw))
            ending = draw.random()
            if ending < 0.4:
                writer.write(ws_frame(b"\x03\xe8", opcode=8))
                writer.write_eof()
                while await reader.read(65_536):
                    pass
            elif ending < 0.7:
                writer.transport.abort()
        except OSError:
            # It may cut us off; that is its right.
            pass
        finally:
            writer.close()

    async def _handshake(self, draw: random.Random) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        try:
            lines = [
                "GET /tasktree/ws/updates HTTP/1.1",
                f"Host: x{draw.randrange(9)}",
                "Upgrade: websocket",
                "\x00: \x7f",
            ]
            lines += [f"Sec-WebSocket-Key: {draw.randrange(9)}", f"Authorization: TaskTree {'é' * draw.randrange(9)}"]
            draw.shuffle(lines)
            writer.write("\r\n".join(lines[: draw.randint(0, 6)]).encode() + b"\r\n\r\n" + draw.randbytes(20))
            writer.write_eof()
            while await reader.read(65_536):
                pass
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def _request(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        try:
            length = "" if body is None else f"Content-Length: {len(body)}\r\n"
            writer.write(
                f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.server.port}\r\nConnection: close\r\n"
                f"Authorization: token {TOKEN}\r\n{length}\r\n".encode()
                + (body or b"")
            )
            answer = await reader.read(-1)
            return int(answer.split(b" ", 2)[1]), answer.partition(b"\r\n\r\n")[2]
        finally:
            writer.close()

    async def _request_of(self, draw: random.Random) -> None:
        method, path, body = request(draw)
        try:
            status, answer = await self._request(method, path, body)
        except ConnectionError:
            # It answers and closes without reading a body that it doesn't want.
            return
        self.findings.statuses[status] += 1
        if status >= 500:
            self._fail(f"{status} for {method} {path[:200]} {(body or b'')[:300]!r}: {answer[:300]!r}")

    # Afterwards

    async def _states(self) -> None:
        """What has been stored must still be readable by everyone."""
        for project in PROJECTS:
            status, answer = await self._request("GET", f"/tasktree/api/projects/{project}/state", None)
            if status != 200:
                self._fail(f"the state of {project} can't be read: {status} {answer[:200]!r}")
                continue
            state = json.loads(answer)
            nodes = [{key: value for key, value in node.items() if key != "rollup"} for node in state["nodes"]]
            TaskTree.load(state["state"], nodes)

    async def _settled_counts(self, before: dict[str, int] | None) -> dict[str, int]:
        """What the server holds once it has let go of all it will: rooms close when nobody has needed them a while."""
        until = time.monotonic() + WAIT
        while True:
            status, answer = await self._request("GET", "/tests/counts", None)
            assert status == 200, answer
            counts: dict[str, int] = json.loads(answer)
            at_rest = not counts["rooms"] and (before is None or all(counts[name] <= before[name] for name in before))
            if at_rest or time.monotonic() > until:
                return counts
            await asyncio.sleep(0.1)

    async def _no_leak(self, before: dict[str, int]) -> None:
        cases = sum(self.findings.cases.values())
        memory = before["memory"] + MEMORY_BYTES + cases * MEMORY_BYTES_A_CASE
        handlers = {name: before[name] + LAST_HANDLERS for name in ("TaskTreeHandler objects", "UpdatesSocket objects")}
        allowed = {**before, **handlers, "connections to one log": OF_ONE_LOG, "memory": memory}
        after = await self._settled_counts(allowed)
        for name, number in after.items():
            if number > allowed[name]:
                self._fail(f"{number} {name} are left, {before[name]} were before, {allowed[name]} may be")
        self.findings.grown = after["memory"] - before["memory"]


async def fuzz(folder: Path, cases: int, *, seed: int = 0) -> Findings:
    """Start a server, send it so many cases, and return what came of them."""
    server = Server(folder / "server", folder / "logs")
    try:
        await server.up(
            "--TaskTreeExtension.max_message_bytes=65536",
            # So that what is at rest is seen to be: these loops end at their next turn once nobody is there.
            "--TaskTreeExtension.room_idle=0.5",
            "--TaskTreeExtension.authorize_every=0.5",
            f"--ServerApp.jpserver_extensions={counting.NAME}=True",
        )
        return await Fuzz(server, seed).run(cases)
    finally:
        server.kill()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args(arguments)
    clean_up_when_ended()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="tasktree-fuzz-") as folder:
        findings = asyncio.run(fuzz(Path(folder), options.cases, seed=options.seed))
    print(findings)
    return 1 if findings.failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
