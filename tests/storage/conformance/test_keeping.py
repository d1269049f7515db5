"""What every engine keeps beside the events: folds, pins, attributes, the list of projects, epochs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tasktree_jupyter.storage.log import Batch, EventLog, NoSuchProject, Pin, ProjectRecord, StoredFold

if TYPE_CHECKING:
    from tests.storage.conftest import Engine

MakeBatch = Callable[..., Batch]


async def keep(log: EventLog, offset: int, *, version: int = 1, epoch: str | None = None) -> StoredFold:
    head = await log.head("p")
    assert head is not None
    fold = StoredFold(offset, offset * 10, b"fold %d \x00\xff" % offset, version)
    await log.save_fold("p", epoch or head.epoch, fold)
    return fold


async def test_the_nearest_fold_at_or_below_an_offset_is_found(log: EventLog, batch: MakeBatch) -> None:
    await log.append("p", [batch("a", 1, 30)], now=1)
    ten, twenty = await keep(log, 10), await keep(log, 20)

    assert await log.fold_below("p", 9) is None
    assert await log.fold_below("p", 10) == ten
    assert await log.fold_below("p", 19) == ten
    assert await log.fold_below("p", 25) == twenty
    assert await log.fold_below("p", None) == twenty
    assert await log.fold_below("nowhere", None) is None


async def test_a_fold_of_the_same_offset_is_replaced(log: EventLog, batch: MakeBatch) -> None:
    commit = await log.append("p", [batch("a", 1, 30)], now=1)
    await keep(log, 10)

    await log.save_fold("p", commit.epoch, StoredFold(10, 1, b"again", 1))

    assert await log.fold_below("p", 10) == StoredFold(10, 1, b"again", 1)


async def test_a_fold_of_another_epoch_or_of_an_absent_project_is_passed_over(log: EventLog, batch: MakeBatch) -> None:
    await log.append("p", [batch("a", 1, 30)], now=1)

    await keep(log, 10, epoch="another")
    await log.save_fold("nowhere", "another", StoredFold(1, 1, b"", 1))

    assert await log.fold_below("p", None) is None
    assert await log.head("nowhere") is None


async def test_folds_of_another_version_are_not_given_to_who_asks_for_one(log: EventLog, batch: MakeBatch) -> None:
    await log.append("p", [batch("a", 1, 30)], now=1)
    await log.trim("p", 5)
    older, newer = await keep(log, 10), await keep(log, 20, version=2)

    assert await log.fold_below("p", 25, version=1) == older
    assert await log.fold_below("p", 25, version=2) == newer
    assert await log.fold_below("p", 15, version=2) is None
    assert await log.fold_below("p", 25) == newer


async def test_a_newer_version_ends_the_older_folds_where_they_can_be_made_again(
    log: EventLog, batch: MakeBatch
) -> None:
    await log.append("p", [batch("a", 1, 30)], now=1)
    await keep(log, 10)
    newer = await keep(log, 20, version=2)
    await keep(log, 25, version=1)

    assert await log.fold_below("p", 15) is None
    assert await log.fold_below("p", None) == newer


async def test_many_folds_are_thinned_but_never_the_newest_a_pinned_or_the_boundary(
    log: EventLog, batch: MakeBatch
) -> None:
    await log.append("p", [batch("a", 1, 200)], now=1)
    await log.trim("p", 3)
    await log.pin("p", 11, "here")
    kept = [await keep(log, offset) for offset in range(4, 200)]

    left = {fold.offset for below in range(201) if (fold := await log.fold_below("p", below))}

    assert {4, 11, 199} <= left
    assert len(left) < 20
    ordered = sorted(left)
    assert max(after - before for before, after in pairwise(ordered)) < 80
    assert await log.fold_below("p", None) == kept[-1]


async def test_pins_name_offsets(log: EventLog, batch: MakeBatch) -> None:
    await log.append("p", [batch("a", 1, 9)], now=1)

    await log.pin("p", 7, "later")
    await log.pin("p", 3, "before tuning")
    await log.pin("p", 5, "later")

    assert await log.pins("p") == [Pin("before tuning", 3), Pin("later", 5)]
    assert await log.pins("nowhere") == []
    with pytest.raises(NoSuchProject):
        await log.pin("nowhere", 1, "x")


async def test_a_name_taken_away_holds_nothing_any_more(log: EventLog, batch: MakeBatch) -> None:
    await log.append("p", [batch("a", 1, 200)], now=1)
    await log.pin("p", 11, "here")
    await log.pin("p", 12, "there")
    for offset in range(4, 100):
        await keep(log, offset)
    held = await log.fold_offsets("p", version=1)

    await log.unpin("p", "here")
    await log.unpin("p", "never given")
    await log.unpin("nowhere", "here")
    for offset in range(100, 200):
        await keep(log, offset)

    assert {11, 12} <= set(held)
    assert await log.pins("p") == [Pin("there", 12)]
    left = await log.fold_offsets("p", version=1)
    assert 12 in left
    assert 11 not in left


async def test_the_offsets_of_folds_are_told_without_the_folds(log: EventLog, batch: MakeBatch) -> None:
    await log.append("p", [batch("a", 1, 30)], now=1)
    await log.trim("p", 5)
    await keep(log, 20)
    await keep(log, 10)
    await keep(log, 15, version=2)

    assert await log.fold_offsets("p", version=1) == [10, 20]
    assert await log.fold_offsets("p", version=2) == [15]
    assert await log.fold_offsets("p", version=3) == []
    assert await log.fold_offsets("nowhere", version=1) == []


async def test_attributes_are_set_and_deleted_key_by_key(log: EventLog, batch: MakeBatch) -> None:
    await log.append("p", [batch("a", 1, 1)], now=1)
    await log.set_attributes("p", {"title": "ETL", "path": "a/b.ipynb", "n": [1, {"x": None}]})

    await log.set_attributes("p", {"title": "Extraktion 早", "path": None})

    assert await log.attributes("p") == {"title": "Extraktion 早", "n": [1, {"x": None}]}
    assert await log.attributes("nowhere") == {}


async def test_attributes_belong_to_who_asks(log: EventLog) -> None:
    await log.set_attributes("p", {"list": [1]})

    (await log.attributes("p"))["list"].append(2)

    assert await log.attributes("p") == {"list": [1]}


async def test_setting_attributes_makes_the_project_without_an_event(log: EventLog) -> None:
    await log.set_attributes("p", {"title": "x"})

    head = await log.head("p")
    assert head is not None
    assert head.offset == 0
    assert [record.project_id for record in await log.projects()] == ["p"]


async def test_projects_are_listed_oldest_first_with_their_attributes(
    engine: Engine, log: EventLog, batch: MakeBatch
) -> None:
    await log.append("second", [batch("a", 1, 1)], now=20)
    await log.append("first", [batch("a", 1, 1)], now=10)
    await log.set_attributes("second", {"title": "x"})
    other = await engine.peer(log)

    expected = [ProjectRecord("first", 10, {}), ProjectRecord("second", 20, {"title": "x"})]
    assert await log.projects() == expected
    assert await other.projects() == expected

    await other.set_attributes("first", {"title": "y"})
    assert [record.attributes for record in await log.projects()] == [{"title": "y"}, {"title": "x"}]


@pytest.mark.parametrize(
    "project_id",
    [
        "../../etc/passwd",
        "a/b\\c:d*?",
        "CON",
        " ",
        ".",
        "夜间任务",
        "x" * 200,
        "Nightly ETL",
        "nightly-etl",
        "a%2Fb#c?d=1",
    ],
)
async def test_any_id_can_name_a_project(engine: Engine, batch: MakeBatch, project_id: str) -> None:
    log = await engine.open()
    commit = await log.append(project_id, [batch("a", 1, 1)], now=1)

    other = await engine.peer(log)
    assert await other.read(project_id, 0, limit=1) == commit.events
    assert [record.project_id for record in await other.projects()] == [project_id]
    assert await other.delete(project_id)


async def test_ids_that_look_alike_are_different_projects(log: EventLog, batch: MakeBatch) -> None:
    names = ["a b", "a-b", "A b", "a  b", "a/b", "a/b/"]
    for name in names:
        await log.append(name, [batch("a", 1, 1)], now=1)

    assert sorted(record.project_id for record in await log.projects()) == sorted(names)


async def test_a_deleted_project_is_gone_with_all_it_had(engine: Engine, log: EventLog, batch: MakeBatch) -> None:
    other = await engine.peer(log)
    before = await log.append("p", [batch("a", 1, 3)], now=1)
    await log.pin("p", 2, "x")
    await keep(log, 2)
    await log.set_attributes("p", {"title": "x"})
    assert len(await other.read("p", 0, limit=10)) == 3

    assert await log.delete("p") is True

    for one in (log, other):
        assert await one.head("p") is None
        assert await one.projects() == []
        with pytest.raises(NoSuchProject):
            await one.read("p", 0, limit=1)
    assert await other.delete("p") is False

    after = await other.append("p", [batch("a", 1, 1)], now=1)
    assert after.epoch != before.epoch
    assert (after.first_offset, after.results[0].duplicates) == (1, 0)
    assert await log.pins("p") == []
    assert await log.attributes("p") == {}
    assert await log.fold_below("p", None) is None


async def test_an_epoch_lasts_as_long_as_its_log(engine: Engine, batch: MakeBatch) -> None:
    log = await engine.open()
    epochs = {(await log.append("p", [batch("a", seq, seq)], now=1)).epoch for seq in range(1, 4)}
    if engine.kind != "memory":
        await log.close()
    log = await engine.peer(log)
    epochs.add((await log.append("p", [batch("a", 4, 4)], now=1)).epoch)
    other = (await log.append("q", [batch("a", 1, 1)], now=1)).epoch

    assert len(epochs) == 1
    assert other not in epochs
