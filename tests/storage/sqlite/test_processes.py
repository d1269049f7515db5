"""Several real processes on one folder, and processes that die."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import apsw
import msgspec
import pytest

from tasktree_jupyter.storage.sqlite import SqliteLog

EMITTER = Path(__file__).with_name("emitter.py")
SENT = 150


class Emitter:
    """One running `emitter.py`."""

    def __init__(self, folder: Path, journal: str, name: str, emitters: int, count: int, total: int) -> None:
        words = [str(folder), journal, name, str(emitters), str(count), str(total)]
        paths = [path for path in sys.path if path]
        self.process = subprocess.Popen(
            [sys.executable, str(EMITTER), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        )

    def line(self) -> list[str]:
        assert self.process.stdout is not None
        return self.process.stdout.readline().split()

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def finish(self) -> list[list[str]]:
        out, _ = self.process.communicate(timeout=120)
        assert self.process.returncode == 0
        return [line.split() for line in out.splitlines()]

    def kill(self) -> list[list[str]]:
        """kill -9, and what it had said by then."""
        self.process.kill()
        out, _ = self.process.communicate(timeout=60)
        return [line.split() for line in out.splitlines() if line.endswith(tuple("0123456789"))]


@pytest.fixture
def processes() -> Iterator[list[Emitter]]:
    running: list[Emitter] = []
    yield running
    for emitter in running:
        if emitter.process.poll() is None:
            emitter.kill()


async def everything(folder: Path) -> list[tuple[int, str, int]]:
    log = SqliteLog(folder)
    await log.start()
    events = [msgspec.json.decode(event) for event in await log.read("p", 0, limit=1_000_000)]
    await log.close()
    return [(event["offset"], event["source"], event["seq"]) for event in events]


def check_integrity(folder: Path) -> None:
    for path in folder.glob("*.sqlite"):
        connection = apsw.Connection(str(path))
        assert connection.execute("PRAGMA integrity_check").get == "ok"
        connection.close()


@pytest.mark.parametrize("journal", ["wal", "truncate"])
async def test_two_servers_lose_double_and_collide_nothing_and_see_each_other(
    tmp_path: Path, journal: str, processes: list[Emitter]
) -> None:
    total = 2 * 4 * SENT
    processes += [Emitter(tmp_path, journal, name, 4, SENT, total) for name in ("a", "b")]
    for emitter in processes:
        assert emitter.line() == ["ready"]
    for emitter in processes:
        emitter.go()

    said = [emitter.finish() for emitter in processes]

    assert [lines[-1] for lines in said] == [["followed", str(total)]] * 2
    events = await everything(tmp_path)
    assert [offset for offset, _, _ in events] == list(range(1, total + 1))
    for source in (f"{name}{i}" for name in "ab" for i in range(4)):
        assert [seq for _, of, seq in events if of == source] == list(range(1, SENT + 1))
    check_integrity(tmp_path)


@pytest.mark.parametrize("journal", ["wal", "truncate"])
async def test_everything_acknowledged_is_there_after_kill_9(
    tmp_path: Path, journal: str, processes: list[Emitter]
) -> None:
    acknowledged: dict[str, int] = {}
    for after in (1, 40, 1000):
        emitter = Emitter(tmp_path, journal, "a", 3, 0, 0)
        processes.append(emitter)
        assert emitter.line() == ["ready"]
        emitter.go()
        said = [emitter.line() for _ in range(after)] + emitter.kill()
        for _, source, upto in (line for line in said if len(line) == 3):
            acknowledged[source] = max(acknowledged.get(source, 0), int(upto))

        events = await everything(tmp_path)
        assert [offset for offset, _, _ in events] == list(range(1, len(events) + 1))
        for name, highest in acknowledged.items():
            seqs = [seq for _, of, seq in events if of == name]
            assert seqs == list(range(1, len(seqs) + 1))
            assert len(seqs) >= highest
    check_integrity(tmp_path)


async def test_a_server_goes_on_while_the_other_is_killed(tmp_path: Path, processes: list[Emitter]) -> None:
    going = Emitter(tmp_path, "wal", "a", 2, 0, 0)
    processes.append(going)
    assert going.line() == ["ready"]
    going.go()
    for n in range(3):
        dying = Emitter(tmp_path, "wal", f"d{n}", 3, 0, 0)
        processes.append(dying)
        assert dying.line() == ["ready"]
        dying.go()
        for _ in range(30):
            dying.line()
        dying.kill()
        for _ in range(30):
            assert going.line()[0] == "ack"
    said = going.kill()

    events = await everything(tmp_path)
    assert [offset for offset, _, _ in events] == list(range(1, len(events) + 1))
    for _, source, upto in said:
        assert [seq for _, of, seq in events if of == source][: int(upto)] == list(range(1, int(upto) + 1))
    check_integrity(tmp_path)
