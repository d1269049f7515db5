"""The state at a moment, and what differs between two."""

from __future__ import annotations

from tornado import web

from tasktree_jupyter.server.folding import encode_state
from tasktree_jupyter.server.rest.base import TaskTreeHandler, project_id_of, refusing


class StateHandler(TaskTreeHandler):
    """`GET api/projects/{project_id}/state`."""

    @web.authenticated
    async def get(self, project_id: str) -> None:
        """Answer the whole state as it is, or was."""
        answers = self.manager.answers
        with refusing("moment"), answers.held() as held:
            asked = project_id_of(project_id), self.moment("moment")
            async with self.manager.history.at(*asked, answers.making) as past:
                pieces = await encode_state(past.tree, project_id, past.epoch)
                held.add(sum(map(len, pieces)))
            await self.send(held, pieces)


class DiffHandler(TaskTreeHandler):
    """`GET api/projects/{project_id}/diff`."""

    @web.authenticated
    async def get(self, project_id: str) -> None:
        """Answer what differs between two moments."""
        with refusing("from"):
            start, end = self.moment("from", None), self.moment("to")
            await self.answer_long(await self.manager.history.diff(project_id_of(project_id), start, end))
