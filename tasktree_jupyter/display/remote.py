"""Asks the server once for a project's whole state: for runs that this process didn't make."""

from __future__ import annotations

import time
from collections.abc import Iterable
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from tasktree_jupyter.client.discovery import Server
from tasktree_jupyter.core.protocol import decode, encode
from tasktree_jupyter.core.shape import ProblemError
from tasktree_jupyter.core.subscriber import Delivery, Events, Gone, Live, Refused, Snapshot, Subscribed, Subscriber
from tasktree_jupyter.core.tree import TaskTree


class State(NamedTuple):
    """A project as the server has it.

    Attributes:
        tree: up to the log's head when it was read.
        epoch: of the log.
        info: docs/protocol.md, info.
    """

    tree: TaskTree
    epoch: str
    info: dict[str, Any]


def read_state(servers: Iterable[Server], project_id: str, timeout: float) -> State | None:
    """Return a project's state from the first of `servers` that answers; None if it has none, or doesn't answer.

    Args:
        servers: the ways to the server, in the order to try.
        project_id: the project's id.
        timeout: seconds to wait at most.
    """
    from tasktree_jupyter.client.happenings import Closed, Happening, Received
    from tasktree_jupyter.client.websocket import Wire

    servers = tuple(servers)
    if not servers:
        return None
    deadline = time.monotonic() + timeout
    inbox: SimpleQueue[Happening] = SimpleQueue()
    wire = Wire(servers, inbox.put)
    reading = _Reading(project_id)
    try:
        wire.start()
        while not reading.over:
            happening = inbox.get(timeout=max(0.0, deadline - time.monotonic()))
            if isinstance(happening, Closed):
                break
            if isinstance(happening, Received):
                for message in wire.feed(happening.data):
                    for answer in reading.take(message):
                        wire.send(encode(answer))
    except (Empty, OSError, RuntimeError, ProblemError):
        # Too late, cut off, no threads here, or no frame: there is nothing to show then, and the view says so.
        return None
    finally:
        wire.hang_up()
    return reading.state


class _Reading:
    def __init__(self, project_id: str) -> None:
        self.over = False
        self.state: State | None = None
        self._subscriber = Subscriber()
        self._subscriber.follow(project_id)
        self._info: dict[str, Any] = {}

    def take(self, message: bytes) -> list[dict[str, Any]]:
        step = self._subscriber.receive(decode(message), len(message))
        for delivery in step.deliver:
            self._deliver(delivery)
        return step.send

    def _deliver(self, delivery: Delivery) -> None:
        if isinstance(delivery, Subscribed):
            self._info = delivery.info or {}
        elif isinstance(delivery, Snapshot):
            self.state = State(TaskTree.load(delivery.state, delivery.nodes), delivery.epoch, self._info)
        elif isinstance(delivery, Events) and self.state is not None and delivery.project_id is not None:
            for event in delivery.events:
                self.state.tree.apply(event)
        elif isinstance(delivery, Live):
            self.over = True
        elif isinstance(delivery, (Gone, Refused)):
            self.over, self.state = True, None
