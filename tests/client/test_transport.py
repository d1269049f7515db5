"""Ways to a real server: a Unix socket, one that falls silent, one that says no. TLS: discovery/test_tls.py."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.conftest import Run, Start
from tests.client.hub import Hub

EMIT = """
import os
import tasktree_jupyter as tt
own = f"p{os.getpid()}"
for n in range(1000):
    tt.emit("my.event", n=n, pad="x" * 200, project=own)
assert tt.flush(30), tt.status()
heard = []
import threading
done = threading.Event()
def on_event(event):
    heard.append(event["data"]["n"])
    if len(heard) == 1000:
        done.set()
tt.subscribe(on_event, project=own, since=0)
assert done.wait(30)
assert heard == list(range(1000))
print(tt.status()["server"])
"""


@pytest.fixture
def bare_hub(tmp_path: Path) -> Iterator[Hub]:
    """A server that isn't started yet."""
    hub = Hub(tmp_path / "hub")
    yield hub
    hub.stop()


def test_a_unix_socket(run: Run, bare_hub: Hub) -> None:
    with tempfile.TemporaryDirectory(prefix="tt-") as short:
        socket = f"{short}/jupyter.sock"
        bare_hub.start(sock=socket)
        assert run(EMIT, bare_hub)[0].strip() == socket
        bare_hub.stop()


def test_a_server_that_falls_silent_is_left_and_found_again(start: Start, bare_hub: Hub) -> None:
    """Its sockets stay open, and take what is sent; only silence tells."""
    bare_hub.start("--TaskTreeExtension.ping_interval=0.4")
    code = """
import time
import tasktree_jupyter as tt
tt.emit("my.event", n=0, project="p")
assert tt.flush(30)
print("begun", flush=True)
input()
for n in range(1, 100):
    tt.emit("my.event", n=n, project="p")
while tt.status()["state"] == "connected": time.sleep(0.01)
print(tt.status()["reason"], flush=True)
assert tt.flush(60), tt.status()
print("all", flush=True)
"""
    program = start(code, bare_hub)
    assert program.line() == "begun"
    assert bare_hub.process is not None
    os.kill(bare_hub.process.pid, signal.SIGSTOP)
    try:
        program.go_on()
        assert program.line() == "the server has gone silent"
    finally:
        os.kill(bare_hub.process.pid, signal.SIGCONT)
    assert program.line() == "all"
    events = [event["data"]["n"] for event in bare_hub.events("p") if event["type"] == "my.event"]
    assert events == list(range(100))


def test_a_server_without_the_extension_is_told_apart(run: Run, hub: Hub) -> None:
    code = f"""
import tasktree_jupyter as tt
tt.configure(exit_timeout=0.1)
print(tt.connect({hub.url + "no-such-prefix/"!r}, "of-the-tests"), tt.status()["reason"])
"""
    out, _ = run(code)
    assert out.startswith("False HTTP 404, it has no TaskTree")


def test_frames_stay_within_what_the_server_takes(run: Run, bare_hub: Hub) -> None:
    bare_hub.start("--TaskTreeExtension.max_message_bytes=20000", "--TaskTreeExtension.max_events_per_publish=7")
    code = """
import warnings
import tasktree_jupyter as tt
tt.emit("my.event", n=0, project="p")
assert tt.flush(30)
for n in range(1, 500):
    tt.emit("my.event", n=n, pad="x" * 1000, project="p")
tt.emit("my.event", n=-1, pad="x" * 30_000, project="p")
tt.emit("my.event", n=500, project="p")
assert tt.flush(30), tt.status()
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    tt.emit("my.event", n=501, project="p")
print([str(each.message) for each in told])
"""
    out, _ = run(code, bare_hub)
    assert "dropped a my.event event" in out
    events = bare_hub.events("p")
    assert [event["data"]["n"] for event in events if event["type"] == "my.event"] == list(range(502))
    assert [event["data"]["count"] for event in events if event["type"] == "events_dropped"] == [1]
