"""Logs made at random: few ids, so that events meet, and every rule of the fold is hit, the wrong ways too.

Written against `Choose`, so that Hypothesis (which shrinks) and a seeded generator (which is fast) make the same kind.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


class Choose:
    """Where choices come from."""

    def __init__(self, whole: Callable[[int, int], int]) -> None:
        self.whole = whole

    def one(self, options: Sequence[T]) -> T:
        return options[self.whole(0, len(options) - 1)]

    def often(self, percent: int) -> bool:
        return self.whole(0, 99) < percent

    def some(self, make: Callable[[], T], most: int) -> list[T]:
        return [make() for _ in range(self.whole(0, most))]


IDS = ("a", "b", "c", "d", "e", "f", "g/1", "10", "2")
ODD_IDS = ("__proto__", "constructor", "toString", "𝔸" * 500, "\u2028 \u00a0")
BAD_IDS: tuple[Any, ...] = ("", "x" * 501, "a\u0000", "a\u0085", 7, True, None, [], {})
WORDS = (
    *("draft", "ready", "running", "review", "completed", "failed", "cancelled", "skipped"),
    *("unclaimed", "up_next", "in_progress", "merged"),
)
TIMES = (
    "2026-01-31T14:02:11Z",
    "2026-01-31T14:02:11.5Z",
    "2026-01-31T14:02:11.123456Z",
    "2026-01-31T14:02:11.123457Z",
    "2026-01-31T15:02:11.123456+01:00",
    "2024-02-29T00:00:00.000000Z",
    "1999-12-31T23:59:59.999999-23:59",
)
BAD_TIMES: tuple[Any, ...] = ("2026-02-29T00:00:00Z", "2026-01-31", "2026-01-31T24:00:00Z", "soon", 5)
TEXTS = ("", "one", "two", "ünï\nline", "__proto__", "NaN")
KEYS = ("lr", "deep", "x", "", "__proto__", "constructor", "1")
LEVELS = ("debug", "info", "warning", "error", "critical")
SOURCES: tuple[Any, ...] = ("k1", "k1", "k2", None, "__proto__", 3)
STATE_NAMES = ("planning", "in_progress", "Phase 2", "𝔸" * 200, "__proto__")
NUMBERS: tuple[Any, ...] = (0, 1, -1, 2, 0.5, -0.25, 1e300, 5e-324, 2**53 - 1, 0.1, 3.0)


def an_id(choose: Choose) -> str:
    return choose.one(ODD_IDS) if choose.often(4) else choose.one(IDS)


def any_json(choose: Choose, room: int = 3) -> Any:
    kind = choose.whole(0, 9)
    if kind < 2 and room:
        return [any_json(choose, room - 1) for _ in range(choose.whole(0, 3))]
    if kind < 5 and room:
        return an_object(choose, room - 1)
    return choose.one((None, True, False, *NUMBERS, *TEXTS))


def an_object(choose: Choose, room: int = 2) -> dict[str, Any]:
    return {choose.one(KEYS): any_json(choose, room) for _ in range(choose.whole(0, 3))}


def _metrics(choose: Choose) -> dict[str, Any]:
    values = (*NUMBERS, None, None, "NaN", "Infinity", "-Infinity")
    return {choose.one(KEYS): choose.one(values) for _ in range(choose.whole(0, 3))}


def _error(choose: Choose) -> dict[str, Any]:
    names = ("type", "message", "traceback")
    return {**an_object(choose), **{choose.one(names): choose.one((None, *TEXTS)) for _ in range(choose.whole(0, 2))}}


def _ids(choose: Choose) -> list[str]:
    return choose.some(lambda: an_id(choose), 3)


def _texts(choose: Choose) -> list[str]:
    return choose.some(lambda: choose.one(TEXTS), 3)


FIELDS: dict[str, Callable[[Choose], Any]] = {
    **dict.fromkeys(("title", "kind", "message", "agent", "trigger", "reason"), lambda choose: choose.one(TEXTS)),
    **dict.fromkeys(("queued_at", "created_at", "started_at", "ended_at"), lambda choose: choose.one(TIMES)),
    "progress": lambda choose: choose.one((0, 1, 0.5, 0.0005, 0.1235, 1.0, choose.whole(0, 2**20) / 2**20)),
    "expected": lambda choose: choose.one((0, 1, 3, 4.0, 50, 1_000_000_000)),
    "attempt": lambda choose: choose.one((1, 2, 7.0, 2**53 - 1)),
    "dependencies": _ids,
    "tags": _texts,
    "params": an_object,
    "source": an_object,
    "error": _error,
    "links": lambda choose: an_object(choose) if choose.often(50) else [any_json(choose)],
    "metrics": _metrics,
    "inputs": any_json,
    "outputs": any_json,
    "unknown": any_json,
    "__proto__": any_json,
    "node_id": lambda choose: None,
    **dict.fromkeys(("log", "unusual", "placeholder", "rollup"), lambda choose: None),
}
WRONG: dict[str, Callable[[Choose], Any]] = {
    "title": lambda choose: 7,
    "status": lambda choose: choose.one(("runing", 1, "constructor", "Ready")),
    "progress": lambda choose: choose.one((-0.1, 1.1, "1", True)),
    "expected": lambda choose: choose.one((-1, 0.5, 1_000_000_001, "3", False)),
    "attempt": lambda choose: choose.one((0, 1.5, 2**53, True)),
    "started_at": lambda choose: choose.one(BAD_TIMES),
    "parent_id": lambda choose: choose.one(("", "x" * 501, "a\u007f", 7, [])),
    "dependencies": lambda choose: choose.one(("a", [""], [None], {})),
    "tags": lambda choose: choose.one(("a", [1], [None])),
    "metrics": lambda choose: choose.one(({"a": "nan"}, [], {"a": []}, {"a": True})),
    "error": lambda choose: choose.one(("bad", {"type": 5}, [])),
    "links": lambda choose: choose.one(("x", 5)),
    "params": lambda choose: choose.one(([], "x", True)),
    "node_id": lambda choose: choose.one(("another", 5)),
    **dict.fromkeys(("log", "unusual", "placeholder", "rollup"), lambda choose: choose.one(({}, True, 0))),
}


def _changes(choose: Choose) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if choose.often(40):
        changes["parent_id"] = None if choose.often(15) else an_id(choose)
    if choose.often(30):
        changes["status"] = choose.one((*WORDS, None))
    for _ in range(choose.whole(0, 3)):
        name = choose.one(tuple(FIELDS))
        changes[name] = None if choose.often(20) else FIELDS[name](choose)
    if choose.often(5):
        name = choose.one(tuple(WRONG))
        changes[name] = WRONG[name](choose)
    return changes


def _node_update(choose: Choose) -> dict[str, Any]:
    return {"node_id": an_id(choose), "changes": None if choose.often(10) else _changes(choose)}


def _state_transition(choose: Choose) -> dict[str, Any]:
    data: dict[str, Any] = {}
    if choose.often(60):
        data["from"] = choose.one((*WORDS, "elsewhere", "", None))
    if choose.often(85):
        data["to"] = choose.one(WORDS)
        data["context"] = {"node_id": an_id(choose)}
        for name in ("trigger", "reason"):
            if choose.often(40):
                data["context"][name] = choose.one((*TEXTS, None))
    else:
        data["to"] = choose.one(STATE_NAMES)
        data["context"] = choose.one((None, {}, {"node_id": None, "trigger": 5}))
    return data


def _mission_snapshot(choose: Choose) -> dict[str, Any]:
    data: dict[str, Any] = {"snapshot_id": an_id(choose)}
    for name, value in (
        ("timestamp", choose.one(TIMES)),
        ("tags", _texts(choose)),
        ("at", 5),
        ("extra", any_json(choose)),
    ):
        if choose.often(30):
            data[name] = None if choose.often(20) else value
    return data


def _snapshot_update(choose: Choose) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name, value in (("name", choose.one(TEXTS)), ("note", choose.one(TEXTS)), ("tags", _texts(choose))):
        if choose.often(40):
            changes[name] = None if choose.often(25) else value
    if choose.often(10):
        name = choose.one(("offset", "at", "snapshot_id", "timestamp", "name", "tags", "__proto__"))
        changes[name] = choose.one((None, 5, {}, [None]))
    return {"snapshot_id": an_id(choose), "changes": None if choose.often(25) else changes}


def _coordination(choose: Choose) -> dict[str, Any]:
    data: dict[str, Any] = {"agents": {choose.one(KEYS): an_object(choose) for _ in range(choose.whole(0, 3))}}
    if choose.often(50):
        data["active_agents"] = choose.one((0, 3, 2.0, None))
    return data


def _started(choose: Choose) -> dict[str, Any]:
    return {"status": choose.one(("running", None)), "a2amcp_enabled": choose.one((True, False, None))}


def _broken(choose: Choose) -> dict[str, Any]:
    bad = choose.one(BAD_IDS)
    return choose.one(
        (
            {"task_id": bad, "status": "running", "node_id": bad, "changes": {}, "to": "ready", "snapshot_id": bad},
            {"task_id": "a", "node_id": "a", "changes": choose.one((5, [], "x", True)), "to": "", "level": "INFO"},
            {"node_id": "a", "context": {"node_id": bad}, "to": "ready", "agents": choose.one(([], {"a": 5}, None))},
            {"to": "ready", "context": {"node_id": "a", "trigger": 5}, "count": choose.one((0, 1.5, True)), "error": 5},
            {},
        )
    )


TYPES: tuple[tuple[str, int, Callable[[Choose], Any]], ...] = (
    ("node_update", 44, _node_update),
    ("task_status_changed", 15, lambda choose: {"task_id": an_id(choose), "status": choose.one(WORDS)}),
    ("state_transition", 12, _state_transition),
    ("node_log", 7, lambda c: {"node_id": an_id(c), "level": c.one(LEVELS), "message": c.one(TEXTS)}),
    ("mission_snapshot", 5, _mission_snapshot),
    ("snapshot_update", 4, _snapshot_update),
    ("coordination_update", 3, _coordination),
    ("orchestrator_started", 2, _started),
    ("orchestrator_stopped", 1, lambda choose: choose.one(({}, {"status": "stopped"}))),
    ("orchestrator_error", 1, lambda choose: {"error": choose.one(TEXTS)}),
    ("events_dropped", 1, lambda choose: {"count": choose.one((1, 2.0, 2**53 - 1))}),
    ("custom.type-1", 2, any_json),
)
_WEIGHTED = tuple(kind for kind, weight, _ in TYPES for _ in range(weight))
_MAKERS = {kind: make for kind, _, make in TYPES}
_KNOWN = tuple(_MAKERS)


def an_event(choose: Choose, offset: int) -> dict[str, Any]:
    kind: Any = choose.one(_WEIGHTED)
    data = _MAKERS[kind](choose)
    timestamp: Any = f"2026-01-31T14:02:{choose.whole(0, 59):02d}.{choose.whole(0, 999_999):06d}Z"
    if choose.often(6):
        odd = choose.whole(0, 3)
        if odd == 0:
            kind, data = choose.one(_KNOWN), _broken(choose)
        elif odd == 1:
            kind = choose.one(("Bad Type", "", 5, None, [], "x" * 65, "node_update\n"))
        elif odd == 2:
            timestamp = choose.one((None, 5, "soon", "2026-01-31T14:02:11+02:00"))
        else:
            data = choose.one((None, [], "x", 5))
    return {
        "type": kind,
        "data": data,
        "timestamp": timestamp,
        "source": choose.one(SOURCES),
        "offset": offset,
        "at": 1_769_868_131_000_000 + offset,
    }


def a_log(choose: Choose, most: int) -> list[dict[str, Any]]:
    return [an_event(choose, offset) for offset in range(1, choose.whole(0, most) + 1)]


def a_deep_log(choose: Choose, most: int) -> list[dict[str, Any]]:
    """A chain near the limit of depth, and moves within it."""
    length = choose.whole(55, 66)
    steps: list[tuple[str, Any]] = [(f"n{step}", {"parent_id": f"n{step - 1}"}) for step in range(1, length)]
    for _ in range(choose.whole(0, most)):
        node = f"n{choose.whole(0, length)}"
        steps.append((node, None if choose.often(5) else {"parent_id": f"n{choose.whole(0, length)}"}))
        if choose.often(20):
            steps.append((node, {"status": choose.one(WORDS), "expected": choose.whole(0, 9)}))
    return [
        {
            "type": "node_update",
            "data": {"node_id": node, "changes": changes},
            "timestamp": "2026-01-31T14:02:11Z",
            "source": "k1",
            "offset": offset,
            "at": 1_769_868_131_000_000 + offset,
        }
        for offset, (node, changes) in enumerate(steps, 1)
    ]


@st.composite
def logs(draw: st.DrawFn, most: int = 40) -> list[dict[str, Any]]:
    return a_log(Choose(lambda low, high: draw(st.integers(low, high))), most)


@st.composite
def deep_logs(draw: st.DrawFn, most: int = 12) -> list[dict[str, Any]]:
    return a_deep_log(Choose(lambda low, high: draw(st.integers(low, high))), most)


def random_log(seed: int, most: int = 60) -> list[dict[str, Any]]:
    """Return the log of a seed: the same on every machine; every tenth is a deep one."""
    choose = Choose(random.Random(seed).randint)
    return a_deep_log(choose, 30) if seed % 10 == 0 else a_log(choose, most)
