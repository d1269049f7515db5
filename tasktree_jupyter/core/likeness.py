"""Which siblings are alike. Twin of `core/kind.ts` in the browser; `tests/vectors/attention` holds them together."""

from __future__ import annotations

import re
from typing import Final

_LOOKED_AT: Final = 120
"""Titles may be long; what makes them alike is at their beginning. In UTF-16 code units in the browser."""
_JOINTS: Final = " #:/-_.([{=,№·|–—"
_DIGITS: Final = re.compile(r"\d+")
_BRACKET: Final = re.compile(r"[(\[{]")


def likeness_of(title: str) -> str:
    """Return what is the same for all tasks that are alike: their title up to what varies."""
    text = title[:_LOOKED_AT]
    variable = _variable_at(text)
    if variable < 0:
        first, space, _ = text.partition(" ")
        return first if space and first else text
    head = text[:variable].rstrip(_JOINTS)
    return head or _DIGITS.sub("#", text).strip()


def _variable_at(text: str) -> int:
    word = index = 0
    while index < len(text):
        char = text[index]
        if char == " ":
            word = index + 1
        elif char == "=" or char.isdecimal():
            space = text.find(" ", index)
            end = len(text) if space < 0 else space
            at = _variable_in(text[word:end], index - word, is_last=end == len(text))
            if at >= 0:
                return word + at
            index = end - 1
        index += 1
    return -1


def _variable_in(word: str, mark: int, *, is_last: bool) -> int:
    """Where in a word that has a digit or `=` at `mark` the variable part begins; -1 where it is a name like `S3`."""
    bracket = _BRACKET.search(word)
    if bracket is not None and 0 < bracket.start() < mark:
        return bracket.start()
    if word[mark] == "=" or "://" in word:
        return 0
    if mark == 0 or word[mark - 1] in _JOINTS:
        return mark
    numbered = not any(char.isalpha() for char in _without_digits(word[mark:]))
    compound = any(not char.isalpha() and not char.isdecimal() for char in word[:mark])
    if numbered or compound:
        return mark if is_last else -1
    return 0


def _without_digits(text: str) -> str:
    """What follows the digits that a text begins with."""
    match = _DIGITS.match(text)
    return text[match.end() :] if match else text
