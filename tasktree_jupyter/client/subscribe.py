"""A callback that is told of events, on a thread of its own and in the context it was registered in."""

from __future__ import annotations

import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextvars import Context
from typing import Any, Final

from tasktree_jupyter.client.project import Project
from tasktree_jupyter.client.reporting import Complaints, logger
from tasktree_jupyter.core.subscriber import Position

OnEvent = Callable[[dict[str, Any]], object]
Since = int | Mapping[str, Any] | None

_MOST_WAITING: Final = 100_000
"""Events that wait for a slow callback; past that, the oldest are dropped and a `resync` event tells how many."""


class Subscription:
    """What `subscribe` returns. Closing it, or leaving its `with` block, ends it.

    Attributes:
        project: the project whose events it gets.
        given_to: the function of the notebook API that its callback was given to.
        every: seconds after which the callback is given an event of type `tick`, where nothing else came; None: never.
        hears_presence: whether it is given events of type `presence`, with the `sources` that are silent.
        position: up to where events were handed over.
    """

    def __init__(
        self,
        project: Project,
        on_event: OnEvent,
        types: Iterable[str] | None,
        since: Since,
        context: Context,
        complaints: Complaints,
        on_close: Callable[[Subscription], None],
    ) -> None:
        self.project = project
        self.given_to = "subscribe"
        self.every: float | None = None
        self.hears_presence = False
        self.gap_reason = "restarted"
        self._on_event = on_event
        self._types = None if types is None else frozenset(types)
        self._since = since
        self._context = context
        self._complaints = complaints
        self._on_close = on_close
        self.position = Position("", 0)
        self._started = False
        self._begun = threading.Event()
        self._waiting: deque[dict[str, Any]] = deque()
        self._missed = 0
        self._news = threading.Condition()
        self._closed = False
        self._complained = False
        self._stop_listening: Callable[[], None] | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Subscription to {self.project.project_id!r}{', closed' if self._closed else ''}>"

    @property
    def closed(self) -> bool:
        """Whether no more events come."""
        return self._closed

    def close(self) -> None:
        """End it. An event that the callback is just looking at is its last; what waits is forgotten."""
        if not self._closed:
            self._close()
            self._on_close(self)

    def _close(self) -> None:
        if self._stop_listening is not None:
            self._stop_listening()
        with self._news:
            self._closed = True
            self._waiting.clear()
            self._news.notify_all()

    def run(self, *, threads: bool) -> None:
        """Begin to call the callback; without threads it is called where events are emitted."""
        if threads:
            self._thread = threading.Thread(
                target=self._context.run, args=(self._run,), name="tasktree-subscription", daemon=True
            )
            self._thread.start()

    def listen(self) -> None:
        """Take the events of this process, there being no server."""
        self._stop_listening = self.project.listen(self.take)
        self._begun.set()

    @property
    def is_local(self) -> bool:
        """Whether it takes the events of this process."""
        return self._stop_listening is not None

    def wait_begun(self, timeout: float) -> bool:
        """Wait until it is known from where on events come, at most `timeout` seconds; return whether it is.

        Of what happens afterwards nothing is missed.
        """
        return self._begun.wait(timeout)

    # Where it is in the log; connection thread

    @property
    def is_from_now(self) -> bool:
        """Whether it wants what comes from now on, and doesn't know yet where in the log that is."""
        return not self._started and self._since is None

    def since(self, epoch: str | None, offset: int) -> Position | None:
        """Return from where to follow, given what the process knows of the log; None: from its present state.

        Events from now on need no state, so the last acknowledged position is a good place to begin.
        """
        if self._started:
            return self.position if self.position.epoch else None
        if isinstance(self._since, Mapping):
            at = self._since.get("at")
            return Position(str(self._since.get("epoch")), int(self._since.get("offset", 0)), at)
        if epoch is None:
            return None
        return Position(epoch, offset if self._since is None else self._since)

    def begin(self, epoch: str, offset: int) -> None:
        """Events after this offset are wanted."""
        if not self._started or not self.position.epoch:
            self._started = True
            self.position = Position(epoch, offset)
        self._begun.set()

    def wants_from(self, epoch: str, head: int) -> bool:
        """Return whether it wants events from an earlier offset on; where the log's epoch is another, it is told so."""
        since = None if self._started else self.since(epoch, head)
        if since is None or self._since is None:
            return False
        self.begin(since.epoch, since.offset)
        if since.epoch != epoch:
            self.gap_reason = "epoch"
            self.jump(epoch, head)
        return since.epoch == epoch

    def from_the_beginning(self) -> None:
        """The project doesn't exist yet: all its events come from now on."""
        if not self._started and self._since is None:
            self._since = 0
        self._begun.set()

    def jump(self, epoch: str, offset: int) -> None:
        """The server gave its present state: events up to there are missing, where any were had before."""
        if self._started and (self.position.epoch, self.position.offset) != (epoch, offset):
            self._tell_gap({"reason": self.gap_reason})
        self._started = True
        self.gap_reason = "restarted"
        self.position = Position(epoch, offset)
        self._begun.set()

    def start_over(self) -> None:
        """Another server answers: positions mean nothing there."""
        if self._stop_listening is not None:
            self._stop_listening()
            self._stop_listening = None
        self.position = Position("", 0)
        self._started = False
        self._begun.clear()
        self._since = None

    def take(self, events: Iterable[dict[str, Any]]) -> None:
        """Hand events over, once each, in order."""
        for event in events:
            offset = event.get("offset")
            if isinstance(offset, int):
                if offset <= self.position.offset:
                    continue
                self.position = Position(self.position.epoch, offset, event.get("at"))
            if self._types is None or event.get("type") in self._types:
                self._offer(event)

    def tell_presence(self, sources: list[dict[str, Any]]) -> None:
        """Who is silent has changed."""
        if self.hears_presence:
            data = {"sources": sources}
            self._offer({"type": "presence", "project_id": self.project.project_id, "data": data})

    def end(self, code: str) -> None:
        """The server ended it."""
        self._begun.set()
        self._offer({"type": "gone", "project_id": self.project.project_id, "data": {"reason": code}})
        self._on_close = lambda subscription: None

    # The callback

    def _tell_gap(self, data: dict[str, Any]) -> None:
        self._offer({"type": "resync", "project_id": self.project.project_id, "data": data})

    def _offer(self, event: dict[str, Any]) -> None:
        if self._thread is None:
            self._context.run(self._call, event)
            return
        with self._news:
            if self._closed:
                return
            if len(self._waiting) >= _MOST_WAITING:
                self._waiting.popleft()
                self._missed += 1
            self._waiting.append(event)
            self._news.notify_all()

    def _run(self) -> None:
        while True:
            with self._news:
                self._news.wait_for(lambda: self._waiting or self._closed, self.every)
                if self._closed:
                    return
                missed, self._missed = self._missed, 0
                event = self._waiting.popleft() if self._waiting else {"type": "tick", "data": {}}
            if missed:
                data = {"reason": "slow", "missed": missed}
                self._call({"type": "resync", "project_id": self.project.project_id, "data": data})
            self._call(event)

    def _call(self, event: dict[str, Any]) -> None:
        try:
            self._on_event(event)
        except Exception as error:
            logger.exception("A callback of %s failed on a %s event", self.given_to, event.get("type"))
            if not self._complained:
                self._complained = True
                where = traceback.extract_tb(error.__traceback__)[-1]
                self._complaints.add(
                    f"A callback given to {self.given_to} raised {type(error).__name__}: {error} "
                    f"({where.filename}, line {where.lineno}). It goes on with the next event; this isn't told again."
                )
