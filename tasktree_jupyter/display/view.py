"""The view: a run, or whatever a project does next, as something a notebook, a terminal or a log can show."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

from tasktree_jupyter.client.frame import frame_of
from tasktree_jupyter.client.reading import present
from tasktree_jupyter.core.shape import is_project_id
from tasktree_jupyter.core.status import ENDED
from tasktree_jupyter.core.tree import TaskTree
from tasktree_jupyter.display import html, text
from tasktree_jupyter.display.bundle import MIME_TYPE, bundle

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

    from tasktree_jupyter.client.connection import Connection
    from tasktree_jupyter.client.project import Project
    from tasktree_jupyter.client.session import Session
    from tasktree_jupyter.display.remote import State
    from tasktree_jupyter.display.widget import TreeWidget

Data = dict[str, Any]

_KNOWN_TIMEOUT: Final = 1.0
"""Seconds that a first view waits for the server to say which project this is."""
_READ_TIMEOUT: Final = 3.0
"""Seconds that a view of another process's run waits for its state."""
_MOST_CELLS: Final = 1_000
"""So many newest runs are gone through for one that is no bare cell."""
_FRESH: Final = 1.0
"""Seconds for which a state that was read is good enough."""
_waited_for: Final[WeakSet[Connection]] = WeakSet()
"""Connections that a view has waited for: a server that is away costs the user one second once."""


class View:
    """What `view` returns. Shown in a notebook it is live; `print` gives the tree as text.

    Attributes:
        project: whose runs it shows.
        mission_id: the run it is pinned to; None while it waits for the first one.
        follow: whether it goes on to each newer run.
        session: of this process.
    """

    def __init__(self, session: Session, project: Project, mission_id: str | None, *, follow: bool = False) -> None:
        self.project = project
        self.mission_id = mission_id
        self.follow = follow
        self.session = session
        self._read: tuple[float, State | None] | None = None

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return text.render(self.bundle())

    def _repr_html_(self) -> str:
        return html.render(self.bundle())

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> tuple[Data, Data]:
        # Where a browser can follow the server there is no widget: nbconvert would drop the HTML for it.
        from tasktree_jupyter.display import ipython

        # Asked first: it is what tells the project's id, by which the page follows it.
        has_server = self.has_server()
        data = self.representations()
        if has_server or data[MIME_TYPE]["ended"]:
            return data, {}
        widget = ipython.make_widget(self.session, self)
        return (data, {}) if widget is None else ipython.with_widget(data, widget)

    def _ipython_display_(self) -> None:
        from tasktree_jupyter.display import ipython

        if not ipython.show(self.session, self):
            # IPython then takes the other representations.
            raise NotImplementedError

    def bundle(self) -> Data:
        """Return the tree as it is now (docs/bundle.md): this process's own, else the server's, else an empty one.

        A run that this process didn't make is asked for once, at most 3 s.
        """
        self._pin()
        return self._own() or self._servers() or self._of(TaskTree(), None, 0, 0)

    def representations(self) -> Data:
        """Return the stored tree, HTML and text by MIME type."""
        shown = self.bundle()
        return {MIME_TYPE: shown, "text/html": html.render(shown), "text/plain": text.render(shown)}

    def to_frame(self) -> pd.DataFrame:
        """Return the run that it shows as a pandas DataFrame; its columns are those of `Task.to_frame`.

        With a server it holds what other processes added too, and waits for the server, at most 30 s. No run: no rows.

        Raises:
            ImportError: pandas isn't installed.
        """
        self._pin()
        roots = [] if self.mission_id is None else [self.mission_id]
        return frame_of(present(self.session, self.project), roots)

    def has_server(self) -> bool:
        """Return whether the project is at a server, which browsers can then follow; waits 1 s, once."""
        connection, project = self.session.connection, self.project
        if not connection.expects_server or connection.state == "refused":
            return False
        if project.epoch is not None:
            return True
        timeout = 0.0 if connection in _waited_for else _KNOWN_TIMEOUT
        _waited_for.add(connection)
        return connection.wait_connected(timeout) and project.wait_known(timeout)

    def is_for(self, project: Project) -> bool:
        """Return whether a run that begins now in `project` is the one to show."""
        return project is self.project and (self.follow or self.mission_id is None)

    def find_newest(self) -> None:
        """Pin the view to the newest run that the server knows; it stays as it is where there is none."""
        state = self._state()
        missions = state.tree.missions(_MOST_CELLS)[0] if state is not None else []
        for mission in missions:
            if state is None or not _is_bare_cell(state.tree, mission["mission_id"]):
                self.mission_id = mission["mission_id"]
                return

    def _pin(self) -> None:
        newest = self.session.newest_mission(self.project)
        if newest is not None and (self.mission_id is None or (self.follow and not newest.ended)):
            self.mission_id = newest.id
        elif self.follow or self.mission_id is None:
            self.find_newest()

    def _own(self) -> Data | None:
        project = self.project
        # Taken first: what is acknowledged meanwhile is in the tree all the same.
        epoch, offset = project.epoch, project.offset
        with project.read() as tree:
            if self.mission_id is None or self.mission_id not in tree:
                return None
            return self._of(tree, epoch, offset, time.time_ns() // 1000)

    def _servers(self) -> Data | None:
        state = self._state()
        if state is None:
            return None
        tree, mission_id = state.tree, self.mission_id
        runs = mission_id is not None and mission_id in tree and tree.status_of(mission_id) not in ENDED
        at = max(tree.at, time.time_ns() // 1000) if runs else tree.at
        return self._of(tree, state.epoch, tree.offset, at, state.info.get("title"))

    def _state(self) -> State | None:
        from tasktree_jupyter.display.remote import read_state

        now = time.monotonic()
        if self._read is None or now - self._read[0] > _FRESH:
            project_id = self.project.project_id if self.has_server() else None
            if project_id is None:
                return None
            self._read = now, read_state(self.session.discovery.find(), project_id, _READ_TIMEOUT)
        return self._read[1]

    def _of(self, tree: TaskTree, epoch: str | None, offset: int, at: int, title: str | None = None) -> Data:
        project = self.project
        if self.mission_id is None:
            tree = TaskTree()
        return bundle(
            tree,
            self.mission_id,
            project_id=project.project_id if self.session.connection.expects_server else None,
            title=title or self._title(),
            epoch=epoch,
            offset=offset,
            at=at,
            follow=self.follow,
        )

    def _title(self) -> str:
        project = self.project
        known = (project.info or {}).get("title") or project.name
        identity = self.session.identity()
        return str(known or identity.title or ("this notebook" if identity.kernel_id else "this process"))


def _is_bare_cell(tree: TaskTree, mission_id: str) -> bool:
    """Whether a run is a cell in which no task began: nobody asks to see that."""
    return not tree.children(mission_id) and tree.node(mission_id).get("kind") == "cell"


def widget(name: str | None = None, *, follow: bool = False) -> TreeWidget:
    """Return a view as a widget, for other widgets, or where only widgets work; the arguments are those of `view`.

    It shows what this process emits; it needs no server, and ends with the kernel.

    Raises:
        ImportError: anywidget isn't installed.
    """
    from tasktree_jupyter.display.widget import TreeWidget

    shown = view(name, follow=follow)
    return TreeWidget(shown.session, shown)


def view(name: str | None = None, *, follow: bool = False) -> View:
    """Show a run: as the last line of a cell it is live, printed it is text.

    Args:
        name: a project; its newest run is shown. None: the run this code is part of, else the newest of this process,
            else of the notebook.
        follow: go on to each newer run as it begins. Otherwise the view stays with its run; where nothing has happened
            yet, with the first that begins.

    Raises:
        ValueError: `name` is no project id: a string of 1 to 200 characters without control characters.
    """
    from tasktree_jupyter.client.session import session

    if name is not None and not is_project_id(name):
        raise ValueError(
            f"{name!r} is no project id: a string of 1 to 200 characters, none of them a control character"
        )
    this = session()
    this.check_in()
    project = this.project(name)
    mission = this.current_mission() if name is None else None
    if mission is None:
        own = this.open_missions(project)
        mission = own[-1] if own else None
    if mission is not None:
        return View(this, mission.project, mission.id, follow=follow)
    found = View(this, project, None, follow=follow)
    found.find_newest()
    return found
