"""The reference of what operators see: metrics from their definitions, and the events of the log."""

from __future__ import annotations

import logging

from tasktree_jupyter.server.logs import EVENTS
from tasktree_jupyter.server.metrics import DEFINITIONS, LATENCIES


def metrics() -> str:
    """Return a table of all metrics."""
    rows = ["| metric | type | label | what it says |", "|---|---|---|---|"]
    for definition in DEFINITIONS:
        values = ", ".join(f"`{value}`" for value in definition.values)
        label = "" if definition.label is None else f"`{definition.label}`: {values}"
        rows.append(f"| `tasktree_{definition.name}` | {definition.kind} | {label} | {definition.about} |")
    rows += [f"| `tasktree_{name}` | histogram | | {about} |" for name, about, _ in LATENCIES]
    rows.append("| `tasktree_info` | gauge | `version`, `engine` | 1; its labels say what runs. |")
    return "\n".join(rows)


def log_events() -> str:
    """Return a table of the events of the log."""
    rows = ["| event | level | when | fields |", "|---|---|---|---|"]
    for name, event in EVENTS.items():
        fields = ", ".join(f"`{field}`" for field in event.fields) or "–"
        rows.append(f"| `{name}` | {logging.getLevelName(event.level)} | {event.about} | {fields} |")
    return "\n".join(rows)
