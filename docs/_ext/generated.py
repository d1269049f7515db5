"""Pages, or parts of them, that are made from the code, so that they can't say anything else than it does.

A line `<!-- generated: NAME -->` in a page is replaced by the Markdown that NAME's function makes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from .configuration import bounds, constants, lab_settings, traits
from .observing import log_events, metrics
from .rest import operations, schemas

PARTS: dict[str, Callable[[], str]] = {
    "traits": traits,
    "bounds": bounds,
    "constants": constants,
    "lab settings": lab_settings,
    "operations": operations,
    "schemas": schemas,
    "metrics": metrics,
    "log events": log_events,
}
MARK = re.compile(r"^<!-- generated: (.+) -->$", re.MULTILINE)


def fill_in(source: str) -> str:
    """Return a page with its marks replaced.

    Raises:
        ExtensionError: a mark names no part.
    """

    def part(mark: re.Match[str]) -> str:
        if mark[1] not in PARTS:
            raise ExtensionError(f"{mark[0]}: no such part; there are: {', '.join(PARTS)}")
        return PARTS[mark[1]]()

    return MARK.sub(part, source)


def _read(app: Sphinx, docname: str, content: list[str]) -> None:
    content[0] = fill_in(content[0])


def _outdated(app: Sphinx, *changes: Any) -> list[str]:
    """Read these pages anew at each build: Sphinx can't know that the code has changed."""
    return sorted(name for name in app.env.found_docs if MARK.search(app.env.doc2path(name).read_text("utf-8")))


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx calls this."""
    app.connect("source-read", _read)
    app.connect("env-get-outdated", _outdated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
