"""A Jupyter server of one user, as a process: what the browser tests look at."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

T = TypeVar("T")

START_SECONDS = 90
SETTINGS = "lab/api/settings/tasktree-jupyter:settings"
NEWS = "@jupyterlab/apputils-extension/notification.jupyterlab-settings"


def wait_until(ask: Callable[[], T | None], what: str, seconds: float = 30) -> T:
    """Ask until the answer is true. Raises AssertionError, naming `what` and the last answer, after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s; last answer: {answer!r}"
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return probe.connect_ex(("127.0.0.1", port)) != 0


class Jupyter:
    """JupyterLab or Notebook 7 with everything it writes below `home`.

    `hub` False starts it with TaskTree's server extension disabled. Two servers with one `home` are two servers of one
    user: they share Jupyter's data folder, and so TaskTree's.
    """

    def __init__(
        self,
        home: Path,
        *,
        app: Literal["lab", "notebook"] = "lab",
        hub: bool = True,
        root: Path | None = None,
        options: tuple[str, ...] = (),
        port: int | None = None,
    ) -> None:
        self.home = home
        self.app = app
        self.hub = hub
        self.root = root or home / "notebooks"
        self.options = options
        self.token = secrets.token_hex(8)
        self.port = port or free_port()
        self.log = home / f"server-{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Jupyter:
        """Start it and wait until it answers. Raises AssertionError with its log if it doesn't."""
        settings = self.home / "settings"
        (settings / NEWS).parent.mkdir(parents=True, exist_ok=True)
        (settings / NEWS).write_text('{"fetchNews": "false", "checkForUpdates": false}', "utf-8")
        self.root.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "jupyterlab" if self.app == "lab" else "notebook",
            "--no-browser",
            "--allow-root",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.port={self.port}",
            "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={self.token}",
            f"--ServerApp.root_dir={self.root}",
            "--LabApp.extension_manager=readonly",
            "--LabApp.expose_app_in_browser=True",
            "--JupyterNotebookApp.expose_app_in_browser=True",
            *self.options,
        ]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.home,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._answers, f"{self.app} answers", START_SECONDS)
        return self

    def environment(self) -> dict[str, str]:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "TASKTREE"))
        }
        config = self.home / ("config" if self.hub else "config-without-hub")
        config.mkdir(parents=True, exist_ok=True)
        if not self.hub:
            disabled = {"ServerApp": {"jpserver_extensions": {"tasktree_jupyter": False}}}
            (config / "jupyter_server_config.json").write_text(json.dumps(disabled), "utf-8")
        environment |= {
            "HOME": str(self.home),
            "USERPROFILE": str(self.home),
            "IPYTHONDIR": str(self.home / "ipython"),
            "JUPYTER_CONFIG_DIR": str(config),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(self.home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(self.home / f"workspaces-{self.port}"),
            # The user's config decides over the environment's, which enables the extension.
            "JUPYTER_PREFER_ENV_PATH": "0",
            "PYTHONSAFEPATH": "1",
        }
        return environment

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"{self.app} ended:\n{self.log.read_text('utf-8', 'replace')}"
        try:
            self.get("api/status")
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """Stop the server and its kernels; kill what doesn't go."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            self.request("POST", "api/shutdown")
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End it as a crash does: it has no time for anything."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def move(self) -> None:
        """Use another port from the next start on."""
        self.port = free_port()

    def restart(self) -> None:
        """Stop it and start it again on the same port, with the same token."""
        self.stop()
        self.start()

    def url(self, path: str) -> str:
        return f"{self.origin}/{path}"

    def request(self, method: str, path: str, body: object = None) -> Any:
        """Ask the server's REST interface with the token. Returns the JSON answer. Raises HTTPError, OSError."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url(path), data, method=method)
        request.add_header("Authorization", f"token {self.token}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=20) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def get(self, path: str) -> Any:
        return self.request("GET", path)

    def projects(self) -> list[dict[str, Any]]:
        """Info of every project that the hub knows."""
        found: list[dict[str, Any]] = self.get("tasktree/api/projects")["projects"]
        return found

    def state(self, project_id: str) -> dict[str, Any]:
        """A project's whole state; its nodes by id under "by_id" besides."""
        state: dict[str, Any] = self.get(f"tasktree/api/projects/{urllib.parse.quote(project_id, safe='')}/state")
        state["by_id"] = {node["node_id"]: node for node in state["nodes"]}
        return state

    def shut_down_kernels(self) -> None:
        """End all sessions and kernels, as a user does in the panel of running kernels."""
        for session in self.get("api/sessions"):
            self.request("DELETE", f"api/sessions/{session['id']}")
        for kernel in wait_until(self._kernels, "the list of kernels")["kernels"]:
            self.request("DELETE", f"api/kernels/{kernel['id']}")

    def forget(self) -> None:
        """Delete every project, and what was chosen in the settings."""
        for project in self.projects():
            self.request("DELETE", f"tasktree/api/projects/{urllib.parse.quote(project['project_id'], safe='')}")
        self.request("PUT", SETTINGS, {"raw": "{}"})

    def _kernels(self) -> dict[str, Any] | None:
        """Jupyter can't list kernels (500) while one of them is just going."""
        try:
            return {"kernels": self.get("api/kernels")}
        except urllib.error.HTTPError:
            return None

    def kernel_states(self) -> list[str]:
        return [kernel["execution_state"] for kernel in self.get("api/kernels")]

    def read_notebook(self, name: str) -> dict[str, Any]:
        """The notebook as it lies on disk."""
        notebook: dict[str, Any] = json.loads((self.root / name).read_text("utf-8"))
        return notebook
