"""Which stored folds to forget, so that a long log keeps a few of them, well spread."""

from __future__ import annotations

from collections.abc import Collection, Iterable

KEPT_FOLDS = 8


def surplus(offsets: Collection[int], pinned: Iterable[int], trimmed: int, kept: int = KEPT_FOLDS) -> list[int]:
    """The offsets whose folds may go. Never the newest, one at a pin, or the lowest at or above a trimmed boundary.

    Of the others the one goes first whose neighbours lie closest together, until `kept` are left.
    """
    left = sorted(offsets)
    if not left:
        return []
    held = set(pinned) | {left[-1]}
    if trimmed > 0:
        held |= {next((offset for offset in left if offset >= trimmed), left[-1])}
    gone: list[int] = []
    while len(left) - len(held.intersection(left)) > kept:
        gaps = [
            (left[i + 1] - (left[i - 1] if i else 0), offset)
            for i, offset in enumerate(left[:-1])
            if offset not in held
        ]
        offset = min(gaps)[1]
        left.remove(offset)
        gone.append(offset)
    return gone
