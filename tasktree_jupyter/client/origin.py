"""Where code runs: host, process, kernel, and in a notebook the cell. Only what is known is told."""

from __future__ import annotations

import contextlib
import os
import platform
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tasktree_jupyter.client.project import Project

_host: str | None = None
_began = os.getpid()
"""The process that this module was imported in: a forked child of a kernel is no kernel."""


def of_process(project: Project, kernel_id: str | None) -> dict[str, Any]:
    """Return the `source` of a node that begins in this process (docs/fold.md): host, pid, kernel, notebook, cell."""
    global _host
    if _host is None:
        _host = socket.gethostname()
    source: dict[str, Any] = {"host": _host, "pid": os.getpid()}
    if kernel_id is not None:
        source["kernel_id"] = kernel_id
        # The server follows renames; the environment of the kernel doesn't.
        path = (project.info or {}).get("path")
        if isinstance(path, str):
            source["notebook"] = path
    return source | cell()


def of_source(kernel_id: str | None) -> dict[str, Any]:
    """Return which process this is, as a source tells the server (docs/protocol.md, Presence)."""
    process: dict[str, Any] = {"host": platform.node(), "pid": os.getpid()}
    if kernel_id is not None and os.getpid() == _began:
        process["kernel_id"] = kernel_id
    with contextlib.suppress(OSError):
        process["namespace"] = os.readlink("/proc/self/ns/pid")
    return process


def cell() -> dict[str, Any]:
    """Return the running cell's `cell_id` and `execution_count`, as far as they are known.

    A thread isn't asked: which cell started it, nobody knows.
    """
    if threading.current_thread() is not threading.main_thread():
        return {}
    module = sys.modules.get("IPython.core.getipython")
    shell = module.get_ipython() if module is not None else None
    if shell is None:
        return {}
    known: dict[str, Any] = {}
    try:
        header = shell.kernel.get_parent("shell")
        cell_id = header.get("metadata", {}).get("cellId") or header.get("metadata", {}).get("cell_id")
        if isinstance(cell_id, str):
            known["cell_id"] = cell_id
    except Exception:
        # A shell without a kernel, or a kernel of another kind.
        known.clear()
    # While a cell runs, newer shells already count to the next one; its result holds its own number.
    result = getattr(getattr(shell, "displayhook", None), "exec_result", None)
    count = getattr(result, "execution_count", None) or getattr(shell, "execution_count", None)
    if isinstance(count, int):
        known["execution_count"] = count
    return known
