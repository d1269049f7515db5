"""A status as people see it: one shape each, so that nobody needs the colour, and a colour for white and for black."""

from __future__ import annotations

from typing import Final

GLYPHS: Final = {
    "failed": "✕",
    "running": "◐",
    "review": "◉",
    "completed": "✓",
    "ready": "○",
    "draft": "◌",
    "cancelled": "⊘",
    "skipped": "»",
}
"""What wants attention comes first; counts are told in this order."""

STALE_GLYPH: Final = "◷"
"""What is said to run, but nobody hears it."""

COLOURS: Final = {
    "failed": "#dc3f3f",
    "running": "#2a7fd4",
    "review": "#8e5bb5",
    "completed": "#388e3c",
    "ready": "#858585",
    "draft": "#858585",
    "cancelled": "#b86e00",
    "skipped": "#858585",
}
"""Each at least 3:1 against #fff and against #111: a static page doesn't know which it stands on."""


def status_name(status: str) -> str:
    """Return the words people read for a status."""
    return "in review" if status == "review" else status
