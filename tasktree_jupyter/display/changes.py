"""A diff as people read it: one line a change, and one line for many that are alike.

In HTML the colours are JupyterLab's where there is a JupyterLab, else ones that read on white and on black.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from itertools import groupby
from typing import Any, Final, NamedTuple

from tasktree_jupyter.display import format, plain
from tasktree_jupyter.display.glyphs import status_name

MAX_LINES: Final = 60
MAX_ROWS: Final = 120
MAX_COLUMNS: Final = 120

_ALIKE: Final = 3
"""So many entries in a row that are alike become one line."""
_NUMBER: Final = re.compile(r"\d+")
_ATTENDANT: Final = re.compile(r"(created_at|queued_at|started_at|ended_at|unusual(\..*)?|log\..*)")
"""Fields that change along with others: told only where they are all that changed."""
_NOTHING: Final = "—"
_LONGEST_VALUE: Final = 60
_COLOURS: Final = {
    "+": "var(--jp-success-color1, #388e3c)",
    "~": "var(--jp-warn-color1, #b86e00)",
    "−": "var(--jp-error-color1, #dc3f3f)",
}
_LINE: Final = "1px solid var(--jp-border-color2, rgba(128,128,128,0.35))"
_DIM: Final = "opacity:0.7"


class Line(NamedTuple):
    """One line of a diff.

    Attributes:
        sign: `+`, `~` or `−`.
        title: of the node, or of the first and the last.
        what: `added`, `removed`, or the field.
        old: what it was, None where that isn't told.
        new: what it is, None where that isn't told.
        nodes: how many it stands for.
    """

    sign: str
    title: str
    what: str
    old: str | None
    new: str | None
    nodes: int = 1


def heading(diff: Mapping[str, Any]) -> str:
    """Return `2 changed, 1 009 added, 1 removed`."""
    counts = diff["counts"]
    parts = [f"{format.count(counts[name])} {name}" for name in ("changed", "added", "removed") if counts[name]]
    return ", ".join(parts) or ("the project changed" if diff["project"] else "no difference")


def lines(diff: Mapping[str, Any]) -> Iterator[Line]:
    """Yield what differs, line by line: what came, what changed, what went, and the state beside the nodes."""
    yield from _whole(diff["added"], "+", "added")
    for _, group in groupby(diff["changed"], key=_kind_of_change):
        alike = [*group]
        if len(alike) >= _ALIKE:
            yield from _changes_alike(alike)
        else:
            for node in alike:
                for change in _told(node["changes"]):
                    yield Line("~", _title(node), plain.line(change["field"]), *_ends(change))
    yield from _whole(diff["removed"], "−", "removed")
    for change in diff["project"]:
        yield Line("~", "project", plain.line(change["field"]), *_ends(change))


def as_text(diff: Mapping[str, Any], before: str, after: str) -> str:
    """Return a diff as text of at most 60 lines, without control characters or direction overrides."""
    found = [*lines(diff)]
    shown = found[: MAX_LINES - 1] if len(found) > MAX_LINES else found
    titles = max((min(len(line.title), 40) for line in shown), default=0)
    whats = max((min(len(line.what), 24) for line in shown), default=0)
    head = f"Diff  {_moment(diff['from'], before)} → {_moment(diff['to'], after)}  {heading(diff)}"
    drawn = [
        f"{line.sign} {plain.cut(line.title, 40):<{titles}}  {plain.cut(line.what, 24):<{whats}}  {_values(line)}"
        for line in shown
    ]
    foot = _left_out(diff, len(found) - len(shown))
    return "\n".join(plain.cut(each, MAX_COLUMNS).rstrip() for each in [head, *drawn, *foot])


def as_html(diff: Mapping[str, Any], before: str, after: str) -> str:
    """Return a diff as an HTML fragment of at most 120 rows, all content escaped."""
    found = [*lines(diff)]
    shown = found[:MAX_ROWS]
    chip = f"border:{_LINE};border-radius:9px;padding:0 6px;font-size:11px"
    head = (
        f"<b>Diff</b> <span style='{chip}'>{escape(_moment(diff['from'], before))}</span> → "
        f"<span style='{chip}'>{escape(_moment(diff['to'], after))}</span> "
        f"<span style='float:right;{_DIM}'>{escape(heading(diff))}</span>"
    )
    rows = "".join(_row(line) for line in shown)
    foot = "".join(
        f"<div style='padding:2px 8px;{_DIM}'>{escape(each)}</div>" for each in _left_out(diff, len(found) - len(shown))
    )
    style = (
        "font-family:var(--jp-ui-font-family, sans-serif);font-size:13px;line-height:1.6;"
        f"border:{_LINE};border-radius:4px;margin:4px 0;overflow:hidden"
    )
    return (
        f"<div style='{style}'><div style='padding:4px 8px'>{head}</div>"
        f"<table style='border-collapse:collapse;width:100%;margin:0;font-size:13px'>{rows}</table>{foot}</div>"
    )


def _row(line: Line) -> str:
    mono = "font-family:var(--jp-code-font-family, monospace);font-size:12px"
    gone, come = f"{mono};color:{_COLOURS['−']}", f"{mono};color:{_COLOURS['+']}"
    if line.old is None:
        value = f"<span style='{mono}'>{escape(line.new or '')}</span>"
    else:
        old = escape(line.old) if line.old == _NOTHING else f"<s>{escape(line.old)}</s>"
        value = f"<span style='{gone}'>{old}</span> → <span style='{come}'>{escape(line.new or _NOTHING)}</span>"
    if line.nodes > 1 and line.sign == "~":
        value += f" <span style='{_DIM}'>({format.count(line.nodes)})</span>"
    cell = f"text-align:left;padding:2px 8px;border-top:{_LINE};vertical-align:top"
    return (
        f"<tr><td style='{cell};width:1em;color:{_COLOURS[line.sign]};font-weight:bold'>{line.sign}</td>"
        f"<td style='{cell}'><bdi>{escape(plain.cut(line.title, MAX_COLUMNS))}</bdi></td>"
        f"<td style='{cell};{_DIM}'>{escape(plain.cut(line.what, MAX_COLUMNS))}</td>"
        f"<td style='{cell}'>{value}</td></tr>"
    )


def _values(line: Line) -> str:
    value = line.new or "" if line.old is None else f"{line.old} → {line.new or _NOTHING}"
    return f"{value} ({format.count(line.nodes)})" if line.nodes > 1 and line.sign == "~" else value


def _left_out(diff: Mapping[str, Any], lines_left: int) -> list[str]:
    told = []
    if lines_left:
        told.append(f"… {format.count(lines_left)} more lines")
    if diff["truncated"]:
        listed = sum(len(diff[name]) for name in ("added", "changed", "removed"))
        told.append(f"… {format.count(sum(diff['counts'].values()) - listed)} more nodes differ")
    return told


def _moment(place: Mapping[str, Any], called: str) -> str:
    name = plain.cut(plain.line(called), 40)
    return f"{name} · {format.clock(place['at'])}" if place["at"] else name


def _title(node: Mapping[str, Any]) -> str:
    return plain.line(node.get("title") or node["node_id"])


def _stem(node: Mapping[str, Any]) -> str:
    return _NUMBER.sub("#", _title(node))


def _whole(nodes: list[dict[str, Any]], sign: str, what: str) -> Iterator[Line]:
    """Yield lines for nodes that came or went; `fit 1 … fit 1009` where titles differ in their numbers only.

    What stands between two of them, their own children for one, doesn't part them.
    """
    alike: dict[tuple[Any, str], list[dict[str, Any]]] = {}
    for node in nodes:
        alike.setdefault((node.get("parent_id"), _stem(node)), []).append(node)
    # Children of nodes that are one line are one line too.
    families: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    family_of: dict[str, tuple[Any, ...]] = {}
    for node in nodes:
        key = (parent := node.get("parent_id"), _stem(node))
        family = (family_of.get(str(parent), (parent,)), key[1])
        if len(alike[key]) >= _ALIKE or str(parent) in family_of:
            family_of[node["node_id"]] = family
        families.setdefault(family, []).append(node)
    for group in families.values():
        if len(group) < _ALIKE:
            for node in group:
                status = status_name(str(node.get("status")))
                yield Line(sign, _title(node), what, None, status if sign == "+" else f"was {status}")
            continue
        counts: dict[str, int] = {}
        for node in group:
            counts[str(node.get("status"))] = counts.get(str(node.get("status")), 0) + 1
        told = format.counts(counts)
        yield Line(sign, _span(group), what, None, told if sign == "+" else f"were {told}", len(group))


def _span(nodes: list[dict[str, Any]]) -> str:
    first, last = _title(nodes[0]), _title(nodes[-1])
    return f"{first} … {last}" if first != last else f"{first} ×{format.count(len(nodes))}"


def _told(changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    told = [change for change in changes if not _ATTENDANT.fullmatch(change["field"])]
    # What is asked first: in which state is it?
    return sorted(told or changes, key=lambda change: change["field"] != "status")


def _kind_of_change(node: Mapping[str, Any]) -> tuple[str, frozenset[str]]:
    return _stem(node), frozenset(change["field"] for change in _told(node["changes"]))


def _changes_alike(nodes: list[dict[str, Any]]) -> Iterator[Line]:
    """Yield a line for each field and the values it went between; values that all differ aren't told."""
    ways: dict[str, dict[tuple[str, str], int]] = {}
    for node in nodes:
        for change in _told(node["changes"]):
            ends = _ends(change)
            of_field = ways.setdefault(change["field"], {})
            of_field[ends] = of_field.get(ends, 0) + 1
    title = _span(nodes)
    for field, counted in ways.items():
        if len(counted) > max(_ALIKE, len(nodes) // 4):
            yield Line("~", title, plain.line(field), None, f"{format.count(len(nodes))} values", len(nodes))
            continue
        for (old, new), count in counted.items():
            yield Line("~", title, plain.line(field), old, new, count)


def _ends(change: Mapping[str, Any]) -> tuple[str, str]:
    return _value(change["field"], change["from"]), _value(change["field"], change["to"])


def _value(field: str, value: Any) -> str:
    if value is None:
        return _NOTHING
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if field == "status":
        # A project's own state may be any text.
        value = status_name(str(value))
    return plain.cut(plain.line(value), _LONGEST_VALUE)
