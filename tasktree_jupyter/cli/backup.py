"""Copy projects into a folder, while the server runs: an export each, and a list of them that is written last.

Each copy is the project as it was at one moment. A folder without `tasktree-backup.json` is no whole backup.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tasktree_jupyter.cli import projects, servers, terminal
from tasktree_jupyter.cli.export import checked
from tasktree_jupyter.cli.problem import CommandError
from tasktree_jupyter.cli.rest import Refused, Rest, segment
from tasktree_jupyter.display import format, plain

EXAMPLES: Final = """\
  jupyter tasktree backup ~/tasktree-2026-01-31
  jupyter tasktree backup before-the-update nightly-etl churn-model.ipynb
"""
MANIFEST: Final = "tasktree-backup.json"
VERSION: Final = 1
_NOT_FOUND: Final = 404


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("folder", metavar="FOLDER", help="a new or empty one")
    parser.add_argument("projects", metavar="PROJECT", nargs="*", help="only these; by default all that may be read")


def run(options: argparse.Namespace) -> int:
    """Write it."""
    rest, err = Rest(servers.chosen(options)), terminal.err()
    folder = Path(options.folder)
    known = rest.get("projects")["projects"]
    wanted = [projects.called(name, known) for name in options.projects] if options.projects else known
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise CommandError(f"{folder} isn't empty; name a new folder for each backup.")
    except OSError as error:
        raise CommandError(f"{folder} can't be made: {error.strerror}.") from None
    copied: list[dict[str, Any]] = []
    for number, info in enumerate(wanted, 1):
        try:
            entry = _copy(rest, info, folder / _file_name(number, info["project_id"]))
        except Refused as refused:
            if refused.status != _NOT_FOUND:
                raise
            err.say(f"{projects.title(info)} was deleted meanwhile.")
            continue
        copied.append(entry)
        err.say(f"{format.count(entry['offset'])} events of {projects.title(info)}")
    manifest = {"tasktree": "backup", "version": VERSION, "made_at": time.time_ns() // 1000, "projects": copied}
    _write(folder / MANIFEST, iter([json.dumps(manifest, indent=2, ensure_ascii=False).encode()]))
    count = format.count(len(copied))
    err.say(f"{count} projects are in {folder}; `jupyter tasktree restore {folder}` brings them back.")
    if options.projects:
        return 0
    # The list knows nothing of them. Who may not write isn't told.
    unreadable = rest.get("version")["storage"].get("unreadable") or []
    for each in unreadable:
        err.say(f"Not in the backup, since the server can't read it: {plain.line(str(each.get('message')))}")
    return 1 if unreadable else 0


def _copy(rest: Rest, info: dict[str, Any], target: Path) -> dict[str, Any]:
    """Copy one project; return what the list says of it."""
    head: dict[str, Any] = {}

    def watched() -> Iterator[bytes]:
        first = b""
        for piece in checked(rest.stream(f"projects/{segment(info['project_id'])}/export")):
            if not head:
                first += piece
                head.update(json.loads(first.partition(b"\n")[0]))
            yield piece

    digest = _write(target, watched())
    return {
        "project_id": info["project_id"],
        "title": info.get("title"),
        "file": target.name,
        "sha256": digest,
        **{key: head.get(key) for key in ("epoch", "offset", "at", "trimmed")},
    }


def _write(target: Path, pieces: Iterator[bytes]) -> str:
    """Write a file to the disk, all of it or none, and return its SHA-256."""
    unfinished, digest = target.with_name(f".{target.name}"), hashlib.sha256()
    try:
        with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            for piece in pieces:
                file.write(piece)
                digest.update(piece)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, target)
    except OSError as error:
        raise CommandError(f"{target} can't be written: {error.strerror or error}.") from None
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()
    return digest.hexdigest()


def _file_name(number: int, project_id: str) -> str:
    slug = re.sub(r"[^a-z0-9_]+", "-", project_id.lower()).strip("-")[:40]
    return f"{number:04d}-{slug}.jsonl" if slug else f"{number:04d}.jsonl"
