"""Who follows which project, and what they were told last. Lives on the event loop alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

from tasktree_jupyter.storage.log import Head, OnHead

_log = logging.getLogger(__name__)


class _Follower(msgspec.Struct):
    """One `follow`; `told` is what it heard last, None before the first head and after a deletion."""

    on_head: OnHead
    told: Head | None = None
    stopped: bool = False


class Followers:
    """Passes each move of a head on, once, in a later turn of the loop.

    The later turn lets whoever awaited the append go on first: a room that appends gets its own events from `append`
    itself, and learns nothing new here.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._following: dict[str, list[_Follower]] = {}

    def add(self, project_id: str, on_head: OnHead) -> Callable[[], None]:
        """Follow a project; returns the function that stops it."""
        follower = _Follower(on_head)
        self._following.setdefault(project_id, []).append(follower)

        def stop() -> None:
            follower.stopped = True
            others = [other for other in self._following.get(project_id, ()) if other is not follower]
            if others:
                self._following[project_id] = others
            else:
                self._following.pop(project_id, None)

        return stop

    def followed(self, project_id: str) -> bool:
        """Whether anyone follows the project."""
        return project_id in self._following

    def moved(self, project_id: str, head: Head | None) -> None:
        """Tell the project's followers, in a later turn of the loop. Only those for whom it is news."""
        if project_id in self._following:
            self._loop.call_soon(self._tell, project_id, head)

    def _tell(self, project_id: str, head: Head | None) -> None:
        for follower in list(self._following.get(project_id, ())):
            if follower.stopped or follower.told == head:
                continue
            follower.told = head
            try:
                follower.on_head(head)
            except Exception:
                _log.exception("A follower of project %r failed", project_id)
