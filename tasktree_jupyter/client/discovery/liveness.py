"""Whether a process of this user runs here."""

from __future__ import annotations

import os
import sys
from typing import Any


def is_alive(pid: Any) -> bool:
    """Return whether `pid` is the number of a process of this user.

    A number may be in use again, by another program of his: only the connection tells.
    """
    if not isinstance(pid, int) or isinstance(pid, bool) or pid <= 0:
        return False
    if sys.platform == "win32":
        return _is_alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except (OSError, OverflowError):
        # PermissionError too: it is somebody else's, so the number is in use again.
        return False
    return True


def _is_alive_on_windows(pid: int) -> bool:
    """There, signal 0 isn't harmless."""
    if sys.platform != "win32":
        return False
    import ctypes

    query_limited_information, still_active = 0x1000, 259
    process = ctypes.windll.kernel32.OpenProcess(query_limited_information, False, pid)
    if not process:
        return False
    code = ctypes.c_ulong()
    known = ctypes.windll.kernel32.GetExitCodeProcess(process, ctypes.byref(code))
    ctypes.windll.kernel32.CloseHandle(process)
    return not known or code.value == still_active
