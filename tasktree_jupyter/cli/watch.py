"""Watch a run, live: the newest of a project, or another one. Without PROJECT: where something happened last.

What failed and what runs comes first. The connection comes back by itself, also after a restart of the server. Where
the output is no terminal, each change of a task's state is a line.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from tasktree_jupyter.cli import projects, servers, terminal
from tasktree_jupyter.cli.problem import CommandError
from tasktree_jupyter.core.stale import is_stale, stale_leaves
from tasktree_jupyter.core.status import ENDED
from tasktree_jupyter.display import format, plain, rows, text
from tasktree_jupyter.display.bundle import bundle
from tasktree_jupyter.display.glyphs import GLYPHS, status_name

EXAMPLES: Final = """\
  jupyter tasktree watch
  jupyter tasktree watch demo
  jupyter tasktree watch nightly-etl --until-end      in a script: 1 if it failed
  jupyter tasktree watch demo | tee states.log
"""
_TICK: Final = 0.1
_REDRAW: Final = 1.0
"""Seconds after which it is drawn again though nothing happened: durations grow."""
_SHARE: Final = 8
"""Drawing takes at most one in so many parts of the time."""
_TOLD: Final = ("live", "lost", "gone")
_MOST_LINES: Final = 200
"""So many changes are told one by one; of more at once only the number."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("project", metavar="PROJECT", nargs="?", help="its id, path, or title if no other has the same")
    parser.add_argument("--mission", metavar="ID", help="this run; by default the newest, as new ones come")
    parser.add_argument("--until-end", action="store_true", help="end with the run; exit with 1 if it failed")


def run(options: argparse.Namespace) -> int:
    """Watch it."""
    from tasktree_jupyter.cli.following import Following, Info

    def pick(found: list[Info]) -> Info | None:
        if options.project is not None:
            return projects.called(options.project, found)
        return projects.newest_first(found)[0] if found else None

    following = Following(servers.chosen(options).discovery(), pick)
    out = terminal.out()
    watch = _watch_screen if out.is_tty else _watch_lines
    try:
        with _ended_by_sigterm():
            watch(following, options, out)
    except KeyboardInterrupt:
        pass
    finally:
        following.close()
    mission = _mission(following, options.mission)
    if out.is_tty and following.tree is not None and mission is not None:
        out.say(*_last_look(following, mission["mission_id"], out))
    if options.until_end and mission is not None:
        return int(mission["status"] in ("failed", "cancelled"))
    return 0


def _mission(following: Any, mission_id: str | None) -> dict[str, Any] | None:
    from tasktree_jupyter.cli.live import Screen

    found = Screen(following, mission_id, "utf-8").mission()
    if found is None and mission_id is not None and following.tree is not None and following.state == "live":
        raise CommandError(f"There is no run {plain.line(mission_id)!r} in this project.")
    return found


def _is_over(following: Any, options: argparse.Namespace) -> bool:
    """Whether there is nothing more to watch."""
    mission = _mission(following, options.mission)
    return bool(
        options.until_end
        and (following.state == "gone" or (following.state == "live" and mission and mission["status"] in ENDED))
    )


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM unwind, so that the terminal is as it was."""

    def end(number: int, frame: object) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


# A terminal


def _watch_screen(following: Any, options: argparse.Namespace, out: terminal.Terminal) -> None:
    from rich.console import Console
    from rich.live import Live

    from tasktree_jupyter.cli.live import Screen

    screen = Screen(following, options.mission, out.encoding)
    # Neither markup nor highlighting: what is shown comes from anyone.
    console = Console(highlight=False, markup=False, emoji=False, legacy_windows=False)
    drawn, rest, news, size = 0.0, _TICK, True, console.size
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            news = following.step(_TICK) or news
            following.changes.clear()
            now = time.monotonic()
            resized = console.size != size
            if (news and now >= drawn + rest) or now >= drawn + max(_REDRAW, rest) or resized:
                size = console.size
                live.update(screen.draw(size.width, size.height), refresh=True)
                drawn = time.monotonic()
                rest, news = max(_TICK, (drawn - now) * _SHARE), False
            if _is_over(following, options):
                return


def _last_look(following: Any, mission_id: str, out: terminal.Terminal) -> list[str]:
    """What stays in the terminal when watching has ended."""
    tree, info = following.tree, following.info
    shown = bundle(
        tree,
        mission_id,
        project_id=info["project_id"],
        title=projects.title(info),
        offset=tree.offset,
        at=tree.at,
    )
    lines = text.render(shown, max_lines=max(8, (out.lines or 24) - 4), max_columns=out.columns).splitlines()
    stale = stale_leaves(tree, following.silent).get(mission_id, 0)
    # The text, like any that is stored, knows of no silence.
    return [*lines, _unheard(stale)] if stale else lines


# Lines


def _watch_lines(following: Any, options: argparse.Namespace, out: terminal.Terminal) -> None:
    state, stale = "", 0
    silent: dict[str, int] = {}
    while not _is_over(following, options):
        following.step(_TICK)
        if following.state == "live" and following.silent is not silent:
            silent, before, stale = following.silent, stale, _stale(following, _mission(following, options.mission))
            if state == "live" and stale != before:
                out.say(f"-- {_unheard(stale) if stale else '0 stale'}")
        if following.state != state and following.state in _TOLD:
            for line in _state_lines(following, state, options):
                out.say(line)
            state = following.state
        elif following.missed:
            following.missed = False
            out.say(*_summary(following, options, "the state as it is now"))
        if following.changes:
            out.say(*_change_lines(following))
    if following.changes:
        out.say(*_change_lines(following))


def _state_lines(following: Any, before: str, options: argparse.Namespace) -> Iterator[str]:
    if following.state == "lost":
        yield f"-- not connected: {following.reason}; trying again"
    elif following.state == "gone":
        yield "-- the project was deleted"
    elif following.state == "live":
        if following.tree is None:
            yield "-- live: waiting for the first project"
        else:
            following.missed = False
            following.changes.clear()
            yield from _summary(following, options, "live again" if before == "lost" else "live")


def _summary(following: Any, options: argparse.Namespace, word: str) -> Iterator[str]:
    mission = _mission(following, options.mission)
    where = projects.title(following.info)
    if mission is None:
        yield f"-- {word}: {where} has no run yet"
        return
    rollup, stale = mission["rollup"], _stale(following, mission)
    counts = format.counts(rollup["counts"], rollup["total"], stale=stale)
    title = plain.line(mission["title"] or mission["mission_id"])
    status = "stale" if is_stale(mission["status"], rollup["counts"], stale) else status_name(mission["status"])
    yield f"-- {word}: {where}, {title}: {status}; {counts}"


def _stale(following: Any, mission: dict[str, Any] | None) -> int:
    """How many of a run's running tasks nobody hears."""
    if following.tree is None or mission is None:
        return 0
    return stale_leaves(following.tree, following.silent).get(mission["mission_id"], 0)


def _unheard(stale: int) -> str:
    return f"{format.count(stale)} stale: said to run, but nobody hears them"


def _change_lines(following: Any) -> list[str]:
    changes = [*following.changes]
    following.changes.clear()
    lines = []
    for change in changes[-_MOST_LINES:]:
        if change.node_id not in following.tree:
            continue
        node = following.tree.node(change.node_id)
        told = [f"{_clock(change.at)}  {GLYPHS[change.after]} {status_name(change.after):9}  {rows.title(node)}"]
        if node.get("agent"):
            told.append(f"[{plain.line(node['agent'])}]")
        message = rows.error_text(node) if change.after == "failed" else node.get("message")
        told.append(plain.line(message or ""))
        lines.append("  ".join(part for part in told if part))
    if len(changes) > _MOST_LINES:
        lines.insert(0, f"-- {format.count(len(changes) - _MOST_LINES)} changes more")
    return lines


def _clock(at: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at // 1_000_000))
