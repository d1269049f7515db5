"""Whatever a notebook hands over, objects that can't be shown and texts far too large: the task goes on."""

from __future__ import annotations

import json
import threading
import tracemalloc
import warnings
from collections.abc import Iterator
from typing import Any
from unittest.mock import MagicMock

import pytest

import tasktree_jupyter as tt
from tasktree_jupyter.client.session import Session
from tests.client.tree import nodes

HUGE = 100 * 2**20
"""Characters."""


class Hostile:
    """Nothing can be asked of it."""

    def _no(self, *arguments: Any) -> Any:
        raise RuntimeError("no")

    __repr__ = __str__ = __len__ = __iter__ = __bool__ = __hash__ = __eq__ = __index__ = __float__ = _no
    __getattr__ = _no


class Lies:
    """It says it is what it isn't."""

    shape = property(lambda self: 1 / 0)
    dtype = "float"
    __dataclass_fields__ = 5
    __struct_fields__ = ("missing",)


class Keys(dict[str, Any]):
    def items(self) -> Any:
        raise RuntimeError("no")


def generator() -> Iterator[int]:
    yield 1
    raise AssertionError("a generator is the user's: nobody may take from it")


@pytest.mark.parametrize(
    "value",
    [
        Hostile(),
        Hostile,
        [Hostile()],
        {"a": Hostile()},
        Lies(),
        Keys(a=1),
        MagicMock(),
        generator(),
        lambda x: x,
        threading.Lock(),
        open,
        10**10_000,
        -(10**400),
        1e400,
        "\ud800",
        b"\xff" * 10_000_000,
        {1, "a", None},
        {"a" * 100_000: 1},
        object(),
        type("T", (), {"__slots__": ()})(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_object_does_harm(session: Session, value: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with tt.task("run", params={"value": value, "n": 1}, inputs=value) as run:
            run.update(outputs=value, mine=value)
    node = nodes(session)["run"]
    assert node["status"] == "completed"
    assert node["params"]["n"] == 1
    assert "value" in node["params"]
    assert len(json.dumps(node)) < 200_000
    with warnings.catch_warnings():
        # Some of these mustn't be a message, a metric or a raw event's data. That is told, and nothing raised.
        warnings.simplefilter("ignore")
        with tt.task("bent") as bent:
            bent.update(message=value)
            bent.update(metrics={"m": value})
            bent.update(progress=value)
            bent.update(tags=[value])
            bent.log(value)
            tt.emit("my.event", value=value)
    assert nodes(session)["bent"]["status"] == "completed"


def test_a_huge_text_is_cut_without_a_copy_of_it(session: Session) -> None:
    text = "x" * HUGE
    tracemalloc.start()
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            with tt.task(text, params={"text": text, "more": [text]}, inputs=text) as run:
                run.update(message=text, outputs=text, agent=text)
                run.log(text)
                tt.emit("my.event", text=text)
                with pytest.raises(ValueError, match="x"), tt.task("fails"):
                    raise ValueError(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < HUGE // 10
    [warning] = told
    assert "data.text is too large" in str(warning.message)
    tree = nodes(session)
    fails = tree["fails"]["error"]
    assert fails["message"].startswith("xxx")
    assert "raise ValueError" in fails["traceback"]
    [root] = [node for node in tree.values() if "parent_id" not in node]
    assert root["params"]["text"].endswith("more characters)")
    assert len(json.dumps(root)) < 200_000
