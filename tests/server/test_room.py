"""A room takes each offset exactly once, whichever way it came, and keeps going while its state is read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import msgspec

from tasktree_jupyter.core.tree import TaskTree
from tasktree_jupyter.server.delivery import Delivery
from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.publication import Failure, Published, parse_publication
from tasktree_jupyter.server.room import Room
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
        self.failures = 0

    async def read(self, project_id: str, after: int, *, limit: int, until: int | None = None) -> list[bytes]:
        events = await super().read(project_id, after, limit=limit, until=until)
        self.reading.set()
        await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise StorageError("the disk hiccups")
        return events

    async def from_elsewhere(self, *node_ids: str) -> Commit:
        """Append as another server would."""
        events = [
            NewEvent(None, msgspec.json.encode(update(node_id, title="x") | {"timestamp": "2026-01-31T14:02:11Z"})[:-1])
            for node_id in node_ids
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
    assert room.tree.state() == (await folded(log)).state()
    await room.close()


async def test_a_read_that_brings_what_was_handed_over_meanwhile_delivers_it_once() -> None:
    log, listener = GatedLog(), Listener()
    await log.start()
    room = a_room(log, listener)
    await publish(room, update("a", title="A"))
    log.gate.clear()
    await log.from_elsewhere("theirs")
    await asyncio.wait_for(log.reading.wait(), WAIT)

    commit = await log.from_elsewhere("x", "y")
    foreign = await MemoryLog.read(log, "p", 1, limit=10)
    room.hand_over(msgspec.structs.replace(commit, first_offset=2, events=foreign), room.life)
    log.gate.set()
    await publish(room, update("b", title="B"))

    assert listener.offsets == [1, 2, 3, 4, 5]
    assert len(room.tree) == 5
    await room.close()


async def test_while_the_state_is_encoded_events_go_on_and_are_folded_after() -> None:
    log, listener = GatedLog(), Listener()
    await log.start()
    room = a_room(log, listener)
    for start in range(0, 5000, 500):
        await publish(room, *(update(f"n{number}", title="t" * 50) for number in range(start, start + 500)))

    snapshotting = asyncio.ensure_future(room.snapshot())
    await until(lambda: room._frozen)
    await log.from_elsewhere("during1", "during2")
    publishing = asyncio.ensure_future(publish(room, update("during3", parent_id="n0")))
    snapshot = await asyncio.wait_for(snapshotting, WAIT)
    outcome = await publishing

    assert isinstance(outcome, Published)
    assert snapshot.offset == 5000
    nodes = [node for frame in snapshot.frames for node in msgspec.json.decode(frame[frame.index(b"{") :])["nodes"]]
    assert len(nodes) == 5000
    await until(lambda: room.tree.offset == 5003)
    assert listener.offsets == list(range(1, 5004))
    assert room.tree.state() == (await folded(log)).state()
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

    room = a_room(log, listener, delivered=1)
    await room.ready()
    await until(lambda: listener.offsets == [2, 3])

    assert room.tree.offset == 3
    assert len(room.tree) == 3
    await room.close()
