"""The commands under way: each is ended with all that it started, and none outlives the run."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from pathlib import Path

MOST_SECONDS = 1800


class Stopped(Exception):
    """The whole run is being ended: nothing new may start."""


class Processes:
    """The commands under way, each with all that it started, so that nothing outlives this run."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False
        self._lock = threading.Lock()

    def add(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._running.add(process)
            stopped = self._stopped
        if stopped:
            self.kill(process)

    def remove(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._running.discard(process)
            if self._stopped:
                raise Stopped

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        if os.name == "nt":
            process.kill()
        else:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            self.kill(process)


PROCESSES = Processes()


def run(command: list[str], folder: Path, environment: dict[str, str], seconds: int = MOST_SECONDS) -> tuple[str, int]:
    """Run a command to its end, or kill it after `seconds`. Returns its whole output and its exit code."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=os.name != "nt",
    )
    PROCESSES.add(process)
    try:
        output, _ = process.communicate(timeout=seconds)
        return output.decode("utf-8", "replace"), process.returncode
    except subprocess.TimeoutExpired:
        PROCESSES.kill(process)
        output, _ = process.communicate()
        return output.decode("utf-8", "replace") + f"\nstopped after {seconds} s", 124
    except BaseException:
        PROCESSES.kill(process)
        raise
    finally:
        PROCESSES.remove(process)
