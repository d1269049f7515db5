"""Show the tree of a project's newest run, or of another, now or as it was at an earlier moment.

Where it is large, what matters most is shown: the phases, what failed, what runs; the rest is counted.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any, Final

from tasktree_jupyter.cli import moments, projects, servers, terminal
from tasktree_jupyter.cli.problem import CommandError, usage
from tasktree_jupyter.cli.rest import Rest, segment
from tasktree_jupyter.core.tree import TaskTree
from tasktree_jupyter.display import format, plain, text
from tasktree_jupyter.display.bundle import bundle

EXAMPLES: Final = """\
  jupyter tasktree show demo
  jupyter tasktree show churn-model.ipynb --depth 2
  jupyter tasktree show demo --at 14:02
  jupyter tasktree show demo --at 'snapshot:before tuning' --json
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("project", metavar="PROJECT", help="its id, path, or title if no other has the same")
    parser.add_argument("--mission", metavar="ID", help="another run than the newest; `all` for every run")
    parser.add_argument("--at", metavar="MOMENT", default="now", help="now, 14:02, at:…, offset:4711 or snapshot:NAME")
    parser.add_argument("--depth", type=int, metavar="N", help="levels below the run; 0: the run alone")
    parser.add_argument("--lines", type=int, metavar="N", default=60, help="about so many lines at most (60)")
    parser.add_argument("--json", action="store_true", help="the state as JSON (docs/protocol.md, state)")


def run(options: argparse.Namespace) -> int:
    """Show it."""
    if options.depth is not None and options.depth < 0:
        raise usage(f"--depth is {options.depth}; it must be 0 or more.")
    if options.lines < 1:
        raise usage(f"--lines is {options.lines}; it must be 1 or more.")
    moment = moments.moment(options.at)
    rest = Rest(servers.chosen(options))
    info = projects.called(options.project, rest.get("projects")["projects"])
    query = {}
    if moment != "now":
        # A server too old to know moments would answer with the present; it has no such document either.
        rest.get("openapi.json")
        query["moment"] = moment
    state = rest.get(f"projects/{segment(info['project_id'])}/state", **query)
    out = terminal.out()
    tree = TaskTree.load(state["state"], state["nodes"])
    mission_id = _mission(tree, options.mission)
    if options.json:
        out.say(json.dumps(_only(state, tree, mission_id, options.depth), indent=2))
        return 0
    shown = bundle(
        tree if options.depth is None else _Shallow(tree, options.depth),
        mission_id,
        project_id=info["project_id"],
        title=projects.title(info),
        offset=state["offset"],
        at=state["at"],
        epoch=state["epoch"],
    )
    if options.depth is not None:
        _count_what_is_deeper(shown, tree)
    out.say(*text.render(shown, max_lines=options.lines, max_columns=out.columns).splitlines())
    if moment == "now":
        # A server too old to know who is silent says nothing of it.
        out.say(*silences(rest.get(f"projects/{segment(info['project_id'])}").get("sources", [])))
    return 0


def silences(sources: Sequence[dict[str, Any]]) -> list[str]:
    """Return a line for each process that isn't heard though it has open tasks: nobody knows whether these still run.

    Args:
        sources: as REST has them (docs/protocol.md).
    """
    return [
        f"No word since {format.clock(source['silent_since'])} from {_process(source)}:"
        f" {format.count(source['stale'])} of the open tasks may be gone (stale)."
        for source in sources
        if source.get("silent_since") is not None and source.get("stale")
    ]


def _process(source: dict[str, Any]) -> str:
    if source.get("pid") is None:
        return "a process"
    host = source.get("host")
    return f"process {source['pid']}" + (f" on {plain.line(host)}" if host else "")


def _count_what_is_deeper(shown: dict[str, Any], tree: TaskTree) -> None:
    """Tell, of groups whose children lie too deep, what becomes of these."""
    for node in shown["nodes"]:
        node_id = node["node_id"]
        if not any(each.get("parent_id") == node_id for each in shown["nodes"]) and (below := tree.children(node_id)):
            shown["omitted"].setdefault(node_id, {"count": len(below), "counts": node["rollup"]["counts"]})


def _mission(tree: TaskTree, wanted: str | None) -> str | None:
    if wanted == "all":
        return None
    newest, _ = tree.missions(100)
    if wanted is None:
        return str(newest[0]["mission_id"]) if newest else None
    if wanted not in tree or tree.parent(wanted) is not None:
        known = ", ".join(plain.line(each["mission_id"]) for each in newest[:5]) or "none"
        raise CommandError(f"There is no run {plain.line(wanted)!r}; the newest ones are: {known}.")
    return wanted


def _only(state: dict[str, Any], tree: TaskTree, mission_id: str | None, depth: int | None) -> dict[str, Any]:
    """Return a state with one mission's nodes, to a depth."""
    shallow = _Shallow(tree, 64 if depth is None else depth)
    kept: set[str] = set()
    stack = [*tree.roots] if mission_id is None else [mission_id]
    while stack:
        node_id = stack.pop()
        kept.add(node_id)
        stack.extend(shallow.children(node_id))
    return state | {"nodes": [node for node in state["nodes"] if node["node_id"] in kept]}


class _Shallow:
    """A tree as it is seen from above: what lies deeper is counted by roll-ups alone."""

    def __init__(self, tree: TaskTree, depth: int) -> None:
        self._tree = tree
        self._depth = depth

    @property
    def roots(self) -> Sequence[str]:
        return self._tree.roots

    def __contains__(self, node_id: object) -> bool:
        return node_id in self._tree

    def node(self, node_id: str) -> dict[str, Any]:
        return self._tree.node(node_id)

    def rollup(self, node_id: str) -> dict[str, Any]:
        return self._tree.rollup(node_id)

    def status_of(self, node_id: str) -> str:
        return self._tree.status_of(node_id)

    def children(self, node_id: str) -> Sequence[str]:
        return self._tree.children(node_id) if self._level(node_id) < self._depth else ()

    def _level(self, node_id: str) -> int:
        level, above = 0, self._tree.parent(node_id)
        while above is not None:
            level, above = level + 1, self._tree.parent(above)
        return level
