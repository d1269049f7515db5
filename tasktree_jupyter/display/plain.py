"""Makes text from anywhere safe to show: it can't move the cursor, colour, reorder or hide what is around it.

In an output, content is text. An escape sequence in a task's title would otherwise repaint a terminal, and a
right-to-left override would make a reader see another name than the one that is there.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

ELLIPSIS: Final = "…"

_ANSI: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-Z\\^-~])")
_SUSPECT: Final = re.compile(r"[^\x20-\x7e\xa1-\u02ff]")
_MARK: Final = "[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
_HEAP: Final = re.compile(f"({_MARK}{{4}}){_MARK}+")
"""Marks in a heap would be painted over the lines above and below."""
_JOINERS: Final = "\u200c\u200d"
"""Zero-width, but words of several scripts, and emoji, are spelled with them."""


def line(text: object) -> str:
    """Return `text` as one line: breaks and tabs become spaces, what can't be seen or would reorder the line `�`."""
    return _seen(" ".join(_ANSI.sub("", str(text)).split()))


def lines(text: object) -> list[str]:
    """Return the lines of `text`, made safe; tabs become four spaces, blanks at the end go."""
    return [_seen(each.replace("\t", "    ")).rstrip() for each in re.split(r"\r\n|\r|\n", _ANSI.sub("", str(text)))]


def cut(text: str, columns: int) -> str:
    """Return `text` in at most `columns` terminal columns, ending in `…` where it was longer.

    Marks that take no column count as well where there are more than three to each.
    """
    if len(text) * 2 <= columns:
        return text
    room, used = 0, 0
    for place, character in enumerate(text):
        used += _columns(character)
        if used > columns or place >= columns * 4:
            return text[:room] + ELLIPSIS
        if used < columns:
            room = place + 1
    return text


def _columns(character: str) -> int:
    if unicodedata.combining(character) or character in _JOINERS:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _seen(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return _SUSPECT.sub(_neutral, _HEAP.sub(r"\1", text))


def _neutral(match: re.Match[str]) -> str:
    character = match.group()
    category = unicodedata.category(character)
    if character in _JOINERS or category not in ("Cc", "Cf", "Cs", "Zl", "Zp"):
        return character
    return "\N{REPLACEMENT CHARACTER}"
