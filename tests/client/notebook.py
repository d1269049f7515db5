"""A notebook with its kernel, run by a real server as a browser does it."""

from __future__ import annotations

import contextlib
import json
import queue
import time
import urllib.error
import urllib.request
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient

from tests.client.hub import PATIENCE, TOKEN, Hub

EMPTY = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


class Notebook:
    """A notebook with its kernel, run as a browser does."""

    def __init__(self, hub: Hub, path: str, kernel: str = "python3", *, wait: bool = True) -> None:
        self.hub = hub
        self.path = path
        (hub.root / path).write_text(EMPTY, "utf-8")
        session = self._post(
            "api/sessions", {"path": path, "name": path, "type": "notebook", "kernel": {"name": kernel}}
        )
        self.kernel_id = str(session["kernel"]["id"])
        self.client = BlockingKernelClient(connection_file=str(hub.runtime / f"kernel-{self.kernel_id}.json"))
        self.client.load_connection_file()
        self.client.start_channels()
        if wait:
            self.wait_until_heard()

    def wait_until_heard(self) -> None:
        """It answers, and what it publishes arrives. `wait_for_ready` takes a busy machine for a dead kernel."""
        until = time.monotonic() + PATIENCE
        while True:
            asked = self.client.kernel_info()
            try:
                while self.client.get_iopub_msg(timeout=1)["parent_header"].get("msg_id") != asked:
                    pass
            except queue.Empty:
                assert time.monotonic() < until
            else:
                return

    def _post(self, path: str, content: Any = None) -> Any:
        request = urllib.request.Request(self.hub.url + path, method="POST", data=json.dumps(content).encode())
        request.add_header("Authorization", f"token {TOKEN}")
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            body = answer.read()
            return json.loads(body) if body else None

    def send(self, code: str, cell_id: str = "cell") -> str:
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        message = self.client.session.msg("execute_request", content, metadata={"cellId": cell_id})
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def outputs(self, sent: str, until: str = "idle") -> list[dict[str, Any]]:
        """What the cell published, until it is done, or has printed `until`."""
        found: list[dict[str, Any]] = []
        while True:
            message = self.client.get_iopub_msg(timeout=PATIENCE)
            if message["parent_header"].get("msg_id") != sent:
                continue
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return found
            found.append(message)
            if message["msg_type"] == "stream" and until in message["content"]["text"]:
                return found

    def run(self, code: str, cell_id: str = "cell") -> str:
        """Run a cell and return what it printed on standard output."""
        outputs = self.outputs(self.send(code, cell_id))
        errors = [message["content"] for message in outputs if message["msg_type"] == "error"]
        assert not errors, "\n".join(errors[0]["traceback"])
        return "".join(
            message["content"]["text"]
            for message in outputs
            if message["msg_type"] == "stream" and message["content"]["name"] == "stdout"
        )

    def interrupt(self) -> None:
        self._post(f"api/kernels/{self.kernel_id}/interrupt")

    def restart(self) -> None:
        self._post(f"api/kernels/{self.kernel_id}/restart")

    def end(self) -> None:
        """Close it, whether its kernel still is or not."""
        with contextlib.suppress(urllib.error.HTTPError):
            self.close()

    def close(self) -> None:
        self.client.stop_channels()
        request = urllib.request.Request(self.hub.url + f"api/kernels/{self.kernel_id}", method="DELETE")
        request.add_header("Authorization", f"token {TOKEN}")
        urllib.request.urlopen(request, timeout=PATIENCE).close()
