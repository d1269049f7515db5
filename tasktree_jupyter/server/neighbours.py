"""The other servers on the same folder, and whom they hear: a source that is connected there isn't silent here.

Each server keeps one small file beside the logs. It is written at the start, and every few seconds while there is
somebody who could read it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from tasktree_jupyter.server.intake import now_us
from tasktree_jupyter.server.logs import tell
from tasktree_jupyter.server.processes import Process, is_gone, this_process

FOLDER = "servers"


class Neighbour(msgspec.Struct, frozen=True):
    """What a server says of itself. `at`: when (µs). `sources`: those connected to it, by project."""

    process: Process
    since: int
    at: int
    kernels: list[str]
    sources: dict[str, list[str]]


_decode = msgspec.json.Decoder(Neighbour).decode


class Neighbours:
    """Our own file and those of others.

    `folder`: that of the logs; None: nobody shares them. `lasting`: how many seconds a file of another machine counts
    after it was written. `changed`: the projects of which they hear others than before the last exchange.
    """

    def __init__(self, folder: Path | None, lasting: float, logger: logging.Logger) -> None:
        self._folder = None if folder is None else folder / FOLDER
        self._lasting = lasting
        self._logger = logger
        self._since = now_us()
        self._name = f"{os.getpid()}-{secrets.token_hex(6)}.json"
        self._others: dict[str, Neighbour] = {}
        self._told = False
        self.changed: set[str] = set()

    async def exchange(self, kernels: list[str], sources: Mapping[str, list[str]]) -> bool:
        """Read the others' files, and write ours where there is anybody to read it: which kernels we run, whom we hear.

        In a thread: the folder may be on a slow network.

        Returns:
            whether a server is no longer there that was.
        """
        if self._folder is None:
            return False
        before, heard = self._others, _heard(self._others)
        try:
            self._others = await asyncio.to_thread(self._exchange, kernels, sources)
        except OSError as error:
            words = "Can't exchange with other servers in %s: %s"
            tell(self._logger, "neighbours.unreachable", words, self._folder, error, error=error)
        self.changed = {project_id for project_id, _ in heard ^ _heard(self._others)}
        return not before.keys() <= self._others.keys()

    def _exchange(self, kernels: list[str], sources: Mapping[str, list[str]]) -> dict[str, Neighbour]:
        assert self._folder is not None
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        others = self._read()
        if others or not self._told:
            self._write(kernels, sources)
            self._told = True
        return others

    def _read(self) -> dict[str, Neighbour]:
        assert self._folder is not None
        found = {}
        for path in self._folder.glob("*.json"):
            if path.name == self._name:
                continue
            try:
                other = _decode(path.read_bytes())
            except (OSError, msgspec.MsgspecError):
                continue
            if is_gone(other.process, other.since):
                with contextlib.suppress(OSError):
                    path.unlink()
            elif self._is_fresh(other) or _is_nearby(other.process):
                found[path.name] = other
        return found

    def _write(self, kernels: list[str], sources: Mapping[str, list[str]]) -> None:
        assert self._folder is not None
        about = Neighbour(this_process(), self._since, now_us(), kernels, dict(sources))
        unfinished = self._folder / f"{self._name}.part"
        unfinished.touch(mode=0o600)
        unfinished.write_bytes(msgspec.json.encode(about))
        unfinished.replace(self._folder / self._name)

    def hear(self, project_id: str, source_id: str) -> bool:
        """Return whether another server has heard a source lately."""
        return any(
            source_id in other.sources.get(project_id, ()) and self._is_fresh(other) for other in self._others.values()
        )

    def heard(self) -> Iterator[tuple[str, str, int]]:
        """Yield the sources that other servers hear, with their project and when that was told (µs)."""
        for other in self._others.values():
            for project_id, sources in other.sources.items():
                yield from ((project_id, source_id, other.at) for source_id in sources)

    def run(self, kernel_id: str) -> bool:
        """Return whether another server that lives runs a kernel."""
        return any(kernel_id in other.kernels for other in self._others.values())

    def _is_fresh(self, other: Neighbour) -> bool:
        return now_us() - other.at < self._lasting * 1e6

    def leave(self) -> None:
        """Take our file away."""
        if self._folder is not None and self._told:
            with contextlib.suppress(OSError):
                (self._folder / self._name).unlink()


def _heard(others: Mapping[str, Neighbour]) -> set[tuple[str, str]]:
    return {
        (project_id, source_id)
        for other in others.values()
        for project_id, sources in other.sources.items()
        for source_id in sources
    }


def _is_nearby(process: Process) -> bool:
    """Whether it would be certain if that process had ended."""
    ours = this_process()
    return (process.host, process.namespace) == (ours.host, ours.namespace)
