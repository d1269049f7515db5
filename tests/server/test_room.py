"""A room takes each offset exactly once, whichever way it came, and keeps going while its state is read."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from tasktree_jupyter.core.tree import TaskTree
from tasktree_jupyter.server.delivery import Delivery
from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.publication import Failure, Published, parse_publication
from tasktree_jupyter.server.room import Room
from tasktree_jupyter.server.subscription import Since, Subscription
from tasktree_jupyter.storage.log import Batch, Commit, NewEvent, StorageError
from tasktree_jupyter.storage.memory import MemoryLog
from tests.server.clients import WAIT, update

LOGGER = logging.getLogger("room")


class GatedLog(MemoryLog):
    """A log whose reads can be held up, and whose next appends or reads can be made to fail."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.reading = asyncio.Event()
        self.append_gate = asyncio.Event()
        self.append_gate.set()
        self.appending = asyncio.Event()
        self.failures = 0

    async def read(
        self, project_id: str, after: int, *, limit: int, until: int | None = None, max_bytes: int | None = None
    ) -> list[bytes]:
        events = await super().read(project_id, after, limit=limit, until=until, max_bytes=max_bytes)
        self.reading.set()
        await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise StorageError("the disk hiccups")
        return events

    async def append(self, project_id: str, batches: Sequence[Batch], *, now: int) -> Commit:
        self.appending.set()
        await self.append_gate.wait()
        return await super().append(project_id, batches, now=now)

    async def from_elsewhere(self, *node_ids: str, removed: str | None = None) -> Commit:
        """Append as another server would."""
        # Folded twice, a log line counts twice.
        envelopes: list[dict[str, Any]] = [
            {"type": "node_log", "data": {"node_id": node_id, "level": "info", "message": "x"}} for node_id in node_ids
        ]
        if removed is not None:
            envelopes.append({"type": "node_update", "data": {"node_id": removed, "changes": None}})
        events = [
            NewEvent(None, msgspec.json.encode(envelope | {"timestamp": "2026-01-31T14:02:11Z"})[:-1])
            for envelope in envelopes
        ]
        return await super().append("p", [Batch(None, None, None, events)], now=1)


class Listener:
    """A follower that writes down what it gets."""

    keeps_room = True

    def __init__(self) -> None:
        self.offsets: list[int] = []
        self.restarts: list[str] = []
        self.ended = False
        self.works = True
        self.was_failed = False

    def push(self, delivery: Delivery) -> bool:
        decoded = [msgspec.json.decode(event)["offset"] for event in delivery.events]
        assert decoded == list(range(delivery.first, delivery.last + 1))
        self.offsets += decoded
        return self.works

    def failed(self) -> None:
        self.was_failed = True

    def restart(self, reason: str) -> None:
        self.restarts.append(reason)

    def gone(self) -> None:
        self.ended = True

    def unreadable(self) -> None:
        self.ended = True


def a_room(log: MemoryLog, listener: Listener, **kwargs: Any) -> Room:
    room = Room("p", log, Limits(), on_change=lambda room: None, logger=LOGGER, **kwargs)
    room.followers.add(listener)
    return room


async def publish(room: Room, *events: dict[str, Any], **fields: Any) -> Published | Failure:
    frame = {"project_id": "p", "events": list(events), **fields}
    publication = parse_publication(frame, limits=Limits(), now=1, careful=False, size=0)
    answered: asyncio.Future[Published | Failure] = asyncio.get_running_loop().create_future()
    publication.answer = answered.set_result
    room.publish(publication)
    return await asyncio.wait_for(answered, WAIT)


async def until(condition: Any) -> None:
    async def wait() -> None:
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0)

    await asyncio.wait_for(wait(), WAIT)


async def folded(log: MemoryLog) -> TaskTree:
    tree = TaskTree()
    for event in await MemoryLog.read(log, "p", 0, limit=10_000):
        tree.apply(msgspec.json.decode(event))
    return tree


def same(one: TaskTree, other: TaskTree) -> bool:
    return one.state() == other.state() and list(one.nodes()) == list(other.nodes())


async def test_own_and_foreign_commits_interleaved_are_taken_once_each() -> None:
    log, listener = GatedLog(), Listener()
    await log.start()
    room = a_room(log, listener)
    await publish(room, update("a", title="A"))

    # A read of the other's events is on its way while our own commit, which comes next, is handed over.
    log.gate.clear()
    await log.from_elsewhere("theirs1", "theirs2")
    await asyncio.wait_for(log.reading.wait(), WAIT)
    await publish(room, update("b", title="B"))
    log.gate.set()
    await publish(room, update("c", title="C"))
    await until(lambda: len(listener.offsets) >= 5)

    assert listener.offsets == [1, 2, 3, 4, 5]
    assert same(room.tree, await folded(log))
    await room.close()


async def test_a_read_that_brings_what_was_handed_over_meanwhile_delivers_it_once() -> None:
    log, listener = GatedLog(), Listener()
    await log.start()
    room = a_room(log, listener)
    await publish(room, update("a", title="A"))
    log.gate.clear()
    commit = await log.from_elsewhere("ours")
    await log.from_elsewhere("theirs")
    await asyncio.wait_for(log.reading.wait(), WAIT)

    room.hand_over(commit, room.life)
    assert listener.offsets == [1, 2]
    log.gate.set()
    await publish(room, update("b", title="B"))

    assert listener.offsets == [1, 2, 3, 4]
    assert same(room.tree, await folded(log))
    await room.close()


async def a_large_room(log: GatedLog, listener: Listener) -> Room:
    room = a_room(log, listener)
    for start in range(0, 5000, 500):
        await publish(room, *(update(f"n{number}", title="t" * 50) for number in range(start, start + 500)))
    return room


async def test_while_the_state_is_encoded_events_go_on_and_are_folded_after() -> None:
    log, listener = GatedLog(), Listener()
    await log.start()
    room = await a_large_room(log, listener)

    snapshotting = asyncio.ensure_future(room.snapshot())
    await until(lambda: room._frozen)
    await log.from_elsewhere("during1", "during2", removed="n4999")
    publishing = asyncio.ensure_future(publish(room, update("during3", parent_id="n0")))
    snapshot = await asyncio.wait_for(snapshotting, WAIT)
    outcome = await publishing

    assert isinstance(outcome, Published)
    assert snapshot.offset == 5000
    nodes = [node for frame in snapshot.frames for node in msgspec.json.decode(frame[frame.index(b"{") :])["nodes"]]
    assert len(nodes) == 5000
    await until(lambda: room.tree.offset == 5004)
    assert listener.offsets == list(range(1, 5005))
    assert same(room.tree, await folded(log))
    await room.close()


async def test_a_commit_that_was_under_way_when_the_state_is_encoded_is_folded_after() -> None:
    log, listener = GatedLog(), Listener()
    await log.start()
    room = a_room(log, listener)
    await publish(room, update("a", title="A"))

    log.append_gate.clear()
    log.appending.clear()
    publishing = asyncio.ensure_future(publish(room, update("during", title="x")))
    await asyncio.wait_for(log.appending.wait(), WAIT)
    with room.freeze() as frozen:
        log.append_gate.set()
        await publishing
        assert listener.offsets == [1, 2]
        assert (frozen.offset, len(frozen)) == (1, 1)

    await until(lambda: room.tree.offset == 2)
    assert "during" in room.tree
    await room.close()


class Recorder:
    """A connection that acknowledges at once and keeps the offsets that it was sent."""

    def __init__(self) -> None:
        self.offsets: list[int] = []
        self.frames: list[dict[str, Any]] = []
        self.live = asyncio.Event()
        self.subscription: Subscription | None = None

    def write(self, frame: bytes) -> bool:
        message = msgspec.json.decode(frame[frame.index(b'{"') :])
        if message["op"] == "events":
            self.offsets += [event["offset"] for event in message["events"]]
            self._acknowledge(self.offsets[-1])
        else:
            self.frames.append(message)
        if message["op"] == "snapshot":
            self._acknowledge(message["offset"])
        if message["op"] == "live":
            self.live.set()
        return True

    def _acknowledge(self, offset: int) -> None:
        assert self.subscription is not None
        asyncio.get_running_loop().call_soon(self.subscription.acknowledge, offset)

    async def drained(self) -> bool:
        return True

    def forget(self, project_id: str) -> None:
        raise AssertionError("ended")

    def lost(self) -> None:
        raise AssertionError("lost")

    def come_back(self, reason: str) -> None:
        raise AssertionError(reason)

    def refuse(self, ref: int | None, code: str, message: str, *, retry: bool) -> None:
        raise AssertionError(message)


async def no_info() -> None:
    return None


async def test_a_subscribe_that_finds_another_log_than_the_room_knew_is_answered_with_that() -> None:
    log, listener = GatedLog(), Listener()
    await log.start()
    room = a_room(log, listener)
    await publish(room, update("a", title="A"), update("b", title="B"))
    before = room.epoch
    recorder = Recorder()

    await log.delete("p")
    await log.from_elsewhere("c")
    recorder.subscription = Subscription(recorder, room, Limits())
    recorder.subscription.start(7, Since(before, 2, None), no_info)
    await asyncio.wait_for(recorder.live.wait(), WAIT)

    assert [frame["op"] for frame in recorder.frames] == ["subscribed", "resync", "snapshot", "live"]
    assert recorder.frames[0]["ref"] == 7
    assert recorder.frames[0]["epoch"] == recorder.frames[2]["epoch"] == room.epoch != before
    assert [node["node_id"] for node in recorder.frames[2]["nodes"]] == ["c"]
    recorder.subscription.end()
    await room.close()


class Stuck(Recorder):
    """A connection that takes nothing in before it is `free`. `let_go`: it is waited for without a limit of time."""

    def __init__(self) -> None:
        super().__init__()
        self.free, self.stuck, self.let_go = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def drained(self) -> bool:
        if not any(frame["op"] == "snapshot" for frame in self.frames):
            return True
        (self.let_go if self.stuck.is_set() else self.stuck).set()
        await self.free.wait()
        return True


async def test_who_stops_reading_amid_a_state_keeps_none_of_it_and_gets_it_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log, listener = GatedLog(), Listener()
    await log.start()
    room = a_room(log, listener)
    await publish(room, *(update(f"n{number}", params={"text": "x" * 500}) for number in range(600)))
    frames = (await room.snapshot()).frames
    assert len(frames) > 1
    last = frames[-1]
    holders = sys.getrefcount(last)
    monkeypatch.setattr("tasktree_jupyter.server.subscription.HELD_SECONDS", 0.05)
    recorder = Stuck()

    recorder.subscription = Subscription(recorder, room, Limits())
    recorder.subscription.start(None, None, no_info)
    await asyncio.wait_for(recorder.stuck.wait(), WAIT)
    assert sys.getrefcount(last) > holders, "it is on its way"
    await asyncio.wait_for(recorder.let_go.wait(), WAIT)
    assert sys.getrefcount(last) == holders
    await publish(room, update("n0", title="later"))
    recorder.free.set()
    await asyncio.wait_for(recorder.live.wait(), WAIT)

    ops = [frame["op"] for frame in recorder.frames]
    assert ops == ["subscribed", "snapshot", "resync", *["snapshot"] * len(frames), "live"]
    assert recorder.frames[2]["reason"] == "slow"
    assert recorder.subscription.position == room.offset
    recorder.subscription.end()
    await room.close()


async def test_subscribers_that_come_while_events_stream_by_get_each_once() -> None:
    log, listener = GatedLog(), Listener()
    await log.start()
    room = a_room(log, listener)
    await publish(room, *(update(f"n{number}", title="x") for number in range(1000)))
    recorders: list[tuple[int, Recorder]] = []

    for number in range(300):
        await publish(room, update("n0", title=str(number)), update("n1", title=str(number)))
        if number % 10 == 0:
            start = number * 3
            recorder = Recorder()
            recorder.subscription = Subscription(recorder, room, Limits())
            recorder.subscription.start(None, Since(room.epoch, start, None), no_info)
            recorders.append((start, recorder))
        await asyncio.sleep(0.001)
    await asyncio.wait_for(asyncio.gather(*(recorder.live.wait() for _, recorder in recorders)), WAIT)
    await publish(room, update("n0", title="last"))

    for start, recorder in recorders:
        assert recorder.offsets == list(range(start + 1, room.offset + 1))
        assert recorder.subscription is not None
        recorder.subscription.end()
    await room.close()


async def test_a_follower_that_fails_doesnt_keep_the_others_from_theirs() -> None:
    log, broken, sound = GatedLog(), Listener(), Listener()
    await log.start()
    room = a_room(log, broken)
    room.followers.add(sound)
    broken.works = False

    await publish(room, update("a", title="A"))
    await publish(room, update("b", title="B"))

    assert sound.offsets == [1, 2]
    assert (broken.offsets, broken.was_failed) == ([1], True)
    await room.close()


async def test_a_read_that_fails_is_tried_again() -> None:
    log, listener = GatedLog(), Listener()
    await log.start()
    room = a_room(log, listener)
    await publish(room, update("a", title="A"))

    log.failures = 1
    await log.from_elsewhere("theirs")
    await until(lambda: listener.offsets == [1, 2])

    await room.close()


async def test_an_older_backup_put_back_is_noticed_and_everybody_begins_again() -> None:
    log, listener = GatedLog(), Listener()
    await log.start()
    room = a_room(log, listener)
    for name in "abc":
        await publish(room, update(name, title=name))

    project = log._projects["p"]
    del project.events[1:], project.ats[1:]
    head = await room.refresh()
    await room.ready()

    assert head is not None
    assert head.offset == 1
    assert listener.restarts == ["epoch"]
    assert (room.offset, len(room.tree)) == (1, 1)
    await publish(room, update("z", title="Z"))
    assert room.tree.offset == 2
    await room.close()


async def test_a_log_that_cant_be_loaded_refuses_everything_that_waits() -> None:
    class Broken(MemoryLog):
        async def head(self, project_id: str) -> Any:
            raise StorageError("newer than this server", retryable=False)

    log, listener = Broken(), Listener()
    await log.start()
    room = a_room(log, listener)

    outcomes: Sequence[Any] = await asyncio.gather(
        *(publish(room, update(name, title=name)) for name in "ab"), return_exceptions=True
    )

    assert [(outcome.code, outcome.retry) for outcome in outcomes] == [("storage", False)] * 2
    assert room.failed
    await room.close()


async def test_a_room_opened_late_delivers_from_where_its_followers_were() -> None:
    log, listener = GatedLog(), Listener()
    await log.start()
    await log.from_elsewhere("a", "b", "c")

    room = a_room(log, listener, delivered=(None, 1))
    await room.ready()
    await until(lambda: listener.offsets == [2, 3])

    assert room.tree.offset == 3
    assert len(room.tree) == 3
    await room.close()
