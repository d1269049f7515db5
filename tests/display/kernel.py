"""A real IPython kernel, asked as a notebook asks it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

import tasktree_jupyter

STORED = "application/vnd.tasktree.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
PATIENCE = 60.0

Message = dict[str, Any]


class Kernel:
    """A kernel with this environment. `run` gives what it published, in order."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        package = Path(tasktree_jupyter.__file__).parents[1]
        self._manager = KernelManager(kernel_name="python3")
        self._manager.start_kernel(env=environment | {"PYTHONPATH": str(package)}, cwd=str(folder))
        self.client: BlockingKernelClient = self._manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE)

    def run(self, code: str, *, may_fail: bool = False) -> Cell:
        """Run a cell to its end."""
        return self.finish(self.client.execute(code), may_fail=may_fail)

    def finish(self, request: str, *, may_fail: bool = False) -> Cell:
        """Take what a cell publishes until it has ended."""
        published: list[Message] = []
        while True:
            message = self.next_message()
            published.append(message)
            about = message["parent_header"].get("msg_id")
            if about == request and message["content"].get("execution_state") == "idle":
                return Cell(published, request, may_fail=may_fail)

    def next_message(self, timeout: float = PATIENCE) -> Message:
        message: Message = self.client.get_iopub_msg(timeout=timeout)
        return message

    def wait_for(self, kind: str) -> Message:
        """Wait for a message of this type, whatever cell it belongs to."""
        until = time.monotonic() + PATIENCE
        while True:
            message = self.next_message(max(0.1, until - time.monotonic()))
            if message["msg_type"] == kind:
                return message

    def interrupt(self) -> None:
        self._manager.interrupt_kernel()

    def stop(self) -> None:
        self.client.stop_channels()
        self._manager.shutdown_kernel(now=True)


class Cell:
    """What a kernel published from a cell's start to its end."""

    def __init__(self, messages: list[Message], request: str, *, may_fail: bool = False) -> None:
        self.messages = messages
        self.request = request
        for message in self.of("error") if not may_fail else ():
            raise AssertionError("\n".join(message["content"]["traceback"]))

    def of(self, kind: str) -> list[Message]:
        return [message for message in self.messages if message["msg_type"] == kind]

    @property
    def displays(self) -> list[Message]:
        return self.of("display_data")

    @property
    def results(self) -> list[str]:
        """What last lines gave, as text."""
        return [message["content"]["data"]["text/plain"] for message in self.of("execute_result")]

    @property
    def errors(self) -> list[str]:
        """The names of the exceptions that it showed."""
        return [message["content"]["ename"] for message in self.of("error")]

    @property
    def updates(self) -> list[Message]:
        return self.of("update_display_data")

    def text(self, name: str = "stdout") -> str:
        return "".join(
            message["content"]["text"] for message in self.of("stream") if message["content"]["name"] == name
        )

    def order(self) -> list[str]:
        """What was published, in order: the words printed, and "display" and "update"."""
        words = {"display_data": ["display"], "update_display_data": ["update"]}
        found: list[str] = []
        for message in self.messages:
            kind = message["msg_type"]
            if kind == "stream" and message["content"]["name"] == "stdout":
                found += message["content"]["text"].split()
            found += words.get(kind, [])
        return found


def data(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = message["content"]["data"]
    return found


def display_id(message: Message) -> str:
    found: str = message["content"]["transient"]["display_id"]
    return found


def stored(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = data(message)[STORED]
    return found
