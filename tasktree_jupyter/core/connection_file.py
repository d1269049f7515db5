"""What the file is called that a server leaves for its kernels (docs/protocol.md, "Connection file")."""

from __future__ import annotations

import hashlib


def file_name(pid: int, host: str) -> str:
    """Return the name of the file that the server writes which is process `pid` of the machine `host`.

    Machines may share the folder, and containers number their processes alike.
    """
    machine = hashlib.sha256(host.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"tasktree-{pid}-{machine}.json"
