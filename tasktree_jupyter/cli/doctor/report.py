"""What the doctor found: a line a check, and for each failure what to type."""

from __future__ import annotations

import textwrap
from itertools import chain
from typing import Any, Final, Literal, NamedTuple

from tasktree_jupyter.cli.terminal import Terminal
from tasktree_jupyter.display import plain

Status = Literal["ok", "failed", "skipped"]

_MARKS: Final[dict[Status, tuple[str, str]]] = {
    "ok": ("✓", "green"),
    "failed": ("✗", "red"),
    "skipped": ("–", "dim"),
}
_INDENT: Final = "  "


class Check(NamedTuple):
    """One thing that was looked at.

    Attributes:
        name: for programs.
        status: `ok`, `failed`, or `skipped`: it couldn't be looked at, or doesn't matter here.
        message: what was found, a sentence.
        advice: what to type, where something is wrong.
    """

    name: str
    status: Status
    message: str
    advice: str | None = None


class Report:
    """Collects checks, and shows each as it comes.

    Args:
        terminal: where to; None: nowhere.
    """

    def __init__(self, terminal: Terminal | None) -> None:
        self._terminal = terminal
        self.checks: list[Check] = []

    @property
    def is_good(self) -> bool:
        """Whether nothing failed."""
        return not any(check.status == "failed" for check in self.checks)

    def found(self, name: str) -> bool:
        """Whether the check of this name was made, and is fine."""
        return any(check.name == name and check.status == "ok" for check in self.checks)

    def ok(self, name: str, message: str) -> None:
        """It is as it should be."""
        self._add(Check(name, "ok", message))

    def failed(self, name: str, message: str, advice: str) -> None:
        """It isn't."""
        self._add(Check(name, "failed", message, advice))

    def skipped(self, name: str, message: str) -> None:
        """It couldn't be looked at, or doesn't matter here."""
        self._add(Check(name, "skipped", message))

    def _add(self, check: Check) -> None:
        check = check._replace(message=plain.line(check.message))
        self.checks.append(check)
        if self._terminal is None:
            return
        mark, colour = _MARKS[check.status]
        word = "failed: " if check.status == "failed" else ""
        first, *others = self._wrapped(f"{word}{check.message}")
        if word:
            first = self._terminal.colour(word, colour) + first.removeprefix(word)
        self._terminal.say(f"{self._terminal.colour(mark, colour)} {first}")
        advice = plain.lines(check.advice) if check.advice is not None else []
        self._terminal.say(*(_INDENT + line for line in [*others, *chain.from_iterable(map(self._wrapped, advice))]))

    def _wrapped(self, text: str) -> list[str]:
        """Break lines at blanks only where a terminal is too narrow: what is to be typed stays in one piece."""
        assert self._terminal is not None
        if not self._terminal.is_tty:
            return [text]
        return textwrap.wrap(
            text, self._terminal.columns - len(_INDENT) - 1, break_long_words=False, break_on_hyphens=False
        ) or [""]

    def close(self) -> None:
        """Say what came of it all."""
        if self._terminal is None:
            return
        failed = sum(check.status == "failed" for check in self.checks)
        good = sum(check.status == "ok" for check in self.checks)
        self._terminal.say("", f"{good} checks are fine, {failed} failed.")

    def json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {"ok": self.is_good, "checks": [check._asdict() for check in self.checks]}
