"""Loopback is loopback: whatever proxies the environment names, and whichever address `localhost` resolves to first."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.client.conftest import Run
from tests.client.discovery.conftest import TELL, Script
from tests.client.hub import Hub

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "WS_PROXY", "SOCKS_PROXY")

RESOLVE = """
import socket
real = socket.getaddrinfo
def getaddrinfo(host, port, *arguments, **keywords):
    if host != "localhost":
        return real(host, port, *arguments, **keywords)
    stream = socket.SOCK_STREAM
    six = (socket.AF_INET6, stream, 6, "", ("::1", port, 0, 0))
    return [six, (socket.AF_INET, stream, 6, "", ("127.0.0.1", port))]
socket.getaddrinfo = getaddrinfo
"""


@pytest.fixture
def proxy() -> Iterator[str]:
    """A proxy that answers nobody; the test fails where it was asked."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.accept()


def test_no_proxy_is_asked_on_the_way_to_loopback(run: Run, hub: Hub, proxy: str) -> None:
    environment = {spelling: proxy for name in PROXIES for spelling in (name, name.lower())}
    assert json.loads(run(TELL, hub, **environment, NO_PROXY="", no_proxy="")[0])["state"] == "connected"


def test_localhost_may_be_the_other_address_first(run: Run, hub: Hub) -> None:
    connect = (
        RESOLVE
        + f"""
import tasktree_jupyter as tt
print(tt.connect("http://localhost:{hub.port}/", "of-the-tests", timeout=20), tt.status()["reason"])
"""
    )
    assert run(connect)[0].strip() == "True None"


ASYNCIO = """
import asyncio
import tasktree_jupyter as tt
tt.project("asyncio")

async def part(name):
    async with asyncio.timeout(20):
        with tt.task(name):
            await asyncio.sleep(0)
            asyncio.get_running_loop().call_soon(tt.emit, "my.event", {"n": 0})
            await asyncio.sleep(0)

async def main():
    with tt.task("run"):
        await asyncio.gather(*(part(f"part {n}") for n in range(3)))
        # As in a notebook: code that is called from a running loop, and blocks it.
        assert tt.flush(20), tt.status()

asyncio.run(main())
tt.emit("my.event", {"n": 1})
"""


def test_a_script_with_a_loop_of_its_own_needs_none_of_ours(script: Script, hub: Hub) -> None:
    """What it says last is delivered as the process ends."""
    _, err = script(ASYNCIO, hub, hub.root).rest()
    assert err == ""
    assert [each["data"]["n"] for each in hub.events("asyncio") if each["type"] == "my.event"] == [0, 0, 0, 1]
    parents = {node["title"]: node.get("parent_id") for node in hub.nodes("asyncio").values()}
    run = next(node["node_id"] for node in hub.nodes("asyncio").values() if node["title"] == "run")
    assert parents == {"run": None, "part 0": run, "part 1": run, "part 2": run}
