"""The proxy does what it is told to, and nothing else: otherwise its runs would show nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.faults.proxy import CALM, Fate, FaultProxy, Faults

WAIT = 10.0
BLOCK = bytes(range(256)) * 40


@asynccontextmanager
async def echo() -> AsyncIterator[int]:
    """A server that sends back what comes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def there_and_back(port: int, data: bytes = BLOCK) -> list[bytes]:
    """Send, half close, and return the pieces that came back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        writer.write_eof()
        pieces = []
        while piece := await asyncio.wait_for(reader.read(65_536), WAIT):
            pieces.append(piece)
        return pieces
    finally:
        writer.close()


@pytest.mark.parametrize(
    "faults",
    [CALM, Faults(delay=1), Faults(throttle=1), Faults(slice=1)],
    ids=["calm", "delay", "throttle", "slice"],
)
async def test_what_only_slows_changes_no_byte(faults: Faults) -> None:
    async with echo() as target, FaultProxy(target, faults=faults) as proxy:
        assert b"".join(await there_and_back(proxy.port)) == BLOCK


async def test_a_sliced_connection_passes_bytes_in_pieces() -> None:
    async with echo() as target, FaultProxy(target, faults=Faults(slice=1, slice_bytes=3)) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(BLOCK)
        first = await asyncio.wait_for(reader.read(65_536), WAIT)
        assert len(first) < len(BLOCK)
        writer.close()


async def test_a_throttled_connection_takes_its_time() -> None:
    faults = Faults(throttle=1, bytes_per_second=2 * len(BLOCK))
    async with echo() as target, FaultProxy(target, faults=faults) as proxy:
        began = time.monotonic()
        await there_and_back(proxy.port)
        assert time.monotonic() - began > 0.4


async def test_a_cut_connection_ends_with_a_reset_amid_the_bytes() -> None:
    async with echo() as target, FaultProxy(target, faults=Faults(cut=1, bytes_before=5000)) as proxy:
        with pytest.raises(ConnectionResetError):
            await there_and_back(proxy.port)


async def test_a_silenced_connection_stays_open_and_says_nothing() -> None:
    async with echo() as target, FaultProxy(target) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"one")
        assert await asyncio.wait_for(reader.readexactly(3), WAIT) == b"one"
        proxy.silence()
        writer.write(b"two")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(3), 0.2)
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(3), WAIT)
        writer.close()


async def test_it_is_aimed_anew_and_refuses_where_it_has_no_target() -> None:
    async with echo() as first, echo() as second, FaultProxy(None) as proxy:
        with pytest.raises(ConnectionError):
            await there_and_back(proxy.port)
        for target in (first, second):
            proxy.target = target
            assert b"".join(await there_and_back(proxy.port, b"hello")) == b"hello"


def test_the_same_seed_brings_the_same_faults() -> None:
    def drawn(seed: int) -> list[Fate]:
        faults = Faults(delay=0.5, throttle=0.5, slice=0.5, cut=0.5, silence=0.5)
        proxy = FaultProxy(faults=faults, seed=seed)
        return [proxy.draw() for _ in range(20)]

    assert drawn(1) == drawn(1) != drawn(2)
