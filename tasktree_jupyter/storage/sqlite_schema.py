"""The SQLite file of a project: its tables, its version, how a connection to it is set up, and what its errors mean.

`batches` holds a row per commit, not per event; `first` … `last` are its offsets. `log` has one row: `trimmed` and
`trimmed_at` say what is gone, `merged` up to where small rows have been merged, and `deleted` that the file is about to
be unlinked, so that a process which still has it open doesn't acknowledge anything into it.
"""

from __future__ import annotations

import contextlib
import errno as errno_names
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw

from tasktree_jupyter.storage import sqlite_migrations
from tasktree_jupyter.storage.log import Damaged, NewerSchema, StorageError

APPLICATION_ID = 0x54547265
_TABLES = """
CREATE TABLE log (
  id INTEGER PRIMARY KEY CHECK (id = 1), project_id TEXT NOT NULL, epoch TEXT NOT NULL, created_at INTEGER NOT NULL,
  trimmed INTEGER NOT NULL DEFAULT 0, trimmed_at INTEGER NOT NULL DEFAULT 0, merged INTEGER NOT NULL DEFAULT 0,
  deleted INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE batches (
  first INTEGER PRIMARY KEY, last INTEGER NOT NULL, first_at INTEGER NOT NULL, last_at INTEGER NOT NULL,
  codec INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE sources (source TEXT PRIMARY KEY, upto INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE folds (
  version INTEGER NOT NULL, "offset" INTEGER NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (version, "offset")) STRICT;
CREATE TABLE pins (name TEXT PRIMARY KEY, "offset" INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE attributes (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""
_NO_SPACE = {number for name in ("ENOSPC", "EDQUOT", "EFBIG") if (number := getattr(errno_names, name, None))}
_NO_WRITING = {errno_names.EROFS, errno_names.EACCES, errno_names.EPERM}
_WAL_BYTES_KEPT = 4 * 1024 * 1024
_CACHE_KIB = 512
_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100


class NotOurs(StorageError):
    """A file that doesn't seem to be the project's log: left alone, unless what is in it says that it is."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


def connect(path: Path, *, busy_ms: int, writes: bool) -> apsw.Connection:
    """A connection to an existing file, set up so that a commit is on disk when it returns."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.set_busy_handler(patience(busy_ms))
        for pragma in ("synchronous=FULL", "fullfsync=1", "checkpoint_fullfsync=1", f"cache_size=-{_CACHE_KIB}"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute(f"PRAGMA journal_size_limit={_WAL_BYTES_KEPT}")
        if not writes:
            connection.execute("PRAGMA query_only=1")
    except BaseException:
        connection.close()
        raise
    return connection


def patience(busy_ms: int) -> Callable[[int], bool]:
    """A busy handler that tries again every millisecond or so.

    SQLite's own waits up to 100 ms between two tries, so that a server which commits without pause starves one that
    comes now and then: the longest of 40 waits was 0.55 s with it and 0.08 s with this (TRUNCATE: 1.5 s and 0.13 s).
    """
    until = 0.0

    def wait(tries: int) -> bool:
        nonlocal until
        now = time.monotonic()
        if tries == 0:
            until = now + busy_ms / 1000
        time.sleep(random.uniform(0.0005, 0.0015))
        return now < until

    return wait


def fill(connection: apsw.Connection, project_id: str, epoch: str, created_at: int) -> None:
    """Make a new, empty file the log of a project."""
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    with connection:
        connection.execute(_TABLES)
        connection.execute(
            "INSERT INTO log (id, project_id, epoch, created_at) VALUES (1, ?, ?, ?)", (project_id, epoch, created_at)
        )
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={sqlite_migrations.SCHEMA}")


def use_journal(connection: apsw.Connection, journal: str) -> None:
    """Change the file's journal mode to `wal` or `truncate`, if it isn't that already."""
    if connection.execute("PRAGMA journal_mode").get != journal:
        connection.execute(f"PRAGMA journal_mode={journal}")


def check_version(path: Path) -> None:
    """Raise `NewerSchema` or `StorageError` for a file this version must not touch, without touching it.

    It reads the header only, and as bytes: after a crash the pages may be whole only together with the journal beside
    the file. SQLite's own file object does it, since closing any other would drop the locks that this process holds on
    the file. The header may be older than what a WAL holds; `check_connection` looks again.
    """
    file = apsw.VFSFile("", str(path), [apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READONLY, 0])
    try:
        header = file.xRead(_HEADER_BYTES, 0) if file.xFileSize() else b""
    finally:
        file.xClose()
    if not _is_sound(header):
        raise Damaged(f"{path.name} is damaged: it doesn't begin as a database")
    _check(path, int.from_bytes(header[60:64]), int.from_bytes(header[68:72]))


def _is_sound(header: bytes) -> bool:
    """Whether the fields that never change in our files are as they must be.

    SQLite itself takes some wrong ones for another format, e.g. a file that may only be read.
    Source: https://sqlite.org/fileformat2.html, "The Database Header".
    """
    page_size = int.from_bytes(header[16:18])
    return (
        header.startswith(_MAGIC)
        and len(header) == _HEADER_BYTES
        and (page_size == 1 or (page_size >= 512 and page_size & (page_size - 1) == 0))
        and header[18] in (1, 2)
        and header[19] in (1, 2)
        and header[20] == 0
        and header[21:24] == b"\x40\x20\x20"
        and 1 <= int.from_bytes(header[44:48]) <= 4
        and int.from_bytes(header[56:60]) == 1
    )


def check_connection(connection: apsw.Connection, path: Path) -> int:
    """The file's schema. Raises `NewerSchema` for a newer file, `StorageError` for one that is no project's log."""
    version = version_of(connection)
    _check(path, version, int(connection.execute("PRAGMA application_id").get))
    return version


def version_of(connection: apsw.Connection) -> int:
    """The schema that a file has just now: another server may have brought it forward."""
    return int(connection.execute("PRAGMA user_version").get)


def bring_forward(connection: apsw.Connection, path: Path) -> None:
    """Give the file the schema that this version works with: all of it, or nothing where it fails or the power goes."""
    version = check_connection(connection, path)
    if version == sqlite_migrations.SCHEMA:
        return
    connection.execute("PRAGMA query_only=0")
    with writing(connection):
        # Another process may have been quicker.
        sqlite_migrations.upgrade(connection, check_connection(connection, path))


def check_unchanged(connection: apsw.Connection, path: Path) -> None:
    """Raise `NewerSchema` where a newer server has brought the file forward since it was opened."""
    version = version_of(connection)
    if version > sqlite_migrations.SCHEMA:
        raise _newer(path, version)


def _check(path: Path, version: int, application_id: int) -> None:
    if application_id != APPLICATION_ID:
        raise NotOurs(f"{path.name} is no log of tasktree_jupyter")
    if version > sqlite_migrations.SCHEMA:
        raise _newer(path, version)


def _newer(path: Path, version: int) -> NewerSchema:
    return NewerSchema(
        f"{path.name} was written by a newer tasktree_jupyter"
        f" (schema {version}, known here: {sqlite_migrations.SCHEMA}): upgrade this one"
    )


@contextlib.contextmanager
def writing(connection: apsw.Connection) -> Iterator[None]:
    """A transaction that no other writer can come between, from its first read on."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def select(connection: apsw.Connection, statement: str, values: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The rows of a statement. A column's type is as the tables declare it: they are strict."""
    return connection.execute(statement, values)


def storage_error(error: Exception, path: Path, errno: int = 0) -> StorageError:
    """What an error of SQLite or the system means to a caller; `errno`: the system's, where SQLite knows it.

    What can't be anything else is taken for damage: a row of another shape, a table that isn't there.
    """
    if isinstance(error, StorageError):
        return error
    said = f"{path.name}: {error or type(error).__name__}"
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return StorageError(f"{path.name} is locked by another process: {error}", kind="locked")
    if isinstance(error, apsw.FullError) or _errno(error, errno) in _NO_SPACE or _has_no_room_beside(error):
        return StorageError(f"{said}: no space is left on the disk, or a quota is used up", kind="full")
    if isinstance(error, apsw.ReadOnlyError) or _errno(error, errno) in _NO_WRITING:
        return StorageError(f"{said}: it can't be written", kind="readonly")
    if isinstance(error, OSError | apsw.IOError | apsw.CantOpenError | apsw.NoMemError | apsw.InterruptError):
        return StorageError(said, kind="failing")
    if isinstance(error, MemoryError):
        return StorageError(f"{path.name}: out of memory", kind="failing")
    return Damaged(f"{path.name} is damaged: {error or type(error).__name__}")


def _has_no_room_beside(error: Exception) -> bool:
    """Whether there was no room for the `-shm` of a file that is being opened; SQLite tells no errno of that."""
    return isinstance(error, apsw.IOError) and getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_SHMSIZE


def _errno(error: Exception, errno: int) -> int | None:
    if isinstance(error, OSError):
        return error.errno
    return errno if isinstance(error, apsw.IOError | apsw.CantOpenError) else None
