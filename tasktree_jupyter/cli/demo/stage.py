"""Plays stories that overlap, on one thread and in a time of its own, so that the same seed tells the same run.

A story is a generator that emits through the notebook API, as a user's code does, and yields the seconds until it goes
on, or a `Pool` of other stories to wait for. Each runs in a context of its own: `with tt.task(…)` nests as it does in
threads.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Iterable, Iterator
from contextvars import Context, copy_context
from typing import Final

Story = Generator["float | Pool", None, None]
Pace = Callable[[float], None]


class Pool:
    """Stories of which at most so many go on at a time.

    Args:
        workers: how many.
        stories: made when a worker is free; each is given that worker's number, from 1.
    """

    def __init__(self, workers: int, stories: Iterable[Callable[[int], Story]]) -> None:
        self.workers = workers
        self.stories: Iterator[Callable[[int], Story]] = iter(stories)


class _Actor:
    __slots__ = ("boss", "context", "story", "waits", "worker")

    def __init__(self, story: Story, context: Context, boss: _Actor | None, worker: int) -> None:
        self.story = story
        self.context = context
        self.boss = boss
        self.worker = worker
        self.waits: tuple[Pool, int] | None = None
        """The pool that it waits for, and how many of that pool's workers are busy."""


class Stage:
    """Plays one story and those it starts.

    Args:
        pace: called with the time of the play, in seconds, before what happens then; may wait, and may raise.
    """

    def __init__(self, pace: Pace) -> None:
        self.now = 0.0
        self._pace = pace
        self._due: list[tuple[float, int, _Actor]] = []
        self._open: dict[_Actor, None] = {}
        self._count = 0

    def play(self, story: Story) -> None:
        """Play it to its end. An interrupt is thrown into every open story, the youngest first, and goes on."""
        self._begin(story, copy_context(), None, 0)
        try:
            while self._due:
                self.now, _, actor = heapq.heappop(self._due)
                self._pace(self.now)
                self._go_on(actor)
        except BaseException as error:
            self._break_off(error)
            raise

    def _begin(self, story: Story, context: Context, boss: _Actor | None, worker: int) -> None:
        actor = _Actor(story, context, boss, worker)
        self._open[actor] = None
        self._schedule(actor, 0.0)

    def _schedule(self, actor: _Actor, seconds: float) -> None:
        self._count += 1
        heapq.heappush(self._due, (self.now + seconds, self._count, actor))

    def _go_on(self, actor: _Actor) -> None:
        try:
            wish = actor.context.run(next, actor.story)
        except StopIteration:
            del self._open[actor]
            self._ended(actor)
            return
        if not isinstance(wish, Pool):
            self._schedule(actor, wish)
            return
        busy = sum(self._hire(actor, wish, worker) for worker in range(1, wish.workers + 1))
        actor.waits = (wish, busy)
        if not busy:
            self._schedule(actor, 0.0)

    def _hire(self, boss: _Actor, pool: Pool, worker: int) -> bool:
        make = next(pool.stories, None)
        if make is None:
            return False
        self._begin(make(worker), boss.context.copy(), boss, worker)
        return True

    def _ended(self, actor: _Actor) -> None:
        boss = actor.boss
        if boss is None or boss.waits is None:
            return
        pool, busy = boss.waits
        if self._hire(boss, pool, actor.worker):
            return
        boss.waits = (pool, busy - 1)
        if busy == 1:
            self._schedule(boss, 0.0)

    def _break_off(self, error: BaseException) -> None:
        interrupt: Final = error if isinstance(error, KeyboardInterrupt) else KeyboardInterrupt()
        for actor in reversed([*self._open]):
            try:
                actor.context.run(actor.story.throw, interrupt)
            except (StopIteration, KeyboardInterrupt):
                continue
