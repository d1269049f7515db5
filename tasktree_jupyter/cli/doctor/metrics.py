"""What the server counts: whether Prometheus can have it, and whether connections leak."""

from __future__ import annotations

import re
from typing import Final

from tasktree_jupyter.cli.doctor.report import Report
from tasktree_jupyter.cli.problem import CommandError
from tasktree_jupyter.cli.rest import Rest

_LARGEST: Final = 16 * 2**20
_SAMPLE: Final = re.compile(r"^tasktree_(\w+?)(?:\{([^}]*)\})? ([0-9.e+-]+)$", re.MULTILINE)


def check(report: Report, rest: Rest) -> None:
    """The metrics can be had, and say nothing alarming."""
    try:
        status, _, text = rest.probe("metrics", most=_LARGEST)
    except CommandError as error:
        report.failed("metrics", error.message, "A proxy before the server must pass on `metrics`.")
        return
    samples = _SAMPLE.findall(text.decode("utf-8", "replace")) if status == 200 else []
    if not samples:
        what = "has nothing of TaskTree" if status == 200 else f"is answered with HTTP {status}"
        report.failed(
            "metrics",
            f"/metrics {what}: nobody is warned of leaks or a full disk.",
            "Give the server's token in JUPYTER_TOKEN (`jupyter server list`), or let the proxy pass `metrics` on."
            if status != 200
            else "Install the same tasktree_jupyter where the server runs, and start it again.",
        )
        return
    report.ok("metrics", f"/metrics has {len({name for name, _, _ in samples})} metrics of TaskTree.")
    _connections(report, samples)


def _connections(report: Report, samples: list[tuple[str, str, str]]) -> None:
    number = sum(float(value) for name, _, value in samples if name == "connections")
    threshold = sum(float(value) for name, _, value in samples if name == "connections_warning_threshold")
    if number > threshold:
        sorts = ", ".join(f"{float(value):.0f} {labels}" for name, labels, value in samples if name == "connections")
        report.failed(
            "connections",
            f"The server has {number:.0f} connections ({sorts}), more than {threshold:.0f}: somebody forgets to close "
            "them.",
            "Restart the program that opens them, or the server; a page holds one. Are there really so many? Start it "
            f"with --TaskTreeExtension.warn_connections={2 * number:.0f}",
        )
    else:
        report.ok("connections", f"The server has {number:.0f} connections; it warns beyond {threshold:.0f}.")
