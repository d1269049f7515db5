"""The anywidget: the view where no server can be followed (VS Code, Colab, marimo), and inside other widgets.

The kernel feeds it over comms. Two ways, since a front end can't ask anything while a cell runs (without subshells),
and may be late to listen:

- `bundle`, a synchronised trait (docs/bundle.md), is there as soon as the widget is, and is brought up to date twice a
  second while nobody has asked for more. Its `project_id` is null.
- When the front end sends `{"op": "ready"}`, it gets the whole tree as `snapshot` frames (docs/protocol.md), then
  `live`, then `events` as they happen, at most ten messages a second; project and epoch are called "local". It may
  send `ready` again at any time, and then gets a new snapshot. From the first `live` on the frames are what counts.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anywidget
import traitlets

from tasktree_jupyter.client.reporting import logger
from tasktree_jupyter.display.feed import Feed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasktree_jupyter.client.session import Session
    from tasktree_jupyter.display.view import View

MODULE: Final = Path(__file__).parent.parent / "static" / "widget.js"
_INTERVAL: Final = 0.5
_SHARE: Final = 10
"""Making a bundle may take one part in so many of the connection thread's time."""


class TreeWidget(anywidget.AnyWidget):
    """Shows a view; see the module. `close()` ends it."""

    _esm = MODULE
    bundle = traitlets.Dict().tag(sync=True)

    def __init__(self, session: Session, view: View) -> None:
        super().__init__(bundle=_local(view.bundle()))
        self._view = view
        self._feed = Feed(view.project, self.send)
        self._shown = view.project.source.emitted
        self._next = 0.0
        self._renewing = threading.Lock()
        self._stop_ticks: Callable[[], None] | None = session.connection.tick(self._tick)
        self.on_msg(self._received)

    def renew(self) -> None:
        """Bring `bundle` up to date."""
        with self._renewing:
            began = time.monotonic()
            self._shown = self._view.project.source.emitted
            self.bundle = _local(self._view.bundle())
            self._next = time.monotonic() + max(_INTERVAL, _SHARE * (time.monotonic() - began))

    def close(self) -> None:
        """Let go of the comm and of the tree."""
        self._end_ticks()
        self._feed.stop()
        super().close()

    def _end_ticks(self) -> None:
        if self._stop_ticks is not None:
            self._stop_ticks()
            self._stop_ticks = None

    def _tick(self) -> None:
        """Twice a second (connection thread)."""
        if self._feed.started:
            self._end_ticks()
        elif self._shown != self._view.project.source.emitted and time.monotonic() >= self._next:
            self.renew()

    def _received(self, widget: object, content: Any, buffers: object) -> None:
        if isinstance(content, dict) and content.get("op") == "ready":
            try:
                self._feed.start()
            except Exception:
                logger.exception("The widget couldn't be given its tree")


def _local(bundle: dict[str, Any]) -> dict[str, Any]:
    """Nothing is to be had from a server for it, whatever project it is."""
    return bundle | {"project_id": None}
