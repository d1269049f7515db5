"""The spool as a file: what is written is read by whoever comes next, whatever happened to its end or its middle."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasktree_jupyter.client.source import Entry, Limits
from tasktree_jupyter.client.spool import DAMAGED, About, Full, Spool
from tests.client.hub import ROOT
from tests.searching import examples

WIDE = Limits(message_bytes=1_000_000, events=500)
ABOUT = About(source="k1", name="p", place="folder / on here", pid=4711, host="here")


def entries(first: int, count: int, size: int = 0) -> list[Entry]:
    return [Entry("my.event", b'{"n":%d,"pad":"%b"}' % (n, b"x" * size), n) for n in range(first, first + count)]


def made(folder: Path, limit: int = 2**20) -> Spool:
    return Spool.create(str(folder / "spool"), ABOUT, limit)


def left(spool: Spool) -> Spool:
    """The spool as the next process finds it."""
    spool.close()
    taken = Spool.take(spool.path)
    assert taken is not None
    return taken


def numbers(spool: Spool, limits: Limits = WIDE) -> Iterator[list[int]]:
    """The numbers of all that waits, as frames would have them; each is acknowledged."""
    while (read := spool.peek(limits)) is not None:
        assert [entry.timestamp for entry in read.entries] == [
            read.entries[0].timestamp + place for place in range(len(read.entries))
        ]
        yield list(range(read.first_seq, read.first_seq + len(read.entries)))
        spool.advance(read.end, len(read.entries))


def test_the_next_process_reads_what_was_written(tmp_path: Path) -> None:
    spool = made(tmp_path)
    spool.append(101, entries(101, 3))
    spool.append(104, entries(104, 2))
    taken = left(spool)
    assert (taken.waiting, taken.next_number, taken.damaged) == (5, 101, False)
    about = taken.about
    assert (about.source, about.name, about.place, about.pid) == ("k1", "p", "folder / on here", 4711)
    assert list(numbers(taken)) == [[101, 102, 103, 104, 105]]
    assert taken.waiting == 0


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    spool = made(tmp_path)
    assert stat.S_IMODE(os.stat(spool.path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(tmp_path / "spool").st_mode) == 0o700


def test_while_its_owner_lives_nobody_takes_it(tmp_path: Path) -> None:
    spool = made(tmp_path)
    spool.append(1, entries(1, 1))
    assert Spool.take(spool.path) is None
    taken = left(spool)
    assert Spool.take(taken.path) is None


def test_only_one_of_many_processes_takes_it(tmp_path: Path) -> None:
    spool = made(tmp_path)
    spool.append(1, entries(1, 1))
    spool.close()
    code = f"""
from tasktree_jupyter.client.spool import Spool
input()
taken = Spool.take({spool.path!r})
print(taken is not None, flush=True)
input()
"""
    takers = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for taker in takers:
        assert taker.stdin is not None
        taker.stdin.write("\n")
        taker.stdin.flush()
    said = []
    for taker in takers:
        assert taker.stdout is not None
        said.append(taker.stdout.readline())
    for taker in takers:
        taker.communicate("\n", timeout=60)
    assert sorted(said) == ["False\n", "False\n", "False\n", "True\n"]


def test_a_fork_that_outlives_its_owner_keeps_nobody_from_it(tmp_path: Path) -> None:
    spool = made(tmp_path)
    spool.append(1, entries(1, 1))
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        spool.close()
        os.write(ready[1], b".")
        os.read(go[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    assert Spool.take(spool.path) is None
    taken = left(spool)
    assert taken.waiting == 1
    os.write(go[1], b".")
    os.waitpid(child, 0)
    for end in (*ready, *go):
        os.close(end)


def test_a_frame_takes_no_more_than_it_may(tmp_path: Path) -> None:
    spool = made(tmp_path)
    spool.append(1, entries(1, 7))
    spool.append(8, entries(8, 3))
    assert [len(each) for each in numbers(spool, Limits(1_000_000, 4))] == [4, 4, 2]
    spool.append(11, entries(11, 5, size=1000))
    assert [len(each) for each in numbers(spool, Limits(2_500, 500))] == [2, 2, 1]
    spool.append(16, entries(16, 1, size=5000))
    assert list(numbers(spool, Limits(100, 500))) == [[16]]


def test_a_frame_ends_where_events_were_dropped(tmp_path: Path) -> None:
    spool = made(tmp_path)
    spool.append(1, entries(1, 2))
    spool.append(7, entries(7, 2))
    assert list(numbers(spool)) == [[1, 2], [7, 8]]


def test_what_was_acknowledged_is_not_read_again_where_it_was_marked(tmp_path: Path) -> None:
    spool = made(tmp_path)
    spool.append(1, entries(1, 10))
    read = spool.peek(Limits(1_000_000, 4))
    assert read is not None
    spool.advance(read.end, 4)
    spool.mark()
    taken = left(spool)
    assert taken.waiting == 6
    assert list(numbers(taken)) == [[5, 6, 7, 8, 9, 10]]


def test_a_new_life_numbers_what_is_left_from_one_for_the_next_process_too(tmp_path: Path) -> None:
    spool = made(tmp_path)
    spool.append(101, entries(101, 10))
    read = spool.peek(Limits(1_000_000, 4))
    assert read is not None
    spool.advance(read.end, 4)
    assert spool.renumber("k2") == 6
    spool.append(7, entries(7, 2))
    assert spool.waiting == 8
    taken = left(spool)
    assert (taken.about.source, taken.next_number, taken.waiting) == ("k2", 1, 8)
    read = taken.peek(WIDE)
    assert read is not None
    assert read.first_seq == 1
    assert [entry.timestamp for entry in read.entries] == [105, 106, 107, 108, 109, 110, 7, 8]


def test_beyond_its_bound_it_takes_nothing_and_loses_nothing(tmp_path: Path) -> None:
    spool = made(tmp_path, limit=5_000)
    spool.append(1, entries(1, 4, size=1000))
    with pytest.raises(Full, match="of 5,000"):
        spool.append(5, entries(5, 2, size=1000))
    assert list(numbers(left(spool))) == [[1, 2, 3, 4]]


def test_a_record_cut_short_is_left_out(tmp_path: Path) -> None:
    spool = made(tmp_path)
    spool.append(1, entries(1, 3))
    whole = os.path.getsize(spool.path)
    spool.append(4, entries(4, 3))
    spool.close()
    content = Path(spool.path).read_bytes()
    for size in range(whole, len(content)):
        Path(spool.path).write_bytes(content[:size])
        taken = Spool.take(spool.path)
        assert taken is not None
        assert (list(numbers(taken)), taken.damaged) == ([[1, 2, 3]], False)
        taken.mark()
        again = left(taken)
        assert (again.waiting, again.damaged) == (0, False)
        again.close()


def test_what_stands_behind_damage_is_found(tmp_path: Path) -> None:
    spool = made(tmp_path)
    begin = spool.append(1, entries(1, 3))[0]
    end = spool.append(4, entries(4, 3, size=50))[0]
    spool.append(7, entries(7, 3))
    spool.close()
    with open(spool.path, "r+b") as file:
        file.seek((begin + end) // 2)
        file.write(b"\xf5TtS garbage")
    taken = Spool.take(spool.path)
    assert taken is not None
    assert (taken.damaged, taken.waiting) == (True, 6)
    assert list(numbers(taken)) == [[1, 2, 3], [7, 8, 9]]
    taken.remove()
    assert [path.name.endswith(DAMAGED) for path in (tmp_path / "spool").iterdir()] == [True]


@settings(max_examples=examples(40), deadline=None)
@given(data=st.data())
def test_no_damage_makes_it_raise_or_invent(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    spool = made(tmp_path_factory.mktemp("damage"))
    for first in range(1, 61, 3):
        spool.append(first, entries(first, 3))
    spool.close()
    content = bytearray(Path(spool.path).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place : place + data.draw(st.integers(1, 40))] = data.draw(st.binary(max_size=40))
    Path(spool.path).write_bytes(content)
    taken = Spool.take(spool.path)
    assert taken is not None
    seen: list[int] = []
    while (read := taken.peek(WIDE)) is not None:
        for number, entry in enumerate(read.entries, read.first_seq):
            assert (number, entry) == (number, entries(number, 1)[0])
            seen.append(number)
        taken.advance(read.end, len(read.entries))
    assert seen == sorted(set(seen))
    taken.close()


def test_a_disk_that_refuses_leaves_it_as_it_was(tmp_path: Path) -> None:
    code = f"""
import resource, signal, sys
sys.path.append({str(ROOT)!r})
from tests.client.test_spool import *
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool = Spool.create({str(tmp_path / "spool")!r}, ABOUT, 2**20)
spool.append(1, entries(1, 3))
resource.setrlimit(resource.RLIMIT_FSIZE, (spool._end + 100, resource.RLIM_INFINITY))
try:
    spool.append(4, entries(4, 3, size=100))
except OSError as error:
    print(type(error).__name__)
assert list(numbers(left(spool))) == [[1, 2, 3]]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == ("OSError\n", "")


def test_a_folder_that_cannot_be_written_is_an_error_and_not_a_file(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("in the way")
    with pytest.raises(OSError, match="spool"):
        made(tmp_path)


def test_removing_it_leaves_nothing_even_to_whoever_has_it_open(tmp_path: Path) -> None:
    spool = made(tmp_path)
    spool.append(1, entries(1, 3))
    with open(spool.path, "rb") as other:
        spool.remove()
        assert other.read() == b""
    assert list((tmp_path / "spool").iterdir()) == []
