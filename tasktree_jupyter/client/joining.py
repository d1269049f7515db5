"""Child processes join the mission they were started in: the environment tells them.

The variable names the innermost open task of the main thread. Child processes that are forked have the context itself.
"""

from __future__ import annotations

import json
import os
from functools import lru_cache
from typing import Any, Final, NamedTuple

from tasktree_jupyter.client.discovery import Identity

VARIABLE: Final = "TASKTREE_PARENT"


class Parent(NamedTuple):
    """The task that a process was started in.

    Attributes:
        project: the project's name, or None for the default project of `identity`.
        identity: who the process is that began the mission: its default project is this process's too.
        mission: the mission's id.
        node: the task's id.
    """

    project: str | None
    identity: Identity
    mission: str
    node: str


def read_environment() -> Parent | None:
    """Return the task this process was started in, None where there is none.

    A kernel has its own notebook, whoever started its server: it joins nothing.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return None
    try:
        content = json.loads(text)
        identity = Identity(*(_optional(content["identity"].get(name)) for name in Identity._fields))
        return Parent(_optional(content["project"]), identity, _string(content["mission"]), _string(content["node"]))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _optional(value: Any) -> str | None:
    return None if value is None else _string(value)


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"not a string: {value!r}")
    return value


def as_text(parent: Parent) -> str:
    """Return the variable's value."""
    return f'{_head(parent.project, parent.identity, parent.mission)},"node":{json.dumps(parent.node)}}}'


@lru_cache(maxsize=64)
def _head(project: str | None, identity: Identity, mission: str) -> str:
    """Return all but the node: it is the same for every task of a mission, and there are many."""
    content = {"project": project, "identity": identity._asdict(), "mission": mission}
    return json.dumps(content, separators=(",", ":"))[:-1]


class Environment:
    """Keeps the variable on the innermost task entered, and not yet left, by synchronous code on the main thread."""

    def __init__(self) -> None:
        self._inherited = os.environ.get(VARIABLE)
        self._open: list[tuple[object, str]] = []

    def enter(self, task: object, parent: Parent) -> None:
        """A task was entered."""
        text = as_text(parent)
        self._open.append((task, text))
        os.environ[VARIABLE] = text

    def depth(self) -> int:
        """Return how many tasks are open so."""
        return len(self._open)

    def entered_since(self, depth: int) -> list[object]:
        """Return the open tasks beyond the first `depth`, innermost first."""
        return [task for task, _ in reversed(self._open[depth:])]

    def leave(self, task: object) -> None:
        """A task was left; tasks may end in any order."""
        for place in range(len(self._open) - 1, -1, -1):
            if self._open[place][0] is task:
                del self._open[place]
                break
        else:
            return
        text = self._open[-1][1] if self._open else self._inherited
        if text is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = text
