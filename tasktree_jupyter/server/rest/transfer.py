"""A whole project out and in, as JSON Lines."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

from tornado import web

from tasktree_jupyter.server.answers import ANSWER_SECONDS
from tasktree_jupyter.server.importing import MEDIA_TYPE, Importer, ImportRefused, export_lines
from tasktree_jupyter.server.logs import tell
from tasktree_jupyter.server.rest.base import (
    PIECE_BYTES,
    BodyHandler,
    Refusal,
    TaskTreeHandler,
    project_id_of,
    refusing,
)
from tasktree_jupyter.server.rest.coming import Coming
from tasktree_jupyter.storage.log import NoSuchProject, StorageError

if TYPE_CHECKING:
    from tasktree_jupyter.server.app import TaskTreeExtension

_undoing: set[asyncio.Future[None]] = set()


class ExportHandler(TaskTreeHandler):
    """`GET api/projects/{project_id}/export`."""

    @web.authenticated
    async def get(self, project_id: str) -> None:
        """Stream the log; at no time is more of it in memory than a page."""
        log = self.manager.log
        with refusing():
            head = await log.head(project_id_of(project_id))
            if head is None:
                raise NoSuchProject(project_id)
        name = quote(f"{project_id}.jsonl", safe="")
        self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{name}")
        self.set_header("Content-Type", MEDIA_TYPE)
        if self.request.method == "HEAD":
            self.finish(set_content_type=MEDIA_TYPE)
            return
        with refusing():
            await self.stream(export_lines(log, project_id, head), operation="export", media_type=MEDIA_TYPE)


class ImportHandler(BodyHandler):
    """`POST api/projects/{project_id}/import`."""

    limit_trait: ClassVar[str] = "max_import_bytes"
    _comes_at_once: ClassVar[bool] = False
    _importer: Importer | None = None
    _refusal: Refusal | None = None

    def initialize(self, extension: TaskTreeExtension) -> None:
        """See `BodyHandler.initialize`."""
        super().initialize(extension)
        self._coming = Coming(asyncio.get_running_loop(), PIECE_BYTES, ANSWER_SECONDS, self.break_off)

    async def prepare(self) -> None:  # type: ignore[override]
        """See `BodyHandler.prepare`; then see whether the project is free, before anything is read."""
        await super().prepare()
        if self._finished:
            return
        if self.request.method == "POST":
            await self._begin()
        self._coming.wait()

    async def _begin(self) -> None:
        project_id = project_id_of(self.path_args[0])
        try:
            replace = await self._may_replace(project_id)
            may_mint = await self.is_allowed("write")
            limits = self.extension.limits
            importer = Importer(self.manager.log, project_id, limits, replace=replace, may_mint=may_mint)
            with refusing(), _refusing_imports():
                await importer.begin()
                await self.manager.bound.check(project_id)
            self._importer = importer
        except Refusal as refusal:
            self._refusal = refusal

    async def _may_replace(self, project_id: str) -> bool:
        """Whether what is there is to be replaced: that deletes it. Raises Refusal where it mustn't be."""
        replace = self.get_query_argument("replace", "false")
        if replace not in ("true", "false"):
            raise Refusal(400, "replace must be true or false", "replace", "replace")
        if replace == "true" and not await self.is_allowed("delete", project_id):
            raise Refusal(403, f"You may not delete {project_id!r}, so you may not replace it", "forbidden")
        return replace == "true"

    async def data_received(self, chunk: bytes) -> None:
        """Take a piece in; the next is read when this is done.

        What follows a bad line is read and thrown away: a client that is still sending wouldn't see an answer.
        """
        self._coming.came(len(chunk))
        if self._importer is not None:
            try:
                with refusing(), _refusing_imports():
                    await self._importer.feed(chunk)
            except Refusal as refusal:
                self._importer, self._refusal = None, refusal
        self._coming.wait()

    @web.authenticated
    async def post(self, project_id: str) -> None:
        """Answer when everything is on disk."""
        self._coming.end()
        importer, self._importer = self._importer, None
        if importer is None:
            raise self._refusal or Refusal(500, "The import was never begun", "internal")
        with refusing(), _refusing_imports():
            await importer.finish()
        self.manager.imported(project_id, replaced=importer.replaced)
        body = {"project_id": project_id, "epoch": importer.epoch, "offset": importer.offset, "events": importer.events}
        self.answer(body, 201)

    def on_finish(self) -> None:
        """See `TaskTreeHandler.on_finish`."""
        super().on_finish()
        self._coming.end()

    def on_connection_close(self) -> None:
        """The client went away in the middle."""
        super().on_connection_close()
        self._coming.end()
        importer, self._importer = self._importer, None
        if importer is not None:
            undoing = asyncio.ensure_future(self._abandon(importer))
            _undoing.add(undoing)
            undoing.add_done_callback(_undoing.discard)

    async def _abandon(self, importer: Importer) -> None:
        try:
            await importer.abandon()
        except StorageError as error:
            tell(
                self.log,
                "transfer.broke_off",
                "What came of the import of %r can't be removed: %s",
                self.path_args,
                error,
                error=error,
                operation="import",
                project_id=self.path_args[0],
            )


@contextmanager
def _refusing_imports() -> Iterator[None]:
    try:
        yield
    except ImportRefused as error:
        problem = error.problem
        status = 409 if problem.code == "exists" else 400
        message = problem.message if error.line is None else f"Line {error.line}: {problem.message}"
        more = {} if error.line is None else {"line": error.line}
        raise Refusal(status, message, problem.reason, problem.field or None, **more) from error
