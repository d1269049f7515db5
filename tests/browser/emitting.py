"""Runs that nobody has to run: their events are published over REST."""

from __future__ import annotations

import urllib.parse
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.browser.jupyter import Jupyter


class Project:
    """A project named by its id, and what a test says has happened in it."""

    def __init__(self, jupyter: Jupyter, project_id: str) -> None:
        self.jupyter = jupyter
        self.project_id = project_id

    def node(self, node_id: str, *, ago: float = 0, **changes: Any) -> None:
        """Publish a `node_update`, as of `ago` seconds before now."""
        timestamp = (datetime.now(UTC) - timedelta(seconds=ago)).isoformat()
        event = {"type": "node_update", "data": {"node_id": node_id, "changes": changes}, "timestamp": timestamp}
        path = f"tasktree/api/projects/{urllib.parse.quote(self.project_id, safe='')}/events"
        self.jupyter.request("POST", path, {"events": [event]})

    def run(self, mission_id: str, title: str, *, ago: float = 0, tasks: int = 2) -> None:
        """A run that began `ago` seconds before now, with tasks under way."""
        self.node(mission_id, ago=ago, title=title, status="running")
        for index in range(tasks):
            self.node(f"{mission_id}/{index}", ago=ago, parent_id=mission_id, title=f"step {index}", status="running")

    def fail(self, node_id: str, kind: str = "ValueError", message: str = "Input X contains NaN.") -> None:
        traceback = f'Traceback (most recent call last):\n  File "<cell>", line 3, in fit\n{kind}: {message}'
        self.node(node_id, status="failed", error={"type": kind, "message": message, "traceback": traceback})

    def complete(self, *node_ids: str) -> None:
        for node_id in node_ids:
            self.node(node_id, status="completed")
