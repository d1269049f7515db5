"""A network that stops taking bytes amid a frame, with the connection as it was: what is emitted goes to the disk.

Loopback would take megabytes before it stops, so the sockets get buffers like those of a network.
"""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.client.conftest import Start
from tests.client.hub import TOKEN, Hub, Program

EMITS = """
import json, os, socket, sys, time
connect = socket.create_connection
def with_a_small_buffer(*given, **more):
    made = connect(*given, **more)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 40_000)
    return made
socket.create_connection = with_a_small_buffer
import tasktree_jupyter as tt
from tasktree_jupyter.client.spooling import Spooler
tt.configure(max_events=1000)
# How many events had come when the thread last began to write all there was, and did.
whole = 0
spill = Spooler._spill
def noted(spooler, watch, *more):
    global whole
    wrote = spill(spooler, watch, *more)
    if watch.goal is not None and watch.project.source.left >= watch.goal:
        whole = watch.goal
        os.pwrite(file, b"%020d" % whole, 0)
    return wrote
Spooler._spill = noted
file = os.open("whole", os.O_WRONLY | os.O_CREAT)
assert tt.connect(URL, token=TOKEN), tt.status()
n, seen, until = 250, set(), time.monotonic() + 60
for n in range(n):
    # At once, so that a frame is larger than all buffers on its way.
    tt.emit("my.event", n=n, pad="x" * 4000, project="p")
n += 1
while len(seen) < 5:
    tt.emit("my.event", n=n, pad="x" * 4000, project="p")
    n += 1
    time.sleep(0.001)
    if whole and STALLED():
        seen.add(whole)
    assert time.monotonic() < until, tt.status()
(project,) = tt.status()["projects"]
print(json.dumps([tt.status()["state"], project["dropped"]]), flush=True)
while True:
    tt.emit("my.event", n=n, pad="x" * 4000, project="p")
    n += 1
    time.sleep(0.001)
"""

DELIVERS = """
import time
import tasktree_jupyter as tt
tt.emit("my.event", n=-1, project="next")
assert tt.flush(60), tt.status()
until = time.monotonic() + 60
while tt.status()["late"]:
    assert time.monotonic() < until, tt.status()
    time.sleep(0.01)
"""


class Link:
    """A way to a server that, after some bytes, takes no more from those who use it."""

    def __init__(self, port: int, most: int) -> None:
        self._port = port
        self._room = most
        self.stalled = threading.Event()
        self._over = threading.Event()
        self._listening = socket.socket()
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen()
        self.port: int = self._listening.getsockname()[1]
        self._sockets = [self._listening]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        try:
            while True:
                here, _ = self._listening.accept()
                there = socket.create_connection(("127.0.0.1", self._port))
                self._sockets += [here, there]
                threading.Thread(target=self._carry, args=(here, there, True), daemon=True).start()
                threading.Thread(target=self._carry, args=(there, here, False), daemon=True).start()
        except OSError:
            return

    def _carry(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(8192):
                target.sendall(data)
                if counted:
                    self._room -= len(data)
                    if self._room < 0:
                        self.stalled.set()
                        self._over.wait()
        except OSError:
            return

    def close(self) -> None:
        self._over.set()
        for each in self._sockets:
            each.close()


@contextmanager
def link_to(hub: Hub, most: int) -> Iterator[Link]:
    link = Link(hub.port, most)
    try:
        yield link
    finally:
        link.close()


@pytest.fixture
def killed(start: Start, own_hub: Hub, tmp_path: Path) -> tuple[int, list[int], list[object]]:
    """What was surely written, what arrived, and what the process said, of one killed while its network is stalled."""
    with link_to(own_hub, 300_000) as link:
        stalled = tmp_path / "stalled"
        code = EMITS.replace("URL", repr(f"http://127.0.0.1:{link.port}/")).replace("TOKEN", repr(TOKEN))
        program = start(code.replace("STALLED()", f"os.path.exists({str(stalled)!r})"), own_hub)
        assert link.stalled.wait(60)
        stalled.touch()
        said = json.loads(program.line())
        program.process.send_signal(signal.SIGKILL)
        program.process.wait()
    deliver(start, own_hub)
    numbers = [event["data"]["n"] for event in own_hub.events("p")]
    return int((tmp_path / "whole").read_text()), numbers, said


def deliver(start: Start, hub: Hub) -> None:
    program: Program = start(DELIVERS, hub)
    _, err = program.rest()
    assert program.process.returncode == 0, err


def test_a_kernel_killed_while_its_network_is_stalled_loses_no_more_than_since_the_last_flush(
    killed: tuple[int, list[int], list[object]],
) -> None:
    written, arrived, said = killed
    assert arrived == list(range(len(arrived)))
    assert len(arrived) >= written > 250
    # It was connected all the time, the disk was free, and the queue is short.
    assert said == ["connected", 0]
