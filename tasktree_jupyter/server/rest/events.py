"""The events of a project, page by page; and publishing."""

from __future__ import annotations

from tornado import web

from tasktree_jupyter.core.shape import MAX_INTEGER
from tasktree_jupyter.server.frames import encode
from tasktree_jupyter.server.publication import number_of_events
from tasktree_jupyter.server.rest.base import BodyHandler, project_id_of, refusing
from tasktree_jupyter.server.rest.publish import publish_frame
from tasktree_jupyter.storage.log import NoSuchProject

MAX_PAGE = 10_000
DEFAULT_PAGE = 1000


class EventsHandler(BodyHandler):
    """`GET` and `POST api/projects/{project_id}/events`."""

    @web.authenticated
    async def get(self, project_id: str) -> None:
        """Answer one page of events."""
        after, limit = self.number("after", 0, MAX_INTEGER), self.number("limit", DEFAULT_PAGE, MAX_PAGE)
        log = self.manager.log
        with refusing("after"):
            head = await log.head(project_id_of(project_id))
            if head is None:
                raise NoSuchProject(project_id)
            events = await log.read(project_id, after, limit=limit, until=head.offset)
        last = after + len(events)
        following = encode(last if events and last < head.offset else None)
        fields = encode(project_id), encode(head.epoch), b",".join(events), following
        self.finish(b'{"project_id":%b,"epoch":%b,"events":[%b],"next":%b}' % fields)

    @web.authenticated
    async def post(self, project_id: str) -> None:
        """Publish."""
        with refusing():
            body, careful = self.read_object()
            frame = body if "events" in body else {"events": [body]}
            self.count_events(number_of_events(frame))
            outcome = await publish_frame(
                self.manager,
                {**frame, "project_id": project_id_of(project_id)},
                careful=careful,
                size=len(self.body),
            )
        self.answer(outcome, 201)
