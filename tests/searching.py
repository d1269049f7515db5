"""How many cases are generated: the test command asks the same few every time, a search for new ones asks many."""

from __future__ import annotations

from hypothesis import settings


def examples(number: int) -> int:
    """As many as a search asks (`--hypothesis-profile=search`), a third of them otherwise."""
    return number if settings.get_current_profile_name() == "search" else -(-number // 3)
