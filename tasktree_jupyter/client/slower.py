"""Tasks that take far longer than those like them beside them, as `on_attention` tells of them.

By the rule of `core/survey.ts` and `core/attention.ts` in the browser.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from tasktree_jupyter.core.likeness import likeness_of
from tasktree_jupyter.core.times import parse_time

if TYPE_CHECKING:
    from tasktree_jupyter.core.tree import TaskTree

FLOOR: Final = 10_000_000
"""What has run for less isn't slow, whatever the others took. Microseconds."""
_TIMES: Final = 3
"""So many times what all but the slowest took, where so many have completed."""
_COUNT: Final = 8
_SAMPLE: Final = 4096
"""So many of those that are alike say as much as all."""
_GROWN: Final = 1.05
"""How long they took is looked at again when so many more have completed."""


class Slower(NamedTuple):
    """The slowest of tasks that are alike, how long it has run, and what all but the slowest took. Microseconds."""

    node_id: str
    elapsed: int
    pace: int


class _Paces(NamedTuple):
    completed: int
    by_likeness: dict[str, int]


class SlowSiblings:
    """Tell it what begins and ends to run, and ask now and then what is slow; each group of siblings is told once."""

    def __init__(self) -> None:
        self._tree: TaskTree | None = None
        self._running: dict[str, None] = {}
        self._paces: dict[str, _Paces] = {}
        self._told: set[tuple[str, str]] = set()

    def changed(self, tree: TaskTree, node_id: str, status: str | None) -> None:
        """Take note of a task's status."""
        if tree is self._tree:
            if status == "running":
                self._running[node_id] = None
            else:
                self._running.pop(node_id, None)

    def found(self, tree: TaskTree, now: int, stale: Collection[str]) -> Iterator[Slower]:
        """Give what is slow and wasn't told yet; of tasks that aren't heard nobody knows how long they run."""
        if tree is not self._tree:
            self._tree = tree
            self._running = {each: None for each in tree.walk() if tree.status_of(each) == "running"}
            self._paces = {}
        slowest: dict[tuple[str, str], Slower] = {}
        for node_id in [*self._running]:
            if node_id not in tree:
                del self._running[node_id]
                continue
            parent = tree.parent(node_id)
            if parent is None or node_id in stale:
                continue
            node = tree.node(node_id)
            started = parse_time(node.get("started_at"))
            elapsed = 0 if started is None else now - started
            if elapsed < FLOOR:
                continue
            group = (parent, likeness_of(_name(tree, node_id)))
            pace = None if group in self._told else self._paces_of(tree, parent).get(group[1])
            if pace is not None and elapsed >= _TIMES * pace:
                known = slowest.get(group)
                if known is None or known.elapsed < elapsed:
                    slowest[group] = Slower(node_id, elapsed, pace)
        for group, each in slowest.items():
            self._told.add(group)
            yield each

    def _paces_of(self, tree: TaskTree, parent: str) -> dict[str, int]:
        completed = tree.rollup(parent)["counts"].get("completed", 0)
        known = self._paces.get(parent)
        if known is None or completed > known.completed * _GROWN or completed < known.completed:
            known = self._paces[parent] = _Paces(completed, _measured(tree, parent))
        return known.by_likeness


def _measured(tree: TaskTree, parent: str) -> dict[str, int]:
    """What 95 % of the completed children took, by what makes them alike, where there are enough of them."""
    # By name first: of tasks that come in turns every second one would be of one kind.
    alike: dict[str, list[str]] = {}
    for node_id in tree.children(parent):
        if tree.status_of(node_id) == "completed":
            alike.setdefault(likeness_of(_name(tree, node_id)), []).append(node_id)
    took = {likeness: _durations(tree, each) for likeness, each in alike.items()}
    return {
        likeness: sorted(each)[min(len(each), math.ceil(len(each) * 0.95)) - 1]
        for likeness, each in took.items()
        if len(each) >= _COUNT
    }


def _durations(tree: TaskTree, node_ids: list[str]) -> list[int]:
    durations: list[int] = []
    for node_id in node_ids[:: math.ceil(len(node_ids) / _SAMPLE)]:
        started, ended = map(parse_time, tree.span(node_id))
        if started is not None and ended is not None:
            durations.append(ended - started)
    return durations


def _name(tree: TaskTree, node_id: str) -> str:
    return tree.title_of(node_id) or node_id
