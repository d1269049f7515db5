"""What differs between two moments of a project: what `tt.diff` returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tasktree_jupyter.client.moments import When, said
from tasktree_jupyter.client.place import asked_project
from tasktree_jupyter.client.reading import read_diff
from tasktree_jupyter.client.session import session
from tasktree_jupyter.display import changes

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

_COLUMNS: Final = ("change", "node_id", "title", "field", "before", "after")


class Diff:
    """What differs between two moments. Printed it is text, as the last line of a cell a table; false if nothing does.

    Attributes:
        data: all of it, as JSON: `from` and `to` (`offset`, and `at` in µs), `added`, `removed`, `changed` (nodes),
            `project` (the state beside the nodes), `counts`, `truncated` (the lists hold at most 10 000 entries).
        before: what the earlier moment is called.
        after: what the later one is called.
    """

    def __init__(self, data: dict[str, Any], before: str, after: str) -> None:
        self.data = data
        self.before = before
        self.after = after

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        return changes.as_text(self.data, self.before, self.after)

    def __bool__(self) -> bool:
        return any(self.data["counts"].values()) or bool(self.data["project"])

    def _repr_html_(self) -> str:
        return changes.as_html(self.data, self.before, self.after)

    def to_frame(self) -> pd.DataFrame:
        """Return it as a pandas DataFrame.

        Returns:
            a row for each node added or removed, and for each changed field: `change` (`added`, `removed`, `changed`,
            `project`), `node_id`, `title`, `field`, `before`, `after`. For nodes that came or went the field is
            `status`.

        Raises:
            ImportError: pandas isn't installed.
        """
        from tasktree_jupyter.client.frame import import_pandas

        rows: list[tuple[Any, ...]] = []
        for node in self.data["added"]:
            rows.append(("added", node["node_id"], node.get("title"), "status", None, node.get("status")))
        for node in self.data["changed"]:
            for change in node["changes"]:
                rows.append(
                    ("changed", node["node_id"], node.get("title"), change["field"], change["from"], change["to"])
                )
        for node in self.data["removed"]:
            rows.append(("removed", node["node_id"], node.get("title"), "status", node.get("status"), None))
        rows += [("project", None, None, each["field"], each["from"], each["to"]) for each in self.data["project"]]
        return import_pandas().DataFrame(rows, columns=[*_COLUMNS], dtype=object)


def diff(a: When, b: When = "now", project: str | None = None) -> Diff:
    """Return what differs between two moments of a project.

    ```python
    tt.snapshot("before tuning")
    ...
    tt.diff("before tuning")
    ```

    Args:
        a: the earlier moment, as in `at`.
        b: the later one.
        project: as in `emit`; None: the snapshot's where one of them is one.

    Raises:
        TypeError: one of them says no moment.
        ValueError: there is no such moment, or no such project; the message names what there is.
        TimeoutError: the server didn't answer within 30 s.
        PermissionError: this process may not read the project.
    """
    this = session()
    this.check_in()
    place = asked_project(this, project, a, b)
    return Diff(read_diff(this, place, a, b), said(a), said(b))
