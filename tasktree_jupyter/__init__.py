"""Live task trees for Jupyter."""

from __future__ import annotations

from tasktree_jupyter._version import __version__ as __version__


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    """Tell Jupyter Server where the extension is. Only a server asks, so only a server pays for the import."""
    from tasktree_jupyter.server.app import TaskTreeExtension

    return [{"module": "tasktree_jupyter.server.app", "app": TaskTreeExtension}]
