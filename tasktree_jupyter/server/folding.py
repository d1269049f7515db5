"""Between a tree and its bytes, a few milliseconds at a time: Jupyter has one loop, and everybody is on it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec

from tasktree_jupyter.core.tree import FOLD_VERSION, TaskTree
from tasktree_jupyter.server.frames import encode, text_frame
from tasktree_jupyter.storage.log import EventLog, Head, StorageError, StoredFold

PART_BYTES = 112 * 1024
"""About how much one part of a snapshot holds (bytes)."""

SLICE_SECONDS = 0.004
"""How long a long piece of work may keep the loop before others have their turn."""

READ_EVENTS = 1000
"""How many events are read from the log at a time."""

decode_event = msgspec.json.Decoder().decode


class Pace:
    """Tells a long loop when to give way: `if pace.due(): await pace.rest()`."""

    def __init__(self) -> None:
        self._until = time.perf_counter() + SLICE_SECONDS

    def due(self) -> bool:
        """Return whether the slice is used up."""
        return time.perf_counter() >= self._until

    async def rest(self) -> None:
        """Let everything else that is ready run once."""
        await asyncio.sleep(0)
        self._until = time.perf_counter() + SLICE_SECONDS


class Snapshot(msgspec.Struct, frozen=True):
    """A project's whole state at `offset`, as frames to be sent one after the other."""

    epoch: str
    offset: int
    at: int
    frames: list[bytes]


class _FoldBody(msgspec.Struct):
    state: dict[str, Any]
    nodes: list[dict[str, Any]]


def _load_fold(body: bytes) -> TaskTree:
    stored = msgspec.json.decode(body, type=_FoldBody)
    return TaskTree.load(stored.state, stored.nodes)


async def load_tree(log: EventLog, project_id: str) -> tuple[TaskTree, Head | None, int]:
    """Return a project's tree at its log's head, that head (None: no such project), and the stored fold's offset.

    Raises:
        StorageError: the log can't be read.
    """
    head = await log.head(project_id)
    if head is None:
        return TaskTree(), None, 0
    fold = await log.fold_below(project_id, None, version=FOLD_VERSION)
    tree = TaskTree()
    if fold is not None and fold.offset <= head.offset:
        try:
            tree = await asyncio.to_thread(_load_fold, fold.body)
        except (msgspec.MsgspecError, ValueError, KeyError, TypeError):
            # Stored folds are disposable; the log is the truth.
            fold = None
    stored_at = fold.offset if fold is not None else 0
    if tree.offset < head.trimmed:
        raise StorageError(
            f"the events of {project_id!r} up to {head.trimmed} are gone, and no stored fold stands for them",
            retryable=False,
        )
    pace = Pace()
    while tree.offset < head.offset:
        events = await log.read(project_id, tree.offset, limit=READ_EVENTS, until=head.offset)
        if not events:
            break
        for event in events:
            tree.apply(decode_event(event))
            if pace.due():
                await pace.rest()
    return tree, head, stored_at


async def _encoded_groups(tree: TaskTree, first_bytes: int, *, rollups: bool = False) -> list[bytes]:
    """All nodes, parents first, as comma-separated JSON in groups of about `PART_BYTES`; the first has less room."""
    groups: list[bytes] = []
    nodes: list[bytes] = []
    size = first_bytes
    pace = Pace()
    for node_id in tree.walk():
        node = tree.node_bytes(node_id)
        if rollups:
            node = b'%b,"rollup":%b}' % (node[:-1], encode(tree.rollup(node_id)))
        if size and size + len(node) > PART_BYTES:
            groups.append(b",".join(nodes))
            nodes, size = [], 0
        nodes.append(node)
        size += len(node) + 1
        if pace.due():
            await pace.rest()
    groups.append(b",".join(nodes))
    return groups


async def encode_snapshot(tree: TaskTree, project_id: str, epoch: str) -> Snapshot:
    """Return the tree as `snapshot` frames. Nobody may change the tree meanwhile."""
    offset, at = tree.offset, tree.at
    state = encode(tree.state())
    groups = await _encoded_groups(tree, len(state))
    frames = []
    for part, nodes in enumerate(groups):
        head = b'{"op":"snapshot","project_id":%b,"epoch":%b,"offset":%d,"at":%d,"part":%d,"parts":%d,' % (
            encode(project_id),
            encode(epoch),
            offset,
            at,
            part,
            len(groups),
        )
        if part == 0:
            head += b'"state":%b,' % state
        frames.append(text_frame(b'%b"nodes":[%b]}' % (head, nodes)))
    return Snapshot(epoch, offset, at, frames)


async def encode_fold(tree: TaskTree) -> StoredFold:
    """Return the tree as the log keeps it. Nobody may change the tree meanwhile."""
    offset, at = tree.offset, tree.at
    state = encode(tree.state())
    groups = [group for group in await _encoded_groups(tree, 0) if group]
    body = b'{"state":%b,"nodes":[%b]}' % (state, b",".join(groups))
    return StoredFold(offset=offset, at=at, body=body, version=FOLD_VERSION)


async def encode_state(tree: TaskTree, project_id: str, epoch: str) -> bytes:
    """Return the answer of `GET …/state`: the whole state, with roll-ups. Nobody may change the tree meanwhile."""
    head = {"project_id": project_id, "epoch": epoch, "offset": tree.offset, "at": tree.at, "state": tree.state()}
    groups = [group for group in await _encoded_groups(tree, 0, rollups=True) if group]
    return b'%b,"nodes":[%b]}' % (encode(head)[:-1], b",".join(groups))
