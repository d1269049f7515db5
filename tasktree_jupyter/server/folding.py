"""Between a tree and its bytes, a few milliseconds at a time: Jupyter has one loop, and everybody is on it."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from tasktree_jupyter.core.tree import FOLD_VERSION, TaskTree
from tasktree_jupyter.server.frames import encode, text_frame
from tasktree_jupyter.storage.log import EventLog, Head, StoredFold, Trimmed

PART_BYTES = 112 * 1024
"""About how much one part of a snapshot holds (bytes)."""

SLICE_SECONDS = 0.004
"""How long a long piece of work may keep the loop before others have their turn."""

READ_EVENTS = 1000
READ_BYTES = 1024 * 1024
"""How much is read from the log at a time."""

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
    # Decoded one by one: in one call nobody else could run, whatever the thread.
    nodes: list[msgspec.Raw]


def _load_fold(body: bytes) -> TaskTree:
    whole = body if body.startswith(b"{") else zlib.decompress(body)
    stored = msgspec.json.decode(whole, type=_FoldBody)
    return TaskTree.load(stored.state, map(decode_event, stored.nodes))


async def load_tree(log: EventLog, project_id: str) -> tuple[TaskTree, Head | None, int]:
    """Return a project's tree at its log's head, that head (None: no such project), and the stored fold's offset.

    Raises:
        StorageError: the log can't be read.
    """
    head = await log.head(project_id)
    if head is None:
        return TaskTree(), None, 0
    try:
        tree, stored_at = await fold_to(log, project_id, head.offset, head.trimmed)
    except Trimmed:
        tree, stored_at = await _without_base(log, project_id, head), 0
    return tree, head, stored_at


async def base_of(log: EventLog, project_id: str, head: Head) -> TaskTree:
    """Return the state that stands for what a log has no events of any more; it may be a little later than that.

    Raises:
        StorageError: the log can't be read.
    """
    for offset in await log.fold_offsets(project_id, version=FOLD_VERSION):
        if head.trimmed <= offset <= head.offset:
            with suppress(Trimmed):
                return (await fold_to(log, project_id, offset, head.trimmed))[0]
    return await _without_base(log, project_id, msgspec.structs.replace(head, offset=head.trimmed))


async def _without_base(log: EventLog, project_id: str, head: Head) -> TaskTree:
    """The fold that stood for what was trimmed can't be read: all of that counts as lost, and is told so."""
    tree = TaskTree()
    tree.offset = tree.dropped = head.trimmed
    tree.at = await log.at_of(project_id, head.trimmed) or 0
    return await _folded_on(tree, log, project_id, head.offset)


async def fold_to(log: EventLog, project_id: str, offset: int, trimmed: int) -> tuple[TaskTree, int]:
    """Return the tree at an offset, a new one, and the offset of the stored fold that it began with (0: none).

    `trimmed`: the head's. It gives way to others every few milliseconds.

    Raises:
        Trimmed: the events that are needed are gone, and no stored fold stands for them.
        StorageError: the log can't be read.
    """
    tree, stored_at = await _nearest_fold(log, project_id, offset, trimmed)
    if tree.offset < min(trimmed, offset):
        raise Trimmed(project_id, trimmed)
    return await _folded_on(tree, log, project_id, offset), stored_at


async def _folded_on(tree: TaskTree, log: EventLog, project_id: str, offset: int) -> TaskTree:
    pace = Pace()
    while tree.offset < offset:
        events = await log.read(project_id, tree.offset, limit=READ_EVENTS, until=offset, max_bytes=READ_BYTES)
        if not events:
            break
        for event in events:
            tree.apply(decode_event(event))
            if pace.due():
                await pace.rest()
    return tree


async def _nearest_fold(log: EventLog, project_id: str, offset: int, trimmed: int) -> tuple[TaskTree, int]:
    for version in (FOLD_VERSION, None):
        below: int | None = offset
        while below is not None and below >= min(trimmed, offset):
            fold = await log.fold_below(project_id, below, version=version)
            if fold is None:
                break
            # Stored folds are disposable, the log is the truth; what can't be read is passed over.
            if fold.version <= FOLD_VERSION:
                with suppress(msgspec.MsgspecError, zlib.error, ValueError, KeyError, TypeError):
                    return await asyncio.to_thread(_load_fold, fold.body), fold.offset
            below = fold.offset - 1
        if trimmed == 0:
            break
        # Of an older version only where the events that would make it anew are gone.
    return TaskTree(), 0


async def _encoded_groups(
    tree: TaskTree, first_bytes: int, *, rollups: bool = False, root: str | None = None
) -> list[bytes]:
    """All nodes, or those at and below one, parents first, as comma-separated JSON in groups of about `PART_BYTES`.

    The first has less room.
    """
    groups: list[bytes] = []
    nodes: list[bytes] = []
    size = first_bytes
    pace = Pace()
    for node_id in tree.walk(root):
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
    return await encode_parts(tree, {"op": "snapshot", "project_id": project_id, "epoch": epoch})


async def encode_parts(tree: TaskTree, head: Mapping[str, Any]) -> Snapshot:
    """Return the tree as frames that begin with the fields of `head`. Nobody may change the tree meanwhile."""
    offset, at = tree.offset, tree.at
    state = encode(tree.state())
    groups = await _encoded_groups(tree, len(state))
    frames = []
    for part, nodes in enumerate(groups):
        fields = encode({**head, "offset": offset, "at": at, "part": part, "parts": len(groups)})[:-1]
        if part == 0:
            fields += b',"state":%b' % state
        frames.append(text_frame(b'%b,"nodes":[%b]}' % (fields, nodes)))
    return Snapshot(head["epoch"], offset, at, frames)


async def encode_fold(tree: TaskTree) -> StoredFold:
    """Return the tree as the log keeps it. Nobody may change the tree meanwhile."""
    offset, at = tree.offset, tree.at
    state = encode(tree.state())
    groups = [group for group in await _encoded_groups(tree, 0) if group]
    body = b'{"state":%b,"nodes":[%b]}' % (state, b",".join(groups))
    packed = await asyncio.to_thread(zlib.compress, body, 1)
    return StoredFold(offset=offset, at=at, body=packed, version=FOLD_VERSION)


async def encode_state(tree: TaskTree, project_id: str, epoch: str, root: str | None = None) -> deque[bytes]:
    """Return the answer of `GET …/state`, in pieces: the whole state, with roll-ups. Nobody may change it meanwhile.

    With `root` only the nodes at and below it. Raises KeyError where there is no such node.
    """
    head = {"project_id": project_id, "epoch": epoch, "offset": tree.offset, "at": tree.at, "state": tree.state()}
    groups = [group for group in await _encoded_groups(tree, 0, rollups=True, root=root) if group]
    pieces = deque([encode(head)[:-1] + b',"nodes":[', *groups[:1]])
    pieces.extend(b"," + group for group in groups[1:])
    pieces.append(b"]}")
    return pieces
