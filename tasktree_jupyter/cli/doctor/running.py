"""A real kernel, started by the server as for a notebook: does code in it find the way back to the server?"""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from tasktree_jupyter._version import __version__
from tasktree_jupyter.cli.doctor.report import Report
from tasktree_jupyter.cli.problem import CommandError
from tasktree_jupyter.cli.rest import Rest
from tasktree_jupyter.display import plain

_PATIENCE: Final = 60.0
"""Seconds for a kernel to start and answer: on a network home its first import takes long."""
_MARK: Final = "tasktree-doctor:"
_CODE: Final = """
try:
    import tasktree_jupyter as _tt
except ImportError:
    import sys
    print("tasktree-doctor:" + __import__("json").dumps({"version": None, "prefix": sys.prefix}))
else:
    try:
        from tasktree_jupyter.cli.doctor.inside import main
    except ImportError:
        import sys
        print("tasktree-doctor:" + __import__("json").dumps({"version": _tt.__version__, "prefix": sys.prefix}))
    else:
        main()
"""


def check(report: Report, rest: Rest, name: str | None) -> None:
    """Start a kernel, ask it, and end it.

    Args:
        report: takes what is found.
        rest: the server.
        name: the kernel's, of `jupyter kernelspec list`; None: the server's default.
    """
    try:
        spec = _chosen(rest, name)
        if spec is None:
            report.skipped("kernel", "The server has no Python kernel: nothing to look from.")
            return
        found = _ask(rest, spec)
    except (CommandError, OSError, TimeoutError, ValueError) as error:
        reason = str(error) or "it doesn't answer in time"
        report.failed(
            "kernel",
            f"A kernel couldn't be asked: {reason.rstrip('.')}.",
            "Does a notebook run there? `jupyter kernelspec list` names the kernels; `--kernel NAME` asks another one, "
            "`--no-kernel` none.",
        )
        return
    _judge(report, spec, found)


def _chosen(rest: Rest, name: str | None) -> str | None:
    status, _, text = rest.probe("api/kernelspecs", most=16 * 2**20)
    if status != 200:
        raise CommandError(f"api/kernelspecs is answered with HTTP {status}")
    about = json.loads(text)
    specs = {each: spec["spec"] for each, spec in about["kernelspecs"].items()}
    if name is not None and name not in specs:
        raise CommandError(f"there is no kernel {name}; there are {', '.join(sorted(specs)) or 'none'}")
    chosen = name or about["default"]
    if str(specs.get(chosen, {}).get("language", "")).lower() != "python":
        chosen = next((each for each, spec in specs.items() if str(spec["language"]).lower() == "python"), None)
    return None if chosen is None else str(chosen)


def _ask(rest: Rest, spec: str) -> dict[str, Any]:
    with _kernel(rest, spec) as kernel_id:
        message_id = uuid.uuid4().hex
        with rest.socket(f"api/kernels/{kernel_id}/channels") as socket:
            socket.send(json.dumps(_execute_request(message_id)))
            until = time.monotonic() + _PATIENCE
            while True:
                message = json.loads(socket.recv(timeout=max(0.0, until - time.monotonic())))
                if message.get("parent_header", {}).get("msg_id") != message_id:
                    continue
                content = message["content"]
                if message["msg_type"] == "error":
                    raise CommandError(f"{content['ename']}: {plain.line(content['evalue'])}")
                text = content.get("text", "") if message["msg_type"] == "stream" else ""
                if _MARK in text:
                    found: dict[str, Any] = json.loads(text.partition(_MARK)[2].splitlines()[0])
                    return found


@contextlib.contextmanager
def _kernel(rest: Rest, spec: str) -> Iterator[str]:
    json_type = {"Content-Type": "application/json"}
    body = json.dumps({"name": spec}).encode()
    status, _, text = rest.probe("api/kernels", json_type, method="POST", body=body)
    if status != 201:
        raise CommandError(f"api/kernels is answered with HTTP {status}")
    kernel_id = str(json.loads(text)["id"])
    try:
        yield kernel_id
    finally:
        rest.probe(f"api/kernels/{kernel_id}", method="DELETE")


def _execute_request(message_id: str) -> dict[str, Any]:
    header = {
        "msg_id": message_id,
        "msg_type": "execute_request",
        "username": "doctor",
        "session": uuid.uuid4().hex,
        "version": "5.3",
        "date": datetime.now(UTC).isoformat(),
    }
    content = {"code": _CODE, "silent": False, "store_history": False, "allow_stdin": False, "user_expressions": {}}
    return {
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
        "channel": "shell",
        "buffers": [],
    }


def _judge(report: Report, spec: str, found: dict[str, Any]) -> None:
    version, where = found.get("version"), f"the kernel {plain.line(spec)} ({plain.line(str(found.get('prefix')))})"
    install = (
        f"In a notebook of that kernel, run `%pip install tasktree_jupyter=={__version__}`, and restart the kernel."
    )
    if version is None:
        report.failed("kernel", f"There is no tasktree_jupyter in {where}.", install)
    elif version != __version__:
        report.failed(
            "kernel", f"tasktree_jupyter is {plain.line(str(version))} in {where}, here {__version__}.", install
        )
    elif found.get("server") is None:
        report.failed(
            "kernel",
            f"Code in {where} doesn't reach the server: {plain.line(str(found.get('trouble'))).rstrip('.')}.",
            "Start the server again, and then the kernel: kernels find it by a file that it writes at its start.",
        )
    else:
        report.ok("kernel", f"Code in {where} finds the server, and is let in.")
