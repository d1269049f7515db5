"""A mission: one run. It gives its tasks their ids and knows whether it is over."""

from __future__ import annotations

import itertools
import os
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tasktree_jupyter.client.project import Project
    from tasktree_jupyter.client.task import Task


_COUNTER: Final = re.compile(r"([0-9a-f]{8}\.)?[0-9]+")


class Mission:
    """One run in a project.

    Attributes:
        id: `mission_id`, which is its root's `node_id`.
        project: where it belongs.
        title: its root's title.
        root: its root task, or None where another process has it.
        parent_id: the node below which tasks without an open task around them go.
        ended: whether its root has ended.
        quiet: whether nobody need see it yet, as with a cell in which no task has begun.
    """

    def __init__(
        self,
        id: str,
        project: Project,
        title: str,
        *,
        root: Task | None = None,
        parent_id: str | None = None,
        quiet: bool = False,
    ) -> None:
        self.id = id
        self.project = project
        self.title = title
        self.root = root
        self.parent_id = parent_id or id
        self.ended = False
        self.quiet = quiet
        # A mission that began elsewhere may get tasks from several processes.
        self._pid = os.getpid() if root is not None else None
        self._counter = itertools.count(1)

    def __repr__(self) -> str:
        return f"<Mission {self.id!r} {self.title!r}>"

    def next_id(self) -> str:
        """Return a new task's id: `mission/counter`, in other processes `mission/source.counter`."""
        count = next(self._counter)
        if self._pid == os.getpid():
            return f"{self.id}/{count}"
        return f"{self.id}/{self.project.source.id[:8]}.{count}"

    def id_of(self, name: str) -> str:
        """Return the id of the task that the user calls `name` in this mission: `mission/name`.

        A name that looks like a counter gets a mark before it: `mission/id:7`.
        """
        return f"{self.id}/{'id:' if _COUNTER.fullmatch(name) else ''}{name}"
