"""What the shapes of a demo have in common: chance, who is at work, phases that wait for others, attempts that fail."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Final

import tasktree_jupyter as tt
from tasktree_jupyter.cli.demo.stage import Stage, Story

TOKEN_COST: Final = 0.000_004
FINE_DETAIL: Final = 20_000
"""Past so many tasks each of them tells less: otherwise a run is mostly messages that nobody reads."""


class Cast:
    """One run's parameters.

    Attributes:
        chance: the only source of it, so that a seed tells all.
        stage: where it is played.
        tasks: how many nodes the run has.
        fail: the probability that a task fails for good.
        workers: how many are at work at once.
        detailed: whether tasks tell of each step.
    """

    def __init__(self, chance: random.Random, stage: Stage, tasks: int, fail: float, workers: int) -> None:
        self.chance = chance
        self.stage = stage
        self.tasks = tasks
        self.fail = fail
        self.workers = workers
        self.detailed = tasks <= FINE_DETAIL
        self.done = 0
        self._busy: dict[str, str] = {}
        self._tokens: Counter[str] = Counter()
        self._telling = max(4.0, tasks / 500)
        self._told = float("-inf")

    def seconds(self, mean: float) -> float:
        """Return how long something takes: mostly about `mean`, now and then much longer."""
        return mean * min(6.0, self.chance.lognormvariate(-0.12, 0.5))

    def fails(self) -> str:
        """Return how a task goes: `well`, `late` (after another attempt) or `badly`."""
        drawn = self.chance.random()
        return "badly" if drawn < self.fail else "late" if drawn < self.fail * 1.5 else "well"

    def later(self, name: str, title: str, after: Iterable[str] = (), **changes: Any) -> None:
        """Show a task that waits for others; it begins when `tt.task(id=name)` is entered."""
        around = tt.current()
        if around is None or around.mission is None:
            return
        mission = around.mission
        waiting = {"parent_id": around.id, "title": title, "status": "ready", **changes}
        dependencies = [mission.id_of(each) for each in after]
        if dependencies:
            waiting["dependencies"] = dependencies
        around.emit("node_update", {"node_id": mission.id_of(name), "changes": waiting})

    def at_work(self, agent: str, task: str | None) -> None:
        """Take note of what an agent does (None: nothing), and tell of all of them now and then."""
        if task is None:
            self._busy.pop(agent, None)
        else:
            self._busy[agent] = task
        if self.stage.now - self._told >= self._telling:
            self.tell_agents()

    def spent(self, agent: str, tokens: int) -> dict[str, Any]:
        """Take note of what an agent has used; return it as metrics of what it was used for."""
        self._tokens[agent] += tokens
        return {"tokens": tokens, "cost": round(tokens * TOKEN_COST, 4)}

    def tell_agents(self) -> None:
        """Tell who is at work."""
        self._told = self.stage.now
        agents: dict[str, dict[str, Any]] = {}
        for agent, task in sorted(self._busy.items()):
            agents[agent] = {"status": "working", "task": task}
            if tokens := self._tokens[agent]:
                agents[agent] |= {"tokens": tokens, "cost": round(tokens * TOKEN_COST, 4)}
        tt.emit("coordination_update", active_agents=len(agents), agents=agents)


def fail_with(task: tt.Task, error: Exception, **changes: Any) -> None:
    """End a task as failed; the code around it goes on, as that of a search or a queue does."""
    task.update(status="failed", error=error, **changes)


def in_turn(steps: Iterable[Callable[[], Story]]) -> Story:
    """Play stories one after the other."""
    for step in steps:
        yield from step()
