"""What a room refuses because of the state it has: the last check before an event goes into the log."""

from __future__ import annotations

from collections.abc import Sequence

from tasktree_jupyter.core.pending import Pending
from tasktree_jupyter.core.shape import Problem
from tasktree_jupyter.core.tree import TaskTree
from tasktree_jupyter.server.publication import Incoming, Publication
from tasktree_jupyter.storage.log import EventLog

MAX_SOURCES = 10_000


class Judge:
    """Checks publications against the tree before they are committed together.

    An event that is stored already must be acknowledged again, not refused as a duplicate of itself. So what lies at or
    below its source's `upto` isn't checked; the log drops it.
    """

    def __init__(self, log: EventLog, project_id: str) -> None:
        self._log = log
        self._project_id = project_id
        self._upto: dict[str, int] = {}

    def forget(self) -> None:
        """The log isn't the one it was."""
        self._upto.clear()

    def note(self, source: str | None, upto: int | None) -> None:
        """Remember how far a source has come."""
        if source is not None and upto is not None:
            if len(self._upto) >= MAX_SOURCES:
                self._upto.clear()
            self._upto[source] = upto

    async def judge(self, tree: TaskTree, publications: Sequence[Publication]) -> None:
        """Move the events that the fold would give no effect from `events` to `rejected`. Raises StorageError."""
        upto: dict[str, int] = {}
        for publication in publications:
            source = publication.source
            if source is not None and source not in upto:
                if source not in self._upto:
                    self.note(source, await self._log.upto(self._project_id, source))
                upto[source] = self._upto[source]
        refused = _check_all(tree, publications, upto)
        for publication, events in refused:
            await self._reject(publication, events)

    async def _reject(self, publication: Publication, refused: list[tuple[Incoming, Problem]]) -> None:
        """Another server may have stored them: ask the log before refusing."""
        stored = 0
        if publication.source is not None:
            stored = await self._log.upto(self._project_id, publication.source)
        for event, problem in refused:
            if event.seq is not None and event.seq <= stored:
                publication.events.append(event)
            else:
                publication.reject(event.index, event.seq, problem)
        publication.events.sort(key=lambda event: event.index)


def _check_all(
    tree: TaskTree, publications: Sequence[Publication], upto: dict[str, int]
) -> list[tuple[Publication, list[tuple[Incoming, Problem]]]]:
    """Take out of the publications what the state forbids. Doesn't wait: nothing may change the tree meanwhile."""
    pending = Pending()
    refused: list[tuple[Publication, list[tuple[Incoming, Problem]]]] = []
    for publication in publications:
        known = 0
        if publication.source is not None:
            known = upto[publication.source]
            if (publication.first_seq or 1) > known + 1 and not publication.dropped:
                continue  # a gap: the log refuses all of it
            upto[publication.source] = max(known, publication.last_seq or 0)
        kept: list[Incoming] = []
        problems: list[tuple[Incoming, Problem]] = []
        for event in publication.events:
            stored = event.seq is not None and event.seq <= known
            problem = None if stored else pending.check(tree, event.type, event.data)
            if problem is None:
                kept.append(event)
            else:
                problems.append((event, problem))
        publication.events = kept
        if problems:
            refused.append((publication, problems))
    return refused
