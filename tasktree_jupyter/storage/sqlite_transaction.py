"""What the writer does to one project's file within one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import apsw

from tasktree_jupyter.storage.admission import at_of_event, judge
from tasktree_jupyter.storage.log import Batch, Commit, Head, StorageError, StoredFold
from tasktree_jupyter.storage.sqlite_rows import FAST, pack, split, unpack
from tasktree_jupyter.storage.sqlite_schema import select
from tasktree_jupyter.storage.thinning import surplus


def read_head(connection: apsw.Connection) -> Head | None:
    """The head, in one statement and so from one moment; None if the file is marked as deleted."""
    for epoch, trimmed, trimmed_at, deleted, last, last_at in select(
        connection,
        "SELECT epoch, trimmed, trimmed_at, deleted, last, last_at FROM log"
        " LEFT JOIN (SELECT last, last_at FROM batches ORDER BY first DESC LIMIT 1)",
    ):
        if not deleted:
            return Head(epoch, trimmed, trimmed if last is None else last, trimmed_at if last is None else last_at)
    return None


class Transaction:
    """Collects what is appended, so that many appends become one row; `flush` writes it. Lives in BEGIN … COMMIT.

    Afterwards `rows` is how many rows it added, and `freed` whether it left much space free in the file.
    """

    def __init__(self, connection: apsw.Connection, project_id: str, head: Head) -> None:
        self.head = head
        self.rows = 0
        self.freed = False
        self._connection = connection
        self._project_id = project_id
        self._pending: list[bytes] = []
        self._upto: dict[str, int] = {}

    def append(self, batches: Sequence[Batch], now: int) -> Commit:
        """Judge the batches against what is stored; the new events are written by `flush`."""
        before = self.head
        at = max(now, before.at)
        judged = judge(batches, self._stored_upto, before.offset, at)
        if judged.events:
            self.head = Head(before.epoch, before.trimmed, before.offset + len(judged.events), at)
            self._pending.extend(judged.events)
        self._upto.update(judged.upto)
        return Commit(
            project_id=self._project_id,
            epoch=self.head.epoch,
            first_offset=before.offset + 1,
            last_offset=self.head.offset,
            at=self.head.at,
            events=judged.events,
            results=judged.results,
        )

    def set_attributes(self, patch: Mapping[str, bytes | None]) -> None:
        """Set or delete attributes."""
        for key, value in patch.items():
            if value is None:
                self._connection.execute("DELETE FROM attributes WHERE key = ?", (key,))
            else:
                self._connection.execute("REPLACE INTO attributes (key, value) VALUES (?, ?)", (key, value))

    def save_fold(self, epoch: str, fold: StoredFold) -> None:
        """Keep a fold of this epoch, and forget those that have become too many."""
        if epoch != self.head.epoch:
            return
        run, trimmed = self._connection.execute, self.head.trimmed
        run(
            'REPLACE INTO folds (version, "offset", at, body) VALUES (?, ?, ?, ?)',
            (fold.version, fold.offset, fold.at, fold.body),
        )
        if trimmed == 0:
            run("DELETE FROM folds WHERE version < (SELECT max(version) FROM folds)")
        of_version = select(self._connection, 'SELECT "offset" FROM folds WHERE version = ?', (fold.version,))
        kept = [offset for (offset,) in of_version]
        pinned = [offset for (offset,) in select(self._connection, 'SELECT "offset" FROM pins')]
        for offset in surplus(kept, pinned, trimmed):
            run('DELETE FROM folds WHERE version = ? AND "offset" = ?', (fold.version, offset))

    def pin(self, offset: int, name: str) -> None:
        """Name an offset."""
        self._connection.execute('REPLACE INTO pins (name, "offset") VALUES (?, ?)', (name, offset))

    def unpin(self, name: str) -> None:
        """Take a name away."""
        self._connection.execute("DELETE FROM pins WHERE name = ?", (name,))

    def trim(self, offset: int) -> None:
        """Forget the events up to `offset`; a row that reaches beyond it keeps its later part."""
        self.flush()
        run, head = self._connection.execute, self.head
        offset = min(offset, head.offset)
        if offset <= head.trimmed:
            return
        row = "SELECT first, last, last_at, codec, body FROM batches WHERE first <= ? ORDER BY first DESC LIMIT 1"
        first, last, last_at, codec, body = next(select(self._connection, row, (offset,)))
        events = unpack(codec, body, first, last)
        gone = offset - first + 1
        trimmed_at = at_of_event(events[gone - 1])
        run("DELETE FROM batches WHERE first <= ?", (offset,))
        if gone < len(events):
            self._insert(offset + 1, last, at_of_event(events[gone]), last_at, *pack(events[gone:], FAST))
        run("UPDATE log SET trimmed = ?, trimmed_at = ?", (offset, trimmed_at))
        self.freed = True
        self.head = Head(head.epoch, offset, head.offset, head.at)

    def begin(self, base: StoredFold) -> None:
        """Let an empty log begin after `base`."""
        (attributes,) = next(select(self._connection, "SELECT count(*) FROM attributes"))
        if self.head.offset or attributes:
            raise StorageError(f"there is a project {self._project_id!r}", retryable=False)
        self._connection.execute(
            "UPDATE log SET trimmed = ?, trimmed_at = ?, merged = ?", (base.offset, base.at, base.offset + 1)
        )
        self.head = Head(self.head.epoch, base.offset, base.offset, base.at)
        self.save_fold(self.head.epoch, base)

    def touch(self) -> None:
        """Write something that changes nothing, to see that it can be done."""
        self._connection.execute("UPDATE log SET trimmed = trimmed")

    def flush(self) -> None:
        """Write what was appended, as few rows."""
        run = self._connection.execute
        if self._pending:
            first = self.head.offset - len(self._pending) + 1
            for events in split(self._pending):
                last = first + len(events) - 1
                self._insert(first, last, at_of_event(events[0]), at_of_event(events[-1]), *pack(events, FAST))
                first = last + 1
                self.rows += 1
            self._pending = []
        for source, upto in self._upto.items():
            run("REPLACE INTO sources (source, upto) VALUES (?, ?)", (source, upto))
        self._upto = {}

    def _insert(self, first: int, last: int, first_at: int, last_at: int, codec: int, body: bytes) -> None:
        self._connection.execute(
            "INSERT INTO batches (first, last, first_at, last_at, codec, body) VALUES (?, ?, ?, ?, ?, ?)",
            (first, last, first_at, last_at, codec, body),
        )

    def _stored_upto(self, source: str) -> int:
        upto = self._upto.get(source)
        if upto is None:
            stored = self._connection.execute("SELECT upto FROM sources WHERE source = ?", (source,)).get
            upto = int(stored or 0)
        return upto
