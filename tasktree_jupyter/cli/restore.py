"""Bring projects back from a backup. Each gets another epoch, so whoever follows it sees it anew, and nobody is fooled.

A project that has events is left alone, unless `--replace` is said: then the server puts the backup in its place, all
at once and only when it is whole.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tasktree_jupyter.cli import terminal
from tasktree_jupyter.cli.backup import MANIFEST, VERSION
from tasktree_jupyter.cli.problem import CommandError, usage
from tasktree_jupyter.cli.rest import Refused, Rest, segment
from tasktree_jupyter.cli.servers import chosen
from tasktree_jupyter.core.shape import is_project_id
from tasktree_jupyter.display import format, plain

EXAMPLES: Final = """\
  jupyter tasktree restore ~/tasktree-2026-01-31
  jupyter tasktree restore ~/tasktree-2026-01-31 nightly-etl --replace
"""
_CHUNK: Final = 65_536
_EXISTS: Final = 409


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("folder", metavar="FOLDER", help="what `backup` wrote")
    parser.add_argument("projects", metavar="PROJECT", nargs="*", help="only these, by id or title")
    parser.add_argument("--replace", action="store_true", help="also in place of a project that has events")
    parser.add_argument("-y", "--yes", action="store_true", help="with --replace: don't ask")


def run(options: argparse.Namespace) -> int:
    """Bring them back."""
    folder = Path(options.folder)
    entries = _chosen(_entries(folder), options.projects)
    if options.replace and not options.yes:
        _ask(len(entries))
    rest, err = Rest(chosen(options)), terminal.err()
    left = 0
    for entry in entries:
        name, path = plain.line(entry["project_id"]), folder / entry["file"]
        _verify(path, entry["sha256"])
        try:
            answer = _restore(rest, entry["project_id"], path, replace=options.replace)
        except Refused as refused:
            if refused.status != _EXISTS:
                raise
            left += 1
            err.say(f"{name} has events already and was left alone; --replace puts the backup in its place.")
            continue
        err.say(f"{name} is back with {format.count(answer['events'])} events.")
    return 1 if left else 0


def _entries(folder: Path) -> list[dict[str, Any]]:
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        entries = manifest["projects"] if manifest["tasktree"] == "backup" else None
        version = manifest["version"]
    except FileNotFoundError:
        raise CommandError(f"{folder} holds no whole backup: there is no {MANIFEST} in it.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{folder / MANIFEST} can't be read: {error}") from None
    if version != VERSION:
        raise CommandError(f"The backup is of version {version}; this tasktree_jupyter reads {VERSION}.")
    if not isinstance(entries, list) or not all(map(_is_entry, entries)):
        raise CommandError(f"{folder / MANIFEST} isn't what `backup` writes.")
    return entries


def _is_entry(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and is_project_id(entry.get("project_id"))
        and isinstance(entry.get("sha256"), str)
        and isinstance(entry.get("file"), str)
        and entry["file"] == Path(entry["file"]).name
    )


def _chosen(entries: list[dict[str, Any]], names: list[str]) -> list[dict[str, Any]]:
    if not names:
        return entries
    found = []
    for name in names:
        fitting = [entry for entry in entries if entry["project_id"] == name]
        fitting = fitting or [entry for entry in entries if entry.get("title") == name]
        if len(fitting) != 1:
            raise CommandError(f"The backup has {'no' if not fitting else 'several'} {name!r}; name a project's id.")
        found += fitting
    return found


def _ask(count: int) -> None:
    if not sys.stdin.isatty():
        raise usage("Nobody is there to be asked; say --yes to replace without a question.")
    question = f"Put {count} projects of the backup in the place of what the server has of them? [y/N] "
    sys.stderr.write(terminal.err().fitting(question))
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandError("Nothing was restored.")


def _verify(path: Path, expected: str) -> None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}.") from None
    if found != expected:
        raise CommandError(f"{path} isn't what `backup` wrote: its SHA-256 is another. Nothing was changed by it.")


def _restore(rest: Rest, project_id: str, path: Path, *, replace: bool) -> dict[str, Any]:
    query = {"replace": "true"} if replace else {}
    size = path.stat().st_size
    answer: dict[str, Any] = rest.upload(f"projects/{segment(project_id)}/import", _pieces(path), size, **query)
    return answer


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            yield piece
