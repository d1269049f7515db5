"""Environments of their own, without a network: links to what is installed here, and a copy of the package."""

from __future__ import annotations

import re
import shutil
import sys
import venv
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

import tasktree_jupyter

CLIENT = ("msgspec", "websockets")
"""All that the client needs to run."""


def make(folder: Path, *names: str, version: str = tasktree_jupyter.__version__) -> Path:
    """Make an environment that holds the package, stamped with a version, and these distributions with all they need.

    Returns its Python.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    (place,) = folder.glob("lib/python3*/site-packages")
    for found in needed(*names).values():
        for top in {file.parts[0] for file in found.files or () if file.parts[0] != ".."}:
            if not (place / top).exists():
                (place / top).symlink_to(Path(str(found.locate_file(top))).resolve())
    package = place / "tasktree_jupyter"
    left_out = shutil.ignore_patterns("labextension", "static", "__pycache__")
    shutil.copytree(Path(tasktree_jupyter.__file__).parent, package, ignore=left_out)
    stamp = package / "_version.py"
    stamp.write_text(re.sub(r'= ".*"', f'= "{version}"', stamp.read_text("utf-8")), "utf-8")
    return folder / "bin" / Path(sys.executable).name


def needed(*names: str) -> dict[str, Distribution]:
    """These distributions and all that they require here."""
    found: dict[str, Distribution] = {}
    wanted = [*names]
    while wanted:
        name = re.sub(r"[-_.]+", "-", wanted.pop()).lower()
        if name not in found:
            found[name] = distribution(name)
            requirements = map(Requirement, found[name].requires or ())
            wanted += [each.name for each in requirements if each.marker is None or each.marker.evaluate({"extra": ""})]
    return found
