"""What is in the wheel, in the sdist, and what an installation puts where Jupyter looks.

`tests/run.py` names the wheel it built in TASKTREE_WHEEL; without it these tests build one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clone import clone

ROOT = Path(__file__).resolve().parents[2]
LABEXTENSION = "share/jupyter/labextensions/tasktree-jupyter/"
SERVER_CONFIG = "etc/jupyter/jupyter_server_config.d/tasktree_jupyter.json"


def build(*arguments: str, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    given = os.environ.get("TASKTREE_WHEEL")
    if given:
        return Path(given)
    folder = tmp_path_factory.mktemp("wheel")
    build("-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="session")
def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.fixture(scope="session")
def shared(wheel: Path) -> Iterator[dict[str, bytes]]:
    """The files that an installation puts below sys.prefix, by their path there."""
    with zipfile.ZipFile(wheel) as archive:
        parts = [(name, name.partition(".data/data/")[2]) for name in archive.namelist()]
        yield {path: archive.read(name) for name, path in parts if path}


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sdist made where nothing has been built, as a publisher's clean clone is."""
    source = clone(tmp_path_factory.mktemp("clone") / "source")
    folder = tmp_path_factory.mktemp("sdist")
    build("-m", "build", "--sdist", "--outdir", str(folder), str(source))
    return next(folder.glob("*.tar.gz"))


def test_wheel_brings_the_command_that_jupyter_looks_for(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/entry_points.txt")]
        scripts = archive.read(name).decode()
    assert "jupyter-tasktree = tasktree_jupyter.cli.main:main" in scripts


def test_wheel_enables_the_server_extension_by_itself(shared: dict[str, bytes]) -> None:
    config = json.loads(shared[SERVER_CONFIG])
    assert list(config["ServerApp"]["jpserver_extensions"].values()) == [True]


def test_wheel_holds_the_labextension_once(names: list[str], shared: dict[str, bytes]) -> None:
    package = json.loads(shared[LABEXTENSION + "package.json"])
    assert package["name"] == "tasktree-jupyter"
    assert LABEXTENSION + package["jupyterlab"]["_build"]["load"] in shared
    entries = [name for name in names if "remoteEntry" in name and name.endswith(".js")]
    assert len(entries) == 1


def test_labextension_says_how_to_uninstall_it(shared: dict[str, bytes]) -> None:
    install = json.loads(shared[LABEXTENSION + "install.json"])
    assert install["packageManager"] == "python"
    assert install["packageName"] == "tasktree_jupyter"


def test_wheel_holds_the_widget_once(names: list[str]) -> None:
    static = [name for name in names if "static/" in name and name.startswith("tasktree_jupyter/")]
    assert sorted(static) == ["tasktree_jupyter/static/third-party-licenses.json", "tasktree_jupyter/static/widget.js"]


def test_wheel_has_nothing_twice(names: list[str]) -> None:
    assert [name for name, times in Counter(names).items() if times > 1] == []


def test_wheel_carries_the_licences(wheel: Path, names: list[str], shared: dict[str, bytes]) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    with zipfile.ZipFile(wheel) as archive:
        of_the_widget = json.loads(archive.read("tasktree_jupyter/static/third-party-licenses.json"))
    licences = {package["name"]: package["extractedText"] for package in of_the_widget["packages"]}
    assert "Permission is hereby granted" in licences["react-dom"]
    assert any(path.endswith("third-party-licenses.json") for path in shared)


def test_wheel_has_only_what_runs(names: list[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    assert {top.split("-")[0] for top in tops} == {"tasktree_jupyter"}
    wrong = [name for name in names if "node_modules" in name or "/tests/" in name or name.endswith((".ts", ".tsx"))]
    assert wrong == []
    assert [name for name in names if name.startswith("tasktree_jupyter/labextension/")] == []
    assert "tasktree_jupyter/py.typed" in names


def test_wheel_names_no_machine(wheel: Path) -> None:
    """Paths of the machine that built it neither belong to users nor build the same twice."""
    with zipfile.ZipFile(wheel) as archive:
        told = [name for name in archive.namelist() if str(ROOT).encode() in archive.read(name)]
    assert told == []


def test_sdist_is_the_source(sdist: Path) -> None:
    """All of a clone: so what is built from it is what is built from a clone, which tests/browser/test_open.py does."""
    source = clone(sdist.parent / "clone")
    with tarfile.open(sdist) as archive:
        packed = {member.name.partition("/")[2]: member for member in archive.getmembers() if member.isfile()}
        for file in source.rglob("*"):
            name = file.relative_to(source).as_posix()
            if file.is_file():
                assert name in packed
                extracted = archive.extractfile(packed[name])
                assert extracted is not None
                assert extracted.read() == file.read_bytes()
    assert [name for name in packed if "node_modules" in name] == []
