"""Which project a command line means: by id, by path, by a title that only one has."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from tasktree_jupyter.cli.problem import CommandError, usage
from tasktree_jupyter.display import plain

Info = dict[str, Any]


def called(name: str, projects: Sequence[Info]) -> Info:
    """Return the project that `name` means.

    Raises:
        CommandError: none is called so, or several are.
    """
    for field in ("project_id", "path", "title"):
        found = [each for each in projects if each.get(field) == name]
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(plain.line(each["project_id"]) for each in found[:10])
            raise usage(f"{len(found)} projects are called {plain.line(name)!r}; name one by its id: {ids}.")
    raise CommandError(f"There is no project {plain.line(name)!r}{_like(name, projects)}.")


def _like(name: str, projects: Sequence[Info]) -> str:
    if not projects:
        return ": there are none yet (`jupyter tasktree demo` makes one)"
    names = [str(each[field]) for each in projects for field in ("project_id", "path", "title") if each.get(field)]
    near = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {plain.line(near[0])!r}?" if near else "; `jupyter tasktree list` shows those there are"


def newest_first(projects: Sequence[Info]) -> list[Info]:
    """Return projects by their last event, the latest first."""
    return sorted(projects, key=lambda each: each.get("at") or each.get("created_at") or 0, reverse=True)


def title(info: Info) -> str:
    """Return what people call a project."""
    return plain.line(info.get("title") or info.get("path") or info["project_id"])


def stale(info: Info, mission: Mapping[str, Any]) -> int:
    """Return how many of a run's running tasks nobody hears; a server too old to know says nothing of it."""
    running: int = mission["rollup"]["counts"].get("running", 0)
    return min(int((info.get("stale") or {}).get(mission["mission_id"], 0)), running)
