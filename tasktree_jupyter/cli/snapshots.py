"""List the named moments of a project, oldest first."""

from __future__ import annotations

import argparse
import json
from typing import Any, Final

from tasktree_jupyter.cli import projects, servers, terminal
from tasktree_jupyter.cli.rest import Rest, segment
from tasktree_jupyter.display import format, plain

EXAMPLES: Final = """\
  jupyter tasktree snapshots demo
  jupyter tasktree show demo --at 'snapshot:before tuning'
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("project", metavar="PROJECT", help="its id, path, or title if no other has the same")
    parser.add_argument("--json", action="store_true", help="the server's answer as it is")


def run(options: argparse.Namespace) -> int:
    """List them."""
    rest = Rest(servers.chosen(options))
    info = projects.called(options.project, rest.get("projects")["projects"])
    answer = rest.get(f"projects/{segment(info['project_id'])}/snapshots")
    out = terminal.out()
    if options.json:
        out.say(json.dumps(answer, indent=2))
    elif not answer["snapshots"]:
        out.say(f'{projects.title(info)} has no snapshots; tt.snapshot("a name") in a notebook makes one.')
    else:
        rows = [_row(snapshot) for snapshot in answer["snapshots"]]
        out.say(*terminal.table([["NAME", "WHEN", "OFFSET", "TAGS", "NOTE"], *rows], out.columns, shrink=(0, 3, 4)))
    return 0


def _row(snapshot: dict[str, Any]) -> list[str]:
    return [
        plain.line(snapshot.get("name") or snapshot["snapshot_id"]),
        format.clock(snapshot["at"]),
        str(snapshot["offset"]),
        plain.line(", ".join(map(str, snapshot.get("tags") or ()))),
        plain.line(snapshot.get("note") or ""),
    ]
