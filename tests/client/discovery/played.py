"""A server of another version, played: it knows less, or more, than the client does."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

Frame = dict[str, Any]
Dress = Callable[[Frame], list[Frame]]
AT = 1_790_000_000_000_000


class Played:
    """Keeps one log in memory and answers as docs/protocol.md says, as far as `known` operations go.

    Args:
        known: the operations it knows; another is answered by `unknown_op`.
        dress: makes of each frame what is sent in its place.
    """

    def __init__(self, known: frozenset[str], dress: Dress = lambda frame: [frame]) -> None:
        self.known = known
        self.dress = dress
        self.url = ""
        self.received: list[Frame] = []
        self.log: list[Frame] = []
        self._lock = threading.Lock()

    @contextmanager
    def running(self) -> Iterator[Played]:
        """Serve on a free port of loopback."""
        with serve(self._talk, "127.0.0.1", 0, subprotocols=[Subprotocol("tasktree.v1.json")]) as server:
            self.url = f"http://127.0.0.1:{server.socket.getsockname()[1]}/"
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield self
            server.shutdown()

    def _talk(self, connection: ServerConnection) -> None:
        def send(frame: Frame) -> None:
            for each in self.dress(frame):
                connection.send(json.dumps(each))

        limits = {"max_message_bytes": 1048576, "max_events_per_publish": 1000, "max_unacked_bytes": 262144}
        welcome = {"protocol": 1, "server": "0.1.0", "time": AT, "limits": {**limits, "ping_interval": 20}}
        try:
            send({"op": "welcome", **welcome})
            for message in connection:
                frame = json.loads(message)
                self.received.append(frame)
                with self._lock:
                    for answer in self._answers(frame):
                        send(answer)
        except ConnectionClosed:
            return

    def _answers(self, frame: Frame) -> list[Frame]:
        op, ref, project_id = frame["op"], frame.get("ref"), frame.get("project_id")
        if op not in self.known:
            return [{"op": "error", "ref": ref, "code": "unknown_op", "message": f"No {op} here", "retry": False}]
        answer = {"ref": ref, "project_id": project_id}
        if op == "resolve":
            return [{"op": "resolved", **answer, "project_id": "minted", "info": {"project_id": "minted"}}]
        if op == "publish":
            for place, event in enumerate(frame["events"]):
                numbers = {"offset": len(self.log) + 1, "at": AT + len(self.log), "seq": frame["seq"] + place}
                self.log.append({**event, "project_id": project_id, "source": frame["source"], **numbers})
            upto = frame["seq"] + len(frame["events"]) - 1
            acknowledged = {"source": frame["source"], "upto": upto, "duplicates": 0, "rejected": []}
            return [{"op": "published", **answer, **acknowledged, "epoch": "e", "offset": len(self.log)}]
        if op == "subscribe":
            after = (frame.get("since") or {}).get("offset", len(self.log))
            head = {"project_id": project_id, "epoch": "e", "offset": len(self.log)}
            return [
                {"op": "subscribed", "ref": ref, **head, "recovered": True, "info": {"project_id": project_id}},
                {"op": "events", "project_id": project_id, "epoch": "e", "events": self.log[after:]},
                {"op": "live", "project_id": project_id, "offset": len(self.log)},
            ]
        return []
