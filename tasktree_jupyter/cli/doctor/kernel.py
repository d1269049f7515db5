"""The way that a kernel finds the server: the connection file, and the variable that names it."""

from __future__ import annotations

import os
import platform
import stat
from typing import Final

from tasktree_jupyter.cli import servers
from tasktree_jupyter.cli.doctor.report import Report
from tasktree_jupyter.client.discovery import VARIABLE

_START_AGAIN: Final = "Start the server again; its log says why where the file can't be written."
_LOOSE: Final = 0o077


def check_connection_file(report: Report, place: servers.Place) -> None:
    """The server has left a file by which its kernels find it, for its owner's eyes alone."""
    path = place.connection_file
    if place.pid is None:
        report.skipped(
            "connection-file",
            "That server left no file in Jupyter's runtime folder here: it isn't known which kernels find it.",
        )
        return
    if path is None:
        report.failed(
            "connection-file",
            f"The server (process {place.pid}) has left no connection file in {servers.runtime_dir()}.",
            f"Kernels can't find it. {_START_AGAIN}",
        )
        return
    content = servers.read_object(path) or {}
    mode = stat.S_IMODE(os.stat(path).st_mode)
    if content.get("version") != 1 or not content.get("secret"):
        report.failed("connection-file", f"{path} can't be understood.", _START_AGAIN)
    elif os.name != "nt" and mode & _LOOSE:
        report.failed(
            "connection-file",
            f"{path} can be read by others (mode {mode:04o}); it holds a secret.",
            f"Type `chmod 600 {path}`, and start the server again for another secret.",
        )
    else:
        report.ok("connection-file", f"Kernels find the server by {path}.")


def check_environment(report: Report) -> None:
    """The variable that kernels and terminals inherit names a server that lives."""
    path = os.environ.get(VARIABLE)
    if not path:
        report.skipped("environment", f"{VARIABLE} isn't set: this isn't a terminal or kernel of Jupyter's.")
        return
    content = servers.read_object(path)
    if content is None:
        report.failed(
            "environment",
            f"{VARIABLE} names {path}, which isn't there or can't be read: its server has ended.",
            "Open another terminal, or restart the kernel, from the server that runs now.",
        )
        return
    pid, host = content.get("pid"), content.get("host", platform.node())
    if host == platform.node() and isinstance(pid, int) and not servers.is_alive(pid):
        report.failed(
            "environment",
            f"{VARIABLE} names {path}, whose server (process {pid}) has died.",
            f"Open another terminal, or restart the kernel, from the server that runs now; then `rm {path}`.",
        )
        return
    report.ok("environment", f"{VARIABLE} names a server that lives.")
