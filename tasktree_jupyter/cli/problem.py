"""What ends a command with a sentence instead of a traceback."""

from __future__ import annotations


class CommandError(Exception):
    """A command can't do what it was asked to.

    Args:
        message: for people: what is wrong, and what to type.
        code: the exit code; 1, or 2 where the command line itself is wrong.
    """

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def usage(message: str) -> CommandError:
    """Return the error of a command line that can't be meant: exit code 2."""
    return CommandError(message, 2)
