"""The one thread that writes: it commits what waits for a project in one transaction, merges, and runs the checkpoints.

Batching needs no timer: what arrives while one commit is being synced is the next one. A damaged file is looked at and
made anew on another thread, since that takes as long as the file is large; only its own jobs wait for it.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import queue
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import apsw

from tasktree_jupyter.storage import sqlite_merge
from tasktree_jupyter.storage.log import Damaged, NewerSchema, StorageError
from tasktree_jupyter.storage.sqlite_folder import Folder, ProjectFile
from tasktree_jupyter.storage.sqlite_jobs import Job, Mending, Outcome
from tasktree_jupyter.storage.sqlite_schema import NotOurs, check_unchanged, patience, storage_error, writing
from tasktree_jupyter.storage.sqlite_transaction import Transaction, read_head
from tasktree_jupyter.storage.sqlite_watch import Turns

_log = logging.getLogger(__name__)

_MOST_FILES = 32
_TRIES = 10
_SHRINK_PAGES = 512
_CHECKPOINT_PAGES = 1000
_MERGE_BUSY = 512
_MERGE_IDLE = 64
_QUIET_S = 0.5
_CHECKPOINT_AFTER_S = 2.0
_MERGE_AFTER_S = 10.0
_CLOSE_AFTER_S = 60.0
_SWEEP_S = 5.0
_TRY_AGAIN_S = 2.0
_LOOK_AGAIN_S = 60.0
_SHORT_BUSY_MS = 50
_LEAST_FREE = 256 * 1024
"""With less room than this (bytes) a disk that was full still is, though a small write would succeed."""

_PASSING = ("full", "readonly", "locked", "failing")


class _Written(ProjectFile):
    """A file the writer holds open, with what upkeep needs to know."""

    def __init__(self, file: ProjectFile) -> None:
        super().__init__(file.path, file.project_id, file.connection)
        self.identity = file.identity
        self.unmerged = sqlite_merge.unmerged(self.connection)
        self.wal_pages = 0
        self.freed = False
        self.connection.set_wal_hook(self._on_wal)

    def _on_wal(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        """Having a hook also keeps SQLite from running a checkpoint while someone waits for the commit."""
        self.wal_pages = pages
        return apsw.SQLITE_OK


class Writer:
    """Owns the connections that write."""

    def __init__(
        self,
        folder: Folder,
        turns: Turns,
        deliver: Callable[[Outcome], None],
        release: Callable[[str], None],
        sweep: Callable[[], bool],
    ) -> None:
        """`deliver` and `sweep` are called on this thread; `release` too: nobody may keep the project's file open after
        it.

        `sweep` closes others' idle connections and says whether there are any left.
        """
        self._thread = threading.Thread(target=self._run, name="tasktree-writer", daemon=True)
        self._folder = folder
        self._turns = turns
        self._deliver = deliver
        self._release = release
        self._sweep = sweep
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._troubled: dict[str, float] = {}
        self._sound: dict[Path, float] = {}
        self._mending: dict[Path, Mending] = {}
        self._menders = ThreadPoolExecutor(1, thread_name_prefix="tasktree-mender")
        self._files: dict[str, _Written] = {}
        self._swept = True

    def start(self, *, troubled: bool = False) -> None:
        """Start the thread. `troubled`: the folder couldn't be written to just now; project "" stands for it."""
        if troubled:
            self._troubled[""] = time.monotonic() + _TRY_AGAIN_S
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue a job; jobs of one project are done in this order."""
        self._queue.put(job)

    def stop(self) -> None:
        """End the thread after what is queued."""
        self._queue.put(None)

    def join(self) -> None:
        """Wait for the thread's end."""
        self._thread.join()

    def _run(self) -> None:
        going = True
        while going or self._mending:
            groups: dict[str, list[Job]] = {}
            going = self._take(groups) and going
            for project_id, jobs in groups.items():
                for run in _runs(jobs):
                    self._begin(project_id, run)
            if groups:
                self._guarded(self._upkeep_busy, list(groups))
            elif going:
                self._guarded(self._upkeep_idle)
        self._menders.shutdown()
        for project_id in list(self._files):
            self._drop(project_id)

    def _take(self, groups: dict[str, list[Job]]) -> bool:
        """Everything that is queued, waiting a while for the first; False: stop after it."""
        try:
            job = self._queue.get(timeout=self._patience())
            while True:
                if job is None:
                    return False
                groups.setdefault(job.project_id, []).append(job)
                job = self._queue.get_nowait()
        except queue.Empty:
            return True

    def _patience(self) -> float | None:
        if self._troubled:
            return max(0.05, min(self._troubled.values()) - time.monotonic())
        if any(file.wal_pages or file.freed or file.unmerged > 1 for file in self._files.values()):
            return _QUIET_S
        return _SWEEP_S if self._files or not self._swept else None

    def _begin(self, project_id: str, jobs: list[Job]) -> None:
        """Do some jobs of one project, unless its file is being mended: then they wait for that."""
        job = jobs[0]
        if job.mended is not None:
            self._go_on(job.mended)
            return
        mending = self._mending.get(job.mends or self._folder.path_of(project_id))
        if mending is None:
            self._turn(project_id, jobs, self._do)
        elif job.mends is not None:
            mending.asking += jobs
        else:
            mending.waiting += jobs

    def _turn(self, project_id: str, jobs: list[Job], do: Callable[[str, list[Job]], Outcome]) -> None:
        """Do some jobs of one project, and tell those who wait."""
        self._turns.begin(project_id)
        self._swept = False
        outcome = Outcome(project_id, None, [], failed=True)
        try:
            outcome = do(project_id, jobs)
        except StorageError as error:
            outcome.error = error
            outcome.answers = [(job.future, error) for job in jobs]
        except Exception as error:
            _log.exception("Writing to project %r failed", project_id)
            told = StorageError(f"writing failed: {error!r}", retryable=False)
            outcome.answers = [(job.future, told) for job in jobs]
        finally:
            self._note(outcome)
            self._turns.end(project_id, lambda: self._deliver(outcome))

    def _do(self, project_id: str, jobs: list[Job]) -> Outcome:
        job = jobs[0]
        if job.mends is not None:
            return self._mend(job.mends, project_id, jobs, None)
        if job.adopts is not None:
            return self._adopt(job, job.adopts)
        if job.work is None:
            return self._delete(job)
        try:
            return self._commit(project_id, jobs)
        except (Damaged, NotOurs) as error:
            return self._mend(self._folder.path_of(project_id), project_id, jobs, error)

    def _note(self, outcome: Outcome) -> None:
        """Remember who is in trouble: they are tried again by themselves, so that it is seen when it is over."""
        if outcome.error is not None and outcome.error.kind in _PASSING:
            self._troubled[outcome.project_id] = time.monotonic() + _TRY_AGAIN_S
        elif outcome.wrote:
            self._troubled.pop(outcome.project_id, None)

    def _commit(self, project_id: str, jobs: list[Job]) -> Outcome:
        """All jobs in one transaction, one sync."""
        makes = next((job.makes for job in jobs if job.makes is not None), None)
        for _ in range(_TRIES):
            file = self._file(project_id, makes)
            if file is None:
                return Outcome(project_id, None, [(job.future, job.absent) for job in jobs])
            if project_id in self._troubled:
                # A file that is locked for long mustn't keep the other projects waiting each time.
                file.connection.set_busy_handler(patience(_SHORT_BUSY_MS))
            changes = file.connection.total_changes()
            try:
                with writing(file.connection):
                    # While we waited for our turn the file may have been moved aside, or brought forward.
                    head = read_head(file.connection) if file.current() else None
                    if head is not None:
                        check_unchanged(file.connection, file.path)
                        transaction = Transaction(file.connection, project_id, head)
                        answers = [(job.future, job.work(transaction)) for job in jobs if job.work is not None]
                        transaction.flush()
            except Exception as error:
                told = storage_error(error, file.path, file.connection.system_errno)
                if told.kind != "locked":
                    self._drop(project_id)
                raise told from error
            if head is not None:
                file.unmerged += transaction.rows
                file.freed |= transaction.freed
                file.used = time.monotonic()
                if project_id in self._troubled:
                    file.connection.set_busy_handler(patience(self._folder.busy_ms))
                wrote = file.connection.total_changes() != changes
                return Outcome(project_id, transaction.head, answers, wrote=wrote)
            self._drop(project_id)
        raise StorageError(f"project {project_id!r} is being deleted by another process")

    def _mend(self, path: Path, project_id: str, jobs: list[Job], found: StorageError | None) -> Outcome:
        """Have a file looked at on another thread; what `jobs` want is done afterwards.

        Where nothing was wrong with it, it isn't looked at again for a while.
        """
        if time.monotonic() - self._sound.get(path, -_LOOK_AGAIN_S) < _LOOK_AGAIN_S:
            if found is not None:
                raise found
            return self._looked(Mending(path, project_id, None, [], jobs), project_id, jobs)
        held = [file.project_id for file in self._files.values() if file.path == path]
        for name in {project_id, *held} - {""}:
            self._drop(name)
            self._release(name)
        mending = Mending(path, project_id, found, [] if found is None else jobs, jobs if found is None else [])
        self._mending[path] = mending
        self._menders.submit(self._mend_aside, mending)
        return Outcome(project_id, None, [], failed=True)

    def _mend_aside(self, mending: Mending) -> None:
        """On the menders' thread."""
        try:
            mending.mended = self._folder.mend(mending.path)
        except Exception as error:
            mending.failed = error
        self._queue.put(Job(mending.project_id, None, None, mended=mending))

    def _go_on(self, mending: Mending) -> None:
        """Tell what came of a mending, and do what waited for it."""
        del self._mending[mending.path]
        if mending.mended is None and mending.failed is None:
            self._sound[mending.path] = time.monotonic()
        self._turn(mending.project_id, mending.asking, functools.partial(self._looked, mending))
        if mending.jobs:
            self._turn(mending.project_id, mending.jobs, functools.partial(self._again, mending))
        for run in _runs(mending.waiting):
            self._begin(run[0].project_id, run)

    def _looked(self, mending: Mending, project_id: str, jobs: list[Job]) -> Outcome:
        """Answer who asks for a file to be looked at, and say where its log ends now."""
        if mending.failed is not None:
            raise mending.failed
        mended = mending.mended
        saved = None if mended is None else mended.saved
        project_id = project_id or ("" if saved is None else saved.project_id)
        answers: list[tuple[asyncio.Future[Any] | None, Any]] = [(job.future, mended is not None) for job in jobs]
        if mended is not None:
            self._deliver(Outcome(project_id, None, [], failed=True, mended=mended))
        if not project_id:
            return Outcome("", None, answers, failed=True)
        file = self._file(project_id, None)
        head = None if file is None else read_head(file.connection)
        return Outcome(project_id, head, answers, wrote=mended is not None)

    def _again(self, mending: Mending, project_id: str, jobs: list[Job]) -> Outcome:
        """Do what found a file damaged once more."""
        if mending.failed is not None:
            raise mending.failed
        if mending.mended is None and mending.found is not None:
            raise mending.found
        return self._commit(project_id, jobs)

    def _adopt(self, job: Job, staged: str) -> Outcome:
        for project_id in (staged, job.project_id):
            self._drop(project_id)
            self._release(project_id)
        adopted = self._folder.adopt(staged, job.project_id, replace=job.replaces)
        file = self._file(job.project_id, None)
        head = None if file is None else read_head(file.connection)
        return Outcome(job.project_id, head, [(job.future, head if adopted else None)], wrote=adopted)

    def _delete(self, job: Job) -> Outcome:
        path = self._folder.path_of(job.project_id)
        try:
            file = self._file(job.project_id, None)
            self._files.pop(job.project_id, None)
            self._release(job.project_id)
            if file is None:
                return Outcome(job.project_id, None, [(job.future, False)])
            self._folder.remove(file)
        except NewerSchema:
            raise
        except StorageError as error:
            # A full disk can't take the mark that it is deleted; whoever has it open sees before each commit that its
            # name leads elsewhere.
            if error.retryable and error.kind not in ("damaged", "full"):
                raise
            self._release(job.project_id)
            self._folder.discard(path)
        return Outcome(job.project_id, None, [(job.future, True)])

    def _file(self, project_id: str, makes: int | None) -> _Written | None:
        """The project's open file; opened, or with `makes` made, if need be."""
        held = self._files.get(project_id)
        if held is not None:
            if held.current():
                return held
            self._drop(project_id)
        if makes is None:
            file = self._folder.open(self._folder.path_of(project_id), writes=True)
        else:
            file = self._folder.open_or_make(project_id, makes)
        if file is None:
            return None
        try:
            written = _Written(file)
        except Exception as error:
            self._folder.close(file)
            raise storage_error(error, file.path) from error
        while len(self._files) >= _MOST_FILES:
            self._drop(min(self._files, key=lambda name: self._files[name].used))
        self._files[project_id] = written
        return written

    def _drop(self, project_id: str) -> None:
        file = self._files.pop(project_id, None)
        if file is not None:
            self._folder.close(file)

    def _guarded(self, upkeep: Callable[..., None], *args: Any) -> None:
        """Upkeep that fails is tried again later; nobody waits for it."""
        try:
            upkeep(*args)
        except Exception:
            _log.warning("Upkeep of the logs failed", exc_info=True)

    def _upkeep_busy(self, project_ids: list[str]) -> None:
        for project_id in project_ids:
            file = self._files.get(project_id)
            if file is not None and file.unmerged >= _MERGE_BUSY:
                self._merge(file)
            if file is not None and file.wal_pages >= _CHECKPOINT_PAGES:
                self._checkpoint(file)

    def _upkeep_idle(self) -> None:
        """One short piece of work at a time: someone may come."""
        now = time.monotonic()
        for project_id, due in list(self._troubled.items()):
            if due <= now:
                self._try(project_id)
            if not self._queue.empty():
                return
        for project_id, file in list(self._files.items()):
            idle = now - file.used
            if not file.current() or idle >= _CLOSE_AFTER_S:
                self._drop(project_id)
            elif file.unmerged >= _MERGE_IDLE or (file.unmerged > 1 and idle >= _MERGE_AFTER_S):
                self._merge(file)
            elif file.freed:
                self._shrink(file)
            elif file.wal_pages and idle >= _CHECKPOINT_AFTER_S:
                self._checkpoint(file)
            if not self._queue.empty():
                return
        self._swept = not self._sweep()

    def _try(self, project_id: str) -> None:
        """See whether a project that couldn't be written to can be now. It changes nothing in it."""
        self._troubled[project_id] = time.monotonic() + _TRY_AGAIN_S
        if shutil.disk_usage(self._folder.path).free < _LEAST_FREE:
            return
        job = Job(project_id, Transaction.touch, None)
        if self._folder.path_of(project_id).exists():
            self._begin(project_id, [job])
            return
        try:
            self._folder.probe()
        except StorageError:
            return
        self._troubled.pop(project_id)
        self._deliver(Outcome(project_id, None, [], wrote=True, failed=True))

    def _merge(self, file: _Written) -> None:
        try:
            if not sqlite_merge.merge(file.connection):
                file.unmerged = 0
        except apsw.BusyError:
            return
        except Exception as error:
            file.unmerged = 0
            told = storage_error(error, file.path, file.connection.system_errno)
            if not isinstance(told, Damaged):
                raise
            self._queue.put(Job(file.project_id, None, None, mends=file.path))

    def _shrink(self, file: _Written) -> None:
        """Give some free pages back to the file system; few at a time, since it moves others into their place."""
        try:
            file.connection.execute(f"PRAGMA incremental_vacuum({_SHRINK_PAGES})").fetchall()
        except apsw.BusyError:
            return
        file.freed = int(file.connection.execute("PRAGMA freelist_count").get) > 0

    def _checkpoint(self, file: _Written) -> None:
        """Passive: it waits for no reader. What a reader or another process holds back is done later."""
        pages, file.wal_pages = file.wal_pages, 0
        try:
            file.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.BusyError:
            file.wal_pages = pages


def _runs(jobs: list[Job]) -> list[list[Job]]:
    """Jobs that may share a transaction, side by side as they came."""
    runs: list[list[Job]] = []
    shared = False
    for job in jobs:
        if shared and not job.alone and job.work is not None:
            runs[-1].append(job)
        else:
            runs.append([job])
        shared = not job.alone and job.work is not None
    return runs
