"""The frames of `tasktree.v1.json` (docs/protocol.md): how they are written and read."""

from __future__ import annotations

import json
from typing import Any, Final, TypeAlias

import msgspec

from tasktree_jupyter.core.problem import Problem, ProblemError
from tasktree_jupyter.core.sanitise import without_surrogates

PROTOCOL_VERSION: Final = 1
SUBPROTOCOL: Final = "tasktree.v1.json"

CLOSE_STOPPING: Final = 4000
CLOSE_TOO_SLOW: Final = 4001
CLOSE_VIOLATION: Final = 4002
CLOSE_NO_PONG: Final = 4003
CLOSE_PERMISSIONS: Final = 4004
CLOSE_TOO_MANY: Final = 4005
CLOSE_FORBIDDEN: Final = 4500
CLOSE_NO_PROTOCOL: Final = 4501

Frame: TypeAlias = dict[str, Any]
"""A frame: a JSON object whose `op` says what it is. Fields that a reader doesn't know are kept."""

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder().decode


def may_come_back(close_code: int) -> bool:
    """Return whether a client should connect again after this close code: after all but 4500–4999."""
    return not 4500 <= close_code <= 4999


def decode_json(text: str | bytes) -> Any:
    """Return the value of a JSON text. Lone surrogates, which JSON can write and UTF-8 can't, become U+FFFD.

    Raises:
        ProblemError: code `invalid_json`.
    """
    try:
        return _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            # The standard library reads lone surrogates; msgspec doesn't.
            whole = text if isinstance(text, str) else text.decode("utf-8")
            return without_surrogates(json.loads(whole, parse_constant=_refuse_constant))
        except (ValueError, RecursionError) as error:
            raise ProblemError(Problem("invalid_json", "", f"This is no JSON: {error}", "invalid_json")) from None


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON number")


def decode(text: str | bytes) -> Frame:
    """Return the frame that a text frame of the socket holds.

    Raises:
        ProblemError: code `invalid_json`, or `invalid` where it is no object with a string `op`.
    """
    frame = decode_json(text)
    if not isinstance(frame, dict):
        raise ProblemError(Problem("invalid", "", "A frame must be a JSON object", "type"))
    if not isinstance(frame.get("op"), str):
        raise ProblemError(Problem("invalid", "op", "A frame needs an op, a string", "missing"))
    return frame


def encode(frame: Frame) -> bytes:
    """Return a frame as UTF-8 JSON. Parts that are `msgspec.Raw` are put in as they are."""
    return _encode(frame)
