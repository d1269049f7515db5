"""Moving a damaged file aside, and putting what could be saved of it in its place.

The new file is made whole beside the damaged one and then gets a name that says so; from then on each step can be done
again, and `finish`, which every opening begins with, does what a crash left undone. Nothing of the damaged file is
removed before it stands under its new name.

Looking at a file and making the new one takes as long as the file is large. Meanwhile only the file itself is locked,
where it can be; the folder is while the file is opened, and while the new one is put in its place. Several may be made
of the same file, by servers that couldn't lock it: the first that is whole counts.
"""

from __future__ import annotations

import contextlib
import glob
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import apsw
import msgspec

from tasktree_jupyter.storage import sqlite_schema
from tasktree_jupyter.storage.log import Damaged, NewerSchema, StorageError
from tasktree_jupyter.storage.sqlite_salvage import Saved, Wreck, is_sound, pages_of

ASIDE = ".damaged-"
_SAVED = ".saved"
_BESIDE = ("-wal", "-shm", "-journal")
_KEPT = ("-wal", "-journal")


class Mended(msgspec.Struct, frozen=True):
    """What was done about a damaged file. `saved` is None where nothing in it could be read, not even whose it was."""

    aside: Path
    saved: Saved | None


def mend(
    path: Path,
    busy_ms: int,
    journal: str,
    is_it: Callable[[str], bool],
    locked: Callable[[], AbstractContextManager[None]],
) -> Mended | None:
    """See whether a file is damaged, and if it is, do what `Folder.mend` says. `locked` locks the folder."""
    with locked():
        finish(path)
        if not path.exists():
            return None
        connection, known = _held(path, busy_ms), os.stat(path)
    new = Path(f"{path}{_SAVED}.{secrets.token_hex(4)}.new")
    try:
        wreck = _looked_at(path, connection, is_it)
        if wreck is None:
            return None
        project_id = wreck.whose(is_it)
        saved = None if project_id is None else _save(wreck, project_id, new, busy_ms, journal)
        with locked():
            if not path.exists() or not os.path.samestat(os.stat(path), known):
                raise StorageError(f"{path.name} was removed or replaced while it was being mended")
            if saved is not None:
                os.replace(new, f"{path}{_SAVED}")
            # While the old file is still locked: a server that waits for it finds, when its turn comes, that it is
            # gone.
            mended = Mended(_replace(path), saved)
            forget_unfinished(path)
            return mended
    finally:
        if connection is not None:
            with contextlib.suppress(apsw.Error, StorageError), locked():
                connection.close()
            connection.close()
        _remove(new)


def _looked_at(path: Path, connection: apsw.Connection | None, is_it: Callable[[str], bool]) -> Wreck | None:
    """What can be read of a file; None where it is sound, or somebody else's."""
    sound = connection is not None and _is_ours(connection, path) and is_sound(connection)
    if connection is not None and sound and is_it(_named(connection)):
        return None
    with pages_of(path, Path(f"{path}-wal")) as pages:
        wreck = Wreck(pages)
    if wreck.whose(is_it) is None and (sound or _is_foreign(path)):
        return None
    if connection is not None:
        wreck.ask(connection)
    return wreck


def forget_unfinished(path: Path) -> None:
    """Remove what others make, or a crash left, of a file that isn't there any more."""
    for left in path.parent.glob(f"{glob.escape(path.name)}{_SAVED}.*"):
        with contextlib.suppress(OSError):
            left.unlink()


def finish(path: Path) -> None:
    """Do what is left of a mending that was cut short."""
    if Path(f"{path}{_SAVED}").exists():
        _replace(path)


def _held(path: Path, busy_ms: int) -> apsw.Connection | None:
    """A connection that keeps other writers out; None where the file is too damaged even for that."""
    try:
        sqlite_schema.check_version(path)
        connection = sqlite_schema.connect(path, busy_ms=busy_ms, writes=True)
    except NewerSchema:
        raise
    except (Damaged, sqlite_schema.NotOurs, apsw.Error):
        return None
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    try:
        connection.execute("BEGIN IMMEDIATE")
    except apsw.Error as error:
        connection.close()
        if isinstance(error, apsw.BusyError | apsw.LockedError):
            raise
        return None
    return connection


def _is_ours(connection: apsw.Connection, path: Path) -> bool:
    try:
        sqlite_schema.check_connection(connection, path)
    except NewerSchema:
        raise
    except Exception:
        return False
    return True


def _named(connection: apsw.Connection) -> str:
    return str(connection.execute("SELECT project_id FROM log").get)


def _is_foreign(path: Path) -> bool:
    """Whether this is somebody else's database: sound, but with nothing of ours in it."""
    try:
        sqlite_schema.check_version(path)
    except sqlite_schema.NotOurs:
        return True
    except Exception:
        return False
    return False


def _save(wreck: Wreck, project_id: str, new: Path, busy_ms: int, journal: str) -> Saved:
    """Write the new file, whole and synced."""
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    connection = sqlite_schema.connect(new, busy_ms=busy_ms, writes=True)
    try:
        saved = wreck.write(connection, project_id)
        sqlite_schema.use_journal(connection, journal)
    finally:
        connection.close()
    return saved


def _remove(path: Path) -> None:
    for beside in ("", *_BESIDE):
        Path(f"{path}{beside}").unlink(missing_ok=True)


def _replace(path: Path) -> Path:
    """Keep the damaged file under another name, then put the saved one, if there is one, in its place."""
    saved, aside = Path(f"{path}{_SAVED}"), _aside(path)
    for beside in _KEPT:
        _link(Path(f"{path}{beside}"), Path(f"{aside}{beside}"))
    _link(path, aside)
    _sync(path.parent)
    for beside in _BESIDE:
        Path(f"{path}{beside}").unlink(missing_ok=True)
    if saved.exists():
        os.replace(saved, path)
    else:
        path.unlink(missing_ok=True)
    return aside


def _aside(path: Path) -> Path:
    """A name that is free, or that a mending which was cut short has begun to use for this very file."""
    with contextlib.suppress(OSError):
        for found in path.parent.iterdir():
            is_aside = found.name.startswith(f"{path.name}{ASIDE}") and not found.name.endswith(_BESIDE)
            if is_aside and found.samefile(path):
                return found
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return next(name for name in _names(f"{path}{ASIDE}{stamp}") if not name.exists())


def _names(stem: str) -> Iterator[Path]:
    yield Path(stem)
    number = 1
    while True:
        number += 1
        yield Path(f"{stem}.{number}")


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, or a copy where the file system has no links."""
    if not source.exists() or target.exists():
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _sync(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
