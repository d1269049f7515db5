"""Play a believable run, so that there is something to look at: a grid search, a nightly load, a team of agents.

It goes through the same notebook API as your own code. Ctrl-C leaves a cancelled run.
"""

from __future__ import annotations

import argparse
import os
import shlex
import warnings
from typing import Any, Final

from tasktree_jupyter.cli import servers, terminal
from tasktree_jupyter.cli.problem import CommandError, usage
from tasktree_jupyter.core.shape import is_project_id
from tasktree_jupyter.display import format, plain

EXAMPLES: Final = """\
  jupyter tasktree demo
  jupyter tasktree demo --tasks 10000 --fail 0.0003
  jupyter tasktree demo --tasks 2000 --rate 100 --fail 0.05
  jupyter tasktree demo --tasks 200000 --rate 0 --project big
  jupyter tasktree demo --shape agents --seed 1
  jupyter tasktree demo --local                without any server
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--tasks", type=int, default=60, metavar="N", help="how many tasks the run has, 5 to 200000 (60)"
    )
    parser.add_argument(
        "--rate",
        type=float,
        metavar="R",
        help="tasks per second; 0: as fast as possible (8, or what ends the run within five minutes)",
    )
    parser.add_argument(
        "--fail", type=float, default=0.03, metavar="P", help="probability that a task fails, 0 to 1 (0.03)"
    )
    parser.add_argument("--seed", type=int, metavar="S", help="the same number plays the same run")
    parser.add_argument("--project", default="demo", metavar="ID", help="the project it goes to (demo)")
    parser.add_argument(
        "--shape", default="search", choices=("search", "etl", "agents"), help="what is played (search)"
    )
    parser.add_argument("--local", action="store_true", help="in this process alone: print the tree at the end")


def run(options: argparse.Namespace) -> int:
    """Play it."""
    from tasktree_jupyter.cli.demo import playing

    rate = playing.usual_rate(options.tasks) if options.rate is None else options.rate
    try:
        playing.check(tasks=options.tasks, rate=rate, fail=options.fail, shape=options.shape)
    except ValueError as error:
        raise usage(f"--{error}.") from None
    if not is_project_id(options.project):
        raise usage("--project must have 1 to 200 characters, none of them a control character.")
    err, out = terminal.err(), terminal.out()
    place = None if options.local else servers.chosen(options)
    _connect(place)
    if place is not None:
        err.say(f"Playing {options.tasks} tasks into {plain.line(options.project)} at {place.shown}; Ctrl-C ends it.")
    try:
        played = playing.play(
            options.tasks,
            rate,
            options.fail,
            options.seed,
            options.project,
            options.shape,
            lambda steps, tasks: err.status(f"{format.count(steps)} steps …"),
        )
    except KeyboardInterrupt:
        err.end_status()
        err.say("Interrupted: the run stands there as cancelled.", *_where_to_look(place, options.project))
        return 130
    err.end_status()
    if not played.acknowledged:
        raise CommandError(f"The server didn't take it all: {_reason()}.")
    out.say(f"{played.title}: {format.count(played.events)} events in {played.seconds:.1f} s.")
    if place is None:
        out.say("", *_local_tree(options.project, played.mission_id, out.columns))
    out.say(*_where_to_look(place, options.project))
    return 0


def _connect(place: servers.Place | None) -> None:
    """Let this process's session find that server, or none."""
    import tasktree_jupyter as tt
    from tasktree_jupyter.client.discovery import VARIABLE

    if place is None:
        # Nothing of what a client finds a server by.
        os.environ.pop(VARIABLE, None)
        os.environ.pop("JUPYTERHUB_SERVICE_PREFIX", None)
        os.environ["JUPYTER_RUNTIME_DIR"] = os.devnull
        warnings.simplefilter("ignore", tt.TaskTreeWarning)
        return
    place.enter()
    if place.connection_file is not None:
        return
    if place.unix_socket is not None:
        raise CommandError(f"The Jupyter server at {place.shown} has no TaskTree: install tasktree_jupyter there.")
    if not tt.connect(place.url, place.token, ca_file=place.ca_file):
        raise CommandError(f"{place.shown} can't be used: {_reason()}.")


def _reason() -> str:
    import tasktree_jupyter as tt

    status: dict[str, Any] = tt.status()
    return plain.line(status["reason"] or status["state"]).rstrip(".")


def _local_tree(project: str, mission_id: str, columns: int) -> list[str]:
    from tasktree_jupyter.client.session import session
    from tasktree_jupyter.display import text
    from tasktree_jupyter.display.bundle import bundle

    with session().project(project).read() as tree:
        shown = bundle(tree, mission_id, project_id=None, title=project, offset=0, at=tree.at)
    return text.render(shown, max_columns=columns).splitlines()


def _where_to_look(place: servers.Place | None, project: str) -> list[str]:
    if place is None:
        return []
    where = "" if place.unix_socket else f" at {place.shown}"
    return [f"Look at it: TaskTree's panel in JupyterLab{where}, or `jupyter tasktree show {shlex.quote(project)}`."]
