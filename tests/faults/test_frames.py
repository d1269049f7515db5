"""Hypothesis looks for the bytes, and for the JSON in sound frames, that a server can't take; it finds the smallest."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasktree_jupyter.core.protocol import SUBPROTOCOL
from tests.client.hub import TOKEN
from tests.faults.nonsense import ws_frame
from tests.faults.processes import Server

OPS = ("subscribe", "unsubscribe", "ack", "publish", "resolve", "state", "diff", "watch", "unwatch", "ping", "pong")
QUICK = settings(
    max_examples=120,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
names = st.sampled_from(["p", "q", "", "\x00", "__proto__", "x" * 201]) | st.text(max_size=5)
moments = st.sampled_from([None, {"offset": 1}, {"at": 1}, {"snapshot": "s"}]) | json_values
envelopes = st.fixed_dictionaries(
    {"type": st.sampled_from(["node_update", "my.own", "node_log", "mission_snapshot", "X"]), "data": json_values}
)
asking = st.fixed_dictionaries(
    {
        "op": st.sampled_from(["subscribe", "state", "diff"]),
        "project_id": st.sampled_from(["p", "q"]),
        **dict.fromkeys(("since", "moment", "from", "to"), moments),
    }
)
anything = st.fixed_dictionaries(
    {"op": st.sampled_from(OPS)},
    optional={
        "ref": json_values,
        "project_id": names,
        "since": moments,
        "moment": moments,
        "from": moments,
        "to": moments,
        "offset": json_values,
        "source": names,
        "seq": st.integers(-2, 9) | json_values,
        "dropped": json_values,
        "events": st.lists(envelopes | json_values, max_size=4) | json_values,
        "path": names,
        "kernel_id": names,
    },
)
frames = asking | anything
pieces = st.builds(
    ws_frame,
    st.binary(max_size=300) | frames.map(lambda frame: json.dumps(frame).encode()),
    opcode=st.integers(0, 15),
    fin=st.booleans(),
    rsv=st.sampled_from([0, 0, 0, 1, 2, 4, 7]),
    mask=st.sampled_from([b"\1\2\3\4", b"\0\0\0\0", None]),
)


class Peer:
    """A socket that has shaken hands, and nothing above it."""

    def __init__(self, port: int, protocol: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        offered = f"Sec-WebSocket-Protocol: {protocol}\r\n" if protocol else ""
        self.socket.sendall(
            f"GET /tasktree/ws/updates HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            f"Authorization: token {TOKEN}\r\n{offered}\r\n".encode()
        )
        self._rest = b""
        while b"\r\n\r\n" not in self._rest:
            self._read()
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        assert b" 101 " in head, head

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    def _read(self) -> None:
        got = self.socket.recv(65_536)
        if not got:
            raise ConnectionError
        self._rest += got

    def _take(self, size: int) -> bytes:
        while len(self._rest) < size:
            self._read()
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def texts(self) -> Iterator[Any]:
        """The JSON of each text frame, until the server closes."""
        while True:
            try:
                first, length = self._take(2)
                if length >= 126:
                    length = int.from_bytes(self._take(2 if length == 126 else 8), "big")
                payload = self._take(length)
            except ConnectionError:
                return
            if first == 0x81:
                yield json.loads(payload)
            elif first & 0x0F == 8:
                return


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("frames")
    server = Server(folder, folder / "logs")
    server.start("--TaskTreeExtension.max_message_bytes=65536")
    yield server
    server.stop()


@pytest.fixture
def witness(server: Server) -> Iterator[Peer]:
    """Somebody who was there before, and must be there afterwards."""
    with Peer(server.port, SUBPROTOCOL) as peer:
        yield peer
        peer.socket.sendall(ws_frame(b'{"op":"ping"}'))
        assert any(frame["op"] == "pong" for frame in peer.texts())
    assert [line for line in server.complaints() if "Template404" not in line] == []


@QUICK
@given(st.lists(pieces | st.binary(max_size=40), min_size=1, max_size=6), st.sampled_from([SUBPROTOCOL, ""]))
def test_no_bytes_hurt_anybody_else(server: Server, witness: Peer, sent: list[bytes], protocol: str) -> None:
    with Peer(server.port, protocol) as peer:
        try:
            peer.socket.sendall(b"".join(sent) + ws_frame(b"\x03\xe8", opcode=8))
            peer.socket.shutdown(socket.SHUT_WR)
            codes = {frame.get("code") for frame in peer.texts()}
        except (ConnectionError, OSError):
            codes = set()
    assert not codes & {"internal", "storage"}


@QUICK
@given(st.lists(frames, min_size=1, max_size=5))
def test_no_frame_goes_unanswered_or_is_a_failure_of_the_server(
    server: Server, witness: Peer, sent: list[dict[str, Any]]
) -> None:
    with Peer(server.port, SUBPROTOCOL) as peer:
        for frame in sent:
            peer.socket.sendall(ws_frame(json.dumps(frame).encode("utf-8", "replace")))
        peer.socket.sendall(ws_frame(b'{"op":"resolve","ref":987654,"kernel_id":5}'))
        for got in peer.texts():
            assert got.get("code") not in ("internal", "storage"), (sent, got)
            if got.get("ref") == 987654:
                break
        else:
            raise AssertionError(f"closed by {sent}")
