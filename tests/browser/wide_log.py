"""A log made at random that has many tasks, for pages and servers to agree about."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from tests.core.sequences import Choose, an_event

STATUSES = ("ready", "running", "running", "review", "completed", "completed", "failed", "cancelled", "skipped")
MISSION = "run"
GROUPS = 12
MOST_TASKS = 700


def wide_log(seed: int, length: int) -> Iterator[dict[str, Any]]:
    """Events of a run with hundreds of tasks that come, change, move, go and come again.

    One in twenty is of the kind that holds the folds together (`tests/core/sequences.py`): odd ids, odd values, events
    that a server refuses.
    """
    chance = random.Random(seed)
    choose = Choose(chance.randint)
    groups = [f"{MISSION}/{number}" for number in range(GROUPS)]
    tasks: list[str] = []
    yield _update(MISSION, title="A run at random", status="running", expected=500)
    for group in groups:
        yield _update(group, title=f"group {group}", parent_id=MISSION, status="running")
    for number in range(length - GROUPS - 1):
        if number % 20 == 19:
            odd = an_event(choose, 1)
            yield {name: odd[name] for name in ("type", "data", "timestamp")}
        elif len(tasks) < 20 or (len(tasks) < MOST_TASKS and chance.random() < 0.15):
            task = f"{chance.choice(groups)}/{number}"
            tasks.append(task)
            yield _update(task, title=f"task {number}", parent_id=task.rpartition("/")[0], agent=f"w{number % 7}")
        else:
            yield _event(chance, chance.choice(tasks), tasks, groups)


def _event(chance: random.Random, task: str, tasks: list[str], groups: list[str]) -> dict[str, Any]:
    kind = chance.randrange(100)
    if kind < 40:
        return _told("task_status_changed", task_id=task, status=chance.choice(STATUSES))
    if kind < 70:
        progress = chance.randrange(1001) / 1000
        return _update(task, progress=progress, message=f"at {progress}", metrics={"auc": round(chance.random(), 4)})
    if kind < 80:
        return _told("node_log", node_id=task, level=chance.choice(("debug", "info", "error")), message="a line")
    if kind < 86:
        return _update(task, parent_id=chance.choice((*groups, chance.choice(tasks))))
    if kind < 90:
        return _update(chance.choice(groups), expected=chance.randrange(200), status=chance.choice(STATUSES))
    if kind < 93:
        return {"type": "node_update", "data": {"node_id": task, "changes": None}}
    if kind < 97:
        return _update(task, title=f"{task} again", parent_id=chance.choice(groups), status="running")
    agents = {f"w{number}": {"status": "working"} for number in range(chance.randrange(5))}
    return _told("coordination_update", active_agents=len(agents), agents=agents)


def _told(kind: str, **data: Any) -> dict[str, Any]:
    return {"type": kind, "data": data}


def _update(node_id: str, **changes: Any) -> dict[str, Any]:
    return _told("node_update", node_id=node_id, changes=changes)
