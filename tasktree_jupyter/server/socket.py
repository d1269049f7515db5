"""`{base_url}tasktree/ws/updates`: the WebSocket, for plain clients and for those that speak `tasktree.v1.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.base.websocket import WebSocketMixin
from tornado import web
from tornado.iostream import IOStream, StreamBufferFullError
from tornado.websocket import WebSocketClosedError, WebSocketHandler, WebSocketProtocol, WebSocketProtocol13

from tasktree_jupyter.core.protocol import CLOSE_NO_PROTOCOL, CLOSE_TOO_SLOW, SUBPROTOCOL
from tasktree_jupyter.core.shape import is_project_id
from tasktree_jupyter.server.auth import AuthMixin
from tasktree_jupyter.server.connection import Connection, PlainConnection
from tasktree_jupyter.server.limits import Limits
from tasktree_jupyter.server.logs import tell
from tasktree_jupyter.server.protocol import ProtocolConnection
from tasktree_jupyter.server.tally import TALLY

if TYPE_CHECKING:
    from tasktree_jupyter.server.app import TaskTreeExtension

OUR_SUBPROTOCOLS = "tasktree."


class UpdatesSocket(AuthMixin, WebSocketMixin, WebSocketHandler, JupyterHandler):
    """Authenticates and authorises the handshake, then passes messages on to a `Connection`."""

    connection: Connection | None = None
    _unknown_version = False

    def initialize(self, extension: TaskTreeExtension) -> None:
        """Tornado passes what the route was given."""
        self.extension = extension

    def set_default_headers(self) -> None:
        """The headers of pages mean nothing here."""

    @property
    def max_message_size(self) -> int:
        """Above our own limit, so that a message over it can be answered instead of cut off (bytes)."""
        limits: Limits = self.extension.limits
        return limits.hard_message_bytes

    @allow_unauthenticated  # Jupyter's own check would turn the secret away; ours, below, takes either.
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """Upgrade to a WebSocket."""
        if not self.accept_secret(self.extension.secret) and self.current_user is None:
            tell(self.log, "connection.refused", "Couldn't authenticate a WebSocket for TaskTree")
            raise web.HTTPError(403)
        if not await self.is_allowed("read"):
            raise web.HTTPError(403, "You may not read TaskTree's projects")
        named, most = self.get_query_arguments("project_id", strip=False), self.extension.limits.max_subscriptions
        if len(set(named)) > most:
            message = f"{len(set(named))} projects are asked for; at most {most} are allowed (max_subscriptions)"
            raise web.HTTPError(400, message)
        for project_id in named:
            if not is_project_id(project_id):
                raise web.HTTPError(400, "project_id must have 1 to 200 characters, none of them control characters")
            if not await self.is_allowed("read", project_id):
                raise web.HTTPError(403, "You may not read a project that was asked for")
        await self.extension.ready()
        await super().get(*args, **kwargs)

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        """The mixin's own pinger pings. Tornado's would take the mixin's milliseconds for seconds."""
        protocol = super().get_websocket_protocol()
        if isinstance(protocol, WebSocketProtocol13):
            protocol.params.ping_interval = protocol.params.ping_timeout = None
        return protocol

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Choose ours if it is offered; a version of ours that we don't know is told after the handshake."""
        if SUBPROTOCOL in subprotocols:
            return SUBPROTOCOL
        self._unknown_version = any(name.startswith(OUR_SUBPROTOCOLS) for name in subprotocols)
        return None

    async def open(self, *args: str, **kwargs: str) -> None:
        """The handshake is done."""
        super().open(*args, **kwargs)
        if self._unknown_version:
            self.close(CLOSE_NO_PROTOCOL, f"this server speaks {SUBPROTOCOL}")
            return
        self.set_nodelay(True)
        manager = self.extension.manager
        project_ids: list[str] = []
        if self.selected_subprotocol == SUBPROTOCOL:
            self.connection = ProtocolConnection(self, manager, self.log)
        else:
            project_ids = self.get_query_arguments("project_id", strip=False)
            self.connection = PlainConnection(self, manager, self.log, project_ids)
        await manager.connect(self.connection, project_ids)

    async def on_message(self, message: str | bytes) -> None:
        """Pass a message on; the next one is read when this has returned."""
        if self.connection is not None:
            TALLY.received_bytes += _size_of(message)
            await self.connection.receive(message)

    def on_close(self) -> None:
        """The connection is gone."""
        if self.ping_callback is not None:
            self.ping_callback.stop()
        if self.connection is not None:
            self.extension.manager.disconnect(self.connection)
            self.connection = None

    def send_ping(self) -> None:
        """The mixin's ping, below the page's sight; with a full buffer it can't be sent."""
        try:
            super().send_ping()
        except StreamBufferFullError:
            if self.connection is not None:
                self.connection.close(CLOSE_TOO_SLOW, "too slow")
        except WebSocketClosedError:
            pass

    @property
    def stream_if_open(self) -> IOStream | None:
        """See `connection.Socket`."""
        ws = self.ws_connection
        return None if ws is None or ws.is_closing() else cast("IOStream", ws.stream)


def _size_of(message: str | bytes) -> int:
    if isinstance(message, bytes) or message.isascii():
        return len(message)
    return len(message.encode("utf-8", "replace"))
