#!/usr/bin/env python3
"""Set everything up and run every test of the project, from nothing but Python 3.11 or newer.

    python3 tests/run.py                              all suites
    python3 tests/run.py ruff mypy                    only these
    python3 tests/run.py pytest -- tests/storage -x   one suite, with arguments of its own
    python3 tests/run.py --list

It makes `.venv-test`, builds the wheel, installs it (so the tests run what users get, not the source folder), installs
the front end's packages (with a Node of its own where the machine has none) and finds or installs Chromium. What can't
be had is a failure, never a skip. A failing suite doesn't stop the others. The last line is `N passed, N failed` over
all suites.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    if sys.version_info < (3, 11):
        version = ".".join(map(str, sys.version_info[:2]))
        print(f"TaskTree needs Python 3.11 or newer; {sys.executable} is {version}.\n0 passed, 1 failed")
        sys.exit(1)
    sys.path.insert(0, str(ROOT))

from tests.processes import PROCESSES, Stopped, run  # noqa: E402
from tests.setting_up import FRONT_END, PYTHON, Bench, set_up  # noqa: E402


@dataclass
class Suite:
    """One row of the table. `report`: it writes JUnit XML, from which its tests are counted; else it counts as one."""

    name: str
    command: Callable[[Bench], list[str]]
    needs: tuple[str, ...]
    folder: Path = ROOT
    report: bool = False
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)


def pytest(*arguments: str) -> Callable[[Bench], list[str]]:
    return lambda bench: [PYTHON, "-m", "pytest", "-p", "no:cacheprovider", *arguments]


def npm(*arguments: str) -> Callable[[Bench], list[str]]:
    return lambda bench: [bench.program("npm"), "exec", "--no", "--", *arguments]


def tool(*arguments: str) -> Callable[[Bench], list[str]]:
    return lambda bench: [PYTHON, "-m", *arguments]


def documentation(bench: Bench) -> list[str]:
    """Every warning counts: a link that leads nowhere, a name that isn't there, a page that nobody is led to."""
    made = str(bench.temporary / "docs")
    return [PYTHON, "-m", "sphinx", "-n", "-W", "--keep-going", "-q", "-E", "-d", f"{made}.read", "docs", made]


IMPORT_CHECK = "tests/packaging/test_import_direction.py"

STATIC_PYTHON = [
    Suite("ruff", tool("ruff", "check"), ("libraries",)),
    Suite("ruff format", tool("ruff", "format", "--check"), ("libraries",)),
    Suite("imports", pytest(IMPORT_CHECK), ("libraries",), report=True),
    Suite("mypy", tool("mypy"), ("libraries",)),
    Suite("docs", documentation, ("python",)),
]
STATIC_FRONT_END = [
    Suite("eslint", npm("eslint", "."), ("npm",), FRONT_END),
    Suite("prettier", npm("prettier", "--check", "."), ("npm",), FRONT_END),
    Suite("stylelint", npm("stylelint", "--allow-empty-input", "style/**/*.css"), ("npm",), FRONT_END),
    Suite("tsc", npm("tsc", "--noEmit"), ("npm",), FRONT_END),
]
VITEST = Suite("vitest", npm("vitest", "run"), ("npm",), FRONT_END, report=True)
# Side by side, a file to one worker: most tests wait for servers and kernels. By name: else the longest come last.
BY_FILE = ("--dist", "loadfile", "--no-loadscope-reorder")
PYTEST = Suite("pytest", pytest(f"--ignore={IMPORT_CHECK}", "-n", "3", *BY_FILE), ("python", "npm"), report=True)
BROWSER = Suite("browser", pytest("tests/browser", "-n", "2", *BY_FILE), ("python", "npm", "chromium"), report=True)

LANES: list[list[Suite]] = [[VITEST, BROWSER], [*STATIC_FRONT_END, *STATIC_PYTHON], [PYTEST]]
"""Side by side; the suites of a lane one after the other, first those whose needs are there first."""


def run_suite(bench: Bench, suite: Suite) -> None:
    """Run one suite and count; nothing it does ends the others."""
    for need in suite.needs:
        bench.tried[need].wait()
    missing = [need for need in suite.needs if need in bench.problems]
    began = time.monotonic()
    if missing:
        suite.failed = 1
        bench.say(f"  {suite.name}: FAILED, not run for want of: {', '.join(missing)}")
        return
    command = suite.command(bench) + bench.extra
    report = bench.temporary / f"{suite.name}.xml"
    if suite.report:
        if suite.folder == FRONT_END:
            command += ["--reporter=default", "--reporter=junit", f"--outputFile.junit={report}"]
        else:
            command += [f"--junitxml={report}"]
    output, code = run(command, suite.folder, bench.environment)
    if suite.report:
        count(suite, report)
    else:
        suite.passed = int(code == 0)
    if code and not suite.failed:
        suite.failed = 1
    suite.seconds = time.monotonic() - began
    verdict = "FAILED" if suite.failed else "ok"
    shown = f"\n{'-' * 20} {' '.join(command)}\n{output}{'-' * 20} end of {suite.name}" if suite.failed else ""
    bench.say(f"  {suite.name}: {verdict} ({suite.seconds:.0f} s){shown}")


def count(suite: Suite, report: Path) -> None:
    """Count the tests in a JUnit report. None, or none run, leaves `passed` 0: a suite without tests has failed."""
    if not report.exists():
        suite.failed = 1
        return
    for case in ET.parse(report).getroot().iter("testcase"):
        wrong = next((found for found in map(case.find, ("failure", "error")) if found is not None), None)
        if wrong is not None:
            suite.failed += 1
            what = (wrong.get("message") or "").partition("\n")[0]
            suite.failures.append(f"{case.get('classname', '')} {case.get('name', '')}: {what}")
        elif case.find("skipped") is not None:
            suite.skipped += 1
        else:
            suite.passed += 1
    if not suite.passed and not suite.failed:
        suite.failed = 1


def run_lane(bench: Bench, lane: list[Suite]) -> None:
    for suite in lane:
        try:
            run_suite(bench, suite)
        except Stopped:
            return
        except Exception as error:
            suite.failed += 1
            bench.say(f"  {suite.name}: FAILED: {error!r}")


def table(suites: list[Suite]) -> str:
    rows = [f"{'suite':<14}{'passed':>8}{'failed':>8}{'seconds':>9}"]
    for suite in suites:
        skipped = f"   {suite.skipped} skipped on this platform" if suite.skipped else ""
        rows.append(f"{suite.name:<14}{suite.passed:>8}{suite.failed:>8}{suite.seconds:>9.1f}{skipped}")
    return "\n".join(rows)


def failures(suites: list[Suite]) -> str:
    """Where all that went wrong is found in a long output: by name, once more."""
    named = [f"  {suite.name}: {name}\n" for suite in suites for name in suite.failures]
    return "".join(["\nFailed:\n", *named[:100]]) if named else ""


def main(arguments: list[str]) -> int:
    extra = arguments[arguments.index("--") + 1 :] if "--" in arguments else []
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    everything = [suite for lane in LANES for suite in lane]
    names = [suite.name.replace(" ", "-") for suite in everything]
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"any of: {', '.join(names)}; none: all")
    parser.add_argument("--list", action="store_true", help="name the suites and stop")
    options = parser.parse_args(own)
    if options.list:
        print("\n".join(names))
        return 0
    unknown = set(options.suites) - set(names)
    if unknown:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}; there are: {', '.join(names)}")
    if extra and len(options.suites) != 1:
        parser.error("arguments after -- are for one suite: name it")
    chosen = [
        suite for suite, name in zip(everything, names, strict=True) if not options.suites or name in options.suites
    ]

    with tempfile.TemporaryDirectory(prefix="tasktree-tests-", ignore_cleanup_errors=True) as temporary:
        bench = Bench(Path(temporary), extra=extra)
        began = time.monotonic()
        threads = set_up(bench, (need for suite in chosen for need in suite.needs))
        for lane in LANES:
            ours = [suite for suite in lane if suite in chosen]
            threads.append(threading.Thread(target=run_lane, args=(bench, ours)))
            threads[-1].start()
        for thread in threads:
            thread.join()
        print(f"{failures(chosen)}\n{table(chosen)}\n{time.monotonic() - began:.0f} s in all")
    passed, failed = sum(suite.passed for suite in chosen), sum(suite.failed for suite in chosen)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
    finally:
        PROCESSES.stop()
