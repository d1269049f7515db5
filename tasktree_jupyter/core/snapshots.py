"""The offsets of a log that somebody named (docs/fold.md, Rules). `labextension/src/core/snapshots.ts` is its twin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasktree_jupyter.core.node import merged
from tasktree_jupyter.core.shape import SNAPSHOT_FIELDS


class Snapshots:
    """Snapshots by id, oldest first.

    Attributes:
        changes: goes up with each that is made, changed or removed; no part of the state.
    """

    def __init__(self) -> None:
        self.changes = 0
        self._all: dict[str, dict[str, Any]] = {}
        # Their ids stay used.
        self._removed: dict[str, None] = {}

    def exists(self, snapshot_id: str) -> bool:
        """Return whether there is one of this id."""
        return snapshot_id in self._all

    def was_removed(self, snapshot_id: str) -> bool:
        """Return whether there was one of this id and is none any more."""
        return snapshot_id in self._removed

    def values(self) -> list[dict[str, Any]]:
        """Return them, oldest first, as the state has them."""
        return list(self._all.values())

    def state(self) -> dict[str, Any]:
        """Return their part of a tree's state, in its wire form."""
        return {"snapshots": dict(self._all), "removed_snapshots": list(self._removed)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take them from a tree's state."""
        self._all.update(state["snapshots"])
        self._removed.update(dict.fromkeys(state.get("removed_snapshots", ())))

    def add(self, data: dict[str, Any], timestamp: str, offset: int, at: int) -> bool:
        """Take the data of a `mission_snapshot`; return False where there is, or was, one of its id."""
        snapshot_id = data["snapshot_id"]
        if self.exists(snapshot_id) or self.was_removed(snapshot_id):
            return False
        entry = {"timestamp": timestamp} | {key: value for key, value in data.items() if value is not None}
        self._all[snapshot_id] = entry | {"offset": offset, "at": at}
        self.changes += 1
        return True

    def update(self, data: dict[str, Any]) -> bool:
        """Take the data of a `snapshot_update`; return False where there is none of its id."""
        snapshot_id, changes = data["snapshot_id"], data["changes"]
        entry = self._all.get(snapshot_id)
        if entry is None:
            return False
        self.changes += 1
        if changes is None:
            del self._all[snapshot_id]
            self._removed[snapshot_id] = None
        else:
            # A new object: state() hands out the old one.
            patch = {key: changes[key] for key in SNAPSHOT_FIELDS if key in changes}
            self._all[snapshot_id] = merged(dict(entry), patch)
        return True
