"""Requests under way, and answers that were made and haven't left yet: how much of either there may be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from tasktree_jupyter.core.shape import Problem, ProblemError

ANSWER_SECONDS = 60.0
"""So long one piece of an answer waits for its client; then the connection is closed: others want to be answered."""


class Answers:
    """The answers that are as large as states, from when they are made until the last of them has left.

    Beyond `most` bytes none is made any more: so there are never more than that and one answer.
    """

    def __init__(self, most: int) -> None:
        self.size = 0
        self._most = most
        self._turn = asyncio.Lock()

    @contextmanager
    def held(self) -> Iterator[Held]:
        """Hold one answer. Raises ProblemError, code `busy`."""
        self._check()
        held = Held(self)
        try:
            yield held
        finally:
            held.less(held.size)

    @asynccontextmanager
    async def making(self) -> AsyncIterator[None]:
        """Make an answer: one at a time, since making takes nothing but the loop's time. Raises as `held` does."""
        async with self._turn:
            self._check()
            yield

    def _check(self) -> None:
        if self.size >= self._most:
            message = (
                f"Answers of {self.size} bytes wait to be taken, as many as are allowed (max_answer_bytes); try again"
            )
            raise ProblemError(Problem("busy", "", message, "max_answer_bytes"))


class Held:
    """What is left of one answer."""

    def __init__(self, answers: Answers) -> None:
        self.size = 0
        self._answers = answers

    def add(self, size: int) -> None:
        """So much has been made."""
        self.size += size
        self._answers.size += size

    def less(self, size: int) -> None:
        """So much has left."""
        self.add(-size)


class Requests:
    """The REST requests of everybody that are under way, until their answers have left."""

    def __init__(self, most: int) -> None:
        self.number = 0
        self._most = most

    def enter(self) -> None:
        """Count one more. Raises ProblemError, code `busy`."""
        if self.number >= self._most:
            message = f"{self.number} requests are under way, as many as are allowed (max_requests); try again"
            raise ProblemError(Problem("busy", "", message, "max_requests"))
        self.number += 1

    def leave(self) -> None:
        """Count one less."""
        self.number -= 1
