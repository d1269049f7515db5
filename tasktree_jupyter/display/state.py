"""A project as it was at a moment: what `tt.at` returns."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import TYPE_CHECKING, Any

from tasktree_jupyter.client.frame import frame_of
from tasktree_jupyter.client.moments import When, instant_of, said
from tasktree_jupyter.client.place import asked_project
from tasktree_jupyter.client.reading import Reading, read
from tasktree_jupyter.client.session import session
from tasktree_jupyter.display import html, plain, text
from tasktree_jupyter.display.bundle import MIME_TYPE, bundle

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

Data = dict[str, Any]


class State:
    """A project at one moment. It stays as it is: printed it is text, as the last line of a cell the static tree.

    Attributes:
        project_id: the project, None where only this process has it.
        title: what it is called, with the moment.
        epoch: names the life of the log that `offset` belongs to; None without a server.
        offset: of the last event that it has taken in; without a server it counts this process's events.
        at: when that event was committed, UTC; None before the first.
    """

    def __init__(self, reading: Reading, title: str) -> None:
        self.project_id = reading.project_id
        self.title = title
        self.epoch = reading.epoch
        self.offset: int = reading.tree.offset
        self.at: datetime | None = instant_of(reading.tree.at) if reading.tree.at else None
        self._tree = reading.tree

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return text.render(self.bundle()) if len(self) else self._nothing()

    def __len__(self) -> int:
        return len(self._tree)

    @property
    def status(self) -> str | None:
        """The project's own status, as `state_transition` set it."""
        return self._tree.status

    @property
    def nodes(self) -> list[Data]:
        """The nodes, parents first, each with its `rollup` (docs/fold.md)."""
        return list(self._tree.nodes(rollups=True))

    @property
    def snapshots(self) -> list[Data]:
        """The snapshots made up to then, oldest first."""
        return list(self._tree.state()["snapshots"].values())

    def to_frame(self) -> pd.DataFrame:
        """Return the nodes as a pandas DataFrame; its columns are those of `Task.to_frame`.

        Raises:
            ImportError: pandas isn't installed.
        """
        return frame_of(self._tree, self._tree.roots)

    def bundle(self) -> Data:
        """Return it as a stored tree (docs/bundle.md), with no project to follow: what was doesn't go on."""
        return bundle(
            self._tree, None, project_id=None, title=self.title, offset=self.offset, at=self._tree.at, epoch=self.epoch
        )

    def _nothing(self) -> str:
        return f"{plain.line(self.title)}: nothing had happened yet"

    def _repr_html_(self) -> str:
        return html.render(self.bundle()) if len(self) else f"<div>{escape(self._nothing())}</div>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> Data:
        if not len(self):
            # A stored tree without nodes would say that it waits for the first.
            return {"text/html": self._repr_html_(), "text/plain": str(self)}
        shown = self.bundle()
        return {MIME_TYPE: shown, "text/html": html.render(shown), "text/plain": text.render(shown)}


def at(when: When, project: str | None = None) -> State:
    """Return a project as it was at a moment: its tree with what was known then.

    ```python
    tt.at("14:02")
    tt.at("before tuning").to_frame()
    ```

    Args:
        when: a snapshot, its name or its id; a `datetime` (without a zone it is local); `"14:02"` or `"14:02:11"`, the
            last time the clock showed that; a text like `"2026-01-31T14:02:11Z"`; an offset of the log; `"now"`.
        project: as in `emit`; None: the snapshot's where `when` is one.

    Raises:
        TypeError: `when` says no moment.
        ValueError: there is no such moment, or no such project; the message names what there is. Without a server only
            the present and this process's newest 20 snapshots are kept.
        TimeoutError: the server didn't answer within 30 s.
        PermissionError: this process may not read the project.
    """
    this = session()
    this.check_in()
    place = asked_project(this, project, when)
    title = place.name or (place.info or {}).get("title") or this.identity().title or "this process"
    return State(read(this, place, when), f"{title} · {said(when)}")
