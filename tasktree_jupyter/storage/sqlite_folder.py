"""The folder of SQLite files: their names, and making, opening and removing them while other processes do the same.

SQLite finds a file's `-wal` and `-shm` by name. If a file were replaced under a name while another process opens or
closes it, that process could join the old file to the new one's WAL. So making, opening, closing and removing each
happen under one lock of the folder; appends and reads don't need it.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import re
import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import apsw

from tasktree_jupyter.storage import sqlite_mending, sqlite_schema
from tasktree_jupyter.storage.log import Damaged, NoSuchProject, StorageError, Unavailable, is_staged
from tasktree_jupyter.storage.sqlite_mending import ASIDE, Mended
from tasktree_jupyter.storage.sqlite_transaction import read_head

SUFFIX = ".sqlite"
_STAGED_SUFFIX = ".sqlite-staged"
_LEFT_OVER_S = 24 * 3600.0
"""What is being made aside and wasn't written to for so long is nobody's any more."""

_LOCK = "folder.lock"
_OVER_SOME_DAY = ("full", "locked")
_BESIDE = ("-wal", "-shm", "-journal")
_SETTLED_NS = 2_000_000_000
_LONGEST_OPENING_MS = 1000
"""Opening happens under the folder's lock: a file that somebody keeps locked mustn't keep all others waiting."""

Signature = tuple[int, ...]


class ProjectFile:
    """An open connection to one project's file, and which file that was."""

    def __init__(self, path: Path, project_id: str, connection: apsw.Connection) -> None:
        self.path = path
        self.project_id = project_id
        self.connection = connection
        self.identity = identity(path)
        self.used = time.monotonic()

    def current(self) -> bool:
        """Whether the name still leads to this file: it may have been removed, or replaced by another."""
        return identity(self.path) == self.identity is not None


def identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from another of the same name; None if there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def signature(path: Path) -> Signature | None:
    """Changes whenever the file or its WAL is written to; None while that was so recent that the clock can't tell.

    Equal signatures mean that nothing was written in between, without opening the file. An absent file has the empty
    one.
    """
    parts: list[int] = []
    newest = 0
    for name in (path, Path(f"{path}-wal")):
        with contextlib.suppress(FileNotFoundError):
            found = os.stat(name)
            if found.st_size or name is path:
                parts += (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
                newest = max(newest, found.st_mtime_ns)
    return None if time.time_ns() - newest < _SETTLED_NS else tuple(parts)


def file_name(project_id: str) -> str:
    """The name of a project's file: readable where it can be, and always the project's own."""
    slug = re.sub(r"[^a-z0-9_]+", "-", project_id.lower()).strip("-")[:40]
    digest = hashlib.sha256(project_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    suffix = _STAGED_SUFFIX if is_staged(project_id) else SUFFIX
    return f"{slug}-{digest}{suffix}" if slug else f"{digest}{suffix}"


class Folder:
    """One folder of project files, for all threads of this process."""

    def __init__(self, path: Path, *, journal: str, busy_ms: int) -> None:
        self.path = path
        self.journal = journal
        self.busy_ms = busy_ms
        self._mutex = threading.Lock()
        self._lock: apsw.Connection | None = None

    def start(self) -> StorageError | None:
        """Make the folder and see that it can be written and locked, and whether WAL works. Raises `Unavailable`.

        What is over some day, a full disk or a lock that somebody keeps, is returned: the logs are there all the same.
        `probe` says when it is over.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = self.path / _LOCK
            if not lock.exists():
                _touch(lock)
            self._lock = apsw.Connection(str(lock), flags=apsw.SQLITE_OPEN_READWRITE)
            self._lock.set_busy_handler(sqlite_schema.patience(self.busy_ms))
            # The file is empty: a journal on the disk would be written at each locking, which a full one doesn't take.
            self._lock.execute("PRAGMA journal_mode=memory")
            with self._locked():
                self._clear_staged()
                self._probe()
        except (OSError, apsw.Error, StorageError) as error:
            told = sqlite_schema.storage_error(error, self.path / _LOCK)
            if self._lock is not None and told.kind in _OVER_SOME_DAY:
                return told
            self.stop()
            raise Unavailable(f"{self.path} can't hold the logs: {error or type(error).__name__}") from error
        return None

    def stop(self) -> None:
        """Let go of the lock."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def path_of(self, project_id: str) -> Path:
        """Where a project's file is, or would be."""
        return self.path / file_name(project_id)

    def paths(self) -> list[Path]:
        """All project files there are."""
        return sorted(self.path.glob(f"*{SUFFIX}"))

    def open(self, path: Path, *, writes: bool) -> ProjectFile | None:
        """Open the file.

        None if there is none. Raises `StorageError` for one that isn't ours, is damaged, or is newer.
        """
        try:
            with self._locked():
                return self._open(path, writes=writes)
        except Exception as error:
            raise sqlite_schema.storage_error(error, path) from error

    def open_or_make(self, project_id: str, created_at: int) -> ProjectFile:
        """Open a project's file for writing; make it if absent."""
        path = self.path_of(project_id)
        try:
            with self._locked():
                file = self._open(path, writes=True)
                if file is None:
                    self._make(path, project_id, created_at)
                    file = self._open(path, writes=True)
        except Exception as error:
            raise sqlite_schema.storage_error(error, path) from error
        if file is None:
            raise StorageError(f"{path.name} was removed while it was being made")
        return file

    def close(self, file: ProjectFile) -> None:
        """Close a file. The last connection takes its WAL along; SQLite spares that of a new file of the same name."""
        try:
            with self._locked():
                file.connection.close()
        except (apsw.Error, StorageError):
            file.connection.close()

    def remove(self, file: ProjectFile) -> None:
        """Mark an open file as deleted, so that nothing more is acknowledged into it, then close and unlink it."""
        try:
            with self._locked():
                try:
                    file.connection.execute("UPDATE log SET deleted = 1")
                finally:
                    file.connection.close()
                self._forget(file.path)
        except (apsw.Error, OSError) as error:
            raise sqlite_schema.storage_error(error, file.path) from error

    def adopt(self, staged: str, project_id: str, *, replace: bool) -> bool:
        """Put a staged file in a project's place; see `EventLog.adopt`. Nobody in this process may have either open.

        A crash leaves what was there, or the whole new file; between the two, for a moment, neither.
        """
        path, new = self.path_of(project_id), self.path_of(staged)
        try:
            with self._locked():
                if not new.exists():
                    raise NoSuchProject(staged)
                with self._replacing(path, replace=replace) as attributes:
                    if attributes is None:
                        return False
                    self._settle(new, project_id, attributes)
                self._unlink(path)
                os.replace(new, path)
                self._sync()
                return True
        except Exception as error:
            raise sqlite_schema.storage_error(error, path) from error

    @contextlib.contextmanager
    def _replacing(self, path: Path, *, replace: bool) -> Iterator[list[tuple[str, bytes]] | None]:
        """Mark a file as deleted if the block ends well, and give what is said of the project; None: leave it alone.

        One transaction, so that nobody appends in between.
        """
        file = self._open(path, writes=True)
        if file is None:
            yield []
            return
        try:
            with sqlite_schema.writing(file.connection):
                head = read_head(file.connection)
                if head is not None and head.offset and not replace:
                    yield None
                    return
                said = [] if replace else sqlite_schema.select(file.connection, "SELECT key, value FROM attributes")
                yield [(key, value) for key, value in said]
                file.connection.execute("UPDATE log SET deleted = 1")
        finally:
            file.connection.close()

    def _settle(self, path: Path, project_id: str, attributes: list[tuple[str, bytes]]) -> None:
        """Make a staged file a project's, with nothing of it in a file beside it: it is about to be renamed."""
        connection = sqlite_schema.connect(path, busy_ms=self.busy_ms, writes=True)
        try:
            with sqlite_schema.writing(connection):
                connection.execute("UPDATE log SET project_id = ?", (project_id,))
                connection.executemany("REPLACE INTO attributes (key, value) VALUES (?, ?)", attributes)
            # Else closing would do it, and say nothing where it can't.
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        finally:
            connection.close()

    def discard(self, path: Path) -> None:
        """Unlink a file that can't be opened."""
        try:
            with self._locked():
                self._forget(path)
        except (apsw.Error, OSError) as error:
            raise sqlite_schema.storage_error(error, path) from error

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        with self._mutex:
            if self._lock is None:
                raise StorageError("the log is closed", retryable=False)
            self._lock.execute("BEGIN EXCLUSIVE")
            try:
                yield
            finally:
                self._lock.execute("ROLLBACK")

    def _open(self, path: Path, *, writes: bool) -> ProjectFile | None:
        sqlite_mending.finish(path)
        if identity(path) is None:
            return None
        sqlite_schema.check_version(path)
        connection = sqlite_schema.connect(path, busy_ms=min(self.busy_ms, _LONGEST_OPENING_MS), writes=writes)
        try:
            sqlite_schema.bring_forward(connection, path)
            if writes:
                sqlite_schema.use_journal(connection, self.journal)
            else:
                connection.execute("PRAGMA query_only=1")
            row = next(sqlite_schema.select(connection, "SELECT project_id, deleted FROM log"), None)
            if row is None or not isinstance(row[0], str):
                raise Damaged(f"{path.name} is damaged: it doesn't say whose log it is")
            project_id, deleted = row
            if file_name(project_id) != path.name:
                raise sqlite_schema.NotOurs(f"{path.name} belongs to another project, {project_id!r}")
            connection.set_busy_handler(sqlite_schema.patience(self.busy_ms))
        except BaseException:
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            connection.close()
            raise
        if deleted:
            connection.close()
            self._unlink(path)
            return None
        return ProjectFile(path, project_id, connection)

    def mend(self, path: Path) -> Mended | None:
        """Look at a file that seems to be damaged, and save what can be saved of it. None: it is sound, or isn't ours.

        It may take long, and may be called on any thread; others go on meanwhile. Nobody in this process may have the
        file open for writing. Raises `StorageError` where it can't be done now.
        """
        busy_ms = min(self.busy_ms, _LONGEST_OPENING_MS)
        try:
            mended = sqlite_mending.mend(
                path, busy_ms, self.journal, lambda name: file_name(name) == path.name, self._locked
            )
            self._sync()
            return mended
        except Exception as error:
            raise sqlite_schema.storage_error(error, path) from error

    def damaged(self) -> list[Path]:
        """The files that were moved aside."""
        return sorted(path for path in self.path.glob(f"*{SUFFIX}{ASIDE}*") if not path.name.endswith(_BESIDE))

    def probe(self) -> None:
        """See that a file can be written here just now. Raises `StorageError`."""
        try:
            with self._locked():
                self._probe()
        except (apsw.Error, OSError) as error:
            raise sqlite_schema.storage_error(error, self.path) from error

    def _make(self, path: Path, project_id: str, created_at: int) -> None:
        """Make the whole file under another name first: a crash leaves no half of one."""
        self._unlink(path)
        new = Path(f"{path}.new")
        self._unlink(new)
        _touch(new)
        connection = sqlite_schema.connect(new, busy_ms=self.busy_ms, writes=True)
        try:
            sqlite_schema.fill(connection, project_id, secrets.token_hex(8), created_at)
            sqlite_schema.use_journal(connection, self.journal)
        finally:
            connection.close()
        os.replace(new, path)
        self._sync()

    def _clear_staged(self) -> None:
        """Remove what a killed server left of projects that it was making."""
        oldest = time.time() - _LEFT_OVER_S
        for path in self.path.glob(f"*{_STAGED_SUFFIX}"):
            beside = [Path(f"{path}{suffix}") for suffix in ("", *_BESIDE)]
            if all(file.stat().st_mtime < oldest for file in beside if file.exists()):
                self._unlink(path)

    def _unlink(self, path: Path) -> None:
        """The file first: if the process dies here, what is left beside it belongs to nothing and goes later."""
        for beside in ("", *_BESIDE):
            Path(f"{path}{beside}").unlink(missing_ok=True)
        self._sync()

    def _forget(self, path: Path) -> None:
        """Unlink a project's file, and those that were moved aside: deleting deletes."""
        self._unlink(path)
        for aside in path.parent.glob(f"{glob.escape(path.name)}{ASIDE}*"):
            aside.unlink(missing_ok=True)
        sqlite_mending.forget_unfinished(path)
        self._sync()

    def _sync(self) -> None:
        """Bring names to the disk, where the system lets a folder be synced."""
        if os.name == "posix":
            handle = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def _probe(self) -> None:
        """See that a file can be written here, and fall back from WAL where SQLite itself finds it impossible."""
        probe = self.path / "probe.new"
        self._unlink(probe)
        _touch(probe)
        connection = sqlite_schema.connect(probe, busy_ms=self.busy_ms, writes=True)
        try:
            sqlite_schema.use_journal(connection, self.journal)
            if connection.execute("PRAGMA journal_mode").get != self.journal:
                self.journal = "truncate"
                sqlite_schema.use_journal(connection, self.journal)
            connection.execute("CREATE TABLE probe (x)")
        finally:
            connection.close()
            self._unlink(probe)


def _touch(path: Path) -> None:
    """Make an empty file that only its owner may read; SQLite gives `-wal` and `-shm` the same rights."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
