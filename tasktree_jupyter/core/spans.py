"""When work at or below a node first started and last ended, for the nodes that somebody asked about."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from tasktree_jupyter.core.node import Node
from tasktree_jupyter.core.times import format_time, parse_time

_CANONICAL = len("2026-01-31T14:02:11.123456Z")


class _Span(msgspec.Struct, gc=False):
    """Microseconds since 1970, and as strings."""

    start: int | None = None
    end: int | None = None
    start_text: str = ""
    end_text: str = ""

    def add(self, started_at: str | None, ended_at: str | None) -> None:
        # Two canonical times are ordered as their texts are; parsing is only for what may widen the span.
        if started_at is not None and not (
            self.start_text
            and len(started_at) == _CANONICAL
            and started_at[-1] == "Z"
            and started_at >= self.start_text
        ):
            start = parse_time(started_at)
            if start is not None and (self.start is None or start < self.start):
                self.start, self.start_text = start, format_time(start)
        if ended_at is not None and not (
            self.end_text and len(ended_at) == _CANONICAL and ended_at[-1] == "Z" and ended_at <= self.end_text
        ):
            end = parse_time(ended_at)
            if end is not None and (self.end is None or end > self.end):
                self.end, self.end_text = end, format_time(end)

    def may_rest_on(self, started_at: str | None, ended_at: str | None) -> bool:
        """Return whether the span could shrink if a node with these times went."""
        return (started_at is not None and parse_time(started_at) == self.start) or (
            ended_at is not None and parse_time(ended_at) == self.end
        )


class Spans:
    """Spans by node: worked out when first asked for, then widened as times come, and forgotten when one may shrink."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._nodes = nodes
        self._known: dict[str, _Span] = {}

    def of(self, node: Node) -> tuple[str | None, str | None]:
        """Return the earliest start and the latest end at or below a node, in UTC with six decimals."""
        span = self._known.get(node.node_id)
        if span is None:
            span = self._known[node.node_id] = _Span()
            stack = [node]
            while stack:
                each = stack.pop()
                span.add(each.started_at, each.ended_at)
                if each.children is not None:
                    stack.extend(map(self._nodes.__getitem__, each.children))
        return span.start_text or None, span.end_text or None

    def changed(self, node: Node, started_at: str | None, ended_at: str | None) -> None:
        """Take in that a node's times were these and have changed."""
        if not self._known:
            return
        gone_start = started_at if node.started_at != started_at else None
        gone_end = ended_at if node.ended_at != ended_at else None
        above: Node | None = node
        while above is not None:
            span = self._known.get(above.node_id)
            if span is not None:
                if span.may_rest_on(gone_start, gone_end):
                    del self._known[above.node_id]
                else:
                    span.add(node.started_at, node.ended_at)
            above = above.parent

    def attached(self, node: Node) -> None:
        """Take in that a node, with all below it, has come under its parent."""
        if not self._known:
            return
        above = node.parent
        while above is not None:
            if node.children is not None:
                self.forget(above.node_id)
            elif (span := self._known.get(above.node_id)) is not None:
                span.add(node.started_at, node.ended_at)
            above = above.parent

    def detached(self, node: Node) -> None:
        """Take in that a node, with all below it, is about to leave its parent."""
        if not self._known:
            return
        above = node.parent
        while above is not None:
            span = self._known.get(above.node_id)
            if span is not None and (node.children is not None or span.may_rest_on(node.started_at, node.ended_at)):
                del self._known[above.node_id]
            above = above.parent

    def forget(self, node_id: str) -> None:
        """Forget a node's span."""
        self._known.pop(node_id, None)
