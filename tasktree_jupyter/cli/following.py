"""Follows one project over one connection after the other, on the caller's thread, and keeps its tree.

The server's list of projects comes over the same connection, so that a project is found as it appears, and nothing but
the socket is needed.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, Final, Literal, NamedTuple

from tasktree_jupyter.cli.problem import CommandError
from tasktree_jupyter.client.discovery import Discovery
from tasktree_jupyter.client.happenings import Closed, Happening, Opened, Received
from tasktree_jupyter.client.websocket import Wire
from tasktree_jupyter.core.protocol import decode, encode, may_come_back
from tasktree_jupyter.core.shape import ProblemError
from tasktree_jupyter.core.subscriber import (
    Delivery,
    Events,
    Gone,
    Live,
    Presence,
    Refused,
    Snapshot,
    Subscribed,
    Subscriber,
)
from tasktree_jupyter.core.tree import FOLD_VERSION, TaskTree
from tasktree_jupyter.display import plain

Info = dict[str, Any]
State = Literal["connecting", "catching up", "live", "lost", "gone"]

_FIRST_DELAY: Final = 0.25
_LONGEST_DELAY: Final = 8.0
_WELCOME_TIMEOUT: Final = 15.0
_SILENCE: Final = 2.5
_MOST_CHANGES: Final = 10_000


class Change(NamedTuple):
    """A node's status became another one; `at` is the server's time, microseconds since 1970."""

    at: int
    node_id: str
    before: str | None
    after: str


class Following:
    """One project as the server has it, now.

    Args:
        discovery: finds the server, again at each attempt.
        pick: is given the list of projects each time it changes, until it returns the one to follow.

    Attributes:
        state: `connecting`, `catching up`, `live`, `lost` (and trying again) or `gone` (deleted).
        reason: why it is lost, for people; None otherwise.
        retry_at: when it tries again, of `time.monotonic`.
        info: what the server says of the project; None before one is picked.
        tree: its tree; None before the first whole state.
        silent: when the process of each open task that isn't heard was last heard, microseconds since 1970.
        changes: what became of nodes since they were last taken from here, at most the newest 10 000.
        missed: whether the state was replaced by a newer one without the steps between.
    """

    def __init__(self, discovery: Discovery, pick: Callable[[list[Info]], Info | None]) -> None:
        self._discovery = discovery
        self._pick = pick
        self._inbox: SimpleQueue[Happening] = SimpleQueue()
        self._subscriber = Subscriber()
        self._wire: Wire | None = None
        self._attempts = 0
        self._heard = 0.0
        self._silence = _WELCOME_TIMEOUT
        self._projects: dict[str, Info] = {}
        self.state: State = "connecting"
        self.reason: str | None = None
        self.retry_at = 0.0
        self.info: Info | None = None
        self.tree: TaskTree | None = None
        self.silent: dict[str, int] = {}
        self.changes: deque[Change] = deque(maxlen=_MOST_CHANGES)
        self.missed = False

    @property
    def silence(self) -> float:
        """Seconds since the server was last heard."""
        return time.monotonic() - self._heard if self._heard else 0.0

    def step(self, timeout: float) -> bool:
        """Wait for something to happen, at most `timeout` seconds; return whether it did. Takes about as long at most.

        Raises:
            CommandError: the server refuses for good, or is of a version that can't be followed.
        """
        self._keep_connected()
        try:
            happening: Happening | None = self._inbox.get(timeout=timeout)
        except Empty:
            return False
        until = time.monotonic() + timeout
        while happening is not None:
            try:
                self._take(happening)
            except (OSError, ProblemError) as error:
                self._lost(str(error))
            # Nothing is fetched that isn't taken: the bytes of a connection belong together.
            happening = None
            if time.monotonic() < until:
                with contextlib.suppress(Empty):
                    happening = self._inbox.get_nowait()
        return True

    def close(self) -> None:
        """End the connection."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    # The connection

    def _keep_connected(self) -> None:
        now = time.monotonic()
        if self._wire is not None:
            if now - self._heard > self._silence:
                self._lost("the server has gone silent")
        elif now >= self.retry_at:
            servers = self._discovery.find()
            if not servers:
                self._lost("the server isn't running")
                return
            self._heard, self._silence = now, _WELCOME_TIMEOUT
            self._wire = Wire(servers, self._inbox.put)
            self._wire.start()

    def _take(self, happening: Happening) -> None:
        if happening.wire is not self._wire:
            happening.wire.hang_up()
        elif isinstance(happening, Received):
            self._heard = time.monotonic()
            try:
                messages = happening.wire.feed(happening.data)
            except OSError:
                code = happening.wire.close_code
                if code is not None and not may_come_back(code):
                    raise CommandError(f"The server closed the connection: {happening.wire.close_reason}.") from None
                raise
            for message in messages:
                self._receive(message)
        elif isinstance(happening, Opened):
            self._heard = time.monotonic()
        elif isinstance(happening, Closed):
            if happening.refused and self.tree is None:
                where = happening.wire.server.shown
                raise CommandError(f"{where} can't be followed: {plain.line(happening.trouble.text)}.")
            self._lost(happening.trouble.text)

    def _lost(self, reason: str) -> None:
        if self._wire is not None:
            self._wire.hang_up()
            self._wire = None
        self._subscriber.closed()
        self._attempts += 1
        self.retry_at = time.monotonic() + min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** min(self._attempts, 10))
        self.reason = plain.line(reason).rstrip(".")
        if self.state != "gone":
            self.state = "lost"

    def _send(self, frame: dict[str, Any]) -> None:
        if self._wire is not None:
            self._wire.send(encode(frame))

    # Frames

    def _receive(self, message: bytes) -> None:
        frame = decode(message)
        step = self._subscriber.receive(frame, len(message))
        if frame["op"] == "welcome" and self._subscriber.connected:
            self._welcome()
        elif frame["op"] == "projects":
            self._take_projects(frame)
        for delivery in step.deliver:
            self._deliver(delivery)
        for answer in step.send:
            self._send(answer)

    def _welcome(self) -> None:
        interval = self._subscriber.limits.get("ping_interval")
        self._silence = _SILENCE * interval if isinstance(interval, (int, float)) and interval > 0 else float("inf")
        self._attempts, self.reason = 0, None
        if self.state != "gone":
            self.state = "catching up"
        self._projects = {}
        self._send({"op": "watch", "ref": self._subscriber.next_ref()})

    def _take_projects(self, frame: dict[str, Any]) -> None:
        if frame.get("full"):
            self._projects = {}
        for info in frame.get("projects") or ():
            self._projects[info["project_id"]] = info
        for project_id in frame.get("removed") or ():
            self._projects.pop(project_id, None)
        if self.info is None:
            self.info = self._pick([*self._projects.values()])
            if self.info is not None:
                self._follow(self.info["project_id"])
            else:
                self.state = "live"
            return
        known = self._projects.get(self.info["project_id"])
        if known is not None:
            self.info = known
            if self.state == "gone":
                # Deleted, and made again.
                self._follow(known["project_id"])

    def _follow(self, project_id: str) -> None:
        self.state = "catching up"
        for frame in self._subscriber.follow(project_id):
            self._send(frame)

    def _deliver(self, delivery: Delivery) -> None:
        if isinstance(delivery, Snapshot):
            self._check_fold(delivery.state)
            self.missed = self.tree is not None
            self.tree = TaskTree.load(delivery.state, delivery.nodes)
        elif isinstance(delivery, Events) and delivery.project_id is not None and self.tree is not None:
            for event in delivery.events:
                self._apply(self.tree, event)
        elif isinstance(delivery, Presence):
            self.silent = {
                node_id: source["silent_since"] for source in delivery.sources for node_id in source.get("nodes") or ()
            }
        elif isinstance(delivery, Subscribed):
            self.silent = {}
        elif isinstance(delivery, Live):
            self.state = "live"
        elif isinstance(delivery, Gone):
            self.state, self.tree, self.silent = "gone", None, {}
        elif isinstance(delivery, Refused):
            if not delivery.retry:
                raise CommandError(f"The server refuses: {plain.line(delivery.message)}.")
            self._lost(delivery.message)
            if delivery.project_id is not None:
                self._subscriber.follow(delivery.project_id)

    def _check_fold(self, state: dict[str, Any]) -> None:
        fold = state.get("fold")
        if isinstance(fold, int) and fold > FOLD_VERSION:
            raise CommandError("The server is newer than this command: update tasktree_jupyter here.")

    def _apply(self, tree: TaskTree, event: dict[str, Any]) -> None:
        node_id = _subject(event)
        before = tree.status_of(node_id) if node_id is not None and node_id in tree else None
        tree.apply(event)
        after = tree.status_of(node_id) if node_id is not None and node_id in tree else None
        if node_id is not None and after is not None and before != after:
            self.changes.append(Change(tree.at, node_id, before, after))


def _subject(event: dict[str, Any]) -> str | None:
    """Return the node that an event is about, None where it is about none."""
    data = event.get("data")
    if not isinstance(data, dict):
        return None
    context = data.get("context")
    found = data.get("node_id") or data.get("task_id") or (context or {}).get("node_id")
    return found if isinstance(found, str) else None
