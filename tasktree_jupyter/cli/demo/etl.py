"""A nightly load: for each table extract, transform shard by shard, upload; some uploads need several attempts."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import tasktree_jupyter as tt
from tasktree_jupyter.cli.demo import failures
from tasktree_jupyter.cli.demo.cast import Cast, fail_with
from tasktree_jupyter.cli.demo.stage import Pool, Story

TITLE: Final = "Nightly load"
MEAN_SECONDS: Final = 0.9
_TABLES: Final = (
    "customers",
    "orders",
    "payments",
    "returns",
    "products",
    "prices",
    "stock",
    "shipments",
    "clicks",
    "sessions",
    "campaigns",
    "reviews",
)
_OF_A_TABLE: Final = 3
"""Nodes of a table besides its shards: itself, extract, upload."""
_ATTEMPTS: Final = 4


def story(cast: Cast) -> Story:
    """Return the whole run as a story."""
    tables = max(1, min(len(_TABLES), (cast.tasks - 1) // 12))
    shards = cast.tasks - 1 - _OF_A_TABLE * tables
    share, more = divmod(shards, tables)
    sizes = [share + (place < more) for place in range(tables)]
    with tt.task(TITLE, kind="etl", params={"day": "2026-01-31"}, tags=["demo"]) as run:
        tt.emit("orchestrator_started", status="running", a2amcp_enabled=False)
        lost = [0]
        for name, size in zip(_TABLES, sizes, strict=False):
            cast.later(name, name, expected=size + 2)
        tt.snapshot("before the load", tags=["demo"])
        for name, size in zip(_TABLES, sizes, strict=False):
            yield from _table(cast, name, size, lost)
        cast.tell_agents()
        if lost[0]:
            message = f"{lost[0]} shards are missing"
            run.log(message, level="warning")
            run.update(message=message)
        tt.emit("orchestrator_stopped", status="stopped")


def _table(cast: Cast, name: str, shards: int, lost: list[int]) -> Story:
    with tt.task(name, id=name, expected=shards + 2) as table:
        before = lost[0]
        with tt.task("extract", id=f"{name}: extract", agent="extractor") as extract:
            yield cast.seconds(0.7)
            rows = cast.chance.randrange(40, 900) * 1000
            extract.update(message=f"{rows:,} rows".replace(",", " "), outputs={"rows": rows, "table": name})
        cast.later(f"{name}: upload", "upload", [f"{name}: extract"])
        yield Pool(cast.workers, _shards(cast, name, shards, lost))
        with tt.task("upload", id=f"{name}: upload", agent="uploader") as upload:
            yield cast.seconds(0.6)
            upload.update(message=f"s3://lake/{name}/2026-01-31")
        missing = lost[0] - before
        table.update(message=f"{missing} of {shards} shards are missing" if missing else "complete")


def _shards(cast: Cast, name: str, shards: int, lost: list[int]) -> Iterator[Any]:
    for number in range(1, shards + 1):
        yield partial(_shard, cast, name, number, lost)


def _shard(cast: Cast, name: str, number: int, lost: list[int], worker: int) -> Story:
    agent, goes, title = f"loader-{worker}", cast.fails(), f"shard {number}"
    errors = (failures.reset_by_peer, failures.read_timeout, failures.bad_row)
    error = errors[cast.chance.randrange(3)]
    attempts = {"well": 1, "late": cast.chance.randrange(2, _ATTEMPTS + 1), "badly": _ATTEMPTS}[goes]
    if error is failures.bad_row and goes == "badly":
        attempts = 1
    cast.at_work(agent, f"{name}, {title}")
    for attempt in range(1, attempts + 1):
        with tt.task(title, id=f"{name}: {title}", agent=agent, params={"table": name, "shard": number}) as shard:
            yield cast.seconds(MEAN_SECONDS / 2)
            if cast.detailed:
                shard.update(progress=0.5, message="written, not yet verified")
            yield cast.seconds(MEAN_SECONDS / 2)
            if goes == "badly" or attempt < attempts:
                shard.log(f"attempt {attempt} failed", level="warning")
                fail_with(shard, error())
            else:
                rows = cast.chance.randrange(900, 1100)
                shard.update(message=f"{rows} rows", metrics={"rows": rows})
        if attempt < attempts:
            yield 0.2 * 2**attempt
    lost[0] += goes == "badly"
    cast.at_work(agent, None)
