"""What is installed here: the package, its part in the server, its part in the page."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path
from typing import Any, Final, NamedTuple

from tasktree_jupyter._version import __version__
from tasktree_jupyter.cli.doctor.report import Report
from tasktree_jupyter.cli.servers import read_object

_PACKAGE: Final = "tasktree_jupyter"
_PANEL: Final = "tasktree-jupyter"
_REINSTALL: Final = "pip install --force-reinstall tasktree_jupyter"


def check_package(report: Report) -> None:
    """The code that runs is the one that is installed."""
    try:
        installed = version(_PACKAGE)
    except PackageNotFoundError:
        installed = None
    where = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    if installed is not None and installed != __version__:
        report.failed(
            "package",
            f"The code in {where} is {_PACKAGE} {__version__}, but {installed} is installed.",
            f"Install it once more: {_REINSTALL}",
        )
        return
    source = "" if installed is not None else ", from its sources"
    report.ok("package", f"{_PACKAGE} {__version__}{source}, Python {platform.python_version()} ({sys.prefix})")


def check_copies(report: Report) -> None:
    """There is one installation, not an older one that is found first, or later by somebody else."""
    copies = [_Copy(str(each.locate_file("")), each.version) for each in distributions(name=_PACKAGE)]
    found = [*dict.fromkeys(copies)]
    if len({copy.version for copy in found}) > 1:
        report.failed(
            "copies",
            f"{_PACKAGE} is installed {len(found)} times: {_listed(found)}; {found[0].version} is used.",
            f"Take away what you don't want: `pip uninstall {_PACKAGE}`, once for each, and install it once more.",
        )
        return
    panels = _panels()
    if len({copy.version for copy in panels}) > 1:
        report.failed(
            "copies",
            f"The panel is installed {len(panels)} times: {_listed(panels)}; {panels[0].version} is used.",
            "Remove those that aren't the newest, and reload the page: "
            + "; ".join(f"rm -r {copy.where}" for copy in panels if copy.version != max(panels, key=_age).version),
        )
        return
    report.ok("copies", "No second installation is in the way.")


class _Copy(NamedTuple):
    where: str
    version: str


def _listed(copies: list[_Copy]) -> str:
    return ", ".join(f"{copy.version} in {copy.where}" for copy in copies)


def _age(copy: _Copy) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"[0-9]+", copy.version))


def _panels() -> list[_Copy]:
    """Return every panel that JupyterLab could find here, the one that it takes first."""
    try:
        from jupyter_core.paths import jupyter_path
    except ImportError:
        return []
    panels = []
    for folder in dict.fromkeys(jupyter_path("labextensions")):
        content = read_object(os.path.join(folder, _PANEL, "package.json"))
        if content is not None:
            panels.append(_Copy(os.path.join(folder, _PANEL), str(content.get("version"))))
    return panels


def check_server_extension(report: Report, *, answers: bool) -> None:
    """A server that is started here loads the extension.

    Args:
        report: takes what is found.
        answers: whether a running server has it: whatever the configuration here says is then about others.
    """
    try:
        from jupyter_core.paths import jupyter_config_path
        from jupyter_server.extension.config import ExtensionConfigManager
    except ImportError:
        report.skipped("server-extension", "jupyter_server isn't installed here: the server is another environment's.")
        return
    try:
        manager: Any = ExtensionConfigManager(read_config_path=jupyter_config_path())
        enabled = manager.get_jpserver_extensions().get(_PACKAGE)
    except Exception as error:
        report.failed(
            "server-extension",
            f"Jupyter's configuration can't be read: {error}",
            "Mend or remove that file; `jupyter --paths` lists the folders.",
        )
        return
    if enabled:
        report.ok("server-extension", "The server extension is enabled for servers that are started here.")
    elif answers:
        report.skipped(
            "server-extension", "The configuration here doesn't enable the extension, but the server has it."
        )
    else:
        how = "isn't enabled" if enabled is None else "is disabled by the configuration"
        report.failed(
            "server-extension",
            f"The server extension {how} here.",
            "Type `jupyter server extension enable tasktree_jupyter --sys-prefix`, and start Jupyter again.\n"
            + _who_disables(jupyter_config_path()),
        )


def _who_disables(folders: list[str]) -> str:
    for folder in folders:
        files = [
            Path(folder) / "jupyter_server_config.json",
            *sorted(Path(folder, "jupyter_server_config.d").glob("*")),
        ]
        for file in files:
            settings = (read_object(str(file)) or {}).get("ServerApp")
            extensions = settings.get("jpserver_extensions") if isinstance(settings, dict) else None
            if isinstance(extensions, dict) and extensions.get(_PACKAGE) is False:
                return f"It is disabled in {file}."
    return "If it stays disabled, a file in a folder of `jupyter --paths` (config) says so."


def check_panel(report: Report) -> None:
    """JupyterLab, if it is started here, has the panel in this version, enabled."""
    try:
        from jupyter_core.paths import jupyter_path

        folders = jupyter_path("labextensions")
    except ImportError:
        report.skipped("labextension", "jupyter_core isn't installed here: the page is another environment's.")
        return
    found = next((path for path in (Path(each) / _PANEL / "package.json" for each in folders) if path.is_file()), None)
    if found is None:
        report.failed("labextension", "The panel for JupyterLab isn't installed here.", f"Install it: {_REINSTALL}")
        return
    try:
        installed = json.loads(found.read_text("utf-8")).get("version")
    except (OSError, ValueError, AttributeError):
        installed = None
    judge_panel(report, installed, _disabled_here(folders), str(found.parent))


def judge_panel(report: Report, installed: object, disabled: list[str], where: str) -> None:
    """Say whether a panel of this version, with these parts disabled, is as it should be."""
    if installed != __version__:
        report.failed(
            "labextension",
            f"The panel in {where} is of version {installed}, the Python half {__version__}.",
            f"Install both once more ({_REINSTALL}) and reload the page.",
        )
    elif disabled:
        names = ", ".join(disabled)
        report.failed(
            "labextension",
            f"JupyterLab's configuration disables {names}.",
            f"Type `jupyter labextension enable {disabled[0]}`, and reload the page.",
        )
    else:
        report.ok("labextension", f"The panel for JupyterLab {installed} is installed and enabled ({where}).")


def disabled_parts(configuration: dict[str, Any]) -> list[str]:
    """Return which parts of the panel a page configuration of JupyterLab disables."""
    disabled = configuration.get("disabledExtensions") or {}
    names = [name for name, off in disabled.items() if off] if isinstance(disabled, dict) else list(disabled)
    return sorted(name for name in names if name == _PANEL or str(name).startswith(f"{_PANEL}:"))


def _disabled_here(folders: list[str]) -> list[str]:
    try:
        from jupyterlab_server.config import get_page_config

        return disabled_parts(get_page_config(folders))
    except Exception:
        # No JupyterLab here: nothing of it can be disabled.
        return []
