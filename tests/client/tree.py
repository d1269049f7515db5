"""Reading the local tree as tests want it."""

from __future__ import annotations

from typing import Any

from tasktree_jupyter.client.session import Session


def nodes(session: Session, project: str | None = None) -> dict[str, dict[str, Any]]:
    """The local tree's nodes by title, each with its children's titles."""
    with session.project(project).read() as tree:
        titles = {node_id: tree.node(node_id).get("title", node_id) for node_id in tree.walk()}
        return {
            titles[node_id]: {**tree.node(node_id), "children": [titles[child] for child in tree.children(node_id)]}
            for node_id in tree.walk()
        }


def roots(session: Session, project: str | None = None) -> list[str]:
    """The titles of the local tree's roots."""
    with session.project(project).read() as tree:
        return [str(tree.node(root).get("title")) for root in tree.roots]
