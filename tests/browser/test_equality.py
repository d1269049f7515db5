"""What a page shows is what the server has, node by node and roll-up by roll-up, however many events came and how fast.

In the usual run 5 000 random events. For long:

    TASKTREE_EVENTS=100000 TASKTREE_SEED=1 python -m pytest tests/browser/test_equality.py
"""

from __future__ import annotations

import contextlib
import json
import os
import urllib.error
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.agreement import Shown, expected_rows
from tests.browser.conftest import MakeJupyter
from tests.browser.gallery.page import build, serve
from tests.browser.jupyter import Jupyter, wait_until
from tests.browser.lab import TreeView
from tests.browser.wide_log import MISSION, wide_log

EVENTS = int(os.environ.get("TASKTREE_EVENTS", "5000"))
SEED = int(os.environ.get("TASKTREE_SEED", "1"))
BATCH = 200
PROJECT = "at random"
FOLLOW = "([project, url]) => { window.following = gallery.follow(project, url); }"


@pytest.fixture
def following(browser: Browser, make_jupyter: MakeJupyter, tmp_path: Path) -> Iterator[tuple[Jupyter, Page]]:
    """A server with room for everything at once, and a bare page of its origin: our core and view, no JupyterLab."""
    jupyter = make_jupyter(options=("--TaskTreeExtension.max_publish_rate=0",))
    page = browser.new_page(viewport={"width": 900, "height": 700}, bypass_csp=True)
    # A page that no server sent may not connect to one on this machine.
    page.goto(f"{jupyter.origin}/api/status?token={jupyter.token}")
    page.evaluate("() => document.body.replaceChildren()")
    serve(page, build(tmp_path), jupyter.origin)
    page.add_style_tag(url=f"{jupyter.origin}/gallery/gallery.css")
    page.add_script_tag(url=f"{jupyter.origin}/gallery/gallery.js")
    page.evaluate("() => Object.assign(document.querySelector('main').style, { width: '900px', height: '700px' })")
    yield jupyter, page
    page.close()


def publish(jupyter: Jupyter, events: list[dict[str, Any]]) -> None:
    # A batch of which nothing was stored is refused as a whole, which is as it should be.
    with contextlib.suppress(urllib.error.HTTPError):
        jupyter.request("POST", "tasktree/api/projects/at%20random/events", {"events": events})


def test_page_shows_the_servers_state_after_random_events(following: tuple[Jupyter, Page]) -> None:
    jupyter, page = following
    log = wide_log(SEED, EVENTS)
    publish(jupyter, list(islice(log, BATCH)))
    page.evaluate(FOLLOW, [PROJECT, f"{jupyter.origin}/tasktree/ws/updates".replace("http", "ws")])
    view = TreeView(page.locator(".tt-view").first)
    view.wait_connection("live")
    while batch := list(islice(log, BATCH)):
        publish(jupyter, batch)

    state = jupyter.state(PROJECT)
    assert state["offset"] > EVENTS * 0.9
    wait_until(lambda: page.evaluate("following.offset()") >= state["offset"], "the page has heard everything", 60)
    # As text: `__proto__` is a key like others, and not on every way.
    mine = json.loads(page.evaluate("JSON.stringify(following.read())"))
    assert mine["nodes"] == state["nodes"]
    assert mine["state"] == state["state"]

    # What is drawn of it. The open rows are those that somebody opens, all of them where there are few enough.
    expected = expected_rows(state, MISSION)
    wait_until(lambda: drawn(view).items() <= expected.items(), "what is drawn is what the tree says")
    if EVENTS <= 10_000:
        view.open_all()
    seen = drawn(view)
    assert len(seen) >= (len(expected) if EVENTS <= 10_000 else 14)
    assert {node_id: shown for node_id, shown in seen.items() if expected.get(node_id) != shown} == {}


def drawn(view: TreeView) -> dict[str, Shown]:
    """The rows of single tasks; those that stand for several have none of their own on the server."""
    return {row.node_id: Shown(row.status, row.count, row.progress) for row in view.rows() if row.node_id is not None}
