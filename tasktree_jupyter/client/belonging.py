"""Where a task belongs that is entered: the task around it, its project, its mission."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from tasktree_jupyter.client.reporting import warn
from tasktree_jupyter.core.shape import is_project_id

if TYPE_CHECKING:
    from tasktree_jupyter.client.mission import Mission
    from tasktree_jupyter.client.project import Project
    from tasktree_jupyter.client.session import Session
    from tasktree_jupyter.client.task import Task


class Belonging(NamedTuple):
    """Attributes are those of `Task`; no mission: it begins one."""

    parent: Task | None
    project: Project
    mission: Mission | None


def belonging(this: Session, around: Task | None, named: str | None) -> Belonging:
    """Return where a task belongs that is entered in the task `around`, with the project that it names."""
    if named is not None and not is_project_id(named):
        warn(
            f"project is {named!r}; it must have 1 to 200 characters, none of them a control character or a lone "
            "surrogate. Ignored."
        )
        named = None
    here = around.project if around is not None else None
    if around is not None and here is not None and named in (None, here.name, here.project_id):
        return Belonging(around, here, around.mission)
    project = this.project(named)
    mission = None if around is not None else _without_context(this, project, named)
    return Belonging(None, project if mission is None else mission.project, mission)


def _without_context(this: Session, project: Project, named: str | None) -> Mission | None:
    """Return the mission of a task with none around it: a process that was started in one, or a thread, joins it."""
    joined = this.joined
    if joined is not None and joined.project is project:
        return joined
    elsewhere = threading.current_thread() is not threading.main_thread()
    if not elsewhere and not this.forked:
        return None
    mission = this.mission_of_thread(project if named is not None else None)
    return this.unattached(project) if mission is None and elsewhere else mission
