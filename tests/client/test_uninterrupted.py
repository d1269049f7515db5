"""An interrupt may come at any line of a cell; what the process's own tree holds is whole all the same."""

from __future__ import annotations

import signal
import threading
from typing import Any

import pytest

import tasktree_jupyter as tt
from tasktree_jupyter.client.session import Session
from tasktree_jupyter.client.uninterrupted import uninterrupted
from tasktree_jupyter.core.tree import TaskTree
from tests.client.tree import nodes


def test_an_interrupt_comes_after_the_block_and_once() -> None:
    done = []

    def work() -> None:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append("inner")
            with uninterrupted():
                signal.raise_signal(signal.SIGINT)
            done.append("outer")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["inner", "outer"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_on_another_thread_and_where_interrupts_are_ignored_nothing_changes() -> None:
    handlers: list[Any] = []

    def look() -> None:
        with uninterrupted():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        look()
        signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert handlers == [signal.default_int_handler, signal.SIG_IGN]


def test_an_interrupt_amid_folding_loses_no_event(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    apply = TaskTree.apply

    def interrupted(tree: TaskTree, event: dict[str, Any]) -> Any:
        monkeypatch.undo()
        signal.raise_signal(signal.SIGINT)
        return apply(tree, event)

    with tt.task("run"):
        pass
    monkeypatch.setattr(TaskTree, "apply", interrupted)
    with pytest.raises(KeyboardInterrupt):
        nodes(session)
    assert nodes(session)["run"]["status"] == "completed"
