"""`events`: a project's events for `async for`, with no thread of their own.

The connection's thread puts them into a bounded buffer and wakes whichever loop waits. So it works in a kernel's
running loop, under `asyncio.run`, in loops within loops, and in one loop after the other.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from contextvars import Context
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from tasktree_jupyter.client.place import asked_project
from tasktree_jupyter.client.session import session
from tasktree_jupyter.client.subscribe import Since, Subscription

if TYPE_CHECKING:
    from tasktree_jupyter.client.project import Project
    from tasktree_jupyter.client.session import Session

Event = dict[str, Any]

MAX_WAITING: Final = 10_000


class Tap(Subscription):
    """A subscription whose callback is quick and never waits: it is called on the connection's thread."""

    def run(self, *, threads: bool) -> None:
        """No thread is needed."""


class _Buffer:
    """Events between the thread that brings them and the loop that takes them.

    It doesn't know the stream: a stream that is dropped must be collected while events still come.
    """

    def __init__(self, project_id: str | None) -> None:
        self.closed = False
        self._project_id = project_id
        self._lock = threading.RLock()
        self._events: deque[Event] = deque()
        self._missed = 0
        self._waiters: dict[asyncio.Future[None], asyncio.AbstractEventLoop] = {}

    def put(self, event: Event) -> None:
        """Take an event; of more than 10 000 that wait, the oldest is dropped and counted."""
        with self._lock:
            if len(self._events) >= MAX_WAITING:
                self._events.popleft()
                self._missed += 1
            self._events.append(event)
            self._wake()

    def close(self) -> None:
        """Nothing comes any more, and what waits isn't wanted."""
        with self._lock:
            self.closed = True
            self._events.clear()
            self._missed = 0
            self._wake()

    def pop(self) -> Event | None:
        """Return the next event, None where none waits."""
        with self._lock:
            if self._missed:
                missed, self._missed = self._missed, 0
                data = {"reason": "slow", "missed": missed}
                return {"type": "resync", "project_id": self._project_id, "data": data}
            return self._events.popleft() if self._events else None

    async def news(self) -> None:
        """Wait until there may be something to `pop`."""
        loop = asyncio.get_running_loop()
        news = loop.create_future()
        with self._lock:
            if self._events or self._missed or self.closed:
                return
            self._waiters[news] = loop
        try:
            await news
        finally:
            with self._lock:
                self._waiters.pop(news, None)

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, {}
        for news, loop in waiters.items():
            # A loop that was closed waits for nothing.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(_set, news)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class EventStream:
    """What `events` returns: an asynchronous iterator, and an asynchronous context manager that ends it.

    It ends by `aclose()`, at the end of its `async with` block, when nobody has it any more, and after `gone`.

    Attributes:
        project: the project whose events it gives.
    """

    def __init__(self, this: Session, project: Project, types: Iterable[str] | None, since: Since) -> None:
        self.project = project
        self._buffer = buffer = _Buffer(project.project_id)
        connection = this.connection
        self._subscription = Tap(project, buffer.put, types, since, Context(), this.complaints, connection.unfollow)
        # After a `break` it is collected at once, and with it goes the subscription.
        self._finalizer = weakref.finalize(self, _end, self._subscription, buffer)
        self._finalizer.atexit = False
        connection.follow(self._subscription)

    def __repr__(self) -> str:
        return f"<EventStream of {self.project.project_id!r}{', closed' if self.closed else ''}>"

    @property
    def closed(self) -> bool:
        """Whether no more events come."""
        return self._buffer.closed

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while True:
            event = self._buffer.pop()
            if event is not None:
                if event["type"] == "gone":
                    self._finalizer()
                return event
            if self._buffer.closed:
                raise StopAsyncIteration
            await self._buffer.news()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End it; who waits for its next event is told so."""
        self._finalizer()


def _end(subscription: Subscription, buffer: _Buffer) -> None:
    subscription.close()
    buffer.close()


def events(project: str | None = None, types: Iterable[str] | None = None, since: Since = None) -> EventStream:
    """Return a project's events as an asynchronous iterator, in the order of its log.

    ```python
    async for event in tt.events("nightly-etl", types=["state_transition"]):
        print(event["data"]["to"])
        if event["data"]["to"] == "completed":
            break
    ```

    Events are kept from this call on, so none is missed before the first is awaited. A slow loop slows nobody: past
    10 000 events that wait the oldest are dropped. That, and any other gap, shows itself as an event of type `resync`
    with the `reason`, whatever `types` says. The last event is `gone` where the project was deleted. Without a server
    it gives the events of this process.

    Args:
        project: as in `emit`.
        types: only these types.
        since: as in `subscribe`: None for events from now on, an offset for those after it, or a mapping with `epoch`,
            `offset` and `at`.

    Returns:
        an `EventStream`. `break` ends it where nobody else has it; `async with tt.events() as stream:` ends it surely.

    Raises:
        ValueError: `project` is no project id.
    """
    this = session()
    this.check_in()
    wanted = [types] if isinstance(types, str) else types
    return EventStream(this, asked_project(this, project), wanted, since)
