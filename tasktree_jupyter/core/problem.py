"""Why something was refused: one form for a program and for a person."""

from __future__ import annotations

import msgspec


class Problem(msgspec.Struct, frozen=True):
    """Why something was refused: for a program (`code`, `field`, `reason`) and for a person (`message`)."""

    code: str
    field: str
    message: str
    reason: str


class ProblemError(ValueError):
    """Raised where a problem can't be handed back as a value."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def shown(value: object) -> str:
    """Return a value as a message may quote it: short."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"


def invalid(field: str, reason: str, message: str) -> Problem:
    """Return the problem of a value that its rule forbids."""
    return Problem(code="invalid", field=field, message=message, reason=reason)
