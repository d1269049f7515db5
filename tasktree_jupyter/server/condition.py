"""How data is kept just now: the one place that the panel, the log and the doctor are told from.

What concerns every project is told to everyone; what concerns one stands in that project's info.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

import msgspec

from tasktree_jupyter.server.logs import tell
from tasktree_jupyter.storage.log import EventLog
from tasktree_jupyter.storage.troubles import OF_ONE_PROJECT, Trouble

OK: Final = "ok"

_SENTENCES: Final = {
    "full": "The disk is full. Nothing is lost: what is emitted waits in the kernels until there is room again.",
    "readonly": "The logs can't be written. Nothing is lost: what is emitted waits in the kernels until they can.",
    "failing": "Writing the logs fails. Nothing is lost: what is emitted waits in the kernels until it works again.",
}
"""The first of these that is true is told. A page that speaks another language says it in its own words."""


class Condition(msgspec.Struct, frozen=True):
    """How data is kept: a word, and a sentence for people. `ok` has none."""

    kind: str = OK
    message: str | None = None


class StorageCondition:
    """Watches a log's troubles. `on_change` gets every new condition, `touched` each project that has one of its own.

    `fallback`: why the log that was wished for can't be used; None: it is in use.
    """

    def __init__(
        self,
        log: EventLog,
        logger: logging.Logger,
        *,
        on_change: Callable[[Condition], None],
        touched: Callable[[str], None],
        fallback: str | None = None,
    ) -> None:
        self._log = log
        self._logger = logger
        self._on_change = on_change
        self._touched = touched
        self._fallback = fallback
        self._own: dict[str, Trouble] = {}
        self._current = self._now()
        if fallback is None and self._current.kind != OK:
            self._tell_current()
        self._stop = log.troubles.listen(self._changed)

    @property
    def current(self) -> Condition:
        """The condition that concerns every project."""
        return self._current

    def close(self) -> None:
        """Watch no longer."""
        self._stop()

    def _now(self) -> Condition:
        if self._fallback is not None:
            return Condition("memory", f"Nothing is kept when the server stops: {self._fallback}")
        kinds = {trouble.kind for trouble in self._log.troubles.current()}
        for kind, sentence in _SENTENCES.items():
            if kind in kinds:
                return Condition(kind, sentence)
        return Condition()

    def _changed(self) -> None:
        troubles = self._log.troubles.current()
        self._tell_own({trouble.project_id: trouble for trouble in troubles if trouble.kind in OF_ONE_PROJECT})
        before, self._current = self._current, self._now()
        if before == self._current:
            return
        if self._current.kind == OK:
            tell(self._logger, "storage.well", "TaskTree can write its logs again")
        else:
            self._tell_current()
        self._on_change(self._current)

    def _tell_current(self) -> None:
        reasons = [trouble.message for trouble in self._log.troubles.current() if trouble.kind == self._current.kind]
        words = self._current.message, "; ".join(reasons[:1])
        tell(self._logger, "storage.troubled", "TaskTree: %s (%s)", *words, condition=self._current.kind)

    def _tell_own(self, own: dict[str, Trouble]) -> None:
        before, self._own = self._own, own
        for project_id in before.keys() | own.keys():
            trouble = own.get(project_id)
            if before.get(project_id) == trouble:
                continue
            if trouble is None:
                tell(
                    self._logger,
                    "project.well",
                    "TaskTree: project %r is well again",
                    project_id,
                    project_id=project_id,
                )
            elif trouble.kind != "damaged":  # The engine says where the damaged file is now.
                tell(
                    self._logger,
                    "project.troubled",
                    "TaskTree: %s",
                    trouble.message,
                    project_id=project_id,
                    condition=trouble.kind,
                )
            self._touched(project_id)
