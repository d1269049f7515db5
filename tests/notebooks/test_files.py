"""The notebooks as files: each is valid, holds no outputs of somebody's machine, and is listed for readers."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

from tests.notebooks.executing import NOTEBOOKS

FILES = sorted(NOTEBOOKS.glob("*.ipynb"))
ROOT = NOTEBOOKS.parent


def test_there_is_one_for_each_thing_to_learn() -> None:
    assert {file.stem for file in FILES} >= {
        "quickstart",
        "emitting",
        "subscribing",
        "snapshots",
        "several-notebooks",
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_file_is_valid_and_holds_no_outputs(file: Path) -> None:
    notebook = nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert (cell.outputs, cell.execution_count) == ([], None)
    assert notebook.metadata.kernelspec.name == "python3"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_readers_are_led_to_it_and_a_test_runs_it(file: Path) -> None:
    assert file.name in (ROOT / "docs" / "notebooks.md").read_text("utf-8")
    tests = [test.read_text("utf-8") for test in (ROOT / "tests" / "notebooks").glob("test_*.py")]
    assert any(f'"{file.name}"' in test for test in tests)
