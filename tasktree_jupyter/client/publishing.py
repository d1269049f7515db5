"""What the projects of a process say to the server, and what it answers; on the connection's thread.

One publish frame of a project is under way at a time. Before its first, the default project asks which one it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec

from tasktree_jupyter.client import origin
from tasktree_jupyter.client.discovery import identity
from tasktree_jupyter.client.patience import meaning, seconds_to_wait, slowly, soon
from tasktree_jupyter.client.reporting import Complaints, logger
from tasktree_jupyter.client.source import Limits
from tasktree_jupyter.core.sanitise import without_surrogates

if TYPE_CHECKING:
    from tasktree_jupyter.client.discovery import Identity
    from tasktree_jupyter.client.project import Project

_HOLD: Final = 5.0
"""Seconds before a project that an error here was about is tried again."""
_FAILURES_BEFORE_COMPLAINT: Final = 5
_BATCH: Final = 500
"""Events of one frame at most: making it must not keep the interpreter from others for long."""
_MESSAGE_BYTES: Final = 1_000_000


class _Link(msgspec.Struct):
    """Where a project stands with the server."""

    project: Project
    asked: bool = False
    spoken_for: str | None = None
    """The source that this connection has told the server of."""
    held_until: float = 0.0
    failures: int = 0
    refused: bool = False
    """Whether the server takes nothing of it until somebody does something about it."""
    refused_at: float = 0.0
    complained: bool = False
    dropped: int = 0
    unkept: int | None = None
    """The timestamp of the first event that was acknowledged by a server that keeps nothing; microseconds."""


class Publisher:
    """Sends what the projects' queues hold, and takes the answers.

    Args:
        identity: which notebook or script the default project belongs to.
        send: sends a frame.
        next_ref: gives a number for a frame.
        held_until: says until when a project must say nothing, of `time.monotonic`; None: it may.
        known: told when the server has said which project one is.
        published: told when a project has had something acknowledged.
        complaints: takes what the user is to be told.
    """

    def __init__(
        self,
        identity: Callable[[], Identity],
        send: Callable[[dict[str, Any] | bytes], None],
        next_ref: Callable[[], int],
        held_until: Callable[[str, float], float | None],
        known: Callable[[Project], None],
        published: Callable[[Project], None],
        complaints: Complaints,
    ) -> None:
        self._identity = identity
        self._send = send
        self._next_ref = next_ref
        self._held_until = held_until
        self._known = known
        self._published = published
        self._complaints = complaints
        self._links: list[_Link] = []
        self._asked: dict[int, _Link] = {}
        self._keeps = True
        self.limits = Limits(_MESSAGE_BYTES, _BATCH)
        """What goes into one frame."""

    @property
    def projects(self) -> Iterator[Project]:
        """The projects, in the order of their first use."""
        return (link.project for link in self._links)

    def add(self, project: Project) -> None:
        """Publish this project's events from now on; may be called on any thread."""
        self._links.append(_Link(project))

    def refuses(self, project: Project) -> bool:
        """Whether the server takes nothing of a project, and waiting a little is no use; on any thread."""
        return any(link.refused for link in (*self._links,) if link.project is project)

    def connected(self, limits: dict[str, Any], *, keeps: bool = True) -> None:
        """A connection is there; `limits` are those of `welcome`.

        Args:
            limits: what the server takes.
            keeps: whether what it acknowledges outlives it as it should.
        """
        self._keeps = keeps
        for link in self._links:
            if link.refused:
                # It may be another server, or another one's permission.
                link.held_until = 0.0
            if keeps and link.unkept is not None:
                link.project.forget_server()
                link.project.heal(new_life=True, since=link.unkept)
                link.unkept = None
        self.limits = Limits(
            message_bytes=_positive(limits.get("max_message_bytes"), _MESSAGE_BYTES),
            events=min(_BATCH, _positive(limits.get("max_events_per_publish"), _BATCH)),
        )

    def ask_again(self) -> None:
        """Somebody waits: what was refused is tried again, unless that was a moment ago."""
        for link in self._links:
            if link.refused:
                link.held_until = min(link.held_until, link.refused_at + _HOLD)

    def disconnected(self) -> None:
        """The connection is gone: what wasn't answered will be asked and sent again."""
        self._asked.clear()
        for link in self._links:
            link.asked, link.spoken_for = False, None
            link.project.wakes = False
            link.project.source.unsent()

    def forget_server(self) -> None:
        """Another server answers from now on: all that is open is emitted there, whole."""
        self._asked.clear()
        for link in self._links:
            link.asked = False
            self._accepted(link)
            link.project.forget_server()
            link.project.heal(new_life=True)

    def serve(self, now: float, ready: Callable[[], bool]) -> Iterator[float | None]:
        """Send what there is; yield for each project when to look again, None: when something happens.

        Args:
            now: of `time.monotonic`.
            ready: says whether the connection takes more.
        """
        for link in self._links:
            if not ready():
                return
            try:
                again = self._serve(link, now)
            except OSError:
                raise
            except Exception as error:
                again = self._stumbled(link, error)
            yield again

    def answered(self, frame: dict[str, Any]) -> bool:
        """Take an answer; return whether it was one to a question of this."""
        link = self._asked.pop(frame.get("ref", -1), None)
        if link is None:
            return frame["op"] in ("published", "resolved")
        take = {"published": self._take_published, "resolved": self._take_resolved}.get(frame["op"], self._take_error)
        try:
            take(link, frame)
        except OSError:
            raise
        except Exception as error:
            self._stumbled(link, error)
        return True

    def _serve(self, link: _Link, now: float) -> float | None:
        project, source = link.project, link.project.source
        if now < link.held_until:
            return link.held_until
        if project.project_id is None:
            if not link.asked:
                link.asked = True
                ref = self._next_ref()
                self._asked[ref] = link
                # A file name that is no UTF-8 has lone surrogates, which JSON can't carry.
                who = without_surrogates(self._identity()._asdict())
                self._send({"op": "resolve", "ref": ref, **who})
            return None
        held_until = self._held_until(project.project_id, now)
        if held_until is not None:
            return held_until
        while True:
            if source.first_drop is not None and not source.in_flight and not source.waiting:
                project.heal(new_life=False)
            if link.spoken_for != source.id and source.emitted:
                link.spoken_for = source.id
                self._tell(link, "here")
            ref = self._next_ref()
            frame = source.next_frame(ref, project.project_id, self.limits)
            if frame is not None:
                project.wakes = False
                self._asked[ref] = link
                self._send(frame)
                return None
            if source.in_flight:
                return None
            project.wakes = True
            # An emit that came before it saw that didn't wake us.
            if not source.waiting:
                return None

    def _stumbled(self, link: _Link, error: Exception) -> float:
        """An error of our own about one project: the others go on, and this one is tried again; return when."""
        project = link.project
        logger.exception("TaskTree stumbled over %s", project.name or project.project_id)
        link.asked = False
        link.held_until = time.monotonic() + _HOLD
        project.source.unsent()
        if not link.complained:
            link.complained = True
            self._complaints.add(
                f"An error in TaskTree keeps events of {project.name or 'this notebook'!r} from being sent: {error!r}. "
                "They are kept, and tried again; please report it."
            )
        return link.held_until

    def leave(self) -> None:
        """The process ends: the sources that have told everything are no more."""
        for link in self._links:
            if link.spoken_for == link.project.source.id and not len(link.project.source):
                self._tell(link, "left")

    def _tell(self, link: _Link, state: str) -> None:
        said = {"op": "source", "project_id": link.project.project_id, "source": link.spoken_for, "state": state}
        self._send(said | (origin.of_source(identity().kernel_id) if state == "here" else {}))

    def _take_resolved(self, link: _Link, frame: dict[str, Any]) -> None:
        project_id, info = frame.get("project_id"), frame.get("info")
        if isinstance(project_id, str):
            self._accepted(link)
            self._note_unkept(link, time.time_ns() // 1000)
            link.project.resolved(project_id, info if isinstance(info, dict) else None)
            self._known(link.project)

    def _take_published(self, link: _Link, frame: dict[str, Any]) -> None:
        project = link.project
        self._tell_drops(link)
        self._note_unkept(link, project.source.first_in_flight)
        for rejection in project.source.published(frame):
            where = f" ({rejection.field})" if rejection.field else ""
            self._complaints.add(f"TaskTree refused a {rejection.entry.type} event{where}: {rejection.message}")
        epoch, offset = frame.get("epoch"), frame.get("offset")
        if project.epoch is not None and epoch != project.epoch:
            project.heal(new_life=True)
        project.epoch = epoch if isinstance(epoch, str) else None
        project.offset = offset if isinstance(offset, int) else project.offset
        self._accepted(link)
        self._published(project)

    def _note_unkept(self, link: _Link, since: int | None) -> None:
        if not self._keeps and since is not None:
            link.unkept = since if link.unkept is None else min(since, link.unkept)

    def _accepted(self, link: _Link) -> None:
        link.held_until, link.failures, link.complained, link.refused = 0.0, 0, False, False
        link.project.refusal = None

    def _tell_drops(self, link: _Link) -> None:
        dropped = link.project.source.dropped
        if dropped > link.dropped:
            self._complaints.add(
                f"TaskTree dropped {dropped - link.dropped} events, since too many waited to be sent. "
                "Their history is lost; the tree itself is made whole again."
            )
            link.dropped = dropped

    def _take_error(self, link: _Link, frame: dict[str, Any]) -> None:
        source = link.project.source
        if not source.awaits(frame.get("ref")):
            link.asked = False
            self._hold(link, frame, refused=frame.get("retry") is not True)
            return
        means = meaning(frame)
        if means == "gap":
            # The log lost what it had acknowledged: only a new life can tell it.
            link.project.heal(new_life=True)
        elif means == "unfit":
            self._drop_unfit(link, frame)
        else:
            source.unsent()
            self._hold(link, frame, refused=means == "refused")

    def _drop_unfit(self, link: _Link, frame: dict[str, Any]) -> None:
        alone = link.project.source.bisect()
        if alone is None:
            return
        link.dropped += 1
        if frame.get("code") == "too_large":
            why = f"the server takes none of {len(alone.data)} bytes"
        else:
            why = f"the server can't understand it: {frame.get('message') or frame.get('code')}"
        self._complaints.add(f"TaskTree dropped a {alone.type} event: {why}.")

    def _hold(self, link: _Link, frame: dict[str, Any], *, refused: bool) -> None:
        """Keep what there is, and try again later."""
        project, link.refused = link.project, refused
        link.failures += 1
        delay = slowly(link.failures) if refused else soon(link.failures)
        link.refused_at = time.monotonic()
        link.held_until = link.refused_at + max(delay, seconds_to_wait(frame))
        if not refused and link.failures < _FAILURES_BEFORE_COMPLAINT:
            return
        project.refusal = reason = str(frame.get("message") or frame.get("code"))
        if link.complained:
            return
        link.complained = True
        kept = "They are kept, and sent when it takes them; see status()."
        if not refused:
            self._complaints.add(f"TaskTree's server can't take events now: {reason}. {kept}")
        elif project.project_id is None:
            remedy = "name one by tasktree_jupyter.project(name)"
            self._complaints.add(f"TaskTree's server doesn't say which project this is; {remedy}: {reason}")
        else:
            self._complaints.add(f"TaskTree's server refuses events of {project.project_id!r}: {reason}. {kept}")


def _positive(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else otherwise
