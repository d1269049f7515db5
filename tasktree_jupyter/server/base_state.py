"""The state that a trimmed log begins with, as lines of an export and back (docs/protocol.md, "Export and import").

What comes back is somebody's file: every value is checked before a tree is made of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from tasktree_jupyter.core.problem import ProblemError, invalid
from tasktree_jupyter.core.shape import check_data, is_id, is_integer
from tasktree_jupyter.core.tree import FOLD_VERSION, TaskTree
from tasktree_jupyter.server.frames import encode
from tasktree_jupyter.server.owners import Held

MOST_NODES: Final = 200_000


class _Flagged(msgspec.Struct):
    count: int
    last: dict[str, Any] | None = None


class _Agents(msgspec.Struct):
    active_agents: int
    agents: dict[str, dict[str, Any]]
    timestamp: str


class _Orchestrator(msgspec.Struct):
    timestamp: str
    status: str | None = None
    error: str | None = None
    a2amcp_enabled: bool | None = None


class _Snapshot(msgspec.Struct):
    snapshot_id: str
    timestamp: str
    offset: int
    at: int
    name: str | None = None
    note: str | None = None
    tags: list[str] | None = None


class _State(msgspec.Struct):
    fold: int
    offset: int
    at: int
    agents: dict[str, _Agents]
    orchestrators: dict[str, _Orchestrator]
    snapshots: dict[str, _Snapshot]
    tombstones: list[str]
    dropped: int
    overflow: int
    flagged: _Flagged
    status: str | None = None
    roots: list[str] = []
    removed_snapshots: list[str] = []


def lines_of(tree: TaskTree, owners: Mapping[str, Held]) -> Iterator[bytes]:
    """Yield the line that says how many nodes follow, then a line for each, parents first.

    `owners`: by source, what of it is open.
    """
    yield encode({"tasktree": "base", "nodes": len(tree), "state": tree.state(), "owners": owners}) + b"\n"
    for node_id in tree.walk():
        yield b'{"tasktree":"node","node":%b}\n' % tree.node_bytes(node_id)


class BaseReader:
    """Takes those lines in again. `tree` is there when `is_whole`."""

    def __init__(self, offset: int) -> None:
        """`offset`: where the base must stand."""
        self.owners: dict[str, Held] = {}
        self._offset = offset
        self._state: dict[str, Any] | None = None
        self._nodes: list[dict[str, Any]] = []
        self._ids: set[str] = set()
        self._expected = 0

    @property
    def is_whole(self) -> bool:
        """Whether all lines have come."""
        return self._state is not None and len(self._nodes) == self._expected

    def take(self, line: dict[str, Any]) -> None:
        """Take a line. Raises ProblemError."""
        if self._state is None:
            self._take_state(line)
        else:
            self._take_node(line)

    def tree(self) -> TaskTree:
        """Return the tree that the lines make. Raises ProblemError."""
        assert self._state is not None
        try:
            return TaskTree.load(self._state, self._nodes)
        except (KeyError, TypeError, ValueError, AttributeError, msgspec.MsgspecError) as error:
            raise invalid_line("state", "base", f"The state makes no sense: {error!r}") from None

    def _take_state(self, line: dict[str, Any]) -> None:
        if line.get("tasktree") != "base":
            message = (
                'The events before are gone, so the second line must be {"tasktree":"base",…}, as newer exports have'
            )
            raise invalid_line("tasktree", "trimmed", message)
        expected, state = line.get("nodes"), line.get("state")
        if not is_integer(expected, 0, MOST_NODES):
            raise invalid_line("nodes", "range", f"nodes must be an integer from 0 to {MOST_NODES}")
        try:
            known = msgspec.convert(state, _State)
        except msgspec.ValidationError as error:
            raise invalid_line("state", "type", f"The state isn't one: {error}") from None
        if known.fold > FOLD_VERSION:
            message = f"It was exported by a newer tasktree_jupyter (fold {known.fold}, known here: {FOLD_VERSION})"
            raise invalid_line("state.fold", "version", message)
        numbers = (known.at, known.dropped, known.overflow, known.flagged.count)
        if known.offset != self._offset or not all(is_integer(number, 0) for number in numbers):
            raise invalid_line("state.offset", "range", f"The state must be that at offset {self._offset}")
        for snapshot in known.snapshots.values():
            if not is_integer(snapshot.offset, 0) or not is_id(snapshot.snapshot_id):
                raise invalid_line("state.snapshots", "type", "Each snapshot needs its snapshot_id and offset")
        self.owners = self._owners_in(line.get("owners"))
        self._state, self._expected = dict(state), int(expected)  # type: ignore[arg-type]

    @staticmethod
    def _owners_in(given: Any) -> dict[str, Held]:
        """Exports of older versions have none."""
        try:
            owners = {} if given is None else msgspec.convert(given, dict[str, Held])
        except msgspec.ValidationError as error:
            raise invalid_line("owners", "type", f"owners aren't by source: {error}") from None
        if not all(is_id(source) and is_integer(held.at, 0) for source, held in owners.items()):
            raise invalid_line("owners", "type", "Each owner must be a source, with the time of its last event")
        return owners

    def _take_node(self, line: dict[str, Any]) -> None:
        node = line.get("node")
        if line.get("tasktree") != "node" or not isinstance(node, dict):
            raise invalid_line("node", "type", f"{self._expected} lines with a node each must follow the state")
        node_id, parent_id = node.get("node_id"), node.get("parent_id")
        changes = {key: value for key, value in node.items() if key not in ("rollup", "log")}
        if problem := check_data("node_update", {"node_id": node_id, "changes": changes}):
            raise ProblemError(problem)
        if node_id in self._ids or (parent_id is not None and parent_id not in self._ids):
            raise invalid_line("node.parent_id", "order", "Each node must come once, and after its parent")
        log = node.get("log")
        if log is not None and not (isinstance(log, dict) and isinstance(log.get("counts"), dict)):
            raise invalid_line("node.log", "type", "log must be an object with counts")
        self._ids.add(str(node_id))
        self._nodes.append({key: value for key, value in node.items() if key != "rollup"})


def invalid_line(field: str, reason: str, message: str) -> ProblemError:
    """Return the error for a line that isn't as it must be."""
    return ProblemError(invalid(field, reason, message))
