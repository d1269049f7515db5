"""The table in docs/seed.md: it names everything of the service this is modelled on, and nothing that isn't there."""

from __future__ import annotations

import ast
import importlib
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "seed.md").read_text("utf-8")
CODES = sorted(set(re.findall(r"`([^`\n]+)`", PAGE)))

EVENT_TYPES = [
    "task_status_changed",
    "orchestrator_started",
    "orchestrator_stopped",
    "orchestrator_error",
    "coordination_update",
    "node_update",
    "mission_snapshot",
    "state_transition",
]
NAMES = """
    websocket_manager.py models.py api.py main.py websocket.ts useWebSocket.ts /ws/updates
    active_connections connect disconnect send_personal_message broadcast broadcast_to_project disconnected
    type project_id data timestamp
    onopen onmessage onclose onerror scheduleReconnect subscribe send useWebSocket
"""
"""Every file, field, method and handler that the service's description names."""
SECTIONS = """
    简介 项目结构 核心组件 架构概述 WebSocketManager分析 前端WebSocket服务分析 WebSocket消息类型
    依赖分析 性能考虑 故障排除指南 结论
"""
ADVICE = {"性能考虑": 4, "故障排除指南": 5}

PYTEST = [code for code in CODES if "::" in code]
VITEST = [code for code in CODES if " › " in code]
PYTHON = [code for code in CODES if code.startswith("tasktree_jupyter.")]
TYPESCRIPT = [code for code in CODES if code.startswith("labextension/src/")]
VECTORS = [code for code in CODES if code.startswith("tests/vectors/") and code.endswith(".json")]


@cache
def names_in(path: Path) -> frozenset[str]:
    """A file's tests as pytest takes them, without the file."""
    found = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        for member in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
                found.add(member.name)
                if isinstance(node, ast.ClassDef):
                    found.add(f"{node.name}::{member.name}")
    return frozenset(found)


def rows() -> list[list[str]]:
    """The cells of the tables' rows, without heads."""
    lines = [line for line in PAGE.splitlines() if line.startswith("|") and not line.startswith("|---")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in cells if row[0] not in ("In the service", "Type")]


def is_pytest(code: str) -> bool:
    file, _, name = code.partition("::")
    return (ROOT / file).is_file() and name in names_in(ROOT / file)


def is_vitest(code: str) -> bool:
    file, _, title = code.partition(" › ")
    # A title may stand some lines below its `it.each([`.
    call = rf"""\b(it|test)\b[^\n]*(\n[^\n]*){{0,12}}?['"`]{re.escape(title)}['"`]"""
    return (ROOT / file).is_file() and bool(re.search(call, (ROOT / file).read_text("utf-8")))


def is_python(code: str) -> bool:
    module, _, path = code.partition(":")
    try:
        found: object = importlib.import_module(module)
        for name in path.split(".") if path else ():
            found = getattr(found, name)
    except (ImportError, AttributeError):
        return False
    return True


def is_typescript(code: str) -> bool:
    file, _, path = code.partition(":")
    name, _, member = path.partition(".")
    if not (ROOT / file).is_file():
        return False
    source = (ROOT / file).read_text("utf-8")
    exported = re.search(rf"^export (class|function|const|interface|type) {name}\b", source, re.MULTILINE)
    return bool(exported) and (not member or bool(re.search(rf"^  (async )?{member}\(", source, re.MULTILINE)))


def test_the_page_names_things_of_every_kind() -> None:
    assert len(rows()) > 50
    assert min(len(PYTEST), len(VITEST), len(PYTHON), len(TYPESCRIPT), len(VECTORS)) > 3


def test_every_test_that_is_named_exists() -> None:
    assert [code for code in PYTEST if not is_pytest(code)] == []
    assert [code for code in VITEST if not is_vitest(code)] == []


def test_every_name_in_the_code_is_there() -> None:
    assert [code for code in PYTHON if not is_python(code)] == []
    assert [code for code in TYPESCRIPT if not is_typescript(code)] == []


def test_vectors_hold_the_type_they_are_named_for() -> None:
    for row in rows():
        for file in re.findall(r"`(tests/vectors/[^`]+)`", row[-1]):
            kinds = re.findall(r'"type": ?"(\w+)"', (ROOT / file).read_text("utf-8"))
            assert row[0].strip("`") in kinds, file


def test_every_row_says_where_it_is_and_which_test_shows_it() -> None:
    for row in rows():
        assert len(row) >= 3, row
        assert row[-2], row
        assert re.search(r"`(labextension/)?tests/", row[-1]), row


def test_all_event_types_have_a_row_with_the_fields_of_their_data() -> None:
    named = {row[0].strip("`"): row[1] for row in rows() if len(row) == 4}
    assert list(named) == EVENT_TYPES
    assert [data for data in named.values() if not re.fullmatch(r"`\{\w+.*\}`", data)] == []


def test_every_name_of_the_service_has_a_row() -> None:
    first = " ".join(code for row in rows() for code in re.findall(r"`[^`]+`", row[0]))
    assert [name for name in NAMES.split() if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", first)] == []


def test_every_section_of_the_service_is_gone_through() -> None:
    headings = " ".join(re.findall(r"^##+ (.*)", PAGE, re.MULTILINE))
    assert [section for section in SECTIONS.split() if section not in headings] == []


def test_all_numbered_advice_is_there() -> None:
    for section, number in ADVICE.items():
        part = PAGE.split(section, 1)[1].split("\n## ", 1)[0]
        assert re.findall(r"^\| (\d)\. ", part, re.MULTILINE) == [str(one + 1) for one in range(number)]
