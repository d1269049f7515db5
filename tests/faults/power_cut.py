"""A disk that can lose its power: what was written and not synced by then may be there, or not, or half.

An apsw VFS lets every write through to the real file, so reading is as always, and keeps beside it, for each file, what
is durable and the writes since its last sync. A cut makes a new folder of what a disk could hold at that moment: the
durable bytes and any of the writes since, in any order, each whole, torn at a sector, or not at all. Names are durable
once their folder or, as SQLite does it for a new journal, their file was synced.

Shared memory isn't modelled, so connections need `locking_mode=exclusive`: one at a time for a file.
"""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path

import apsw

SECTOR = 512
Write = tuple[int, bytes]


class _Inode:
    """One file of the disk: its durable bytes, and what was done to it since. A write of None truncates."""

    def __init__(self, durable: bytes) -> None:
        self.durable = bytearray(durable)
        self.since: list[tuple[int, bytes | None]] = []

    def sync(self) -> None:
        for at, data in self.since:
            _do(self.durable, at, data)
        self.since = []

    def after_the_cut(self, draw: random.Random) -> bytes:
        content = bytearray(self.durable)
        mood = draw.random()
        survivors = [*self.since]
        if mood < 0.3:
            survivors = []
        elif mood < 0.8:
            survivors = [write for write in survivors if draw.random() < 0.5]
            draw.shuffle(survivors)
        for at, data in survivors:
            if data is not None and draw.random() < 0.2:
                data = data[: draw.randrange(0, len(data) + 1, SECTOR)]
            _do(content, at, data)
        return bytes(content)


def _do(content: bytearray, at: int, data: bytes | None) -> None:
    if data is None:
        del content[at:]
        return
    if len(content) < at:
        content.extend(bytes(at - len(content)))
    content[at : at + len(data)] = data


class Disk(apsw.VFS):
    """SQLite's default file system while it is entered, with a power switch."""

    def __init__(self, folder: Path, *, seed: int = 0) -> None:
        self.folder = folder
        self.syncs = 0
        self._draw = random.Random(seed)
        self._lock = threading.RLock()
        self._inodes: dict[int, _Inode] = {}
        self._names: dict[str, int] = {}
        self._before = apsw.connection_hooks[:]
        self._fsync = os.fsync
        super().__init__("tasktree-disk", "unix", makedefault=True)

    def __enter__(self) -> Disk:
        apsw.connection_hooks.append(_exclusive)
        os.fsync = self._folder_synced  # type: ignore[assignment]
        return self

    def __exit__(self, *_: object) -> None:
        os.fsync = self._fsync
        apsw.connection_hooks[:] = self._before
        self.unregister()

    def cut(self, into: Path) -> None:
        """Make the folder that a cut at this moment would leave. The disk itself goes on."""
        into.mkdir(parents=True)
        with self._lock:
            for name, number in self._names.items():
                inode = self._inodes.get(number)
                if inode is not None:
                    (into / name).write_bytes(inode.after_the_cut(self._draw))

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        """SQLite opens a file."""
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path is None or os.path.dirname(path) != str(self.folder):
            return super().xOpen(name, flags)
        return _File(self, name, flags, path)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        """SQLite unlinks a file: durable at once, which is the harsher for a WAL or a journal that is still needed."""
        super().xDelete(filename, syncdir)
        with self._lock:
            self._names.pop(os.path.basename(filename), None)

    def opened(self, path: str) -> _Inode:
        """Note a file, by its inode: its name may change."""
        with self._lock:
            number = os.stat(path).st_ino
            inode = self._inodes.get(number)
            if inode is None or os.stat(path).st_size == 0:
                inode = self._inodes[number] = _Inode(b"" if inode is not None else Path(path).read_bytes())
            return inode

    def written(self, inode: _Inode, at: int, data: bytes | None) -> None:
        """Note a write, or with None that the file ends at `at`."""
        with self._lock:
            inode.since.append((at, data))

    def synced(self, inode: _Inode, path: str) -> None:
        """Make a file durable, and its name."""
        with self._lock:
            self.syncs += 1
            inode.sync()
            if os.path.exists(path):
                self._names[os.path.basename(path)] = os.stat(path).st_ino

    def _folder_synced(self, handle: int) -> None:
        self._fsync(handle)
        with self._lock:
            self._names = {entry.name: entry.inode() for entry in os.scandir(self.folder)}


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int], path: str) -> None:
        super().__init__("unix", name, flags)
        self._disk = disk
        self._path = path
        self._inode = disk.opened(path)

    def xWrite(self, data: bytes, offset: int) -> None:
        super().xWrite(data, offset)
        self._disk.written(self._inode, offset, bytes(data))

    def xTruncate(self, newsize: int) -> None:
        super().xTruncate(newsize)
        self._disk.written(self._inode, newsize, None)

    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        self._disk.synced(self._inode, self._path)


def _exclusive(connection: apsw.Connection) -> None:
    connection.execute("PRAGMA locking_mode=exclusive")
