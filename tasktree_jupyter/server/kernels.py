"""Which project a kernel or a script belongs to, and staying right about it while files move.

A path is no identity: `Untitled.ipynb` comes again, notebooks are renamed and copied. So a project is minted for a
file, and the file's place is an attribute of the project that follows renames and is given up when the file is deleted.

Several servers may share the log. What a path means is therefore always asked of the log, and the id of a new project
is computed from the place and a salt that lives beside the log: two servers that mint for the same file at the same
moment mint the same project.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import os
import posixpath
from collections.abc import Awaitable, Callable
from typing import Any

from jupyter_core.utils import ensure_async

from tasktree_jupyter.core.shape import Problem, ProblemError
from tasktree_jupyter.server.logs import tell
from tasktree_jupyter.server.manager import NO_PROJECT, Forbidden
from tasktree_jupyter.server.projects import describe_named
from tasktree_jupyter.storage.log import EventLog, NoSuchProject, ProjectRecord, StorageError

CONTENTS_SCHEMA = "https://events.jupyter.org/jupyter_server/contents_service/v1"

PLACE = "place"
"""The attribute that says which file a project belongs to; absent once the file is gone."""

_COLLABORATION_DRIVE = "RTC:"
_ID_BYTES = 10


class KernelProjects:
    """Resolves kernels and scripts to projects, and follows the contents service's renames and deletions.

    `root_dir` is the server's. `salt` must be the same on all servers that share the log. `admit` is asked before a
    project is made, and raises ProblemError.
    """

    def __init__(
        self,
        log: EventLog,
        *,
        root_dir: str,
        salt: str,
        session_manager: Any,
        kernel_manager: Any,
        contents_manager: Any,
        touched: Callable[[str], None],
        logger: logging.Logger,
        admit: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._log = log
        self._root_dir = os.path.abspath(root_dir)
        self._salt = salt
        self._session_manager = session_manager
        self._kernel_manager = kernel_manager
        self._contents_manager = contents_manager
        self._touched = touched
        self._admit = admit
        self._logger = logger
        # One at a time: a resolve waits for a rename that has begun, and two for the same path mint once.
        self._lock = asyncio.Lock()
        self._last: dict[str, tuple[str, str]] = {}

    @property
    def store(self) -> str:
        """What names the folder of logs: the same on every server that shares it, another where it was made anew."""
        return hashlib.blake2b(f"store\n{self._salt}".encode(), digest_size=_ID_BYTES).hexdigest()

    # Resolving

    async def resolve(self, kernel_id: str | None, path: str | None, title: str | None, *, may_mint: bool) -> str:
        """Return the id of the project of a kernel or, where its session isn't known, of a script's path.

        Raises:
            ProblemError: neither a kernel id nor a path was given; code `too_many`: there are as many as there may be.
            NoSuchProject: this server doesn't run that kernel.
            Forbidden: there is none yet, and the user may not write.
            StorageError: the log can't be read or written.
        """
        if not kernel_id and not path:
            raise ProblemError(Problem("invalid", "kernel_id", "Give a kernel_id or a path", "missing"))
        async with self._lock:
            session = await self._session_of(kernel_id) if kernel_id else None
            if session is None:
                return await self._project_without_session(kernel_id, path, title, may_mint)
            session_path = str(session.get("path") or "").removeprefix(_COLLABORATION_DRIVE)
            kind = "notebook" if session.get("type") == "notebook" or session_path.endswith(".ipynb") else "script"
            return await self._project_of_session(str(kernel_id), session_path, kind, title, may_mint)

    async def _session_of(self, kernel_id: str) -> dict[str, Any] | None:
        for session in await ensure_async(self._session_manager.list_sessions()):
            if session["kernel"]["id"] == kernel_id:
                return dict(session)
        return None

    async def _project_of_session(self, kernel_id: str, path: str, kind: str, title: str | None, may_mint: bool) -> str:
        """A renamed notebook's session says the old path for a moment: then the kernel stays where it was."""
        records = await self._log.projects()
        before = self._last.get(kernel_id)
        if before is not None and before[1] == path:
            for record in records:
                if record.project_id == before[0] and record.attributes.get(PLACE) is not None:
                    return record.project_id
        project_id = await self._project_at(self._place_of_path(path), path, kind, title, may_mint, records)
        self._last[kernel_id] = (project_id, path)
        return project_id

    async def _project_without_session(
        self, kernel_id: str | None, path: str | None, title: str | None, may_mint: bool
    ) -> str:
        records = await self._log.projects()
        if path:
            kind = "notebook" if path.endswith(".ipynb") else "script"
            place = self._place_of_file(path) if os.path.isabs(path) else self._place_of_path(path)
            return await self._project_at(place, path, kind, title, may_mint, records)
        if kernel_id in self._kernel_manager:
            place = f"kernel:{kernel_id}"
            return await self._project_at(place, None, "script", title or "Kernel", may_mint, records)
        raise NoSuchProject(f"kernel:{kernel_id}")

    async def _project_at(
        self,
        place: str,
        path: str | None,
        kind: str,
        title: str | None,
        may_mint: bool,
        records: list[ProjectRecord],
    ) -> str:
        by_id = {record.project_id: record for record in records}
        for record in records:
            if record.attributes.get(PLACE) == place:
                return record.project_id
        if not may_mint:
            raise Forbidden(NO_PROJECT)
        life = 0
        while (project_id := self._minted(place, life)) in by_id:
            life += 1
        if self._admit is not None:
            await self._admit()
        attributes = {
            PLACE: place,
            "kind": kind,
            "path": path,
            "root_dir": self._root_dir,
            "title": title or _title_of(path or place),
        }
        await self._log.set_attributes(project_id, attributes)
        self._touched(project_id)
        tell(
            self._logger,
            "project.minted",
            "Project %s is for %s",
            project_id,
            path or place,
            project_id=project_id,
        )
        return project_id

    def _minted(self, place: str, life: int) -> str:
        """The id of the `life`-th project for a place: opaque, and the same on every server with this salt."""
        digest = hashlib.blake2b(
            f"{self._salt}\n{life}\n{place}".encode("utf-8", "surrogatepass"), digest_size=_ID_BYTES
        )
        return base64.b32encode(digest.digest()).decode().lower()

    # Places

    def _place_of_path(self, path: str) -> str:
        """The place of a file that the contents service knows by this path."""
        path = path.strip("/")
        locate = getattr(self._contents_manager, "_get_os_path", None)
        if locate is not None:
            try:
                return self._place_of_file(str(locate(path)))
            except Exception:
                # Outside the root, as a console's made-up path may be: it is a name then, not a file.
                tell(self._logger, "project.path_refused", "%r is no file below the root", path)
        return f"path:{self._root_dir}:{path}"

    @staticmethod
    def _place_of_file(file: str) -> str:
        """The same on every server, whatever its root. The folder may be reached by links; the file itself is meant."""
        folder, name = os.path.split(os.path.abspath(file))
        return f"file:{os.path.join(os.path.realpath(folder), name)}"

    def describe(self, record: ProjectRecord) -> dict[str, Any]:
        """Return the part of a project's info that its attributes decide."""
        attributes = record.attributes
        kind = attributes.get("kind")
        if kind is None:
            return describe_named(record)
        return {
            "project_id": record.project_id,
            "title": str(attributes.get("title") or record.project_id),
            "path": self._path_here(attributes),
            "kind": kind,
        }

    def _path_here(self, attributes: dict[str, Any]) -> str | None:
        """The path as this server's contents service knows it: another server may have another root."""
        path, place = attributes.get("path"), attributes.get(PLACE)
        if attributes.get("root_dir") == self._root_dir or not isinstance(place, str) or not place.startswith("file:"):
            return path
        root = os.path.realpath(self._root_dir)
        file = place.removeprefix("file:")
        try:
            if os.path.commonpath([root, file]) != root:
                return path
        except ValueError:
            # Another drive, or written by another system.
            return path
        return os.path.relpath(file, root).replace(os.sep, "/")

    # Following files

    def listen(self, event_logger: Any) -> None:
        """Hear of what the contents service does."""
        event_logger.add_listener(schema_id=CONTENTS_SCHEMA, listener=self.on_contents)

    def stop_listening(self, event_logger: Any) -> None:
        """Hear of it no more."""
        event_logger.remove_listener(schema_id=CONTENTS_SCHEMA, listener=self.on_contents)

    async def on_contents(self, logger: Any, schema_id: str, data: dict[str, Any]) -> None:
        """Follow a rename; give a place up when its file is deleted. A copy is another file, so it needs nothing."""
        action, path, source = data.get("action"), data.get("path"), data.get("source_path")
        if action not in ("rename", "delete") or not isinstance(path, str):
            return
        async with self._lock:
            try:
                if action == "delete":
                    await self._deleted(self._place_of_path(path))
                elif isinstance(source, str):
                    await self._renamed(self._place_of_path(source), self._place_of_path(path), path.strip("/"))
            except StorageError as error:
                message = "Couldn't follow the %s of %r: %s"
                tell(self._logger, "project.not_followed", message, action, path, error, error=error, action=action)

    async def _deleted(self, place: str) -> None:
        for record, _ in await self._at_or_below(place):
            await self._log.set_attributes(record.project_id, {PLACE: None, "path": None})
            self._touched(record.project_id)

    async def _renamed(self, old: str, new: str, path: str) -> None:
        """`path` is what the contents service calls the new place."""
        if old == new:
            return
        moved = await self._at_or_below(old)
        if moved:
            # Whatever was there before has been overwritten.
            await self._deleted(new)
        for record, below in moved:
            its_path = posixpath.join(path, *below.split(os.sep)) if below else path
            patch = {
                PLACE: os.path.join(new, below) if below else new,
                "path": its_path,
                "root_dir": self._root_dir,
                "title": _title_of(its_path),
            }
            await self._log.set_attributes(record.project_id, patch)
            self._touched(record.project_id)

    async def _at_or_below(self, place: str) -> list[tuple[ProjectRecord, str]]:
        """The projects of a file, or of all files in a folder, each with what comes after the folder."""
        found = []
        folder = place + (os.sep if place.startswith("file:") else "/")
        for record in await self._log.projects():
            its_place = record.attributes.get(PLACE)
            if its_place == place:
                found.append((record, ""))
            elif isinstance(its_place, str) and its_place.startswith(folder):
                found.append((record, its_place[len(folder) :]))
        return found


def _title_of(path: str) -> str:
    name = path.rstrip("/").replace(os.sep, "/").rpartition("/")[2]
    return name.removesuffix(".ipynb") or path
