"""The rooms' one-way rule, read from the source: `core ← storage ← server`, `core ← client ← display ← cli`, and
`client ← integrations`.

The front end's half of the rule is in labextension/eslint.config.js.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "tasktree_jupyter"
SOURCE = Path(__file__).resolve().parents[2] / PACKAGE

MAY_IMPORT = {
    "core": {"core"},
    "storage": {"core", "storage"},
    "server": {"core", "storage", "server"},
    "client": {"core", "client"},
    "display": {"core", "client", "display"},
    "integrations": {"core", "client", "integrations"},
    "cli": {"", "core", "client", "display", "cli"},
    "locale": {"locale"},
    "": {"core", "client", "display"},
}
"""Room → the rooms it may import. "" is `__init__.py`, the notebook API. `_version` is everyone's."""

READERS_OF = {"jupyter_server": {"cli"}}
"""Packages of one room that another may look at: the doctor reads the server's configuration, where it is installed."""

ASKED_BY_THE_SERVER = "_jupyter_server_extension_points"
"""The one function of the notebook API that only a Jupyter server calls, and that may import the server's room."""

ONLY_IN = {
    "apsw": "storage",
    "jupyter_events": "server",
    "jupyter_server": "server",
    "prometheus_client": "server",
    "tornado": "server",
}
"""Packages that belong to one room: a kernel must not load them."""

CORE_PACKAGES = {"msgspec", "pydantic"}
IMPURE_MODULES = {
    "asyncio",
    "concurrent",
    "glob",
    "http",
    "io",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "random",
    "secrets",
    "select",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "socketserver",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
    "uuid",
}
IMPURE_NAMES = {"open", "print", "input"}
IMPURE_METHODS = {"now", "utcnow", "today"}


def violations(source: Path) -> list[str]:
    """Everything below `source` (a `tasktree_jupyter` folder) that breaks the rule, as "file:line: what"."""
    found = []
    for file in sorted(source.rglob("*.py")):
        parts = file.relative_to(source).parts
        room = parts[0] if len(parts) > 1 else ""
        tree = ast.parse(file.read_text("utf-8"), str(file))
        if parts == ("__init__.py",):
            tree.body = [node for node in tree.body if getattr(node, "name", None) != ASKED_BY_THE_SERVER]
        if room not in MAY_IMPORT:
            problems = [(1, f"{room!r} is no room: give it a line in MAY_IMPORT")]
        else:
            package = (PACKAGE, *parts[:-1])
            problems = list(forbidden_imports(tree, room, package))
            if room == "core":
                problems += impurities(tree)
        found += [f"{'/'.join(parts)}:{line}: {problem}" for line, problem in problems]
    return found


def imported(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Line and dotted name of all that is imported, wherever the import stands; relative ones made absolute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, tuple(alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = (*base, *(node.module.split(".") if node.module else ()))
            for alias in node.names:
                yield node.lineno, (*module, alias.name)


def forbidden_imports(tree: ast.AST, room: str, package: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    for line, name in imported(tree, package):
        top = name[0]
        if top == PACKAGE:
            target = name[1] if len(name) > 1 else ""
            if target in {"_version", "__version__"} or target in MAY_IMPORT[room]:
                continue
            if room == "" and target not in MAY_IMPORT:
                continue
            yield line, f"{room or '__init__'} may not import {'.'.join(name)}"
        elif ONLY_IN.get(top, room) != room and room not in READERS_OF.get(top, ()):
            yield line, f"{top} belongs to {ONLY_IN[top]}, not to {room or '__init__'}"
        elif room == "core" and top not in CORE_PACKAGES | set(sys.stdlib_module_names):
            yield line, f"core may not import {top}"


def impurities(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Files, sockets, clocks, chance and output in core: there is none."""
    for line, name in imported(tree, (PACKAGE, "core")):
        if name[0] in IMPURE_MODULES:
            yield line, f"core is pure: no {name[0]}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            if isinstance(called, ast.Name) and called.id in IMPURE_NAMES:
                yield node.lineno, f"core is pure: no {called.id}()"
            elif isinstance(called, ast.Attribute) and called.attr in IMPURE_METHODS:
                yield node.lineno, f"core is pure: no {called.attr}()"


def test_imports_go_one_way() -> None:
    assert violations(SOURCE) == []


def test_the_rooms_of_the_rule_exist() -> None:
    rooms = {folder.name for folder in SOURCE.iterdir() if any(folder.glob("*.py"))}
    assert rooms >= {"core", "storage", "server", "client", "display", "cli"}


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("core/tree.py", "from tasktree_jupyter.storage import log"),
        ("core/tree.py", "from ..client import session"),
        ("core/tree.py", "import tornado"),
        ("core/tree.py", "import numpy"),
        ("core/tree.py", "import time"),
        ("core/tree.py", "from os import path"),
        ("core/tree.py", "def load(p):\n    return open(p)"),
        ("core/tree.py", "from datetime import datetime\nx = datetime.now()"),
        ("storage/sqlite.py", "from tasktree_jupyter.server.room import Room"),
        ("storage/sqlite.py", "import tasktree_jupyter.client"),
        ("server/app.py", "from tasktree_jupyter.client import discovery"),
        ("server/app.py", "from tasktree_jupyter import task"),
        ("client/session.py", "def f():\n    from tasktree_jupyter.server import app"),
        ("client/session.py", "from tasktree_jupyter.storage import log"),
        ("client/session.py", "from jupyter_server.serverapp import list_running_servers"),
        ("client/session.py", "from ..display import view"),
        ("display/view.py", "from tasktree_jupyter.integrations import dask"),
        ("cli/doctor/server.py", "from tasktree_jupyter.server import app"),
        ("cli/export.py", "from ..storage import sqlite"),
        ("cli/export.py", "import apsw"),
        ("client/session.py", "from tasktree_jupyter.cli import main"),
        ("__init__.py", "from tasktree_jupyter.server import app"),
        ("__init__.py", "def task():\n    from tasktree_jupyter.server import app"),
        ("__init__.py", "import apsw"),
        ("utilities/x.py", "x = 1"),
    ],
)
def test_the_check_sees(tmp_path: Path, file: str, code: str) -> None:
    target = tmp_path / file
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(code, "utf-8")
    assert len(violations(tmp_path)) == 1


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("core/tree.py", "import msgspec\nfrom tasktree_jupyter.core.status import TaskStatus"),
        ("storage/sqlite.py", "import apsw, os, time\nfrom ..core import events"),
        ("server/app.py", "import jupyter_server\nfrom tasktree_jupyter._version import __version__"),
        ("client/session.py", "import websockets, threading\nfrom .source import Source"),
        ("display/view.py", "from ..client import session\nimport anywidget"),
        ("cli/doctor/x.py", "def f():\n    from jupyter_server.extension import config"),
        ("cli/demo/x.py", "import tasktree_jupyter as tt\nfrom tasktree_jupyter.display import text"),
        ("__init__.py", "def _jupyter_server_extension_points():\n    from tasktree_jupyter.server import app"),
        ("__init__.py", "from tasktree_jupyter._version import __version__\nfrom .client import session"),
    ],
)
def test_the_check_allows(tmp_path: Path, file: str, code: str) -> None:
    target = tmp_path / file
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(code, "utf-8")
    assert violations(tmp_path) == []
