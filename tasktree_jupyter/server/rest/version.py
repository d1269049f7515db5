"""What this server is, and what it offers."""

from __future__ import annotations

import platform
from typing import Any

from tornado import web

from tasktree_jupyter._version import __version__
from tasktree_jupyter.core.protocol import PROTOCOL_VERSION
from tasktree_jupyter.core.tree import FOLD_VERSION
from tasktree_jupyter.server.logs import storage_failed
from tasktree_jupyter.server.rest.base import Refusal, TaskTreeHandler
from tasktree_jupyter.storage.log import StorageError


class VersionHandler(TaskTreeHandler):
    """`GET api/version`."""

    @web.authenticated
    async def get(self) -> None:
        """Say what this server is and what its acknowledgements promise; who may write sees where it keeps its data."""
        log = self.manager.log
        condition = self.manager.condition.current
        storage: dict[str, Any] = {
            "engine": log.engine,
            "mode": log.mode,
            "promise": log.promise,
            "condition": condition.kind,
        }
        if condition.message is not None:
            storage["banner"] = condition.message
        if await self.is_allowed("write") and log.engine != "memory":
            storage["data_dir"] = self.extension.data_dir
            storage |= await self._particulars()
        self.answer(
            {
                "version": __version__,
                "protocol": PROTOCOL_VERSION,
                "fold": FOLD_VERSION,
                "python": platform.python_version(),
                "storage": storage,
            }
        )

    async def _particulars(self) -> dict[str, Any]:
        try:
            return await self.manager.log.particulars()
        except (OSError, StorageError) as error:
            storage_failed(self.log, "list", None, "TaskTree can't look at its folder: %s", error)
            return {}


class UnknownHandler(TaskTreeHandler):
    """Everything below `tasktree/api` that isn't there."""

    async def _unknown(self, *args: str) -> None:
        raise Refusal(404, f"There is no {self.request.path}; {self._contents()} lists what there is", "no_such_path")

    def _contents(self) -> str:
        return f"{self.base_url}tasktree/api/openapi.json"

    get = post = put = patch = delete = head = web.authenticated(_unknown)
