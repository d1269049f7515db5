"""The event log: what every engine promises, in one interface.

A log keeps, for each project, its events in order, and beside them what must outlive a server: the highest `seq` of
each source, stored folds, pins and attributes. It knows neither rooms nor sockets, and it never looks into an event.

All times are microseconds since 1970-01-01T00:00:00Z.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from tasktree_jupyter.storage.troubles import Kind, Troubles


class StorageError(Exception):
    """Nothing was stored and no `seq` was used.

    `retryable` says whether the same call may work later, `kind` what is wrong, where that is known.
    """

    def __init__(self, message: str, *, retryable: bool = True, kind: Kind | None = None) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.kind = kind


class Trimmed(StorageError):
    """The events asked for are gone: offsets up to and including `trimmed` were trimmed."""

    def __init__(self, project_id: str, trimmed: int) -> None:
        super().__init__(f"the events of {project_id!r} up to offset {trimmed} are gone", retryable=False)
        self.project_id = project_id
        self.trimmed = trimmed


class NoSuchProject(StorageError):
    """The project doesn't exist, or no longer."""

    def __init__(self, project_id: str) -> None:
        super().__init__(f"there is no project {project_id!r}", retryable=False)
        self.project_id = project_id


class NewerSchema(StorageError):
    """The project was written by a newer version of this package. Its data was left untouched."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False, kind="newer")


class Damaged(StorageError):
    """What is kept of the project can't be read as it was written. What can be saved is being saved: ask again."""

    def __init__(self, message: str) -> None:
        super().__init__(message, kind="damaged")


class Unavailable(StorageError):
    """The engine can't work here at all, e.g. its folder can't be written. Raised by `EventLog.start` only."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


class NewEvent(msgspec.Struct, frozen=True, gc=False):
    """One event to store.

    `body` is the encoded JSON object of its wire form **without** the closing brace and without `offset` and `at`; the
    log adds `,"offset":…,"at":…}` and hands back exactly those bytes, for ever. `seq` is the source's number for it,
    None without a source.
    """

    seq: int | None
    body: bytes


class Batch(msgspec.Struct, frozen=True, gc=False):
    """Events of one source that are judged and stored together.

    With a `source`, `first_seq` and `last_seq` are required and span every event the source sent, rejected ones too:
    those use up their seq without being in `events`. `events` ascend in `seq` within that span. A frame without events
    has `last_seq == first_seq - 1`.

    `dropped` ≥ 1 says that the source lost events before `first_seq`; `dropped_body` is then the body of the
    `events_dropped` event. It is stored, before the others, only if there really is a gap, so that sending the batch
    again doesn't tell of it twice.

    Without a source (None) there are no seqs, no duplicates and no gaps; `dropped` has no meaning then.
    """

    source: str | None
    first_seq: int | None
    last_seq: int | None
    events: list[NewEvent]
    dropped: int = 0
    dropped_body: bytes | None = None


class Appended(msgspec.Struct, frozen=True, gc=False):
    """What became of one batch.

    `upto` is the source's highest seq after it (None without a source). `duplicates` counts the batch's events that
    were there already. `seq_gap_expected`: None, or the seq that had to come next; then nothing of the batch was stored
    and none of its seqs was used. `first_offset`, `last_offset`: where its events are, `events_dropped` included; None
    if it stored none.
    """

    upto: int | None
    duplicates: int
    seq_gap_expected: int | None
    first_offset: int | None
    last_offset: int | None


class Commit(msgspec.Struct, frozen=True, gc=False):
    """What one `EventLog.append` did.

    `events` are the wire bytes of the newly stored events, with the offsets `first_offset` … `last_offset`, all
    committed at `at`. Nothing new: `events` is empty, `last_offset` and `at` are the log's head, and `first_offset` is
    `last_offset + 1`. `results` has one entry for each batch, in their order.
    """

    project_id: str
    epoch: str
    first_offset: int
    last_offset: int
    at: int
    events: list[bytes]
    results: list[Appended]


class Head(msgspec.Struct, frozen=True, gc=False):
    """Where a log ends: its last `offset` (0: no event yet) and that event's `at`; offsets ≤ `trimmed` are gone."""

    epoch: str
    trimmed: int
    offset: int
    at: int


class StoredFold(msgspec.Struct, frozen=True, gc=False):
    """A fold of all events up to `offset`, as bytes that only `version` of the fold understands."""

    offset: int
    at: int
    body: bytes
    version: int


class ProjectRecord(msgspec.Struct, frozen=True, gc=False):
    """A project as the list of projects knows it."""

    project_id: str
    created_at: int
    attributes: dict[str, Any]


class Pin(msgspec.Struct, frozen=True, gc=False):
    """A named offset that retention must leave reachable."""

    name: str
    offset: int


OnHead = Callable[[Head | None], None]

_STAGED: Final = "\x01staged-"


def staged_id() -> str:
    """Return the id of a project that is being made aside, for `EventLog.adopt`. No client can name it."""
    return _STAGED + secrets.token_hex(12)


def is_staged(project_id: str) -> bool:
    """Return whether a project is being made aside."""
    return project_id.startswith(_STAGED)


class EventLog(ABC):
    """An append-only log per project. All methods belong to the event loop on which `start` ran.

    **Acknowledged** means that `append` has returned; `promise` says what an engine then guarantees. An append that
    raised `StorageError` stored nothing and used no seq. (If the connection to a remote engine is lost in between, it
    may have been stored all the same; sending it again is safe, because appends with a source are idempotent.)

    **Order.** Offsets are 1, 2, 3, … without gaps, whoever appends, in this process or another. `at` never decreases
    within an epoch, even if the caller's clock goes back.

    **Idempotence for ever.** For each (project, source) the log keeps `upto`, the highest seq that was stored or used
    up. An event at or below it is a duplicate: acknowledged again, stored once. Trimming doesn't change that; deleting
    the project does, and gives another epoch.

    **Epoch** names one life of a log. A project that was deleted and made again has another one, and its offsets begin
    at 1 again.

    Reading never creates a project. Questions about an absent project are answered with nothing (None, 0, empty);
    `read`, `offset_at`, `pin` and `trim` raise `NoSuchProject`. Every method may raise `StorageError`, and
    `NewerSchema` for a project that a newer version wrote.
    """

    @property
    @abstractmethod
    def engine(self) -> str:
        """The engine's name, one word."""

    @property
    @abstractmethod
    def mode(self) -> str:
        """What is in force, for people to read: how and where this engine keeps its data just now."""

    @property
    @abstractmethod
    def promise(self) -> str:
        """What "acknowledged" means with this engine, one sentence."""

    @property
    def troubles(self) -> Troubles:
        """What keeps this engine from working as usual just now; one that can't tell has none."""
        troubles: Troubles = self.__dict__.setdefault("_troubles", Troubles())
        return troubles

    async def particulars(self) -> dict[str, Any]:
        """What helps whoever looks after the data, as JSON: where it is, how much room is left, what can't be read."""
        return {}

    @abstractmethod
    async def start(self) -> None:
        """Get ready. Raises `Unavailable` if the engine can't work here; nothing else may be called then."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what was begun, and let go of everything.

        Further calls raise `StorageError`; closing twice is allowed.
        """

    @abstractmethod
    async def append(self, project_id: str, batches: Sequence[Batch], *, now: int) -> Commit:
        """Judge each batch by its source's `upto`, store what is new, and return when the engine's promise holds.

        Creates the project if absent. All batches are stored together or, on `StorageError`, none; they are judged one
        after the other, and a seq gap in one doesn't keep the others out. `at` of the new events is `now` or, if that
        is later, the `at` of the log's head. Events of one batch have consecutive offsets.

        Cancelling the caller doesn't take the append back. Raises `ValueError` for a batch that contradicts itself.
        """

    @abstractmethod
    async def begin(self, project_id: str, base: StoredFold, *, now: int) -> None:
        """Make an absent project whose log begins after `base.offset`, as if all before had been trimmed.

        `base` stands for what came before. Raises `StorageError` where the project is there.
        """

    @abstractmethod
    async def adopt(self, staged: str, project_id: str, *, replace: bool = False) -> Head | None:
        """Put the project `staged`, made aside under a `staged_id`, in the place of `project_id`, all at once.

        `project_id` must be absent or without events; it keeps its attributes then, before those of `staged`. With
        `replace` it may be anything, and nothing of it stays. None: it has events, and nothing was done. Whoever
        appends at the same time, here or on another server, has appended before it or after it.

        Raises `NoSuchProject` where there is no `staged`. What nobody adopts is for the caller to delete; an engine
        forgets what a killed server left of it.
        """

    @abstractmethod
    async def head(self, project_id: str) -> Head | None:
        """Where the log ends; None: no such project."""

    @abstractmethod
    async def read(
        self, project_id: str, after: int, *, limit: int, until: int | None = None, max_bytes: int | None = None
    ) -> list[bytes]:
        """The wire bytes of the events with `after < offset ≤ until`, in order, at most `limit`.

        With `max_bytes` they have no more together, unless the first alone does: then it comes alone. Fewer only where
        the log ends. An engine holds no more than about that while it reads. Raises `Trimmed` if `after` lies below the
        trimmed boundary (not if it is the boundary), and `NoSuchProject`.
        """

    @abstractmethod
    async def at_of(self, project_id: str, offset: int) -> int | None:
        """The `at` of the event at `offset`.

        None if there is none, or no longer. 0 for offset 0 of an untrimmed log.
        """

    @abstractmethod
    async def offset_at(self, project_id: str, at: int) -> int:
        """The last offset whose `at` is ≤ the given one: what was known then.

        If none is left, the trimmed boundary (0 if nothing was).
        """

    @abstractmethod
    def follow(self, project_id: str, on_head: OnHead) -> Callable[[], None]:
        """Call `on_head` on the loop whenever the log's head has moved, whoever moved it.

        Returns the function that stops it; after that it isn't called any more.

        Soon after `follow` it is called once with the head as it is, if the project exists, so that nothing falls
        between asking and following. Several moves may be told as one. For an append of this process it is called after
        `append` has returned to its caller. None: the project was deleted; a head with another epoch: it is there
        again.
        """

    @abstractmethod
    async def save_fold(self, project_id: str, epoch: str, fold: StoredFold) -> None:
        """Keep a fold, in place of one of the same offset and version.

        A fold of another epoch than the log's, or of an absent project, is passed over. Folds are disposable: an engine
        may forget any but the newest, those at pins, and, in a trimmed log, the lowest at or above the boundary. A fold
        of a newer version ends the older ones if they could be made again, that is if nothing is trimmed.
        """

    @abstractmethod
    async def fold_below(self, project_id: str, offset: int | None, *, version: int | None = None) -> StoredFold | None:
        """The stored fold nearest at or below `offset` (None: the newest), of `version` only if one is given."""

    @abstractmethod
    async def fold_offsets(self, project_id: str, *, version: int) -> list[int]:
        """The offsets of the stored folds of a version, ascending. Reads no fold."""

    @abstractmethod
    async def upto(self, project_id: str, source: str) -> int:
        """The highest seq of `source` that was stored or used up; 0: none yet."""

    @abstractmethod
    async def attributes(self, project_id: str) -> dict[str, Any]:
        """What was set with `set_attributes`."""

    @abstractmethod
    async def set_attributes(self, project_id: str, patch: Mapping[str, Any]) -> None:
        """Set each key of `patch` to its JSON value, or delete it where that is None.

        Creates the project if absent; moves no head.
        """

    @abstractmethod
    async def projects(self) -> list[ProjectRecord]:
        """All projects, oldest first, without those that are being made aside.

        Those that can't be read are left out and logged: one damaged project mustn't hide the others.
        """

    @abstractmethod
    async def pin(self, project_id: str, offset: int, name: str) -> None:
        """Name an offset. A name used again moves."""

    @abstractmethod
    async def unpin(self, project_id: str, name: str) -> None:
        """Take a name away, and with it the hold on its offset's fold. An absent one is passed over."""

    @abstractmethod
    async def pins(self, project_id: str) -> list[Pin]:
        """All pins, by offset."""

    @abstractmethod
    async def trim(self, project_id: str, offset: int) -> None:
        """Forget the events up to and including `offset` (at most the head).

        Offsets, `upto`, folds, pins and the epoch stay as they are.
        """

    @abstractmethod
    async def delete(self, project_id: str) -> bool:
        """Forget the project with all it has; False if there was none. Followers get None."""
