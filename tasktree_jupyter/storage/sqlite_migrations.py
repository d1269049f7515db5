"""From an older schema to the one that this version works with, a step for each that there was."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import apsw

from tasktree_jupyter.storage.log import StorageError

SCHEMA = 1
"""The schema that this version reads and writes. A change of the tables raises it and adds a step that leads there."""

Step = Callable[[apsw.Connection], None]

STEPS: Mapping[int, Step] = {}
"""From the schema that is the key to the next. A step runs inside a transaction, and may do all that one may hold."""


def upgrade(connection: apsw.Connection, version: int) -> None:
    """Bring an open transaction's file forward, step by step. Raises `StorageError` where a step is missing."""
    while version < SCHEMA:
        step = STEPS.get(version)
        if step is None:
            raise StorageError(f"there is no way from schema {version} to {SCHEMA}", retryable=False)
        step(connection)
        version += 1
    connection.execute(f"PRAGMA user_version={version}")
