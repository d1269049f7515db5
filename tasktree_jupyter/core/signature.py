"""What makes two failures the same one: the exception, its message without what varies, and the user's line.

Twin of `signature.ts` and `traceback.ts` in `labextension/src/core`; `tests/vectors/signatures` holds them together.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

_LONGEST: Final = 300
_LONGEST_TRACEBACK: Final = 20_000
"""Of a traceback, so much of its end is looked at: that is where the error is."""

_FOLDS: Final = tuple(
    (re.compile(pattern), by)
    for pattern, by in (
        # Addresses.
        (r"""[A-Za-z][A-Za-z0-9+.-]{1,15}://[^\s'"<>)\]]+""", "…"),
        # UUIDs.
        (r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}", "…"),
        # Quoted values; an apostrophe in a word opens nothing.
        (r"""(^|[^A-Za-z0-9_])(['"`])[^'"`]*\2(?![A-Za-z0-9_])""", r"\1\2…\2"),
        # Paths from a root.
        (
            r"(^|[^A-Za-z0-9_.…])(?:[A-Za-z]:)?[\\/](?:[A-Za-z0-9_.@%+~-]+[\\/])*[A-Za-z0-9_.@%+~-]*[A-Za-z0-9_]",
            r"\1…",
        ),
        # Hexadecimal ids and addresses in memory.
        (r"0[xX][0-9A-Fa-f]+", "…"),
        (r"(^|[^A-Za-z0-9_])(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{7,}(?![A-Za-z0-9_])", r"\1…"),
        # Numbers, dates and times.
        (r"(^|[^A-Za-z0-9_])[-+](?=[0-9])", r"\1"),
        (r"[0-9]+(?:[.,:_/-][0-9]+)*(?:[eE][-+]?[0-9]+)?", "…"),
        # However many of them.
        (r"…(?: ?[,;:|x×] ?…| …)+", "…"),
    )
)

_FRAME: Final = re.compile(r'[ |+]*File "(.+)", line ([0-9]+)(?:, in (.+))?')
_BEGINNING: Final = "Traceback (most recent call last):"
_LIBRARY: Final = re.compile(
    r"[\\/](?:site-packages|dist-packages)[\\/]|[\\/]lib(?:32|64)?[\\/]python[0-9.]+t?[\\/]"
    r"|[\\/]python[0-9]*[\\/]lib[\\/]|[\\/]envs[\\/][^\\/]+[\\/]lib[\\/]",
    re.IGNORECASE,
)
_LIBRARY_ON_WINDOWS: Final = "\\Lib\\"
_CELL: Final = re.compile(r"[\\/]ipykernel_[0-9]+[\\/][^\\/]+\.py$|^<ipython-input-|^(?:Cell )?In ?\[")
_TYPED: Final = re.compile(r"<(?:stdin|string|ipython-input-)")


class Frame(NamedTuple):
    """A line of a call stack. `file` is empty for a notebook's cell: what it is called says nothing."""

    file: str
    line: int
    function: str


class Signature(NamedTuple):
    """Equal for all failures that are alike.

    Attributes:
        type: the exception's.
        folded: its message with `…` for what varies.
        frame: the innermost one of the user's own code.
    """

    type: str
    folded: str
    frame: Frame | None


def fold_message(message: str) -> str:
    """Return a message with `…` for numbers, ids, quoted values, paths and addresses."""
    for pattern, by in _FOLDS:
        message = pattern.sub(by, message)
    return message


def own_frame_of(traceback: str) -> Frame | None:
    """Return the innermost frame of the user's own code, of the last of several exceptions."""
    end = traceback[-_LONGEST_TRACEBACK:]
    for line in reversed(end[max(0, end.rfind(_BEGINNING)) :].split("\n")):
        found = _FRAME.fullmatch(line)
        if found is None:
            continue
        path, number, function = found.groups()
        is_library = _LIBRARY.search(path) or _LIBRARY_ON_WINDOWS in path
        if not is_library and (not path.startswith("<") or _TYPED.match(path)):
            file = "" if _CELL.search(path) else re.split(r"[\\/]", path)[-1]
            return Frame(file, int(number), function or "")
    return None


def signature_of(node: dict[str, Any]) -> Signature:
    """Return what makes the failure of a node, in its wire form, the same as others."""
    error = node.get("error")
    error = error if isinstance(error, dict) else {}
    message = error.get("message", "" if error else node.get("message"))
    traceback = error.get("traceback")
    lines = (line.strip() for line in str(message or "").split("\n"))
    said = next((line for line in lines if line), "")[:_LONGEST]
    frame = own_frame_of(traceback) if isinstance(traceback, str) else None
    return Signature(str(error.get("type") or ""), fold_message(said), frame)
