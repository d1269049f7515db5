"""Shows runs in an IPython kernel: a root task under its cell at once, its last state when it ends, and complaints.

Only the main thread publishes, since an output of another thread may land anywhere. What ends in a thread waits until
the running cell is done, or the kernel's loop is free. Nothing here raises into user code, or waits for long.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import sys
import threading
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, Final

from tasktree_jupyter.client.reporting import logger
from tasktree_jupyter.display.bundle import MIME_TYPE
from tasktree_jupyter.display.cells import cells_of

if TYPE_CHECKING:
    from tasktree_jupyter.client.project import Project
    from tasktree_jupyter.client.session import Session
    from tasktree_jupyter.client.task import Task
    from tasktree_jupyter.display.view import View
    from tasktree_jupyter.display.widget import TreeWidget

_MOST_SHOWN: Final = 100
"""Outputs that wait for the end of their run; of more, the oldest stay as they are."""
_SETTLE: Final = 0.3
"""Seconds that the end of a cell waits for answers, so that a refusal is told under the cell that caused it."""
_LATE: Final = 3600.0
"""Seconds after which a server that wasn't there at first isn't waited for any longer."""

_KNOWN_TIMEOUT: Final = 10.0
Data = dict[str, Any]

_screens: Final[dict[Session, Screen]] = {}


def attach(session: Session) -> bool:
    """Show this process's runs from now on, if it is an IPython kernel; return whether it is. May be called again."""
    try:
        shell = _shell()
        if shell is not None:
            # First, so that a cell's own task has ended when what is due is published.
            cells_of(session, shell)
        return _screen(session) is not None
    except Exception:
        logger.exception("Runs can't be shown in this kernel")
        return False


def show(session: Session, view: View) -> bool:
    """Publish a view below the running cell and keep it up to date; return whether this process can: it is a kernel."""
    screen = _screen(session)
    if screen is None or not _is_main_thread():
        return False
    screen.show(view)
    return True


def make_widget(session: Session, view: View) -> TreeWidget | None:
    """Return a new widget of a view; None where there is no kernel to feed it, or widgets can't be had here."""
    if _screen(session) is None:
        return None
    try:
        from tasktree_jupyter.display.widget import TreeWidget

        return TreeWidget(session, view)
    except Exception:
        # anywidget isn't installed, or the widget's module isn't built, or comms are broken: the HTML is still there.
        logger.debug("No widget could be made", exc_info=True)
        return None


def with_widget(data: Data, widget: TreeWidget) -> tuple[Data, Data]:
    """Return a view's static representations with a widget in place of the stored tree, and the widget's metadata."""
    shown, metadata = widget._repr_mimebundle_() or ({}, {})
    return {**shown, **{kind: value for kind, value in data.items() if kind != MIME_TYPE}}, metadata


def _screen(session: Session) -> Screen | None:
    shell = _shell()
    if getattr(shell, "kernel", None) is None:
        return None
    screen = _screens.get(session)
    if screen is None:
        screen = _screens[session] = Screen(session, shell)
    return screen


def _shell() -> Any:
    module = sys.modules.get("IPython.core.getipython")
    return module.get_ipython() if module is not None else None


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


class _Output:
    """A view that was published, with the place to replace it."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.display_id = secrets.token_hex(16)
        self.context: Context = copy_context()
        self.widget: TreeWidget | None = None
        self.has_server = False
        self.is_patient = True
        """Whether it does without a widget while the server may be about to answer."""
        self.over = False
        """Whether nothing more will happen to its run."""


class Screen:
    """The outputs of one kernel.

    Args:
        session: whose runs are shown.
        shell: IPython's.
    """

    def __init__(self, session: Session, shell: Any) -> None:
        self._session = session
        self._shell = shell
        self._outputs: list[_Output] = []
        self._due: dict[str, _Output] = {}
        self._again: dict[str, _Output] = {}
        self._lock = threading.RLock()
        self._waits = False
        session.root_started.append(self._root_started)
        session.root_ended.append(self._root_ended)
        shell.events.register("post_run_cell", self._cell_has_run)
        # Complaints are told under the cell; the log's last resort would tell them again, and under any.
        logger.addHandler(logging.NullHandler())

    # What happens

    def _root_started(self, task: Task) -> None:
        assert task.project is not None
        assert task.mission is not None
        self._pin_waiting(task.project, task.mission.id)
        if _is_main_thread() and self._session.settings.display:
            from tasktree_jupyter.display.view import View

            self.show(View(self._session, task.project, task.mission.id))

    def _root_ended(self, task: Task) -> None:
        assert task.mission is not None
        assert task.project is not None
        mission_id = task.mission.id
        if task.quiet and not task.mission.quiet:
            self._show_missed(task.project, mission_id)
        with self._lock:
            ended = [output for output in self._outputs if output.view.mission_id == mission_id]
        for output in ended:
            output.over = not output.view.follow
            self._renew(output)

    def _show_missed(self, project: Project, mission_id: str) -> None:
        """A cell's first task began on a thread, where nothing can be shown: its run is shown when the cell ends."""
        if not _is_main_thread() or not self._session.settings.display:
            return
        with self._lock:
            shown = any(output.view.mission_id == mission_id for output in self._outputs)
        if not shown:
            from tasktree_jupyter.display.view import View

            self.show(View(self._session, project, mission_id))

    def _pin_waiting(self, project: Project, mission_id: str) -> None:
        with self._lock:
            waiting = [output for output in self._outputs if output.view.is_for(project)]
        for output in waiting:
            output.view.mission_id = mission_id
            self._renew(output)

    def _cell_has_run(self, result: object = None) -> None:
        try:
            self._settle()
            self._publish_due(again=True)
            self._bring_to_life()
            texts = self._session.complaints.take()
            if texts:
                sys.stderr.write("".join(f"{text}\n" for text in texts))
        except Exception:
            logger.exception("What there was to show couldn't be shown")

    def _settle(self) -> None:
        connection = self._session.connection
        if connection.state == "connected" and any(len(project.source) for project in self._session.projects):
            connection.flush(_SETTLE)

    # Publishing

    def show(self, view: View) -> None:
        """Publish a view below the running cell."""
        output = _Output(view)
        data, metadata = self._representation(output)
        with self._lock:
            self._outputs = [*self._outputs[-_MOST_SHOWN + 1 :], output]
        self._shell.display_pub.publish(data, metadata, transient={"display_id": output.display_id})
        if not output.has_server and self._session.connection.expects_server:
            self._wait_for_server()

    def _lifeless(self) -> list[_Output]:
        """Return the outputs that were published before the server was there; forget those that need nothing more."""
        expected = self._session.connection.expects_server
        with self._lock:
            lifeless = [output for output in self._outputs if expected and not output.has_server]
            self._outputs = [output for output in self._outputs if output in lifeless or not output.over]
        return lifeless

    def _bring_to_life(self) -> None:
        for output in self._lifeless():
            if output.view.has_server():
                self._replace(output)

    def _renew(self, output: _Output) -> None:
        if _is_main_thread():
            self._replace(output)
            return
        with self._lock:
            self._due[output.display_id] = output
        loop = getattr(self._shell.kernel, "io_loop", None)
        if loop is not None:
            # The loop may be gone when the kernel stops.
            with contextlib.suppress(Exception):
                loop.add_callback(self._publish_due)

    def _publish_due(self, *, again: bool = False) -> None:
        """Publish what couldn't be where it happened.

        What came between two cells is published again with the next one: a client that reads only while a cell runs, as
        nbconvert does, would never see it.
        """
        with self._lock:
            due, self._due = self._due, {}
            if again:
                due = self._again | due
                self._again = {}
            else:
                self._again |= due
        for output in due.values():
            self._replace(output)

    def _replace(self, output: _Output) -> None:
        try:
            data, metadata = self._representation(output)
            self._shell.display_pub.publish(data, metadata, transient={"display_id": output.display_id}, update=True)
        except Exception:
            logger.exception("An output couldn't be brought up to date")

    def _representation(self, output: _Output) -> tuple[Data, Data]:
        view = output.view
        # Asked first: it is what tells the project's id, by which the page follows it.
        output.has_server = view.has_server()
        data = view.representations()
        if output.has_server or data[MIME_TYPE]["ended"]:
            if output.widget is not None:
                output.widget.close()
                output.widget = None
            return data, {}
        if output.is_patient and self._session.connection.state in ("connecting", "connected"):
            # A widget that is closed again before the page has loaded its module ends there as an error.
            return data, {}
        if output.widget is None:
            output.widget = make_widget(self._session, view)
        else:
            output.widget.renew()
        return (data, {}) if output.widget is None else with_widget(data, output.widget)

    def _wait_for_server(self) -> None:
        """Bring outputs to life that were published before the server was there."""
        with self._lock:
            if self._waits:
                return
            self._waits = True
        threading.Thread(target=self._when_server_is_there, name="tasktree-display", daemon=True).start()

    def _when_server_is_there(self) -> None:
        connection = self._session.connection
        connection.wait_tried(_LATE)
        if connection.state != "connected":
            for output in self._outputs_without_server():
                self._do_without_server(output)
        connection.wait_connected(_LATE)
        with self._lock:
            self._waits = False
        for output in self._lifeless():
            if not output.view.project.wait_known(_KNOWN_TIMEOUT):
                self._do_without_server(output)
            elif not output.has_server:
                self._replace_late(output)

    def _outputs_without_server(self) -> list[_Output]:
        with self._lock:
            return [output for output in self._outputs if not output.has_server]

    def _do_without_server(self, output: _Output) -> None:
        output.is_patient = False
        if output.widget is None:
            self._replace_late(output)

    def _replace_late(self, output: _Output) -> None:
        # The main thread may be busy for hours. In the context of its cell the output finds its place.
        output.context.copy().run(self._replace, output)
