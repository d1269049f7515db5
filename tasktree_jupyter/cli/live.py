"""What `watch` shows of a run in so many lines and columns, and the truth about the connection.

Everything from outside goes through `display.plain` and into `rich.text.Text`, so it is text: neither an escape
sequence nor rich's own markup in a title does anything.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

from rich.text import Text

from tasktree_jupyter.cli.following import Following
from tasktree_jupyter.cli.glimpse import glimpse
from tasktree_jupyter.cli.projects import title as project_title
from tasktree_jupyter.cli.terminal import fitting, width
from tasktree_jupyter.core.stale import is_stale, stale_leaves
from tasktree_jupyter.core.times import parse_time
from tasktree_jupyter.display import format, plain, rows
from tasktree_jupyter.display.glyphs import GLYPHS, STALE_GLYPH, status_name
from tasktree_jupyter.display.stored import StoredTree

_STYLES: Final = {
    "failed": "red",
    "running": "blue",
    "review": "magenta",
    "completed": "green",
    "ready": "dim",
    "draft": "dim",
    "cancelled": "yellow",
    "skipped": "dim",
    "stale": "yellow",
}
_STATES: Final = {"connecting": "dim", "catching up": "dim", "live": "green", "lost": "yellow", "gone": "red"}
_HEAD: Final = 3
"""Lines above the tree."""
_NARROW: Final = 60
_UNKNOWN: Final = 1_000_000


class Screen:
    """Draws a followed project.

    Args:
        following: what is drawn.
        mission_id: the run; None: the newest, as new ones come.
        encoding: of the terminal.
    """

    def __init__(self, following: Following, mission_id: str | None, encoding: str) -> None:
        self._following = following
        self._mission_id = mission_id
        self._encoding = encoding
        self._stale: dict[str, int] = {}

    def draw(self, columns: int, lines: int) -> Text:
        """Return what fits."""
        body = [*self._lines(max(20, columns), max(6, lines))][: max(6, lines)]
        # The last column stays free: a terminal may wrap what fills it.
        return Text("\n", no_wrap=True, overflow="crop").join(body)

    def mission(self) -> dict[str, Any] | None:
        """Return the run that is shown (docs/protocol.md, info); None before there is one."""
        tree = self._following.tree
        if tree is None:
            return None
        newest, _ = tree.missions(1 if self._mission_id is None else _UNKNOWN)
        wanted = (each for each in newest if self._mission_id in (None, each["mission_id"]))
        return next(wanted, None)

    def _lines(self, columns: int, lines: int) -> Iterator[Text]:
        following, mission = self._following, self.mission()
        if mission is None or following.tree is None:
            yield self._beside(Text(self._waiting_for(), "bold"), self._connection(), columns)
            return
        tree = following.tree
        at = max(tree.at, time.time_ns() // 1000) if following.state == "live" else tree.at
        stored = glimpse(tree, mission["mission_id"], lines - _HEAD - 1, at)
        self._stale = stale_leaves(tree, following.silent)
        root = stored.roots[0]
        status = stored.status_of(root)
        unheard = is_stale(status, stored.rollup(root)["counts"], self._stale.get(root, 0))
        style = _STYLES["stale" if unheard else status]
        head = self._text(f"{STALE_GLYPH if unheard else GLYPHS[status]} ", style)
        head.append_text(self._text(rows.title(stored.node(root)), "bold"))
        head.append_text(self._text(f"  {'stale' if unheard else status_name(status)}", style))
        yield self._beside(head, self._connection(), columns)
        yield self._beside(self._numbers(stored, root), self._text(project_title(following.info or {}), "dim"), columns)
        yield self._bar(stored.rollup(root), self._stale.get(root, 0), columns)
        yield from self._group(stored, root, "", columns)
        yield self._text("Ctrl-C ends watching; the run goes on.", "dim")

    def _waiting_for(self) -> str:
        following = self._following
        if following.state == "gone":
            return self._fit("The project was deleted")
        if following.info is not None:
            return self._fit(f"Waiting for the first task in {project_title(following.info)}")
        return self._fit("Waiting for the first project")

    def _connection(self) -> Text:
        following = self._following
        state, style = following.state, _STATES[following.state]
        if state == "lost":
            wait = max(0, round(following.retry_at - time.monotonic()))
            again = f"again in {wait} s" if wait else "trying again"
            return self._text(f"○ not connected, {again}", style)
        glyph = {"live": "●", "gone": "✕"}.get(state, "◌")
        return self._text(f"{glyph} {'deleted' if state == 'gone' else state}", style)

    def _numbers(self, tree: StoredTree, root: str) -> Text:
        parts = [(rows.done(tree, root), "")]
        for status, number in self._badges(tree, root).items():
            parts.append((f"{format.count(number)} {status_name(status)}", _STYLES[status]))
        parts.append((self._elapsed(tree, root), ""))
        line = Text()
        for text, style in parts:
            if text:
                line.append_text(self._text(" · " if line else "", "dim"))
                line.append_text(self._text(text, style))
        message = rows.message(tree, tree.node(root))
        if message:
            line.append_text(self._text(f"  {message}", "dim"))
        return line

    def _bar(self, rollup: dict[str, Any], stale: int, columns: int) -> Text:
        total = max(1, rollup["total"] - rollup["counts"].get("skipped", 0))
        counts = rollup["counts"] | {"running": rollup["counts"].get("running", 0) - stale, "stale": stale}
        line, used, before = Text(), 0, 0
        room = columns - 1
        for status, mark in (("completed", "━"), ("failed", "×"), ("cancelled", "/"), ("running", "━"), ("stale", "?")):
            number = counts.get(status, 0)
            before += number
            # What there is at all is to be seen.
            cells = min(room - used, max(number > 0, before * room // total - used))
            line.append_text(self._text(mark * cells, _STYLES[status]))
            used += cells
        line.append_text(self._text("·" * (room - used), "dim"))
        return line

    # Rows

    def _group(self, tree: StoredTree, parent: str, indent: str, columns: int) -> Iterator[Text]:
        children = tree.children(parent)
        omitted = tree.omitted(parent) if children else None
        for place, child in enumerate(children):
            last = place == len(children) - 1 and omitted is None
            yield self._row(tree, child, f"{indent}{'└─ ' if last else '├─ '}", columns)
            yield from self._group(tree, child, indent + ("   " if last else "│  "), columns)
        if omitted is not None:
            stale = self._stale.get(parent, 0) - sum(self._stale.get(child, 0) for child in children)
            more = format.counts(omitted["counts"], omitted["count"], stale=stale)
            yield self._beside(self._text(f"{indent}└─ … {more}", "dim"), Text(), columns)

    def _row(self, tree: StoredTree, node_id: str, indent: str, columns: int) -> Text:
        node = tree.node(node_id)
        status = node["status"]
        since = self._silent_since(tree, node_id)
        line = self._text(indent, "dim")
        line.append_text(
            self._text(f"{GLYPHS[status]} ", _STYLES[status])
            if since is None
            else self._text(f"{STALE_GLYPH} ", _STYLES["stale"])
        )
        line.append_text(self._text(rows.title(node), "bold" if tree.is_group(node_id) else ""))
        for badge, number in self._badges(tree, node_id).items():
            line.append_text(self._text(f"  {format.count(number)} {status_name(badge)}", _STYLES[badge]))
        if status in ("cancelled", "skipped", "review"):
            line.append_text(self._text(f"  {status_name(status)}", _STYLES[status]))
        if node.get("agent"):
            line.append_text(self._text(f"  [{plain.line(node['agent'])}]", "cyan"))
        if rows.retries(node):
            line.append_text(self._text(f"  ↻ {rows.retries(node)}", "yellow"))
        if since is not None:
            when = time.strftime("%H:%M", time.localtime(since // 1_000_000))
            line.append_text(self._text(f"  no word since {when}", _STYLES["stale"]))
        message = rows.message(tree, node)
        if message:
            line.append_text(self._text(f"  {message}", "red" if status == "failed" else "dim"))
        if columns < _NARROW:
            return self._beside(line, Text(), columns)
        side = f"{self._fit(rows.done(tree, node_id)):>14} {self._fit(self._elapsed(tree, node_id)):>8}"
        return self._beside(line, self._text(side, "dim"), columns)

    # What nobody hears

    def _silent_since(self, tree: StoredTree, node_id: str) -> int | None:
        return self._following.silent.get(node_id) if tree.status_of(node_id) == "running" else None

    def _badges(self, tree: StoredTree, node_id: str) -> dict[str, int]:
        badges, stale = rows.badges(tree, node_id), self._stale.get(node_id, 0)
        if not stale or "running" not in badges:
            return badges
        heard = {"running": badges.pop("running") - stale, "stale": stale, **badges}
        return {status: number for status, number in heard.items() if number > 0}

    def _elapsed(self, tree: StoredTree, node_id: str) -> str:
        """What nobody hears is timed to its last word; a group in which something is heard goes on."""
        since, started = self._silent_since(tree, node_id), parse_time(tree.node(node_id).get("started_at"))
        counts = tree.rollup(node_id)["counts"]
        if since is None or started is None or not is_stale("running", counts, self._stale.get(node_id, 0)):
            return rows.elapsed(tree, node_id)
        return format.duration(since - started)

    # Text that fits

    def _fit(self, text: str) -> str:
        return fitting(text, self._encoding)

    def _text(self, text: str, style: str = "") -> Text:
        return Text(self._fit(text), style)

    def _beside(self, left: Text, right: Text, columns: int) -> Text:
        """Return one line with one text at its left, cut where it must be, and another at its right."""
        room = columns - 1 - width(right.plain)
        if right.plain:
            room -= 2
        if room < 10:
            room, right = columns - 1, Text()
        line = left.copy()
        if width(line.plain) > room:
            mark = self._fit("…")
            line.truncate(room - len(mark))
            line.append(mark)
        if right.plain:
            line.append(" " * (columns - 1 - width(line.plain) - width(right.plain)))
            line.append_text(right)
        return line
