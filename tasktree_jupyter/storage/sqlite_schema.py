"""The SQLite file of a project: its tables, its version, how a connection to it is set up, and what its errors mean.

`batches` holds a row per commit, not per event; `first` … `last` are its offsets. `log` has one row: `trimmed` and
`trimmed_at` say what is gone, `merged` up to where small rows have been merged, and `deleted` that the file is about to
be unlinked, so that a process which still has it open doesn't acknowledge anything into it.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw

from tasktree_jupyter.storage.log import NewerSchema, StorageError

SCHEMA = 1
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
_WAL_BYTES_KEPT = 4 * 1024 * 1024
_CACHE_KIB = 512
_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100


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
        connection.execute(f"PRAGMA user_version={SCHEMA}")


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
    if header and not header.startswith(_MAGIC):
        raise StorageError(f"{path} is damaged: it doesn't begin as a database", retryable=False)
    _check(path, int.from_bytes(header[60:64]), int.from_bytes(header[68:72]))


def check_connection(connection: apsw.Connection, path: Path) -> None:
    """Raise `NewerSchema` for a newer file, `StorageError` for one that is no project's log."""
    version = int(connection.execute("PRAGMA user_version").get)
    _check(path, version, int(connection.execute("PRAGMA application_id").get))


def _check(path: Path, version: int, application_id: int) -> None:
    if application_id != APPLICATION_ID:
        raise StorageError(f"{path} is no log of tasktree_jupyter", retryable=False)
    if version > SCHEMA:
        raise NewerSchema(
            f"{path} was written by a newer tasktree_jupyter (schema {version}, known here: {SCHEMA}): upgrade this one"
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


def storage_error(error: Exception, path: Path) -> StorageError:
    """What an error of SQLite or the system means to a caller."""
    if isinstance(error, StorageError):
        return error
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return StorageError(f"{path.name} is locked by another process: {error}")
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return StorageError(f"{path} is damaged: {error}", retryable=False)
    retryable = isinstance(error, OSError | apsw.FullError | apsw.IOError | apsw.CantOpenError | apsw.ReadOnlyError)
    return StorageError(f"{path.name}: {error or type(error).__name__}", retryable=retryable)
