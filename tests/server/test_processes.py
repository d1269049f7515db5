"""What is said of a process that ended, and what is certain about one that may have."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tasktree_jupyter.server.intake import now_us
from tasktree_jupyter.server.processes import MemoryKills, Process, exit_words, is_gone, this_process


@pytest.mark.parametrize(
    ("code", "out_of_memory", "words"),
    [
        (-9, False, "killed by SIGKILL"),
        (-9, True, "killed by SIGKILL, probably out of memory"),
        (-11, True, "killed by SIGSEGV"),
        (1, True, "ended with exit code 1"),
        (0, False, "ended with exit code 0"),
        (-250, False, "killed by signal 250"),
        (None, False, "its process is gone"),
    ],
)
def test_an_exit_code_in_words(code: int | None, out_of_memory: bool, words: str) -> None:
    assert exit_words(code, out_of_memory=out_of_memory) == words


def test_memory_is_blamed_only_where_the_system_killed_for_it_just_now(tmp_path: Path) -> None:
    counters = tmp_path / "vmstat"
    counters.write_text("nr_free_pages 7\noom_kill 3\n")
    kills = MemoryKills(counters)
    assert not kills.lately
    counters.write_text("nr_free_pages 7\noom_kill 4\n")
    assert kills.lately
    kills.look()
    kills.look()
    assert not kills.lately
    assert not MemoryKills(tmp_path / "none").lately


def test_only_what_is_certain_is_gone() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here, now = this_process(), now_us()
    gone = Process(here.host, ended.pid, here.namespace)

    assert is_gone(gone, now)
    assert not is_gone(here, now)
    assert not is_gone(Process("elsewhere", ended.pid, here.namespace), now)
    assert not is_gone(Process(here.host, ended.pid, "pid:[another]"), now)
    assert not is_gone(Process(here.host), now)


def test_a_number_that_is_in_use_again_is_another_process() -> None:
    here = this_process()
    assert here == Process(platform.node(), os.getpid(), here.namespace)
    before_it_began = 1_000_000
    # Only Linux tells when a process began.
    assert is_gone(here, before_it_began) == Path("/proc/self/stat").exists()
