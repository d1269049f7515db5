"""The short run of `tests.faults.damage`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasktree_jupyter.storage import sqlite_writer
from tests.faults import damage


async def test_files_damaged_at_random_crash_and_hang_nothing_and_what_is_lost_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_writer, "_LOOK_AGAIN_S", 0.0)

    seen = await damage.run(20, 1, tmp_path)

    assert seen["lost some"] > 3
    assert seen["unharmed"] + seen["recovered all"] > 3
