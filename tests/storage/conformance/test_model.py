"""Any sequence of calls gives what a model of a few lines gives: in every engine, over restarts and merges."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

import apsw
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tasktree_jupyter.storage import sqlite_merge
from tasktree_jupyter.storage.log import Batch, EventLog, NewEvent, NoSuchProject, Trimmed
from tasktree_jupyter.storage.memory import MemoryLog
from tasktree_jupyter.storage.sqlite import SqliteLog
from tests.searching import examples

T = TypeVar("T")

PROJECTS = st.sampled_from(["p", "q"])
SOURCES = st.sampled_from(["a", "b", None])
OFFSETS = st.integers(0, 30)


class Model:
    """One project: plain lists, no cleverness."""

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        self.events: list[tuple[bytes, int]] = []
        self.trimmed = 0
        self.seen: dict[str, int] = {}
        self.attributes: dict[str, int] = {}

    @property
    def at(self) -> int:
        return self.events[-1][1] if self.events else 0


class Machine(RuleBasedStateMachine):
    """The model beside an engine. Subclasses say which."""

    kind = ""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="tasktree-model-"))
        self.models: dict[str, Model] = {}
        self.epochs: set[str] = set()
        self.counter = 0
        self.log = self.start()

    def start(self) -> EventLog:
        log: EventLog = MemoryLog() if self.kind == "memory" else SqliteLog(self.folder, journal=self.kind)
        self.do(log.start())
        return log

    def do(self, call: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(call)

    def teardown(self) -> None:
        self.do(self.log.close())
        self.loop.close()
        shutil.rmtree(self.folder)

    def body(self) -> bytes:
        self.counter += 1
        return b'{"n":%d,"t":"%b"' % (self.counter, b"z" * (self.counter % 40))

    @rule(
        project=PROJECTS,
        frames=st.lists(
            st.tuples(SOURCES, st.integers(-3, 2), st.integers(0, 4), st.sets(st.integers(0, 3)), st.booleans()),
            min_size=1,
            max_size=3,
        ),
        now=st.integers(1, 50),
    )
    def append(self, project: str, frames: list[tuple[str | None, int, int, set[int], bool]], now: int) -> None:
        model = self.models.get(project) or Model("")
        at = max(now, model.at)
        batches: list[Batch] = []
        stored: list[bytes] = []
        expected: list[tuple[int | None, int, int | None]] = []
        seen = dict(model.seen)
        for source, shift, size, rejected, dropped in frames:
            if source is None:
                events = [NewEvent(None, self.body()) for _ in range(size)]
                batches.append(Batch(None, None, None, events))
                stored += [event.body for event in events]
                expected.append((None, 0, None))
                continue
            upto = seen.get(source, 0)
            first = max(upto + 1 + shift, 1)
            last = first + size - 1
            events = [NewEvent(seq, self.body()) for seq in range(first, last + 1) if seq - first not in rejected]
            told = self.body() if dropped else None
            batches.append(Batch(source, first, last, events, int(dropped), told))
            if first > upto + 1 and told is None:
                expected.append((upto, 0, upto + 1))
                continue
            if first > upto + 1 and told is not None:
                stored.append(told)
            new = [event.body for event in events if event.seq is not None and event.seq > upto]
            stored += new
            seen[source] = max(upto, last)
            expected.append((seen[source], len(events) - len(new), None))

        commit = self.do(self.log.append(project, batches, now=now))

        if project not in self.models:
            assert commit.epoch not in self.epochs
            self.epochs.add(commit.epoch)
            model.epoch = commit.epoch
            self.models[project] = model
        model.seen = seen
        first_offset = len(model.events) + 1
        wire = [b'%b,"offset":%d,"at":%d}' % (body, first_offset + i, at) for i, body in enumerate(stored)]
        model.events += [(event, at) for event in wire]
        assert commit.events == wire
        assert (commit.epoch, commit.first_offset, commit.last_offset) == (model.epoch, first_offset, len(model.events))
        assert commit.at == model.at
        assert [(one.upto, one.duplicates, one.seq_gap_expected) for one in commit.results] == expected

    @rule(
        project=PROJECTS,
        after=OFFSETS,
        limit=st.integers(0, 12),
        until=st.none() | OFFSETS,
        most=st.none() | st.integers(0, 600),
    )
    def read(self, project: str, after: int, limit: int, until: int | None, most: int | None) -> None:
        model = self.models.get(project)
        call = self.log.read(project, after, limit=limit, until=until, max_bytes=most)
        if model is None:
            with pytest.raises(NoSuchProject):
                self.do(call)
        elif after < model.trimmed:
            with pytest.raises(Trimmed):
                self.do(call)
        else:
            end = len(model.events) if until is None else until
            events = [event for event, _ in model.events][after:end][:limit]
            sizes = accumulate(map(len, events))
            fitting = len(events) if most is None else max(sum(size <= most for size in sizes), min(1, len(events)))
            assert self.do(call) == events[:fitting]

    @rule(project=PROJECTS, offset=OFFSETS)
    def ask_at(self, project: str, offset: int) -> None:
        model = self.models.get(project)
        ats = {0: 0} | {i: at for i, (_, at) in enumerate(model.events, 1)} if model else {}
        known = ats.get(offset) if model and offset >= model.trimmed else None
        assert self.do(self.log.at_of(project, offset)) == known

    @rule(project=PROJECTS, at=st.integers(0, 60))
    def ask_offset(self, project: str, at: int) -> None:
        if (model := self.models.get(project)) is not None:
            known = sum(1 for _, then in model.events if then <= at)
            assert self.do(self.log.offset_at(project, at)) == max(known, model.trimmed)

    @rule(project=PROJECTS, offset=OFFSETS)
    def trim(self, project: str, offset: int) -> None:
        if (model := self.models.get(project)) is not None:
            self.do(self.log.trim(project, offset))
            model.trimmed = max(model.trimmed, min(offset, len(model.events)))

    @rule(project=PROJECTS, value=st.none() | st.integers(0, 9))
    def attribute(self, project: str, value: int | None) -> None:
        if (model := self.models.get(project)) is not None:
            self.do(self.log.set_attributes(project, {"key": value}))
            model.attributes = {} if value is None else {"key": value}

    @rule(project=PROJECTS)
    def delete(self, project: str) -> None:
        assert self.do(self.log.delete(project)) == (self.models.pop(project, None) is not None)

    @rule()
    def restart(self) -> None:
        if self.kind != "memory":
            self.do(self.log.close())
            self.log = self.start()

    @rule()
    def merge(self) -> None:
        for path in self.folder.glob("*.sqlite"):
            connection = apsw.Connection(str(path))
            while sqlite_merge.merge(connection):
                pass
            connection.close()

    @invariant()
    def everything_is_as_the_model_says(self) -> None:
        for project in ("p", "q"):
            model, head = self.models.get(project), self.do(self.log.head(project))
            if model is None:
                assert head is None
                continue
            assert head is not None
            assert (head.epoch, head.trimmed, head.offset) == (model.epoch, model.trimmed, len(model.events))
            assert head.at == model.at
            for source in ("a", "b"):
                assert self.do(self.log.upto(project, source)) == model.seen.get(source, 0)
        listed = {record.project_id: record.attributes for record in self.do(self.log.projects())}
        assert listed == {project: model.attributes for project, model in self.models.items()}


class Memory(Machine):
    kind = "memory"


class Wal(Machine):
    kind = "wal"


class Truncate(Machine):
    kind = "truncate"


@pytest.mark.parametrize("machine", [Memory, Wal, Truncate])
def test_every_sequence_of_calls_gives_what_the_model_gives(machine: type[Machine]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples(25),
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
