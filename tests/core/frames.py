"""Frames that a server would send about the project `p`."""

from __future__ import annotations

from typing import Any

WELCOME = {"op": "welcome", "protocol": 1, "server": "0.1.0", "time": 1, "limits": {"max_unacked_bytes": 262_144}}


def at_of(offset: int) -> int:
    return offset * 10


def event(offset: int) -> dict[str, Any]:
    return {"type": "x", "data": {}, "offset": offset, "at": at_of(offset)}


def events(first: int, last: int, epoch: str = "e1") -> dict[str, Any]:
    return {"op": "events", "project_id": "p", "epoch": epoch, "events": [event(n) for n in range(first, last + 1)]}


def part(number: int, parts: int, offset: int = 5, epoch: str = "e1", **more: Any) -> dict[str, Any]:
    frame = {
        "op": "snapshot",
        "project_id": "p",
        "epoch": epoch,
        "offset": offset,
        "at": at_of(offset),
        "part": number,
        "parts": parts,
        "nodes": [{"node_id": f"n{number}"}],
    }
    return frame | ({"state": {"offset": offset}} if number == 0 else {}) | more


def subscribed(ref: int, offset: int, *, recovered: bool, epoch: str = "e1") -> dict[str, Any]:
    return {
        "op": "subscribed",
        "ref": ref,
        "project_id": "p",
        "epoch": epoch,
        "offset": offset,
        "recovered": recovered,
        "info": {"title": "P"},
    }


def live(offset: int) -> dict[str, Any]:
    return {"op": "live", "project_id": "p", "offset": offset}
