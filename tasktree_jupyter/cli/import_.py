"""Make a project of an exported log. Offsets and times stay what they were; a project that has events is left alone."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from typing import BinaryIO, Final

from tasktree_jupyter.cli import servers, terminal
from tasktree_jupyter.cli.problem import CommandError, usage
from tasktree_jupyter.cli.rest import Refused, Rest, segment
from tasktree_jupyter.core.shape import is_project_id
from tasktree_jupyter.display import format, plain

EXAMPLES: Final = """\
  jupyter tasktree import demo.jsonl
  jupyter tasktree import demo.jsonl --project demo-of-yesterday
  gunzip -c demo.jsonl.gz | jupyter tasktree import -
"""
_CHUNK: Final = 65_536
_LONGEST_HEAD: Final = 65_536


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("file", metavar="FILE", help="what `export` wrote; - is standard input")
    parser.add_argument("--project", metavar="ID", help="another id than the one it was exported from")


def run(options: argparse.Namespace) -> int:
    """Import it."""
    if options.project is not None and not is_project_id(options.project):
        raise usage("--project must have 1 to 200 characters, none of them a control character.")
    rest = Rest(servers.chosen(options))
    if options.file == "-":
        return _import(rest, sys.stdin.buffer, None, options.project)
    try:
        with open(options.file, "rb") as file:
            return _import(rest, file, os.fstat(file.fileno()).st_size, options.project)
    except OSError as error:
        raise CommandError(f"{options.file} can't be read: {error.strerror or error}.") from None


def _import(rest: Rest, file: BinaryIO, size: int | None, wanted: str | None) -> int:
    head = file.readline(_LONGEST_HEAD)
    project_id = wanted or _exported_project(head)
    try:
        answer = rest.upload(f"projects/{segment(project_id)}/import", _pieces(head, file), size)
    except Refused as refused:
        if refused.status == 409:
            raise CommandError(
                f"The project {plain.line(project_id)!r} has events already; import it beside: --project OTHER_ID, "
                "or delete that one first."
            ) from None
        raise
    terminal.out().say(f"{format.count(answer['events'])} events are in the project {plain.line(project_id)}.")
    return 0


def _exported_project(head: bytes) -> str:
    try:
        content = json.loads(head)
    except ValueError:
        content = None
    if not isinstance(content, dict) or content.get("tasktree") != "export":
        raise CommandError("This is no export of TaskTree: its first line isn't one that `export` writes.")
    project_id = content.get("project_id")
    if not is_project_id(project_id):
        raise CommandError("Its first line names no project; give one: --project ID.")
    return str(project_id)


def _pieces(head: bytes, file: BinaryIO) -> Iterator[bytes]:
    yield head
    while piece := file.read(_CHUNK):
        yield piece
