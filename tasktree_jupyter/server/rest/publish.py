"""Publishing from a request: one event of the server's own making, or what a client sent."""

from __future__ import annotations

from typing import Any

from tasktree_jupyter.server.intake import now_us
from tasktree_jupyter.server.manager import WebSocketManager
from tasktree_jupyter.server.publication import Failure, Published, parse_publication
from tasktree_jupyter.server.rest.base import failed, rejected


async def publish_frame(manager: WebSocketManager, frame: dict[str, Any], *, careful: bool, size: int) -> Published:
    """Publish the events of a frame. Raises ProblemError, and Refusal where none of its events was stored."""
    publication = parse_publication(frame, limits=manager.limits, now=now_us(), careful=careful, size=size)
    total = len(publication.events) + len(publication.rejected)
    outcome = await manager.publish_and_wait(publication)
    if isinstance(outcome, Failure):
        raise failed(outcome)
    if total and len(outcome.rejected) == total:
        raise rejected(outcome.rejected[0], rejected=outcome.rejected)
    return outcome


async def publish_one(manager: WebSocketManager, project_id: str, envelope: dict[str, Any]) -> Published:
    """Publish one event without a source. Raises as `publish_frame` does."""
    frame = {"project_id": project_id, "events": [envelope]}
    return await publish_frame(manager, frame, careful=True, size=0)
