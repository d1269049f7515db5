"""Plays one run at a pace, through the notebook API of this process, wherever that sends it."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple, get_args

import tasktree_jupyter as tt
from tasktree_jupyter.cli.demo import agents, etl, search
from tasktree_jupyter.cli.demo.cast import Cast
from tasktree_jupyter.cli.demo.stage import Stage, Story

Shape = Literal["search", "etl", "agents"]

SHAPES: Final[dict[str, Any]] = {"search": search, "etl": etl, "agents": agents}
FEWEST_TASKS: Final = 5
MOST_TASKS: Final = 200_000
"""As many nodes as a project shows."""
USUAL_RATE: Final = 8.0
LONGEST: Final = 300.0
"""Seconds that a run of any size lasts where nobody asked for a rate, about."""
_WORKERS: Final = 8
_MOST_WAITING: Final = 20_000
"""Events on their way to the server past which the play waits: the queue would drop some."""
_LOOK_EVERY: Final = 256
_PATIENCE: Final = 30.0
_STEP: Final = 0.1


class Played(NamedTuple):
    """What was played.

    Attributes:
        mission_id: the run.
        title: its title.
        seconds: how long it took.
        events: how many were emitted.
        acknowledged: whether the server has them all; True without a server.
    """

    mission_id: str
    title: str
    seconds: float
    events: int
    acknowledged: bool


def play(
    tasks: int = 60,
    rate: float | None = None,
    fail: float = 0.03,
    seed: int | None = None,
    project: str = "demo",
    shape: Shape = "search",
    on_progress: Callable[[int, int], None] | None = None,
) -> Played:
    """Play a believable run, and wait until the server has it. The same seed tells the same run.

    Args:
        tasks: nodes of the run, 5 to 200 000.
        rate: tasks that end per second, on average; 0: as fast as the server takes them; None: see `usual_rate`.
        fail: probability that a task fails for good; half as many more need another attempt.
        seed: of everything that chance decides; None: another run each time.
        project: where it goes.
        shape: `search` (a grid search), `etl` (a nightly load) or `agents` (a team with a question).
        on_progress: called now and then with how many tasks have ended, about, and how many there are.

    Raises:
        ValueError: one of these isn't what it may be.
        KeyboardInterrupt: it was interrupted; the run is cancelled, and the server has been told.
    """
    if rate is None:
        rate = usual_rate(tasks)
    check(tasks=tasks, rate=rate, fail=fail, shape=shape)
    module = SHAPES[shape]
    pace = _Pace(tasks, rate * module.MEAN_SECONDS / _WORKERS, on_progress)
    stage = Stage(pace)
    cast = Cast(random.Random(seed), stage, tasks, fail, _WORKERS)
    before = _emitted()
    began = time.monotonic()
    tt.project(project)
    missions: list[str] = []
    try:
        stage.play(_noting(module.story(cast), missions))
    finally:
        acknowledged = tt.flush(_PATIENCE)
    return Played(missions[0], module.TITLE, time.monotonic() - began, _emitted() - before, acknowledged)


def usual_rate(tasks: int) -> float:
    """Return the tasks per second of a run that somebody watches: slow enough to see, and over in minutes."""
    return max(USUAL_RATE, tasks / LONGEST)


def check(*, tasks: int, rate: float, fail: float, shape: str) -> None:
    """Raise ValueError where a run can't be played so."""
    if not FEWEST_TASKS <= tasks <= MOST_TASKS:
        raise ValueError(f"tasks is {tasks}; it must be from {FEWEST_TASKS} to {MOST_TASKS}")
    if not 0 <= rate < float("inf"):
        raise ValueError(f"rate is {rate}; it must be 0 (as fast as possible) or more tasks per second")
    if not 0 <= fail <= 1:
        raise ValueError(f"fail is {fail}; it must be a probability from 0 to 1")
    if shape not in get_args(Shape):
        raise ValueError(f"shape is {shape!r}; it must be one of {', '.join(get_args(Shape))}")


def _noting(story: Story, mission_ids: list[str]) -> Story:
    """Play a story, and keep which run it is."""
    with contextlib.suppress(StopIteration):
        wish = next(story)
        around = tt.current()
        if around is not None and around.mission is not None:
            mission_ids.append(around.mission.id)
        while True:
            try:
                yield wish
            except BaseException as error:
                story.throw(error)
                raise
            wish = next(story)


def _emitted() -> int:
    from tasktree_jupyter.client.session import session

    return sum(project.source.emitted for project in session().projects)


class _Pace:
    """Lets the play's time pass as the clock does, `speed` times as fast; 0: doesn't wait, except for the server."""

    def __init__(self, tasks: int, speed: float, on_progress: Callable[[int, int], None] | None) -> None:
        self._tasks = tasks
        self._speed = speed
        self._on_progress = on_progress
        self._began: float | None = None
        self._steps = 0
        self._told = 0.0

    def __call__(self, now: float) -> None:
        self._steps += 1
        if self._began is None:
            self._began = time.monotonic()
        if self._speed:
            self._wait_until(self._began + now / self._speed)
        if not self._steps % _LOOK_EVERY or self._speed:
            self._look(now)

    def _wait_until(self, moment: float) -> None:
        while (left := moment - time.monotonic()) > 0:
            time.sleep(min(left, _STEP))

    def _look(self, now: float) -> None:
        if not self._steps % _LOOK_EVERY:
            waiting = sum(each["waiting"] for each in tt.status()["projects"])
            if waiting > _MOST_WAITING:
                tt.flush(_PATIENCE)
        clock = time.monotonic()
        if self._on_progress is not None and clock - self._told >= _STEP:
            self._told = clock
            self._on_progress(self._steps, self._tasks)
