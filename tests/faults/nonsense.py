"""What no client should send, drawn from a seeded generator: frames, JSON texts and requests, each nearly right."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

PROJECTS = ("fuzz-0", "fuzz-1")
IMPORTED = ("imported-0", "imported-1")
API = "/tasktree/api/"

STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 0.5, -0.0, 1e308, 2**31, 2**53 - 1, 2**53, 2**63, -(2**63) - 1, 10**400),
    *(
        "",
        "x",
        "NaN",
        "Infinity",
        "-Infinity",
        "__proto__",
        "constructor",
        "\x00",
        "\x1b[31m",
        "\u202e",
        "\ud800",
        "é\udfff",
    ),
    *(
        "running",
        "merged",
        "no such status",
        "2026-01-31T14:02:11Z",
        "9999-12-31T23:59:59Z",
        "x" * 201,
        "y" * 70_000,
        "<b>",
    ),
    *([], {}, [[]], [None], {"": None}, {"__proto__": {"a": 1}}, {"a.b": {"c\\d": [1]}}, ["x"] * 3000),
)


def _events() -> list[dict[str, Any]]:
    node = {"title": "t", "parent_id": "n/0", "status": "running", "progress": 0.5, "metrics": {"a": 1}, "tags": ["x"]}
    return [
        {"type": "node_update", "data": {"node_id": "n/1", "changes": node}},
        {"type": "node_update", "data": {"node_id": "n/0", "changes": None}},
        {"type": "task_status_changed", "data": {"task_id": "n/1", "status": "completed"}},
        {"type": "state_transition", "data": {"from": "ready", "to": "running", "context": {"node_id": "n/1"}}},
        {"type": "mission_snapshot", "data": {"snapshot_id": "s", "timestamp": "2026-01-31T14:02:11Z", "tags": ["a"]}},
        {"type": "snapshot_update", "data": {"snapshot_id": "s", "changes": {"name": "n"}}},
        {"type": "coordination_update", "data": {"active_agents": 1, "agents": {"a": {"status": "busy"}}}},
        {"type": "orchestrator_started", "data": {"status": "running", "a2amcp_enabled": True}},
        {"type": "orchestrator_error", "data": {"error": "e"}},
        {"type": "events_dropped", "data": {"count": 3}},
        {"type": "node_log", "data": {"node_id": "n/1", "level": "info", "message": "m"}},
        {"type": "my.event", "data": {"a": [1, {"b": None}]}, "timestamp": "2026-01-31T14:02:11.123456Z"},
    ]


def envelope(draw: random.Random) -> dict[str, Any]:
    """Return a sound envelope."""
    return {**draw.choice(_events()), "project_id": draw.choice(PROJECTS)}


def frame(draw: random.Random) -> dict[str, Any]:
    """Return a sound frame of `tasktree.v1.json`."""
    project, ref = draw.choice(PROJECTS), draw.randrange(100)
    moments: list[Any] = [None, {"offset": 3}, {"at": 1_700_000_000_000_000}, {"snapshot": "s"}]
    since = draw.choice([None, {"epoch": "e", "offset": 3, "at": 5}, {"epoch": "e", "offset": 0}])
    events = [draw.choice(_events()) for _ in range(draw.randint(0, 4))]
    frames: list[dict[str, Any]] = [
        {"op": "subscribe", "project_id": project, "since": since},
        {"op": "unsubscribe", "project_id": project},
        {"op": "ack", "project_id": project, "offset": 3},
        {
            "op": "publish",
            "project_id": project,
            "source": "s",
            "seq": draw.randint(1, 50),
            "events": events,
            "dropped": 2,
        },
        {"op": "publish", "project_id": draw.choice([None, project]), "events": events},
        {"op": "resolve", "kernel_id": "k", "path": "a/b.ipynb", "title": "t"},
        {"op": "state", "project_id": project, "moment": draw.choice(moments)},
        {"op": "diff", "project_id": project, "from": draw.choice(moments), "to": draw.choice(moments)},
        *({"op": op} for op in ("watch", "unwatch", "ping", "pong")),
    ]
    return {**draw.choice(frames), "ref": ref}


def mutated(value: Any, draw: random.Random) -> Any:
    """Return the value with something strange in it, anywhere."""
    if draw.random() < 0.25 or not isinstance(value, (dict, list)) or not value:
        return draw.choice(STRANGE)
    if isinstance(value, list):
        place = draw.randrange(len(value))
        return [*value[:place], mutated(value[place], draw), *value[place + 1 :]]
    key = draw.choice(list(value))
    rest = {name: item for name, item in value.items() if name != key}
    way = draw.random()
    if way < 0.15:
        return rest
    if way < 0.25:
        return {**value, str(draw.choice(STRANGE))[:300]: draw.choice(STRANGE)}
    return {**value, key: mutated(value[key], draw)}


def _cut(text: str, draw: random.Random) -> str:
    return text[: draw.randrange(len(text) + 1)]


def _swapped(text: str, draw: random.Random) -> str:
    place = draw.randrange(len(text) + 1)
    return text[:place] + draw.choice('{}[]",:\\\x00\x7fé0-') + text[place + 1 :]


def _nested(text: str, draw: random.Random) -> str:
    depth = draw.choice([65, 500, 1100, 20_000])
    opening, closing = draw.choice([("[", "]"), ('{"a":', "}")])
    return text.replace('"t"', opening * depth + "1" + closing * depth, 1)


_WAYS: list[Callable[[str, random.Random], str]] = [
    _cut,
    _swapped,
    _nested,
    lambda text, draw: "\ufeff" + text,
    lambda text, draw: text.replace("0.5", draw.choice(["NaN", "1e999", "-", "01", "0x1"]), 1),
    lambda text, draw: text.replace('"op"', '"op":"ping","op"', 1),
    lambda text, draw: text.replace('"t"', '"\\ud800\\u0000\\u202e"', 1),
    lambda text, draw: text + draw.choice([" ", "\n", "x", text]),
    lambda text, draw: draw.choice(["", "null", "[]", "1", '"x"', "{", "[" * 50_000, '{"op":{}}', '{"op":[]}']),
]


def text(value: Any, draw: random.Random) -> str:
    """Return a JSON text of the value, sound or nearly so."""
    for _ in range(draw.choice([0, 1, 1, 1, 2, 3])):
        value = mutated(value, draw)
    written = json.dumps(value, ensure_ascii=True)
    return draw.choice(_WAYS)(written, draw) if draw.random() < 0.4 else written


def ws_frame(
    payload: bytes, *, opcode: int = 1, fin: bool = True, rsv: int = 0, mask: bytes | None = b"\1\2\3\4"
) -> bytes:
    """Return a WebSocket frame, sound as far as its arguments are; `mask` None: without."""
    head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
    flag = 0 if mask is None else 0x80
    if len(payload) < 126:
        head += bytes([flag | len(payload)])
    elif len(payload) < 65_536:
        head += bytes([flag | 126]) + struct.pack("!H", len(payload))
    else:
        head += bytes([flag | 127]) + struct.pack("!Q", len(payload))
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))


def raw_frames(draw: random.Random) -> bytes:
    """Return bytes of what may have been frames: broken, lying, unmasked, fragmented, reserved, in pieces."""
    sent = b""
    for _ in range(draw.randint(1, 6)):
        payload = draw.choice(
            [b"", b"\xff\xfe\xfd", b"\xed\xa0\x80", json.dumps(frame(draw)).encode(), draw.randbytes(200)]
        )
        kind = draw.randrange(12)
        if kind == 0:
            sent += draw.randbytes(draw.randint(1, 60))
        elif kind == 1:
            sent += ws_frame(payload, opcode=draw.randrange(16), rsv=draw.choice([0, 0, 1, 2, 4, 7]))
        elif kind == 2:
            sent += ws_frame(payload, mask=None)
        elif kind == 3:
            sent += b"\x81\xff" + struct.pack("!Q", draw.choice([2**63, 2**64 - 1, 2**40, 20_000_000])) + b"\0\0\0\0abc"
        elif kind == 4:
            sent += ws_frame(payload, fin=False) + ws_frame(payload, opcode=0, fin=draw.random() < 0.5)
        elif kind == 5:
            sent += ws_frame(payload, opcode=0) * draw.randint(1, 5)
        elif kind == 6:
            sent += ws_frame(
                draw.randbytes(draw.choice([0, 1, 125, 126, 300])),
                opcode=draw.choice([8, 9, 10]),
                fin=draw.random() < 0.8,
            )
        elif kind == 7:
            sent += ws_frame(
                struct.pack("!H", draw.choice([0, 999, 1005, 1006, 4999, 65_535])) + payload[:100], opcode=8
            )
        elif kind == 8:
            sent += _in_pieces(payload, draw)
        elif kind == 9:
            # A longer form of the length than is needed.
            length = struct.pack("!BQ" if draw.random() < 0.5 else "!BH", 255, len(payload))
            sent += b"\x81" + (length if len(length) == 9 else b"\xfe" + length[1:]) + b"\0\0\0\0" + payload
        elif kind == 10:
            reason = draw.choice([b"\xff\xfe", b"\xed\xa0\x80", b"x" * 200, b"", "ö".encode()[:1]])
            sent += ws_frame(struct.pack("!H", draw.choice([1000, 1001, 4000])) + reason, opcode=8)
        else:
            whole = ws_frame(json.dumps(frame(draw)).encode())
            sent += whole[: draw.randrange(1, len(whole))]
    return sent


def _in_pieces(payload: bytes, draw: random.Random) -> bytes:
    """A message in fragments, cut anywhere, also within a character, with pings between, and not always to its end."""
    cuts = sorted(draw.randrange(len(payload) + 1) for _ in range(draw.randint(1, 20)))
    pieces = [payload[start:end] for start, end in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
    sent = b""
    for place, piece in enumerate(pieces):
        last = place == len(pieces) - 1 and draw.random() < 0.8
        sent += ws_frame(
            piece, opcode=0 if place else draw.choice([1, 1, 1, 2]), fin=last, rsv=draw.choice([0] * 9 + [4])
        )
        if draw.random() < 0.3:
            sent += ws_frame(b"?", opcode=draw.choice([9, 10]))
    return sent


def export(draw: random.Random) -> bytes:
    """Return the lines of an export, sound or nearly so."""
    number = draw.randint(0, 4)
    head = {
        "tasktree": "export",
        "version": 1,
        "project_id": "p",
        "epoch": "e",
        "offset": number,
        "at": 9,
        "trimmed": 0,
    }
    lines: list[Any] = [head]
    for offset in range(1, number + 1):
        place = {
            "offset": offset,
            "at": offset,
            "timestamp": "2026-01-31T14:02:11.123456Z",
            "source": "s",
            "seq": offset,
        }
        lines.append({**draw.choice(_events()), **place})
    if draw.random() < 0.2:
        draw.shuffle(lines)
    written = [text(line, draw) if draw.random() < 0.3 else json.dumps(line) for line in lines]
    return draw.choice(["\n", "\n", "\n", "\r\n", "\n\n", ""]).join(written).encode("utf-8", "surrogatepass")


def request(draw: random.Random) -> tuple[str, str, bytes | None]:
    """Return method, path with query, and body of a request to the REST interface."""
    project = draw.choice([*PROJECTS, *PROJECTS, "none", *(value for value in STRANGE if isinstance(value, str))])
    named = quote(project[:3000].encode("utf-8", "surrogatepass"), safe="")
    strange = [quote(str(value)[:300].encode("utf-8", "surrogatepass")) for value in STRANGE]
    of_project = [
        "",
        "/state",
        "/events",
        "/missions",
        "/missions/n%2F1",
        "/snapshots",
        "/snapshots/s",
        "/diff",
        "/export",
        "/import",
    ]
    path = draw.choice(
        [f"projects/{named}{draw.choice(of_project)}"] * 8 + ["version", "projects", "openapi.json", "%00", "../x"]
    )
    if draw.random() < 0.1:
        path = f"projects/{named}/snapshots/{draw.choice(['s', *strange])}"
    names = ["after", "limit", "before", "moment", "from", "to"]
    moments = ["now", "offset:3", "offset:-1", "at:2026-01-31T14:02:00Z", "at:1e9", "snapshot:s", "snapshot:%FF"]
    query = "&".join(
        f"{draw.choice(names)}={draw.choice([*strange, *moments])}" for _ in range(draw.choice([0, 1, 1, 2, 4]))
    )
    method = draw.choice(["GET"] * 6 + ["POST"] * 3 + ["PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "X"])
    if method == "DELETE" and "/" not in path.removeprefix("projects/"):
        method = "GET"
    if method == "X":
        # Jupyter's own page for a path that nobody serves can't take it.
        path = "version"
    body = None
    if draw.random() < 0.05:
        return "POST", f"{API}projects/{draw.choice([*IMPORTED, *IMPORTED, named])}/import", export(draw)
    if draw.random() < 0.02:
        return draw.choice(["DELETE", "GET"]), f"{API}projects/{draw.choice(IMPORTED)}", None
    if method in ("POST", "PATCH", "PUT"):
        events = [envelope(draw) for _ in range(draw.randint(0, 3))]
        sound = draw.choice(
            [
                events[0] if events else {},
                {"events": events},
                {"events": events, "source": "r", "seq": 1},
                {"name": "n"},
            ]
        )
        body = text(sound, draw).encode("utf-8", "surrogatepass")
    return method, f"{API}{path}{'?' + query if query else ''}", body
