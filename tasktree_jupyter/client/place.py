"""Which project a call of the notebook API is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasktree_jupyter.client.moments import Snapshot, When
from tasktree_jupyter.client.task import current
from tasktree_jupyter.core.shape import MAX_PROJECT_ID, Problem, ProblemError, is_project_id

if TYPE_CHECKING:
    from tasktree_jupyter.client.project import Project
    from tasktree_jupyter.client.session import Session


def project_of(this: Session, name: str | None) -> Project:
    """Return the project of this name; None: the surrounding task's, else the notebook's or script's.

    Raises:
        ProblemError: it is no project id.
    """
    if name is None:
        around = current()
        return around.project if around is not None and around.project is not None else this.project()
    if not is_project_id(name):
        raise ProblemError(no_project(name))
    return this.project(name)


def asked_project(this: Session, name: str | None, *moments: When) -> Project:
    """Return the project that is asked about: the one named, else that of a snapshot, else as `project_of`.

    Raises:
        ValueError: `name` is no project id.
    """
    for moment in moments if name is None else ():
        if isinstance(moment, Snapshot):
            return moment.project
    try:
        return project_of(this, name)
    except ProblemError as error:
        raise ValueError(error.problem.message) from None


def no_project(name: object) -> Problem:
    """Return the problem of a name that is no project id."""
    message = (
        f"project is {name!r}; it must be a string of 1 to {MAX_PROJECT_ID} characters, "
        "none a control character or a lone surrogate"
    )
    return Problem(code="invalid", field="project", message=message, reason="project_id")
