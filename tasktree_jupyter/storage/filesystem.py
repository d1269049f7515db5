"""What kind of filesystem a folder is on: SQLite's WAL needs shared memory, which network filesystems don't have.

Source: https://sqlite.org/wal.html, "All processes using a database must be on the same host computer".
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

# fmt: off
NETWORK = frozenset({
    "9p", "afpfs", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.ceph-fuse", "fuse.glusterfs",
    "fuse.juicefs", "fuse.lustre", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "glusterfs", "gpfs", "lustre",
    "macfuse", "ncpfs", "nfs", "nfs4", "orangefs", "osxfuse", "panfs", "pvfs2", "smb2", "smb3", "smbfs", "webdav",
    "wekafs",
})
# fmt: on
_DRIVE_REMOTE = 4


def filesystem_of(folder: Path) -> str:
    """The type of the filesystem that holds `folder`, as the system names it; "" where it can't be told."""
    path = os.path.realpath(folder)
    if sys.platform == "win32":
        return _windows(path)
    try:
        if sys.platform == "darwin":
            listing = subprocess.run(["/sbin/mount"], capture_output=True, text=True, timeout=5, check=True).stdout
            return _longest(path, bsd_mounts(listing))
        return _longest(path, linux_mounts(Path("/proc/self/mounts").read_text(errors="surrogateescape")))
    except (OSError, subprocess.SubprocessError):
        return ""


def is_network(filesystem: str) -> bool:
    """Whether other hosts may use the same files, so that shared memory between the processes can't be relied on."""
    return filesystem in NETWORK


def linux_mounts(text: str) -> list[tuple[str, str]]:
    """(mount point, type) for each line of `/proc/mounts`; a later line hides an earlier one of the same point."""
    mounts = []
    for line in text.splitlines():
        fields = line.split(" ")
        if len(fields) >= 3:
            mounts.append((re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[1]), fields[2]))
    return mounts


def bsd_mounts(text: str) -> list[tuple[str, str]]:
    """(mount point, type) for each line of macOS' `mount`, e.g. `//u@host/share on /Volumes/share (smbfs, nodev)`."""
    return re.findall(r"^.+? on (.+) \((\w+)[,)]", text, re.MULTILINE)


def _longest(path: str, mounts: list[tuple[str, str]]) -> str:
    found, filesystem = "", ""
    for point, kind in mounts:
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(found):
            found, filesystem = point, kind
    return filesystem


def _windows(path: str) -> str:
    if path.startswith("\\\\"):
        return "smb3"
    if sys.platform == "win32":
        import ctypes

        drive = os.path.splitdrive(path)[0] + "\\"
        if ctypes.windll.kernel32.GetDriveTypeW(drive) == _DRIVE_REMOTE:
            return "smb3"
    return "ntfs"
