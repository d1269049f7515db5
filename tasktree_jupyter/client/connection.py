"""The one connection of a process, on one daemon thread: it publishes what the queues hold and keeps coming back.

The thread waits on its inbox. Emits don't wake it while a frame is under way: what came meanwhile is the next frame.
"""

from __future__ import annotations

import contextlib
import random
import sys
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Literal

from tasktree_jupyter.client.asking import Question, Questions
from tasktree_jupyter.client.discovery import Trouble
from tasktree_jupyter.client.following import Following
from tasktree_jupyter.client.happenings import Closed, Drained, Happening, Opened, Received
from tasktree_jupyter.client.outbox import Outbox
from tasktree_jupyter.client.reporting import Complaints, logger
from tasktree_jupyter.client.spooling import BREATH
from tasktree_jupyter.core.protocol import decode, encode, may_come_back
from tasktree_jupyter.core.shape import ProblemError
from tasktree_jupyter.core.subscriber import Refused, Subscriber

if TYPE_CHECKING:
    from tasktree_jupyter.client.discovery import Discovery, Identity, Server
    from tasktree_jupyter.client.project import Project
    from tasktree_jupyter.client.subscribe import Subscription
    from tasktree_jupyter.client.websocket import Wire

State = Literal["local", "connecting", "connected", "waiting", "refused", "closed"]

TICK: Final = 0.1
"""Seconds between two looks at what changes too often to be told each time."""
_FIRST_DELAY: Final = 0.25
_LONGEST_DELAY: Final = 15.0
_WELCOME_TIMEOUT: Final = 15.0
_SILENCE: Final = 2.5
"""Ping intervals without a word after which the connection counts as lost (docs/protocol.md, ping)."""
_FOLLOW_TIMEOUT: Final = 2.0
_ATTEMPTS_BEFORE_COMPLAINT: Final = 3
_LAST_WRITE: Final = 5.0
"""Seconds that the end of the process waits at most for the disk."""

WITHOUT_THREADS: Final = ("emscripten", "wasi")
"""Platforms that can't start threads."""
_IN_THIS_PROCESS: Final = "The tree lives in this process only."

_cannot_connect: str | None = None
if sys.platform not in WITHOUT_THREADS:
    # With this module, not when it is first needed: a child forked amid an import never gets it.
    try:
        import tasktree_jupyter.client.websocket  # noqa: F401
    except ImportError as error:
        _cannot_connect = str(error)


class Connection:
    """Carries events of all projects of the process to the server.

    Args:
        discovery: says where the server is.
        identity: which notebook or script the default project belongs to.
        complaints: takes what the user is to be told.
        on_start: called when the thread has been started.
        spool_bytes: says how many bytes of events a project may have on the disk.
    """

    def __init__(
        self,
        discovery: Discovery,
        identity: Callable[[], Identity],
        complaints: Complaints,
        on_start: Callable[[], None],
        spool_bytes: Callable[[], int],
    ) -> None:
        self._discovery = discovery
        self._identity = identity
        self._on_start = on_start
        self._spool_bytes = spool_bytes
        self._wire: Wire | None = None
        self._begin(complaints)

    def after_fork(self, complaints: Complaints) -> None:
        """In a forked child: begin anew, with no thread and no socket, but the same projects."""
        if self._wire is not None:
            self._wire.abandon()
        parents = self._outbox
        self._begin(complaints)
        self._outbox.inherit(parents)

    def _begin(self, complaints: Complaints) -> None:
        self._complaints = complaints
        self._thread: threading.Thread | None = None
        self._starting = threading.RLock()
        self.threadless = sys.platform in WITHOUT_THREADS
        """Whether there is no thread to connect with: the tree then lives in this process."""
        self._inbox: SimpleQueue[Happening | Callable[[], None] | None] = SimpleQueue()
        self._progress = threading.Condition()
        self._tickers: list[Callable[[], None]] = []
        self._wire = None
        self._welcomed = False
        self._heard = 0.0
        self._silence = _WELCOME_TIMEOUT
        self._attempts = 0
        self._complained = False
        self._retry_at = 0.0
        self._next_tick = 0.0
        self._stopping = False
        self._ended = threading.Event()
        self.state: State = "connecting" if self.expects_server else "local"
        self.server: Server | None = None
        alone = self._discovery.trouble
        self.trouble: Trouble | None = None if self.expects_server or alone.code == "none" else alone
        """Why there is no connection, None while there is one, or none is expected."""
        self._subscriber = Subscriber()
        self._following = Following(self._subscriber, self._send, complaints)
        self._questions = Questions(self._send, self._subscriber.next_ref)
        self._outbox = Outbox(
            self._discovery,
            self._identity,
            self._spool_bytes,
            self._send,
            self._subscriber.next_ref,
            self._following,
            complaints,
        )

    # Any thread

    @property
    def reason(self) -> str | None:
        """Why there is no connection, for a person; None while there is one, or none is expected."""
        return self.trouble.text if self.trouble is not None else None

    @property
    def late(self) -> tuple[int, int]:
        """How many events of processes that have ended are being sent, and how many were given up."""
        return self._outbox.late, self._outbox.late_dropped

    @property
    def expects_server(self) -> bool:
        """Whether events should be kept for a server."""
        return not self.threadless and self._discovery.expects_server

    def add(self, project: Project) -> None:
        """Carry this project's events from now on."""
        self._outbox.add(project)
        self.wake()

    def wake(self) -> None:
        """Let the thread look what there is to do; starts it where it isn't running."""
        if self._thread is None and not self._start():
            for project in self._outbox.projects:
                project.fold_if_due()
                project.fold_for_listeners()
                project.wakes = project.listened_to
            return
        self._inbox.put(None)

    def call(self, action: Callable[[], None]) -> None:
        """Run something on the connection's thread; here, where there are no threads."""
        if self._thread is None and not self._start():
            action()
            return
        self._inbox.put(action)

    def tick(self, ticker: Callable[[], None]) -> Callable[[], None]:
        """Call `ticker` ten times a second on the connection's thread; return a function that ends it."""
        self._tickers.append(ticker)
        self.wake()

        def stop() -> None:
            if ticker in self._tickers:
                self._tickers.remove(ticker)

        return stop

    def flush(self, timeout: float) -> bool:
        """Wait until all that was emitted before is settled, at most `timeout` seconds; return whether it is."""
        if any(map(self._outbox.refuses, self._outbox.projects)):
            self.call(self._outbox.ask_again)
        return self._settle(timeout, lambda project: False)

    def _settle(self, timeout: float, hopeless: Callable[[Project], bool]) -> bool:
        targets = [(project, project.source, project.source.emitted) for project in self._outbox.projects]
        self.wake()

        def unsettled() -> list[Project]:
            return [project for project, source, target in targets if source.settled < target]

        with self._progress:
            self._progress.wait_for(lambda: all(hopeless(project) for project in unsettled()), max(0.0, timeout))
            return not unsettled()

    def wait_connected(self, timeout: float) -> bool:
        """Wait until the server has said welcome, at most `timeout` seconds; return whether it has."""
        with self._progress:
            return (
                self._progress.wait_for(lambda: self._welcomed or self.state in ("refused", "local"), timeout)
                and self._welcomed
            )

    def wait_tried(self, timeout: float) -> None:
        """Wait until the server was reached, or failed to be, for the first time, at most `timeout` seconds."""
        with self._progress:
            self._progress.wait_for(lambda: self.state != "connecting", timeout)

    def follow(self, subscription: Subscription) -> None:
        """Hand a subscription its events from now on; waits until nothing emitted afterwards can be missed."""
        subscription.run(threads=not self.threadless)
        if not self.expects_server:
            subscription.listen()
        taken = threading.Event()

        def add() -> None:
            self._following.add(subscription)
            taken.set()

        self.call(add)
        taken.wait(_FOLLOW_TIMEOUT)

    def unfollow(self, subscription: Subscription) -> None:
        """Hand a subscription nothing any more."""
        self.call(lambda: self._following.remove(subscription))

    def ask(self, frame: dict[str, Any], timeout: float) -> list[dict[str, Any]] | None:
        """Ask the server something and return the frames that answer; None where none came in `timeout` seconds."""
        question = Question(frame)
        self.call(lambda: self._questions.ask(question))
        try:
            return question.wait(timeout)
        finally:
            self.call(lambda: self._questions.forget(question))

    def renew(self) -> None:
        """Go to the server that `discovery` names from now on, and emit open tasks there, whole."""
        for project in self._outbox.projects:
            project.source.keep = self.expects_server
        self._retry_at = 0.0
        self._set_state("connecting" if self.expects_server else "local")
        self.call(self._renew)

    def close(self, timeout: float) -> bool:
        """Wait for what isn't settled, write what stays so to the disk, and end the connection.

        Returns:
            whether everything was settled.
        """
        if self._thread is None:
            self._stopping = True
            return True
        until = time.monotonic() + timeout
        hopeful = self.state in ("connected", "connecting", "local")
        settled = self._settle(timeout if hopeful else min(timeout, 1.0), self._outbox.refuses)
        with self._progress:
            # Else many short processes would each begin to send what another one left, and none would end it.
            self._progress.wait_for(
                lambda: self.state != "connected" or not self._outbox.sends_late, max(0.0, until - time.monotonic())
            )
        self._stopping = True
        self._inbox.put(None)
        self._ended.wait(_LAST_WRITE)
        return settled

    def _start(self) -> bool:
        with self._starting:
            if self._thread is None and not self.threadless:
                thread = threading.Thread(target=self._run, name="tasktree", daemon=True)
                if _cannot_connect is not None and self.expects_server:
                    self._stay_alone(f"TaskTree can't connect ({_cannot_connect})")
                    return False
                try:
                    thread.start()
                except RuntimeError as error:
                    self._stay_alone(f"TaskTree can't start its thread ({error})")
                else:
                    self._thread = thread
                    self._on_start()
            return self._thread is not None

    def _stay_alone(self, why: str) -> None:
        self.threadless = True
        self._complaints.add(f"{why}. {_IN_THIS_PROCESS}")
        for project in self._outbox.projects:
            project.source.stop_keeping()
        self._set_state("local")

    # The thread

    def _run(self) -> None:
        while not self._stopping:
            try:
                wait = self._step()
                item = self._next(wait)
                while item is not None:
                    self._take(item)
                    item = self._next(0)
            except OSError as error:
                self._lost(Trouble("lost", str(error)))
            except Exception:
                logger.exception("TaskTree's connection stumbled")
                self._lost(Trouble("lost", "an error in the client, see the log"))
        try:
            if self._wire is not None:
                with contextlib.suppress(OSError):
                    self._outbox.leave()
            self._outbox.close()
            if self._wire is not None:
                self._wire.close()
        except Exception:
            logger.exception("TaskTree's connection couldn't end well")
        finally:
            self._set_state("closed")
            self._ended.set()

    def _next(self, wait: float | None) -> Happening | Callable[[], None] | None:
        try:
            return self._inbox.get(timeout=wait) if wait else self._inbox.get(block=wait is None)
        except Empty:
            return None

    def _take(self, item: Happening | Callable[[], None]) -> None:
        if not isinstance(item, (Opened, Received, Drained, Closed)):
            item()
        elif item.wire is not self._wire:
            item.wire.hang_up()
        elif isinstance(item, Received):
            self._heard = time.monotonic()
            try:
                messages = item.wire.feed(item.data)
            except OSError:
                code = item.wire.close_code
                trouble = Trouble("lost", item.wire.close_reason)
                self._lost(trouble, refused=code is not None and not may_come_back(code))
                return
            for message in messages:
                self._receive(message)
        elif isinstance(item, Opened):
            self._heard = time.monotonic()
            self._silence = _WELCOME_TIMEOUT
        elif isinstance(item, Closed):
            self._lost(item.trouble, refused=item.refused)

    def _step(self) -> float | None:
        """Do what is due; return the seconds until something else is."""
        now = time.monotonic()
        due = [self._tick(now)]
        if self._wire is None:
            if self.expects_server:
                if now >= self._retry_at:
                    self._open()
                due.append(self._retry_at if self._wire is None else now + _WELCOME_TIMEOUT)
        elif self._heard and now >= self._heard + self._silence:
            self._lost(Trouble("lost", "the server has gone silent"))
            due.append(self._retry_at)
        elif self._welcomed:
            due.append(self._heard + self._silence)
            due.append(self._following.retry(now))
        if self.expects_server:
            due.extend(self._outbox.serve(now, self._takes_more))
        # Last, since events are waited for elsewhere.
        due.extend(time.monotonic() + BREATH for project in self._outbox.projects if project.fold_if_due())
        earliest = min((moment for moment in due if moment is not None), default=None)
        return None if earliest is None else max(0.0, earliest - time.monotonic())

    def _tick(self, now: float) -> float | None:
        if not self._tickers and not any(project.listened_to for project in self._outbox.projects):
            return None
        if now >= self._next_tick:
            self._next_tick = now + TICK
            for ticker in (*self._tickers,):
                try:
                    ticker()
                except Exception:
                    logger.exception("What is to be told now and then couldn't be told")
            for project in self._outbox.projects:
                project.fold_for_listeners()
        return self._next_tick

    def _open(self) -> None:
        from tasktree_jupyter.client.websocket import Wire

        servers = self._discovery.find()
        if not servers:
            self._lost(self._discovery.trouble)
            return
        self._heard = 0.0
        self._wire = Wire(servers, self._inbox.put)
        self._wire.start()
        self.server = servers[0]

    def _lost(self, trouble: Trouble, *, refused: bool = False) -> None:
        if self._wire is not None:
            self.server = self._wire.server
            self._wire.hang_up()
            self._wire = None
        self._welcomed = False
        self._subscriber.closed()
        self._outbox.disconnected()
        self._questions.disconnected()
        delay = _LONGEST_DELAY if refused else min(_LONGEST_DELAY, _FIRST_DELAY * 2**self._attempts)
        self._attempts = min(self._attempts + 1, 16)
        self._retry_at = time.monotonic() + delay * random.uniform(0.5, 1.0)
        if not self._stopping:
            # Else we hung up ourselves, and what was wrong before is what the user is told.
            self.trouble = trouble
        hopeless = refused or self._attempts >= _ATTEMPTS_BEFORE_COMPLAINT
        if hopeless and self._discovery.give_up(trouble):
            self._go_on_alone(trouble)
            return
        self._set_state("refused" if refused else "waiting")
        if hopeless and not self._complained:
            self._complained = True
            self._complaints.add(
                f"TaskTree's server{self._where()} can't be reached: {trouble.text}. "
                "Events are kept and sent when it can be; see status()."
            )

    def _where(self) -> str:
        return f" at {self.server.shown}" if self.server else ""

    def _go_on_alone(self, trouble: Trouble) -> None:
        """The one server that was found is none for us: as if none had been."""
        for project in self._outbox.projects:
            project.source.stop_keeping()
        self._following.go_on_alone()
        self._complaints.add(
            f"The Jupyter server{self._where()} is no use to TaskTree: {trouble.text}. {_IN_THIS_PROCESS}"
        )
        self._set_state("local")
        self._note_progress()

    def _set_state(self, state: State) -> None:
        with self._progress:
            self.state = state
            self._progress.notify_all()

    def _renew(self) -> None:
        if self._wire is not None:
            self._wire.close()
            self._wire = None
        self._welcomed = False
        self._subscriber.closed()
        self._attempts, self._retry_at, self._complained = 0, 0.0, False
        self._questions.disconnected()
        self._outbox.forget_server()
        self._following.forget_server()

    # Frames

    def _takes_more(self) -> bool:
        return self._welcomed and self._wire is not None and not self._wire.congested

    def _send(self, frame: dict[str, Any] | bytes) -> None:
        if self._wire is not None:
            self._wire.send(frame if isinstance(frame, bytes) else encode(frame))

    def _receive(self, message: bytes) -> None:
        try:
            frame = decode(message)
        except ProblemError as error:
            logger.warning("The server sent what is no frame: %s", error)
            return
        if frame["op"] in ("published", "resolved", "error") and self._outbox.answered(frame):
            self._note_progress()
        elif not self._questions.answered(frame):
            step = self._subscriber.receive(frame, len(message))
            if frame["op"] == "welcome" and self._subscriber.connected:
                self._welcome(frame)
            for delivery in step.deliver:
                self._following.deliver(delivery)
                if isinstance(delivery, Refused) and delivery.project_id is None:
                    self._lost(Trouble("refused", delivery.message), refused=True)
                    return
            for answer in step.send:
                self._send(answer)

    def _welcome(self, frame: dict[str, Any]) -> None:
        limits = self._subscriber.limits
        self._outbox.connected(limits, frame)
        self._following.connected()
        self._questions.connected()
        interval = limits.get("ping_interval")
        self._silence = _SILENCE * interval if isinstance(interval, (int, float)) and interval > 0 else float("inf")
        self._attempts = 0
        self._complained = False
        self._welcomed = True
        self.server = self._wire.server if self._wire is not None else None
        self.trouble = None
        self._discovery.welcomed()
        self._set_state("connected")

    def _note_progress(self) -> None:
        with self._progress:
            self._progress.notify_all()
