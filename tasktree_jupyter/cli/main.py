"""The command `jupyter tasktree`: reads the command line, runs one command, and makes its exit code.

0: done. 1: it couldn't be done, or (`doctor`, `watch --until-end`) something has failed. 2: the command line is wrong.
130: interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from tasktree_jupyter._version import __version__
from tasktree_jupyter.cli import servers, terminal
from tasktree_jupyter.cli.problem import CommandError

COMMANDS: Final = {
    "list": ("list_", "the projects, and how their newest run stands"),
    "show": ("show", "the tree of a project's run, now or at an earlier moment"),
    "watch": ("watch", "a run, live"),
    "snapshots": ("snapshots", "the named moments of a project"),
    "diff": ("diff", "what changed between two moments of a project"),
    "export": ("export", "a project's whole log as JSON Lines"),
    "import": ("import_", "an exported log, as a project"),
    "delete": ("delete", "a project, with all its history"),
    "backup": ("backup", "copies of all projects, in a folder, while the server runs"),
    "restore": ("restore", "projects of a backup, each with another epoch"),
    "demo": ("demo.command", "play a believable run of any size"),
    "doctor": ("doctor.command", "check everything between a notebook and the tree, and say what to type"),
}
"""Each command's module, and what it is about."""

_DESCRIPTION: Final = "Live task trees for Jupyter, from a terminal."
_EXAMPLES: Final = """\
examples:
  jupyter tasktree demo                       play a run to look at
  jupyter tasktree list
  jupyter tasktree watch demo
  jupyter tasktree doctor                     when nothing is to be seen

`jupyter tasktree COMMAND --help` says more about each.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, `sys.argv` by default, and return the exit code."""
    try:
        return _run(arguments)
    except CommandError as error:
        terminal.err().say(f"jupyter tasktree: {error.message}")
        return error.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        terminal.quiet_stdout()
        return 1


def _run(arguments: Sequence[str] | None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = build_parser()
    options = parser.parse_args(given)
    if options.command is None:
        parser.print_help()
        return 0
    run = import_module(f"tasktree_jupyter.cli.{COMMANDS[options.command][0]}").run
    return int(run(options))


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = _Parser(
        prog="jupyter tasktree",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=__version__)
    servers.options(parser, default=None)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands", parser_class=_Parser)
    for name, (module, about) in COMMANDS.items():
        command = import_module(f"tasktree_jupyter.cli.{module}")
        its = commands.add_parser(
            name,
            help=about,
            description=command.__doc__,
            epilog=f"examples:\n{command.EXAMPLES}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.arguments(its)
        servers.options(its)
    return parser


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, without the whole usage before it."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise CommandError(f"{message} (see `{self.prog} --help`)", 2)

    def print_help(self, file: object = None) -> None:
        terminal.out().say(self.format_help().rstrip("\n"))
