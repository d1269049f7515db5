"""Which nodes of a large tree are shown where few can be: its phases, what failed, what runs, then from the top."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Final, Protocol

_PHASES: Final = 12
"""So many children of the first root come before all else: many failures mustn't hide what the run is about."""


class Tree(Protocol):
    """What choosing asks of a tree, folded or stored."""

    def children(self, node_id: str) -> Sequence[str]:
        """Return the ids of a node's children, in order."""
        ...

    def status_of(self, node_id: str) -> str:
        """Return a node's own status."""
        ...


def chosen(tree: Tree, roots: Iterable[str], take: Callable[[str], bool]) -> set[str]:
    """Return the nodes to show, each with all above it.

    Nodes are offered from the most important to the least, each after those above it, until one is refused; that one's
    ancestors may have been taken. What comes first is a matter of rank alone: a smaller room gets a part of the same.

    Args:
        tree: where the nodes are.
        roots: where to begin.
        take: is given a node, says whether there is room for it.
    """
    parents: dict[str, str | None] = {}
    taken: set[str] = set()
    for node_id in _ranked(tree, roots, parents):
        path = []
        above: str | None = node_id
        while above is not None and above not in taken:
            path.append(above)
            above = parents[above]
        for each in reversed(path):
            if not take(each):
                return taken
            taken.add(each)
    return taken


def _ranked(tree: Tree, roots: Iterable[str], parents: dict[str, str | None]) -> Iterator[str]:
    failed: list[str] = []
    running: list[str] = []
    others: list[str] = []
    level: deque[str] = deque(roots)
    parents.update(dict.fromkeys(level))
    phases = tree.children(level[0])[:_PHASES] if level else ()
    # By levels, since a large group that comes first would else keep all that stands beside it out of sight.
    while level:
        node_id = level.popleft()
        status = tree.status_of(node_id)
        (failed if status == "failed" else running if status in ("running", "review") else others).append(node_id)
        for child in tree.children(node_id):
            parents[child] = node_id
            level.append(child)
    return chain(phases, failed, running, others)
