"""What the writer is given to do, and what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from tasktree_jupyter.storage.log import Head, StorageError
from tasktree_jupyter.storage.sqlite_mending import Mended
from tasktree_jupyter.storage.sqlite_transaction import Transaction


class Job(msgspec.Struct, eq=False):
    """One thing to do to a project, and who waits for it.

    `makes`: the creation time if it makes an absent project, else None; then `absent` is the answer, or raised if it is
    an exception. `alone`: it gets a transaction of its own. Without `work` the project is deleted, or, with `adopts`,
    that one is put in its place, or, with `mends`, that file is looked at and mended; whose it is needn't be known
    then. `mended`: a mending that has come to its end.
    """

    project_id: str
    work: Callable[[Transaction], Any] | None
    future: asyncio.Future[Any] | None
    absent: Any = None
    makes: int | None = None
    alone: bool = False
    mends: Path | None = None
    adopts: str | None = None
    replaces: bool = False
    mended: Mending | None = None


class Mending(msgspec.Struct, eq=False):
    """A file that is being looked at on another thread.

    `jobs` found it damaged, with the error `found`; `asking` want to know what comes of it; `waiting` came meanwhile.
    Then `mended` is what was done, None if nothing was wrong, or `failed` says why nothing could be done.
    """

    path: Path
    project_id: str
    found: StorageError | None
    jobs: list[Job]
    asking: list[Job]
    waiting: list[Job] = []
    mended: Mended | None = None
    failed: Exception | None = None


class Outcome(msgspec.Struct, eq=False):
    """What one turn of the writer did to a project. `head` is None if it is not there (any more).

    `wrote` says that something really went to the disk, `error` why nothing did, and `mended` that the file was found
    damaged.
    """

    project_id: str
    head: Head | None
    answers: list[tuple[asyncio.Future[Any] | None, Any]]
    failed: bool = False
    wrote: bool = False
    error: StorageError | None = None
    mended: Mended | None = None
