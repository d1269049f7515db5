"""How the server keeps its data: in which mode and where, how much room is left, and which files it can't read."""

from __future__ import annotations

import shlex
from typing import Any, Final

from tasktree_jupyter.cli.doctor.report import Report

_OTHER_FOLDER: Final = "jupyter lab --TaskTreeExtension.data_dir=/some/folder"
_LITTLE_ROOM: Final = 64 * 1024 * 1024
_MIB: Final = 1024 * 1024

_ADVICE: Final = {
    "memory": f"Make that folder writable, or name another one and start the server again:\n{_OTHER_FOLDER}",
    "full": "Make room on that disk (`df -h {folder}`), or raise the quota. Emitting goes on by itself then.",
    "readonly": "Make the folder and its files writable again (`ls -la {folder}`; `mount` tells whether the disk is"
    " read-only). Emitting goes on by itself then.",
    "failing": "The server's log has the system's own words; `dmesg` tells of a failing disk. Emitting goes on by"
    " itself when it works again.",
}


def check(report: Report, storage: dict[str, Any]) -> None:
    """Say how data is kept, from what `GET version` tells of it."""
    engine, banner = storage.get("engine"), storage.get("banner")
    folder = shlex.quote(str(storage.get("data_dir") or "the folder"))
    condition = str(storage.get("condition") or ("memory" if banner else "ok"))
    if condition != "ok":
        advice = _ADVICE.get(condition, "The server's log says more.").format(folder=folder)
        report.failed("storage", str(banner), advice)
    elif engine == "memory":
        report.ok("storage", "Projects are kept in memory, as configured (in_memory): they go when the server stops.")
    else:
        report.ok("storage", f"Projects are kept by {engine}, in mode {storage.get('mode')}. {storage.get('promise')}")
    if storage.get("data_dir"):
        _check_folder(report, storage, folder)
        _check_files(report, storage, folder)


def _check_folder(report: Report, storage: dict[str, Any], folder: str) -> None:
    kind, free = storage.get("filesystem"), storage.get("free_bytes")
    on = f", on {kind}" if kind else ""
    shared = ", a network filesystem: so the mode is truncate, which is slower" if storage.get("network") else ""
    if not isinstance(free, int):
        report.skipped("storage-folder", f"The server doesn't say how much room there is in {folder}.")
    elif free < _LITTLE_ROOM:
        report.failed(
            "storage-folder",
            f"Only {free / _MIB:.0f} MiB are free in {folder}{on}{shared}.",
            f"Make room on that disk, or let the server forget what is old (docs: Storage), or name another folder:\n"
            f"{_OTHER_FOLDER}",
        )
    else:
        report.ok("storage-folder", f"The logs are in {folder}{on}{shared}; {free / _MIB:.0f} MiB are free.")


def _check_files(report: Report, storage: dict[str, Any], folder: str) -> None:
    damaged, unreadable = storage.get("damaged") or [], storage.get("unreadable") or []
    for each in unreadable:
        report.failed(
            "storage-unreadable",
            f"A project can't be read: {each.get('message')}",
            "Where it is newer, type `pip install --upgrade tasktree_jupyter` where the server runs, and start it"
            " again; the file is left as it is.",
        )
    if damaged:
        names = ", ".join(str(name) for name in damaged)
        report.failed(
            "storage-damaged",
            f"Damaged files were moved aside, and what could be read of them recovered: {names}.",
            f"Look after the disk they are on. When you don't need them any more: cd {folder} && rm "
            + " ".join(f"{shlex.quote(str(name))}*" for name in damaged),
        )
    if not damaged and not unreadable:
        report.ok("storage-files", "Every project's file can be read.")
