"""The projects."""

from __future__ import annotations

from tornado import web

from tasktree_jupyter.server.rest.base import TaskTreeHandler, project_id_of, refusing


class ProjectsHandler(TaskTreeHandler):
    """`GET api/projects`."""

    @web.authenticated
    async def get(self) -> None:
        """List every project that the user may read."""
        with refusing():
            await self.answer_long({"projects": await self.manager.projects.infos(self.may_read)})

    async def may_read(self, project_id: str) -> bool:
        """Whether this project is to be in the list."""
        return await self.is_allowed("read", project_id)


class ProjectHandler(TaskTreeHandler):
    """`GET` and `DELETE api/projects/{project_id}`."""

    @web.authenticated
    async def get(self, project_id: str) -> None:
        """Describe one project."""
        with refusing():
            known = project_id_of(project_id)
            info = await self.manager.projects.info(known)
            await self.answer_long(info | {"sources": await self.manager.presence.silence.of(known)})

    @web.authenticated
    async def delete(self, project_id: str) -> None:
        """Forget a project with all it has."""
        with refusing():
            await self.manager.delete_project(project_id_of(project_id))
        self.answer_nothing()
