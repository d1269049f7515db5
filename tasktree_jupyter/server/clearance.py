"""What a connection may read, as the authorizer last said: events are too many to ask for each.

The answers are asked for anew every `authorize_every` seconds; so this is how long a permission that was taken away is
still used for what comes by itself. Everything that a client asks for is asked of the authorizer each time.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from tasktree_jupyter.server.auth import Action

PATIENCE = 10.0
"""How long an authorizer may think when it is asked again, in seconds; what it doesn't say is no."""


class Asked(Protocol):
    """Who passes questions on to the authorizer."""

    @property
    def unrestricted(self) -> bool:
        """Whether everything may be read, so that nothing needs to be asked."""

    async def is_allowed(self, action: Action, project_id: str | None = None) -> bool:
        """Whether the user may do this now; doesn't raise."""


class Clearance:
    """The answers for one connection, by project; None stands for no project in particular."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._said: dict[str | None, bool] = {}

    def note(self, project_id: str | None, allowed: bool) -> None:
        """Remember an answer; it will be asked for again."""
        if not self._asked.unrestricted:
            self._said[project_id] = allowed

    def forget(self, project_id: str) -> None:
        """Nobody needs this answer any more."""
        self._said.pop(project_id, None)

    def known(self, project_id: str | None) -> bool | None:
        """Return the answer that was given; None: it has to be asked for."""
        return True if self._asked.unrestricted else self._said.get(project_id)

    async def may_read(self, project_id: str | None) -> bool:
        """Return the answer that was given, or ask for it and remember it."""
        known = self.known(project_id)
        if known is None:
            known = await self._asked.is_allowed("read", project_id)
            self.note(project_id, known)
        return known

    async def again(self) -> dict[str | None, bool]:
        """Ask for every answer anew; return those that are others than they were."""
        changed: dict[str | None, bool] = {}
        for project_id, before in tuple(self._said.items()):
            try:
                async with asyncio.timeout(PATIENCE):
                    now = await self._asked.is_allowed("read", project_id)
            except TimeoutError:
                now = False
            if now != before and project_id in self._said:
                self._said[project_id] = changed[project_id] = now
        return changed
