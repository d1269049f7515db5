"""The state as it was: at an offset, at a time, at a snapshot; and what differs between two moments.

A state is the nearest stored fold at or below it and the events between, folded a few milliseconds at a time. People
look at the same few moments again and again, so the last ones are kept for a while.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from typing import Any

import msgspec

from tasktree_jupyter.core.diff import diff_steps, touched_by
from tasktree_jupyter.core.shape import Problem, ProblemError
from tasktree_jupyter.core.tree import TaskTree
from tasktree_jupyter.server.folding import READ_BYTES, READ_EVENTS, Pace, decode_event, fold_to
from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.moments import Moment
from tasktree_jupyter.server.room import Room
from tasktree_jupyter.server.rooms import Rooms
from tasktree_jupyter.storage.log import EventLog, Head, NoSuchProject, StorageError, Trimmed

KEPT_TREES = 8
KEPT_NODES = 200_000
"""How many nodes the kept trees have together, about 100 MB: as many as a single project can have."""

KEPT_SECONDS = 60.0
"""How long a tree is kept that nobody asks for."""

FEW_EVENTS = 2_000
"""With more events than this between two moments, and more than there are nodes, all nodes are compared."""

_Key = tuple[str, str, int]
_Turn = Callable[[], AbstractAsyncContextManager[None]]


class Past(msgspec.Struct, frozen=True):
    """A state to read. Nobody may change the tree."""

    tree: TaskTree
    epoch: str


class History:
    """Reads the past of a log's projects. Belongs to the loop."""

    def __init__(self, log: EventLog, rooms: Rooms, limits: Limits) -> None:
        self._log = log
        self._rooms = rooms
        self._kept: OrderedDict[_Key, TaskTree] = OrderedDict()
        self._making: dict[_Key, asyncio.Task[TaskTree]] = {}
        self._turn = asyncio.Semaphore(limits.max_folds)
        self._limits = limits
        self._reads = 0
        self._sweep: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def at(self, project_id: str, moment: Moment, turn: _Turn = nullcontext) -> AsyncIterator[Past]:
        """Hold the state at a moment, once it is its `turn`.

        Of the newest state nothing may be awaited but what takes the loop a short time: publishes wait for it. So it is
        held when the turn has come and no sooner, and is then at least as new as it was when it was asked for.

        Raises:
            NoSuchProject: or another StorageError.
            Trimmed: the moment lies before what the log still has.
            ProblemError: code `not_found`: the log has no such moment; `busy`: too many read at the same time.
        """
        with self._counted():
            async with self._at(project_id, moment, turn) as past:
                yield past

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Turn away those for whom there is no room: each holds a whole state, and answers are as large."""
        if self._reads >= self._limits.max_reads:
            message = f"{self._reads} states and diffs are being read, as many as are allowed (max_reads); try again"
            raise ProblemError(Problem("busy", "", message, "max_reads"))
        self._reads += 1
        try:
            yield
        finally:
            self._reads -= 1

    @asynccontextmanager
    async def _at(self, project_id: str, moment: Moment, turn: _Turn = nullcontext) -> AsyncIterator[Past]:
        head = await self._head(project_id)
        async with self._rooms.hold(project_id) as room:
            if moment.kind == "now":
                async with room.reading(turn) as tree:
                    yield Past(tree, room.epoch)
                return
            offset = await self._offset(room, head, moment)
            if _is_at(room, offset, head):
                async with turn():
                    # Others may have published meanwhile.
                    if _is_at(room, offset, head):
                        with room.freeze() as tree:
                            yield Past(tree, head.epoch)
                        return
        past = await self._tree(project_id, head, offset)
        async with turn():
            yield Past(past, head.epoch)

    async def diff(self, project_id: str, start: Moment, end: Moment) -> dict[str, Any]:
        """Return what differs from `start` to `end`, with `project_id` and `epoch`. Raises as `at` does."""
        moments = [start, end]
        async with AsyncExitStack() as stack:
            stack.enter_context(self._counted())
            pasts: dict[int, Past] = {}
            # The newest state last: nobody is to wait while another is made.
            for place in sorted((0, 1), key=lambda place: moments[place].kind == "now"):
                pasts[place] = await stack.enter_async_context(self._at(project_id, moments[place]))
            before, after = pasts[0], pasts[1]
            if before.epoch != after.epoch:
                raise _replaced(project_id)
            touched = await self._touched(project_id, before.tree, after.tree)
            steps, pace = diff_steps(before.tree, after.tree, touched), Pace()
            while True:
                try:
                    next(steps)
                except StopIteration as ended:
                    return {"project_id": project_id, "epoch": after.epoch, **ended.value}
                if pace.due():
                    await pace.rest()

    def close(self) -> None:
        """Forget what was kept."""
        self._kept.clear()
        for task in self._making.values():
            task.cancel()
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    async def _head(self, project_id: str) -> Head:
        head = await self._log.head(project_id)
        if head is None:
            raise NoSuchProject(project_id)
        return head

    async def _offset(self, room: Room, head: Head, moment: Moment) -> int:
        """Return the offset of a moment that isn't now."""
        project_id = room.project_id
        if moment.kind == "snapshot":
            async with room.reading() as tree:
                snapshots = tree.snapshots()
            by_id = [snapshot for snapshot in snapshots if snapshot["snapshot_id"] == moment.value]
            by_name = [snapshot for snapshot in snapshots if snapshot.get("name") == moment.value]
            if not (found := by_id or by_name):
                raise _no_moment(moment, f"{project_id!r} has no snapshot {moment.value!r}")
            return int(found[-1]["offset"])
        value = int(moment.value)
        if moment.kind == "offset":
            if value > head.offset:
                raise _no_moment(moment, f"the log of {project_id!r} ends at offset {head.offset}, before {value}")
            return value
        offset = await self._log.offset_at(project_id, value)
        if 0 < offset == head.trimmed and (await self._log.at_of(project_id, offset) or 0) > value:
            raise Trimmed(project_id, head.trimmed)
        return offset

    # Making and keeping trees

    async def _tree(self, project_id: str, head: Head, offset: int) -> TaskTree:
        key = (project_id, head.epoch, offset)
        tree = self._kept.get(key)
        if tree is not None:
            self._keep(key, tree)
            return tree
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = asyncio.get_running_loop().create_task(self._make(key, head))
            making.add_done_callback(lambda _: self._making.pop(key, None))
        return await asyncio.shield(making)

    async def _make(self, key: _Key, head: Head) -> TaskTree:
        project_id, epoch, offset = key
        async with self._turn:
            tree, _ = await fold_to(self._log, project_id, offset, head.trimmed)
        if (await self._head(project_id)).epoch != epoch or tree.offset != offset:
            raise _replaced(project_id)
        self._keep(key, tree)
        return tree

    def _keep(self, key: _Key, tree: TaskTree) -> None:
        kept = self._kept
        kept[key] = tree
        kept.move_to_end(key)
        while len(kept) > KEPT_TREES or sum(map(len, kept.values())) > KEPT_NODES:
            kept.popitem(last=False)
        if self._sweep is not None:
            self._sweep.cancel()
        self._sweep = asyncio.get_running_loop().call_later(KEPT_SECONDS, kept.clear)

    async def _touched(self, project_id: str, one: TaskTree, other: TaskTree) -> set[str] | None:
        """Return the nodes that the events between are about; None: too many events, or they are gone."""
        low, high = sorted((one.offset, other.offset))
        if high - low > max(FEW_EVENTS, len(one), len(other)):
            return None
        touched: set[str] = set()
        pace = Pace()
        with suppress(Trimmed):
            while low < high:
                events = await self._log.read(project_id, low, limit=READ_EVENTS, until=high, max_bytes=READ_BYTES)
                if not events:
                    break
                for start in range(0, len(events), 100):
                    touched |= touched_by(map(decode_event, events[start : start + 100]))
                    if pace.due():
                        await pace.rest()
                low += len(events)
        return touched if low >= high else None


def _is_at(room: Room, offset: int, head: Head) -> bool:
    return (room.tree.offset, room.epoch) == (offset, head.epoch)


def _no_moment(moment: Moment, message: str) -> ProblemError:
    return ProblemError(Problem("not_found", moment.field, message, "not_found"))


def _replaced(project_id: str) -> StorageError:
    return StorageError(f"{project_id!r} was deleted and made again meanwhile; ask again")
