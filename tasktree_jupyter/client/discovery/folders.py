"""Jupyter's folders of this user; also where `jupyter_core`, which defines them, isn't installed."""

from __future__ import annotations

import os
import sys


def runtime_dir() -> str:
    """Return Jupyter's runtime folder."""
    try:
        from jupyter_core.paths import jupyter_runtime_dir
    except ImportError:
        return os.environ.get("JUPYTER_RUNTIME_DIR") or os.path.join(data_dir(), "runtime")
    return str(jupyter_runtime_dir())


def data_dir() -> str:
    """Return Jupyter's data folder, by its usual rules.

    Nothing is imported for it: a child that is forked while another thread imports could never import that again.
    """
    environment, home = os.environ, os.path.expanduser("~")
    if environment.get("JUPYTER_DATA_DIR"):
        return environment["JUPYTER_DATA_DIR"]
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Jupyter")
    if sys.platform == "win32" and environment.get("APPDATA"):
        return os.path.join(environment["APPDATA"], "jupyter")
    return os.path.join(environment.get("XDG_DATA_HOME") or os.path.join(home, ".local", "share"), "jupyter")
