"""A TCP proxy that does to a connection what networks do: delay, throttle, slice, cut, and fall silent half way.

What befalls a connection is drawn from a seeded generator when it opens, so a run can be had again. A test may also
order it: `cut`, `silence`, `calm`, and another `target`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

_READ = 65_536
_SLOW_BYTES = 4096
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Faults:
    """What may befall a connection, each with the chance that it does (0..1) and its measure.

    A cut or silenced connection lives for up to `bytes_before` bytes, both directions together. A silenced one takes
    bytes and passes none on, and is cut after `silence_seconds`: no test needs the hours that a real one may last.
    """

    delay: float = 0.0
    delay_seconds: float = 0.05
    throttle: float = 0.0
    bytes_per_second: int = 200_000
    slice: float = 0.0
    slice_bytes: int = 7
    cut: float = 0.0
    silence: float = 0.0
    silence_seconds: float = 10.0
    bytes_before: int = 50_000


CALM = Faults()
ROUGH = Faults(delay=0.3, throttle=0.2, slice=0.2, slice_bytes=100, cut=0.3, silence=0.1)


@dataclass(frozen=True)
class Fate:
    """What will befall one connection; None: not that."""

    delay: float | None
    bytes_per_second: int | None
    slice_bytes: int | None
    cut_after: int | None
    silent_after: int | None


@dataclass(eq=False)
class Link:
    """One connection through the proxy."""

    near: socket.socket
    far: socket.socket
    fate: Fate
    passed: int = 0
    silent: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def reset(self) -> None:
        """Cut both sides with a RST."""
        for side in (self.near, self.far):
            with contextlib.suppress(OSError):
                side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.ended.set()


class FaultProxy:
    """Listens on a free port of loopback and passes connections on to `target`, a port of loopback; None: refuses."""

    def __init__(self, target: int | None = None, *, faults: Faults = CALM, seed: int = 0) -> None:
        self.target = target
        self.faults = faults
        self.port = 0
        self.opened = 0
        self.links: set[Link] = set()
        self._random = random.Random(seed)
        self._listener: socket.socket | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> FaultProxy:
        listener = self._listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(200)
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        self._start(self._accept(listener))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()

    def cut(self) -> None:
        """Cut every connection there is, now."""
        for link in tuple(self.links):
            link.reset()

    def silence(self) -> None:
        """Let every connection there is fall silent, now: it stays open, and nothing passes in either direction."""
        for link in self.links:
            link.silent.set()

    def calm(self) -> None:
        """From now on nothing befalls a new connection; those that are to suffer are cut."""
        self.faults = CALM
        self.cut()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            near, _ = await loop.sock_accept(listener)
            near.setblocking(False)
            self._start(self._serve(near))

    async def _serve(self, near: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        far = socket.socket()
        far.setblocking(False)
        link = Link(near, far, self.draw())
        try:
            if self.target is None:
                raise ConnectionRefusedError
            await loop.sock_connect(far, ("127.0.0.1", self.target))
            self.opened += 1
            self.links.add(link)
            await self._pass_on(link)
        except OSError:
            link.reset()
        finally:
            self.links.discard(link)
            near.close()
            far.close()

    def draw(self) -> Fate:
        """Return the fate of the next connection."""
        draw, faults = self._random, self.faults
        # All is drawn, whatever is used: what befalls a connection doesn't hang on what befell the others.
        chances = [draw.random() for _ in range(5)]
        delay, size, limit = (
            draw.uniform(0, faults.delay_seconds),
            draw.randint(1, faults.slice_bytes),
            draw.randint(1, faults.bytes_before),
        )
        cut = chances[3] < faults.cut
        return Fate(
            delay if chances[0] < faults.delay else None,
            faults.bytes_per_second if chances[1] < faults.throttle else None,
            size if chances[2] < faults.slice else None,
            limit if cut else None,
            limit if chances[4] < faults.silence and not cut else None,
        )

    async def _pass_on(self, link: Link) -> None:
        ways = [
            asyncio.ensure_future(self._one_way(link, link.near, link.far)),
            asyncio.ensure_future(self._one_way(link, link.far, link.near)),
        ]
        ended = asyncio.ensure_future(self._end(link))
        pending = {*ways, ended}
        try:
            while ended in pending and len(pending) > 1:
                _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for work in (*ways, ended):
                work.cancel()
            await asyncio.gather(*ways, ended, return_exceptions=True)

    async def _end(self, link: Link) -> None:
        await link.ended.wait()

    async def _one_way(self, link: Link, source: socket.socket, sink: socket.socket) -> None:
        loop, fate = asyncio.get_running_loop(), link.fate
        try:
            while data := await loop.sock_recv(source, _READ):
                if fate.delay is not None:
                    await asyncio.sleep(fate.delay)
                passed = link.passed + len(data)
                if fate.cut_after is not None and passed >= fate.cut_after:
                    # The first bytes pass, so that a frame is cut in its middle.
                    await loop.sock_sendall(sink, data[: max(0, fate.cut_after - link.passed)])
                    link.reset()
                    return
                if fate.silent_after is not None and passed >= fate.silent_after:
                    link.silent.set()
                if link.silent.is_set():
                    await self._stay_silent(link)
                    return
                link.passed = passed
                await self._send(fate, sink, data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            link.reset()

    async def _stay_silent(self, link: Link) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(link.ended.wait(), self.faults.silence_seconds)
        link.reset()

    async def _send(self, fate: Fate, sink: socket.socket, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        if fate.slice_bytes is None and fate.bytes_per_second is None:
            await loop.sock_sendall(sink, data)
            return
        size = fate.slice_bytes or _SLOW_BYTES
        for at in range(0, len(data), size):
            await loop.sock_sendall(sink, data[at : at + size])
            await asyncio.sleep(size / fate.bytes_per_second if fate.bytes_per_second else 0)
