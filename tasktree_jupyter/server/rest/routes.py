"""Which path is which handler's. The OpenAPI document says the same with more words; a test holds the two together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tornado import web

from tasktree_jupyter.server.rest.base import TaskTreeHandler
from tasktree_jupyter.server.rest.events import EventsHandler, SeriesHandler
from tasktree_jupyter.server.rest.missions import MissionHandler, MissionsHandler
from tasktree_jupyter.server.rest.openapi import OpenApiHandler
from tasktree_jupyter.server.rest.projects import ProjectHandler, ProjectsHandler
from tasktree_jupyter.server.rest.snapshots import SnapshotHandler, SnapshotsHandler
from tasktree_jupyter.server.rest.state import DiffHandler, StateHandler
from tasktree_jupyter.server.rest.transfer import ExportHandler, ImportHandler
from tasktree_jupyter.server.rest.version import UnknownHandler, VersionHandler

if TYPE_CHECKING:
    from tasktree_jupyter.server.app import TaskTreeExtension

RESOURCES: dict[str, type[TaskTreeHandler]] = {
    "version": VersionHandler,
    "openapi.json": OpenApiHandler,
    "projects": ProjectsHandler,
    "projects/{project_id}": ProjectHandler,
    "projects/{project_id}/state": StateHandler,
    "projects/{project_id}/diff": DiffHandler,
    "projects/{project_id}/events": EventsHandler,
    "projects/{project_id}/series": SeriesHandler,
    "projects/{project_id}/missions": MissionsHandler,
    "projects/{project_id}/missions/{mission_id}": MissionHandler,
    "projects/{project_id}/snapshots": SnapshotsHandler,
    "projects/{project_id}/snapshots/{snapshot_id}": SnapshotHandler,
    "projects/{project_id}/export": ExportHandler,
    "projects/{project_id}/import": ImportHandler,
}
"""Handlers by their paths below `{base_url}tasktree/api/`."""


def routes(extension: TaskTreeExtension) -> list[tuple[str, type[web.RequestHandler], dict[str, Any]]]:
    """Return the routes of the REST interface, below the server's base URL."""
    options = {"extension": extension}
    known = [(_pattern(path), handler, options) for path, handler in RESOURCES.items()]
    return [*known, (r"/tasktree/api(?:/.*)?", UnknownHandler, options)]


def _pattern(path: str) -> str:
    """A path's names stand for anything without a slash; a slash in an id comes percent-encoded."""
    return "/tasktree/api/" + re.sub(r"\{\w+\}", "([^/]+)", path.replace(".", r"\."))
