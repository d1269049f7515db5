"""The checker finds what it is for: a sound history passes, and each kind of harm done to it is named."""

from __future__ import annotations

import copy
from collections.abc import Callable

import msgspec
import pytest

from tests.faults.checker import check
from tests.faults.history import (
    Acknowledged,
    Events,
    Final,
    Heard,
    History,
    Live,
    Logged,
    Opened,
    Resync,
    Sent,
    Settled,
    Snapshot,
    Subscribed,
    mark,
)

LOG = [
    Logged(n, 10 * n, "ab"[n % 2], (n + 1) // 2, f"m{n}", (("one", "two")[n % 2], (n - 1) // 2)) for n in range(1, 9)
]


def sound() -> History:
    """Two emitters, each with a source; a subscriber that saw all, and one that was cut, came back and resynced."""
    final = Final("e", 8, "the state")
    return History(
        epoch="e",
        log=copy.copy(LOG),
        state=final,
        emitters={
            name: [
                Sent(source, 1, [event.mark for event in LOG if event.source == source][:3]),
                # Sent again after a cut, with more behind it.
                Acknowledged(source, 3, "e", 6),
                Sent(source, 4, [event.mark for event in LOG if event.source == source][3:]),
                Acknowledged(source, 4, "e", 8),
                Settled(4),
            ]
            for name, source in (("two", "b"), ("one", "a"))
        },
        subscribers={
            "whole": [Opened(False), Subscribed("e", False), Snapshot("e", 0), Live(0), Events("e", LOG), final],
            "cut": [
                Opened(False),
                Subscribed("e", False),
                Snapshot("e", 1),
                Events("e", LOG[1:3]),
                Opened(True),
                Subscribed("e", True),
                Events("e", LOG[3:5]),
                Live(5),
                Resync("slow"),
                Snapshot("e", 7),
                Events("e", LOG[7:]),
                Live(8),
                final,
            ],
        },
    )


def test_a_sound_history_passes() -> None:
    assert check(sound()) == []


def replaced(event: Logged, **changes: object) -> Logged:
    return msgspec.structs.replace(event, **changes)


def acknowledged_and_gone(history: History) -> None:
    history.log = [replaced(e, offset=n) for n, e in enumerate((e for e in LOG if e.offset != 5), 1)]


def a_hole_in_the_log(history: History) -> None:
    del history.log[3]


def a_tail_that_is_gone(history: History) -> None:
    del history.log[-1]


def stored_twice(history: History) -> None:
    history.log.append(replaced(LOG[7], offset=9, at=90))


def emitted_once_stored_as_two(history: History) -> None:
    history.log.append(replaced(LOG[7], offset=9, at=90, source="c", seq=1))


def stored_in_another_order(history: History) -> None:
    history.log[4], history.log[6] = replaced(LOG[6], offset=5, at=50), replaced(LOG[4], offset=7, at=70)


def time_that_runs_back(history: History) -> None:
    history.log[4] = replaced(LOG[4], at=1)


def another_content(history: History) -> None:
    history.log[2] = replaced(LOG[2], mark="other")


def nobody_sent_it(history: History) -> None:
    history.log.append(Logged(9, 90, "a", 5, "m9", ("one", 4)))


def an_acknowledgement_of_another_life(history: History) -> None:
    history.emitters["one"].append(Acknowledged("a", 4, "f", 8))


def settled_with_less(history: History) -> None:
    history.emitters["one"][-1] = Settled(5)


def delivered_twice(history: History) -> None:
    history.subscribers["whole"].insert(-1, Events("e", LOG[7:]))


def delivered_back(history: History) -> None:
    history.subscribers["whole"][4] = Events("e", [*LOG[:4], LOG[5], LOG[4], *LOG[6:]])


def not_delivered(history: History) -> None:
    history.subscribers["whole"][4] = Events("e", [*LOG[:4], *LOG[5:]])


def live_too_early(history: History) -> None:
    history.subscribers["cut"].insert(3, Live(2))


def resumed_with_a_hole(history: History) -> None:
    history.subscribers["cut"][6] = Events("e", LOG[4:5])


def another_event_than_stored(history: History) -> None:
    history.subscribers["whole"][4] = Events("e", [*LOG[:7], replaced(LOG[7], mark="other")])


def an_event_that_is_in_no_log(history: History) -> None:
    history.subscribers["whole"].insert(-1, Events("e", [replaced(LOG[7], offset=9)]))


def events_after_a_resync_without_a_state(history: History) -> None:
    del history.subscribers["cut"][9]


def ended_behind(history: History) -> None:
    history.subscribers["cut"][-1] = Final("e", 7, "the state")


def another_final_state(history: History) -> None:
    history.subscribers["cut"][-1] = Final("e", 8, "another state")


def no_final_state(history: History) -> None:
    del history.subscribers["cut"][-1]


HARM: list[tuple[Callable[[History], None], str, str]] = [
    (acknowledged_and_gone, "lost", "one"),
    (a_hole_in_the_log, "lost", "log"),
    (a_tail_that_is_gone, "lost", "two"),
    (stored_twice, "doubled", "log"),
    (emitted_once_stored_as_two, "doubled", "log"),
    (stored_in_another_order, "reordered", "log"),
    (time_that_runs_back, "reordered", "log"),
    (another_content, "divergent", "two"),
    (nobody_sent_it, "invented", "one"),
    (an_acknowledgement_of_another_life, "divergent", "one"),
    (settled_with_less, "lost", "one"),
    (delivered_twice, "doubled", "whole"),
    (delivered_back, "reordered", "whole"),
    (not_delivered, "lost", "whole"),
    (live_too_early, "lost", "cut"),
    (resumed_with_a_hole, "lost", "cut"),
    (another_event_than_stored, "divergent", "whole"),
    (an_event_that_is_in_no_log, "invented", "whole"),
    (events_after_a_resync_without_a_state, "lost", "cut"),
    (ended_behind, "lost", "cut"),
    (another_final_state, "divergent", "cut"),
    (no_final_state, "lost", "cut"),
]


@pytest.mark.parametrize(("harm", "kind", "who"), HARM, ids=[harm[0].__name__ for harm in HARM])
def test_each_harm_is_named(harm: Callable[[History], None], kind: str, who: str) -> None:
    history = sound()
    harm(history)
    assert (kind, who) in {(found.kind, found.who) for found in check(history)}


def test_what_was_sent_and_never_acknowledged_may_be_there_or_not() -> None:
    history = sound()
    history.emitters["one"] = [record for record in history.emitters["one"] if isinstance(record, Sent)]
    history.emitters["one"].append(Sent("a", 5, ["m9"]))
    assert check(history) == []


def test_who_was_cut_before_the_new_state_may_go_on_from_what_it_held() -> None:
    history = sound()
    after: list[Heard] = [Opened(True), Subscribed("e", True), Events("e", LOG[5:]), Live(8)]
    history.subscribers["cut"][9:-1] = after
    assert check(history) == []


def test_a_rejected_event_is_not_lost() -> None:
    history = sound()
    history.emitters["one"][-1] = Sent("a", 5, ["m9"], [4])
    history.emitters["one"] += [Acknowledged("a", 5, "e", 8, rejected=[5]), Settled(5)]
    assert check(history) == []


def test_a_mark_stands_for_the_content_whatever_the_order_of_its_keys() -> None:
    assert mark("x", {"a": 1, "b": [2]}) == mark("x", {"b": [2], "a": 1})
    assert mark("x", {"a": 1}) != mark("x", {"a": 2})
    assert mark("x", {"a": 1}) != mark("y", {"a": 1})
