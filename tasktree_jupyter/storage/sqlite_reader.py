"""Reading project files: connections of its own, on any thread, in transactions as short as a page."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import apsw
import msgspec

from tasktree_jupyter.storage.admission import at_of_event, within
from tasktree_jupyter.storage.log import Damaged, Head, NoSuchProject, Pin, StorageError, StoredFold, Trimmed
from tasktree_jupyter.storage.sqlite_folder import Folder, ProjectFile
from tasktree_jupyter.storage.sqlite_rows import unpack
from tasktree_jupyter.storage.sqlite_schema import check_unchanged, select, storage_error
from tasktree_jupyter.storage.sqlite_transaction import read_head as read_head

T = TypeVar("T")

_MOST_IDLE = 16
_CLOSE_AFTER_S = 30.0
_PAGE_BYTES = 4 * 1024 * 1024

Question = Callable[[apsw.Connection], T]
Row = tuple[int, int, int, bytes]


class Readers:
    """Connections that only read; each is used by one thread at a time."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._mutex = threading.Lock()
        self._idle: list[ProjectFile] = []

    def ask(self, project_id: str, question: Question[T]) -> T | None:
        """The answer of the project's file; None if there is no such project."""
        file = self._take(project_id)
        if file is None:
            return None
        try:
            check_unchanged(file.connection, file.path)
            answer = question(file.connection)
        except StorageError:
            self._give(file)
            raise
        except Exception as error:
            self._folder.close(file)
            raise storage_error(error, file.path) from error
        except BaseException:
            self._give(file)
            raise
        self._give(file)
        return answer

    def release(self, project_id: str) -> None:
        """Close the project's idle connections."""
        self._close(lambda file: file.project_id == project_id)

    def sweep(self) -> bool:
        """Close what nobody has used for a while; True: some are left."""
        limit = time.monotonic() - _CLOSE_AFTER_S
        self._close(lambda file: file.used < limit)
        return bool(self._idle)

    def close(self) -> None:
        """Close all."""
        self._close(lambda file: True)

    def _take(self, project_id: str) -> ProjectFile | None:
        with self._mutex:
            mine = [file for file in self._idle if file.project_id == project_id]
            if mine:
                self._idle.remove(mine[-1])
        if mine:
            if mine[-1].current():
                return mine[-1]
            self._folder.close(mine[-1])
        return self._folder.open(self._folder.path_of(project_id), writes=False)

    def _give(self, file: ProjectFile) -> None:
        file.used = time.monotonic()
        with self._mutex:
            self._idle.append(file)
            surplus = self._idle[:-_MOST_IDLE]
            del self._idle[:-_MOST_IDLE]
        for old in surplus:
            self._folder.close(old)

    def _close(self, which: Callable[[ProjectFile], bool]) -> None:
        with self._mutex:
            closing = [file for file in self._idle if which(file)]
            self._idle = [file for file in self._idle if not which(file)]
        for file in closing:
            self._folder.close(file)


def existing(connection: apsw.Connection, project_id: str) -> Head:
    """The head. Raises `NoSuchProject` for a file that is about to be unlinked."""
    head = read_head(connection)
    if head is None:
        raise NoSuchProject(project_id)
    return head


def read_events(
    connection: apsw.Connection,
    project_id: str,
    after: int,
    limit: int,
    until: int | None,
    max_bytes: int | None = None,
) -> list[bytes]:
    """See `EventLog.read`. Between two pages a merge or another commit may come; offsets don't change by it."""
    wanted = after + max(limit, 0)
    if until is not None:
        wanted = min(wanted, until)
    events: list[bytes] = []
    size = 0
    page_bytes = _PAGE_BYTES if max_bytes is None else min(max_bytes, _PAGE_BYTES)
    while True:
        rows = _page(connection, project_id, after, wanted, page_bytes)
        for first, last, codec, body in rows:
            if first > after + 1:
                raise Damaged(f"{project_id!r} is damaged: the events {after + 1} to {first - 1} aren't there")
            found = unpack(codec, body, first, last)[max(after + 1 - first, 0) : wanted + 1 - first]
            if max_bytes is not None:
                size += sum(map(len, found))
                if size > max_bytes:
                    # A row holds hardly more than one large event, or many small ones.
                    return within(events + found, max_bytes)
            events += found
            after = min(last, wanted)
        if not rows or after >= wanted:
            return events


def _page(connection: apsw.Connection, project_id: str, after: int, wanted: int, page_bytes: int) -> list[Row]:
    """Rows that hold the offsets after + 1 … wanted, from the first on, until they make a page."""
    rows: list[Row] = []
    with _reading(connection):
        head = existing(connection, project_id)
        if after < head.trimmed:
            raise Trimmed(project_id, head.trimmed)
        size = 0
        if wanted <= after:
            return rows
        for row in select(
            connection,
            "SELECT first, last, codec, body FROM batches WHERE last > ?1 AND first <= ?2"
            " AND first >= coalesce((SELECT max(first) FROM batches WHERE first <= ?1 + 1), 0) ORDER BY first",
            (after, wanted),
        ):
            rows.append((row[0], row[1], row[2], row[3]))
            size += len(row[3])
            if size >= page_bytes:
                break
        if not rows and after < head.offset:
            raise Damaged(f"{project_id!r} is damaged: the events from {after + 1} on aren't there")
    return rows


def read_at(connection: apsw.Connection, offset: int) -> int | None:
    """See `EventLog.at_of`."""
    trimmed, trimmed_at = next(select(connection, "SELECT trimmed, trimmed_at FROM log"))
    if offset == trimmed:
        return int(trimmed_at)
    rows = list(
        select(
            connection,
            "SELECT first, last, first_at, last_at, codec, body FROM batches"
            " WHERE first <= ? ORDER BY first DESC LIMIT 1",
            (offset,),
        )
    )
    if offset < trimmed or not rows or rows[0][1] < offset:
        return None
    first, last, first_at, last_at, codec, body = rows[0]
    if first_at == last_at or offset == first:
        return int(first_at)
    return at_of_event(unpack(codec, body, first, last)[offset - first])


def read_offset_at(connection: apsw.Connection, project_id: str, at: int) -> int:
    """See `EventLog.offset_at`. `at` never decreases, so bisection finds the row without an index."""
    with _reading(connection):
        head = existing(connection, project_id)
        low, high = head.trimmed, head.offset
        while low < high:
            middle = (low + high + 1) // 2
            first, last, first_at, last_at, codec, body = next(
                select(
                    connection,
                    "SELECT first, last, first_at, last_at, codec, body FROM batches"
                    " WHERE first <= ? ORDER BY first DESC LIMIT 1",
                    (middle,),
                )
            )
            if first_at > at:
                high = first - 1
            elif last_at <= at:
                low = last
            else:
                events = unpack(codec, body, first, last)
                return int(first) - 1 + sum(at_of_event(event) <= at for event in events)
        return low


def read_fold(connection: apsw.Connection, offset: int | None, version: int | None) -> StoredFold | None:
    """See `EventLog.fold_below`."""
    for found, at, body, of in select(
        connection,
        'SELECT "offset", at, body, version FROM folds WHERE (?1 IS NULL OR "offset" <= ?1)'
        ' AND (?2 IS NULL OR version = ?2) ORDER BY "offset" DESC, version DESC LIMIT 1',
        (offset, version),
    ):
        return StoredFold(found, at, body, of)
    return None


def read_fold_offsets(connection: apsw.Connection, version: int) -> list[int]:
    """See `EventLog.fold_offsets`."""
    found = select(connection, 'SELECT "offset" FROM folds WHERE version = ? ORDER BY "offset"', (version,))
    return [int(offset) for (offset,) in found]


def read_upto(connection: apsw.Connection, source: str) -> int:
    """See `EventLog.upto`."""
    return next(
        (int(upto) for (upto,) in select(connection, "SELECT upto FROM sources WHERE source = ?", (source,))), 0
    )


def read_attributes(connection: apsw.Connection) -> dict[str, Any]:
    """See `EventLog.attributes`."""
    return {
        key: msgspec.json.decode(value)
        for key, value in select(connection, "SELECT key, value FROM attributes ORDER BY key")
    }


def read_pins(connection: apsw.Connection) -> list[Pin]:
    """See `EventLog.pins`."""
    return [
        Pin(name, offset)
        for name, offset in select(connection, 'SELECT name, "offset" FROM pins ORDER BY "offset", name')
    ]


@contextmanager
def _reading(connection: apsw.Connection) -> Iterator[None]:
    """Several statements that see one moment."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
