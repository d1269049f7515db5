"""How many running tasks of each run are stale: what the list of projects tells, also of those that nobody follows.

A clock decides it, so it is kept here and nowhere else. A count holds as long as the same sources are silent and the
log ends where it did: a closed project isn't opened to be counted again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from tasktree_jupyter.core.stale import stale_leaves
from tasktree_jupyter.core.tree import TaskTree
from tasktree_jupyter.server.projects import MAX_MISSIONS
from tasktree_jupyter.storage.log import Head


class Count(msgspec.Struct, frozen=True):
    """What was counted of a project at an offset of an epoch, by mission, while `silent` were its silent sources."""

    silent: frozenset[str]
    epoch: str
    offset: int
    missions: dict[str, int]


def missions_with(tree: TaskTree, open_tasks: Iterable[str]) -> dict[str, int]:
    """Return how many of the open tasks of silent sources are running leaves, by mission, for those in an info."""
    counts = stale_leaves(tree, open_tasks)
    told = [mission["mission_id"] for mission in tree.missions(MAX_MISSIONS)[0]] if counts else []
    return {mission_id: counts[mission_id] for mission_id in told if mission_id in counts}


class Stale:
    """The counts of all projects with silent sources. `changed` is called with a project whose count is another now."""

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._changed = changed
        self._counts: dict[str, Count] = {}

    @property
    def projects(self) -> frozenset[str]:
        """Those that were counted."""
        return frozenset(self._counts)

    def of(self, project_id: str, epoch: str) -> dict[str, int]:
        """Return how many are stale, by mission; nothing for another life of the project than the one counted."""
        count = self._counts.get(project_id)
        return {} if count is None or count.epoch != epoch else count.missions

    def holds(self, project_id: str, silent: frozenset[str], head: Head) -> bool:
        """Whether what was counted is still true, with these silent sources and the log ending there."""
        count = self._counts.get(project_id)
        if count is None:
            return not silent
        return (count.silent, count.epoch, count.offset) == (silent, head.epoch, head.offset)

    def note(self, project_id: str, count: Count | None) -> None:
        """Take what was counted; None: nobody is silent, or the project is no more."""
        before = self._counts.pop(project_id, None)
        if count is not None:
            self._counts[project_id] = count
        if (before.missions if before else {}) != (count.missions if count else {}):
            self._changed(project_id)
