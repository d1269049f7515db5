"""Bodies that don't come: a request waits for one only so long, since there is no place for any number of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from tasktree_jupyter.server.rest.coming import Coming
from tests.server.clients import Rest, until, update

HEADER = {"tasktree": "export", "version": 1, "project_id": "new", "epoch": "e", "offset": 9, "at": 5, "trimmed": 0}
HALVES = [
    ("POST", "projects/p/events", "Content-Length: 100", b""),
    ("PATCH", "projects/p/snapshots/s", "Content-Length: 100", b'{"name":'),
    ("GET", "projects/p/events", "Content-Length: 100", b""),
    ("POST", "projects/new/import", "Content-Length: 5000", b""),
    ("POST", "projects/new/import", "Transfer-Encoding: chunked", b"400\r\n" + json.dumps(HEADER).encode() + b"\n"),
    ("POST", "projects/p/import", "Content-Length: 5000", b"{}\n"),
    ("GET", "projects/new/import", "Content-Length: 5000", b""),
]


async def test_who_sends_half_a_request_is_cut_off_and_others_have_its_place(
    rest: Rest,
    extension: Any,
    jp_serverapp: Any,
    jp_auth_header: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await rest("POST", "projects", "p", "events", body=update("a", title="A"))
    for module in ("base", "transfer"):
        monkeypatch.setattr(f"tasktree_jupyter.server.rest.{module}.ANSWER_SECONDS", 0.2)
    login = f"Host: localhost\r\nAuthorization: {jp_auth_header['Authorization']}"
    opened = []
    for verb, path, lines, begun in HALVES:
        reader, writer = await asyncio.open_connection("127.0.0.1", jp_serverapp.port)
        head = f"{verb} {jp_serverapp.base_url}tasktree/api/{path} HTTP/1.1"
        writer.write(f"{head}\r\n{login}\r\n{lines}\r\n\r\n".encode() + begun)
        opened.append((reader, writer))

    async with asyncio.timeout(10):
        assert [await reader.read() for reader, _ in opened] == [b""] * len(HALVES)

    await until(lambda: extension.requests.number == 0)
    assert (await rest("POST", "projects", "new", "import", body=json.dumps(HEADER | {"offset": 0})))[0] == 201
    for _, writer in opened:
        writer.close()


class Clock:
    """A loop's clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, call: Callable[[], None]) -> Any:
        entry = (self.now + delay, call)
        self.calls.append(entry)
        clock = self

        class Handle:
            def cancel(self) -> None:
                clock.calls.remove(entry)

        return Handle()

    def go(self, seconds: float) -> None:
        self.now += seconds
        for entry in [entry for entry in self.calls if entry[0] <= self.now]:
            self.calls.remove(entry)
            entry[1]()


class TestComing:
    """A large body may take long, as long as more of it comes."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def stalled(self) -> list[str]:
        return []

    @pytest.fixture
    def coming(self, clock: Any, stalled: list[str]) -> Coming:
        return Coming(clock, 100, 60.0, lambda: stalled.append("stalled"))

    def test_what_goes_on_coming_may_take_any_time(self, coming: Coming, clock: Clock, stalled: list[str]) -> None:
        for _ in range(50):
            coming.wait()
            clock.go(59)
            coming.came(100)
        assert not stalled

    def test_what_comes_in_drops_is_no_better_than_what_does_not_come(
        self, coming: Coming, clock: Clock, stalled: list[str]
    ) -> None:
        for _ in range(5):
            coming.wait()
            clock.go(11)
            coming.came(1)
        coming.wait()
        clock.go(6)
        assert stalled

    def test_how_long_it_takes_to_store_it_does_not_count(
        self, coming: Coming, clock: Clock, stalled: list[str]
    ) -> None:
        coming.wait()
        coming.came(1)
        clock.go(1000)
        coming.wait()
        clock.go(59)
        assert not stalled

    def test_once_it_is_over_nobody_waits(self, coming: Coming, clock: Clock, stalled: list[str]) -> None:
        coming.wait()
        coming.end()
        coming.wait()
        clock.go(1000)
        assert not stalled
