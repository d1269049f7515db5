"""Bytes on their way to a network that takes them now and then: nobody waits, and their order stays."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from tasktree_jupyter.client import sending
from tasktree_jupyter.client.sending import CONGESTED, Sender

PATIENCE = 60.0
FRAME = 200_000


class World:
    """A sender, and the other end of its socket, which reads when the test does."""

    def __init__(self) -> None:
        ours, self.theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        ours.settimeout(sending.TIMEOUT)
        self.ours = ours
        self.theirs.settimeout(PATIENCE)
        self.drained = threading.Event()
        self.failed = threading.Event()
        self.reasons: list[str] = []
        self.sender = Sender(ours, self.drained.set, self._failed)
        self.sender.start()

    def _failed(self, why: str) -> None:
        self.reasons.append(why)
        self.failed.set()

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size and (more := self.theirs.recv(min(65536, size - len(data)))):
            data += more
        return data

    def end(self) -> None:
        self.sender.end()
        self.ours.close()
        self.theirs.close()


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.end()


def test_it_does_not_wait_for_a_network_that_takes_nothing_and_the_order_stays(world: World) -> None:
    frames = [bytes([65 + n]) * FRAME for n in range(5)]
    for frame in frames:
        # Nobody reads: were it to wait, it would do so for ever.
        world.sender.send(frame)
    assert world.sender.congested
    assert world.read(5 * FRAME) == b"".join(frames)
    assert world.drained.wait(PATIENCE)
    assert not world.sender.congested


def test_what_the_network_takes_at_once_goes_at_once(world: World) -> None:
    for n in range(100):
        world.sender.send(b"%03d" % n)
        assert world.read(3) == b"%03d" % n
    assert not world.drained.is_set()


def test_there_is_a_bound_to_what_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "MOST", 2 * CONGESTED)

    def send_for_ever() -> None:
        while True:
            world.sender.send(b"x" * FRAME)

    with pytest.raises(OSError, match="doesn't take"):
        send_for_ever()


def test_a_network_that_takes_nothing_for_long_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "TIMEOUT", 0.05)
    world = World()
    world.sender.send(b"x" * FRAME)
    assert world.failed.wait(PATIENCE)
    assert world.reasons == ["the network takes nothing that is sent"]
    with pytest.raises(OSError, match="not connected"):
        world.sender.send(b"x")
    world.end()


def test_the_last_words_come_after_all_others(world: World) -> None:
    world.sender.send(b"x" * FRAME)
    world.sender.send_eof()
    reader = threading.Thread(target=world.read, args=(FRAME,))
    reader.start()
    world.sender.drain(PATIENCE)
    reader.join(PATIENCE)
    assert world.theirs.recv(1) == b""


def test_its_end_waits_for_nothing(world: World) -> None:
    world.sender.send(b"x" * FRAME)
    world.sender.end()
    world.ours.shutdown(socket.SHUT_RDWR)
    world.sender.drain(PATIENCE)
    assert world.reasons == []
