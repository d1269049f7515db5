"""The reference of settings: the server's from its traits, JupyterLab's from their schemas."""

from __future__ import annotations

import inspect
import json
import math
from pathlib import Path
from typing import Any

from traitlets import TraitType

from tasktree_jupyter.core.node import MAX_DEPTH
from tasktree_jupyter.core.shape import MAX_EXPECTED, MAX_ID, MAX_INTEGER, MAX_NESTING, MAX_PROJECT_ID, MAX_STATE_NAME
from tasktree_jupyter.core.tree import MAX_NODES
from tasktree_jupyter.server.app import TaskTreeExtension

CONSTANTS = [
    ("nodes of a project", MAX_NODES, "stored, counted and shown as “n more”"),
    ("levels of a tree", MAX_DEPTH, "`depth`"),
    ("levels of nesting in an event's data", MAX_NESTING, "`invalid`, reason `too_deep`"),
    ("characters of a project's id", MAX_PROJECT_ID, "`invalid`, reason `too_long`"),
    ("characters of any other id", MAX_ID, "`invalid`, reason `too_long`"),
    ("characters of the name of a project's state", MAX_STATE_NAME, "`invalid`, reason `too_long`"),
    ("`expected` of a node", MAX_EXPECTED, "`invalid`, reason `range`"),
    ("any integer, and less its negative", MAX_INTEGER, "`invalid`, reason `range`"),
]
"""What the fold bounds, and what becomes of what is beyond."""

SCHEMAS = Path(__file__).resolve().parents[2] / "labextension" / "schema"
KINDS = {
    "Bool": "`True` or `False`",
    "Float": "a number",
    "Int": "an integer",
    "Type": "the name of a class",
    "Unicode": "text",
}


def own_traits() -> dict[str, TraitType[Any, Any]]:
    """Return the extension's own settings, those it shares with every Jupyter extension left out."""
    return dict(sorted(TaskTreeExtension.class_own_traits(config=True).items()))


def traits() -> str:
    """Return a table of all traits, and a section for each."""
    rows = ["| setting | default | in short |", "|---|---|---|"]
    sections = []
    for name, trait in own_traits().items():
        words = " ".join(inspect.cleandoc(trait.help).split())
        rows.append(f"| [`{name}`](#{name.replace('_', '-')}) | {_default(trait)} | {_first_sentence(words)} |")
        sections.append(
            f"(setting-{name.replace('_', '-')})=\n### `{name}`\n\n{words}\n\n{_allowed(trait)}. "
            f"In the file: `c.TaskTreeExtension.{name} = …`; on the command line: `--TaskTreeExtension.{name}=…`."
        )
    # Headings with underscores have anchors of their own spelling: link to the labels.
    table = "\n".join(rows).replace("](#", "](#setting-")
    return table + "\n\n" + "\n\n".join(sections)


def bounds() -> str:
    """Return a table of the traits that bound something: those that have a unit."""
    rows = ["| bound | by default | beyond it |", "|---|---|---|"]
    for name, trait in own_traits().items():
        unit = trait.metadata.get("unit")
        if unit is not None:
            answer = trait.metadata["answer"]
            beyond = "others wait" if not answer else f"close code {answer}" if answer.isdigit() else _code(answer)
            rows.append(
                f"| [`{name}`](#setting-{name.replace('_', '-')}) | {_grouped(trait.default_value)} {unit} | {beyond} |"
            )
    return "\n".join(rows)


def constants() -> str:
    """Return a table of the bounds that are part of the fold."""
    rows = ["| what | at most | beyond it |", "|---|---|---|"]
    rows += [f"| {what} | {_grouped(most)} | {beyond} |" for what, most, beyond in CONSTANTS]
    return "\n".join(rows)


def _grouped(number: float) -> str:
    return f"{number:,}".replace(",", " ")


def lab_settings() -> str:
    """Return a table of JupyterLab's settings, from every schema of the labextension."""
    rows = ["| setting | default | what it does |", "|---|---|---|"]
    for file in sorted(SCHEMAS.glob("*.json")):
        for name, setting in json.loads(file.read_text("utf-8")).get("properties", {}).items():
            title, description = setting.get("title", name), setting.get("description", "")
            rows.append(f"| {title} (`{name}`) | {_code(json.dumps(setting.get('default')))} | {_cell(description)} |")
    return "\n".join(rows)


def _default(trait: TraitType[Any, Any]) -> str:
    if trait.this_class is not None and f"_default_{trait.name}" in vars(trait.this_class):
        return "worked out at start"
    value = trait.default_value
    if isinstance(value, type):
        value = f"{value.__module__}.{value.__qualname__}"
    return _code(repr(value))


def _allowed(trait: TraitType[Any, Any]) -> str:
    words = KINDS.get(type(trait).__name__, type(trait).__name__)
    bounds = [
        f"{word} {value}"
        for word, value in (("at least", getattr(trait, "min", None)), ("at most", getattr(trait, "max", None)))
        if value is not None and not math.isinf(value)
    ]
    return f"Takes {', '.join([words, *bounds])}"


def _first_sentence(words: str) -> str:
    sentence, stop, _ = words.partition(". ")
    return _cell(sentence + "." if stop else words)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def _code(text: str) -> str:
    return f"`{text}`"
