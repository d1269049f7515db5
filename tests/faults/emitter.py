"""A process that emits without pause through the real API, and keeps a journal of what it sent and was told.

    python emitter.py NAME PROJECT JOURNAL SEED RATE [URL TOKEN]

Without a URL it finds its server by the connection file that the environment names. It prints `acknowledged` for each
acknowledgement. When a line comes it stops, waits until nothing is left to send, and prints `settled N` or `waiting N`.
"""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

import tasktree_jupyter as tt
from tasktree_jupyter.client import connection, patience
from tasktree_jupyter.client.source import Limits, Rejection, Source
from tests.faults.history import Acknowledged, Journal, Sent, Settled, mark

NODES = 60
GROUPS = 5
PATIENCE = 90.0
LONGEST_DELAY = 0.5
"""Seconds between two tries: fifteen, as for users, would make a run of waiting."""


def keep_journal(journal: Journal) -> None:
    """Write down each frame before it is sent, and each answer after it has come."""
    next_frame, published = Source.next_frame, Source.published

    def noting_frame(self: Source, ref: int, project_id: str, limits: Limits) -> bytes | None:
        frame = next_frame(self, ref, project_id, limits)
        if frame is not None:
            read = msgspec.json.decode(frame)
            marks = [mark(event["type"], event["data"]) for event in read["events"]]
            numbers = [event["data"].get("n") for event in read["events"]]
            journal.write(Sent(read["source"], read["seq"], marks, numbers))
        return frame

    def noting_answer(self: Source, frame: dict[str, Any]) -> list[Rejection]:
        awaited = self.awaits(frame.get("ref"))
        rejections = published(self, frame)
        if awaited:
            rejected = [rejection["seq"] for rejection in frame["rejected"]]
            journal.write(Acknowledged(frame["source"], frame["upto"], frame["epoch"], frame["offset"], rejected))
            print("acknowledged", flush=True)
        return rejections

    Source.next_frame = noting_frame  # type: ignore[method-assign]
    Source.published = noting_answer  # type: ignore[method-assign]


def story(name: str, draw: random.Random) -> Iterator[tuple[str, dict[str, Any]]]:
    """What happens in a busy project, in all event types, for ever.

    Nothing of it is refused: a frame whose answer was lost is answered as a duplicate, which doesn't say again what was
    refused, and the checker couldn't tell that from a loss.
    """
    yield "node_update", {"node_id": name, "changes": {"title": f"Run of {name}", "status": "running"}}
    for n in range(GROUPS):
        yield "node_update", {"node_id": f"{name}/{n}", "changes": {"title": f"Group {n}", "parent_id": name}}
    while True:
        node = f"{name}/{draw.randrange(GROUPS, NODES)}"
        chance = draw.random()
        if chance < 0.45:
            parent = name if draw.random() < 0.5 else f"{name}/{draw.randrange(GROUPS)}"
            metrics = {"loss": draw.random()}
            changes = {"title": node, "parent_id": parent, "progress": draw.random(), "metrics": metrics}
            yield "node_update", {"node_id": node, "changes": changes}
        elif chance < 0.7:
            status = draw.choice(["ready", "running", "review", "completed", "failed", "cancelled"])
            yield "task_status_changed", {"task_id": node, "status": status}
        elif chance < 0.8:
            yield "node_log", {"node_id": node, "level": "info", "message": "x" * draw.randrange(400)}
        elif chance < 0.86:
            context = {"node_id": node, "trigger": "test", "reason": "drawn"}
            yield "state_transition", {"from": "running", "to": "failed", "context": context}
        elif chance < 0.9:
            yield "node_update", {"node_id": node, "changes": None}
        elif chance < 0.94:
            agents = {f"{name}-{n}": {"status": draw.choice(["idle", "busy"])} for n in range(3)}
            yield "coordination_update", {"active_agents": 3, "agents": agents}
        elif chance < 0.95:
            yield (
                "mission_snapshot",
                {"snapshot_id": f"{name}-{draw.getrandbits(48)}", "timestamp": "2026-01-31T14:02:11Z"},
            )
        else:
            yield "my.event", {"text": "é\u2028\x00" + "y" * draw.randrange(2000)}


def main(name: str, project: str, journal_path: str, seed: str, rate: str, *server: str) -> None:
    connection._LONGEST_DELAY = patience._LONGEST_DELAY = LONGEST_DELAY  # type: ignore[misc]
    journal = Journal(Path(journal_path))
    keep_journal(journal)
    if server:
        tt.connect(*server, timeout=0)
    stop = threading.Event()

    def wait_for_a_line() -> None:
        sys.stdin.readline()
        stop.set()

    threading.Thread(target=wait_for_a_line, daemon=True).start()
    draw, emitted = random.Random(seed), 0
    events = story(name, draw)
    while not stop.is_set():
        burst = draw.choice([1, 1, 2, 5, 20])
        for _ in range(burst):
            kind, data = next(events)
            tt.emit(kind, data, project=project, emitter=name, n=emitted)
            emitted += 1
        stop.wait(burst / float(rate) * draw.uniform(0.5, 1.5))
    if tt.flush(PATIENCE):
        journal.write(Settled(emitted))
        print("settled", emitted, flush=True)
    else:
        print("waiting", emitted, tt.status(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
