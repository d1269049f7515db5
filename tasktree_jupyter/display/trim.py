"""Cuts what is long in a node, so that a bundle holds many nodes and never invalid JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from tasktree_jupyter.display.plain import ELLIPSIS

encode: Final = msgspec.json.Encoder().encode


class Bounds(NamedTuple):
    """How many bytes of UTF-8 each part of a node may take."""

    title: int
    text: int
    """Message, agent and the like."""
    traceback: int
    value: int
    """Params, metrics, inputs and any other field, as JSON; a list of ids or tags too."""
    node: int
    """All that isn't shown in the node's row, together."""


WHOLE: Final = Bounds(title=600, text=1_000, traceback=6_000, value=1_500, node=10_000)
BRIEF: Final = Bounds(title=300, text=300, traceback=0, value=300, node=900)

_MOST_NAMED: Final = 20
_KEPT: Final = frozenset({"node_id", "parent_id", "status", "progress", "expected", "attempt", "placeholder"})
_TIMES: Final = frozenset({"queued_at", "created_at", "started_at", "ended_at"})
_TEXTS: Final = frozenset({"kind", "message", "agent", "trigger", "reason"})
_DETAILS: Final = ("error", "metrics", "params", "tags", "dependencies", "log", "unusual", "links", "source")
"""What else a node holds, the most telling first; then come fields that only the user knows."""


def trim(node: Mapping[str, Any], bounds: Bounds) -> tuple[dict[str, Any], list[str]]:
    """Return a node that keeps to `bounds`, and the names of the fields that lost something, at most 20."""
    kept: dict[str, Any] = {}
    lost: list[str] = []
    details = [name for name in _DETAILS if name in node]
    for name, value in node.items():
        if name in _KEPT or name in _TIMES:
            kept[name] = value
        elif name == "title" or name in _TEXTS:
            kept[name] = _cut(value, bounds.title if name == "title" else bounds.text)
            if kept[name] is not value:
                lost.append(name)
        elif name not in _DETAILS:
            details.append(name)
    room = bounds.node
    for name in details:
        value = _detail(name, node[name], bounds)
        size = len(encode(value)) + len(encode(name)) + 2
        if value is _GONE or size > room:
            lost.append(name)
            continue
        room -= size
        kept[name] = value
        if value != node[name]:
            lost.append(name)
    return kept, [_cut(name, 100) for name in lost[:_MOST_NAMED]]


_GONE: Final = ELLIPSIS
"""Stands for a value of which nothing fits."""


def _detail(name: str, value: Any, bounds: Bounds) -> Any:
    if name == "error":
        return _error(value, bounds)
    if name == "log":
        last = value["last"]
        return {"counts": value["counts"], "last": {**last, "message": _cut(last["message"], bounds.text)}}
    if name == "unusual":
        return value
    return _fitted(value, bounds.value)


def _error(error: dict[str, Any], bounds: Bounds) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name in ("type", "message"):
        if name in error:
            kept[name] = _cut(error[name], bounds.text)
    traceback = error.get("traceback")
    if traceback and bounds.traceback:
        kept["traceback"] = _tail(traceback, bounds.traceback)
    return kept


def _cut(text: str, size: int) -> str:
    if len(text) * 4 <= size:
        return text
    encoded = text.encode(errors="replace")
    return text if len(encoded) <= size else encoded[:size].decode(errors="ignore") + ELLIPSIS


def _tail(text: str, size: int) -> str:
    """Keep the end: there a traceback says what happened and where."""
    encoded = text[-size:].encode(errors="replace")[-size:]
    if len(encoded) < size:
        return text
    return f"{ELLIPSIS}\n" + encoded.decode(errors="ignore").split("\n", 1)[-1]


def _fitted(value: Any, size: int) -> Any:
    """Return `value`, or as much from its beginning as takes `size` bytes of JSON; `…` where nothing does."""
    if len(encode(value)) <= size:
        return value
    if isinstance(value, str):
        return _cut(value, size) if size > 8 else _GONE
    room = size - 2
    if isinstance(value, dict):
        items: dict[str, Any] = {}
        for key, each in value.items():
            room -= len(encode(key)) + 2
            part = _fitted(each, room)
            room -= len(encode(part))
            if part is _GONE or room < 0:
                break
            items[key] = part
        return items or _GONE
    if isinstance(value, list):
        elements: list[Any] = []
        for each in value:
            part = _fitted(each, room - 1)
            room -= len(encode(part)) + 1
            if part is _GONE or room < 0:
                break
            elements.append(part)
        return elements or _GONE
    return _GONE
