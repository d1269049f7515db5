"""Check every step between a notebook and the tree on the page; each failure says what is wrong and what to type.

It publishes two events to a project of its own, and deletes it; and it starts a kernel, and ends it. Exit code 1 if
anything failed.
"""

from __future__ import annotations

import argparse
import json
from typing import Final

from tasktree_jupyter.cli import terminal
from tasktree_jupyter.cli.doctor.report import Report

EXAMPLES: Final = """\
  jupyter tasktree doctor
  jupyter tasktree doctor --url https://hub.example/user/ada/ --origin https://hub.example
  jupyter tasktree doctor --kernel python3
  jupyter tasktree doctor --json
"""


_TIMEOUT: Final = 20.0
"""Seconds to wait for an answer: long for a person, but a busy server isn't a broken one."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--json", action="store_true", help="for programs: ok, and a list of checks")
    parser.add_argument(
        "--origin", metavar="URL", help="scheme and host in the browser's address, if a proxy is between"
    )
    parser.add_argument("--kernel", metavar="NAME", help="the kernel to look from (by default the server's default)")
    parser.add_argument("--no-kernel", action="store_true", help="start no kernel")


def run(options: argparse.Namespace) -> int:
    """Check it all."""
    from tasktree_jupyter.cli.doctor import installation, kernel, metrics, running, server, socket
    from tasktree_jupyter.cli.rest import Rest

    out = terminal.out()
    report = Report(None if options.json else out)
    installation.check_package(report)
    installation.check_copies(report)
    # Before anything sets the variable for the sake of its own connection.
    kernel.check_environment(report)
    place = server.find(report, options)
    if place is None:
        installation.check_server_extension(report, answers=False)
        installation.check_panel(report)
        report.skipped("socket", "Neither login nor socket nor storage could be looked at: there is no server.")
    else:
        rest = Rest(place, _TIMEOUT)
        about = server.check(report, rest)
        installation.check_server_extension(report, answers=report.found("endpoint"))
        if about is None or not server.check_page(report, rest):
            installation.check_panel(report)
        kernel.check_connection_file(report, place)
        if about is None:
            report.skipped("socket", "Neither socket nor storage could be looked at: TaskTree doesn't answer there.")
        else:
            if socket.check_handshake(report, rest, options.origin):
                socket.check_round_trip(report, rest)
            metrics.check(report, rest)
            if not options.no_kernel:
                running.check(report, rest, options.kernel)
    report.close()
    if options.json:
        out.say(json.dumps(report.json(), indent=2))
    return 0 if report.is_good else 1
