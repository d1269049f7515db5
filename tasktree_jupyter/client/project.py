"""A project as this process sees it: where its events go, and the tree they make here.

The local tree holds what *this process* emitted, whether or not a server has it. It is folded lazily: when it is
read, when a listener waits, or when a few hundred events have come together.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from tasktree_jupyter.client.encode import Bounds, encode
from tasktree_jupyter.client.kept import KeptStates
from tasktree_jupyter.client.redact import Redactor
from tasktree_jupyter.client.reporting import logger
from tasktree_jupyter.client.source import Entry, Source
from tasktree_jupyter.client.uninterrupted import uninterrupted
from tasktree_jupyter.core.status import ENDED
from tasktree_jupyter.core.times import format_time
from tasktree_jupyter.core.tree import TaskTree

Listener = Callable[[list[dict[str, Any]]], None]

_FOLD_AT: Final = 500
"""So many unfolded events are folded though nobody asks: they would only take room."""
_SLICE: Final = 12
"""So many are folded at once, at least: while the connection's thread folds, the user's own code waits."""
_SLICES: Final = 16
"""Where more have come together, it takes about so many slices all the same."""
_TOO_FAR_BEHIND: Final = 20_000
"""Past so many unfolded events the emitter is faster than the connection's thread, and folds along."""
_OWN_SHARE: Final = 4
_LOCAL_NODES: Final = 50_000
"""Past this the local tree forgets ended missions, the oldest first."""
_STATE_OF_THE_FOLD: Final = ("log", "unusual", "placeholder", "rollup", "node_id")
_REMOVABLE: Final = ("progress", "message", "error", "started_at", "ended_at", "trigger", "reason")


class Project:
    """One project of this process. Made by `Session.project`; there is one per name.

    Attributes:
        name: the name the user gave, or None for the default project, whose id the server knows.
        project_id: its id, or None until the server has said it (and for ever without a server).
        info: what the server last said about it (docs/protocol.md, info), or None.
        epoch: the epoch of the last acknowledgement, or None.
        offset: the log's offset of the last acknowledgement; 0 before.
        source: the queue to the server.
        kept: the states that snapshots named, where no server keeps them.
        wakes: whether the connection thread waits for the next event; set by it.
    """

    def __init__(
        self,
        name: str | None,
        source: Source,
        wake: Callable[[], None],
        bounds: Callable[[], tuple[Bounds, Redactor | None]],
    ) -> None:
        self.name = name
        self.info: dict[str, Any] | None = None
        self._project_id: str | None = name
        self._wake = wake
        self._bounds = bounds
        self._begin(source)

    def _begin(self, source: Source) -> None:
        self.source = source
        self.refusal: str | None = None
        """Why the server takes none of its events now; None where it does."""
        self.epoch: str | None = None
        self.offset = 0
        self.wakes = True
        self._tree = TaskTree()
        self.kept = KeptStates()
        self._forget_at = _LOCAL_NODES
        self._folding = threading.RLock()
        self._listeners: list[Listener] = []
        self._readers = 0
        self._catching_up = False
        self._known = threading.Event()
        if self._project_id is not None:
            self._known.set()

    def after_fork(self) -> None:
        """In a forked child: what the parent has queued and folded is the parent's. The project stays the same one."""
        parent = self.source
        self._begin(Source(max_events=parent.max_events, max_bytes=parent.max_bytes, keep=parent.keep))

    def emit(self, type: str, data: Mapping[str, Any]) -> None:
        """Check, encode and queue an event. Takes microseconds; never waits for the server.

        Raises:
            ProblemError: it isn't valid (docs/fold.md, Shape), or too large; nothing was queued.
        """
        source = self.source
        bounds, redactor = self._bounds()
        encoded = encode(type, data, bounds)
        if redactor is not None:
            encoded = encode(type, redactor(type, msgspec.json.decode(encoded), bounds), bounds)
        source.push(Entry(type, encoded, time.time_ns() // 1000))
        unfolded = len(source.unfolded)
        if self.wakes or not unfolded % _FOLD_AT:
            self.wakes = False
            self._wake()
        if unfolded > _TOO_FAR_BEHIND:
            self._try_to_fold(1, _OWN_SHARE)

    # The project's id

    @property
    def project_id(self) -> str | None:
        """Its id, or None until the server has said it."""
        return self._project_id

    def wait_known(self, timeout: float) -> bool:
        """Wait until the server has said the project's id, at most `timeout` seconds; return whether it has."""
        return self._known.wait(timeout)

    def resolved(self, project_id: str, info: dict[str, Any] | None) -> None:
        """Take what the server said (connection thread)."""
        self._project_id = project_id
        self.info = info
        self._known.set()

    def forget_server(self) -> None:
        """Another server answers from now on: ids, epochs and acknowledgements of the old one mean nothing."""
        self.epoch, self.offset, self.info = None, 0, None
        if self.name is None:
            self._project_id = None
            self._known.clear()

    # The local tree

    @contextmanager
    def read(self) -> Iterator[TaskTree]:
        """Give the local tree with everything emitted so far; events wait unfolded meanwhile, emits don't.

        Keep it short, and keep nothing of the tree itself. Its `offset` counts this process's events and is no offset
        of the
        log: that is `offset` here.
        """
        with self._folding:
            self._fold()
            self._readers += 1
            try:
                yield self._tree
            finally:
                self._readers -= 1

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with the events folded since its last call, in order, at most ten times a second.

        It is called on the connection thread while the tree is held, so that taking the state inside `read()` and
        listening from there misses nothing. It must be quick. What it raises is logged.

        Returns:
            a function that ends it.
        """
        with self._folding:
            if not self._readers:
                self._fold()
            # Else within `read`: what came since is not in the state that was read, so it is for the listener.
            self._listeners.append(listener)
        self._wake()

        def stop() -> None:
            with self._folding:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return stop

    @property
    def listened_to(self) -> bool:
        """Whether somebody waits for folded events."""
        return bool(self._listeners)

    def fold_for_listeners(self) -> None:
        """Fold where somebody listens, unless the tree is being read just now."""
        if self._listeners:
            self._try_to_fold(1, None)

    def fold_if_due(self) -> bool:
        """Fold some where much has come together, unless the tree is being read; return whether to go on soon."""
        unfolded = len(self.source.unfolded)
        if unfolded >= (_SLICE if self._catching_up else _FOLD_AT):
            self._try_to_fold(1, max(_SLICE, unfolded // _SLICES))
            self._catching_up = len(self.source.unfolded) >= _SLICE
        return self._catching_up

    def _try_to_fold(self, at_least: int, most: int | None) -> None:
        if len(self.source.unfolded) < at_least:
            return
        with uninterrupted():
            if self._folding.acquire(blocking=False):
                try:
                    self._fold(most)
                finally:
                    self._folding.release()

    def _fold(self, most: int | None = None) -> None:
        # Cut in two, it would lose an event or leave the tree half changed.
        with uninterrupted():
            events = self._fold_some(most)
            if events:
                for listener in (*self._listeners,):
                    try:
                        listener(events)
                    except Exception:
                        logger.exception("A listener of the local tree failed")
            if len(self._tree) > self._forget_at:
                self._forget_ended()

    def _fold_some(self, most: int | None) -> list[dict[str, Any]]:
        """Fold at most so many, and return those that listeners are to hear of."""
        events = []
        tree, unfolded = self._tree, self.source.unfolded
        # Not `while unfolded`: a busy emitter would keep this going for ever.
        for _ in range(len(unfolded) if most is None else min(most, len(unfolded))):
            entry = unfolded.popleft()
            try:
                event = self._event(entry, tree.offset + 1, max(tree.at, entry.timestamp))
                tree.apply(event)
                if entry.type == "mission_snapshot" and not self.source.keep:
                    self.kept.keep(event["data"]["snapshot_id"], event["data"].get("name") or "", tree)
            except Exception:
                # Folding goes on, on the thread that sends: one event must not cost the others.
                logger.exception("A %s event is missing in the local tree", entry.type)
                continue
            if self._listeners:
                events.append(event)
        return events

    def _event(self, entry: Entry, offset: int, at: int) -> dict[str, Any]:
        return {
            "type": entry.type,
            "project_id": self.project_id,
            "data": msgspec.json.decode(entry.data),
            "timestamp": format_time(entry.timestamp),
            "source": self.source.id,
            "offset": offset,
            "at": at,
        }

    def _forget_ended(self) -> None:
        tree = self._tree
        room = len(tree) - _LOCAL_NODES // 2
        gone: set[str] = set()
        for root in tree.roots:
            if room <= 0:
                break
            if tree.node(root)["status"] in ENDED:
                below = set(tree.walk(root))
                gone |= below
                room -= len(below)
        # Looking again for what has ended costs as much as the tree is large.
        self._forget_at = max(_LOCAL_NODES, (len(tree) - len(gone)) * 5 // 4)
        if not gone:
            return
        state = tree.state()
        state["roots"] = [root for root in state["roots"] if root not in gone]
        state["tombstones"] = []
        self._tree = TaskTree.load(state, (node for node in tree.nodes() if node["node_id"] not in gone))

    # Healing

    def heal(self, *, new_life: bool, since: int | None = None) -> None:
        """Emit open tasks again, whole: the log lost what it had (`new_life`), or events were dropped.

        A mission's tasks are emitted with it, so that the mission is whole too; those of missions that ended since
        `since` (a timestamp, microseconds) too, and after drops of those that ended since the first drop.
        """
        since = min((each for each in (since, self.source.first_drop) if each is not None), default=None)
        with self._folding:
            self._fold()
            folded = self.source.folded
            nodes = list(self._whole_nodes(None if since is None else format_time(since)))
        now = time.time_ns() // 1000
        self.source.heal((_whole(node, now) for node in nodes), folded, new_life=new_life)
        if new_life:
            self.epoch, self.offset = None, 0

    def _whole_nodes(self, since: str | None) -> Iterable[dict[str, Any]]:
        tree = self._tree
        for root in tree.roots:
            node = tree.node(root)
            if node["status"] not in ENDED or (since is not None and node.get("ended_at", "") >= since):
                for node_id in tree.walk(root):
                    node = tree.node(node_id)
                    if not node.get("placeholder"):
                        yield node


def _whole(node: dict[str, Any], now: int) -> Entry:
    changes = {key: value for key, value in node.items() if key not in _STATE_OF_THE_FOLD}
    changes.setdefault("attempt", 1)
    for key in _REMOVABLE:
        changes.setdefault(key, None)
    return Entry("node_update", msgspec.json.encode({"node_id": node["node_id"], "changes": changes}), now)
