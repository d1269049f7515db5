"""JupyterHub's own single-user server, as a Hub starts it. Of the Hub itself only the answers are played."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.client.conftest import Run
from tests.client.discovery.conftest import TELL
from tests.client.hub import Hub, free_port

TOKEN = "of-the-server-of-ada"
USER = {
    "kind": "user",
    "name": "ada",
    "admin": False,
    "groups": [],
    "scopes": ["access:servers!server=ada/", "users:activity!user=ada"],
    "session_id": None,
}


class Answers(BaseHTTPRequestHandler):
    """What the Hub says to its single-user servers: who a token belongs to."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0].rstrip("/")
        if path == "/hub/api/user":
            known = self.headers.get("Authorization") == f"token {TOKEN}"
            self._answer(200, USER) if known else self._answer(403, {"message": "Missing or invalid credentials."})
        else:
            self._answer(200, {"version": "5.0.0"})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer(200, {})

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class SingleUser(Hub):
    """A single-user server, with the environment that a spawner gives it."""

    def __init__(self, folder: Path, api: str) -> None:
        super().__init__(folder)
        self.port = free_port()
        self.variables = {
            "JUPYTERHUB_API_TOKEN": TOKEN,
            "JUPYTERHUB_API_URL": api,
            "JUPYTERHUB_ACTIVITY_URL": f"{api}/users/ada/activity",
            "JUPYTERHUB_BASE_URL": "/",
            "JUPYTERHUB_CLIENT_ID": "jupyterhub-user-ada",
            "JUPYTERHUB_HOST": "",
            "JUPYTERHUB_OAUTH_CALLBACK_URL": "/user/ada/oauth_callback",
            "JUPYTERHUB_OAUTH_ACCESS_SCOPES": '["access:servers!server=ada/", "access:servers!user=ada"]',
            "JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES": "[]",
            "JUPYTERHUB_SERVER_NAME": "",
            "JUPYTERHUB_SERVICE_PREFIX": "/user/ada/",
            "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{self.port}/user/ada/",
            "JUPYTERHUB_USER": "ada",
        }

    def environment(self) -> dict[str, str]:
        return super().environment() | self.variables

    def spawn(self) -> None:
        options = [
            "--allow-root",
            f"--ServerApp.root_dir={self.root}",
            "--ServerApp.jpserver_extensions={'tasktree_jupyter': True, 'jupyterhub.singleuser.extension': True}",
            f"--TaskTreeExtension.data_dir={self.logs}",
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub.singleuser", *options],
                env=self.environment() | {"JUPYTERHUB_SINGLEUSER_APP": "jupyter_server.serverapp.ServerApp"},
                cwd=self.root,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        self.await_file("tasktree")
        self.wait_started()


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SingleUser]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as api:
        threading.Thread(target=api.serve_forever, daemon=True).start()
        server = SingleUser(tmp_path_factory.mktemp("ada"), f"http://127.0.0.1:{api.server_address[1]}/hub/api")
        server.spawn()
        yield server
        server.stop()
        api.shutdown()


def told(run: Run, hub: Hub, **environment: str) -> dict[str, Any]:
    status: dict[str, Any] = json.loads(run(TELL, hub, **environment)[0])
    return status


def test_its_kernels_have_its_connection_file(run: Run, ada: SingleUser) -> None:
    status = told(run, ada, JUPYTERHUB_API_TOKEN="not needed")
    assert (status["state"], status["told"]) == ("connected", [])
    assert status["server"] == f"ws://127.0.0.1:{ada.port}/user/ada/"


def test_the_hubs_variables_alone_lead_to_it(run: Run, ada: SingleUser) -> None:
    status = told(run, ada, TASKTREE_CONNECTION_FILE="", JUPYTER_RUNTIME_DIR=str(ada.folder / "none"))
    assert (status["state"], status["told"]) == ("connected", [])
    assert status["server"] == f"ws://127.0.0.1:{ada.port}/user/ada/"


def test_where_the_local_address_leads_nowhere_the_public_one_does(run: Run, ada: SingleUser) -> None:
    """As on another machine that was given the same environment. The proxy is played by the server itself."""
    status = told(
        run,
        ada,
        TASKTREE_CONNECTION_FILE="",
        JUPYTER_RUNTIME_DIR=str(ada.folder / "none"),
        JUPYTERHUB_SERVICE_URL=f"http://127.0.0.1:{free_port()}/user/ada/",
        JUPYTERHUB_PUBLIC_URL=f"http://localhost:{ada.port}/user/ada/",
    )
    assert status["server"] == f"ws://localhost:{ada.port}/user/ada/"


def test_a_token_that_the_hub_does_not_know_is_refused(run: Run, ada: SingleUser) -> None:
    environment = {"TASKTREE_CONNECTION_FILE": "", "JUPYTER_RUNTIME_DIR": str(ada.folder / "none")}
    status = told(run, ada, JUPYTERHUB_API_TOKEN="wrong", **environment)
    assert (status["state"], status["code"]) == ("refused", "refused")
