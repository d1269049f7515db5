"""Delete a project with all its history. It can't be brought back, except from an export."""

from __future__ import annotations

import argparse
import sys
from typing import Final

from tasktree_jupyter.cli import projects, servers, terminal
from tasktree_jupyter.cli.problem import CommandError, usage
from tasktree_jupyter.cli.rest import Rest, segment
from tasktree_jupyter.display import format, plain

EXAMPLES: Final = """\
  jupyter tasktree delete demo
  jupyter tasktree export demo -o demo.jsonl && jupyter tasktree delete demo --yes
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("project", metavar="PROJECT", help="its id, path, or title if no other has the same")
    parser.add_argument("-y", "--yes", action="store_true", help="don't ask")


def run(options: argparse.Namespace) -> int:
    """Delete it."""
    if not options.yes and not sys.stdin.isatty():
        raise usage("Nobody is there to be asked; say --yes to delete without a question.")
    rest = Rest(servers.chosen(options))
    info = projects.called(options.project, rest.get("projects")["projects"])
    name, project_id = projects.title(info), plain.line(info["project_id"])
    what = name if name == project_id else f"{name} ({project_id})"
    if not options.yes and not _agreed(f"Delete {what} with its {format.count(info['offset'])} events? [y/N] "):
        raise CommandError("Nothing was deleted.")
    rest.ask("DELETE", f"projects/{segment(info['project_id'])}")
    terminal.out().say(f"{what} is deleted.")
    return 0


def _agreed(question: str) -> bool:
    err = terminal.err()
    sys.stderr.write(err.fitting(question))
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
