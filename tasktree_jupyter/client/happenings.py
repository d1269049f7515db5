"""What happens to a connection, told by its reader to its owner. Apart, since without threads no socket is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tasktree_jupyter.client.discovery import Trouble

if TYPE_CHECKING:
    from tasktree_jupyter.client.websocket import Wire


class Opened(NamedTuple):
    """The handshake is done."""

    wire: Wire


class Received(NamedTuple):
    """Bytes came; `Wire.feed` makes messages of them."""

    wire: Wire
    data: bytes


class Drained(NamedTuple):
    """The network takes again what is sent."""

    wire: Wire


class Closed(NamedTuple):
    """The connection has ended, or couldn't be opened.

    Attributes:
        refused: whether the server answered, and said no in a way that asking again won't change soon.
        trouble: what is known.
    """

    wire: Wire
    refused: bool
    trouble: Trouble


Happening = Opened | Received | Drained | Closed
