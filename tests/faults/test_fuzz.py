"""Nonsense hurts nobody: the short form of `python -m tests.faults.fuzz --cases 100000`."""

from __future__ import annotations

from pathlib import Path

from tests.faults.fuzz import fuzz


async def test_nonsense_ends_no_connection_but_its_own_and_is_never_a_failure_of_the_server(tmp_path: Path) -> None:
    findings = await fuzz(tmp_path, 2000, seed=1)
    assert findings.failures == [], str(findings)
    assert findings.witnessed > 2
    assert {"invalid", "invalid_json", "unknown_op", "too_large"} <= findings.codes.keys()
    assert min(findings.cases.values()) > 0
