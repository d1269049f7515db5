"""The running server: found, answering, letting us in, of our version, keeping what it is given."""

from __future__ import annotations

import argparse
import html
import json
import re
from typing import Any, Final

from tasktree_jupyter._version import __version__
from tasktree_jupyter.cli import servers
from tasktree_jupyter.cli.doctor import storage
from tasktree_jupyter.cli.doctor.installation import disabled_parts, judge_panel
from tasktree_jupyter.cli.doctor.report import Report
from tasktree_jupyter.cli.problem import CommandError
from tasktree_jupyter.cli.rest import Rest
from tasktree_jupyter.core.protocol import PROTOCOL_VERSION

_CONFIGURATION: Final = re.compile(
    r'<script id="jupyter-config-data" type="application/json">(.*?)</script>', re.DOTALL
)
_ENDPOINT_IS_THERE: Final = "TaskTree's endpoint is there."
_AFTER_AN_INSTALLATION: Final = (
    "Where that server runs, type `pip install tasktree_jupyter`, then `jupyter server extension list`, and start it "
    "again; its log says why where the extension can't be loaded."
)


def find(report: Report, options: argparse.Namespace) -> servers.Place | None:
    """A server runs, and it is clear which is meant."""
    try:
        place = servers.chosen(options)
    except CommandError as error:
        first, _, rest = error.message.partition("\n")
        report.failed("server", first, rest or "Type `jupyter server list` to see what runs.")
        return None
    where = f", serves {place.root_dir}" if place.root_dir else ""
    report.ok("server", f"The server is {place.shown}{where}")
    return place


def check(report: Report, rest: Rest) -> dict[str, Any] | None:
    """Return what TaskTree there says of itself; None where it can't be asked."""
    if not _answers(report, rest):
        return None
    try:
        version: dict[str, Any] = rest.get("version")
    except CommandError as error:
        status = getattr(error, "status", None)
        if status == 404:
            report.failed("endpoint", error.message, _AFTER_AN_INSTALLATION)
        elif status == 200:
            report.failed(
                "endpoint",
                f"{rest.place.shown}tasktree/api/version is answered, but not by TaskTree: a proxy has put a page of "
                "its own there.",
                "Let the proxy pass on all that is below tasktree/, or give the address behind it: --url "
                "http://localhost:8888/",
            )
        else:
            report.ok("endpoint", _ENDPOINT_IS_THERE)
            report.failed("login", error.message, "Type `jupyter server list`, and export JUPYTER_TOKEN=…")
        return None
    report.ok("endpoint", _ENDPOINT_IS_THERE)
    report.ok("login", "Jupyter's login accepts us.")
    _compare(report, version)
    storage.check(report, version.get("storage") or {})
    return version


def _answers(report: Report, rest: Rest) -> bool:
    try:
        status, _, text = rest.probe("api")
        about = json.loads(text) if status == 200 else None
    except CommandError as error:
        report.failed("answer", error.message, "If it hangs, its log says what it is busy with.")
        return False
    except ValueError:
        about = None
    if not isinstance(about, dict) or "version" not in about:
        report.failed(
            "answer",
            f"What answers at {rest.place.shown} isn't a Jupyter server, or its base URL is another one.",
            "Give the address with its base URL, as `jupyter server list` shows it, like https://hub/user/ada/",
        )
        return False
    report.ok("answer", f"Jupyter Server {about['version']} answers at that base URL.")
    return True


def _compare(report: Report, version: dict[str, Any]) -> None:
    theirs, protocol = version.get("version"), version.get("protocol")
    if protocol != PROTOCOL_VERSION:
        report.failed(
            "versions",
            f"The server speaks version {protocol} of the protocol, this client {PROTOCOL_VERSION}.",
            "Install the same tasktree_jupyter on both sides: pip install --upgrade tasktree_jupyter",
        )
    elif theirs != __version__:
        report.failed(
            "versions",
            f"The server has tasktree_jupyter {theirs}, here it is {__version__}; most works, but not what is new.",
            f"Type `pip install tasktree_jupyter=={theirs}` here, or update the server's, and start it again.",
        )
    else:
        report.ok("versions", f"Both halves are tasktree_jupyter {theirs}.")


def check_page(report: Report, rest: Rest) -> bool:
    """What the browser is told of the panel; return whether this server has a page to ask."""
    try:
        status, _, text = rest.probe("lab")
        match = _CONFIGURATION.search(text.decode("utf-8", "replace")) if status == 200 else None
        configuration = json.loads(html.unescape(match[1])) if match else None
    except (CommandError, ValueError):
        configuration = None
    if not isinstance(configuration, dict):
        return False
    names = [each.get("name") for each in configuration.get("federated_extensions") or ()]
    if "tasktree-jupyter" not in names:
        report.failed(
            "labextension",
            "The page of this server doesn't load the panel.",
            "Where the server runs: pip install --force-reinstall tasktree_jupyter, then reload the page.",
        )
        return True
    try:
        status, _, text = rest.probe("lab/extensions/tasktree-jupyter/package.json")
        installed = json.loads(text).get("version") if status == 200 else None
    except (CommandError, ValueError, AttributeError):
        installed = None
    judge_panel(report, installed, disabled_parts(configuration), f"served by {rest.place.shown}")
    return True
