"""A tree as a pandas DataFrame; pandas is imported when one is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from tasktree_jupyter.core.times import parse_time

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

    from tasktree_jupyter.core.tree import TaskTree

COLUMNS: Final = (
    "node_id",
    "parent_id",
    "title",
    "status",
    "progress",
    "depth",
    "started_at",
    "ended_at",
    "duration",
    "attempt",
    "agent",
    "error_type",
    "error_message",
)
"""The columns that are always there; `params.*` and then `metrics.*` follow, in the order in which they are met."""

_NUMBERS: Final = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def frame_of(tree: TaskTree, roots: Iterable[str]) -> pd.DataFrame:
    """Return the nodes at and below `roots`, in the order in which the tree shows them.

    Args:
        tree: where they are.
        roots: where to begin; one that isn't in the tree has no rows.

    Raises:
        ImportError: pandas isn't installed.
    """
    pandas = import_pandas()
    rows = [_row(tree, node_id, depth) for root in roots if root in tree for node_id, depth in _walk(tree, root)]
    more = dict.fromkeys(name for row in rows for name in row if name not in COLUMNS)
    names = [*COLUMNS, *sorted(more, key=lambda name: name.startswith("metrics."))]
    frame = pandas.DataFrame(rows, columns=names)
    for name in ("started_at", "ended_at"):
        frame[name] = pandas.to_datetime(frame[name].astype("Int64"), unit="us", utc=True)
    frame["duration"] = frame["ended_at"] - frame["started_at"]
    return frame.astype({"progress": "float64", "depth": "int64", "attempt": "int64"})


def import_pandas() -> Any:
    """Return the module. Raises ImportError, which says what to install."""
    try:
        import pandas
    except ImportError:
        raise ImportError("to_frame() needs pandas, which isn't installed: pip install pandas", name="pandas") from None
    return pandas


def _walk(tree: TaskTree, root: str) -> Iterator[tuple[str, int]]:
    depths: dict[str | None, int] = {}
    for node_id in tree.walk(root):
        depth = depths[node_id] = depths.get(tree.parent(node_id), 0) + 1
        yield node_id, depth


def _row(tree: TaskTree, node_id: str, depth: int) -> dict[str, Any]:
    node = tree.node(node_id)
    error = node.get("error") or {}
    row: dict[str, Any] = {
        **{name: node.get(name) for name in ("node_id", "parent_id", "title", "status", "agent")},
        "progress": _progress(node),
        "depth": depth,
        "started_at": parse_time(node.get("started_at")),
        "ended_at": parse_time(node.get("ended_at")),
        "attempt": node.get("attempt") or 1,
        "error_type": error.get("type"),
        "error_message": error.get("message"),
    }
    for name in ("params", "metrics"):
        fields = node.get(name)
        if isinstance(fields, dict):
            for field, value in _flat(fields, name):
                row[field] = _NUMBERS.get(value, value) if name == "metrics" and isinstance(value, str) else value
    return row


def _progress(node: Mapping[str, Any]) -> float | None:
    """Return how far it is, as the tree shows it: what is completed is all done, whatever it said last."""
    return {"completed": 1.0, "skipped": None}.get(node["status"], node.get("progress"))


def _flat(fields: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{path}.{name}")
        else:
            yield f"{path}.{name}", value
