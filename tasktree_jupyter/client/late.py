"""What processes left behind that have ended: this one sends it, under the sources it belongs to.

A spool is taken by whoever gets its lock, so only one sends it. Only what was meant for the server that answers is
sent: the same folder of logs, or the same root folder or address. What it refuses stays where it is, and so does what
is meant for another; only after a month that nobody could send it is it given up, and told. A server that keeps its
logs in memory for want of a folder gets nothing: what is on the disk would be gone with it.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from tasktree_jupyter.client.patience import meaning, seconds_to_wait, soon
from tasktree_jupyter.client.reporting import Complaints, logger
from tasktree_jupyter.client.source import Limits, Source
from tasktree_jupyter.client.spool import DAMAGED, SUFFIX, VERSION, Spool
from tasktree_jupyter.core.sanitise import without_surrogates

MAX_AGE: Final = 30 * 24 * 3600.0
"""Seconds after which what no server is there for is deleted."""
_AT_ONCE: Final = 20
"""So many are held at most; the next are taken when these are fewer."""
_ATTEMPTS: Final = 3
"""So often the server may put one off, one time after the other, before it makes way for one that isn't held yet."""
_YOUNG: Final = 60.0
"""Seconds for which an empty spool may be one that is just being made."""
_HOLD: Final = 3.0
"""Seconds that events of this process wait at most for older ones of their project."""
_LOOK_AGAIN: Final = (1.0, 4.0)
"""Seconds until those are tried again that somebody held: he may only have looked whether they are his to send."""


class _Delivery(msgspec.Struct):
    """A spool on its way. `ref` is the question that isn't answered yet; `retry_at` is when it goes on, where the
    server has put it off.
    """

    spool: Spool
    source: Source
    project_id: str | None
    total: int
    modified: float
    ref: int | None = None
    retry_at: float = 0.0
    failures: int = 0


class LateDeliveries:
    """Sends the spools of ended processes, one after the other; on the connection's thread.

    One that the server puts off waits, and the others go on.

    Args:
        folder: says where spools are.
        send: sends a frame.
        next_ref: gives a number for a frame.
        complaints: takes what the user is to be told.
    """

    def __init__(
        self,
        folder: Callable[[], str],
        send: Callable[[dict[str, Any] | bytes], None],
        next_ref: Callable[[], int],
        complaints: Complaints,
    ) -> None:
        self._folder = folder
        self._send = send
        self._next_ref = next_ref
        self._complaints = complaints
        self._limits = Limits(1, 1)
        self._store: str | None = None
        self._place: str | None = None
        self._deliveries: deque[_Delivery] = deque()
        self._found: deque[tuple[float, str]] = deque()
        self._left: set[str] = set()
        self._look_at: list[float] = []
        self._hold_until = 0.0
        self.dropped = 0
        """How many events were given up."""

    @property
    def waiting(self) -> int:
        """How many events of ended processes are to be sent."""
        return sum(each.spool.waiting for each in (*self._deliveries,))

    @property
    def sending(self) -> bool:
        """Whether there are some of these that the server hasn't put off."""
        return any(not each.retry_at for each in (*self._deliveries,))

    def connected(self, limits: Limits, store: str | None, place: str | None, now: float, *, keeps: bool) -> None:
        """A connection is there: look what there is to send on it.

        Args:
            limits: what the server takes in a frame.
            store: its folder of logs, as it names it.
            place: which server it is.
            now: of `time.monotonic`.
            keeps: whether what it acknowledges outlives it as it should.
        """
        self._limits, self._store, self._place = limits, store, place
        self._left.clear()
        self._look_at = [now, *(now + delay for delay in _LOOK_AGAIN)] if keeps else []
        self._hold_until = now + _HOLD

    def disconnected(self) -> None:
        """The connection is gone, and others may be quicker to come back: let go of everything."""
        while self._deliveries:
            self._let_go(self._deliveries[0])
        self._look_at = []
        self._found.clear()

    def abandon(self) -> None:
        """In a forked child: the files are the parent's."""
        for delivery in self._deliveries:
            delivery.spool.close()

    def serve(self, now: float) -> Iterator[float | None]:
        """Send what there is; yield when to look again, None: when something happens.

        Args:
            now: of `time.monotonic`.
        """
        if self._look_at and now >= self._look_at[0]:
            del self._look_at[0]
            self._look()
        if self._look_at:
            yield self._look_at[0]
        if self._deliveries:
            yield self._serve_next(now)

    def held_until(self, project_id: str, now: float) -> float | None:
        """Return until when a project's new events wait for its older ones.

        Args:
            project_id: the project's id.
            now: of `time.monotonic`.
        """
        if now < self._hold_until and any(each.project_id == project_id for each in self._deliveries):
            return self._hold_until
        return None

    def answered(self, frame: dict[str, Any]) -> bool:
        """Take an answer; return whether it was one to a question of this."""
        delivery = self._under_way()
        if delivery is None or frame.get("ref") != delivery.ref:
            return False
        delivery.ref = None
        if frame["op"] != "error":
            delivery.retry_at = 0.0
        if frame["op"] == "published":
            self._take_published(delivery, frame)
        elif frame["op"] == "resolved" and isinstance(frame.get("project_id"), str):
            delivery.project_id = frame["project_id"]
        else:
            self._take_error(delivery, frame)
        return True

    def _under_way(self) -> _Delivery | None:
        return next((each for each in self._deliveries if each.ref is not None), None)

    def _serve_next(self, now: float) -> float | None:
        if self._under_way() is not None:
            return None
        due = next((each for each in self._deliveries if now >= each.retry_at), None)
        if due is None:
            return min(each.retry_at for each in self._deliveries)
        if due.failures >= _ATTEMPTS and self._found:
            self._let_go(due)
            self._found.append((due.modified, due.spool.path))
            self._take_more()
            return now
        return self._serve(due, now)

    def _serve(self, delivery: _Delivery, now: float) -> float | None:
        ref = self._next_ref()
        if delivery.project_id is None:
            about = delivery.spool.about
            who = {"kernel_id": about.kernel_id, "path": about.path, "title": about.title}
            self._send({"op": "resolve", "ref": ref, **without_surrogates(who)})
        else:
            frame = delivery.source.next_frame(ref, delivery.project_id, self._limits)
            if frame is None:
                self._finish(delivery)
                return now
            self._send(frame)
        delivery.ref = ref
        return None

    def _take_published(self, delivery: _Delivery, frame: dict[str, Any]) -> None:
        delivery.failures = 0
        for rejection in delivery.source.published(frame):
            # Nobody is there to hear of it whose call it was.
            logger.warning("The server refused a late %s event: %s", rejection.entry.type, rejection.message)
        if not delivery.spool.waiting:
            self._finish(delivery)

    def _take_error(self, delivery: _Delivery, frame: dict[str, Any]) -> None:
        source, code = delivery.source, frame.get("code")
        expected, means = frame.get("expected"), meaning(frame)
        if means == "gap" and isinstance(expected, int) and delivery.failures < 3:
            # The log lost what it had, or was deleted. Whoever could tell it again is dead, so it is told how many are
            # missing: more than nothing, and the source stays the one that the server knows as that process's.
            delivery.failures += 1
            source.expects(expected)
        elif means == "unfit" and source.in_flight:
            alone = source.bisect()
            if alone is not None:
                self.dropped += 1
                reason = frame.get("message") or code
                self._complaints.add(f"TaskTree dropped a {alone.type} event of a process that has ended: {reason}")
        elif means == "later":
            source.unsent()
            delivery.failures += 1
            delivery.retry_at = time.monotonic() + max(soon(delivery.failures), seconds_to_wait(frame))
        else:
            logger.warning(
                "%d events of an ended process stay in %s: %s",
                delivery.spool.waiting,
                delivery.spool.path,
                frame.get("message") or code,
            )
            self._leave(delivery, nobodys=delivery.project_id is None and code == "not_found")

    def _leave(self, delivery: _Delivery, *, nobodys: bool) -> None:
        self._left.add(delivery.spool.path)
        self._remove(delivery)
        if not (nobodys and self._give_up_if_old(delivery.spool, delivery.modified)):
            delivery.spool.close()

    def _let_go(self, delivery: _Delivery) -> None:
        self._deliveries.remove(delivery)
        delivery.spool.mark()
        delivery.spool.close()

    def _remove(self, delivery: _Delivery) -> None:
        # First, so that there is no moment at which all seems to be sent.
        self._take_more()
        self._deliveries.remove(delivery)

    def _finish(self, delivery: _Delivery) -> None:
        about = delivery.spool.about
        self._remove(delivery)
        self._done(delivery.spool)
        # Nobody will end what it left open.
        process = {"host": about.host, "pid": about.pid, "kernel_id": about.kernel_id}
        words = {"op": "source", "project_id": delivery.project_id, "source": about.source, "state": "lost"}
        self._send(words | {key: value for key, value in process.items() if value is not None})
        logger.info(
            "Sent %d events of process %d on %s, which had ended",
            delivery.total,
            about.pid,
            about.host or "this machine",
        )

    def _done(self, spool: Spool) -> None:
        damaged = spool.damaged
        spool.remove()
        if damaged:
            what = "what could be read was sent" if spool.about.source else "nothing in it tells whose it is"
            self._complaints.add(
                "Some of what an ended process had kept for TaskTree's server can't be read. "
                f"{spool.path} now ends with {DAMAGED}; {what}."
            )

    def _give_up_if_old(self, spool: Spool, modified: float) -> bool:
        age = time.time() - modified
        if age <= MAX_AGE:
            return False
        about, count, damaged = spool.about, spool.waiting, spool.damaged
        spool.remove()
        self.dropped += count
        of = f" of {about.name!r}" if about.name else ""
        where = f" {spool.path} could be read in part only, and now ends with {DAMAGED}." if damaged else ""
        self._complaints.add(
            f"TaskTree gave up {count} events{of} that process {about.pid} had kept {age / 86400:.0f} days ago: "
            f"it never met a server again that they were meant for.{where}"
        )
        return True

    # Looking

    def _look(self) -> None:
        found: list[tuple[float, str]] = []
        try:
            with os.scandir(self._folder()) as entries:
                for entry in entries:
                    if entry.name.endswith(SUFFIX):
                        found.append((entry.stat().st_mtime, entry.path))
        except OSError:
            # Nothing was ever spooled, as a rule.
            return
        found.sort()
        self._found = deque(found)
        self._take_more()

    def _take_more(self) -> None:
        """Go on with what was found, unless enough is held; the oldest first."""
        taken = {each.spool.path for each in self._deliveries}
        while self._found and len(self._deliveries) < _AT_ONCE:
            modified, path = self._found.popleft()
            if path not in taken and path not in self._left:
                try:
                    self._look_at_one(path, modified)
                except OSError as error:
                    self._left.add(path)
                    logger.warning("Can't look into %s: %s", path, error)

    def _look_at_one(self, path: str, modified: float) -> None:
        spool = Spool.take(path)
        if spool is None:
            return
        if spool.empty:
            if time.time() - modified > _YOUNG:
                spool.remove()
            spool.close()
        elif spool.about.version != VERSION:
            self._leave_alone(spool)
        elif not spool.waiting or not spool.about.source:
            self._done(spool)
        elif self._is_meant(spool):
            self._take(spool, modified)
        elif not self._give_up_if_old(spool, modified):
            self._leave_alone(spool)

    def _leave_alone(self, spool: Spool) -> None:
        self._left.add(spool.path)
        spool.close()

    def _is_meant(self, spool: Spool) -> bool:
        about = spool.about
        if not (about.name or about.project_id or about.kernel_id or about.path):
            return False
        same_store = about.store is not None and about.store == self._store
        return same_store or (about.place is not None and about.place == self._place)

    def _take(self, spool: Spool, modified: float) -> None:
        about = spool.about
        source = Source.resume(about.source, spool, spool.next_number)
        project_id = about.name or about.project_id
        if about.name is None and None not in (about.store, self._store) and about.store != self._store:
            # Other logs at the same place: the id that those gave it means nothing here.
            project_id = None
        if project_id is None and not (about.kernel_id or about.path):
            if not self._give_up_if_old(spool, modified):
                self._leave_alone(spool)
            return
        self._deliveries.append(_Delivery(spool, source, project_id, spool.waiting, modified))
