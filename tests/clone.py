"""A copy of the sources as a fresh clone holds them, nothing made by a build or a run, and a machine without Node."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

MADE = ("node_modules", "lib", "static", "dist", "build", "__pycache__", "*.tsbuildinfo", "*.egg-info")
KEPT_DOT_FILES = {".gitignore", ".npmrc"}


def clone(target: Path) -> Path:
    """Copy the sources to `target`, which must not exist. Returns it."""

    def ignored(folder: str, names: list[str]) -> set[str]:
        made = shutil.ignore_patterns(*MADE)(folder, names)
        hidden = {name for name in names if name.startswith(".") and name not in KEPT_DOT_FILES}
        output = {"labextension"} if Path(folder) == ROOT / "tasktree_jupyter" else set()
        return made | hidden | output

    shutil.copytree(ROOT, target, ignore=ignored)
    return target


def link_packages(target: Path) -> None:
    """Give a clone the front end's packages that are installed here: to install them again takes a minute."""
    packages = Path("labextension", "node_modules")

    def link(source: str, place: str) -> None:
        try:
            os.link(source, place)
        except OSError:
            # On another disk.
            shutil.copy2(source, place)

    shutil.copytree(ROOT / packages, target / packages, symlinks=True, copy_function=link)


def path_without_node(folder: Path) -> str:
    """A PATH with all that this machine has except Node and its tools."""
    if os.name == "nt":
        return os.path.join(os.environ["SYSTEMROOT"], "System32")
    for place in reversed(os.environ["PATH"].split(os.pathsep)):
        if not os.path.isdir(place):
            continue
        for program in Path(place).iterdir():
            link = folder / program.name
            if program.name.startswith(("node", "npm", "npx", "corepack")) or program.is_dir():
                continue
            link.unlink(missing_ok=True)
            link.symlink_to(program)
    return str(folder)
