"""A bundle as static HTML: for nbconvert, GitHub, and wherever our renderer isn't.

Only inline styles, no script, no link, nothing to load. Where a viewer takes the styles away, nested `<details>` and
the words in them remain. Colours and lines read on white and on black: the page doesn't know where it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any, Final

from tasktree_jupyter.display import format, plain, rows, text
from tasktree_jupyter.display.choose import chosen
from tasktree_jupyter.display.glyphs import COLOURS, GLYPHS, status_name
from tasktree_jupyter.display.stored import StoredTree

MAX_ROWS: Final = 120

_TRACEBACK_LINES: Final = 40
_DIM: Final = "opacity:0.7"
_MONO: Final = "font-family:monospace;font-size:12px"
_LINE: Final = "1px solid rgba(128,128,128,0.35)"
_TRACK: Final = (
    "display:inline-flex;width:96px;height:5px;border-radius:3px;overflow:hidden;"
    "background:rgba(128,128,128,0.25);vertical-align:middle"
)
_NO_TWISTY: Final = '<span style="display:inline-block;width:14px"></span>'
_ONE_LINE: Final = "overflow:hidden;text-overflow:ellipsis;white-space:nowrap"


def render(bundle: Mapping[str, Any], *, max_rows: int = MAX_ROWS) -> str:
    """Return the tree as an HTML fragment of about `max_rows` rows at most; what matters most is kept.

    All content is escaped, and can't bring in control characters or direction overrides.
    """
    tree = StoredTree(bundle)
    if not len(tree):
        return _framed(_waiting(bundle))
    room = max_rows

    def take(node_id: str) -> bool:
        nonlocal room
        room -= 1
        return room >= 0

    taken = chosen(tree, tree.roots, take)
    foot = rows.as_of(bundle)
    body = "".join(_group(tree, None, taken))
    return _framed(body + (_div(escape(foot), f"padding:2px 8px;font-size:11px;{_DIM}") if foot else ""))


def _framed(body: str) -> str:
    font = "font-family:sans-serif;font-size:13px;line-height:1.6"
    return _div(body, f"{font};border:{_LINE};border-radius:4px;padding:4px 0;margin:4px 0")


def _waiting(bundle: Mapping[str, Any]) -> str:
    head, *lines = text.waiting(bundle)
    code = "\n".join(each.strip() for each in lines if each)
    pre = f'<pre style="{_MONO};padding:4px 8px;margin:0">{escape(code)}</pre>' if code else ""
    return _div(escape(head), "padding:2px 8px") + pre


def _group(tree: StoredTree, parent: str | None, taken: set[str]) -> Iterator[str]:
    children = tree.roots if parent is None else tree.children(parent)
    for child in children:
        if child in taken:
            yield _node(tree, child, taken, top=parent is None)
    more = text.left_out(tree, parent, [child for child in children if child not in taken])
    if more:
        yield _div(f"… {escape(more)}", f"padding:0 8px 0 22px;{_DIM}")


def _node(tree: StoredTree, node_id: str, taken: set[str], *, top: bool) -> str:
    row = _row(tree, node_id, top=top)
    below = "".join(_details(tree.node(node_id)))
    if tree.children(node_id) or tree.omitted(node_id):
        below += "".join(_group(tree, node_id, taken))
    if not below:
        return _div(_NO_TWISTY + row, "padding:0 0 0 8px")
    opened = " open" if _is_open(tree, node_id, top=top) else ""
    return (
        f'<details{opened} style="padding:0 0 0 8px"><summary style="cursor:pointer">{row}</summary>'
        f"{_div(below, f'border-left:{_LINE};margin-left:5px')}</details>"
    )


def _is_open(tree: StoredTree, node_id: str, *, top: bool) -> bool:
    if not tree.children(node_id):
        return False
    rollup = tree.rollup(node_id)
    return top or rollup["failures"] > 0 or "running" in rollup["counts"]


def _row(tree: StoredTree, node_id: str, *, top: bool) -> str:
    """Return a node's line: on the left what it is, on the right how far it is."""
    node = tree.node(node_id)
    status = node["status"]
    name = f"<bdi>{escape(rows.title(node))}</bdi>"
    if top:
        name = f"<b>{name}</b>"
    left = [_glyph(status), name]
    if top and node["status"] in ("failed", "cancelled"):
        left.append(escape(status_name(status)))
    for each, number in rows.badges(tree, node_id).items():
        left.append(_chip(f"{_glyph(each)} {format.count(number)} {status_name(each)}"))
    if node.get("agent"):
        left.append(_chip(f"<bdi>{escape(plain.line(node['agent']))}</bdi>"))
    if rows.retries(node):
        left.append(_chip(f'<span title="attempt {rows.retries(node) + 1}">↻ {rows.retries(node)}</span>'))
    message = rows.message(tree, node)
    if message:
        left.append(f'<bdi title="{escape(plain.cut(message, 300))}" style="{_DIM}">{escape(message)}</bdi>')
    numbers = [_number(rows.done(tree, node_id), 96), _number(rows.elapsed(tree, node_id), 64)]
    right = _bar(tree, node_id) + " ".join(numbers)
    return (
        f'<span style="display:inline-flex;width:97%;vertical-align:top">'
        f'<span style="flex:1 1 0;min-width:0;{_ONE_LINE}">{" ".join(left)}</span> '
        f'<span style="white-space:nowrap;text-align:right;font-size:12px">{right}</span></span>'
    )


def _glyph(status: str) -> str:
    return (
        f'<span title="{status_name(status)}" style="color:{COLOURS[status]};font-weight:bold">{GLYPHS[status]}</span>'
    )


def _chip(content: str) -> str:
    return f'<span style="border:{_LINE};border-radius:9px;padding:0 6px;font-size:11px">{content}</span>'


def _number(content: str, width: int) -> str:
    return f'<span style="display:inline-block;width:{width}px">{escape(content)}</span>'


def _bar(tree: StoredTree, node_id: str) -> str:
    """Return the bar: its filled part is the progress, never more; failed leaves are hatched as well as red."""
    filled = "".join(
        f'<span style="width:{min(width, 100):.1f}%;{_fill(status)}"></span>'
        for status, width in _segments(tree, node_id)
        if width > 0
    )
    return f'<span style="{_TRACK}">{filled}</span>'


def _fill(status: str) -> str:
    colour = COLOURS[status]
    if status != "failed":
        return f"background:{colour}"
    hatching = f"linear-gradient(45deg, {colour} 40%, rgba(255,255,255,0.8) 50%, {colour} 60%)"
    return f"background:{colour} {hatching};background-size:6px 6px"


def _segments(tree: StoredTree, node_id: str) -> Iterable[tuple[str, float]]:
    """Return statuses with their share of the bar in percent, as the live view has them."""
    node = tree.node(node_id)
    status = node["status"]
    if not tree.is_group(node_id):
        if status == "skipped":
            return []
        over = status in ("completed", "failed", "cancelled")
        share = 1.0 if status == "completed" else node.get("progress", 1.0 if over else 0.0)
        return [(status if over else "running", share * 100)]
    rollup = tree.rollup(node_id)
    counts = rollup["counts"]
    whole = rollup["total"] - counts.get("skipped", 0)
    if whole <= 0:
        return []
    ended = {each: counts.get(each, 0) for each in ("completed", "failed", "cancelled")}
    under_way = max(0, rollup["done"] - 1000 * sum(ended.values()))
    return [*((each, number * 100 / whole) for each, number in ended.items()), ("running", under_way / 10 / whole)]


def _details(node: Mapping[str, Any]) -> Iterator[str]:
    traceback = plain.lines((node.get("error") or {}).get("traceback") or "")[-_TRACEBACK_LINES:]
    error = rows.error_text(node)
    if error and not any(error in each for each in traceback[-1:]):
        traceback.append(error)
    if any(traceback):
        style = f"{_MONO};margin:2px 8px 2px 14px;padding:4px 8px;white-space:pre-wrap"
        yield f'<pre style="{style};border-left:3px solid {COLOURS["failed"]}">{escape(chr(10).join(traceback))}</pre>'
    for name in ("params", "metrics"):
        values = " · ".join(
            f"<bdi>{escape(key)}</bdi> <code><bdi>{escape(value)}</bdi></code>"
            for key, value in rows.values(node, name)
        )
        if values:
            yield _div(f'<span style="{_DIM}">{name}</span> {values}', "padding:0 8px 0 14px;font-size:12px")


def _div(content: str, style: str) -> str:
    return f'<div style="{style}">{content}</div>'
