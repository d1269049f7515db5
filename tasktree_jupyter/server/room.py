"""A project's live state on this server.

A room **follows the log, not its own appends**: other servers may append to the same log. A commit of our own that
comes next is handed over directly, anything else is read from the log. Everything passes through `_take_in`, which
takes each offset exactly once, whichever way it came.

`offset` is how far events were delivered, `tree.offset` how far they are folded. They differ only while the tree is
frozen because somebody is encoding it, a slice at a time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext, suppress
from typing import Any, TypeVar

from tasktree_jupyter.core.tree import TaskTree
from tasktree_jupyter.server.delivery import Delivery, Follower, RecentEvents
from tasktree_jupyter.server.folding import (
    READ_BYTES,
    READ_EVENTS,
    Pace,
    Snapshot,
    decode_event,
    encode_fold,
    load_tree,
)
from tasktree_jupyter.server.intake import Intake, now_us
from tasktree_jupyter.server.keeping import SnapshotKeeper
from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.logs import storage_failed, tell
from tasktree_jupyter.server.publication import Publication
from tasktree_jupyter.server.snapshotting import SharedSnapshot
from tasktree_jupyter.server.tally import TALLY
from tasktree_jupyter.storage.log import Commit, EventLog, Head, NewerSchema, NoSuchProject, StorageError, Trimmed

REFRESH_SECONDS = 10.0
"""How long one who asks for the newest state waits for what is being read."""

RETRY_SECONDS = 1.0
"""After how long a failed read of the log is tried again."""


_T = TypeVar("_T")

Position = tuple[str | None, int]
"""An epoch, None: whichever it is, and an offset in it."""


class Room:
    """One project: takes publishes in, follows the log, folds, and delivers. Lives on the loop.

    `delivered` is up to where followers have had everything; None: all that is in the log at opening.
    `on_change` is called, with the room, after anything that its info shows may have changed; `on_needless` when its
    project isn't there and nobody needs it any more.
    """

    def __init__(
        self,
        project_id: str,
        log: EventLog,
        limits: Limits,
        *,
        on_change: Callable[[Room], None],
        logger: logging.Logger,
        clock: Callable[[], int] = now_us,
        delivered: Position | None = None,
        on_needless: Callable[[Room], None] = lambda room: None,
    ) -> None:
        self.project_id = project_id
        self.epoch = ""
        self.offset = 0
        self.tree = TaskTree()
        self.followers: set[Follower] = set()
        self.holds = 0
        self.life = 0
        self.used_at = time.monotonic()
        self._log = log
        self._limits = limits
        self._on_change = on_change
        self._on_needless = on_needless
        self._logger = logger
        self._delivered = delivered
        self._catching_up: asyncio.Task[None] | None = None
        self._others: set[asyncio.Task[Any]] = set()
        self._recent = RecentEvents()
        self._intake = Intake(self, log, limits, clock=clock, logger=logger)
        self._keeper = SnapshotKeeper(self, log, logger)
        self._loaded = False
        self._head_offset = 0
        self._behind_since: float | None = None
        self._stored_at = 0
        self._storing = False
        self._frozen = 0
        self._thawed = asyncio.Event()
        self._current = asyncio.Event()
        self._snapshot = SharedSnapshot(self, self._spawn)
        self._stop_following: Callable[[], None] | None = None
        self._closed = False
        self._loading = self._spawn(self._load(), quiet=True)

    # Life

    async def ready(self) -> None:
        """Wait until the tree is there. Raises StorageError if the log can't be read."""
        if not self._loaded:
            await asyncio.shield(self._loading)

    @property
    def failed(self) -> bool:
        """Whether loading failed; such a room is thrown away."""
        return self._loading.done() and not self._loading.cancelled() and self._loading.exception() is not None

    @property
    def exists(self) -> bool:
        """Whether the project is in the log."""
        return bool(self.epoch)

    @property
    def at(self) -> int:
        """The commit time of the last folded event (µs)."""
        return self.tree.at

    @property
    def queued_bytes(self) -> int:
        """Bytes of the publications that wait for the log."""
        return self._intake.queued_bytes

    @property
    def needed(self) -> bool:
        """Whether anybody needs the room to stay open."""
        return bool(self.holds or self._intake.busy or any(follower.keeps_room for follower in self.followers))

    def leave(self, follower: Follower) -> None:
        """Let a follower go."""
        self.followers.discard(follower)
        self.rest()

    def rest(self) -> None:
        """Somebody needs it no longer. Of a project that isn't there nothing is kept for who comes next."""
        if self._loaded and not (self.exists or self.needed or self._closed):
            self._on_needless(self)

    def _spawn(self, work: Coroutine[Any, Any, _T], *, quiet: bool = False) -> asyncio.Task[_T]:
        task = asyncio.get_running_loop().create_task(work)
        self._others.add(task)

        def done(ended: asyncio.Task[_T]) -> None:
            self._others.discard(ended)
            if not ended.cancelled() and (error := ended.exception()) is not None and not quiet:
                message = "The room of %r failed"
                tell(self._logger, "project.failed", message, self.project_id, error=error, project_id=self.project_id)

        task.add_done_callback(done)
        return task

    async def _load(self) -> None:
        tree, head, stored_at = await load_tree(self._log, self.project_id)
        self.tree, self.epoch, self._stored_at = tree, head.epoch if head else "", stored_at
        epoch, offset = self._delivered or (None, tree.offset)
        self.offset = min(offset, tree.offset) if epoch in (None, self.epoch) else 0
        self._head_offset = tree.offset
        self._loaded = True
        self._stop_following = self._log.follow(self.project_id, self._on_head)
        if self.offset < tree.offset:
            self._catch_up()
        self._settle()
        self._keep_snapshots()
        self.rest()

    def _keep_snapshots(self) -> None:
        if self._keeper.behind and not self._closed:
            self._spawn(self._keeper.keep())

    async def keep_snapshots(self) -> TaskTree:
        """Have all snapshots of the newest state pinned and stored, and return the tree. Raises StorageError."""
        tree = await self.settled()
        await self._keeper.keep()
        return tree

    async def close(self) -> None:
        """Finish what was begun, keep the fold, and let go of the log. The followers were told by whoever closes."""
        self._closed = True
        await self._intake.finish()
        if self._stop_following is not None:
            self._stop_following()
        if self._loaded and self.offset - self._stored_at >= READ_EVENTS // 2 and not self._storing:
            await self._store_fold()
        unfinished = tuple(self._others)
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)

    def _restart(self, reason: str, delivered: Position | None) -> None:
        """Load again: the log isn't the one we knew."""
        self.life += 1
        if self._stop_following is not None:
            self._stop_following()
            self._stop_following = None
        self._forget()
        self._delivered = delivered
        self._loading = self._spawn(self._load(), quiet=True)
        for follower in tuple(self.followers):
            follower.restart(reason)

    def _forget(self) -> None:
        if self._catching_up is not None:
            self._catching_up.cancel()
            self._catching_up = None
        self._snapshot.forget()
        self._loaded = False
        self.epoch, self.offset, self.tree = "", 0, TaskTree()
        self._head_offset = self._stored_at = 0
        self._behind_since = None
        self._recent.clear()
        self._intake.forget()
        self._current.clear()

    def _gone(self) -> None:
        self.life += 1
        self._forget()
        self._loaded = True
        self._settle()
        followers = tuple(self.followers)
        for follower in followers:
            follower.gone()
        self._on_change(self)

    # Publishing

    def publish(self, publication: Publication) -> None:
        """Take a publication in; its `answer` is called when it is on disk, or refused."""
        self.used_at = time.monotonic()
        self._intake.add(publication)

    async def settled(self) -> TaskTree:
        """Wait until everything delivered is folded, and return the tree. Raises StorageError."""
        await self.ready()
        await self._current.wait()
        return self.tree

    def hand_over(self, commit: Commit, life: int, committed: float | None = None) -> None:
        """Take in our own commit, if it comes next.

        `life` is the room's at the time of the append, `committed` the time of its end (of `time.perf_counter`).
        """
        if life != self.life or not self._loaded:
            return
        if self.epoch and commit.epoch != self.epoch:
            self._restart("epoch", (None, 0))
            return
        if commit.events and commit.first_offset <= self.offset and not self._has_delivered(commit):
            # A backup was put back under our feet, and this is what follows on it.
            self._restart("epoch", (None, commit.first_offset - 1))
            return
        self.epoch = commit.epoch
        self._heard_of(commit.last_offset, committed)
        self._take_in(commit.first_offset, commit.events)
        if self._head_offset > self.offset:
            self._catch_up()

    def _has_delivered(self, commit: Commit) -> bool:
        """Whether a commit that seems to be old was read from the log before it was handed over."""
        recent = self._recent.after(commit.first_offset - 1)
        return recent is not None and recent[:1] == commit.events[:1]

    # Following the log

    def _on_head(self, head: Head | None) -> None:
        if self._closed or not self._loaded:
            return
        if head is not None and not self.epoch:
            self.epoch = head.epoch
            self._on_change(self)
        if head is None or head.epoch != self.epoch or head.offset < self.offset:
            if head is not None or self.epoch:
                self._spawn(self._verify(self.life))
        elif head.offset > self.offset:
            self._heard_of(head.offset)
            self._catch_up()

    def _heard_of(self, offset: int, when: float | None = None) -> None:
        """The log goes on up to `offset`; `when`: since when that is known, of `time.perf_counter`."""
        self._head_offset = max(self._head_offset, offset)
        if self._behind_since is None and offset > self.offset:
            self._behind_since = time.perf_counter() if when is None else when

    async def refresh(self) -> Head | None:
        """Ask the log where it ends, and wait until what is new is read. Raises StorageError."""
        await self.ready()
        life, known = self.life, self.offset
        head = await self._log.head(self.project_id)
        if life == self.life:
            self._compare(head, known)
        if self._catching_up is not None:
            await asyncio.wait([self._catching_up], timeout=REFRESH_SECONDS)
        return head

    async def _verify(self, life: int) -> None:
        """News that don't fit ours may be old news: ask again before acting on them."""
        with suppress(StorageError):
            known = self.offset
            try:
                head = await self._log.head(self.project_id)
            except NewerSchema:
                return self._unreadable()
            if life == self.life and not self._closed:
                self._compare(head, known)

    def look_again(self) -> None:
        """Something may have happened to the log that no head tells of."""
        if self._loaded and not self._closed:
            self._spawn(self._verify(self.life))

    def _unreadable(self) -> None:
        for follower in tuple(self.followers):
            follower.unreadable()

    def _compare(self, head: Head | None, known: int) -> None:
        """Act on where the log ends; `known` is the offset that we had before it was asked."""
        if head is None:
            if self.epoch:
                self._gone()
        elif self.epoch and head.epoch != self.epoch:
            self._restart("epoch", (None, 0))
        elif head.offset < known:
            # A backup was put back: the same life of the log, but not the same events.
            self._restart("epoch", (None, head.offset))
        else:
            self.epoch = head.epoch
            self._heard_of(head.offset)
            if self._head_offset > self.offset:
                self._catch_up()

    def _catch_up(self) -> None:
        if self._catching_up is None and not self._closed:
            self._catching_up = self._spawn(self._read_on())

    async def _read_on(self) -> None:
        """Read until everything in the log is delivered and folded."""
        try:
            while True:
                if self._frozen:
                    self._thawed.clear()
                    await self._thawed.wait()
                after = min(self.offset, self.tree.offset)
                if after >= max(self._head_offset, self.offset, self.tree.offset):
                    break
                events = self._recent.after(after) if after < self.offset else None
                if not events:
                    events = await self._read(after)
                if not events:
                    # The log ends before where it was said to end.
                    self._head_offset = self.offset
                    self._spawn(self._verify(self.life))
                    break
                pace = Pace()
                for start in range(0, len(events), 100):
                    self._take_in(after + 1 + start, events[start : start + 100])
                    if pace.due():
                        await pace.rest()
        except Trimmed:
            self._catching_up = None
            self._restart("trimmed", None)
        except NoSuchProject:
            self._catching_up = None
            self._gone()
        except NewerSchema:
            self._unreadable()
        finally:
            if self._catching_up is asyncio.current_task():
                self._catching_up = None
            self._settle()

    async def _read(self, after: int) -> list[bytes]:
        while True:
            try:
                return await self._log.read(self.project_id, after, limit=READ_EVENTS, max_bytes=READ_BYTES)
            except (Trimmed, NoSuchProject, NewerSchema):
                raise
            except StorageError as error:
                storage_failed(self._logger, "read", self.project_id, "Can't read %r, trying again: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
                if not await self._is_same_log():
                    return []

    async def _is_same_log(self) -> bool:
        """Whether it can be read and isn't another: a damaged one is replaced by what could be read of it."""
        with suppress(StorageError):
            head = await self._log.head(self.project_id)
            return head is not None and head.epoch == self.epoch
        return True

    def _take_in(self, first: int, events: list[bytes]) -> None:
        """Fold and deliver consecutive events, of which any number may have been taken already."""
        last = first + len(events) - 1
        if last > self.tree.offset and first <= self.tree.offset + 1 and not self._frozen:
            for event in events[self.tree.offset + 1 - first :]:
                self.tree.apply(decode_event(event))
        if last > self.offset and first <= self.offset + 1:
            fresh = events[self.offset + 1 - first :]
            delivery = Delivery(self.project_id, self.epoch, self.offset + 1, fresh)
            self.offset = last
            self._recent.add(delivery.first, fresh)
            self._deliver(delivery)
            if self._behind_since is not None and last >= self._head_offset:
                TALLY.deliveries.add(time.perf_counter() - self._behind_since)
                self._behind_since = None
            self._on_change(self)
        if self.tree.offset < self.offset and not self._frozen:
            self._catch_up()
        self._settle()
        self._keep_snapshots()
        due = max(self._limits.fold_every, len(self.tree))
        if self.tree.offset - self._stored_at >= due and not self._storing and not self._closed:
            self._spawn(self._store_fold())

    def _deliver(self, delivery: Delivery) -> None:
        failed = [follower for follower in tuple(self.followers) if not follower.push(delivery)]
        for follower in failed:
            self.followers.discard(follower)
            follower.failed()

    def _settle(self) -> None:
        if self._loaded and not self._frozen and self.tree.offset >= self.offset:
            self._current.set()
        else:
            self._current.clear()

    # Reading the state

    @contextmanager
    def freeze(self) -> Iterator[TaskTree]:
        """Keep the tree as it is for a while; events are delivered all the same, but publishes wait."""
        self._frozen += 1
        self._settle()
        try:
            yield self.tree
        finally:
            self._frozen -= 1
            if not self._frozen:
                self._thawed.set()
                if self.tree.offset < self.offset:
                    self._catch_up()
                self._settle()

    def recent_after(self, offset: int) -> list[bytes] | None:
        """Return the events after `offset` that are at hand; None if they must be read from the log."""
        return [] if offset >= self.offset else self._recent.after(offset)

    async def read(self, after: int, max_bytes: int) -> list[bytes]:
        """Return some events from the log, none beyond what was delivered. Raises StorageError, Trimmed among them."""
        return await self._log.read(self.project_id, after, limit=READ_EVENTS, until=self.offset, max_bytes=max_bytes)

    async def at_of(self, offset: int) -> int | None:
        """Return the commit time of the event at an offset. Raises StorageError."""
        return await self._log.at_of(self.project_id, offset)

    async def snapshot(self) -> Snapshot:
        """Return a recent state as frames, shared by all who ask at about the same time. Raises StorageError."""
        await self.ready()
        return await self._snapshot.get()

    @asynccontextmanager
    async def reading(
        self, turn: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    ) -> AsyncIterator[TaskTree]:
        """Freeze the newest state, once it is its `turn`. Raises StorageError, NoSuchProject among them."""
        head = await self.refresh()
        if head is None:
            raise NoSuchProject(self.project_id)
        async with turn():
            await self.ready()
            if not self.exists:
                raise NoSuchProject(self.project_id)
            with self.freeze() as tree:
                yield tree

    async def _store_fold(self) -> None:
        self._storing = True
        try:
            life, epoch = self.life, self.epoch
            with self.freeze() as tree:
                fold = await encode_fold(tree)
            await self._log.save_fold(self.project_id, epoch, fold)
            if life == self.life:
                self._stored_at = fold.offset
        except StorageError as error:
            storage_failed(self._logger, "fold", self.project_id, "Can't keep the fold of %r: %s", error)
        finally:
            self._storing = False
