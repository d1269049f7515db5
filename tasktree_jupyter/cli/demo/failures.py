"""Errors as real libraries raise them, with tracebacks to read, though none of the libraries is there.

The code is compiled under the name and the line number that it goes by, so that a traceback shows it as it would.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable
from functools import cache
from textwrap import dedent
from types import CodeType
from typing import Any, Final

_SOURCES: Final[dict[str, tuple[int, str]]] = {
    "sklearn/utils/validation.py": (
        1103,
        """\
        def assert_all_finite(X, input_name):
            if X["has_nan"]:
                raise ValueError(f"Input {input_name} contains NaN.")
        """,
    ),
    "sklearn/ensemble/_forest.py": (
        359,
        """\
        def fit(self, X, y):
            assert_all_finite(X, "X")
        """,
    ),
    "joblib/parallel.py": (
        762,
        """\
        def retrieve(self, timeout):
            raise TimeoutError(f"fold 4 took longer than {timeout} s")
        """,
    ),
    "urllib3/connectionpool.py": (
        536,
        """\
        def read_timeout(host, timeout):
            raise TimeoutError(f"HTTPSConnectionPool(host={host!r}, port=443): read timed out after {timeout} s")
        """,
    ),
    "warehouse/upload.py": (
        88,
        """\
        def upload(part, size):
            raise ConnectionResetError(104, "Connection reset by peer")
        """,
    ),
    "warehouse/rows.py": (
        41,
        """\
        def parse(row):
            return int(row["amount"])
        """,
    ),
    "agents/tools.py": (
        127,
        """\
        def call(name, arguments):
            raise RuntimeError(f"Tool {name!r} gave no answer that could be read, 3 times")
        """,
    ),
}


@cache
def _names() -> dict[str, Any]:
    names: dict[str, Any] = {}
    for file, (line, source) in _SOURCES.items():
        text = "\n" * (line - 1) + dedent(source)
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
        code: CodeType = compile(text, file, "exec")
        exec(code, names)
    return names


def _raised(call: Callable[[dict[str, Any]], object]) -> Exception:
    try:
        call(_names())
    except Exception as error:
        # From the library on: where the demo lies on this disk is nobody's concern.
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename not in _SOURCES:
            trace = trace.tb_next
        return error.with_traceback(trace)
    raise AssertionError("it must fail")


def nan_in_input() -> Exception:
    """Return the error of a model that can't take missing values."""
    return _raised(lambda names: names["fit"](None, {"has_nan": True}, None))


def fold_timeout() -> Exception:
    """Return the error of a fold that took too long."""
    return _raised(lambda names: names["retrieve"](None, 60))


def read_timeout() -> Exception:
    """Return the error of a host that doesn't answer."""
    return _raised(lambda names: names["read_timeout"]("warehouse.example", 30))


def reset_by_peer() -> Exception:
    """Return the error of an upload that was cut off."""
    return _raised(lambda names: names["upload"](None, 0))


def bad_row() -> Exception:
    """Return the error of a number that isn't one."""
    return _raised(lambda names: names["parse"]({"amount": "12,50"}))


def no_answer() -> Exception:
    """Return the error of an agent's tool."""
    return _raised(lambda names: names["call"]("search", {}))
