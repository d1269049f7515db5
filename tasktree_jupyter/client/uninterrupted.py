"""Stretches of the main thread that an interrupt must not cut in two."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class uninterrupted:
    """`with uninterrupted():` what SIGINT does (a KeyboardInterrupt) comes after the block, not within it.

    On other threads it does nothing: Python handles signals on the main thread alone. Keep the block short.
    """

    __slots__ = ("_came", "_handler")

    def __init__(self) -> None:
        self._handler: Any = None
        self._came: tuple[int, FrameType | None] | None = None

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        handler = signal.getsignal(signal.SIGINT)
        if not callable(handler):
            return
        self._handler = handler
        try:
            signal.signal(signal.SIGINT, self._note)
        except ValueError:
            # The main thread of a subinterpreter.
            self._handler = None

    def __exit__(self, *_: object) -> None:
        if self._handler is None:
            return
        signal.signal(signal.SIGINT, self._handler)
        if self._came is not None:
            self._handler(*self._came)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._came = number, frame
