"""The processes of a run: servers, and programs that speak by lines. Each is ended by whoever started it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.client.hub import ROOT, Hub

SETTINGS = (
    # So that a silent connection is found out in seconds, folds are stored often, and slow subscribers are made so.
    "--TaskTreeExtension.ping_interval=1",
    "--TaskTreeExtension.fold_every=500",
    "--TaskTreeExtension.max_unacked_bytes=32768",
)


def clean_up_when_ended() -> None:
    """Let SIGTERM end a command as Ctrl-C does, so that it ends what it started."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


class Party:
    """A Python program beside the run. What it prints is read as it comes, its standard error kept."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, errors: Path) -> None:
        self.name = name
        self.pid = process.pid
        self._process = process
        self._errors = errors

    @classmethod
    async def start(cls, name: str, module: str, environment: Mapping[str, str], folder: Path, *words: str) -> Party:
        errors = folder / f"{name}.stderr"
        with errors.open("ab") as stderr:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                module,
                *words,
                cwd=ROOT,
                env=dict(environment),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
            )
        return cls(name, process, errors)

    async def line(self) -> str:
        """Wait for the next line. Raises AssertionError where the process has ended instead."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise AssertionError(f"{self.name} has ended: {self._errors.read_text('utf-8', 'replace')[-3000:]}")
        return line.decode().rstrip("\n")

    async def line_with(self, word: str) -> str:
        """Wait for the next line that begins with a word."""
        while not (line := await self.line()).startswith(word):
            pass
        return line

    async def say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        await self._process.stdin.drain()

    async def end(self) -> None:
        """End it where it hasn't ended by itself."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()


class Server(Hub):
    """A hub whose start and end don't hold up the run. Several may share the folder of logs."""

    def __init__(self, folder: Path, logs: Path) -> None:
        super().__init__(folder)
        self.logs = logs

    async def up(self, *settings: str) -> None:
        await asyncio.to_thread(self.start, *SETTINGS, *settings)

    def complaints(self) -> list[str]:
        """What it has logged as an error, without the time, and the last line of its traceback."""
        found: list[str] = []
        lines = self.log.read_text("utf-8", "replace").splitlines() if self.log.exists() else []
        within = False
        for line in lines:
            if line.startswith("[") or not line.startswith(" "):
                within = line.startswith(("[E ", "[C ", "Traceback"))
                if within:
                    found.append(line.partition("] ")[2][:300] or line)
            elif within and line.strip():
                found[-1] = f"{found[-1].partition(' … ')[0]} … {line.strip()[:300]}"
        return found
