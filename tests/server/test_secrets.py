"""Token and kernels' secret show up nowhere: not in the log at DEBUG, events, environments, outputs or URLs."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from tests.client.hub import ROOT, Hub

TOKEN = "jupyters-own-5fd1c7"
CELL = """
import os
import tasktree_jupyter as tt
print(dict(os.environ))
get_ipython().run_line_magic("env", "")
print(get_ipython().run_line_magic("env", "TASKTREE_CONNECTION_FILE"))
with tt.task("Grid search", params=dict(os.environ)) as run:
    with tt.task("fails") as t:
        t.log("hello")
assert tt.flush()
print(tt.status(), tt.view())
"""


class QuietHub(Hub):
    """A hub that has its token from a file, so that no command line and no environment holds it."""

    def environment(self) -> dict[str, str]:
        file = self.folder / "token"
        file.write_text(TOKEN)
        return super().environment() | {"JUPYTER_TOKEN_FILE": str(file)}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuietHub]:
    hub = QuietHub(tmp_path_factory.mktemp("secrets"))
    hub.start("--ServerApp.log_level=DEBUG", "--TaskTreeExtension.log_level=DEBUG", login=())
    yield hub
    hub.stop()


@pytest.fixture(scope="module")
def secret(hub: QuietHub) -> str:
    assert hub.connection_file is not None
    found: str = json.loads(hub.connection_file.read_text())["secret"]
    return found


async def run_cell(hub: QuietHub, code: str) -> list[dict[str, Any]]:
    """Run a cell in a kernel of this server, as a page does, and return all it published."""
    kernel = json.loads(fetch(hub, "api/kernels", method="POST", body=b"{}")[1])
    url = f"ws://127.0.0.1:{hub.port}/api/kernels/{kernel['id']}/channels"
    headers = {"Authorization": f"token {TOKEN}"}
    published: list[dict[str, Any]] = []
    async with connect(url, additional_headers=headers, proxy=None, max_size=None) as ws:
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": "", "session": "s"}
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        await ws.send(
            json.dumps(
                {
                    "channel": "shell",
                    "header": header | {"version": "5.3", "date": ""},
                    "parent_header": {},
                    "metadata": {},
                    "content": content,
                }
            )
        )
        while True:
            message = json.loads(await asyncio.wait_for(ws.recv(), 60))
            published.append(message)
            about = message["parent_header"].get("msg_id") == header["msg_id"]
            if about and message["content"].get("execution_state") == "idle":
                return published


def fetch(
    hub: QuietHub, path: str, *, method: str = "GET", body: bytes | None = None, shown: str | None = f"token {TOKEN}"
) -> tuple[int, str]:
    request = urllib.request.Request(hub.url + path, body, method=method)
    if shown is not None:
        request.add_header("Authorization", shown)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


async def knock(hub: QuietHub, **headers: str) -> int:
    """Open a socket; return the status of the answer."""
    origin = headers.pop("Origin", None)
    try:
        async with connect(
            f"ws://127.0.0.1:{hub.port}/tasktree/ws/updates",
            subprotocols=[Subprotocol("tasktree.v1.json")],
            additional_headers=headers,
            origin=None if origin is None else Origin(origin),
            proxy=None,
        ) as ws:
            for frame in ('{"op":', '{"op":"subscribe","ref":1,"project_id":"nowhere"}', '{"op":"nothing"}'):
                await ws.send(frame)
                await ws.recv()
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.fixture(scope="module")
def traffic(hub: QuietHub, secret: str) -> dict[str, str]:
    """Do what happens on a server, and much that goes wrong; return what everybody was told."""
    published = asyncio.run(run_cell(hub, CELL))
    failed = [message["content"] for message in published if message["msg_type"] == "error"]
    assert not failed, failed
    told = {"outputs": json.dumps([message["content"] for message in published])}
    assert TOKEN not in told["outputs"]
    statuses = [
        asyncio.run(knock(hub, **headers))
        for headers in (
            {"Authorization": f"TaskTree {secret}"},
            {"Authorization": f"token {TOKEN}"},
            {"Authorization": "TaskTree wrong"},
            {"Authorization": f"token {TOKEN}x"},
            {"Authorization": f"TaskTree {secret}", "Origin": "https://evil.example"},
            {},
        )
    ]
    assert statuses == [101, 101, 403, 403, 403, 403]
    errors = [
        fetch(hub, path, **more)
        for path, more in (
            ("tasktree/api/nowhere", {}),
            (f"tasktree/api/nowhere?token={TOKEN}", {}),
            (f"tasktree/api/projects?token={TOKEN}", {"shown": None}),
            ("tasktree/api/projects", {"shown": f"TaskTree {secret}"}),
            ("tasktree/api/projects", {"shown": f"token {TOKEN}x"}),
            ("tasktree/api/projects/p/events", {"method": "POST", "body": b"{"}),
            ("tasktree/api/projects/p/import", {"method": "POST", "body": b"nonsense"}),
            ("tasktree/api/projects/p/state?moment=nonsense", {}),
        )
    ]
    assert [status for status, _ in errors] == [404, 404, 200, 403, 403, 400, 400, 400]
    told["errors"] = json.dumps(errors)
    projects = json.loads(fetch(hub, "tasktree/api/projects")[1])["projects"]
    assert projects, "the cell's project"
    told["events"] = json.dumps(
        [
            fetch(hub, f"tasktree/api/projects/{info['project_id']}/{what}")
            for info in projects
            for what in ("export", "state")
        ]
    )
    assert "Grid search" in told["events"]
    for command in (["doctor"], ["list"], ["show", projects[0]["project_id"]]):
        done = subprocess.run(
            [sys.executable, "-m", "tasktree_jupyter.cli", *command],
            env=hub.environment(),
            capture_output=True,
            text=True,
            timeout=120,
        )
        told[command[0]] = done.stdout + done.stderr
    return told


def test_nobody_is_told_them(traffic: dict[str, str], secret: str) -> None:
    """Outputs, which notebooks save, with `os.environ` and `%env` in them; events; errors; the command line."""
    assert "TASKTREE_CONNECTION_FILE" in traffic["outputs"]
    for what, text in traffic.items():
        assert len(text) > 30, what
        for hidden in (TOKEN, secret):
            assert hidden not in text, what


def test_the_log_at_debug_does_not_hold_them(hub: QuietHub, traffic: dict[str, str], secret: str) -> None:
    log = hub.log.read_text("utf-8", "replace")
    for said in ("Couldn't authenticate a WebSocket for TaskTree", "Blocking Cross Origin", "404 GET /tasktree"):
        assert said in log
    assert re.search(r"^\[D ", log, re.MULTILINE)
    for hidden in (TOKEN, secret):
        assert hidden not in log


def test_no_client_of_ours_puts_them_into_a_url(hub: QuietHub, traffic: dict[str, str]) -> None:
    """What the log has of our own clients' requests; the two that had a token in the URL were this test's."""
    log = hub.log.read_text("utf-8", "replace")
    asked = [line for line in log.splitlines() if "/tasktree/" in line and "token=" in line]
    assert len(asked) == 2, asked
    sources = [*(ROOT / "tasktree_jupyter").rglob("*.py"), *(ROOT / "labextension" / "src").rglob("*.ts*")]
    assert len(sources) > 100
    found = {file.name for file in sources if re.search(r"[?&]token=|searchParams[^\n]*token", file.read_text("utf-8"))}
    # Where JupyterLab's page comes from elsewhere it sends its token so itself: a browser's socket takes no headers.
    # What is asked over HTTP beside it takes the token out of that address, and into a header.
    assert found == {"hub.ts", "endpoint.ts"}
    (endpoint_ts,) = [file for file in sources if file.name == "endpoint.ts"]
    assert "url.searchParams.get('token')" in endpoint_ts.read_text("utf-8")
    assert "{ Authorization: `token ${token}` }" in endpoint_ts.read_text("utf-8")
    (hub_ts,) = [file for file in sources if file.name == "hub.ts" and file.parent.name == "lab"]
    assert "if (settings.appendToken && settings.token !== '')" in hub_ts.read_text("utf-8")


def test_files_are_the_users_own(hub: QuietHub, traffic: dict[str, str]) -> None:
    assert hub.connection_file is not None
    private = [hub.connection_file, hub.logs, *hub.logs.iterdir()]
    assert len(private) > 3
    assert [file.name for file in private if os.stat(file).st_mode & 0o077 and file.name != "salt"] == []
    assert Path(hub.logs / "salt").exists()
