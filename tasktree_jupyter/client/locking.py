"""Whether a file's owner lives: he holds its lock, and a process that ends, however it ends, lets go of it."""

from __future__ import annotations

import errno
import os
import sys
from typing import Final

_TAKEN: Final = (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK)
_BEYOND: Final = 2**31 - 2
"""Where Windows locks a byte: its locks keep others from reading, so it is one that no file reaches."""


def lock(descriptor: int) -> bool:
    """Take the lock of an open file without waiting; return whether it was free.

    It is held until the file is closed, by each process that inherited it.

    Raises:
        OSError: the filesystem has no locks.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, _BEYOND, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        raise
    return True
