"""Docstrings are read in notebooks first, as they are: what they borrow from Markdown is put into Sphinx's terms."""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

FENCE = re.compile(r"^(\s*)```(\w*)$")
PAGE = re.compile(r"\bdocs/([\w-]+)\.md\b")
LINK = r":doc:`\1`"
RETURNS = re.compile(r"^(\s*)Returns:$")


def translate(lines: list[str]) -> list[str]:
    """Return a docstring's lines with fenced code as a directive, and pages named by path as links.

    A "Returns" section becomes a field here: napoleon would take what stands before a colon for a type.
    """
    translated = []
    indent = None
    begins_return = False
    for line in lines:
        fence = FENCE.match(line)
        if fence and indent is None:
            indent = fence[1]
            translated += [f"{indent}.. code-block:: {fence[2] or 'text'}", ""]
        elif fence:
            indent = None
            translated.append("")
        elif indent is not None:
            translated.append(f"   {line}" if line.strip() else "")
        elif RETURNS.match(line):
            begins_return = True
        elif begins_return:
            begins_return = False
            translated.append(f":returns: {PAGE.sub(LINK, line.strip())}")
        else:
            translated.append(PAGE.sub(LINK, line))
    return translated


def _process(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    lines[:] = translate(lines)


def _signature(app: Sphinx, what: str, name: str, thing: Any, options: Any, signature: Any, result: Any) -> Any:
    # Nobody makes an object of the API's classes: functions hand them out.
    return ("", None) if what == "class" else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Sphinx calls this."""
    # Before napoleon (500), whose sections mustn't begin inside code.
    app.connect("autodoc-process-docstring", _process, priority=400)
    app.connect("autodoc-process-signature", _signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
