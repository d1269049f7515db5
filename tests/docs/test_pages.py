"""What the pages say in code is so: blocks parse, names exist, and nothing of the API, settings or REST is left out."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from prometheus_client import REGISTRY

import tasktree_jupyter

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.glob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FENCED = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
UNITS = re.compile(
    r"\b(bytes|seconds|events|connections|MiB|KiB|days|missions|projects|snapshots|levels|states|characters|values|questions|requests|sources)\b"
)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Load what the documentation is built with, as Sphinx does."""
    monkeypatch.syspath_prepend(str(DOCS))

    def load(name: str) -> ModuleType:
        return importlib.import_module(f"_ext.{name}")

    return load


def blocks(text: str, language: str) -> list[str]:
    found = [(indent, body) for indent, kind, body in FENCED.findall(text) if kind == language]
    return [re.sub(rf"^{indent}", "", body, flags=re.MULTILINE) for indent, body in found]


def code_cells(file: Path) -> list[str]:
    cells = json.loads(file.read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_in_the_pages_parses(page: Path) -> None:
    for block in blocks(page.read_text("utf-8"), "python"):
        compile(block, page.name, "exec", flags=ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("file", [*PAGES, *NOTEBOOKS], ids=lambda file: file.name)
def test_every_tt_name_exists(file: Path) -> None:
    named = set(re.findall(r"(?<![\w.])tt\.([A-Za-z_]\w*)", file.read_text("utf-8")))
    assert named <= set(tasktree_jupyter.__all__)


def test_keywords_in_examples_are_parameters() -> None:
    """What an example passes by name to `tt.configure` must be a setting."""
    settings = set(inspect.signature(tasktree_jupyter.configure).parameters)
    for page in PAGES:
        for call in re.findall(r"tt\.configure\(([^)]*)\)", page.read_text("utf-8")):
            assert set(re.findall(r"(\w+)=", call)) <= settings, (page.name, call)


def test_the_api_page_has_every_public_name() -> None:
    page = (DOCS / "api.md").read_text("utf-8")
    documented = set(re.findall(r"^\.\. auto\w+:: (\w+)", page, re.MULTILINE))
    assert documented == set(tasktree_jupyter.__all__)


def test_every_trait_has_a_row_and_a_section_with_its_default(made: Any) -> None:
    configuration = made("configuration")
    page = configuration.traits()
    assert len(configuration.own_traits()) > 10
    for name, trait in configuration.own_traits().items():
        (row,) = re.findall(rf"^\| \[`{name}`\]\(.*", page, re.MULTILINE)
        assert f"### `{name}`" in page
        if isinstance(trait.default_value, int | float):
            assert f"`{trait.default_value!r}`" in row


def test_every_trait_says_its_default_and_a_number_its_unit(made: Any) -> None:
    for name, trait in made("configuration").own_traits().items():
        assert "Default" in trait.help, name
        if type(trait).__name__ in ("Int", "Integer", "Float"):
            assert UNITS.search(trait.help), name


def test_every_bound_has_a_row_and_so_has_every_constant_of_the_fold(made: Any) -> None:
    configuration = made("configuration")
    bounds, constants = configuration.bounds(), configuration.constants()
    named = {name for name in configuration.own_traits() if name.startswith("max_")}
    assert named <= set(re.findall(r"^\| \[`(\w+)`\]", bounds, re.MULTILINE))
    assert "| 1 048 576 bytes | `too_large` |" in bounds
    assert "| 200 000 |" in constants
    core = [importlib.import_module(f"tasktree_jupyter.core.{name}") for name in ("node", "shape", "tree")]
    fixed = {name: value for module in core for name, value in vars(module).items() if name.startswith("MAX_")}
    assert set(fixed.values()) == {row[1] for row in configuration.CONSTANTS}


def test_every_trait_that_a_page_names_exists(made: Any) -> None:
    for page in PAGES:
        named = set(re.findall(r"TaskTreeExtension\.(\w+)", page.read_text("utf-8")))
        assert named <= set(made("configuration").own_traits()) | {"initialize_handlers", "logging_config"}, page.name


def test_every_setting_of_jupyterlab_has_a_row(made: Any) -> None:
    page = made("configuration").lab_settings()
    for file in (ROOT / "labextension" / "schema").glob("*.json"):
        for name in json.loads(file.read_text("utf-8")).get("properties", {}):
            assert f"(`{name}`)" in page


def test_every_operation_has_a_section_and_every_schema_that_is_linked(made: Any) -> None:
    rest = made("rest")
    page, schemas = rest.operations(), rest.schemas()
    for path, item in rest.document()["paths"].items():
        for verb in set(item) & set(rest.VERBS):
            assert f"### `{verb.upper()} {path.lstrip('/')}`" in page
    linked = set(re.findall(r"\(#(schema-[^)]+)\)", page + schemas))
    assert linked <= set(re.findall(r"^\((schema-[^)]+)\)=", schemas, re.MULTILINE))


def test_a_schema_is_said_in_words(made: Any) -> None:
    said = made("rest").type_of
    assert said({"type": ["string", "null"]}) == "string or null"
    assert said({"type": "array", "items": {"$ref": "#/components/schemas/Node"}}) == "array of [Node](#schema-node)"
    assert said({"type": "integer", "minimum": 1, "maximum": 9}) == "integer, 1 to 9"
    assert said({"type": "integer", "minimum": 0, "maximum": 2**53 - 1}) == "integer, ≥ 0"
    assert said({"anyOf": [{"const": "a"}, {"type": "object"}]}) == '`"a"` or object'
    assert said({}) == said(True) == "any JSON"


def test_a_mark_that_names_nothing_stops_the_build(made: Any) -> None:
    generated = made("generated")
    with pytest.raises(Exception, match="no such part; there are: traits"):
        generated.fill_in("# Page\n\n<!-- generated: trates -->\n")


def test_docstrings_keep_their_code_and_lead_to_pages(made: Any) -> None:
    lines = ["As in docs/fold.md:", "", "```python", "x = 1", "```", "Returns:", "    true: or false.", "", "More."]
    assert made("docstrings").translate(lines) == [
        "As in :doc:`fold`:",
        "",
        ".. code-block:: python",
        "",
        "   x = 1",
        "",
        ":returns: true: or false.",
        "",
        "More.",
    ]


def test_every_word_of_a_badge_is_explained() -> None:
    page = (DOCS / "troubleshooting.md").read_text("utf-8")
    views = "".join(file.read_text("utf-8") for file in (ROOT / "labextension" / "src" / "view").glob("*.ts*"))
    table = page.split('## The badge doesn\'t say "live"', 1)[1].split("\n## ", 1)[0]
    named = [word for row in re.findall(r"^\| (\".*?) \|", table, re.MULTILINE) for word in re.findall(r'"(.*?)"', row)]
    assert len(named) > 5
    for word in named:
        assert f"'{re.sub(r'[0-9].*', '', word)}" in views or f"`{re.sub(r'[0-9].*', '', word)}" in views, word


def test_every_command_that_a_page_names_exists() -> None:
    commands = importlib.import_module("tasktree_jupyter.cli.main").COMMANDS
    for page in PAGES:
        named = set(re.findall(r"jupyter tasktree ([a-z][a-z-]+)", page.read_text("utf-8")))
        assert named <= set(commands), page.name


def test_every_metric_has_a_row_and_every_one_that_a_page_names_exists(made: Any) -> None:
    table = made("observing").metrics()
    described = {metric.name for metric in REGISTRY.collect() if metric.name.startswith("tasktree")}
    rows = set(re.findall(r"^\| `(tasktree_[a-z_]+)` \|", table, re.MULTILINE))
    assert {name.removesuffix("_total") for name in rows} - {"tasktree_info"} == described - {"tasktree"}
    for page in PAGES:
        for code in re.findall(r"`[^`\n]*tasktree_[^`\n]*`", page.read_text("utf-8")):
            named = set(re.findall(r"\btasktree_(?!jupyter\b)[a-z_]+", code))
            assert {name.removesuffix("_bucket") for name in named} <= rows, (page.name, named - rows)


def test_every_event_of_the_log_has_a_row_and_every_one_that_the_page_names_exists(made: Any) -> None:
    observing = made("observing")
    rows = set(re.findall(r"^\| `([a-z_.]+)` \| [A-Z]+ \|", observing.log_events(), re.MULTILINE))
    assert rows == set(observing.EVENTS)
    page = (DOCS / "metrics.md").read_text("utf-8")
    assert set(re.findall(r"`((?:storage|connection|frame)\.[a-z_]+)`", page)) <= rows
