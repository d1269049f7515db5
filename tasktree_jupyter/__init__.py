"""Live task trees for Jupyter: start work, close the laptop, come back, and the tree is live, complete and right.

```python
import tasktree_jupyter as tt

with tt.task("Grid search", expected=50) as run:
    for candidate in run.track(candidates, "fit"):
        with tt.task(f"fit {candidate.id}", params=candidate.params) as t:
            t.update(progress=0.4, message="fold 2", metrics={"auc": 0.93})
```

Importing this loads nothing but itself; what a name needs is loaded when the name is first used.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from threading import RLock
from typing import TYPE_CHECKING, Any

from tasktree_jupyter._version import __version__

if TYPE_CHECKING:
    from tasktree_jupyter.client.api import (
        configure,
        connect,
        emit,
        flush,
        project,
        snapshot,
        status,
        subscribe,
    )
    from tasktree_jupyter.client.attention import Attention, on_attention
    from tasktree_jupyter.client.decorate import wrap
    from tasktree_jupyter.client.events import EventStream, events
    from tasktree_jupyter.client.failures import Failure, on_failure
    from tasktree_jupyter.client.moments import Snapshot
    from tasktree_jupyter.client.reporting import TaskTreeWarning
    from tasktree_jupyter.client.subscribe import Subscription
    from tasktree_jupyter.client.task import Task, current, task
    from tasktree_jupyter.client.track import Track
    from tasktree_jupyter.client.waiting import wait
    from tasktree_jupyter.display.difference import Diff, diff
    from tasktree_jupyter.display.state import State, at
    from tasktree_jupyter.display.view import View, view, widget

__all__ = [
    "Attention",
    "Diff",
    "EventStream",
    "Failure",
    "Snapshot",
    "State",
    "Subscription",
    "Task",
    "TaskTreeWarning",
    "Track",
    "View",
    "__version__",
    "at",
    "configure",
    "connect",
    "current",
    "diff",
    "emit",
    "events",
    "flush",
    "on_attention",
    "on_failure",
    "project",
    "snapshot",
    "status",
    "subscribe",
    "task",
    "view",
    "wait",
    "widget",
    "wrap",
]

_HOMES = {
    **dict.fromkeys(
        ("configure", "connect", "emit", "flush", "project", "snapshot", "status", "subscribe"),
        "client.api",
    ),
    **dict.fromkeys(("Attention", "on_attention"), "client.attention"),
    **dict.fromkeys(("Task", "current", "task"), "client.task"),
    "wrap": "client.decorate",
    **dict.fromkeys(("EventStream", "events"), "client.events"),
    **dict.fromkeys(("Failure", "on_failure"), "client.failures"),
    "Snapshot": "client.moments",
    "Subscription": "client.subscribe",
    "TaskTreeWarning": "client.reporting",
    "Track": "client.track",
    "wait": "client.waiting",
    **dict.fromkeys(("Diff", "diff"), "display.difference"),
    **dict.fromkeys(("State", "at"), "display.state"),
    **dict.fromkeys(("View", "view", "widget"), "display.view"),
}

_loading = RLock()
if hasattr(os, "register_at_fork"):
    # A child forked while another thread imports could never import that again.
    os.register_at_fork(before=_loading.acquire, after_in_parent=_loading.release, after_in_child=_loading.release)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with _loading:
        value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    if "IPython" in sys.modules:
        _show_in_notebook()
    return value


def _show_in_notebook() -> None:
    from tasktree_jupyter.client.session import session
    from tasktree_jupyter.display import ipython

    ipython.attach(session())


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(ipython: Any) -> None:
    """Give IPython `%tasktree` and `%%task`: `%load_ext tasktree_jupyter`."""
    from tasktree_jupyter.display import magics

    magics.load(ipython)


def unload_ipython_extension(ipython: Any) -> None:
    """Take them away again: `%unload_ext tasktree_jupyter`."""
    from tasktree_jupyter.display import magics

    magics.unload(ipython)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from tasktree_jupyter.server.app import TaskTreeExtension

    return [{"module": "tasktree_jupyter.server.app", "app": TaskTreeExtension}]


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "tasktree-jupyter"}]
