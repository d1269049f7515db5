"""The two commands: `tests/run.py` counts rightly and hides nothing; `notebooks/open.py` says what is wrong."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests import processes, run, setting_up
from tests.run import Suite
from tests.setting_up import Bench, SetupError, Step

ROOT = Path(__file__).resolve().parents[2]

PASSING = "<testsuites><testsuite><testcase name='a'/><testcase name='b'/></testsuite></testsuites>"
MIXED = """<testsuite><testcase name='a'/><testcase classname='a.b' name='b'><failure message='1 is not 2'/></testcase>
<testcase name='c'><error/></testcase><testcase name='d'><skipped/></testcase></testsuite>"""
EMPTY = "<testsuites/>"


def command(code: str) -> Callable[[Bench], list[str]]:
    return lambda bench: [sys.executable, "-c", code]


def reporting(report: str, code: int = 0) -> Callable[[Bench], list[str]]:
    write = "import sys; open(sys.argv[-1].partition('=')[2], 'w').write"
    return command(f"{write}({report!r}); sys.exit({code})")


def run_suites(monkeypatch: pytest.MonkeyPatch, *suites: Suite) -> int:
    monkeypatch.setattr(run, "LANES", [list(suites)])
    return run.main([])


def test_all_suites_pass(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    lint = Suite("lint", command("pass"), ())
    tests = Suite("tests", reporting(PASSING), (), report=True)
    assert run_suites(monkeypatch, lint, tests) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "3 passed, 0 failed"


def test_failing_suite_is_shown_and_stops_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lint = Suite("lint", command("print('line too long'); raise SystemExit(1)"), ())
    mixed = Suite("mixed", reporting(MIXED, 1), (), report=True)
    good = Suite("good", reporting(PASSING), (), report=True)
    assert run_suites(monkeypatch, lint, mixed, good) == 1
    output = capsys.readouterr().out
    assert "line too long" in output
    failed = output[output.index("Failed:") :].splitlines()
    assert failed[1:3] == ["  mixed: a.b b: 1 is not 2", "  mixed:  c: "]
    assert output.splitlines()[-1] == "3 passed, 3 failed"


@pytest.mark.parametrize(
    "suite",
    [
        pytest.param(Suite("empty", reporting(EMPTY), (), report=True), id="without tests"),
        pytest.param(Suite("crash", command("raise SystemExit(3)"), (), report=True), id="without a report"),
        pytest.param(Suite("broken", reporting("<no"), (), report=True), id="with a broken report"),
        pytest.param(Suite("late", reporting("<testsuite/>", 1), (), report=True), id="that ends badly"),
        pytest.param(Suite("absent", lambda bench: ["no-such-program"], ()), id="that can't start"),
    ],
)
def test_suite_has_failed(suite: Suite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_suites(monkeypatch, suite) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 1 failed"


def test_what_cannot_be_set_up_fails_what_needs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_browser(bench: Bench) -> None:
        raise SetupError("install one")

    monkeypatch.setattr(setting_up, "STEPS", [Step("chromium", "a browser", no_browser)])
    needy = Suite("needy", command("pass"), ("chromium",))
    content = Suite("content", command("pass"), ())
    assert run_suites(monkeypatch, needy, content) == 1
    output = capsys.readouterr().out
    assert "install one" in output
    assert output.splitlines()[-1] == "1 passed, 1 failed"


def test_a_step_waits_for_those_it_needs_and_fails_with_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    taken: list[str] = []

    def take(name: str, *, fails: bool = False) -> Step:
        def do(bench: Bench) -> None:
            taken.append(name)
            if fails:
                raise SetupError(f"no {name}")

        return Step(name, name, do, *after[name])

    after: dict[str, tuple[tuple[str, ...], ...]] = {
        "first": (), "second": (("first",),), "third": (("first",), ("second", "not chosen")), "last": (("second",),)
    }  # fmt: skip
    steps = [take("first"), take("second", fails=True), take("third"), take("last")]
    monkeypatch.setattr(setting_up, "STEPS", steps)
    good, needy = Suite("good", command("pass"), ("third",)), Suite("needy", command("pass"), ("last",))
    assert run_suites(monkeypatch, good, needy) == 1
    assert taken == ["first", "second", "third"]
    output = capsys.readouterr().out
    assert "no second" in output
    assert "not tried for want of: second" in output
    assert output.splitlines()[-1] == "1 passed, 1 failed"


def test_one_suite_gets_its_own_arguments(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    first = Suite("first", command("import sys; sys.exit(sys.argv[1:] != ['-k', 'name'])"), ())
    monkeypatch.setattr(run, "LANES", [[first, Suite("second", command("pass"), ())]])
    assert run.main(["first", "--", "-k", "name"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 passed, 0 failed"


def test_a_suite_that_hangs_is_stopped() -> None:
    output, code = processes.run(
        [sys.executable, "-uc", "print('here'); import time; time.sleep(60)"], ROOT, dict(os.environ), 2
    )
    assert code != 0
    assert "here" in output
    assert "stopped after 2 s" in output


def test_nothing_outlives_a_run_that_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, late = tmp_path / "begun", tmp_path / "late"
    endless = Suite("endless", command(f"import time; open({str(begun)!r}, 'w'); time.sleep(600)"), ())
    next_one = Suite("next", command(f"open({str(late)!r}, 'w')"), ())
    monkeypatch.setattr(processes, "PROCESSES", processes.Processes())
    ending = threading.Thread(target=run_suites, args=(monkeypatch, endless, next_one))
    ending.start()
    deadline = time.monotonic() + 30
    while not begun.exists():
        assert time.monotonic() < deadline
    processes.PROCESSES.stop()
    ending.join(20)
    assert not ending.is_alive()
    assert not late.exists()


def test_an_old_python_is_told_so() -> None:
    code = """
import runpy, sys
sys.version_info, sys.modules["tomllib"] = (3, 10, 4), None
runpy.run_path(sys.argv[1], run_name="__main__")
"""
    done = subprocess.run([sys.executable, "-c", code, str(ROOT / "tests" / "run.py")], capture_output=True, text=True)
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stdout
    assert done.stdout.splitlines()[-1] == "0 passed, 1 failed"


# --- open.py ---


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """As much of a clone as open.py reads."""
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "open.py", tmp_path / "notebooks" / "open.py")
    (tmp_path / "tasktree_jupyter").mkdir()
    (tmp_path / "tasktree_jupyter" / "__init__.py").write_text("", "utf-8")
    (tmp_path / "labextension" / "src").mkdir(parents=True)
    (tmp_path / "labextension" / "src" / "index.ts").write_text("", "utf-8")
    return tmp_path


def load(checkout: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("open_quickstart", checkout / "notebooks" / "open.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_python_without_ensurepip_is_told_what_to_install(checkout: Path) -> None:
    code = """
import importlib.util, runpy, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "ensurepip" else find(name, package)
runpy.run_path(sys.argv[1], run_name="__main__")
"""
    script = str(checkout / "notebooks" / "open.py")
    done = subprocess.run([sys.executable, "-c", code, script], capture_output=True, text=True)
    assert done.returncode == 1
    assert "'ensurepip'" in done.stderr
    assert f"apt install python{sys.version_info.major}.{sys.version_info.minor}-venv" in done.stderr
    assert not (checkout / ".venv").exists()


@pytest.mark.parametrize("changed", ["tasktree_jupyter/core.py", "labextension/src/index.ts", "pyproject.toml"])
def test_changed_source_is_installed_again(checkout: Path, changed: str) -> None:
    opener = load(checkout)
    before = opener.fingerprint()
    assert opener.fingerprint() == before
    with (checkout / changed).open("a", encoding="utf-8") as file:
        file.write("\n")
    assert opener.fingerprint() != before


@pytest.mark.parametrize(
    "made",
    [
        "tasktree_jupyter/__pycache__/a.pyc",
        "tasktree_jupyter/static/widget.js",
        "tasktree_jupyter/labextension/package.json",
        "labextension/node_modules/a/index.js",
        "labextension/lib/index.js",
        "notebooks/quickstart.ipynb",
    ],
)
def test_what_a_build_or_a_run_makes_is_not_a_change(checkout: Path, made: str) -> None:
    opener = load(checkout)
    before = opener.fingerprint()
    (checkout / made).parent.mkdir(parents=True, exist_ok=True)
    (checkout / made).write_text("x", "utf-8")
    assert opener.fingerprint() == before


def test_layout_shows_the_notebook_and_the_panel(checkout: Path) -> None:
    opener = load(checkout)
    opener.VENV.mkdir()
    opener.write_layout()
    (file,) = opener.WORKSPACES.iterdir()
    layout = json.loads(file.read_text("utf-8"))["data"]["layout-restorer:data"]
    assert layout["left"]["current"] == "tasktree-panel"
    assert layout["main"]["current"] == "notebook:quickstart.ipynb"
