"""From what a client sent to what the log stores: each event is checked by its shape and encoded once.

What needs the project's state (a cycle, a removed parent) is checked later, by the room.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import msgspec

from tasktree_jupyter.core.shape import (
    MAX_INTEGER,
    Problem,
    ProblemError,
    check_envelope,
    is_id,
    is_integer,
    is_project_id,
    sanitise,
)
from tasktree_jupyter.core.times import format_time, normalise_time
from tasktree_jupyter.server.frames import encode
from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.sizes import check_sizes
from tasktree_jupyter.server.tally import TALLY
from tasktree_jupyter.storage.log import Batch, NewEvent

_decode = msgspec.json.Decoder().decode
_TO_NINES = bytes(0x39 if 0x30 <= byte <= 0x39 else byte for byte in range(256))
_LONG_NUMBER = b"9" * len(str(MAX_INTEGER))
_TOO_LARGE = re.compile(rb"(?<![0-9.])(?:[0-9]{17,}|9[0-9]{15})(?![0-9.eE])")


class Incoming(msgspec.Struct, gc=False):
    """An event whose shape is right: where it stood in the frame, and its wire form as `NewEvent` wants it."""

    index: int
    seq: int | None
    type: str
    data: dict[str, Any]
    body: bytes


class Published(msgspec.Struct, frozen=True, omit_defaults=False):
    """The answer to a publish, as on the wire; REST gives the same fields."""

    project_id: str | None
    source: str | None
    upto: int | None
    epoch: str | None
    offset: int | None
    duplicates: int
    rejected: list[dict[str, Any]]


class Failure(msgspec.Struct, frozen=True):
    """Why nothing of a publish was stored. `retry`: the same frame may work later, in `retry_after` seconds."""

    code: str
    message: str
    retry: bool = False
    expected: int | None = None
    field: str | None = None
    reason: str | None = None
    retry_after: float | None = None


Answer = Callable[[Published | Failure], None]


class Publication:
    """The events of one publish on their way into a project's log. `answer` is called at most once, on the loop."""

    __slots__ = (
        "answer",
        "dropped",
        "events",
        "first_seq",
        "last_seq",
        "now",
        "project_id",
        "rejected",
        "size",
        "source",
    )

    def __init__(
        self,
        project_id: str | None,
        source: str | None,
        first_seq: int | None,
        last_seq: int | None,
        dropped: int,
        now: int,
    ) -> None:
        self.project_id = project_id
        self.source = source
        self.first_seq = first_seq
        self.last_seq = last_seq
        self.dropped = dropped
        self.now = now
        self.events: list[Incoming] = []
        self.rejected: list[dict[str, Any]] = []
        self.size = 0
        self.answer: Answer = _nobody

    def settle(self, outcome: Published | Failure) -> None:
        """Answer, unless that was done already."""
        answer, self.answer = self.answer, _nobody
        if answer is not _nobody:
            self._count(outcome)
        answer(outcome)

    def _count(self, outcome: Published | Failure) -> None:
        TALLY.received += len(self.events) + len(self.rejected)
        for problem in self.rejected:
            TALLY.rejected.add(problem["code"])
        if isinstance(outcome, Failure):
            TALLY.failed.add(outcome.code)
        else:
            TALLY.duplicates += outcome.duplicates

    def reject(self, index: int, seq: int | None, problem: Problem) -> None:
        """Note that the event at `index` won't be stored. It uses up its seq all the same."""
        entry: dict[str, Any] = {"index": index}
        if seq is not None:
            entry["seq"] = seq
        self.rejected.append(entry | msgspec.structs.asdict(problem))

    def batch(self) -> Batch:
        """Return what the log has to judge."""
        dropped_body = None
        if self.source is not None and self.dropped:
            dropped_body = _body(
                self.project_id,
                "events_dropped",
                {"count": self.dropped},
                format_time(self.now),
                self.source,
                None,
            )
        return Batch(
            source=self.source,
            first_seq=self.first_seq,
            last_seq=self.last_seq,
            events=[NewEvent(event.seq, event.body) for event in self.events],
            dropped=self.dropped,
            dropped_body=dropped_body,
        )

    def published(self, upto: int | None, epoch: str | None, offset: int | None, duplicates: int) -> Published:
        """Return the answer for a publish that went through."""
        self.rejected.sort(key=lambda entry: int(entry["index"]))
        return Published(self.project_id, self.source, upto, epoch, offset, duplicates, self.rejected)


def _nobody(outcome: Published | Failure) -> None:
    return None


def decode_message(text: str) -> tuple[Any, bool]:
    """Return the JSON value of a message, and whether its values have to go through `sanitise`.

    Raises:
        ProblemError: no JSON (code `invalid_json`), NaN and Infinity included; nested too deep (`invalid`).
    """
    try:
        return _decode(text), _may_hold_large_integers(text.encode("utf-8", "surrogatepass"))
    except RecursionError:
        raise _too_deep() from None
    except msgspec.MsgspecError:
        # What msgspec refuses may still be JSON for others: a lone surrogate, which is replaced, or 1e400, which
        # `sanitise` refuses with the name of its field.
        pass
    try:
        return json.loads(text, parse_constant=_refuse_constant), True
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise ProblemError(Problem("invalid_json", "", f"This isn't JSON: {error}", "json")) from None


def _may_hold_large_integers(text: bytes) -> bool:
    """Looking at every value would cost more than reading them; so first see whether there is a long number at all."""
    return _LONG_NUMBER in text.translate(_TO_NINES) and _TOO_LARGE.search(text) is not None


def _too_deep() -> ProblemError:
    return invalid("data", "too_deep", "The message nests too deep")


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f'{word} has no place in JSON; send it as the string "{word}"')


def invalid(field: str, reason: str, message: str) -> ProblemError:
    """Return the error for a request that doesn't have the form it must have."""
    return ProblemError(Problem("invalid", field, message, reason))


def number_of_events(frame: Mapping[str, Any]) -> int:
    """Return how many events a frame that wasn't checked yet is about; at least 1, since looking at it costs too."""
    events = frame.get("events")
    return max(1, len(events)) if isinstance(events, list) else 1


def parse_publication(frame: Mapping[str, Any], *, limits: Limits, now: int, careful: bool, size: int) -> Publication:
    """Return the publication of a decoded `publish` frame. Bad events are in its `rejected`.

    `now` is the server's time in microseconds, `size` the frame's in bytes; with `careful` each event is sanitised.

    Raises:
        ProblemError: the frame itself is wrong; then none of its events was looked at.
    """
    project_id = frame.get("project_id")
    if project_id is not None and not is_project_id(project_id):
        raise invalid(
            "project_id",
            "project_id",
            "project_id must be null or a string of 1 to 200 characters without control characters",
        )
    source, seq = frame.get("source"), frame.get("seq")
    if source is not None and not is_id(source):
        raise invalid("source", "source", "source must be a string of 1 to 500 characters without control characters")
    if source is not None and not is_integer(seq, 1):
        raise invalid(
            "seq", "missing" if seq is None else "range", "seq must be an integer from 1 where a source is given"
        )
    events = frame.get("events")
    if not isinstance(events, list):
        raise invalid("events", "type", "events must be an array of envelopes")
    if len(events) > limits.max_events_per_publish:
        message = f"events has {len(events)} entries; at most {limits.max_events_per_publish} go into one publish"
        raise ProblemError(Problem("too_large", "events", message, "too_many"))
    dropped = frame.get("dropped")
    if dropped is not None and not is_integer(dropped, 0):
        raise invalid("dropped", "range", "dropped must be an integer from 0")
    if careful:
        project_id, source = sanitise(project_id, "project_id"), sanitise(source, "source")
    first = int(seq) if source is not None and seq is not None else None
    last = first + len(events) - 1 if first is not None else None
    if last is not None and last > MAX_INTEGER:
        raise invalid("seq", "range", "seq goes beyond 2^53-1")
    publication = Publication(project_id, source, first, last, int(dropped or 0), now)
    publication.size = size
    _take_events(publication, events, careful, limits)
    return publication


def _take_events(publication: Publication, events: Sequence[Any], careful: bool, limits: Limits) -> None:
    project_id, source, first = publication.project_id, publication.source, publication.first_seq
    received = format_time(publication.now)
    for index, event in enumerate(events):
        seq = None if first is None else first + index
        envelope = event
        if careful:
            try:
                envelope = _sanitised(event)
            except ProblemError as error:
                publication.reject(index, seq, error.problem)
                continue
        problem = check_envelope(envelope) or _check_project(envelope, project_id)
        if problem is not None:
            publication.reject(index, seq, problem)
            continue
        kind, data, given = envelope["type"], envelope["data"], envelope.get("timestamp")
        timestamp = received if given is None else normalise_time(given) or received
        body = _body(project_id, kind, data, timestamp, source, seq)
        problem = check_sizes(data, len(body), limits)
        if problem is not None:
            publication.reject(index, seq, problem)
            continue
        publication.events.append(Incoming(index, seq, kind, data, body))


def _sanitised(event: Any) -> Any:
    if not isinstance(event, dict):
        return event
    known = {key: event[key] for key in ("type", "project_id", "data", "timestamp") if key in event}
    return {key: sanitise(value, key) for key, value in known.items()}


def _check_project(envelope: Mapping[str, Any], project_id: str | None) -> Problem | None:
    named = envelope.get("project_id")
    if named is None or named == project_id:
        return None
    return Problem("invalid", "project_id", f"project_id is {named!r}, but this goes to {project_id!r}", "mismatch")


def _body(
    project_id: str | None, kind: str, data: dict[str, Any], timestamp: str, source: str | None, seq: int | None
) -> bytes:
    """The wire form without the closing brace: the log adds offset and `at`."""
    wire = {
        "type": kind,
        "project_id": project_id,
        "data": data,
        "timestamp": timestamp,
        "source": source,
        "seq": seq,
    }
    return encode(wire)[:-1]
