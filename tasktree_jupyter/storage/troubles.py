"""What keeps an engine from working as usual just now: noted when a write fails, cleared when one succeeds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Literal

import msgspec

_log = logging.getLogger(__name__)

Kind = Literal["full", "readonly", "locked", "damaged", "newer", "failing"]
"""`full`: no space left. `readonly`: the files can't be written. `locked`: another process holds one for too long.
`damaged`: a file was damaged, and what could be read of it was recovered. `newer`: written by a newer version.
`failing`: another error of the system."""

OF_ONE_PROJECT: frozenset[str] = frozenset({"locked", "damaged", "newer"})
"""The kinds that say nothing about other projects."""


class Trouble(msgspec.Struct, frozen=True):
    """One thing that is wrong: since when (µs), and a sentence for people that names the file."""

    kind: Kind
    project_id: str
    message: str
    since: int


class Troubles:
    """The troubles there are, at most one a project. Belongs to the event loop."""

    def __init__(self) -> None:
        self._current: dict[str, Trouble] = {}
        self._listeners: list[Callable[[], None]] = []

    def current(self) -> list[Trouble]:
        """The troubles, oldest first."""
        return sorted(self._current.values(), key=lambda trouble: trouble.since)

    def of(self, project_id: str) -> Trouble | None:
        """The project's own trouble."""
        return self._current.get(project_id)

    def note(self, kind: Kind, project_id: str, message: str) -> None:
        """Something is wrong with a project; said again it is no news."""
        before = self._current.get(project_id)
        if before is None or before.kind != kind:
            self._current[project_id] = Trouble(kind, project_id, message, time.time_ns() // 1000)
            self._tell()

    def clear(self, project_id: str, *kinds: Kind) -> None:
        """The project is well again, of these kinds of trouble or, where none are given, of every kind."""
        before = self._current.get(project_id)
        if before is not None and (not kinds or before.kind in kinds):
            del self._current[project_id]
            self._tell()

    def listen(self, on_change: Callable[[], None]) -> Callable[[], None]:
        """Call `on_change` whenever a trouble comes or goes; returns the function that stops it."""
        self._listeners.append(on_change)

        def stop() -> None:
            if on_change in self._listeners:
                self._listeners.remove(on_change)

        return stop

    def _tell(self) -> None:
        for on_change in tuple(self._listeners):
            try:
                on_change()
            except Exception:
                _log.exception("Who listens to the troubles of the storage failed")
