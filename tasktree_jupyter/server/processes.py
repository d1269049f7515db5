"""What the system says about processes: whether one is alive, and in words how one ended."""

from __future__ import annotations

import os
import platform
import signal
import time
from pathlib import Path
from typing import Any

import msgspec
from jupyter_server.utils import check_pid

MAX_TEXT = 255
"""The longest text of a process's description that is kept."""

_CLOCK_SECONDS = 5.0
"""How far two ways to tell a process's start may differ (seconds)."""


class Process(msgspec.Struct, frozen=True, omit_defaults=True):
    """A process as it describes itself. `namespace`: what its `pid` counts in; None: the machine, or unknown.

    `kernel_id` is that of the kernel that it *is*; what a kernel starts or forks is another process.
    """

    host: str | None = None
    pid: int | None = None
    namespace: str | None = None
    kernel_id: str | None = None


def this_process() -> Process:
    """Return the description of the process that this runs in."""
    return Process(platform.node(), os.getpid(), pid_namespace())


def pid_namespace() -> str | None:
    """What process numbers count in here: containers may share a host's name and still have their own."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return None


def is_gone(process: Process, since: int) -> bool:
    """Return whether it is certain that a process has ended; `since`: it was alive then (µs since 1970).

    Of other machines and other containers nothing is certain.
    """
    if process.pid is None or process.pid <= 0 or process.host != platform.node():
        return False
    if process.namespace != pid_namespace():
        return False
    try:
        alive = check_pid(process.pid)
    except (OSError, OverflowError):
        return False
    if not alive:
        return True
    # The number may be in use again.
    started = _started_at(process.pid)
    return started is not None and started > since / 1e6 + _CLOCK_SECONDS


def _started_at(pid: int) -> float | None:
    """When a process began (seconds since 1970); None where the system doesn't tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
        ticks = int(stat.rpartition(")")[2].split()[19])
        up = float(Path("/proc/uptime").read_text("ascii").split()[0])
        return time.time() - up + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None


def process_of(value: Any) -> Process:
    """Return what a client or a stored record says of a process; what makes no sense is left out."""
    if not isinstance(value, dict):
        return Process()

    def text(key: str) -> str | None:
        given = value.get(key)
        return given if isinstance(given, str) and 0 < len(given) <= MAX_TEXT else None

    pid = value.get("pid")
    known = isinstance(pid, int) and not isinstance(pid, bool) and 0 < pid < 2**53
    return Process(text("host"), pid if known else None, text("namespace"), text("kernel_id"))


def exit_words(code: int | None, *, out_of_memory: bool = False) -> str:
    """Return how a process ended, for people. `code` is `subprocess`'s; negative: the signal that killed it."""
    if code is None:
        return "its process is gone"
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"killed by {name}{', probably out of memory' if out_of_memory and name == 'SIGKILL' else ''}"


class MemoryKills:
    """Whether the system has killed anything lately for want of memory, as far as it tells."""

    def __init__(self, source: Path = Path("/proc/vmstat")) -> None:
        self._source = source
        self._before = self._count()
        self._now = self._before

    def _count(self) -> int | None:
        try:
            for line in self._source.read_text("ascii").splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
        except (OSError, ValueError):
            pass
        return None

    def look(self) -> None:
        """Take note of how it stands; call it every few seconds."""
        self._before, self._now = self._now, self._count()

    @property
    def lately(self) -> bool:
        """Whether there was one since the look before the last."""
        now = self._count()
        return now is not None and self._before is not None and now > self._before
