"""Which mission a thread's tasks belong to: the open one where there is one alone, and none is ever guessed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Thread

import tasktree_jupyter as tt
from tasktree_jupyter.client.mission import Mission
from tasktree_jupyter.client.session import Session
from tests.client.tree import nodes, roots


def test_a_thread_finds_the_one_open_mission(session: Session) -> None:
    def work() -> None:
        with tt.task("worker"), tt.task("inner"):
            pass

    with tt.task("run"):
        thread = Thread(target=work)
        thread.start()
        thread.join()
    tree = nodes(session)
    assert tree["run"]["children"] == ["worker"]
    assert tree["worker"]["children"] == ["inner"]


def test_a_pool_finds_the_one_open_mission(session: Session) -> None:
    @tt.task
    def square(n: int) -> int:
        return n * n

    with tt.task("run"), ThreadPoolExecutor(4) as pool:
        assert list(pool.map(square, range(20))) == [n * n for n in range(20)]
    assert nodes(session)["run"]["children"] == ["square"] * 20
    assert roots(session) == ["run"]


def test_wrap_carries_the_parent_into_a_pool(session: Session) -> None:
    barrier = Barrier(4)

    def job() -> None:
        barrier.wait(10)
        with tt.task("job"):
            pass

    with tt.task("run"), tt.task("stage"):
        carried = tt.wrap(job)
        with ThreadPoolExecutor(4) as pool:
            for future in [pool.submit(carried) for _ in range(4)]:
                future.result()
    assert nodes(session)["stage"]["children"] == ["job"] * 4


def test_of_several_missions_none_is_guessed(session: Session) -> None:
    def work() -> None:
        with tt.task("whose"):
            pass

    with tt.task("first"):
        session.begin(Mission("second", session.project(), "second"))
        other = Thread(target=work)
        other.start()
        other.join()
    tree = nodes(session)
    assert "Unattached" in roots(session)
    assert tree["Unattached"]["children"] == ["whose"]


def test_threads_without_a_mission_come_together_in_a_group(session: Session) -> None:
    def work() -> None:
        with tt.task("lonely"):
            pass

    threads = [Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert roots(session) == ["Unattached"]
    assert nodes(session)["Unattached"]["children"] == ["lonely"] * 5
