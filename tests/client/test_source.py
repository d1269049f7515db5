"""The queue of a source: numbering, sending again, dropping, healing; without I/O but for the spool's file."""

from __future__ import annotations

import json
import threading
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from tasktree_jupyter.client.source import Entry, Limits, Source
from tasktree_jupyter.client.spool import About, Full, Spool

WIDE = Limits(message_bytes=1_000_000, events=500)


def entry(n: int, size: int = 0) -> Entry:
    return Entry("my.event", json.dumps({"n": n, "pad": "x" * size}).encode(), 1_795_420_735_000_000 + n)


def pushed(count: int, source: Source | None = None, start: int = 0) -> Source:
    source = Source() if source is None else source
    for n in range(start, start + count):
        source.push(entry(n))
    return source


def frame(source: Source, ref: int = 1, limits: Limits = WIDE) -> dict[str, Any]:
    made = source.next_frame(ref, "p", limits)
    assert made is not None
    decoded: dict[str, Any] = json.loads(made)
    return decoded


def numbers(frame: dict[str, Any]) -> list[int]:
    return [event["data"]["n"] for event in frame["events"]]


def acknowledge(source: Source, frame: dict[str, Any], **fields: Any) -> Any:
    return source.published({"ref": frame["ref"], "rejected": [], **fields})


def test_a_frame_is_what_the_protocol_says() -> None:
    made = frame(pushed(1), ref=17)
    assert made["op"] == "publish"
    assert (made["ref"], made["project_id"], made["seq"]) == (17, "p", 1)
    assert made["events"] == [
        {"type": "my.event", "data": {"n": 0, "pad": ""}, "timestamp": "2026-11-23T07:58:55.000000Z"}
    ]
    assert "dropped" not in made


def test_numbers_go_on_from_frame_to_frame() -> None:
    source = pushed(3)
    first = frame(source)
    pushed(2, source, 3)
    assert source.next_frame(2, "p", WIDE) is None
    acknowledge(source, first)
    second = frame(source, 2)
    assert (first["seq"], numbers(first)) == (1, [0, 1, 2])
    assert (second["seq"], numbers(second)) == (4, [3, 4])
    acknowledge(source, second)
    assert len(source) == 0
    assert source.settled == 5


def test_a_frame_without_an_answer_is_sent_again_as_it_was() -> None:
    source = pushed(3)
    first = frame(source)
    pushed(2, source, 3)
    source.unsent()
    again = frame(source, 2)
    assert {**again, "ref": 1} == first


def test_an_answer_to_an_earlier_connection_counts_for_nothing() -> None:
    source = pushed(1)
    first = frame(source, 1)
    source.unsent()
    frame(source, 2)
    acknowledge(source, first)
    assert len(source) == 1


def test_a_frame_holds_what_the_server_takes() -> None:
    source = Source()
    for n in range(10):
        source.push(entry(n, size=1000))
    first = frame(source, limits=Limits(message_bytes=6_000, events=500))
    assert 1 <= len(first["events"]) < 5
    acknowledge(source, first)
    assert len(frame(source, 2, Limits(message_bytes=1_000_000, events=4))["events"]) == 4


def test_refused_events_are_handed_back_and_use_up_their_numbers() -> None:
    source = pushed(3)
    first = frame(source)
    refused = acknowledge(source, first, rejected=[{"index": 1, "seq": 2, "field": "data.x", "message": "no"}])
    assert [(json.loads(each.entry.data)["n"], each.field) for each in refused] == [(1, "data.x")]
    pushed(1, source, 3)
    assert frame(source, 2)["seq"] == 4


def test_a_full_queue_drops_the_oldest_and_says_how_many() -> None:
    source = pushed(10, Source(max_events=4))
    made = frame(source)
    assert (made["dropped"], made["seq"], numbers(made)) == (6, 7, [6, 7, 8, 9])
    assert source.dropped == 6
    acknowledge(source, made)
    pushed(1, source, 10)
    assert (frame(source, 2)["seq"], source.settled) == (11, 10)


def test_bytes_are_bounded_too() -> None:
    source = Source(max_bytes=10_000)
    for n in range(100):
        source.push(entry(n, size=1000))
    assert len(source) < 10
    assert source.dropped == 100 - len(source)


def test_what_is_under_way_is_never_dropped() -> None:
    source = pushed(2, Source(max_events=2))
    first = frame(source)
    pushed(5, source, 2)
    source.unsent()
    again = frame(source, 2)
    assert numbers(again) == numbers(first)
    acknowledge(source, again)
    after = frame(source, 3)
    assert (after["dropped"], after["seq"], numbers(after)) == (3, 6, [5, 6])


def test_a_frame_that_is_too_large_is_halved_until_one_is_left() -> None:
    source = pushed(4)
    sizes = []
    alone = None
    while alone is None:
        sizes.append(len(frame(source)["events"]))
        alone = source.bisect()
    assert sizes == [4, 2, 1]
    assert json.loads(alone.data)["n"] == 0
    rest = frame(source, 2)
    assert (rest["seq"], rest["dropped"], numbers(rest)) == (2, 1, [1, 2, 3])


def test_a_new_life_numbers_from_one_and_sends_nodes_after_what_made_them() -> None:
    source = pushed(2)
    first = frame(source)
    name = source.id
    pushed(2, source, 2)
    folded = source.emitted
    pushed(1, source, 4)
    source.heal([entry(100), entry(101)], folded, new_life=True)
    made = frame(source, 2)
    assert source.id != name
    assert made["source"] == source.id
    assert (made["seq"], numbers(made)) == (1, [0, 1, 2, 3, 100, 101, 4])
    assert numbers(first) == [0, 1]


def test_healing_after_drops_keeps_the_numbers_of_what_may_have_arrived() -> None:
    source = pushed(1, Source(max_events=2))
    first = frame(source)
    pushed(5, source, 1)
    source.unsent()
    source.heal([entry(100)], source.emitted, new_life=False)
    again = frame(source, 2)
    assert numbers(again) == numbers(first)
    acknowledge(source, again)
    made = frame(source, 3)
    assert (made["dropped"], made["seq"], numbers(made)) == (3, 5, [4, 5, 100])


def test_without_a_server_nothing_is_kept_but_for_the_fold() -> None:
    source = pushed(5, Source(keep=False))
    assert len(source) == 0
    assert len(source.unfolded) == 5
    assert source.settled == 5


def test_every_source_has_a_name_of_its_own() -> None:
    assert len({Source().id for _ in range(1000)}) == 1000


class Interrupted(deque[Entry]):
    """An interrupt comes when an event was taken."""

    def append(self, entry: Entry, /) -> None:
        super().append(entry)
        raise KeyboardInterrupt


def test_an_interrupt_amid_an_emit_leaves_the_event_with_both_or_with_neither() -> None:
    source = pushed(1)
    source.unfolded = Interrupted(source.unfolded)
    with pytest.raises(KeyboardInterrupt):
        source.push(entry(1))
    assert (source.emitted, len(source.unfolded), len(source)) == (2, 2, 2)
    assert numbers(frame(source)) == [0, 1]


def test_many_threads_lose_nothing_while_frames_are_made() -> None:
    source = Source()
    names = range(6)

    def push(name: int) -> None:
        for n in range(2_000):
            source.push(entry(name * 10_000 + n))

    threads = [threading.Thread(target=push, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    seen: list[int] = []
    seq = 1
    while len(seen) < 2_000 * len(names):
        made = source.next_frame(1, "p", WIDE)
        if made is None:
            continue
        decoded = json.loads(made)
        assert decoded["seq"] == seq
        seen += numbers(decoded)
        seq += len(decoded["events"])
        acknowledge(source, decoded)
    for thread in threads:
        thread.join()
    for name in names:
        own = [n for n in seen if n // 10_000 == name]
        assert own == sorted(own)
        assert len(own) == 2_000


def spilled(source: Source, folder: Path, limit: int = 2**20) -> Spool:
    """Everything that waits is written to a spool."""
    spool = Spool.create(str(folder), About(source=source.id, name="p"), limit)
    source.store = spool
    while source.spill(Limits(message_bytes=2**18, events=3)):
        pass
    return spool


def drained(source: Source, ref: int = 1) -> list[dict[str, Any]]:
    """The frames until nothing waits, each acknowledged."""
    frames = []
    while (made := source.next_frame(ref, "p", WIDE)) is not None:
        frames.append(json.loads(made))
        acknowledge(source, frames[-1])
        ref += 1
    return frames


def test_what_was_spilled_comes_before_what_is_in_memory_under_the_same_numbers(tmp_path: Path) -> None:
    source = pushed(10)
    spilled(source, tmp_path)
    pushed(5, source, 10)
    assert (len(source), source.in_memory, source.on_disk) == (15, 5, 10)
    first, second = drained(source)
    assert (first["seq"], numbers(first)) == (1, list(range(10)))
    assert (second["seq"], numbers(second)) == (11, [10, 11, 12, 13, 14])
    assert (len(source), source.settled, source.waiting) == (0, 15, False)


def test_a_frame_under_way_is_spilled_first_and_sent_again_with_its_numbers(tmp_path: Path) -> None:
    source = pushed(3)
    first = frame(source)
    pushed(2, source, 3)
    spilled(source, tmp_path)
    assert (source.in_memory, source.on_disk) == (0, 5)
    source.unsent()
    again = frame(source, 2)
    assert (again["seq"], numbers(again)) == (first["seq"], numbers(first))
    acknowledge(source, again)
    (rest,) = drained(source, 3)
    assert (rest["seq"], numbers(rest)) == (4, [3, 4])


def test_an_acknowledgement_that_comes_after_all_counts_for_what_was_spilled(tmp_path: Path) -> None:
    source = pushed(3)
    first = frame(source)
    spilled(source, tmp_path)
    acknowledge(source, first)
    assert (len(source), source.settled) == (0, 3)


def test_what_is_dropped_behind_a_full_spool_is_told_in_its_place(tmp_path: Path) -> None:
    source = pushed(4, Source(max_events=4))
    spilled(source, tmp_path)
    pushed(10, source, 4)
    assert (source.dropped, len(source)) == (6, 8)
    first, second = drained(source)
    assert ("dropped" in first, numbers(first)) == (False, [0, 1, 2, 3])
    assert (second["dropped"], second["seq"], numbers(second)) == (6, 11, [10, 11, 12, 13])


def test_a_spool_that_refuses_leaves_everything_in_memory(tmp_path: Path) -> None:
    source = pushed(6, Source(max_events=6))
    pushed(2, source, 6)
    source.store = Spool.create(str(tmp_path), About(source=source.id), 10)
    with pytest.raises(Full):
        source.spill(WIDE)
    assert (len(source), source.in_memory) == (6, 6)
    (made,) = drained(source)
    assert (made["dropped"], made["seq"], numbers(made)) == (2, 3, [2, 3, 4, 5, 6, 7])


def test_a_new_life_renumbers_what_was_spilled(tmp_path: Path) -> None:
    source = pushed(4)
    acknowledge(source, frame(source))
    pushed(4, source, 4)
    frame(source, 2)
    spilled(source, tmp_path)
    pushed(1, source, 8)
    source.heal([entry(100)], source.emitted, new_life=True)
    frames = drained(source, 3)
    assert {each["source"] for each in frames} == {source.id}
    assert [each["seq"] for each in frames] == [1, 5]
    assert [n for each in frames for n in numbers(each)] == [4, 5, 6, 7, 8, 100]


def test_a_frame_out_of_the_spool_that_is_too_large_is_halved_too(tmp_path: Path) -> None:
    source = pushed(4)
    spilled(source, tmp_path)
    sizes, alone = [], None
    while alone is None:
        sizes.append(len(frame(source)["events"]))
        alone = source.bisect()
    assert sizes == [4, 2, 1]
    (rest,) = drained(source, 2)
    assert (rest["seq"], rest["dropped"], numbers(rest)) == (2, 1, [1, 2, 3])


def test_the_next_process_sends_as_the_source_that_has_ended(tmp_path: Path) -> None:
    source = pushed(4)
    acknowledge(source, frame(source))
    pushed(3, source, 4)
    spool = spilled(source, tmp_path)
    spool.close()
    taken = Spool.take(spool.path)
    assert taken is not None
    late = Source.resume(taken.about.source, taken, taken.next_number)
    made = frame(late)
    assert (made["source"], made["seq"], numbers(made)) == (source.id, 5, [4, 5, 6])
    assert "dropped" not in made
    late.expects(1)
    again = frame(late, 2)
    assert (again["seq"], again["dropped"]) == (5, 4)
    acknowledge(late, again)
    assert len(late) == 0


def test_many_threads_lose_nothing_while_it_spills_and_sends(tmp_path: Path) -> None:
    source = Source(max_events=10_000_000, max_bytes=2**30)
    names = range(4)

    def push(name: int) -> None:
        for n in range(3_000):
            source.push(entry(name * 10_000 + n))

    threads = [threading.Thread(target=push, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    seen: list[int] = []
    seq, turn = 1, 0
    spool = spilled(source, tmp_path, 2**28)
    while len(seen) < 3_000 * len(names):
        turn += 1
        if turn % 3:
            source.spill(Limits(message_bytes=2**18, events=128))
            continue
        made = source.next_frame(1, "p", WIDE)
        if made is None:
            continue
        decoded = json.loads(made)
        assert decoded["seq"] == seq
        seen += numbers(decoded)
        seq += len(decoded["events"])
        acknowledge(source, decoded)
    for thread in threads:
        thread.join()
    assert (len(source), spool.waiting, source.settled) == (0, 0, 3_000 * len(names))
    for name in names:
        own = [n for n in seen if n // 10_000 == name]
        assert (own == sorted(own), len(own)) == (True, 3_000)
