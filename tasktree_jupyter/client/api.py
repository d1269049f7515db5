"""The functions of the notebook API besides `task`. What emits never raises and never waits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import copy_context
from typing import Any

from tasktree_jupyter.client.encode import Bounds
from tasktree_jupyter.client.ids import time_ordered_id
from tasktree_jupyter.client.moments import Snapshot
from tasktree_jupyter.client.place import asked_project, no_project, project_of
from tasktree_jupyter.client.redact import Redact, Redactor
from tasktree_jupyter.client.reporting import guarded
from tasktree_jupyter.client.session import session
from tasktree_jupyter.client.spooling import spool_folder
from tasktree_jupyter.client.subscribe import OnEvent, Since, Subscription
from tasktree_jupyter.core.shape import is_project_id


def emit(type: str, data: Mapping[str, Any] | None = None, /, *, project: str | None = None, **fields: Any) -> None:
    """Emit an event: `emit("node_update", node_id="etl/7", changes={"status": "running"})`.

    Takes microseconds and never raises. A bad event gives a `TaskTreeWarning` that names the field, and isn't sent.

    Args:
        type: one of the known types (docs/fold.md), or any name of your own like `my.event`.
        data: the event's data; `fields` are added to it.
        project: a project id; None: the surrounding task's project, else the notebook's or script's.
        fields: fields of the data.
    """
    with guarded():
        this = session()
        this.check_in()
        project_of(this, project).emit(type, fields if data is None else {**data, **fields})


def snapshot(
    name: str, *, note: str | None = None, tags: Iterable[str] | None = None, project: str | None = None
) -> Snapshot:
    """Name this moment in a project's log; its whole state is kept at it.

    Args:
        name: what people call it.
        note: a longer text.
        tags: words to find it by.
        project: as in `emit`.
    """
    this = session()
    target = this.project()
    snapshot_id = time_ordered_id()
    with guarded():
        this.check_in()
        target = project_of(this, project)
        data = {"snapshot_id": snapshot_id, "name": str(name)}
        if note is not None:
            data["note"] = str(note)
        target.emit("mission_snapshot", data if tags is None else {**data, "tags": [str(tag) for tag in tags]})
    return Snapshot(snapshot_id, str(name), target)


def subscribe(
    on_event: OnEvent, types: Iterable[str] | None = None, *, project: str | None = None, since: Since = None
) -> Subscription:
    """Call `on_event` with each event of a project, in the order of its log, on a thread of its own.

    It runs in the context of this call, so what it prints appears under this cell. A slow callback slows nobody; what
    it raises is told once, and it goes on. Where events are missing (it was too slow, the log was trimmed, the server
    answers from another log) it gets an event of type `resync` with the `reason`; when the project is deleted, one of
    type `gone`. Without a server it gets the events of this process.

    Args:
        on_event: called with the event as a dict: `type`, `project_id`, `data`, `timestamp`, `source`, `offset`, `at`.
        types: only these types, and `resync` or `gone` where named.
        project: as in `emit`.
        since: None: events from now on; an offset: those after it, so 0 is from the beginning; or a mapping with
            `epoch`, `offset` and `at`, which is honest about a log that isn't the same any more.

    Raises:
        TypeError: `on_event` can't be called.
        ValueError: `project` is no project id.
    """
    if not callable(on_event):
        raise TypeError(f"on_event must be callable, not {on_event!r}")
    this = session()
    this.check_in()
    target = asked_project(this, project)
    wanted = [types] if isinstance(types, str) else types
    connection = this.connection
    subscription = Subscription(target, on_event, wanted, since, copy_context(), this.complaints, connection.unfollow)
    connection.follow(subscription)
    return subscription


def connect(url: str, token: str | None = None, *, ca_file: str | None = None, timeout: float = 10.0) -> bool:
    """Use this Jupyter server, instead of one found by itself; what is open is emitted there, whole.

    Args:
        url: its address with base URL, like `https://hub.example/user/ada/`.
        token: a token for it; None: the environment's `JUPYTER_TOKEN`, if there is one. It goes in a header, never in
            the URL.
        ca_file: certificates to trust besides the system's.
        timeout: seconds to wait for it; it goes on trying afterwards.

    Returns:
        whether it is connected now; if not, `status()` says why.

    Raises:
        ValueError: the URL isn't one of `http(s)://` or `ws(s)://`, or carries a token.
    """
    this = session()
    this.discovery.name(url, token, ca_file)
    this.connection.renew()
    return this.connection.wait_connected(timeout)


def flush(timeout: float = 10.0) -> bool:
    """Wait until the server has acknowledged everything emitted before this call, at most `timeout` seconds.

    Returns:
        whether it has. Without a server there is nothing to wait for: True.
    """
    return session().connection.flush(timeout)


def project(name: str | None) -> None:
    """Choose the project that everything goes to where none is named; None: the notebook's or script's own again.

    Raises:
        ValueError: it is no project id: a string of 1 to 200 characters without control characters.
    """
    configure(project=name)


_UNCHANGED: Any = object()


def configure(
    *,
    project: str | None = _UNCHANGED,
    max_events: int = _UNCHANGED,
    max_bytes: int = _UNCHANGED,
    spool_bytes: int = _UNCHANGED,
    exit_timeout: float = _UNCHANGED,
    max_depth: int = _UNCHANGED,
    max_items: int = _UNCHANGED,
    max_text: int = _UNCHANGED,
    max_event_bytes: int = _UNCHANGED,
    display: bool = _UNCHANGED,
    redact: Redact | None = _UNCHANGED,
    cells: bool = _UNCHANGED,
) -> None:
    """Change settings of this process; those not given stay.

    Args:
        project: the default project's id; None: the notebook's or script's own.
        max_events: how many events of a project are kept in memory until they are acknowledged; past that the oldest
            are dropped, and the tree is made whole again afterwards. 100 000 at first.
        max_bytes: how many bytes of them. 32 MiB at first.
        spool_bytes: how many bytes of a project's events may be on the disk, where they go when they have waited for
            a quarter of a second, and where they outlive the process; the next one sends them. All projects of all
            processes may have four times that together. 0: none. For the spools that are made from now on. 256 MiB at
            first.
        exit_timeout: seconds that the end of the process waits at most for acknowledgements. 5 at first.
        max_depth: levels of nesting kept of `params`, `outputs` and such. 8 at first.
        max_items: entries kept of one array or object there. 200 at first.
        max_text: characters kept of one string there. 8192 at first.
        max_event_bytes: a larger event is refused. 262 144 at first.
        display: whether a root task shows itself under its cell. True at first.
        redact: `redact(path, value)` returns what may be seen of a value; it is asked about everything that goes out
            from now on, before it leaves the process: titles, messages, log lines, params, inputs, outputs, errors with
            their tracebacks, agents, and whatever else the user gives. `path` is dotted, like `params.api_key` or
            `error.traceback`; an object or array is asked about whole, then what is in it. Values are JSON, and cut to
            size already. Ids, statuses, times, progress and metrics are left alone: they make the tree. Where it
            raises, the value is replaced by a mark. A child process that isn't forked has to be told itself. None:
            nothing is hidden, and it costs nothing. None at first.
        cells: whether each cell that is run is a task, named by its first line; tasks in it are its children. It is
            shown under the cell only where there are any. False at first. Needs IPython.

    ```python
    def redact(path, value):
        if path.endswith(("password", "api_key")):
            return "…"
        return re.sub(r"sk-[A-Za-z0-9]+", "sk-…", value) if isinstance(value, str) else value

    tt.configure(redact=redact)
    ```

    Raises:
        TypeError: `redact` can't be called.
        ValueError: a number isn't positive, or `project` is no project id.
    """
    this = session()
    settings, bounds = this.settings, this.settings.bounds
    numbers = {"max_events": max_events, "max_bytes": max_bytes, "exit_timeout": exit_timeout}
    sizes = {"depth": max_depth, "items": max_items, "text": max_text, "event": max_event_bytes}
    for name, value in {**numbers, **{f"max_{name}": value for name, value in sizes.items()}}.items():
        if value is not _UNCHANGED and not value > 0:
            raise ValueError(f"{name} is {value!r}; it must be positive")
    if spool_bytes is not _UNCHANGED and not spool_bytes >= 0:
        raise ValueError(f"spool_bytes is {spool_bytes!r}; it must be positive, or 0 for no spool")
    if project is not _UNCHANGED:
        if project is not None and not is_project_id(project):
            raise ValueError(no_project(project).message)
        settings = settings._replace(project=project)
    bounds = bounds._replace(**{name: value for name, value in sizes.items() if value is not _UNCHANGED})
    if redact is not _UNCHANGED:
        if redact is not None and not callable(redact):
            raise TypeError(f"redact must be callable or None, not {redact!r}")
        settings = settings._replace(redactor=None if redact is None else Redactor(redact, this.complaints))
    plain = {**numbers, "spool_bytes": spool_bytes, "display": display, "cells": cells}
    changed: dict[str, Any] = {name: value for name, value in plain.items() if value is not _UNCHANGED}
    this.configure(settings._replace(bounds=Bounds(*bounds), **changed))


def status() -> dict[str, Any]:
    """Return how things stand, for people and for tests.

    Returns:
        `state`: `local` (no server), `connecting`, `connected`, `waiting` (to try again), `refused` or `closed`;
        `server`: its address or None; `reason`: why there is no connection, or None, and `code`: the same in one word
        for programs (docs/discovery.md); `projects`: of each project of
        this process its `project_id`, `source`, how many events are `waiting` for an acknowledgement, how many of these
        are `on_disk`, how many were `dropped`, `refused`: why the server takes none of them now, or None, and the
        `epoch` and `offset` of the last acknowledgement; `late`: how many events of processes that have ended this one
        is sending; `late_dropped`: how many of such it gave up; `spool`: the folder of what is on the disk.
    """
    this = session()
    connection = this.connection
    late, late_dropped = connection.late
    return {
        "state": connection.state,
        "server": connection.server.shown if connection.server is not None else None,
        "reason": connection.reason,
        "code": connection.trouble.code if connection.trouble is not None else None,
        "projects": [
            {
                "project_id": each.project_id,
                "source": each.source.id,
                "waiting": len(each.source),
                "on_disk": each.source.on_disk,
                "dropped": each.source.dropped,
                "refused": each.refusal,
                "epoch": each.epoch,
                "offset": each.offset,
            }
            for each in this.projects
        ],
        "late": late,
        "late_dropped": late_dropped,
        "spool": spool_folder(),
    }
