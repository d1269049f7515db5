#!/usr/bin/env python3
"""Open the quickstart in JupyterLab, from nothing but Python 3.11 or newer.

    python3 notebooks/open.py [options of `jupyter lab`, such as --no-browser or --port 9000]

It makes `.venv` beside pyproject.toml, installs TaskTree and JupyterLab into it (again whenever the sources have
changed), and starts JupyterLab on `notebooks/quickstart.ipynb` with the TaskTree panel open beside it. Nothing is
installed outside `.venv`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

NOTEBOOKS = Path(__file__).resolve().parent
ROOT = NOTEBOOKS.parent
VENV = ROOT / ".venv"
STAMP = VENV / "tasktree-sources.sha256"
WORKSPACES = VENV / "tasktree-workspaces"
NOTEBOOK = "quickstart.ipynb"

NO_SOURCES = {"__pycache__", "node_modules", "lib", "static", "tests"}
"""Folders that a build or a run makes, or that no wheel holds."""

NEEDS_VENV = """\
This Python ({python}) has no module {module!r}, which makes virtual environments.
On Debian and Ubuntu:  apt install python{major}.{minor}-venv
Elsewhere: install Python from python.org or with your package manager, and run this again with it."""


def main(arguments: list[str]) -> int:
    if sys.version_info < (3, 11):
        version = ".".join(map(str, sys.version_info[:2]))
        return fail(f"TaskTree needs Python 3.11 or newer; {sys.executable} is {version}.")
    problem = make_environment()
    if problem:
        return fail(problem)
    if not install():
        return fail("The installation failed; what pip says stands above. Run this again when it is mended.")
    write_layout()
    return start_lab(arguments)


def fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


def environment_python() -> Path:
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def make_environment() -> str | None:
    """Make `.venv` unless a working one is there. Returns what is wrong, or None."""
    if runs(environment_python(), "import pip"):
        return None
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            major, minor = sys.version_info[:2]
            return NEEDS_VENV.format(python=sys.executable, module=module, major=major, minor=minor)
    print(f"Making a virtual environment in {VENV} …", flush=True)
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)])
    if made.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        return f"{VENV} could not be made; what venv says stands above."
    return None


def runs(python: Path, code: str) -> bool:
    return python.exists() and subprocess.run([str(python), "-c", code], capture_output=True).returncode == 0


def install() -> bool:
    """Install this checkout with what the quickstart needs, unless it is installed as it is now. Returns success."""
    sources = fingerprint()
    if STAMP.exists() and STAMP.read_text("ascii") == sources:
        return True
    again = STAMP.exists()
    STAMP.unlink(missing_ok=True)
    print("The sources have changed: installing them again …" if again else
          "Installing TaskTree and JupyterLab into it; this takes a minute or two …", flush=True)  # fmt: skip
    began = time.monotonic()
    # Most of what is installed is never imported: to compile it all takes long.
    pip = [str(environment_python()), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-compile"]
    # What a Python brings takes twice as long to choose versions; where there is no newer one, it does.
    subprocess.run([*pip, "--upgrade", "pip"], stderr=subprocess.DEVNULL)
    if subprocess.run([*pip, f"{ROOT}[quickstart]"]).returncode:
        return False
    STAMP.write_text(sources, "ascii")
    print(f"Installed in {time.monotonic() - began:.0f} s.", flush=True)
    return True


def fingerprint() -> str:
    """One hash over everything the wheel is made of, and over the Python it is installed for."""
    digest = hashlib.sha256(sys.version.encode())
    for path in sorted(sources()):
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def sources() -> list[Path]:
    found = [ROOT / name for name in ("pyproject.toml", "README.md", "LICENSE")]
    for top in (ROOT / "tasktree_jupyter", ROOT / "labextension"):
        for folder, folders, files in os.walk(top):
            built = {"labextension"} if folder == str(ROOT / "tasktree_jupyter") else set()
            folders[:] = [name for name in folders if name not in NO_SOURCES | built]
            found.extend(Path(folder, name) for name in files if not name.endswith(".tsbuildinfo"))
    return found


def write_layout() -> None:
    """Tell JupyterLab to show the quickstart with the panel at its left, and not to ask about news; all within `.venv`.

    The folder of workspaces is our own, so that neither the user's layout nor this one changes the other.
    """
    notebook = f"notebook:{NOTEBOOK}"
    workspace = {
        "metadata": {"id": "default"},
        "data": {
            "layout-restorer:data": {
                "main": {
                    "dock": {"type": "tab-area", "currentIndex": 0, "widgets": [notebook]},
                    "current": notebook,
                },
                "down": {"size": 0, "widgets": []},
                "left": {
                    "collapsed": False,
                    "visible": True,
                    "current": "tasktree-panel",
                    "widgets": ["tasktree-panel"],
                },
                "right": {"collapsed": True, "visible": True, "widgets": []},
                "relativeSizes": [0.3, 0.7, 0],
            },
            notebook: {"data": {"path": NOTEBOOK, "factory": "Notebook"}},
        },
    }
    WORKSPACES.mkdir(exist_ok=True)
    # JupyterLab's own name for the workspace "default".
    (WORKSPACES / "default-37a8.jupyterlab-workspace").write_text(json.dumps(workspace), "utf-8")
    settings = VENV / "share" / "jupyter" / "lab" / "settings"
    settings.mkdir(parents=True, exist_ok=True)
    no_news = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
    (settings / "overrides.json").write_text(json.dumps(no_news), "utf-8")


def start_lab(arguments: list[str]) -> int:
    """Become JupyterLab (on Windows: run it and wait)."""
    command = [
        str(environment_python()),
        "-m",
        "jupyterlab",
        str(NOTEBOOKS / NOTEBOOK),
        f"--ServerApp.root_dir={NOTEBOOKS}",
        f"--LabApp.workspaces_dir={WORKSPACES}",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    command += arguments
    # What is imported is compiled then, and kept: else this start and every kernel would compile it again, for seconds.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    print("Starting JupyterLab; Ctrl-C ends it.", flush=True)
    if os.name == "nt":
        return subprocess.call(command)
    os.execv(command[0], command)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
