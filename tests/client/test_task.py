"""`task`: nesting, endings, decorators, updates, in one process without a server."""

from __future__ import annotations

import asyncio
import re
import warnings
from collections.abc import AsyncIterator, Generator, Iterator
from concurrent.futures import CancelledError
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

import tasktree_jupyter as tt
from tasktree_jupyter.client.session import Session
from tests.client.tree import nodes, roots


def test_blocks_nest(session: Session) -> None:
    with tt.task("run"):
        with tt.task("a"), tt.task("a1"):
            pass
        with tt.task("b"):
            pass
    tree = nodes(session)
    assert tree["run"]["children"] == ["a", "b"]
    assert tree["a"]["children"] == ["a1"]
    assert {node["status"] for node in tree.values()} == {"completed"}


def test_each_root_is_a_new_mission_with_a_time_ordered_id(session: Session) -> None:
    ids = []
    for _ in range(100):
        with tt.task("again", id="etl") as run:
            ids.append(run.id)
        assert run.mission is not None
        assert run.mission.id == run.id
    assert len(set(ids)) == 100
    assert ids == sorted(ids, key=str)


def test_automatic_ids_count_within_the_mission(session: Session) -> None:
    with tt.task("run") as run, tt.task("a") as a, tt.task("b") as b:
        pass
    assert (a.id, b.id) == (f"{run.id}/1", f"{run.id}/2")


def test_an_explicit_id_entered_again_is_another_attempt(session: Session) -> None:
    with tt.task("run") as run:
        with pytest.raises(ValueError, match="first"), tt.task("load", id="load"):
            raise ValueError("first")
        with tt.task("load", id="load") as second:
            pass
    node = nodes(session)["load"]
    assert second.id == f"{run.id}/load"
    assert (node["attempt"], node["status"]) == (2, "completed")
    assert "error" not in node


@pytest.mark.parametrize("name", ["", "a\nb", "x" * 201])
def test_a_wrong_id_is_told_and_replaced(session: Session, name: str) -> None:
    with pytest.warns(tt.TaskTreeWarning, match="id is"), tt.task("run", id=name):
        pass
    assert nodes(session)["run"]["status"] == "completed"


def test_a_lone_surrogate_in_an_id_is_replaced_as_in_the_tree(session: Session) -> None:
    with tt.task("run", id="r\udcff") as run, tt.task("load", id="\udc80.csv") as load:
        pass
    with session.project().read() as tree:
        assert run.id is not None
        assert load.id == f"{run.id}/\ufffd.csv"
        assert [tree.node(each)["title"] for each in (run.id, load.id)] == ["run", "load"]


def test_the_longest_ids_still_fit(session: Session) -> None:
    with tt.task("run", id="r" * 200), tt.task("task", id="1" * 200):
        pass
    assert nodes(session)["task"]["status"] == "completed"


def test_an_explicit_id_never_meets_an_automatic_one(session: Session) -> None:
    with tt.task("run"):
        with tt.task("automatic") as automatic:
            pass
        with tt.task("explicit", id="1") as explicit:
            pass
    assert automatic.id != explicit.id


def test_an_exception_marks_the_task_failed_and_goes_on_its_way(session: Session) -> None:
    with pytest.raises(ZeroDivisionError), tt.task("run"), tt.task("divide"):
        _ = 1 / 0
    for title in ("divide", "run"):
        node = nodes(session)[title]
        assert node["status"] == "failed"
        assert node["error"]["type"] == "ZeroDivisionError"
        assert node["error"]["message"] == "division by zero"
        assert "_ = 1 / 0" in node["error"]["traceback"]


def test_a_traceback_says_nothing_of_our_own_wrappers(session: Session) -> None:
    @tt.task
    def fails() -> None:
        raise RuntimeError("here")

    with pytest.raises(RuntimeError):
        fails()
    text = nodes(session)["fails"]["error"]["traceback"]
    assert "tasktree_jupyter" not in text
    assert 'raise RuntimeError("here")' in text


def test_an_endless_traceback_is_bounded(session: Session) -> None:
    def down(n: int) -> None:
        if n == 0:
            raise ValueError("x" * 1_000_000)
        down(n - 1)

    with pytest.raises(ValueError, match="xxx"), tt.task("deep"):
        down(200)
    error = nodes(session)["deep"]["error"]
    assert len(error["message"]) < 5_000
    assert len(error["traceback"]) < 20_000


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_an_exception_without_text_is_told_all_the_same(session: Session) -> None:
    with pytest.raises(Unprintable), tt.task("odd"):
        raise Unprintable
    node = nodes(session)["odd"]
    assert node["status"] == "failed"
    assert "Unprintable" in node["error"]["type"]


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit(), CancelledError()], ids=lambda e: repr(e)
)
def test_an_interrupt_or_a_cancellation_marks_it_cancelled(session: Session, error: BaseException) -> None:
    with pytest.raises(type(error)), tt.task("stopped"):
        raise error
    node = nodes(session)["stopped"]
    assert (node["status"], node["reason"]) == ("cancelled", type(error).__name__)


def test_an_interrupt_before_its_first_event_leaves_a_node_that_is_whole(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tt.task("run") as run:
        assert run.project is not None
        emit = run.project.emit

        def interrupted(type: str, data: dict[str, Any]) -> None:
            monkeypatch.setattr(run.project, "emit", emit)
            raise KeyboardInterrupt

        monkeypatch.setattr(run.project, "emit", interrupted)
        with pytest.raises(KeyboardInterrupt), tt.task("fit", params={"depth": 3}):
            pass
    tree = nodes(session)
    assert tree["run"]["children"] == ["fit"]
    assert (tree["fit"]["status"], tree["fit"]["params"]) == ("cancelled", {"depth": 3})


@pytest.mark.parametrize(
    ("code", "status"), [(None, "completed"), (0, "completed"), (1, "failed"), ("no disk", "failed")]
)
def test_leaving_by_exit_is_judged_by_its_code(session: Session, code: object, status: str) -> None:
    with pytest.raises(SystemExit), tt.task("exits"):
        raise SystemExit(code)
    assert nodes(session)["exits"]["status"] == status


def test_a_status_the_user_gave_stays(session: Session) -> None:
    with tt.task("run"):
        for status in ("skipped", "review", "failed", "merged"):
            with tt.task(status) as t:
                t.update(status=status)
    tree = nodes(session)
    assert [tree[title]["status"] for title in ("skipped", "review", "failed", "merged")] == [
        "skipped",
        "review",
        "failed",
        "completed",
    ]


def test_updates_reach_the_node(session: Session) -> None:
    with tt.task("fit", params={"depth": 3}, agent="worker-1", tags=["a"], expected=4, kind="fit") as t:
        t.update(0.25, "fold 1", metrics={"auc": 0.9, "loss": float("nan")}, params={"seed": 1})
        t.update(metrics={"auc": np.float32(0.5), "n": np.int64(7), "ok": True}, outputs=[1, 2], queue="fast")
        t.log("converged")
        t.log("slow", level="warning")
    node = nodes(session)["fit"]
    assert node["params"] == {"depth": 3, "seed": 1}
    assert node["metrics"] == {"auc": 0.5, "loss": "NaN", "n": 7, "ok": 1}
    assert (node["agent"], node["tags"], node["expected"], node["kind"]) == ("worker-1", ["a"], 4, "fit")
    assert (node["progress"], node["message"], node["outputs"], node["queue"]) == (0.25, "fold 1", [1, 2], "fast")
    assert node["log"]["counts"] == {"info": 1, "warning": 1}


def test_a_task_may_depend_on_tasks(session: Session) -> None:
    with tt.task("run"):
        with tt.task("a") as a:
            pass
        with tt.task("b", dependencies=[a, "x"]):
            pass
    assert nodes(session)["b"]["dependencies"] == [a.id, "x"]


def test_a_local_time_is_told_as_the_instant_it_is(session: Session) -> None:
    moment = datetime(2026, 1, 31, 14, 2, 11)
    with tt.task("t") as t:
        t.update(queued_at=moment)
    told = datetime.fromisoformat(nodes(session)["t"]["queued_at"])
    assert told == moment.astimezone(UTC)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"progress": 1.5}, "data.changes.progress"),
        ({"status": "runing"}, "data.changes.status"),
        ({"metrics": {"auc": "good"}}, "data.changes.metrics.auc"),
        ({"expected": -1}, "data.changes.expected"),
        ({"dependencies": [""]}, "data.changes.dependencies.0"),
    ],
)
def test_a_wrong_update_warns_at_the_users_line_and_changes_nothing(
    session: Session, fields: dict[str, Any], named: str
) -> None:
    with tt.task("t") as t:
        with pytest.warns(tt.TaskTreeWarning, match=re.escape(named)) as told:
            t.update(message="kept out", **fields)
        assert told[0].filename == __file__
        t.update(progress=0.5)
    node = nodes(session)["t"]
    assert "message" not in node
    assert (node["progress"], node["status"]) == (0.5, "completed")


def test_nothing_raises_even_where_warnings_are_errors(session: Session) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with tt.task("t") as t:
            t.update(progress="half")  # type: ignore[arg-type]
            t.log("x", level="loud")  # type: ignore[arg-type]
            tt.emit("No Type")
            tt.emit("node_update", node_id="")


def test_a_hook_that_fails_harms_nobody(session: Session) -> None:
    seen: list[str | None] = []
    session.root_started.append(lambda task: 1 // 0)
    session.root_started.append(lambda task: seen.append(task.id))
    session.root_ended.append(lambda task: seen.append(task.status))
    with tt.task("run") as run, tt.task("inner"):
        pass
    assert seen == [run.id, "completed"]


def test_below_the_deepest_level_tasks_become_siblings(session: Session) -> None:
    @tt.task
    def down(n: int) -> None:
        if n:
            down(n - 1)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        down(100)
    with session.project().read() as tree:
        assert len(tree) == 101
        assert tree.flagged == 0
        assert len(tree.roots) == 1


# Decorators


def test_each_call_of_a_function_is_a_task(session: Session) -> None:
    @tt.task
    def fit(x: int) -> int:
        """Doubles."""
        return 2 * x

    @tt.task("named", agent="w")
    def other() -> None:
        fit(3)

    with tt.task("run"):
        assert fit(2) == 4
        other()
    tree = nodes(session)
    assert tree["run"]["children"] == ["fit", "named"]
    assert tree["named"]["children"] == ["fit"]
    assert tree["named"]["agent"] == "w"
    assert (fit.__name__, fit.__doc__) == ("fit", "Doubles.")


def test_each_call_of_a_coroutine_is_a_task(session: Session) -> None:
    @tt.task
    async def step(n: int) -> int:
        await asyncio.sleep(0)
        async with tt.task(f"inner {n}"):
            await asyncio.sleep(0)
        return n

    async def main() -> list[int]:
        async with tt.task("run"):
            return list(await asyncio.gather(step(1), step(2)))

    assert asyncio.run(main()) == [1, 2]
    tree = nodes(session)
    assert tree["run"]["children"] == ["step", "step"]
    with session.project().read() as local:
        inner = [local.node(node_id) for node_id in local.walk() if "inner" in str(local.node(node_id)["title"])]
        assert len({node["parent_id"] for node in inner}) == 2
        assert all(local.node(node["parent_id"])["title"] == "step" for node in inner)


def test_a_cancelled_coroutine_is_cancelled(session: Session) -> None:
    started = asyncio.Event

    async def main() -> None:
        begun = started()

        @tt.task
        async def waits() -> None:
            begun.set()
            await asyncio.Event().wait()

        job = asyncio.create_task(waits())
        await begun.wait()
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job

    asyncio.run(main())
    assert nodes(session)["waits"]["status"] == "cancelled"


def test_a_generator_is_a_task_from_its_first_step_to_its_end(session: Session) -> None:
    @tt.task
    def produce() -> Generator[int, str, str]:
        with tt.task("inside"):
            got = yield 1
        assert got == "sent"
        yield 2
        return "done"

    with tt.task("run") as run:
        generator = produce()
        assert next(generator) == 1
        assert tt.current() is run
        with tt.task("consumer"):
            assert generator.send("sent") == 2
        with pytest.raises(StopIteration, match="done"):
            next(generator)
    tree = nodes(session)
    assert tree["run"]["children"] == ["produce", "consumer"]
    assert tree["produce"]["children"] == ["inside"]
    assert tree["produce"]["status"] == "completed"


def test_a_generator_takes_what_is_thrown_into_it(session: Session) -> None:
    @tt.task
    def forgives() -> Iterator[int]:
        try:
            yield 1
        except KeyError:
            yield 2

    generator = forgives()
    next(generator)
    assert generator.throw(KeyError("x")) == 2  # type: ignore[attr-defined]
    generator.close()  # type: ignore[attr-defined]
    assert nodes(session)["forgives"]["status"] == "cancelled"


def test_an_asynchronous_generator_is_a_task(session: Session) -> None:
    @tt.task
    async def produce() -> AsyncIterator[int]:
        for n in range(3):
            async with tt.task(f"n {n}"):
                await asyncio.sleep(0)
            yield n

    async def main() -> list[int]:
        return [n async for n in produce()]

    assert asyncio.run(main()) == [0, 1, 2]
    tree = nodes(session)
    assert tree["produce"]["children"] == ["n 0", "n 1", "n 2"]
    assert tree["produce"]["status"] == "completed"


# Projects


def test_a_named_project_is_taken_as_it_is(session: Session) -> None:
    with tt.task("here"), tt.task("there", project="nightly-etl"), tt.task("below"):
        pass
    assert roots(session) == ["here"]
    assert roots(session, "nightly-etl") == ["there"]
    assert nodes(session, "nightly-etl")["there"]["children"] == ["below"]


def test_the_default_project_can_be_chosen(session: Session) -> None:
    tt.project("mine")
    with tt.task("run"):
        tt.emit("node_update", node_id="raw", changes={"title": "raw"})
    assert roots(session, "mine") == ["run", "raw"]
    with pytest.raises(ValueError, match="project"):
        tt.project("")


def test_a_wrong_project_is_told_and_ignored(session: Session) -> None:
    with pytest.warns(tt.TaskTreeWarning, match="project is ''"), tt.task("run", project=""):
        pass
    assert roots(session) == ["run"]


def test_what_was_never_entered_says_so(session: Session) -> None:
    t = tt.task("never")
    with pytest.warns(tt.TaskTreeWarning, match="never entered"):
        t.update(0.5)
    with pytest.warns(tt.TaskTreeWarning, match="never entered"):
        t.log("x")
    with pytest.warns(tt.TaskTreeWarning, match="never entered"):
        assert list(t.track([1, 2])) == [1, 2]
    assert nodes(session) == {}


def test_a_root_says_where_it_runs(session: Session) -> None:
    import os
    import socket

    with tt.task("run"), tt.task("child"):
        pass
    tree = nodes(session)
    assert tree["run"]["source"] == {"host": socket.gethostname(), "pid": os.getpid()}
    assert "source" not in tree["child"]
