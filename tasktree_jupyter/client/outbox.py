"""All that goes to the server in events: what the projects emit, what waits on the disk, what ended processes left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from tasktree_jupyter.client.late import LateDeliveries
from tasktree_jupyter.client.publishing import Publisher
from tasktree_jupyter.client.reporting import Complaints
from tasktree_jupyter.client.spooling import Spooler, spool_folder

if TYPE_CHECKING:
    from tasktree_jupyter.client.discovery import Discovery, Identity
    from tasktree_jupyter.client.following import Following
    from tasktree_jupyter.client.project import Project


class Outbox:
    """Belongs to the connection's thread, where it isn't said otherwise.

    Args:
        discovery: knows which server the events are for.
        identity: which notebook or script the default project belongs to.
        spool_bytes: says how many bytes of events a project may have on the disk.
        send: sends a frame.
        next_ref: gives a number for a frame.
        following: is told what becomes known of projects, and says which must wait.
        complaints: takes what the user is to be told.
    """

    def __init__(
        self,
        discovery: Discovery,
        identity: Callable[[], Identity],
        spool_bytes: Callable[[], int],
        send: Callable[[dict[str, Any] | bytes], None],
        next_ref: Callable[[], int],
        following: Following,
        complaints: Complaints,
    ) -> None:
        self._discovery = discovery
        self._following = following
        self._complaints = complaints
        self._told_of_memory = False
        self._spooler = Spooler(discovery, identity, spool_bytes, complaints)
        self._late = LateDeliveries(spool_folder, send, next_ref, complaints)
        self._publisher = Publisher(
            identity, send, next_ref, self._held_until, following.known, following.published, complaints
        )

    @property
    def projects(self) -> Iterator[Project]:
        """The projects, in the order of their first use; on any thread."""
        return self._publisher.projects

    @property
    def late(self) -> int:
        """How many events of processes that have ended are being sent; on any thread."""
        return self._late.waiting

    @property
    def sends_late(self) -> bool:
        """Whether some of these are being sent that the server hasn't put off; on any thread."""
        return self._late.sending

    @property
    def late_dropped(self) -> int:
        """How many events of processes that have ended were given up; on any thread."""
        return self._late.dropped

    def refuses(self, project: Project) -> bool:
        """Whether the server takes nothing of a project, and waiting a little is no use; on any thread."""
        return self._publisher.refuses(project)

    def add(self, project: Project) -> None:
        """Send this project's events from now on; on any thread."""
        self._publisher.add(project)

    def connected(self, limits: dict[str, Any], welcome: dict[str, Any]) -> None:
        """A connection is there; `limits` are those of `welcome`."""
        store, storage = welcome.get("store"), welcome.get("storage")
        unusual: dict[str, Any] = storage if isinstance(storage, dict) else {}
        keeps = unusual.get("kind") != "memory"
        self._publisher.connected(limits, keeps=keeps)
        self._spooler.store_id = store if isinstance(store, str) else None
        place = self._discovery.place
        self._late.connected(self._publisher.limits, self._spooler.store_id, place, time.monotonic(), keeps=keeps)
        if not keeps and not self._told_of_memory:
            self._told_of_memory = True
            self._complaints.add(f"TaskTree's server has its logs in memory only. {unusual.get('message')}")

    def disconnected(self) -> None:
        """The connection is gone: what wasn't answered will be asked and sent again."""
        self._publisher.disconnected()
        self._late.disconnected()

    def ask_again(self) -> None:
        """Somebody waits: what the server refused is tried again, unless that was a moment ago."""
        self._publisher.ask_again()

    def forget_server(self) -> None:
        """Another server answers from now on."""
        self._late.disconnected()
        self._spooler.store_id = None
        self._publisher.forget_server()

    def serve(self, now: float, ready: Callable[[], bool]) -> Iterator[float | None]:
        """Send and write what there is; yield when to look again, None: when something happens.

        Args:
            now: of `time.monotonic`.
            ready: says whether there is a connection that takes something.
        """
        if ready():
            yield from self._late.serve(now)
            yield from self._publisher.serve(now, ready)
        yield from self._spooler.serve(self.projects, now)

    def answered(self, frame: dict[str, Any]) -> bool:
        """Take an answer; return whether it was one to a question of this."""
        return self._late.answered(frame) or self._publisher.answered(frame)

    def leave(self) -> None:
        """The process ends: tell the server of sources that have nothing more to say."""
        self._publisher.leave()

    def close(self) -> None:
        """Write to the disk what can't be sent any more: the process ends."""
        self._late.disconnected()
        self._spooler.close(self.projects)

    def inherit(self, parents: Outbox) -> None:
        """In a forked child: the same projects for the same server, but the files are the parent's."""
        parents._spooler.abandon()
        parents._late.abandon()
        self._spooler.store_id = parents._spooler.store_id
        for project in parents.projects:
            self.add(project)

    def _held_until(self, project_id: str, now: float) -> float | None:
        return self._late.held_until(project_id, now) or self._following.held_until(project_id, now)
