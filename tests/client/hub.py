"""A real Jupyter server with the extension, in a process of its own, and real programs that use the client."""

from __future__ import annotations

import json
import os
import platform
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tasktree_jupyter.core.connection_file import file_name

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "of-the-tests"
PATIENCE = 60.0
START_PATIENCE = 150.0
"""A server's start is seconds of work, and several start at once on a busy machine."""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


TOKEN_LOGIN = (f"--IdentityProvider.token={TOKEN}",)
NO_LOGIN = ("--IdentityProvider.token=", "--PasswordIdentityProvider.hashed_password=")


def password_login(password: str) -> tuple[str, ...]:
    """Options of a server that asks for a password, and has no token."""
    from jupyter_server.auth.security import passwd

    # sha256: the usual argon2 takes a second a guess, which is its purpose and not ours.
    hashed = passwd(password, "sha256")  # type: ignore[no-untyped-call]
    return ("--IdentityProvider.token=", f"--PasswordIdentityProvider.hashed_password={hashed}")


class Hub:
    """A server with its own folders. It may be stopped and started again, on another port, over the same logs.

    `root` and `runtime` may be those of another server of the same user.
    """

    def __init__(self, folder: Path, *, root: Path | None = None, runtime: Path | None = None) -> None:
        self.folder = folder
        self.root = root or folder / "root"
        self.runtime = runtime or folder / "runtime"
        self.logs = folder / "logs"
        self.log = folder / "server.log"
        for path in (self.root, self.runtime, folder / "home"):
            path.mkdir(parents=True, exist_ok=True)
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None
        self.connection_file: Path | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def environment(self) -> dict[str, str]:
        """The environment that kernels of this server have."""
        ours = ("TASKTREE", "JUPYTER", "JPY")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return kept | {
            "HOME": str(self.folder / "home"),
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
            "JUPYTER_DATA_DIR": str(self.folder / "data"),
            "JUPYTER_CONFIG_DIR": str(self.folder / "config"),
            "JUPYTER_NO_CONFIG": "1",
            "PYTHONPATH": str(ROOT),
            **({"TASKTREE_CONNECTION_FILE": str(self.connection_file)} if self.connection_file else {}),
        }

    def start(
        self,
        *arguments: str,
        sock: str | None = None,
        login: tuple[str, ...] = TOKEN_LOGIN,
        place: tuple[str, ...] | None = None,
        extension: bool = True,
        wait: bool = True,
    ) -> None:
        """Start it and wait until kernels can find it.

        Args:
            arguments: more options.
            sock: a Unix socket to listen on.
            login: the options of its login.
            place: where it listens, instead of a free port of 127.0.0.1.
            extension: whether TaskTree is enabled.
            wait: whether to wait; else `wait_started` does.
        """
        self.connection_file = None
        self.port = free_port()
        if place is None:
            place = (f"--ServerApp.port={self.port}", "--ServerApp.ip=127.0.0.1", "--ServerApp.port_retries=50")
        command = [
            sys.executable,
            "-m",
            "jupyter_server",
            "--no-browser",
            "--allow-root",
            *([f"--sock={sock}"] if sock is not None else place),
            *login,
            f"--ServerApp.root_dir={self.root}",
            f"--ServerApp.jpserver_extensions=tasktree_jupyter={extension}",
            *([f"--TaskTreeExtension.data_dir={self.logs}"] if extension else []),
            *arguments,
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self.environment(), cwd=self.root, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        self.await_file("tasktree" if extension else "jpserver")
        if wait:
            self.wait_started()

    def await_file(self, kind: str) -> None:
        """Say which file tells that it has started."""
        assert self.process is not None
        pid = self.process.pid
        self._file = self.runtime / (file_name(pid, platform.node()) if kind == "tasktree" else f"{kind}-{pid}.json")

    def wait_started(self) -> None:
        """Wait until kernels can find it."""
        assert self.process is not None
        file = self._file
        until = time.monotonic() + START_PATIENCE
        while not file.exists():
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            assert time.monotonic() < until, f"no {file.name} after {START_PATIENCE} s"
            time.sleep(0.02)
        self.port = self._port()
        self.connection_file = file if file.name.startswith("tasktree") else None

    def _port(self) -> int:
        """The port it listens on: somebody else may have taken the one that was free."""
        assert self.process is not None
        until = time.monotonic() + PATIENCE
        while True:
            try:
                text = (self.runtime / f"jpserver-{self.process.pid}.json").read_text("utf-8")
                return int(json.loads(text)["port"])
            except ValueError:
                # It is being written.
                assert time.monotonic() < until
                time.sleep(0.02)

    def stop(self) -> None:
        """End it as a user does."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut does."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(timeout=PATIENCE)
            self.process = None

    def ask(self, path: str) -> Any:
        return self.get("tasktree/api/" + path)

    def get(self, path: str) -> Any:
        request = urllib.request.Request(self.url + path)
        request.add_header("Authorization", f"token {TOKEN}")
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def delete(self, path: str) -> None:
        request = urllib.request.Request(self.url + "tasktree/api/" + path, method="DELETE")
        request.add_header("Authorization", f"token {TOKEN}")
        urllib.request.urlopen(request, timeout=30).close()

    def events(self, project_id: str) -> list[dict[str, Any]]:
        """The whole log of a project."""
        events: list[dict[str, Any]] = []
        after: int | None = 0
        while after is not None:
            page = self.ask(f"projects/{quote(project_id, safe='')}/events?after={after}&limit=1000")
            events += page["events"]
            after = page["next"]
        return events

    def nodes(self, project_id: str) -> dict[str, dict[str, Any]]:
        """The project's nodes by id, parents first."""
        state = self.ask(f"projects/{quote(project_id, safe='')}/state")
        return {node["node_id"]: node for node in state["nodes"]}

    def projects(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("projects")["projects"]
        return found


class Program:
    """A Python program that runs beside the tests. By lines, each can wait for the other."""

    def __init__(
        self,
        file: Path,
        environment: dict[str, str],
        *arguments: str,
        folder: Path | None = None,
        python: str = sys.executable,
    ) -> None:
        self.process = subprocess.Popen(
            [python, str(file), *arguments],
            env=environment,
            cwd=folder or file.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def line(self) -> str:
        """Wait for the next line that it prints."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.rest()
        return line.rstrip("\n")

    def go_on(self) -> None:
        """Let its `input()` return."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def rest(self, timeout: float = 60) -> tuple[str, str]:
        """Wait for its end, and return what it printed on standard output and standard error."""
        return self.process.communicate(timeout=timeout)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


def written(folder: Path, code: str, name: str = "program.py") -> Path:
    file = folder / name
    file.write_text(code, "utf-8")
    return file


def lines(text: str) -> Iterator[Any]:
    """What a program printed as JSON, line by line."""
    for line in text.splitlines():
        yield json.loads(line)
