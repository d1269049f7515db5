"""Write a project's whole log as JSON Lines: a line that says what it is, then an event a line, as they came."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tasktree_jupyter.cli import projects, servers, terminal
from tasktree_jupyter.cli.problem import CommandError
from tasktree_jupyter.cli.rest import Rest, segment
from tasktree_jupyter.display import format

EXAMPLES: Final = """\
  jupyter tasktree export demo -o demo.jsonl
  jupyter tasktree export demo | gzip > demo.jsonl.gz
  jupyter tasktree export demo | tail -n +2 | jq -r .type | sort | uniq -c
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("project", metavar="PROJECT", help="its id, path, or title if no other has the same")
    parser.add_argument("-o", "--output", metavar="FILE", default="-", help="where to; - is standard output")


def run(options: argparse.Namespace) -> int:
    """Write it."""
    rest = Rest(servers.chosen(options))
    info = projects.called(options.project, rest.get("projects")["projects"])
    pieces = checked(rest.stream(f"projects/{segment(info['project_id'])}/export"))
    if options.output == "-":
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return 0
    events = _write(Path(options.output), pieces)
    terminal.err().say(f"{format.count(events)} events of {projects.title(info)} are in {options.output}.")
    return 0


def checked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the pieces; raise where they aren't an export."""
    first = b""
    for piece in pieces:
        first += piece
        if b"\n" in first:
            break
    try:
        head = json.loads(first.partition(b"\n")[0])
    except ValueError:
        head = None
    if not isinstance(head, dict) or head.get("tasktree") != "export":
        raise CommandError("The server's answer isn't an export; `jupyter tasktree doctor` compares the versions.")
    yield first
    yield from pieces


def _write(target: Path, pieces: Iterator[bytes]) -> int:
    """Write a file, all of it or none; return how many events are in it."""
    unfinished = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    lines = 0
    try:
        with unfinished.open("wb") as file:
            for piece in pieces:
                file.write(piece)
                lines += piece.count(b"\n")
        os.replace(unfinished, target)
    except OSError as error:
        raise CommandError(f"{target} can't be written: {error.strerror}.") from None
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()
    return max(0, lines - 1)
