"""Show what changed between two moments of a project: what was added, what was removed, which fields differ."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any, Final

from tasktree_jupyter.cli import moments, projects, servers, terminal
from tasktree_jupyter.cli.rest import Rest, segment
from tasktree_jupyter.display import format, plain
from tasktree_jupyter.display.glyphs import status_name

EXAMPLES: Final = """\
  jupyter tasktree diff demo 'snapshot:before tuning'
  jupyter tasktree diff demo 14:02 14:10
  jupyter tasktree diff demo offset:1 now --json
"""
_VALUE: Final = 40


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("project", metavar="PROJECT", help="its id, path, or title if no other has the same")
    parser.add_argument("before", metavar="A", help="a moment: 14:02, at:…, offset:4711, snapshot:NAME")
    parser.add_argument("after", metavar="B", nargs="?", default="now", help="a later one (now)")
    parser.add_argument("--json", action="store_true", help="the server's answer as it is (docs/protocol.md, diff)")


def run(options: argparse.Namespace) -> int:
    """Show it."""
    before, after = moments.moment(options.before), moments.moment(options.after)
    rest = Rest(servers.chosen(options))
    info = projects.called(options.project, rest.get("projects")["projects"])
    found = rest.get(f"projects/{segment(info['project_id'])}/diff", **{"from": before, "to": after})
    out = terminal.out()
    if options.json:
        out.say(json.dumps(found, indent=2))
        return 0
    rows = [*_rows(found)]
    counts = found["counts"]
    out.say(", ".join(f"{format.count(counts[name])} {name}" for name in ("added", "removed", "changed")))
    if rows:
        out.say(*terminal.table(rows, out.columns, shrink=(1, 2, 3)))
    if found.get("truncated"):
        out.say("… and more: only the first 10 000 are told.")
    return 0


def _rows(found: dict[str, Any]) -> Iterator[list[str]]:
    for change in found.get("project") or ():
        yield ["~", "(project)", plain.line(change["field"]), _change(change)]
    for mark, kind in (("+", "added"), ("-", "removed")):
        for status, alike in groupby(found[kind], key=lambda node: node["status"]):
            yield [mark, _titles([plain.line(node["title"] or node["node_id"]) for node in alike]), kind, _was(status)]
    for node in found["changed"]:
        name = plain.line(node["title"] or node["node_id"])
        for change in node["changes"]:
            yield ["~", name, plain.line(change["field"]), _change(change)]
            name = ""


def _titles(titles: list[str]) -> str:
    """`fit 1 … fit 1009 (1 009)`: nobody reads a thousand lines that say the same."""
    if len(titles) < 4:
        return ", ".join(titles)
    return f"{titles[0]} … {titles[-1]} ({format.count(len(titles))})"


def _was(status: str) -> str:
    return status_name(plain.line(status))


def _change(change: dict[str, Any]) -> str:
    return f"{_value(change['from'])} → {_value(change['to'])}"


def _value(value: Any) -> str:
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return plain.cut(plain.line(text), _VALUE)
