"""The event log in SQLite: one file per project in one folder, which several servers may share."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec

from tasktree_jupyter.storage import sqlite_reader
from tasktree_jupyter.storage.admission import check_batches
from tasktree_jupyter.storage.filesystem import filesystem_of, is_network
from tasktree_jupyter.storage.followers import Followers
from tasktree_jupyter.storage.log import (
    Batch,
    Commit,
    Damaged,
    EventLog,
    Head,
    NewerSchema,
    NoSuchProject,
    OnHead,
    Pin,
    ProjectRecord,
    StorageError,
    StoredFold,
)
from tasktree_jupyter.storage.sqlite_folder import Folder, Signature, signature
from tasktree_jupyter.storage.sqlite_jobs import Job, Outcome
from tasktree_jupyter.storage.sqlite_mending import ASIDE, Mended
from tasktree_jupyter.storage.sqlite_reader import Question, Readers
from tasktree_jupyter.storage.sqlite_schema import NotOurs, select, storage_error
from tasktree_jupyter.storage.sqlite_transaction import Transaction
from tasktree_jupyter.storage.sqlite_watch import Turns, Watcher
from tasktree_jupyter.storage.sqlite_writer import Writer

_log = logging.getLogger(__name__)

T = TypeVar("T")

_READ_THREADS = 4
_NOTICE_S = 3600.0
"""For how long people are told that a file was damaged; the events that are lost are marked in its log for ever."""

_POLL_S = {"wal": 0.03, "truncate": 0.2}


class _Running(msgspec.Struct, eq=False):
    """What exists between `start` and `close`."""

    loop: asyncio.AbstractEventLoop
    followers: Followers
    writer: Writer
    watcher: Watcher
    threads: ThreadPoolExecutor
    closing: bool = False


class SqliteLog(EventLog):
    """The event log in a folder of SQLite files.

    `journal` is `wal` or `truncate`; by default it is `truncate` on a network filesystem, where WAL is unsupported, and
    else `wal`. `busy_ms`: how long to wait for another process' lock. `poll`: seconds between looks at what other
    processes did to followed projects; by default 0.03, and 0.2 with `truncate`, where a look may go over a network.
    """

    def __init__(
        self, folder: str | Path, *, journal: str | None = None, busy_ms: int = 5000, poll: float | None = None
    ) -> None:
        path = Path(folder).absolute()
        if journal not in (None, "wal", "truncate"):
            raise ValueError(f"journal is {journal!r}; allowed: wal, truncate")
        if journal is None:
            journal = "truncate" if is_network(filesystem_of(path)) else "wal"
        self._folder = Folder(path, journal=journal, busy_ms=busy_ms)
        self._poll = poll
        self._turns = Turns()
        self._readers = Readers(self._folder)
        self._tasks: set[asyncio.Task[bool]] = set()
        self._mending: dict[Path, asyncio.Future[Any]] = {}
        self._records: dict[Path, tuple[Signature, ProjectRecord]] = {}
        self._complained: dict[Path, str] = {}
        self._running: _Running | None = None

    @property
    def engine(self) -> str:
        """Always `sqlite`."""
        return "sqlite"

    @property
    def mode(self) -> str:
        """The journal mode in force, `wal` or `truncate`; after `start` it is known to work here."""
        return self._folder.journal

    @property
    def promise(self) -> str:
        """What acknowledged means here."""
        return f"Acknowledged means on disk: written to SQLite and synced (journal_mode={self.mode}, synchronous=FULL)."

    async def start(self) -> None:
        """See `EventLog.start`."""
        loop = asyncio.get_running_loop()
        threads = ThreadPoolExecutor(_READ_THREADS, thread_name_prefix="tasktree-reader")
        try:
            trouble = await loop.run_in_executor(threads, self._folder.start)
        except StorageError:
            threads.shutdown()
            raise
        poll = self._poll or _POLL_S[self._folder.journal]
        watcher = Watcher(self._folder, self._turns, self._on_foreign, self._on_unreadable, interval=poll)
        writer = Writer(self._folder, self._turns, self._on_outcome, self._release, self._readers.sweep)
        self._running = _Running(loop, Followers(loop), writer, watcher, threads)
        writer.start(troubled=trouble is not None)
        watcher.start()
        if trouble is not None:
            # A lock of the folder isn't one project's affair.
            self.troubles.note("full" if trouble.kind == "full" else "failing", "", str(trouble))

    async def close(self) -> None:
        """See `EventLog.close`.

        What was submitted before is finished; the last process to close a file checkpoints it.
        """
        running = self._running
        if running is None or running.closing:
            return
        running.closing = True
        running.writer.stop()
        running.watcher.stop()
        for thread in (running.writer, running.watcher):
            await running.loop.run_in_executor(running.threads, thread.join)
        await running.loop.run_in_executor(running.threads, self._readers.close)
        running.threads.shutdown()
        self._running = None
        self._folder.stop()

    async def append(self, project_id: str, batches: Sequence[Batch], *, now: int) -> Commit:
        """See `EventLog.append`."""
        check_batches(batches)
        commit: Commit = await self._write(project_id, lambda write: write.append(batches, now), makes=now)
        return commit

    async def begin(self, project_id: str, base: StoredFold, *, now: int) -> None:
        """See `EventLog.begin`."""
        await self._write(project_id, lambda write: write.begin(base), makes=now, alone=True)

    async def adopt(self, staged: str, project_id: str, *, replace: bool = False) -> Head | None:
        """See `EventLog.adopt`."""
        running = self._opened()
        done: asyncio.Future[Head | None] = running.loop.create_future()
        running.writer.submit(Job(project_id, None, done, adopts=staged, replaces=replace))
        return await done

    async def head(self, project_id: str) -> Head | None:
        """See `EventLog.head`."""
        return await self._ask(project_id, sqlite_reader.read_head)

    async def read(
        self, project_id: str, after: int, *, limit: int, until: int | None = None, max_bytes: int | None = None
    ) -> list[bytes]:
        """See `EventLog.read`."""

        def events(connection: apsw.Connection) -> list[bytes]:
            return sqlite_reader.read_events(connection, project_id, after, limit, until, max_bytes)

        return await self._ask_existing(project_id, events)

    async def at_of(self, project_id: str, offset: int) -> int | None:
        """See `EventLog.at_of`."""
        return await self._ask(project_id, lambda connection: sqlite_reader.read_at(connection, offset))

    async def offset_at(self, project_id: str, at: int) -> int:
        """See `EventLog.offset_at`."""
        return await self._ask_existing(
            project_id, lambda connection: sqlite_reader.read_offset_at(connection, project_id, at)
        )

    def follow(self, project_id: str, on_head: OnHead) -> Callable[[], None]:
        """See `EventLog.follow`."""
        running = self._opened()
        stop_telling = running.followers.add(project_id, on_head)
        running.watcher.follow(project_id)

        def stop() -> None:
            stop_telling()
            if not running.followers.followed(project_id):
                running.watcher.unfollow(project_id)

        return stop

    async def save_fold(self, project_id: str, epoch: str, fold: StoredFold) -> None:
        """See `EventLog.save_fold`."""
        await self._write(project_id, lambda write: write.save_fold(epoch, fold))

    async def fold_below(self, project_id: str, offset: int | None, *, version: int | None = None) -> StoredFold | None:
        """See `EventLog.fold_below`."""
        return await self._ask(project_id, lambda connection: sqlite_reader.read_fold(connection, offset, version))

    async def fold_offsets(self, project_id: str, *, version: int) -> list[int]:
        """See `EventLog.fold_offsets`."""
        return (
            await self._ask(project_id, lambda connection: sqlite_reader.read_fold_offsets(connection, version)) or []
        )

    async def upto(self, project_id: str, source: str) -> int:
        """See `EventLog.upto`."""
        return await self._ask(project_id, lambda connection: sqlite_reader.read_upto(connection, source)) or 0

    async def attributes(self, project_id: str) -> dict[str, Any]:
        """See `EventLog.attributes`."""
        return await self._ask(project_id, sqlite_reader.read_attributes) or {}

    async def set_attributes(self, project_id: str, patch: Mapping[str, Any]) -> None:
        """See `EventLog.set_attributes`."""
        encoded = {key: None if value is None else msgspec.json.encode(value) for key, value in patch.items()}
        now = time.time_ns() // 1000
        await self._write(project_id, lambda write: write.set_attributes(encoded), makes=now)

    async def projects(self) -> list[ProjectRecord]:
        """See `EventLog.projects`."""
        running = self._opened()
        found, damaged = await running.loop.run_in_executor(running.threads, self._list)
        if damaged:
            mended = [await self._mend("", path) for path in damaged]
            if any(mended):
                found, _ = await running.loop.run_in_executor(running.threads, self._list)
        return found

    async def pin(self, project_id: str, offset: int, name: str) -> None:
        """See `EventLog.pin`."""
        await self._write(project_id, lambda write: write.pin(offset, name), absent=NoSuchProject(project_id))

    async def unpin(self, project_id: str, name: str) -> None:
        """See `EventLog.unpin`."""
        await self._write(project_id, lambda write: write.unpin(name))

    async def pins(self, project_id: str) -> list[Pin]:
        """See `EventLog.pins`."""
        return await self._ask(project_id, sqlite_reader.read_pins) or []

    async def trim(self, project_id: str, offset: int) -> None:
        """See `EventLog.trim`."""
        await self._write(project_id, lambda write: write.trim(offset), absent=NoSuchProject(project_id), alone=True)

    async def delete(self, project_id: str) -> bool:
        """See `EventLog.delete`."""
        return bool(await self._write(project_id, None, absent=False, alone=True))

    def _opened(self) -> _Running:
        if self._running is None or self._running.closing:
            raise StorageError("the log is closed", retryable=False)
        return self._running

    async def _write(
        self,
        project_id: str,
        work: Callable[[Transaction], Any] | None,
        *,
        makes: int | None = None,
        absent: Any = None,
        alone: bool = False,
    ) -> Any:
        running = self._opened()
        done = running.loop.create_future()
        running.writer.submit(Job(project_id, work, done, absent, makes, alone))
        return await done

    async def _ask(self, project_id: str, question: Question[T]) -> T | None:
        running = self._opened()
        ask = functools.partial(self._readers.ask, project_id, question)
        try:
            return await running.loop.run_in_executor(running.threads, ask)
        except (Damaged, NotOurs) as error:
            # Whoever asks again finds what was saved, and another epoch: the followers are told before.
            if await self._mend(project_id, self._folder.path_of(project_id)):
                raise Damaged(str(error)) from error
            raise

    async def _mend(self, project_id: str, path: Path) -> bool:
        """Have a file looked at, and mended if it is damaged; True if it was."""
        running = self._opened()
        mending = self._mending.get(path)
        if mending is None:
            mending = self._mending[path] = running.loop.create_future()
            mending.add_done_callback(lambda _: self._mending.pop(path, None))
            running.writer.submit(Job(project_id, None, mending, mends=path))
        try:
            return bool(await asyncio.shield(mending))
        except StorageError as error:
            _log.warning("A damaged file can't be mended now: %s", error)
            return False

    async def _ask_existing(self, project_id: str, question: Question[T]) -> T:
        answer = await self._ask(project_id, question)
        if answer is None:
            raise NoSuchProject(project_id)
        return answer

    def _on_outcome(self, outcome: Outcome) -> None:
        """On the writer's thread: wake the loop once for all that was committed together."""
        self._on_loop(self._settle, outcome)

    def _on_foreign(self, project_id: str, head: Head | None) -> None:
        """On the watcher's thread."""
        self._on_loop(self._tell, project_id, head)

    def _on_loop(self, call: Callable[..., None], *args: Any) -> None:
        running = self._running
        if running is not None:
            with contextlib.suppress(RuntimeError):
                running.loop.call_soon_threadsafe(call, *args)

    def _tell(self, project_id: str, head: Head | None) -> None:
        if self._running is not None:
            self._running.followers.moved(project_id, head)

    def _on_unreadable(self, project_id: str, error: StorageError) -> None:
        """On the watcher's thread."""
        if isinstance(error, NewerSchema):
            self._on_loop(self.troubles.note, "newer", project_id, str(error))
        else:
            self._on_loop(self._mend_soon, project_id)

    def _mend_soon(self, project_id: str) -> None:
        if self._running is not None and not self._running.closing:
            path = self._folder.path_of(project_id)
            task = self._running.loop.create_task(self._mend(project_id, path))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _settle(self, outcome: Outcome) -> None:
        self._note(outcome)
        for future, answer in outcome.answers:
            if future is None or future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
        if not outcome.failed:
            self._tell(outcome.project_id, outcome.head)

    def _note(self, outcome: Outcome) -> None:
        """Keep the troubles up to date. They are logged by whoever listens to them."""
        project_id, error = outcome.project_id, outcome.error
        if error is not None and error.kind is not None and error.kind != "damaged":
            self.troubles.note(error.kind, project_id, str(error))
        elif outcome.wrote or (not outcome.failed and outcome.head is None):
            self.troubles.clear(project_id, "full", "readonly", "locked", "failing", "newer")
        if outcome.mended is not None:
            message = _told_of(outcome.mended)
            _log.error("%s. The damaged file was moved aside, to %s", message, outcome.mended.aside)
            self.troubles.note("damaged", project_id, f"{message}.")
            if self._running is not None:
                self._running.loop.call_later(_NOTICE_S, self.troubles.clear, project_id, "damaged")

    async def particulars(self) -> dict[str, Any]:
        """See `EventLog.particulars`."""
        running = self._opened()
        # What can't be read is known once it was tried.
        await self.projects()
        return await running.loop.run_in_executor(running.threads, self._particulars)

    def _particulars(self) -> dict[str, Any]:
        path = self._folder.path
        return {
            "filesystem": filesystem_of(path),
            "network": is_network(filesystem_of(path)),
            "free_bytes": shutil.disk_usage(path).free,
            "damaged": [aside.name for aside in self._folder.damaged()],
            "unreadable": [
                {"file": path.name, "message": message} for path, message in self._complained.items() if path.exists()
            ],
        }

    def _release(self, project_id: str) -> None:
        """On the writer's thread, before a file is removed: Windows removes no file that is open."""
        self._readers.release(project_id)
        if self._running is not None:
            self._running.watcher.release(project_id)

    def _list(self) -> tuple[list[ProjectRecord], list[Path]]:
        """The projects, oldest first, and the files that seem to be damaged."""
        records: dict[Path, tuple[Signature, ProjectRecord]] = {}
        found: list[ProjectRecord] = []
        damaged: list[Path] = []
        for path in self._folder.paths():
            mark = signature(path)
            known = self._records.get(path)
            if known is not None and known[0] == mark:
                record: ProjectRecord | None = known[1]
            else:
                record = self._record(path, damaged)
            if record is not None:
                found.append(record)
                if mark is not None:
                    records[path] = (mark, record)
        self._records = records
        return sorted(found, key=lambda record: (record.created_at, record.project_id)), damaged

    def _record(self, path: Path, damaged: list[Path]) -> ProjectRecord | None:
        try:
            file = self._folder.open(path, writes=False)
            if file is None:
                return None
            try:
                ((created_at,),) = select(file.connection, "SELECT created_at FROM log")
                record = ProjectRecord(file.project_id, created_at, sqlite_reader.read_attributes(file.connection))
            except Exception as error:
                raise storage_error(error, path) from error
            finally:
                self._folder.close(file)
        except StorageError as error:
            if isinstance(error, Damaged | NotOurs):
                damaged.append(path)
            if self._complained.get(path) != str(error):
                self._complained[path] = str(error)
                _log.warning("Left out of the list of projects: %s", error)
            return None
        self._complained.pop(path, None)
        return record


def _told_of(mended: Mended) -> str:
    saved = mended.saved
    if saved is None:
        return f"The file {mended.aside.name.partition(ASIDE)[0]} was damaged, and nothing in it could be read"
    lost = f"{saved.lost} are known to be lost" if saved.lost else "none is known to be lost"
    return f"The file of project {saved.project_id!r} was damaged: {saved.kept} events were recovered, {lost}"
