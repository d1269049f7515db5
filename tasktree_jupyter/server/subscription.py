"""One connection following one project in `tasktree.v1.json`: where it stands, and how much it has yet to acknowledge.

The log is the buffer: while history is sent, live events are not kept for this connection, they are read like the rest.
When it stands where the room stands, it is live, without hole or double.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from tasktree_jupyter.server.delivery import Delivery, Follower
from tasktree_jupyter.server.frames import Frame, events_frames, json_frame
from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.tally import TALLY
from tasktree_jupyter.storage.admission import within
from tasktree_jupyter.storage.log import Head, NewerSchema, NoSuchProject, StorageError, Trimmed

if TYPE_CHECKING:
    from tasktree_jupyter.server.room import Room

HELD_SECONDS = 10.0
"""So long a subscriber may take over one part of a snapshot; then the rest is let go of, and made anew when it reads
again. Else those who stop reading at different moments would keep a whole state each."""

CATCH_UP_EVENTS = 1000
"""A slow subscriber that lags by no more than this gets the missing events, else the state as it is."""


class Outlet(Protocol):
    """The connection as a subscription needs it."""

    def write(self, frame: bytes) -> bool:
        """Send a prepared frame; False if the connection has failed."""

    async def drained(self) -> bool:
        """Wait until what was written has left this process; False if the connection has failed."""

    def forget(self, project_id: str) -> None:
        """The subscription has ended by itself."""

    def lost(self) -> None:
        """The connection has failed: take it out everywhere."""

    def come_back(self, reason: str) -> None:
        """Close the connection, so that the client asks again for what it follows."""

    def refuse(self, ref: int | None, code: str, message: str, *, retry: bool) -> None:
        """Send an error."""


class Since(msgspec.Struct, frozen=True):
    """The position that a client says it has; an `at` of None isn't compared."""

    epoch: str
    offset: int
    at: int | None


class Subscription(Follower):
    """Follows a room for a connection. `position` is the offset of the last event sent.

    `presence` gives the frame that says who is silent; None: nobody is.
    """

    keeps_room = True

    def __init__(
        self, outlet: Outlet, room: Room, limits: Limits, presence: Callable[[], bytes | None] = lambda: None
    ) -> None:
        self.room = room
        self.position = 0
        self._outlet = outlet
        self._limits = limits
        self._presence = presence
        self._knows_of_silence = False
        self._live = False
        self._stalled = False
        self._told = False
        self._ended = False
        self._sent: deque[tuple[int, int]] = deque()
        self._unacked = 0
        self._acked = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        room.followers.add(self)

    @property
    def state(self) -> str:
        """`live`, `stalled` (it has to acknowledge before anything more is sent), or `catching_up`."""
        return "live" if self._live else "stalled" if self._stalled else "catching_up"

    @property
    def unacked_bytes(self) -> int:
        """How many bytes were sent and not yet acknowledged."""
        return self._unacked

    def start(self, ref: int | None, since: Since | None, info: Callable[[], Awaitable[Any]]) -> None:
        """Answer the subscribe, `info()` in the answer, and send what is missing."""
        self._run(self._begin(ref, since, info), ref)

    def end(self) -> None:
        """Stop; nothing is sent any more."""
        self._ended = True
        self._live = False
        self.room.leave(self)
        if self._work is not None:
            self._work.cancel()

    # What the room tells

    def push(self, delivery: Delivery) -> bool:
        """See `Follower.push`. Only a live subscription takes it; any other will read it from the log."""
        if not self._live:
            return True
        for frame in delivery.frames:
            if not self._has_room(len(frame.data)):
                self._live = False
                self._stalled = True
                TALLY.stalls += 1
                return True
            if not self._send(frame):
                return False
        return True

    def failed(self) -> None:
        """See `Follower.failed`."""
        self._outlet.lost()

    def restart(self, reason: str) -> None:
        """See `Follower.restart`. Before the subscribe is answered there is nothing to begin again."""
        if self._told:
            self._run(self._resynchronise(reason))

    def gone(self) -> None:
        """See `Follower.gone`. Before the subscribe is answered, the answer says it."""
        if not self._told:
            return
        self.end()
        self._outlet.write(json_frame({"op": "gone", "project_id": self.room.project_id}))
        self._outlet.forget(self.room.project_id)

    def unreadable(self) -> None:
        """See `Follower.unreadable`. A subscribe that isn't answered yet is refused."""
        if self._told and not self._ended:
            self.end()
            self._outlet.come_back("a project can't be read any more")

    # What the client tells

    def acknowledge(self, offset: int) -> None:
        """Count what lies up to `offset` as taken in."""
        while self._sent and self._sent[0][0] <= offset:
            self._unacked -= self._sent.popleft()[1]
        self._acked.set()
        if self._stalled and self._unacked <= self._limits.max_unacked_bytes // 2:
            self._stalled = False
            self._run(self._resume())

    # Sending

    def tell_presence(self, frame: bytes) -> None:
        """Send who is silent, if this is live; else that is told when it is."""
        if self._live and self._outlet.write(frame):
            self._knows_of_silence = True

    def _has_room(self, size: int) -> bool:
        """One frame may always be under way, however large.

        A client needn't have acknowledged the last quarter of the bound, by its own count: if that held a large frame
        back, both sides would wait for each other.
        """
        bound = self._limits.max_unacked_bytes
        return self._unacked <= bound // 2 or self._unacked + size <= bound

    def _send(self, frame: Frame) -> bool:
        if not self._outlet.write(frame.data):
            return False
        TALLY.delivered += frame.last - self.position
        self.position = frame.last
        self._count(frame.last, len(frame.data))
        return True

    def _count(self, offset: int, size: int) -> None:
        self._sent.append((offset, size))
        self._unacked += size

    def _run(self, work: Coroutine[Any, Any, None], ref: int | None = None) -> None:
        if self._work is not None:
            self._work.cancel()
        self._live = False
        if self._ended:
            work.close()
            return
        self._work = asyncio.get_running_loop().create_task(self._guarded(work, ref))

    async def _guarded(self, work: Coroutine[Any, Any, None], ref: int | None) -> None:
        try:
            await work
        except NoSuchProject as error:
            if self._told:
                self.gone()
            else:
                self._give_up(ref, "not_found", error)
        except StorageError as error:
            if isinstance(error, NewerSchema):
                self.unreadable()
            if not self._ended:
                self._give_up(ref, "storage", error)
        except ConnectionError:
            self._outlet.lost()
        except Exception as error:
            self._give_up(ref, "internal", error)
            raise

    def _give_up(self, ref: int | None, code: str, error: Exception) -> None:
        self.end()
        self._outlet.forget(self.room.project_id)
        retry = not isinstance(error, StorageError) or error.retryable or code == "not_found"
        message = str(error) if isinstance(error, StorageError) else "The server failed; its log says why"
        self._outlet.refuse(ref, code, message, retry=retry)

    def _tell(self, message: dict[str, Any]) -> None:
        if not self._outlet.write(json_frame(message)):
            raise ConnectionError

    # The ways to become live

    async def _begin(self, ref: int | None, since: Since | None, info: Callable[[], Awaitable[Any]]) -> None:
        room = self.room
        while True:
            head = await room.refresh()
            if head is None:
                raise NoSuchProject(room.project_id)
            await room.ready()
            life = room.life
            about = await info()
            reason = await self._mismatch(since, head)
            if life == room.life and head.epoch == room.epoch:
                break
        missing = 0 if since is None else head.offset - since.offset
        recovered = since is not None and reason is None and missing <= self._limits.max_replay_events
        self._tell(
            {
                "op": "subscribed",
                "ref": ref,
                "project_id": room.project_id,
                "epoch": head.epoch,
                "offset": head.offset,
                "recovered": recovered,
                "info": about,
            }
        )
        self._told = True
        TALLY.subscribed.add(_beginning(since, recovered, reason))
        if recovered and since is not None:
            self.position = since.offset
            await self._replay()
        elif reason is not None:
            await self._resynchronise(reason)
        else:
            await self._send_state()

    async def _mismatch(self, since: Since | None, head: Head) -> str | None:
        """Why the client's position isn't one of this log's; None if it is (or there is none)."""
        if since is None:
            return None
        if since.epoch != head.epoch:
            return "epoch"
        if since.offset > head.offset:
            return "ahead"
        if since.offset < head.trimmed:
            return "trimmed"
        if since.at is not None and since.offset > 0 and await self.room.at_of(since.offset) != since.at:
            return "epoch"
        return None

    async def _resume(self) -> None:
        """The acknowledgements have caught up with what was sent."""
        if self.room.offset - self.position <= CATCH_UP_EVENTS and self.room.recent_after(self.position) is not None:
            await self._replay()
        else:
            await self._resynchronise("slow")

    async def _resynchronise(self, reason: str) -> None:
        await self.room.ready()
        TALLY.resyncs.add(reason)
        self._tell({"op": "resync", "project_id": self.room.project_id, "reason": reason})
        await self._send_state()

    async def _send_state(self) -> None:
        """Send a snapshot and then what came after it."""
        while not await self._snapshot_sent():
            TALLY.resyncs.add("slow")
            self._tell({"op": "resync", "project_id": self.room.project_id, "reason": "slow"})
        await self._replay()

    async def _snapshot_sent(self) -> bool:
        """Send a snapshot, each part when what was before it has left; False: it took too long, and was let go of."""
        snapshot = await self.room.snapshot()
        self._sent.clear()
        self._unacked = 0
        offset, parts = snapshot.offset, deque(snapshot.frames)
        del snapshot
        while parts:
            # Other projects' parts are under way too, and a part may be large.
            try:
                async with asyncio.timeout(HELD_SECONDS):
                    left = await self._outlet.drained()
            except TimeoutError:
                parts.clear()
                if not await self._outlet.drained():
                    raise ConnectionError from None
                return False
            if not left:
                raise ConnectionError
            frame = parts.popleft()
            if not self._outlet.write(frame):
                raise ConnectionError
            self._count(offset, len(frame))
            del frame
        if not await self._outlet.drained():
            raise ConnectionError
        self.position = offset
        return True

    async def _replay(self) -> None:
        """Send the events after `position` until it stands where the room stands; then it is live.

        What is read is sent at once: nothing is held for who doesn't acknowledge.
        """
        room, half = self.room, self._limits.max_unacked_bytes // 2
        while self.position < room.offset:
            if self._unacked > half:
                self._acked.clear()
                await self._acked.wait()
                continue
            events = room.recent_after(self.position)
            if events is None:
                if room.offset - self.position > self._limits.max_replay_events:
                    return await self._resynchronise("slow")
                try:
                    events = await room.read(self.position, half)
                except Trimmed:
                    return await self._resynchronise("trimmed")
            for frame in events_frames(room.project_id, room.epoch, self.position + 1, within(events, half)):
                if not self._send(frame):
                    raise ConnectionError
            # The next may have to be waited for.
            del events
        self._live = True
        presence = self._presence()
        if presence is not None or self._knows_of_silence:
            nobody = {"op": "presence", "project_id": room.project_id, "sources": []}
            self.tell_presence(json_frame(nobody) if presence is None else presence)
        self._tell({"op": "live", "project_id": room.project_id, "offset": self.position})
        return None


def _beginning(since: Since | None, recovered: bool, reason: str | None) -> str:
    if since is None:
        return "new"
    if recovered:
        return "recovered"
    return "too_far" if reason is None else "resync"
