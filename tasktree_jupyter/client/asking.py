"""Questions to the server that one answer settles, like `state` and `diff`; belongs to the connection's thread.

Reading twice does no harm, so what a lost connection left unanswered is asked again on the next one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

Frame = dict[str, Any]

_ANSWERS: Final = ("state", "diff", "error")


class Question:
    """One question. `wait` gives its answer on the thread that asked.

    Args:
        frame: the question, without its `ref`.
    """

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.parts: list[Frame] = []
        self._done = threading.Event()

    def wait(self, timeout: float) -> list[Frame] | None:
        """Return the frames that answer it, None where none came in `timeout` seconds."""
        return self.parts if self._done.wait(timeout) else None

    def take(self, frame: Frame) -> bool:
        """Take a frame of the answer; return whether that was the last one."""
        if frame.get("part") == 0:
            self.parts = []
        self.parts.append(frame)
        if len(self.parts) < (frame.get("parts") or 1):
            return False
        self._done.set()
        return True


class Questions:
    """What was asked and isn't answered.

    Args:
        send: sends a frame.
        next_ref: gives a number for a frame.
    """

    def __init__(self, send: Callable[[Frame], None], next_ref: Callable[[], int]) -> None:
        self._send = send
        self._next_ref = next_ref
        self._connected = False
        self._open: dict[int, Question] = {}

    def ask(self, question: Question) -> None:
        """Ask it, now or as soon as there is a connection."""
        ref = self._next_ref()
        self._open[ref] = question
        if self._connected:
            self._send({**question.frame, "ref": ref})

    def forget(self, question: Question) -> None:
        """Nobody waits for it any more."""
        self._open = {ref: each for ref, each in self._open.items() if each is not question}

    def connected(self) -> None:
        """A connection is there: ask what is open."""
        self._connected = True
        waiting, self._open = [*self._open.values()], {}
        for question in waiting:
            self.ask(question)

    def disconnected(self) -> None:
        """The connection is gone."""
        self._connected = False

    def answered(self, frame: Frame) -> bool:
        """Take an answer; return whether it was one to a question of this."""
        ref: Any = frame.get("ref")
        question = self._open.get(ref) if frame["op"] in _ANSWERS and isinstance(ref, int) else None
        if question is None:
            return False
        if question.take(frame):
            del self._open[ref]
        return True
