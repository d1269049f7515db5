"""A page of another origin learns nothing and changes nothing, even with the user's cookies at hand."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.browser.lab import Lab

CONNECT = """
([url, protocol]) => new Promise(resolve => {
  const socket = protocol ? new WebSocket(url, protocol) : new WebSocket(url);
  const heard = [];
  socket.onopen = () => heard.push('open');
  socket.onmessage = event => heard.push(event.data);
  socket.onclose = () => resolve(heard);
  setTimeout(() => { socket.onclose = null; socket.close(); resolve([...heard, 'still open']); }, 1500);
})
"""


class EmptyPage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>elsewhere</title>")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def other_origin() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_socket_is_refused_from_another_origin(lab: Lab, other_origin: str) -> None:
    socket = lab.jupyter.url("tasktree/ws/updates").replace("http:", "ws:")
    protocols = ["", "tasktree.v1.json"]
    # The page of this very browser, logged in, from its own origin: it gets in.
    assert all("open" in lab.page.evaluate(CONNECT, [socket, protocol]) for protocol in protocols)

    lab.expect_errors(r"WebSocket connection to .* failed")
    lab.page.goto(other_origin)
    cookies = lab.page.context.cookies(lab.jupyter.origin)
    assert cookies, "the browser must have the login to make this a test"
    assert [lab.page.evaluate(CONNECT, [socket, protocol]) for protocol in protocols] == [[], []]


def test_rest_is_refused_from_another_origin(lab: Lab, other_origin: str) -> None:
    lab.expect_errors(r"CORS policy|Failed to load resource|net::ERR_FAILED")
    lab.page.goto(other_origin)
    read = "url => fetch(url, {credentials: 'include'}).then(answer => answer.text(), error => 'refused')"
    assert lab.page.evaluate(read, lab.jupyter.url("tasktree/api/projects")) == "refused"

    # A form's content type needs no preflight: the server itself must refuse.
    publish = """
    url => fetch(url, {
      method: 'POST', mode: 'no-cors', credentials: 'include', headers: {'Content-Type': 'text/plain'},
      body: JSON.stringify({events: [{type: 'node_update', data: {node_id: 'x', changes: {title: 'forged'}}}]})
    }).then(() => 'sent', error => 'refused')
    """
    lab.page.evaluate(publish, lab.jupyter.url("tasktree/api/projects/forged/events"))
    assert "forged" not in [project["project_id"] for project in lab.jupyter.projects()]
