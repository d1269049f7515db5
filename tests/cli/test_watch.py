"""`watch`: in a terminal, in a pipe, over a restart of the server, and whatever others wrote."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from rich.cells import cell_len

from tasktree_jupyter.cli.following import Following
from tasktree_jupyter.cli.glimpse import glimpse
from tasktree_jupyter.cli.live import Screen
from tasktree_jupyter.core.tree import TaskTree
from tests.cli.conftest import Publish, beside, node
from tests.client.hub import PATIENCE, Hub


def line(process: Popen[str], *parts: str) -> str:
    """Wait for a line with all these parts, and return it."""
    assert process.stdout is not None
    late = threading.Timer(PATIENCE, process.kill)
    late.start()
    heard = []
    try:
        while True:
            heard.append(process.stdout.readline())
            assert heard[-1], heard
            if all(part in heard[-1] for part in parts):
                return heard[-1]
    finally:
        late.cancel()


@pytest.fixture
def own_hub(tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(tmp_path / "hub")
    hub.start()
    yield hub
    hub.stop()


# --- a pipe ---


def test_in_a_pipe_each_change_is_a_line(hub: Hub, publish: Publish) -> None:
    publish("piped", node("r", title="Run", status="running"), node("a", parent_id="r", title="A", status="running"))
    watching = beside(hub, "watch", "piped", "--until-end")
    assert "piped, Run: running; 1 running" in line(watching, "-- live")
    publish("piped", node("a", progress=0.5))
    publish("piped", node("a", status="failed", agent="w-1", error={"type": "KeyError", "message": "\x1b[31mx\u202e"}))
    told = line(watching, "✕ failed")
    assert told.rstrip().endswith("A  [w-1]  KeyError: x�")
    publish("piped", {"type": "state_transition", "data": {"to": "failed", "context": {"node_id": "r"}}})
    line(watching, "✕ failed", "Run")
    assert watching.communicate(timeout=PATIENCE)[1] == ""
    assert watching.returncode == 1


def test_it_comes_back_after_a_restart_of_the_server(own_hub: Hub, publish: Publish) -> None:
    publish("lasting", node("r", title="Run", status="running"), hub=own_hub)
    watching = beside(own_hub, "watch", "lasting")
    try:
        line(watching, "-- live: lasting")
        own_hub.stop()
        line(watching, "-- not connected")
        own_hub.start()
        line(watching, "-- live again: lasting, Run: running")
        publish("lasting", node("r", status="completed"), hub=own_hub)
        line(watching, "✓ completed", "Run")
    finally:
        watching.kill()
        watching.communicate()


def test_an_unknown_project_ends_it_and_the_newest_is_the_default(hub: Hub, publish: Publish) -> None:
    publish("newest of all", node("r", title="Run", status="completed"))
    unknown = beside(hub, "watch", "no such project")
    _, err = unknown.communicate(timeout=PATIENCE)
    assert unknown.returncode == 1
    assert "There is no project 'no such project'" in err
    out, _ = beside(hub, "watch", "--until-end").communicate(timeout=PATIENCE)
    assert "newest of all" in out


def test_a_state_of_many_megabytes_comes_over_whole(hub: Hub, publish: Publish) -> None:
    publish("heavy", node("r", title="Run", status="running"))
    for start in range(0, 900, 90):
        publish(
            "heavy",
            *(
                node(f"n{n}", parent_id="r", title="x", status="completed", note="y" * 9000)
                for n in range(start, start + 90)
            ),
        )
    publish("heavy", node("r", status="completed"))
    out, err = beside(hub, "watch", "heavy", "--until-end").communicate(timeout=PATIENCE)
    assert (out, err) == ("-- live: heavy, Run: completed; 900 completed\n", "")


# --- a terminal ---


class Tty:
    """A command in a terminal of its own."""

    def __init__(self, hub: Hub, *arguments: str, columns: int = 80, lines: int = 24) -> None:
        self._own, theirs = pty.openpty()
        self.resize(columns, lines)
        environment = {"TERM": "xterm-256color"}
        self.process = beside(
            hub, *arguments, environment=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        self.seen = ""

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._own, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def wait_for(self, text: str) -> None:
        """Read on until this text has come."""
        until = time.monotonic() + PATIENCE
        while text not in self.seen:
            assert time.monotonic() < until, f"{text!r} never came; only {self.seen!r}"
            if select.select([self._own], [], [], 1)[0]:
                self.seen += os.read(self._own, 65_536).decode("utf-8", "replace")

    def forget(self) -> None:
        self.seen = ""

    def rest(self) -> str:
        """Read to the end of the command."""
        with open(self._own, "rb", closefd=False) as own:
            try:
                while piece := os.read(own.fileno(), 65_536):
                    self.seen += piece.decode("utf-8", "replace")
            except OSError:
                # What Linux says where the other side is closed.
                pass
        os.close(self._own)
        self.process.wait(PATIENCE)
        return self.seen


def test_in_a_terminal_it_is_drawn_redrawn_and_taken_away(hub: Hub, publish: Publish) -> None:
    publish("drawn", node("r", title="Run", status="running"), node("a", parent_id="r", title="first task"))
    tty = Tty(hub, "watch", "drawn")
    tty.wait_for("● live")
    tty.wait_for("first task")
    publish("drawn", node("b", parent_id="r", title="second task", status="running"))
    tty.wait_for("second task")
    tty.forget()
    tty.resize(50, 10)
    tty.wait_for("second task")
    os.kill(tty.process.pid, signal.SIGINT)
    seen = tty.rest()
    assert tty.process.returncode == 0
    # The screen of before is back, the cursor too, and the tree stays below the command.
    assert "\x1b[?1049l" in seen
    assert "\x1b[?25h" in seen
    assert "second task" in seen.rpartition("\x1b[?1049l")[2]


def test_a_terminal_is_left_in_order_by_sigterm_too(hub: Hub, publish: Publish) -> None:
    publish("ended", node("r", title="Run", status="running"))
    tty = Tty(hub, "watch", "ended")
    tty.wait_for("● live")
    os.kill(tty.process.pid, signal.SIGTERM)
    assert "\x1b[?1049l" in tty.rest()
    assert tty.process.returncode == 143


# --- what is drawn ---


class Still:
    """Stands for a followed project: a tree, and how the connection is."""

    def __init__(self, *events: dict[str, Any], state: str = "live") -> None:
        self.tree: TaskTree | None = TaskTree() if events else None
        self.state = state
        self.reason = "the server has gone"
        self.retry_at = 0.0
        self.info = {"project_id": "p", "title": "p"}
        self.silent: dict[str, int] = {}
        for each in events:
            assert self.tree is not None
            self.tree.apply({**each, "timestamp": "2026-01-31T14:02:00Z", "at": 1_769_868_120_000_000})

    def lines(self, columns: int, lines: int, encoding: str = "utf-8") -> list[str]:
        following: Following = self  # type: ignore[assignment]
        return Screen(following, None, encoding).draw(columns, lines).plain.splitlines()


HOSTILE = "\x1b[2J\x1b]0;owned\x07[bold]\u202egnp.exe\r\nsecond\x9b31m🏳️‍🌈 漢字漢字漢字漢字" * 20


def many(fails: int = 30, runs: int = 20) -> list[dict[str, Any]]:
    """A run with a phase before and one after a large group."""
    before = [node("r", title="Run", status="running"), node("load", parent_id="r", title="load", status="completed")]
    group = [node("fit", parent_id="r", title="fit", status="running"), node("end", parent_id="r", title="report")]
    fits = [node(f"c{n}", parent_id="fit", title=f"fit {n}", status="completed") for n in range(400)]
    fits += [node(f"f{n}", parent_id="fit", title=f"bad {n}", status="failed") for n in range(fails)]
    fits += [node(f"w{n}", parent_id="fit", title=f"busy {n}", status="running") for n in range(runs)]
    return before + group + fits


def test_phases_failures_and_what_runs_share_a_small_screen() -> None:
    lines = Still(*many()).lines(80, 24)
    text = "\n".join(lines)
    assert len(lines) == 24
    assert text.count("✕ bad") >= 5
    assert text.count("◐ busy") >= 5
    for phase in ("✓ load", "◐ fit", "report"):
        assert phase in text
    assert "400 completed" in text
    assert "50 failed" not in text
    # What is shown and what is only counted adds up.
    hidden = next(line for line in lines if "…" in line and "400 completed" in line)
    assert f"{30 - text.count('✕ bad')} failed" in hidden
    assert f"{20 - text.count('◐ busy')} running" in hidden


@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (40, 10), (200, 60), (20, 6)])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_nothing_is_wider_or_higher_than_the_terminal_whatever_others_wrote(
    columns: int, lines: int, encoding: str
) -> None:
    hostile = [node(f"h{n}", parent_id="fit", title=HOSTILE, agent=HOSTILE, message=HOSTILE) for n in range(9)]
    hostile += [node("r", message=HOSTILE, title=HOSTILE)]
    drawn = Still(*many(), *hostile).lines(columns, lines, encoding)
    assert len(drawn) <= lines
    for each in drawn:
        assert cell_len(each) < columns, each
        assert not set(each) & {"\x1b", "\x07", "\r", "\u202e", "\x9b"}
        assert encoding != "ascii" or each.isascii()


def test_what_nobody_hears_is_drawn_apart_from_what_runs() -> None:
    still = Still(*many(fails=0, runs=20), node("own", parent_id="r", title="own", status="running"))
    since = 1_769_868_133_000_000
    still.silent = {f"w{n}": since for n in range(15)} | {"fit": since}
    text = "\n".join(lines := still.lines(100, 14))
    assert "◐ Run  running" in lines[0]
    assert "6 running · 15 stale" in lines[1]
    shown = next(each for each in lines if "busy 0" in each)
    assert "◷ busy 0  no word since" in shown
    assert shown.rstrip().endswith("13.0\N{NARROW NO-BREAK SPACE}s"), "its clock stands still"
    hidden = next(each for each in lines if "…" in each and "400 completed" in each)
    assert f"{15 - text.count('◷ busy')} stale" in hidden
    assert f"{5 - text.count('◐ busy')} running" in hidden
    assert "?" in lines[2]

    still.silent |= dict.fromkeys([*(f"w{n}" for n in range(20)), "own"], since)
    lines = still.lines(100, 14)
    assert "◷ Run  stale" in lines[0]
    assert "running" not in lines[1]
    assert "! Run  stale" in still.lines(100, 14, "ascii")[0]


def test_a_lost_connection_is_never_shown_as_live() -> None:
    lost = Still(*many(), state="lost").lines(80, 24)
    assert "not connected" in lost[0]
    assert "live" not in lost[0]
    assert "live" in Still(*many()).lines(80, 24)[0]


def test_a_waiting_screen_says_for_what() -> None:
    assert "Waiting for the first task in p" in Still().lines(80, 24)[0]
    assert "deleted" in Still(state="gone").lines(80, 24)[0]


def test_a_glimpse_keeps_to_its_lines_and_loses_no_count() -> None:
    tree = TaskTree()
    for each in many(fails=7, runs=3):
        tree.apply({**each, "timestamp": "2026-01-31T14:02:00Z"})
    for room in range(0, 40, 3):
        seen = glimpse(tree, "r", room, 0)
        shown = [node_id for node_id in tree.walk("r") if node_id in seen]
        extra = sum(1 for node_id in shown if seen.children(node_id) and seen.omitted(node_id))
        assert len(shown) - 1 + extra <= max(room, 0)
        for node_id in shown:
            parts = [seen.rollup(child)["counts"] for child in seen.children(node_id)]
            parts += [omitted["counts"]] if (omitted := seen.omitted(node_id)) else []
            total: dict[str, int] = {}
            for part in parts:
                for status, leaves in part.items():
                    total[status] = total.get(status, 0) + leaves
            assert not parts or total == tree.rollup(node_id)["counts"]
