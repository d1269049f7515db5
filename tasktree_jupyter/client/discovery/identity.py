"""Which notebook or script this process is, for the server to know its project by."""

from __future__ import annotations

import os
import re
import sys
from typing import Final, NamedTuple

from tasktree_jupyter.client.discovery.connection_file import VARIABLE

_KERNEL_FILE: Final = re.compile(r"kernel-(.+)\.json")


class Identity(NamedTuple):
    """What the server needs to know which project is the default one: the kernel, or the path of a script."""

    kernel_id: str | None
    path: str | None
    title: str | None


def identity() -> Identity:
    """Return who this process is: a kernel by its connection file, else a script by its path.

    A kernel that no Jupyter server with TaskTree started (VS Code's, say) is known to none: it is a notebook's path
    too where that is known, else its folder's.
    """
    main = sys.modules.get("__main__")
    kernel_id = _kernel_id()
    if kernel_id is not None and os.environ.get(VARIABLE):
        return Identity(kernel_id, None, None)
    path = getattr(main, "__vsc_ipynb_file__" if kernel_id is not None else "__file__", None)
    if not isinstance(path, str):
        # A prompt, or code from the command line: the folder is all there is to know it by.
        folder = working_folder() or os.sep
        return Identity(kernel_id, os.path.join(folder, "python"), f"python in {os.path.basename(folder) or folder}")
    path = os.path.normpath(os.path.join(working_folder() or os.sep, path))
    return Identity(kernel_id, path, os.path.basename(path))


def working_folder() -> str | None:
    """Return the working folder, None where it has been removed."""
    try:
        return os.getcwd()
    except OSError:
        return None


def _kernel_id() -> str | None:
    application = getattr(sys.modules.get("ipykernel.kernelapp"), "IPKernelApp", None)
    if application is None or not application.initialized():
        return None
    file = _KERNEL_FILE.fullmatch(os.path.basename(getattr(application.instance(), "connection_file", "") or ""))
    return file.group(1) if file else None
