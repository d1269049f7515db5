"""A copy of the sources as a fresh clone holds them: nothing that a build, an installation or a run has made."""

from __future__ import annotations

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
