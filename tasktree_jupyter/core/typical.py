"""How long things usually take. Twin of `core/typical.ts` in the browser; see `tests/vectors/attention`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

RUNS: Final = 10
"""The last so many earlier runs count: what was long ago says little."""
_SIZES: Final = 2
"""Of so many times more, or fewer, tasks it is another work, and no measure."""


def is_as_large(rollup: Mapping[str, Any], theirs: int) -> bool:
    """Return whether something of so many tasks is about as large; what is still growing may become so."""
    total, counts = rollup["total"], rollup["counts"]
    if total > theirs * _SIZES:
        return False
    whole = total > rollup["leaves"] or counts.get("draft", 0) + counts.get("ready", 0) > 0
    return not whole or total * _SIZES >= theirs
