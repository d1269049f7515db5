"""What a stream can show: how wide it is, whether it has colours, and which characters."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterable
from typing import Final, TextIO

from tasktree_jupyter.display import plain

_ASCII: Final = str.maketrans(
    {
        "✕": "x",
        "✗": "x",
        "◐": ">",
        "◉": "?",
        "✓": "+",
        "○": "o",
        "◌": ".",
        "◷": "!",
        "⊘": "/",
        "»": "~",
        "●": "*",
        "├": "|",
        "└": "`",
        "│": "|",
        "─": "-",
        "━": "=",
        "…": "...",
        "·": "-",
        "–": "-",
        "—": "-",
        "×": "x",
        "↻": "retry",
        "→": "->",
        "’": "'",
        "“": '"',
        "”": '"',
        "\u202f": " ",
        "\u00a0": " ",
        "\ufffd": "?",
    }
)
"""One shape each, where the locale has no better."""
_COLOURS: Final = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "dim": "2", "bold": "1"}
_WIDEST: Final = 120
"""Columns where nobody knows how wide it is: a pipe, a file."""


class Terminal:
    """Writes lines of text to a stream that may be a terminal or not.

    Args:
        stream: `sys.stdout` or `sys.stderr`.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.is_tty = stream.isatty()
        self.encoding = getattr(stream, "encoding", None) or "utf-8"
        self.has_colour = self.is_tty and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    @property
    def columns(self) -> int:
        """How wide it is now."""
        return shutil.get_terminal_size((_WIDEST, 40)).columns if self.is_tty else _WIDEST

    @property
    def lines(self) -> int | None:
        """How high it is now; None where that means nothing."""
        return shutil.get_terminal_size((_WIDEST, 40)).lines if self.is_tty else None

    def fitting(self, text: str) -> str:
        """Return `text` in characters that the stream's encoding has."""
        return fitting(text, self.encoding)

    def say(self, *lines: str) -> None:
        """Write lines; they must be safe to show already."""
        self._stream.write("".join(f"{self.fitting(line)}\n" for line in lines))
        self._stream.flush()

    def colour(self, text: str, colour: str) -> str:
        """Return `text` in a colour, or as it is where there are none. Colour never says anything alone."""
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self.has_colour and colour in _COLOURS else text

    def status(self, line: str) -> None:
        """Show a line that the next one replaces; nothing where that isn't possible."""
        if self.is_tty:
            self._stream.write(f"\r\x1b[2K{self.fitting(plain.cut(line, self.columns - 1))}")
            self._stream.flush()

    def end_status(self) -> None:
        """Take the replaceable line away."""
        if self.is_tty:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()


def fitting(text: str, encoding: str) -> str:
    """Return `text` in characters that an encoding has: glyphs become ASCII's nearest, anything else `\\u…`."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_ASCII).encode(encoding, "backslashreplace").decode(encoding)
    return text


def out() -> Terminal:
    """Return the terminal, or not, that a command's answer goes to."""
    return Terminal(sys.stdout)


def err() -> Terminal:
    """Return the one for what isn't the answer: errors, questions, progress."""
    return Terminal(sys.stderr)


def width(text: str) -> int:
    """Return how many columns `text` takes."""
    from rich.cells import cell_len

    return cell_len(text)


def table(rows: Iterable[Iterable[str]], columns: int, *, shrink: Iterable[int]) -> list[str]:
    """Return rows as aligned lines of at most `columns` columns.

    Args:
        rows: cells, safe to show; the first row is the head.
        columns: how wide it may be.
        shrink: which cells are cut where there is too little room, the widest first.
    """
    cells = [list(row) for row in rows]
    widths = [max(map(width, column)) for column in zip(*cells, strict=True)]
    shrinkable = list(shrink)
    while sum(widths) + 2 * (len(widths) - 1) > columns:
        widest = max(shrinkable, key=lambda place: widths[place], default=None)
        if widest is None or widths[widest] <= 8:
            break
        widths[widest] -= 1
    lines = []
    for row in cells:
        padded = []
        for cell, room in zip(row, widths, strict=True):
            shown = plain.cut(cell, room)
            padded.append(shown + " " * (room - width(shown)))
        lines.append("  ".join(padded).rstrip())
    return lines


def quiet_stdout() -> None:
    """Nobody reads our output any more: let Python's own flush at the end find something to write to."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
