"""A project as JSON Lines: a line that says what follows, then an event a line, as in the log (docs/protocol.md).

An import keeps what readers rely on: offsets, commit times, sources and their numbers, so that what a source sends
again afterwards is a duplicate. Only the epoch is new. It is made aside, and put in its place when it is whole: what
others write meanwhile is never part of it, and never undone with it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from tasktree_jupyter.core.problem import Problem, invalid
from tasktree_jupyter.core.sanitise import without_surrogates
from tasktree_jupyter.core.shape import ProblemError, check_data, is_event_type, is_id, is_integer, sanitise
from tasktree_jupyter.core.times import normalise_time
from tasktree_jupyter.server.base_state import BaseReader, lines_of
from tasktree_jupyter.server.folding import READ_BYTES, READ_EVENTS, Pace, base_of, encode_fold
from tasktree_jupyter.server.frames import encode
from tasktree_jupyter.server.intake import now_us
from tasktree_jupyter.server.kernels import PLACE
from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.owners import KEPT, Kept, Owners
from tasktree_jupyter.server.publication import decode_message
from tasktree_jupyter.server.sources import inherited
from tasktree_jupyter.storage.log import (
    Batch,
    Commit,
    Damaged,
    EventLog,
    Head,
    NewEvent,
    NoSuchProject,
    StorageError,
    staged_id,
)

FORMAT: Final = 1
MEDIA_TYPE: Final = "application/jsonl"

_UNDER_WAY: Final = 250
_UNDER_WAY_BYTES: Final = 4 * 1024 * 1024
"""How many appends, and about how much, wait for the disk at most. The engine commits together what waits, but each
wakes somebody here, and all of them at once would keep the loop."""

_APPEND_EVENTS: Final = 1_000

LONGEST_STATE: Final = 64 * 1024 * 1024
LONGEST_ATTRIBUTE: Final = 4096
CARRIED: Final = frozenset({"kind", "title", "path", "root_dir", PLACE})
"""The attributes that an export carries: what a project is called, and which notebook it belongs to."""


async def export_lines(log: EventLog, project_id: str, head: Head) -> AsyncIterator[bytes]:
    """Yield a project's log up to `head`, some lines at a time, each ended by a newline.

    Raises:
        StorageError: the log can't be read on; NoSuchProject where it is not the same log any more.
    """
    base = await base_of(log, project_id, head) if head.trimmed else None
    first = {
        "tasktree": "export",
        "version": FORMAT,
        "project_id": project_id,
        "epoch": head.epoch,
        "offset": head.offset,
        "at": head.at,
        "trimmed": 0 if base is None else base.offset,
        "attributes": {key: value for key, value in (await log.attributes(project_id)).items() if key in CARRIED},
    }
    yield encode(first) + b"\n"
    after = 0
    if base is not None:
        after = base.offset
        pace = Pace()
        owners = Owners(log, project_id)
        await owners.read(msgspec.structs.replace(head, offset=base.offset), 0)
        for line in lines_of(base, owners.kept(base)):
            yield line
            if pace.due():
                await pace.rest()
    while after < head.offset:
        events = await log.read(project_id, after, limit=READ_EVENTS, until=head.offset, max_bytes=READ_BYTES)
        now = await log.head(project_id)
        if not events or now is None or now.epoch != head.epoch:
            raise NoSuchProject(project_id)
        yield b"".join(event + b"\n" for event in events)
        after += len(events)


class ImportRefused(Exception):
    """The import went wrong and nothing of it is left. `line` counts from 1; None: no line is to blame."""

    def __init__(self, problem: Problem, line: int | None) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.line = line


class Importer:
    """Takes an export in, a piece at a time, into a project that has no events yet, or with `replace` into any.

    Use: `await begin()`, `await feed(chunk)` for each piece of the body, `await finish()`. Each may raise ImportRefused
    or StorageError; then nothing is left of it. `abandon` where the rest of the body won't come. Nobody sees any of it
    before `finish` has put it in its place.
    """

    def __init__(
        self, log: EventLog, project_id: str, limits: Limits, *, replace: bool = False, may_mint: bool = True
    ) -> None:
        """`may_mint`: whether who imports may say which notebook a project belongs to."""
        self.events = 0
        self.epoch = ""
        self.replaced = replace
        self._log = log
        self._project_id = project_id
        self._staged = staged_id()
        # An event as it is stored is a little larger than it was when it was sent.
        self._most = 2 * limits.max_message_bytes
        self._rest = bytearray()
        self._line = 0
        self._said: dict[str, Any] | None = None
        self._base: BaseReader | None = None
        self._offset = 0
        self._at = 0
        self._upto: dict[str, int] = {}
        self._may_mint = may_mint
        self._most_sources = limits.max_sources
        self._owners = Owners(log, self._staged)
        self._kept: Kept | None = None
        self._batches: list[Batch] = []
        self._batched = 0
        self._batched_bytes = 0
        self._under_way: deque[tuple[int, int, asyncio.Future[Commit]]] = deque()
        self._waiting_bytes = 0
        self._lock = asyncio.Lock()
        self._begun = False

    @property
    def offset(self) -> int:
        """The offset of the last event taken in."""
        return self._offset

    async def begin(self) -> None:
        """Look whether the project is free. Raises ImportRefused (code `exists`) where it has events."""
        try:
            head = await self._log.head(self._project_id)
        except Damaged:
            # What could be saved of it has its place now.
            head = await self._log.head(self._project_id)
        if head is not None and head.offset > 0 and not self.replaced:
            message = f"The project {self._project_id!r} has events already; delete it first, or choose another name"
            raise ImportRefused(Problem("exists", "project_id", message, "exists"), None)
        self._begun = True

    async def feed(self, chunk: bytes) -> None:
        """Take a piece of the body in; it may end in the middle of a line."""
        *lines, rest = chunk.split(b"\n")
        async with self._undoing():
            pace = Pace()
            for line in lines:
                self._take(bytes(self._rest) + line if self._rest else line)
                self._rest.clear()
                await self._begin_at_base()
                while len(self._under_way) > _UNDER_WAY or self._waiting_bytes > _UNDER_WAY_BYTES:
                    await self._await_one()
                if pace.due():
                    await pace.rest()
            self._rest += rest
            if len(self._rest) > self._longest_line:
                self._line += 1
                raise self._too_long(len(self._rest))

    async def finish(self) -> None:
        """Take the last line in, and wait until everything is on disk."""
        async with self._undoing():
            if self._rest.strip():
                self._take(bytes(self._rest))
                await self._begin_at_base()
            if self._said is None:
                self._line = max(self._line, 1)
                raise _bad("tasktree", "missing", "The body is empty; the first line must say what follows")
            self._flush()
            while self._under_way:
                await self._await_one()
            expected = self._said["offset"] - int(self._said.get("trimmed") or 0)
            if expected != self.events or self._base is not None:
                self._line += 1
                message = f"The first line says that {expected} events follow, but {self.events} came: it was cut off"
                raise _bad("offset", "truncated", message)
            await self._log.set_attributes(self._staged, await self._carried(self._said) | await self._sources())
            head = await self._log.adopt(self._staged, self._project_id, replace=self.replaced)
            if head is None:
                message = "Somebody else wrote to the project during the import; nothing of the import was stored"
                raise ImportRefused(Problem("exists", "project_id", message, "exists"), None)
            self.epoch = head.epoch
            self._begun = False

    async def abandon(self) -> None:
        """Leave nothing behind of an import that wasn't finished."""
        async with self._lock:
            await self._undo()

    @asynccontextmanager
    async def _undoing(self) -> AsyncIterator[None]:
        async with self._lock:
            try:
                yield
            except ProblemError as error:
                await self._undo()
                raise ImportRefused(error.problem, self._line) from error
            except BaseException:
                await self._undo()
                raise

    async def _undo(self) -> None:
        if not self._begun:
            return
        self._begun = False
        waiting = [appending for _, _, appending in self._under_way]
        self._under_way.clear()
        await asyncio.gather(*waiting, return_exceptions=True)
        await self._log.delete(self._staged)

    # Lines

    def _take(self, line: bytes) -> None:
        self._line += 1
        line = line.strip()
        if not line:
            return
        if len(line) > self._longest_line:
            raise self._too_long(len(line))
        try:
            value, careful = decode_message(line.decode())
        except UnicodeDecodeError:
            raise _bad("", "invalid_json", "The line isn't UTF-8") from None
        if not isinstance(value, dict):
            raise _bad("", "type", "A line must be a JSON object")
        if careful:
            value = without_surrogates(value)
        if self._said is None:
            self._said = _header(value)
            self._offset = int(self._said.get("trimmed") or 0)
            self._base = BaseReader(self._offset) if self._offset else None
        elif self._base is not None and not self._base.is_whole:
            self._base.take(sanitise(value) if careful else value)
        else:
            self._take_event(value, careful)

    def _too_long(self, size: int) -> ProblemError:
        message = f"The line has {size} bytes or more; at most {self._most} are allowed (twice max_message_bytes)"
        return ProblemError(Problem("invalid", "", message, "max_message_bytes"))

    def _take_event(self, event: dict[str, Any], careful: bool) -> None:
        kind, data, timestamp = event.get("type"), event.get("data"), event.get("timestamp")
        if not is_event_type(kind):
            raise _bad("type", "pattern", "type must match ^[a-z][a-z0-9_.-]{0,63}$")
        if not isinstance(timestamp, str) or normalise_time(timestamp) != timestamp:
            raise _bad("timestamp", "time", "timestamp must be a time in UTC, like 2026-01-31T14:02:11.123456Z")
        if careful:
            data = sanitise(data)
        if problem := check_data(str(kind), data):
            raise ProblemError(problem)
        offset, at = event.get("offset"), event.get("at")
        if not is_integer(offset, self._offset + 1, self._offset + 1):
            raise _bad("offset", "range", f"offset must be {self._offset + 1}, the one after the line before")
        if not is_integer(at, self._at):
            raise _bad("at", "range", f"at must be an integer from {self._at}: times in a log never go back")
        promised = self._said["offset"] if self._said is not None else 0
        if self._offset >= promised:
            raise _bad("offset", "range", f"The first line says that {promised} events follow, and this is one more")
        source, seq = self._sender(event)
        wire = {"type": kind, "project_id": self._project_id, "data": data, "timestamp": timestamp}
        body = encode({**wire, "source": source, "seq": seq})[:-1]
        if at != self._at or self._batched >= _APPEND_EVENTS:
            self._flush()
            self._at = int(at)  # type: ignore[arg-type]
        self._add(source, seq, body)
        self._owners.take(str(kind), int(at), data, source)  # type: ignore[arg-type]
        self.events += 1
        self._offset += 1
        self._batched += 1
        self._batched_bytes += len(body)

    def _sender(self, event: dict[str, Any]) -> tuple[str | None, int | None]:
        source, seq = event.get("source"), event.get("seq")
        if source is not None and not is_id(source):
            raise _bad("source", "source", "source must be null or a string of 1 to 500 characters")
        if seq is None:
            return source, None
        least = self._upto.get(source, 0) + 1 if source is not None else 1
        if source is None or not is_integer(seq, least):
            message = f"seq must be null or, where there is a source, an integer from {least}, in ascending order"
            raise _bad("seq", "range", message)
        return source, int(seq)

    def _add(self, source: str | None, seq: int | None, body: bytes) -> None:
        """Put an event into the batch before, if it is the same source's: the log judges each batch by its source."""
        numbered = source if seq is not None else None
        last = self._batches[-1] if self._batches else None
        if last is None or last.source != numbered:
            first = None if numbered is None else self._upto.get(numbered, 0) + 1
            last = Batch(numbered, first, None, [])
            self._batches.append(last)
        last.events.append(NewEvent(seq if numbered is not None else None, body))
        if numbered is not None and seq is not None:
            self._upto[numbered] = seq

    # The base of a trimmed log

    @property
    def _longest_line(self) -> int:
        """A state's line has the ids of all that was removed, and more."""
        return self._most if self._base is None or self._base.is_whole else max(self._most, LONGEST_STATE)

    async def _begin_at_base(self) -> None:
        """Begin the log with the state that stands for what was trimmed, once all of it is here."""
        if self._base is None or not self._base.is_whole:
            return
        tree = self._base.tree()
        self._owners.begin_with(self._base.owners)
        if kept := self._owners.kept(tree):
            self._kept = Kept(tree.offset, kept)
        self._base = None
        self._at = tree.at
        await self._log.begin(self._staged, await encode_fold(tree), now=now_us())

    async def _carried(self, said: dict[str, Any]) -> dict[str, Any]:
        """What the export says of the project itself: only of the same one, and no place that another has taken."""
        given = said.get("attributes")
        if said.get("project_id") != self._project_id or not isinstance(given, dict):
            return {}
        fitting = {
            key: value
            for key, value in given.items()
            if key in CARRIED and isinstance(value, str) and len(value) <= LONGEST_ATTRIBUTE
        }
        taken = {
            record.attributes.get(PLACE)
            for record in await self._log.projects()
            if record.project_id != self._project_id
        }
        if fitting.get(PLACE) in taken:
            fitting.pop(PLACE, None)
        own = (await self._log.attributes(self._project_id)).get(PLACE)
        if not self._may_mint and fitting.get(PLACE) != own:
            # Kernels in another's notebook would be told that this project is theirs.
            fitting.pop(PLACE, None)
            fitting.pop("root_dir", None)
        return fitting

    async def _sources(self) -> dict[str, Any]:
        """Who has something open in it, for whoever ends what the dead leave: else it would be open for ever."""
        heard = self._owners.heard()
        newest = sorted(heard, key=lambda source: heard[source])[-self._most_sources :]
        before = await self._log.attributes(self._project_id)
        records = inherited({source: heard[source] for source in newest}, before)
        return {KEPT: msgspec.to_builtins(self._kept)} | records

    # Appending

    def _flush(self) -> None:
        """Give the log what was committed at one time; its answers are awaited later."""
        if not self._batches:
            return
        batches = [Batch(batch.source, batch.first_seq, batch.events[-1].seq, batch.events) for batch in self._batches]
        first, size = self._offset - self._batched + 1, self._batched_bytes
        self._batches, self._batched, self._batched_bytes = [], 0, 0
        appending = asyncio.ensure_future(self._log.append(self._staged, batches, now=self._at))
        self._under_way.append((first, size, appending))
        self._waiting_bytes += size

    async def _await_one(self) -> None:
        first, size, appending = self._under_way.popleft()
        self._waiting_bytes -= size
        commit = await appending
        if commit.first_offset != first:
            raise StorageError("What was stored of the import is gone; begin it again")


def _bad(field: str, reason: str, message: str) -> ProblemError:
    return ProblemError(invalid(field, reason, message))


def _header(value: dict[str, Any]) -> dict[str, Any]:
    if value.get("tasktree") != "export":
        raise _bad("tasktree", "missing", 'The first line must be {"tasktree":"export","version":1,…}')
    version, offset = value.get("version"), value.get("offset")
    if version != FORMAT:
        raise _bad("version", "version", f"version is {version!r}; this server reads {FORMAT}")
    if not is_integer(offset, 0):
        raise _bad("offset", "range", "offset must be an integer from 0, that of the last event that follows")
    if not is_integer(value.get("trimmed", 0), 0, int(offset)):  # type: ignore[arg-type]
        raise _bad("trimmed", "range", f"trimmed must be an integer from 0 to {offset}")
    return value
