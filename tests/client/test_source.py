"""The queue of a source: numbering, sending again, dropping, healing; without I/O."""

from __future__ import annotations

import json
import threading
from typing import Any

from tasktree_jupyter.client.source import Entry, Limits, Source

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
        alone = source.too_large()
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


def test_what_a_project_refuses_for_good_is_forgotten_and_counted() -> None:
    source = pushed(3)
    frame(source)
    assert source.discard() == 3
    assert (len(source), source.dropped, source.settled) == (0, 3, 3)
    pushed(1, source, 3)
    made = frame(source, 2)
    assert made["dropped"] >= 1
    assert made["seq"] > 3


def test_without_a_server_nothing_is_kept_but_for_the_fold() -> None:
    source = pushed(5, Source(keep=False))
    assert len(source) == 0
    assert len(source.unfolded) == 5
    assert source.settled == 5


def test_every_source_has_a_name_of_its_own() -> None:
    assert len({Source().id for _ in range(1000)}) == 1000


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
