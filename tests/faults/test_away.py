"""The server away while a process emits: everything is there in the end, in order, once.

The short form of `python -m tests.faults.away`, whose module says what happens.
"""

from __future__ import annotations

from pathlib import Path

from tests.faults.away import stay_away


async def test_nothing_is_lost_while_the_server_is_away(tmp_path: Path) -> None:
    report = await stay_away(tmp_path, 3.0, 6000)
    assert report.violations == [], str(report)
    assert report.dropped == 0, str(report)
    assert report.on_disk > 3000, str(report)
    assert report.whole["p50"] < 500, str(report)
