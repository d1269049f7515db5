"""A conversation over the socket, frame by frame, with the time that each took."""

from __future__ import annotations

import contextlib
import secrets
import time
from queue import SimpleQueue
from typing import Any, Final

from tasktree_jupyter.cli.problem import CommandError
from tasktree_jupyter.cli.rest import Rest
from tasktree_jupyter.client.happenings import Closed, Happening, Received
from tasktree_jupyter.client.websocket import Wire
from tasktree_jupyter.core.protocol import decode, encode

_PATIENCE: Final = 10.0


class Conversation:
    """Frames by hand, one after the other: what a client would mend by itself is to be seen here.

    Args:
        rest: the server.

    Raises:
        CommandError: the server can't be found any longer.
    """

    def __init__(self, rest: Rest) -> None:
        servers = rest.place.discovery().find()
        if not servers:
            raise CommandError("the server has gone")
        self.began_at = clock()
        """When it was begun, before the handshake."""
        self._inbox: SimpleQueue[tuple[float, Happening]] = SimpleQueue()
        self._frames: list[dict[str, Any]] = []
        self._source = secrets.token_hex(8)
        self._until = time.monotonic() + _PATIENCE
        self._heard_at = 0.0
        self._wire = Wire(servers, lambda happening: self._inbox.put((clock(), happening)))
        self._wire.start()

    def publish(self, project_id: str, seq: int, event: dict[str, Any] | None = None) -> None:
        """Publish one event; `seq` is the frame's ref too."""
        event = event or {"type": "doctor.ping", "data": {"number": seq}}
        frame = {"op": "publish", "ref": seq, "project_id": project_id, "source": self._source, "seq": seq}
        self.send({**frame, "events": [event]})

    def send(self, frame: dict[str, Any]) -> None:
        """Send a frame."""
        self._wire.send(encode(frame))

    def wait_for(self, op: str) -> tuple[dict[str, Any], float]:
        """Return the next frame of this sort, and when it came (of `clock`). Raises CommandError, OSError, Empty."""
        while True:
            while self._frames:
                frame = self._frames.pop(0)
                if frame["op"] == op:
                    return frame, self._heard_at
                if frame["op"] == "error":
                    raise CommandError(str(frame.get("message")))
                if frame["op"] == "ping":
                    self.send({"op": "pong"})
            when, happening = self._inbox.get(timeout=max(0.0, self._until - time.monotonic()))
            if isinstance(happening, Closed):
                raise CommandError(happening.trouble.text)
            if isinstance(happening, Received):
                self._heard_at = when
                self._frames += [decode(message) for message in self._wire.feed(happening.data)]

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(OSError):
            self._wire.close()


def clock() -> float:
    """Return this machine's time, in seconds since 1970."""
    return time.time()
