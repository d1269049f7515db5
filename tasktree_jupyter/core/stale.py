"""Which tasks that are said to run nobody hears. A clock decides who is silent, so it is no part of the fold."""

from __future__ import annotations

from collections.abc import Iterable

from tasktree_jupyter.core.status import TaskStatus
from tasktree_jupyter.core.tree import TaskTree


def stale_leaves(tree: TaskTree, open_tasks: Iterable[str]) -> dict[str, int]:
    """Count the running leaves among the open tasks of silent sources, for each node that one is at or below.

    It is the rule of `view/staleness.ts`: a count doesn't change with who tells it.
    """
    counts: dict[str, int] = {}
    for node_id in open_tasks:
        if node_id in tree and tree.status_of(node_id) == TaskStatus.RUNNING and not tree.children(node_id):
            above: str | None = node_id
            while above is not None:
                counts[above] = counts.get(above, 0) + 1
                above = tree.parent(above)
    return counts


def is_stale(status: str, counts: dict[str, int], stale: int) -> bool:
    """Return whether nothing that runs in a node is heard, by its status, its leaves' statuses and the stale ones."""
    working = counts.get(TaskStatus.RUNNING, 0) + counts.get(TaskStatus.REVIEW, 0)
    return status == TaskStatus.RUNNING and 0 < stale >= working
