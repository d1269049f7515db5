"""Noticing what other processes do to followed projects.

SQLite has no notification between processes; `PRAGMA data_version` on an open connection costs microseconds and changes
with every foreign commit. This process's own commits are told by the writer; `Turns` keeps the two from overtaking each
other.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from tasktree_jupyter.storage.log import Damaged, Head, NewerSchema, StorageError
from tasktree_jupyter.storage.sqlite_folder import Folder, ProjectFile, Signature, signature
from tasktree_jupyter.storage.sqlite_schema import NotOurs, storage_error
from tasktree_jupyter.storage.sqlite_transaction import read_head

_log = logging.getLogger(__name__)

_MOST_OPEN = 64
_RARELY = 8


class Turns:
    """Keeps a head that was read before a commit of ours from being told after it."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._begun: dict[str, int] = {}
        self._writing: set[str] = set()

    def begin(self, project_id: str) -> None:
        """The writer is about to change the project."""
        with self._mutex:
            self._begun[project_id] = self._begun.get(project_id, 0) + 1
            self._writing.add(project_id)

    def end(self, project_id: str, tell: Callable[[], None]) -> None:
        """The writer is done; `tell` tells of it."""
        with self._mutex:
            tell()
            self._writing.discard(project_id)

    def seen(self, project_id: str) -> int | None:
        """To be asked before reading a head; None: the writer is at it and will tell itself."""
        with self._mutex:
            return None if project_id in self._writing else self._begun.get(project_id, 0)

    def tell(self, project_id: str, seen: int, tell: Callable[[], None]) -> bool:
        """Tell what was read since `seen` was asked.

        False, and nothing told, if the writer has begun something since.
        """
        with self._mutex:
            if project_id in self._writing or self._begun.get(project_id, 0) != seen:
                return False
            tell()
            return True


class _Watched(msgspec.Struct, eq=False):
    """A followed project.

    Without a `file` it is quiet: now and then its `signature` is compared, which needs no file.
    """

    project_id: str
    path: Path
    file: ProjectFile | None = None
    version: int = -1
    signature: Signature | None = None
    head: Head | None = None
    changed: float = 0.0
    fresh: bool = True


class Watcher:
    """Polls the followed projects on connections of its own."""

    def __init__(
        self,
        folder: Folder,
        turns: Turns,
        moved: Callable[[str, Head | None], None],
        unreadable: Callable[[str, StorageError], None],
        *,
        interval: float,
    ) -> None:
        """`moved` and `unreadable` are called on this thread; `interval` in seconds."""
        self._thread = threading.Thread(target=self._run, name="tasktree-watcher", daemon=True)
        self._folder = folder
        self._turns = turns
        self._moved = moved
        self._unreadable = unreadable
        self._interval = interval
        self._wake = threading.Condition()
        self._polling = threading.Lock()
        self._watched: dict[str, _Watched] = {}
        self._left: list[_Watched] = []
        self._stopping = False

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def follow(self, project_id: str) -> None:
        """Watch a project; if it exists, its head is told soon. Asking again tells again."""
        with self._wake:
            watched = self._watched.get(project_id)
            if watched is None:
                self._watched[project_id] = _Watched(project_id, self._folder.path_of(project_id))
            else:
                watched.fresh = True
            self._wake.notify()

    def unfollow(self, project_id: str) -> None:
        """Watch it no longer."""
        with self._wake:
            watched = self._watched.pop(project_id, None)
            if watched is not None:
                self._left.append(watched)
                self._wake.notify()

    def release(self, project_id: str) -> None:
        """Close the project's file, so that it can be removed where open files can't."""
        with self._polling:
            watched = self._watched.get(project_id)
            if watched is not None:
                self._close(watched)

    def stop(self) -> None:
        """End the thread."""
        with self._wake:
            self._stopping = True
            self._wake.notify()

    def join(self) -> None:
        """Wait for the thread's end."""
        self._thread.join()

    def _run(self) -> None:
        rounds = 0
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._stopping or self._watched or self._left)
                watched, left = list(self._watched.values()), self._left
                self._left = []
                if self._stopping:
                    break
            with self._polling:
                for one in left:
                    self._close(one)
                for one in watched:
                    self._poll(one, rarely=rounds % _RARELY == 0)
                self._bound(watched)
            rounds += 1
            with self._wake:
                if not (self._stopping or self._left or any(one.fresh for one in self._watched.values())):
                    self._wake.wait(self._interval)
        with self._polling:
            for one in watched + left:
                self._close(one)

    def _poll(self, one: _Watched, *, rarely: bool) -> None:
        fresh, one.fresh = one.fresh, False
        seen = self._turns.seen(one.project_id)
        if seen is None:
            one.fresh = fresh
            return
        try:
            if one.file is not None and (rarely or fresh) and not one.file.current():
                self._close(one)
            if one.file is not None:
                self._ask(one, one.file, seen, fresh=fresh)
            elif rarely or fresh:
                self._look(one, seen, fresh=fresh)
        except Exception as error:
            told = storage_error(error, one.path)
            _log.debug("Following project %r: %s", one.project_id, told)
            self._close(one)
            if isinstance(told, Damaged | NotOurs | NewerSchema):
                self._unreadable(one.project_id, told)

    def _ask(self, one: _Watched, file: ProjectFile, seen: int, *, fresh: bool) -> None:
        """Has anything been committed since the last time?"""
        version = int(file.connection.execute("PRAGMA data_version").get)
        if fresh or version != one.version:
            head = read_head(file.connection)
            if self._tell(one, seen, head, fresh=fresh):
                one.version = version

    def _look(self, one: _Watched, seen: int, *, fresh: bool) -> None:
        """See whether there is a file, or another one, or whether the quiet one was written to."""
        mark = signature(one.path)
        if mark and mark == one.signature and not fresh:
            return
        one.signature = mark
        one.file = self._folder.open(one.path, writes=False)
        one.version = -1
        if one.file is not None:
            self._ask(one, one.file, seen, fresh=fresh)
        # Told each time, heard once: our own writer may have made the project, and another process deleted it, between
        # two looks.
        elif not self._tell(one, seen, None, fresh=True):
            one.signature, one.fresh = None, fresh

    def _tell(self, one: _Watched, seen: int, head: Head | None, *, fresh: bool) -> bool:
        if head == one.head and not fresh:
            return True
        if not self._turns.tell(one.project_id, seen, lambda: self._moved(one.project_id, head)):
            one.fresh = fresh
            return False
        one.head = head
        one.changed = time.monotonic()
        return True

    def _bound(self, watched: list[_Watched]) -> None:
        """Keep files open only for the projects that changed last; the others become quiet."""
        opened = [one for one in watched if one.file is not None]
        if len(opened) > _MOST_OPEN:
            opened.sort(key=lambda one: one.changed)
            for one in opened[: len(opened) - _MOST_OPEN]:
                before = one.signature
                self._close(one)
                one.signature = before if before == signature(one.path) else None

    def _close(self, one: _Watched) -> None:
        file, one.file = one.file, None
        if file is not None:
            one.signature = None
            self._folder.close(file)
