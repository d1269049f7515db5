"""`on_failure`: be told of each node that fails, where it began."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tasktree_jupyter.client.place import asked_project
from tasktree_jupyter.client.session import session
from tasktree_jupyter.client.subscribe import Subscription
from tasktree_jupyter.client.watching import WatchedTree, node_of

if TYPE_CHECKING:
    from tasktree_jupyter.core.tree import TaskTree

_FAILED: Final = "failed"


class Failure(NamedTuple):
    """A node that failed.

    Attributes:
        project_id: its project; None where only this process has it.
        node: the node as it is now (docs/fold.md): `node_id`, `title`, `error`, `params`, `agent`, …
        mission: the root of its run, in the same form; the node itself where that is the root.
    """

    project_id: str | None
    node: dict[str, Any]
    mission: dict[str, Any]

    def __str__(self) -> str:
        title = self.node.get("title") or self.node["node_id"]
        below = "" if self.node is self.mission else f" in {self.mission.get('title') or self.mission['node_id']}"
        return f"{title}{below}: {named(self.node)}"


OnFailure = Callable[[Failure], object]


class _Watcher:
    def __init__(self, watched: WatchedTree, project_id: Callable[[], str | None], on_failure: OnFailure) -> None:
        self._watched = watched
        self._project_id = project_id
        self._on_failure = on_failure

    def __call__(self, event: dict[str, Any]) -> None:
        watched = self._watched
        before = watched.prepare(event)
        failed = [] if before is None else [*failed_since(before, watched.tree)]
        node_id = node_of(event)
        was = _status(watched.tree, node_id)
        watched.take(event)
        if node_id is not None and was != _FAILED and _status(watched.tree, node_id) == _FAILED:
            failed.append(node_id)
        # One callback that fails must not keep the others from being told.
        error: Exception | None = None
        for each in failed:
            if began_at(watched.tree, each):
                try:
                    self._on_failure(self._failure(each))
                except Exception as raised:
                    error = error or raised
        if error is not None:
            raise error

    def _failure(self, node_id: str) -> Failure:
        tree = self._watched.tree
        root = node_id
        while (above := tree.parent(root)) is not None:
            root = above
        node = tree.node(node_id)
        return Failure(self._project_id(), node, node if root == node_id else tree.node(root))


def named(node: dict[str, Any]) -> str:
    """Return what a failed node says of its failure: `ValueError: bad`."""
    error = node.get("error") or {}
    return ": ".join(str(error[name]) for name in ("type", "message") if error.get(name)) or "failed"


def failed_since(before: TaskTree, after: TaskTree) -> Iterator[str]:
    """Give the nodes that have failed in a later state and hadn't in an earlier one."""
    for node_id in after.walk():
        if after.status_of(node_id) == _FAILED and _status(before, node_id) != _FAILED:
            yield node_id


def _status(tree: TaskTree, node_id: str | None) -> str | None:
    return tree.status_of(node_id) if node_id is not None and node_id in tree else None


def began_at(tree: TaskTree, node_id: str) -> bool:
    """Return whether nothing below has failed: an exception on its way up is one failure (docs/fold.md, Roll-ups)."""
    return not any(tree.rollup(child)["failures"] for child in tree.children(node_id))


def on_failure(callback: OnFailure, project: str | None = None) -> Subscription:
    """Call `callback` with each node that fails from now on, whoever emitted that.

    It is told where a failure began: an exception that passes five tasks on its way up is one call. A node that is
    tried again and fails again is told again. It runs on a thread of its own, in the context of this call, so what it
    prints appears under this cell; what it raises is told once, and it goes on.

    ```python
    tt.on_failure(lambda failure: notify(str(failure)), project="nightly-etl")
    ```

    Args:
        callback: called with a `Failure`: `node`, `mission`, `project_id`, and a sentence as its `str`.
        project: as in `emit`.

    Returns:
        a `Subscription`; closing it, or leaving its `with` block, ends it.

    Raises:
        TypeError: `callback` can't be called.
        ValueError: `project` is no project id.
    """
    if not callable(callback):
        raise TypeError(f"callback must be callable, not {callback!r}")
    this = session()
    this.check_in()
    target = asked_project(this, project)
    connection = this.connection
    # Without a server: what failed before doesn't count, so the tree is taken before events are.
    watcher = _Watcher(WatchedTree(this, target), lambda: target.project_id, callback)
    subscription = Subscription(target, watcher, None, None, copy_context(), this.complaints, connection.unfollow)
    subscription.given_to = "on_failure"
    connection.follow(subscription)
    return subscription
