"""How many may come in: connections, of everybody and of each user, and projects."""

from __future__ import annotations

import logging
import time
from collections import Counter

from tasktree_jupyter.core.shape import Problem, ProblemError
from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.logs import tell
from tasktree_jupyter.server.publication import Failure
from tasktree_jupyter.server.tally import TALLY
from tasktree_jupyter.storage.log import EventLog

COUNT_AGAIN = 60.0
"""How old a count of projects may grow while there is room, in seconds: other servers make some in the same folder."""

COUNT_AT_MOST_EVERY = 1.0
TRY_AGAIN = 10.0
"""When to come back where there are too many projects, in seconds."""


class Doors:
    """Counts connections, and says when there are too many; warns where somebody seems to leak them."""

    def __init__(self, limits: Limits, logger: logging.Logger) -> None:
        self._limits = limits
        self._logger = logger
        self._inside: Counter[str] = Counter()
        self._number = 0
        self._warn_above: int | None = None
        self._told_full = False

    def enter(self, who: str) -> str | None:
        """Count one more; or return why it can't come in, in at most 123 bytes."""
        limits, theirs = self._limits, self._inside[who]
        if self._number >= limits.max_connections:
            return self._full(f"{self._number} connections, no more are allowed (max_connections)")
        if theirs >= limits.max_connections_per_user:
            return self._full(f"you have {theirs} connections, no more are allowed (max_connections_per_user)")
        self._inside[who] += 1
        self._number += 1
        self._watch_number()
        return None

    def _watch_number(self) -> None:
        """Warn beyond the bound and at each doubling; once there were no more than half as many, anew."""
        number, bound = self._number, self._limits.warn_connections
        if number > (bound if self._warn_above is None else self._warn_above):
            self._warn_above = 2 * number
            TALLY.warnings += 1
            tell(
                self._logger,
                "connections.many",
                "TaskTree has %d connections, more than warn_connections (%d): does a client forget to close them?",
                number,
                bound,
                connections=number,
                threshold=bound,
            )

    def leave(self, who: str) -> None:
        """Count one less."""
        self._number -= 1
        self._told_full = False
        self._inside[who] -= 1
        if not self._inside[who]:
            del self._inside[who]
        if self._number <= self._limits.warn_connections // 2:
            self._warn_above = None

    def _full(self, why: str) -> str:
        if not self._told_full:
            self._told_full = True
            tell(self._logger, "connections.full", "TaskTree refuses a connection: %s", why, reason=why)
        return why


class ProjectBound:
    """Says whether another project may be made. Counting them is dear, so the last count is used for a while."""

    def __init__(self, log: EventLog, most: int) -> None:
        self._log = log
        self._most = most
        self._number = 0
        self._counted_at: float | None = None

    async def check(self, project_id: str) -> None:
        """Count a project that is about to be made, unless it is there.

        Raises:
            ProblemError: code `too_many`.
            StorageError: the log can't be read.
        """
        if await self._log.head(project_id) is None:
            await self.check_new()

    async def check_new(self) -> None:
        """Count a project that is about to be made. Raises as `check` does."""
        now = time.monotonic()
        age = COUNT_AGAIN if self._counted_at is None else now - self._counted_at
        if age >= (COUNT_AT_MOST_EVERY if self._number >= self._most else COUNT_AGAIN):
            self._number, self._counted_at = len(await self._log.projects()), now
        if self._number >= self._most:
            message = f"There are {self._number} projects; no more are allowed (max_projects): delete some"
            raise ProblemError(Problem("too_many", "project_id", message, "max_projects"))
        self._number += 1

    def one_less(self) -> None:
        """A project was deleted."""
        self._number = max(0, self._number - 1)


def too_many(problem: Problem) -> Failure:
    """Return the answer to a publish that would make a project too many: there may be room later."""
    return Failure(
        problem.code,
        problem.message,
        retry=True,
        field=problem.field,
        reason=problem.reason,
        retry_after=TRY_AGAIN,
    )
