"""Subscriptions of this process: one server subscription a project, however many callbacks want its events.

Belongs to the connection thread. Each callback has its own thread and its own bounded queue, so that a slow one slows
nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from tasktree_jupyter.client.reporting import Complaints
from tasktree_jupyter.core.subscriber import (
    Delivery,
    Events,
    Gone,
    Position,
    Presence,
    Refused,
    Resync,
    Snapshot,
    Subscribed,
    Subscriber,
)

if TYPE_CHECKING:
    from tasktree_jupyter.client.project import Project
    from tasktree_jupyter.client.subscribe import Subscription

_FIRST_DELAY: Final = 0.25
_LONGEST_DELAY: Final = 4.0
_PATIENCE: Final = 10.0
"""Seconds that publishing waits at most for a state that was asked for."""


class Following:
    """Hands what the server delivers to the subscriptions that want it.

    Args:
        subscriber: the machine that follows projects on this connection.
        send: sends a frame, where there is a connection.
        complaints: takes what the user is to be told.
    """

    def __init__(self, subscriber: Subscriber, send: Callable[[dict[str, Any]], None], complaints: Complaints) -> None:
        self._subscriber = subscriber
        self._send = send
        self._complaints = complaints
        self._subscriptions: list[Subscription] = []
        self._followed: set[str] = set()
        self._again: dict[str, float] = {}
        self._delays: dict[str, float] = {}
        self._awaited: dict[str, float] = {}

    def add(self, subscription: Subscription) -> None:
        """Follow the subscription's project for it, as soon as the project is known."""
        self._subscriptions.append(subscription)
        if not subscription.is_local:
            self._follow_for(subscription)

    def remove(self, subscription: Subscription) -> None:
        """Stop; the last one of a project ends the server's subscription."""
        if subscription not in self._subscriptions:
            return
        self._subscriptions.remove(subscription)
        project_id = subscription.project.project_id
        if project_id is not None and not self._of(project_id):
            self._again.pop(project_id, None)
            self._unfollow(project_id)

    def known(self, project: Project) -> None:
        """The server has said which project this is."""
        for subscription in self._subscriptions:
            if subscription.project is project:
                self._follow_for(subscription)

    def forget_server(self) -> None:
        """Another server answers from now on: follow everything there from its present state."""
        for project_id in (*self._followed,):
            self._subscriber.unfollow(project_id)
        self._followed.clear()
        self._again.clear()
        self._awaited.clear()
        for subscription in self._subscriptions:
            subscription.start_over()
            self._follow_for(subscription)

    def go_on_alone(self) -> None:
        """No server answers from now on: everybody hears the events of this process."""
        for subscription in self._subscriptions:
            subscription.start_over()
            subscription.listen()

    def published(self, project: Project) -> None:
        """The project exists now, if it didn't before."""
        project_id = project.project_id
        if project_id is not None and project_id in self._again:
            self._ask_again(project_id)

    def retry(self, now: float) -> float | None:
        """Ask again for what was refused for the time being; return when to look again, None where there is nothing.

        Args:
            now: of `time.monotonic`.
        """
        for project_id, moment in (*self._again.items(),):
            if moment <= now:
                self._ask_again(project_id)
        return min(self._again.values(), default=None)

    def held_until(self, project_id: str, now: float) -> float | None:
        """Return until when a project must publish nothing: what came before its awaited state would be part of that.

        Args:
            project_id: the project's id.
            now: of `time.monotonic`.
        """
        until = self._awaited.get(project_id)
        return until if until is not None and now < until else None

    def connected(self) -> None:
        """A new connection asks again for what is followed."""
        until = time.monotonic() + _PATIENCE
        for project_id in self._followed:
            new = any(subscription.is_from_now for subscription in self._of(project_id))
            if new or self._subscriber.position(project_id) is None:
                self._awaited[project_id] = until

    def deliver(self, delivery: Delivery) -> None:
        """Hand over what the server delivered."""
        if isinstance(delivery, Events):
            for subscription in self._subscriptions if delivery.project_id is None else self._of(delivery.project_id):
                subscription.take(delivery.events)
        elif isinstance(delivery, Subscribed):
            self._subscribed(delivery)
        elif isinstance(delivery, Snapshot):
            self._awaited.pop(delivery.project_id, None)
            for subscription in self._of(delivery.project_id):
                subscription.jump(delivery.epoch, delivery.offset)
        elif isinstance(delivery, Resync):
            for subscription in self._of(delivery.project_id):
                subscription.gap_reason = delivery.reason
        elif isinstance(delivery, Presence):
            for subscription in self._of(delivery.project_id):
                subscription.tell_presence(delivery.sources)
        elif isinstance(delivery, Gone):
            self._ended(
                delivery.project_id,
                "gone",
                f"The project {delivery.project_id!r} was deleted: its subscription has ended.",
            )
        elif isinstance(delivery, Refused) and delivery.retry and delivery.project_id is not None:
            self._refused_for_now(delivery.project_id, delivery.code)
        elif isinstance(delivery, Refused):
            shown = "" if delivery.project_id is None else f" to {delivery.project_id!r}"
            message = f"TaskTree refused the subscription{shown}: {delivery.message}"
            for project_id in [delivery.project_id] if delivery.project_id is not None else [*self._followed]:
                self._ended(project_id, delivery.code, message)

    def _of(self, project_id: str | None) -> list[Subscription]:
        return [subscription for subscription in self._subscriptions if subscription.project.project_id == project_id]

    def _follow_for(self, subscription: Subscription) -> None:
        project_id = subscription.project.project_id
        if project_id is None:
            return
        project = subscription.project
        since = subscription.since(project.epoch, project.offset)
        if project_id not in self._followed:
            self._follow(project_id, since)
            if since is not None and not subscription.is_from_now:
                subscription.begin(since.epoch, since.offset)
            return
        position = self._subscriber.position(project_id)
        if position is None or project_id in self._awaited:
            # Where the log stands is on its way; from there on, or asked again then.
            return
        if subscription.is_from_now:
            acknowledged = project.offset if project.epoch == position.epoch else 0
            subscription.begin(position.epoch, max(position.offset, acknowledged))
        elif since is None or (since.offset >= position.offset and since.epoch == position.epoch):
            subscription.begin(position.epoch, position.offset if since is None else since.offset)
        elif since.epoch != position.epoch:
            subscription.begin(since.epoch, since.offset)
            subscription.gap_reason = "epoch"
            subscription.jump(position.epoch, position.offset)
        else:
            # Everyone passes over what they have had.
            self._unfollow(project_id)
            self._follow(project_id, since)
            subscription.begin(since.epoch, since.offset)

    def _follow(self, project_id: str, since: Position | None) -> None:
        self._again.pop(project_id, None)
        self._followed.add(project_id)
        if since is None or any(subscription.is_from_now for subscription in self._of(project_id)):
            self._awaited[project_id] = time.monotonic() + _PATIENCE
        for frame in self._subscriber.follow(project_id, since):
            self._send(frame)

    def _unfollow(self, project_id: str) -> None:
        self._followed.discard(project_id)
        self._awaited.pop(project_id, None)
        for frame in self._subscriber.unfollow(project_id):
            self._send(frame)

    def _refused_for_now(self, project_id: str, code: str) -> None:
        """Nobody has published to it yet, or the server has trouble: it goes on by itself."""
        self._followed.discard(project_id)
        self._awaited.pop(project_id, None)
        delay = self._delays.get(project_id, _FIRST_DELAY)
        self._delays[project_id] = min(_LONGEST_DELAY, 2 * delay)
        self._again[project_id] = time.monotonic() + delay
        if code == "not_found":
            for subscription in self._of(project_id):
                subscription.from_the_beginning()

    def _ask_again(self, project_id: str) -> None:
        del self._again[project_id]
        for subscription in self._of(project_id):
            self._follow_for(subscription)

    def _subscribed(self, delivery: Subscribed) -> None:
        """Only now is it known where the log stands, and its epoch, which a subscription from an offset needs."""
        project_id = delivery.project_id
        self._delays.pop(project_id, None)
        if delivery.recovered:
            self._awaited.pop(project_id, None)
            for subscription in self._of(project_id):
                if subscription.is_from_now:
                    subscription.begin(delivery.epoch, delivery.offset)
        early = [
            subscription
            for subscription in self._of(project_id)
            if subscription.wants_from(delivery.epoch, delivery.offset)
        ]
        if early:
            self._unfollow(project_id)
            since = min(early, key=lambda subscription: subscription.position.offset).position
            self._follow(project_id, since)

    def _ended(self, project_id: str, code: str, message: str) -> None:
        self._followed.discard(project_id)
        self._awaited.pop(project_id, None)
        ended = self._of(project_id)
        for subscription in ended:
            self._subscriptions.remove(subscription)
            subscription.end(code)
        if ended:
            self._complaints.add(message)
