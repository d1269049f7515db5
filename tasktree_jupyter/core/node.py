"""One node as the tree keeps it: small, outside the garbage collector's reach, and summed up in integers.

A full collection looks at every tracked object, and Jupyter's only loop waits for it. A node is therefore an untracked
struct of strings and numbers; whatever nests is kept as encoded JSON and decoded when it is patched or read. Nothing
here refers back to the tree or down to children (only ids do), so reference counting alone frees it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from tasktree_jupyter.core.status import ENDED, TaskStatus

MAX_DEPTH: Final = 64
"""The deepest a node may stand; a root stands at 1."""

_BITS: Final = 20
_MASK: Final = (1 << _BITS) - 1
_STATUSES: Final = tuple(status.value for status in TaskStatus)
_DONE_SHIFT: Final = _BITS * len(_STATUSES)
_DONE_LEAF: Final = 1000 << _DONE_SHIFT
_SHIFTS: Final = tuple((status, _BITS * place) for place, status in enumerate(_STATUSES))
_SKIPPED: Final = TaskStatus.SKIPPED.value
_FAILED: Final = TaskStatus.FAILED.value
_LEAF: Final = {
    status: (1 << shift) + (_DONE_LEAF if status in ENDED and status != TaskStatus.SKIPPED else 0)
    for status, shift in _SHIFTS
}

SCALARS: Final = (
    "title",
    "kind",
    "status",
    "progress",
    "expected",
    "message",
    "agent",
    "attempt",
    "created_at",
    "queued_at",
    "started_at",
    "ended_at",
    "trigger",
    "reason",
)
_REPEATED: Final = frozenset({"kind", "agent"})
_PATCHED_AS_THEY_ARE: Final = frozenset(SCALARS) - {"status", "expected", "attempt"} - _REPEATED
_NOT_PATCHED: Final = frozenset({"node_id", "parent_id", "status", "log", "unusual", "placeholder", "rollup"})

encode: Final = msgspec.json.Encoder().encode
decode: Final = msgspec.json.Decoder().decode


class Node(msgspec.Struct, gc=False):
    """A node. `children` is None for a leaf, else the children's ids in order, never empty."""

    node_id: str
    parent: Node | None = None
    children: dict[str, None] | None = None
    placeholder: bool = False
    status: str = TaskStatus.DRAFT.value
    title: str | None = None
    kind: str | None = None
    progress: float | None = None
    expected: int | None = None
    message: str | None = None
    agent: str | None = None
    attempt: int | None = None
    created_at: str | None = None
    queued_at: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    trigger: str | None = None
    reason: str | None = None
    metrics: bytes | None = None
    log: bytes | None = None
    rest: bytes | None = None
    below: int = 0
    """Sum of `packed` over the children: one integer with a count of leaves per status and, above them, `done`."""
    below_total: int = 0
    """Sum of `total` over the children."""
    below_failures: int = 0
    """Sum of `failures` over the children."""

    def packed(self) -> int:
        """Return leaves by status and `done`, at or below, as one integer: adding two of them adds every part."""
        if self.children is not None:
            return self.below
        leaf = _LEAF[self.status]
        if self.progress is not None and self.status not in ENDED:
            leaf += int(self.progress * 1000 + 0.5) << _DONE_SHIFT
        return leaf

    def total(self) -> int:
        """Return the number of leaves that are there or expected, at or below (docs/fold.md, Roll-ups)."""
        share = self.expected or 0
        if share and self.status in ENDED:
            share = 0
        return max(share, self.below_total, 1)

    def failures(self) -> int:
        """Return the number of failures at or below, each counted where it began (docs/fold.md, Roll-ups)."""
        return self.below_failures or (1 if self.status == _FAILED else 0)

    def sums(self) -> tuple[int, int, int]:
        """Return `packed`, `total` and `failures`: what this adds to those above."""
        return self.packed(), self.total(), self.failures()

    def rollup(self) -> dict[str, Any]:
        """Return the roll-up in its wire form."""
        packed, total = self.packed(), self.total()
        done = packed >> _DONE_SHIFT
        if self.children is None:
            counts = {self.status: 1}
        else:
            counts = {status: count for status, shift in _SHIFTS if (count := packed >> shift & _MASK)}
        divisor = total - counts.get(_SKIPPED, 0)
        return {
            "leaves": sum(counts.values()),
            "total": total,
            "done": done,
            "progress": done // divisor if divisor else 1000,
            "failures": self.failures(),
            "counts": counts,
        }

    def depth(self) -> int:
        """Return 1 for a root, 2 for its children, and so on."""
        depth, parent = 1, self.parent
        while parent is not None:
            depth, parent = depth + 1, parent.parent
        return depth

    def is_at_or_below(self, other: Node) -> bool:
        """Return whether this is the other node or one of its descendants."""
        node: Node | None = self
        while node is not None and node is not other:
            node = node.parent
        return node is not None

    def patch(self, changes: dict[str, Any], *, keep_created_at: bool) -> None:
        """Merge valid `changes` into the fields, except those that placing, the status rule or the fold itself decide.

        With `keep_created_at` a null `created_at` counts as not given.
        """
        rest: dict[str, Any] | None = None
        for key, value in changes.items():
            if key in _PATCHED_AS_THEY_ARE:
                if value is not None or key != "created_at" or not keep_created_at:
                    setattr(self, key, value)
            elif key in _REPEATED:
                setattr(self, key, None if value is None else _shared(value))
            elif key == "expected" or key == "attempt":
                setattr(self, key, None if value is None else int(value))
            elif key == "metrics":
                self.metrics = None if value is None else encode(merged(decode(self.metrics or b"{}"), value))
            elif key not in _NOT_PATCHED:
                if rest is None:
                    rest = {}
                rest[key] = value
        if rest is not None:
            self.patch_rest(rest)

    def patch_rest(self, changes: dict[str, Any]) -> None:
        """Merge `changes` into the fields that have no slot of their own."""
        fields = merged(decode(self.rest) if self.rest is not None else {}, changes)
        self.rest = encode(fields) if fields else None

    def wire(self) -> dict[str, Any]:
        """Return the node as a JSON object; null fields are absent."""
        fields = self._scalars()
        if self.metrics is not None:
            fields["metrics"] = decode(self.metrics)
        if self.log is not None:
            fields["log"] = decode(self.log)
        if self.rest is not None:
            fields.update(decode(self.rest))
        return fields

    def wire_bytes(self) -> bytes:
        """Return `wire()` as JSON, without decoding what is already encoded."""
        parts = [encode(self._scalars())[:-1]]
        if self.metrics is not None:
            parts.append(b'"metrics":' + self.metrics)
        if self.log is not None:
            parts.append(b'"log":' + self.log)
        if self.rest is not None:
            parts.append(self.rest[1:-1])
        return b",".join(parts) + b"}"

    def _scalars(self) -> dict[str, Any]:
        fields: dict[str, Any] = {"node_id": self.node_id}
        if self.parent is not None:
            fields["parent_id"] = self.parent.node_id
        for name in SCALARS:
            value = getattr(self, name)
            if value is not None:
                fields[name] = value
        if self.placeholder:
            fields["placeholder"] = True
        return fields

    @classmethod
    def from_wire(cls, fields: dict[str, Any]) -> Node:
        """Return the node whose `wire()` this is, without parent and children. Takes `fields` apart."""
        node = cls(fields.pop("node_id"))
        fields.pop("parent_id", None)
        fields.pop("rollup", None)
        node.placeholder = fields.pop("placeholder", False)
        for name in SCALARS:
            value = fields.pop(name, None)
            if value is not None:
                setattr(node, name, _shared(value) if name in _REPEATED else value)
        if (metrics := fields.pop("metrics", None)) is not None:
            node.metrics = encode(metrics)
        if (log := fields.pop("log", None)) is not None:
            node.log = encode(log)
        if fields:
            node.rest = encode(fields)
        return node


_words: dict[str, str] = {}


def _shared(word: str) -> str:
    """Return one object for all equal words: thousands of nodes have the same few kinds and agents."""
    if len(_words) >= 10_000:
        _words.clear()
    return _words.setdefault(word, word)


def merged(target: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """Merge a JSON Merge Patch (RFC 7396) into `target`, which it changes, and return it."""
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            below = target.get(key)
            target[key] = merged(below if isinstance(below, dict) else {}, value)
        else:
            target[key] = value
    return target
