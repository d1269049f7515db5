"""List the projects of a server, the latest first, with how their newest run stands."""

from __future__ import annotations

import argparse
import json
import time
from typing import Any, Final

from tasktree_jupyter.cli import projects, servers, terminal
from tasktree_jupyter.cli.projects import Info
from tasktree_jupyter.cli.rest import Rest
from tasktree_jupyter.core.stale import is_stale
from tasktree_jupyter.core.times import parse_time
from tasktree_jupyter.display import format, plain
from tasktree_jupyter.display.glyphs import GLYPHS, STALE_GLYPH, status_name

EXAMPLES: Final = """\
  jupyter tasktree list
  jupyter tasktree list --json | jq -r '.projects[].project_id'
"""
_SECOND: Final = 1_000_000
_IF_ANY: Final = ("PATH", "STALE")
"""Columns that are left out where they are empty."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--json", action="store_true", help="the server's answer as it is (docs/protocol.md, info)")


def run(options: argparse.Namespace) -> int:
    """List them."""
    place = servers.chosen(options)
    answer = Rest(place).get("projects")
    out = terminal.out()
    if options.json:
        out.say(json.dumps(answer, indent=2))
        return 0
    found = projects.newest_first(answer["projects"])
    if not found:
        out.say(f"No projects yet at {place.shown}. `jupyter tasktree demo` makes one; so does tt.task in a notebook.")
        return 0
    out.say(*_table(found, out.columns))
    return 0


def _table(found: list[Info], columns: int) -> list[str]:
    now = time.time_ns() // 1000
    rows = [[*_names(info), *_newest_run(info, now)] for info in found]
    head = ["PROJECT", "PATH", "STATUS", "DONE", "FAILED", "STALE", "WHEN"]
    shown = [place for place, name in enumerate(head) if name not in _IF_ANY or any(row[place] for row in rows)]
    shrink = tuple(place for place in range(len(shown)) if head[shown[place]] in ("PROJECT", "PATH"))
    return terminal.table([[row[place] for place in shown] for row in [head, *rows]], columns, shrink=shrink)


def _names(info: Info) -> tuple[str, str]:
    """What the project is called, and where it lives if that says more."""
    name, path = projects.title(info), plain.line(info.get("path") or "")
    return name, "" if path == name else path


def _newest_run(info: Info, now: int) -> list[str]:
    missions = info.get("missions") or []
    if not missions:
        return ["◌ no run yet", "", "", "", _ago(info.get("at") or info.get("created_at"), now)]
    newest: dict[str, Any] = missions[0]
    status = str(newest["status"])
    rollup = newest["rollup"]
    ended = sum(rollup["counts"].get(each, 0) for each in ("completed", "failed", "cancelled"))
    total = max(0, rollup["total"] - rollup["counts"].get("skipped", 0))
    failures, stale = rollup["failures"], projects.stale(info, newest)
    unheard = is_stale(status, rollup["counts"], stale)
    return [
        f"{GLYPHS.get(status, '?')} {status_name(status)}" if not unheard else f"{STALE_GLYPH} stale",
        f"{format.count(ended)}/{format.count(total)}",
        format.count(failures) if failures else "",
        format.count(stale) if stale else "",
        _when(newest, now) if not unheard else _ago(info.get("at"), now),
    ]


def _when(mission: dict[str, Any], now: int) -> str:
    started, ended = parse_time(mission.get("started_at")), parse_time(mission.get("ended_at"))
    if mission["status"] in ("running", "review") and started is not None:
        return f"now · {format.duration(now - started)}"
    return _ago(ended or started, now)


def _ago(instant: int | None, now: int) -> str:
    if not instant:
        return ""
    seconds = max(0, now - instant) // _SECOND
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{seconds // 60} min ago"
    if seconds < 86_400:
        return f"{seconds // 3600} h ago"
    return f"{seconds // 86_400} d ago"
