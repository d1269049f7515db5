"""The missions of a project: its runs."""

from __future__ import annotations

from tornado import web

from tasktree_jupyter.core.times import format_time
from tasktree_jupyter.core.tree import TaskTree
from tasktree_jupyter.server.folding import encode_state
from tasktree_jupyter.server.intake import now_us
from tasktree_jupyter.server.moments import NOW
from tasktree_jupyter.server.rest.base import Refusal, TaskTreeHandler, id_of, project_id_of, refusing
from tasktree_jupyter.server.rest.publish import publish_one

MAX_PAGE = 1000
DEFAULT_PAGE = 100


class MissionsHandler(TaskTreeHandler):
    """`GET api/projects/{project_id}/missions`."""

    @web.authenticated
    async def get(self, project_id: str) -> None:
        """Answer one page of missions, newest first."""
        limit = self.number("limit", DEFAULT_PAGE, MAX_PAGE, 1)
        before = self.get_query_argument("before", None, strip=False)
        with refusing():
            async with self.manager.history.at(project_id_of(project_id), NOW) as past:
                try:
                    # One more than asked for tells whether there are more.
                    missions, total = past.tree.missions(limit + 1, before)
                except KeyError:
                    raise _no_mission(before or "", "before") from None
        more = len(missions) > limit
        missions = missions[:limit]
        following = missions[-1]["mission_id"] if more else None
        with refusing():
            await self.answer_long({"missions": missions, "total": total, "next": following})


class MissionHandler(TaskTreeHandler):
    """`GET` and `DELETE api/projects/{project_id}/missions/{mission_id}`."""

    @web.authenticated
    async def get(self, project_id: str, mission_id: str) -> None:
        """Answer the state with this run's nodes alone."""
        answers = self.manager.answers
        with refusing("moment"), answers.held() as held:
            asked = project_id_of(project_id), self.moment("moment")
            async with self.manager.history.at(*asked, answers.making) as past:
                _check_mission(past.tree, id_of(mission_id, "mission_id"))
                pieces = await encode_state(past.tree, project_id, past.epoch, mission_id)
                held.add(sum(map(len, pieces)))
            await self.send(held, pieces)

    @web.authenticated
    async def delete(self, project_id: str, mission_id: str) -> None:
        """Remove the run from the tree; its events stay in the log."""
        with refusing():
            async with self.manager.history.at(project_id_of(project_id), NOW) as past:
                _check_mission(past.tree, id_of(mission_id, "mission_id"))
            self.count_events(1)
            await publish_one(
                self.manager,
                project_id,
                {
                    "type": "node_update",
                    "data": {"node_id": mission_id, "changes": None},
                    "timestamp": format_time(now_us()),
                },
            )
        self.answer_nothing()


def _check_mission(tree: TaskTree, mission_id: str) -> None:
    if mission_id not in tree or tree.parent(mission_id) is not None:
        raise _no_mission(mission_id, "mission_id")


def _no_mission(mission_id: str, field: str) -> Refusal:
    return Refusal(404, f"There is no mission {mission_id[:80]!r}", "not_found", field)
