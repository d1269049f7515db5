"""The fold: a project's log becomes one tree. docs/fold.md is the text that this file follows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Self

from tasktree_jupyter.core.coordination import Coordination
from tasktree_jupyter.core.node import MAX_DEPTH, Node, decode, encode
from tasktree_jupyter.core.shape import MAX_INTEGER, check_data, is_event_type, is_integer
from tasktree_jupyter.core.snapshots import Snapshots
from tasktree_jupyter.core.spans import Spans
from tasktree_jupyter.core.times import parse_time
from tasktree_jupyter.core.transition import set_status

FOLD_VERSION: Final = 2
MAX_NODES: Final = 200_000
MAX_TOMBSTONES: Final = 200_000


_COUNTED: Final = frozenset({"progress", "expected"})


class TaskTree:
    """The state that a project's log folds to. `apply` is total: any event gives a state, and none raises.

    Events and states are decoded JSON. What the methods hand out is the caller's, except that the entries within
    `state()` must not be changed. Not for use from several threads at once.
    """

    def __init__(self) -> None:
        self.offset = 0
        self.at = 0
        self.status: str | None = None
        self.dropped = 0
        self.overflow = 0
        self.flagged = 0
        self.last_flagged: dict[str, Any] | None = None
        self._nodes: dict[str, Node] = {}
        self._roots: dict[str, None] = {}
        # Ordered, and unlike a dict quick to lose its oldest entry.
        self._tombstones: OrderedDict[str, None] = OrderedDict()
        self._coordination = Coordination()
        self._snapshots = Snapshots()
        self._spans = Spans(self._nodes)
        self._missions: list[str] | None = None

    # Reading

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._nodes

    def __len__(self) -> int:
        return len(self._nodes)

    @property
    def roots(self) -> Sequence[str]:
        """The ids of the roots, in the order in which they were attached."""
        return tuple(self._roots)

    @property
    def agents(self) -> Mapping[str, dict[str, Any]]:
        """What was reported of agents, by source: `{"active_agents", "agents", "timestamp"}`."""
        return self._coordination.agents

    @property
    def orchestrators(self) -> Mapping[str, dict[str, Any]]:
        """What orchestrators said of themselves, by source."""
        return self._coordination.orchestrators

    def node(self, node_id: str) -> dict[str, Any]:
        """Return a node in its wire form. Raises KeyError where there is none."""
        return self._nodes[node_id].wire()

    def node_bytes(self, node_id: str) -> bytes:
        """Return `node()` encoded as JSON, several times faster. Raises KeyError where there is none."""
        return self._nodes[node_id].wire_bytes()

    def status_of(self, node_id: str) -> str:
        """Return a node's own status, without the cost of its other fields. Raises KeyError where there is none."""
        return self._nodes[node_id].status

    def title_of(self, node_id: str) -> str | None:
        """Return a node's title, without the cost of its other fields. Raises KeyError where there is none."""
        return self._nodes[node_id].title

    def agent_of(self, node_id: str) -> str | None:
        """Return whose task a node is, without the cost of its other fields. Raises KeyError where there is none."""
        return self._nodes[node_id].agent

    def parent(self, node_id: str) -> str | None:
        """Return the id of a node's parent, None for a root. Raises KeyError where there is no such node."""
        parent = self._nodes[node_id].parent
        return None if parent is None else parent.node_id

    def children(self, node_id: str) -> Sequence[str]:
        """Return the ids of a node's children, in order. Raises KeyError where there is no such node."""
        return tuple(self._nodes[node_id].children or ())

    def rollup(self, node_id: str) -> dict[str, Any]:
        """Return a node's roll-up, `{"leaves", "total", "done", "progress", "failures", "counts"}`. Raises KeyError."""
        return self._nodes[node_id].rollup()

    def span(self, node_id: str) -> tuple[str | None, str | None]:
        """Return the earliest `started_at` and the latest `ended_at` at or below a node, as its events gave them.

        The first call for a node looks at all below; after that it is kept up to date. Raises KeyError.
        """
        return self._spans.of(self._nodes[node_id])

    def walk(self, root: str | None = None) -> Iterator[str]:
        """Yield the ids of all nodes, or of those at and below one: depth first, parents first, siblings in order.

        The tree must not change meanwhile. Raises KeyError where there is no such node.
        """
        nodes = self._nodes
        stack = list(reversed(self._roots)) if root is None else [nodes[root].node_id]
        while stack:
            node_id = stack.pop()
            yield node_id
            children = nodes[node_id].children
            if children is not None:
                stack.extend(reversed(children))

    def missions(self, limit: int, before: str | None = None) -> tuple[list[dict[str, Any]], int]:
        """Return the newest missions, at most `limit`, and how many there are in all; a placeholder isn't one.

        With `before` the newest of those that come after that mission in this order. Raises KeyError where it is none.
        """
        if self._missions is None:
            known = [node_id for node_id in self._roots if not self._nodes[node_id].placeholder]
            known.reverse()
            known.sort(key=self._created, reverse=True)
            self._missions = known
        start = 0
        if before is not None:
            if before not in self._roots or self._nodes[before].placeholder:
                raise KeyError(before)
            start = self._missions.index(before) + 1
        return [self._mission(node_id) for node_id in self._missions[start : start + limit]], len(self._missions)

    def _created(self, node_id: str) -> float:
        created = parse_time(self._nodes[node_id].created_at)
        return float("-inf") if created is None else created

    def _mission(self, node_id: str) -> dict[str, Any]:
        node = self._nodes[node_id]
        started_at, ended_at = self._spans.of(node)
        return {
            "mission_id": node_id,
            "title": node.title,
            "status": node.status,
            "rollup": node.rollup(),
            "created_at": node.created_at,
            "started_at": started_at,
            "ended_at": ended_at,
        }

    # Whole states

    def state(self) -> dict[str, Any]:
        """Return the state without its nodes, in its wire form."""
        return {
            "fold": FOLD_VERSION,
            "offset": self.offset,
            "at": self.at,
            "status": self.status,
            "roots": list(self._roots),
            **self._coordination.state(),
            **self._snapshots.state(),
            "tombstones": list(self._tombstones),
            "dropped": self.dropped,
            "overflow": self.overflow,
            "flagged": {"count": self.flagged, "last": self.last_flagged},
        }

    def nodes(self, *, rollups: bool = False) -> Iterator[dict[str, Any]]:
        """Yield every node in its wire form, parents first, with its `rollup` if asked. See `walk`."""
        for node_id in self.walk():
            node = self._nodes[node_id]
            fields = node.wire()
            if rollups:
                fields["rollup"] = node.rollup()
            yield fields

    @classmethod
    def load(cls, state: Mapping[str, Any], nodes: Iterable[Mapping[str, Any]]) -> Self:
        """Return the tree with this state and these nodes, parents first. It folds on as if it had seen everything."""
        tree = cls()
        tree.offset, tree.at, tree.status = state["offset"], state["at"], state.get("status")
        tree.dropped, tree.overflow = state["dropped"], state["overflow"]
        tree.flagged, tree.last_flagged = state["flagged"]["count"], state["flagged"]["last"]
        tree._coordination.load(state)
        tree._snapshots.load(state)
        tree._tombstones.update(dict.fromkeys(state["tombstones"]))
        for fields in nodes:
            node = Node.from_wire(dict(fields))
            parent_id = fields.get("parent_id")
            tree._attach(node, None if parent_id is None else tree._nodes[parent_id])
        return tree

    # Folding

    def apply(self, event: Mapping[str, Any]) -> None:
        """Fold one event, the next in offset order."""
        offset, at = event.get("offset"), event.get("at")
        self.offset = int(offset) if is_integer(offset) else self.offset + 1  # type: ignore[arg-type]
        if is_integer(at):
            self.at = int(at)  # type: ignore[arg-type]
        kind, timestamp = event.get("type"), event.get("timestamp")
        data: Any = event.get("data")
        if not isinstance(kind, str) or not isinstance(timestamp, str) or check_data(kind, data) is not None:
            self._flag("invalid")
            return
        rule = _RULES.get(kind)
        if rule is not None:
            source = event.get("source")
            rule(self, data, timestamp, source if isinstance(source, str) else "")
        elif not is_event_type(kind):
            self._flag("invalid")

    def snapshot_exists(self, snapshot_id: str) -> bool:
        """Return whether there is a snapshot of this id."""
        return self._snapshots.exists(snapshot_id)

    def snapshot_id_used(self, snapshot_id: str) -> bool:
        """Return whether a snapshot of this id was ever made, one that was removed included."""
        return self._snapshots.exists(snapshot_id) or self._snapshots.was_removed(snapshot_id)

    def snapshot_was_removed(self, snapshot_id: str) -> bool:
        """Return whether there was a snapshot of this id and is none any more."""
        return self._snapshots.was_removed(snapshot_id)

    def snapshots(self) -> list[dict[str, Any]]:
        """Return the snapshots, oldest first, as `state()` holds them."""
        return self._snapshots.values()

    @property
    def snapshot_changes(self) -> int:
        """Goes up with each snapshot that is made, changed or removed; no part of the state."""
        return self._snapshots.changes

    def is_removed(self, node_id: str) -> bool:
        """Return whether a node of this id was removed and hasn't come back."""
        return node_id in self._tombstones

    def _flag(self, reason: str) -> None:
        self.flagged += 1
        self.last_flagged = {"offset": self.offset, "reason": reason}

    def _bury(self, node_id: str) -> None:
        if node_id not in self._tombstones:
            self._tombstones[node_id] = None
            if len(self._tombstones) > MAX_TOMBSTONES:
                self._tombstones.popitem(last=False)

    # Attaching, and keeping the sums of everything above

    def _attach(self, node: Node, parent: Node | None) -> None:
        self._nodes[node.node_id] = node
        node.parent = parent
        if parent is None:
            self._roots[node.node_id] = None
            self._missions = None
            return
        before = parent.sums()
        if parent.children is None:
            parent.children = {}
        parent.children[node.node_id] = None
        parent.below += node.packed()
        parent.below_total += node.total()
        parent.below_failures += node.failures()
        _settle(parent, before)
        self._spans.attached(node)

    def _detach(self, node: Node) -> None:
        parent = node.parent
        if parent is None:
            del self._roots[node.node_id]
            self._missions = None
            return
        self._spans.detached(node)
        before = parent.sums()
        assert parent.children is not None
        del parent.children[node.node_id]
        if not parent.children:
            parent.children = None
        parent.below -= node.packed()
        parent.below_total -= node.total()
        parent.below_failures -= node.failures()
        node.parent = None
        _settle(parent, before)

    def _found(self, node_id: str) -> Node | None:
        """Return the node of an event that can't place or revive one, made new if it must be; None: no effect."""
        node = self._nodes.get(node_id)
        if node is None and node_id not in self._tombstones:
            if len(self._nodes) >= MAX_NODES:
                self.overflow += 1
                return None
            # It comes as the placeholder it would be had something below it come first; a change then makes it real.
            node = Node(node_id, placeholder=True)
            self._attach(node, None)
        return node

    def _change(
        self,
        node: Node,
        changes: dict[str, Any],
        status: str | None,
        timestamp: str,
        context: dict[str, Any] | None = None,
        origin: str | None = None,
    ) -> None:
        """Patch a node and set its status; `context` is that of a state_transition, `origin` its `from`."""
        fresh = node.placeholder
        # Most events change no sum, and those of a node apart from the tree are nobody's yet.
        counts = node.parent is not None and (status is not None or not changes.keys().isdisjoint(_COUNTED))
        before = node.sums() if counts else None
        started_at, ended_at = node.started_at, node.ended_at
        if fresh:
            node.placeholder = False
            node.created_at = timestamp
        if (fresh or "created_at" in changes) and node.node_id in self._roots:
            self._missions = None
        if status is not None:
            set_status(node, status, timestamp, fresh, context, origin)
        if changes:
            node.patch(changes, keep_created_at=fresh)
        if node.started_at != started_at or node.ended_at != ended_at:
            self._spans.changed(node, started_at, ended_at)
        if before is not None:
            _settle(node, before)

    # One rule for each type of event

    def _task_status_changed(self, data: dict[str, Any], timestamp: str, source: str) -> None:
        node = self._found(data["task_id"])
        if node is not None:
            self._change(node, {}, data["status"], timestamp)

    def _state_transition(self, data: dict[str, Any], timestamp: str, source: str) -> None:
        context = data.get("context") or {}
        node_id = context.get("node_id")
        if node_id is None:
            self.status = data["to"]
            return
        node = self._found(node_id)
        if node is not None:
            self._change(node, {}, data["to"], timestamp, context, data.get("from"))

    def _node_update(self, data: dict[str, Any], timestamp: str, source: str) -> None:
        node_id: str = data["node_id"]
        changes: dict[str, Any] | None = data["changes"]
        node = self._nodes.get(node_id)
        if changes is None:
            self._remove(node_id, node)
            return
        parent_id: str | None = changes.get("parent_id")
        if node is None:
            if node_id in self._tombstones and parent_id is None and changes.get("title") is None:
                return
            moves = True
        else:
            moves = "parent_id" in changes and parent_id != (node.parent and node.parent.node_id)
        parent = self._nodes.get(parent_id) if moves and parent_id is not None else None
        if moves and not self._may_be_placed(node_id, node, parent_id, parent):
            return
        if not moves:
            assert node is not None
            self._change(node, changes, changes.get("status"), timestamp)
            return
        if parent_id is not None and parent is None:
            parent = Node(parent_id, placeholder=True)
            self._attach(parent, None)
        if node is None:
            self._tombstones.pop(node_id, None)
            node = Node(node_id, placeholder=True)
        else:
            self._detach(node)
        # Apart from the tree while it changes, so that the sums above see one difference only.
        self._change(node, changes, changes.get("status"), timestamp)
        self._attach(node, parent)

    def _may_be_placed(self, node_id: str, node: Node | None, parent_id: str | None, parent: Node | None) -> bool:
        if parent_id is not None:
            if parent_id == node_id or (node is not None and parent is not None and parent.is_at_or_below(node)):
                self._flag("cycle")
                return False
            if parent_id in self._tombstones:
                if node is None:
                    self._bury(node_id)
                else:
                    self._flag("parent_removed")
                return False
        needed = (node is None) + (parent_id is not None and parent is None)
        if needed and len(self._nodes) + needed > MAX_NODES:
            self.overflow += 1
            return False
        if parent_id is not None and (parent.depth() if parent else 1) + self._height(node) > MAX_DEPTH:
            self._flag("depth")
            return False
        return True

    def _height(self, node: Node | None) -> int:
        if node is None or node.children is None:
            return 1
        return 1 + max(self._height(self._nodes[child]) for child in node.children)

    def _remove(self, node_id: str, node: Node | None) -> None:
        if node is None:
            self._bury(node_id)
            return
        self._detach(node)
        gone = list(self.walk(node_id))
        for each in gone:
            del self._nodes[each]
            self._spans.forget(each)
            self._bury(each)

    def _node_log(self, data: dict[str, Any], timestamp: str, source: str) -> None:
        node = self._found(data["node_id"])
        if node is None:
            return
        log = decode(node.log) if node.log is not None else {"counts": {}}
        level = data["level"]
        log["counts"][level] = log["counts"].get(level, 0) + 1
        log["last"] = {"level": level, "message": data["message"], "timestamp": timestamp}
        node.log = encode(log)

    def _mission_snapshot(self, data: dict[str, Any], timestamp: str, source: str) -> None:
        if not self._snapshots.add(data, timestamp, self.offset, self.at):
            self._flag("duplicate")

    def _snapshot_update(self, data: dict[str, Any], timestamp: str, source: str) -> None:
        if not self._snapshots.update(data):
            self._flag("unknown_snapshot")

    def _coordination_update(self, data: dict[str, Any], timestamp: str, source: str) -> None:
        self._coordination.coordinate(source, timestamp, data)

    def _orchestrator_started(self, data: dict[str, Any], timestamp: str, source: str) -> None:
        self._coordination.started(source, timestamp, data)

    def _orchestrator_stopped(self, data: dict[str, Any], timestamp: str, source: str) -> None:
        self._coordination.stopped(source, timestamp)

    def _orchestrator_error(self, data: dict[str, Any], timestamp: str, source: str) -> None:
        self._coordination.failed(source, timestamp, data["error"])

    def _events_dropped(self, data: dict[str, Any], timestamp: str, source: str) -> None:
        self.dropped = min(self.dropped + int(data["count"]), MAX_INTEGER)


def _settle(node: Node, before: tuple[int, int, int]) -> None:
    """Carry to all above a node how its sums differ from `before`, its `sums()`."""
    after = node.sums()
    packed, total, failures = after[0] - before[0], after[1] - before[1], after[2] - before[2]
    parent = node.parent
    while parent is not None and (packed or total or failures):
        parent.below += packed
        if total:
            former = parent.total()
            parent.below_total += total
            total = parent.total() - former
        if failures:
            former = parent.failures()
            parent.below_failures += failures
            failures = parent.failures() - former
        parent = parent.parent


_Rule = Callable[[TaskTree, dict[str, Any], str, str], None]

_RULES: Final[dict[str, _Rule]] = {
    "task_status_changed": TaskTree._task_status_changed,
    "node_update": TaskTree._node_update,
    "state_transition": TaskTree._state_transition,
    "mission_snapshot": TaskTree._mission_snapshot,
    "snapshot_update": TaskTree._snapshot_update,
    "coordination_update": TaskTree._coordination_update,
    "orchestrator_started": TaskTree._orchestrator_started,
    "orchestrator_stopped": TaskTree._orchestrator_stopped,
    "orchestrator_error": TaskTree._orchestrator_error,
    "node_log": TaskTree._node_log,
    "events_dropped": TaskTree._events_dropped,
}
