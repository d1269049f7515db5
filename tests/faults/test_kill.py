"""`kill -9` of a server under load loses nothing that was acknowledged, doubles nothing, and leaves nobody wrong.

The short form of `python -m tests.faults.kill --rounds 100`, whose module says what happens in a round.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.faults.checker import Violation
from tests.faults.kill import Report, kill_rounds


@pytest.mark.parametrize(("servers", "rounds"), [(1, 5), (2, 2)], ids=["one server", "two servers on one folder"])
async def test_kill_9_under_load(tmp_path: Path, servers: int, rounds: int) -> None:
    report = await kill_rounds(tmp_path, rounds, servers=servers, seed=servers)
    assert report.is_sound, str(report)
    assert report.rounds == rounds
    # Else there was no load: how much there is in a round depends on how fast servers start.
    assert report.events > 60 * rounds
    assert report.connections > 10 * rounds


def test_a_run_isnt_sound_where_a_server_logged_an_error() -> None:
    assert Report(rounds=1).is_sound
    assert not Report(rounds=1, complaints=Counter(["Traceback … KeyError"])).is_sound
    assert not Report(rounds=1, violations=[Violation("lost", "project-0", "an event")]).is_sound
