"""`on_attention`: be told of what somebody should look at, once each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, get_args

from tasktree_jupyter.client.failures import began_at, failed_since, named
from tasktree_jupyter.client.place import asked_project
from tasktree_jupyter.client.session import session
from tasktree_jupyter.client.silent import SilentAgents
from tasktree_jupyter.client.slower import SlowSiblings
from tasktree_jupyter.client.subscribe import Subscription
from tasktree_jupyter.client.watching import WatchedTree, node_of
from tasktree_jupyter.core.signature import signature_of
from tasktree_jupyter.core.status import ENDED
from tasktree_jupyter.core.times import parse_time
from tasktree_jupyter.core.typical import RUNS, is_as_large

if TYPE_CHECKING:
    from tasktree_jupyter.core.signature import Signature
    from tasktree_jupyter.core.tree import TaskTree

AttentionKind = Literal["failed", "ended", "slow", "stale", "silent_agent", "retry_loop", "slow_sibling"]

KINDS: Final[tuple[AttentionKind, ...]] = get_args(AttentionKind)
_EVERY: Final = 5.0
"""Seconds between two looks whether a run has become slow, or an agent silent, …: no event says so."""
_LOOKED_FOR: Final = frozenset({"slow", "silent_agent", "slow_sibling"})
_LATE: Final = 1.5
_LATE_BY: Final = 10.0
_LATE_RUNS: Final = 2
_LOOPING: Final = 3
"""An attempt from which on one speaks of a loop."""
_TRIED: Final = frozenset({"failed", "running", "ready"})
_MOST_KINDS: Final = 10_000
"""Kinds of failures, and groups with retries, that are remembered as told; past that, the oldest may be told again."""


class Attention(NamedTuple):
    """Something that somebody should look at. As a `str` it is a sentence.

    Attributes:
        kind: `failed`: a task failed in a way that nothing in its run had before. `ended`: a run has. `slow`: a run
            takes much longer than those of its title and size that completed before. `stale`: the process of running
            tasks isn't heard any more. `silent_agent`: no sign of life came of an agent that works, for longer than it
            promised (docs/concepts.md, Agent). `retry_loop`: a task is at its third attempt or a later one, told once
            for the tasks of a group. `slow_sibling`: a task has run for three times what 95 % of those like it beside
            it took, at least eight of them, and for ten seconds; told once for those that are alike.
        project_id: its project; None where only this process has it.
        node: the task it is about (docs/fold.md): `node_id`, `title`, `status`, `error`, `params`, …
        mission: the root of its run, in the same form; the node itself where that is the root.
        text: what is the matter.
    """

    kind: AttentionKind
    project_id: str | None
    node: dict[str, Any]
    mission: dict[str, Any]
    text: str

    def __str__(self) -> str:
        below = "" if self.node is self.mission else f" in {_title(self.mission)}"
        return f"{_title(self.node)}{below}: {self.text}"


OnAttention = Callable[[Attention], object]


class _Watcher:
    def __init__(
        self,
        watched: WatchedTree,
        project_id: Callable[[], str | None],
        callback: OnAttention,
        kinds: frozenset[str],
    ) -> None:
        self._watched = watched
        self._project_id = project_id
        self._callback = callback
        self._kinds = kinds
        self._failed: dict[tuple[str, Signature], None] = {}
        self._slow: set[str] = set()
        self._silent: set[str] = set()
        self._agents = SilentAgents()
        self._loops: dict[str, None] = {}
        self._siblings = SlowSiblings()
        self._unheard: frozenset[str] = frozenset()
        self._looked = time.monotonic()

    def __call__(self, event: dict[str, Any]) -> None:
        # One callback that fails must not keep the others from being told.
        error: Exception | None = None
        for each in self._found(event):
            try:
                self._callback(each)
            except Exception as raised:
                error = error or raised
        if error is not None:
            raise error

    def _found(self, event: dict[str, Any]) -> Iterator[Attention]:
        kind = event.get("type")
        if kind == "presence":
            sources = event["data"]["sources"]
            self._unheard = frozenset(each for source in sources for each in source.get("nodes") or ())
            if "stale" in self._kinds:
                self._watched.look()
                yield from self._stale(sources)
        elif kind != "tick":
            yield from self._happened(event)
        now = time.monotonic()
        if self._kinds & _LOOKED_FOR and now - self._looked >= _EVERY:
            self._looked = now
            self._watched.look()
            yield from self._look(time.time_ns() // 1000)

    def _look(self, now: int) -> Iterator[Attention]:
        if "slow" in self._kinds:
            yield from self._slow_runs(now)
        if "silent_agent" in self._kinds:
            yield from self._silent_agents(now)
        if "slow_sibling" in self._kinds:
            for slower in self._siblings.found(self._watched.tree, now, self._unheard):
                text = f"running for {_long(slower.elapsed / 1e6)}, others like it {_long(slower.pace / 1e6)}"
                yield self._of("slow_sibling", slower.node_id, text)

    def _happened(self, event: dict[str, Any]) -> Iterator[Attention]:
        watched = self._watched
        before = watched.prepare(event)
        failed = [] if before is None else [*failed_since(before, watched.tree)]
        ended = [] if before is None else [*_ended_since(before, watched.tree)]
        node_id = node_of(event)
        was = _status(watched.tree, node_id)
        watched.take(event)
        if "silent_agent" in self._kinds:
            self._agents.heard(watched.tree, event)
        status = _status(watched.tree, node_id)
        if node_id is not None and status in _TRIED and "retry_loop" in self._kinds:
            yield from self._retry_loop(node_id)
        if node_id is not None and status != was:
            self._siblings.changed(watched.tree, node_id, status)
        if node_id is not None and status is not None and status != was:
            if status == "failed":
                failed.append(node_id)
            if status in ENDED and was not in ENDED and watched.tree.parent(node_id) is None:
                ended.append(node_id)
        if "failed" in self._kinds:
            for each in failed:
                yield from self._failure(each)
        if "ended" in self._kinds:
            for each in ended:
                yield self._of("ended", each, _ending(watched.tree, each))

    def _of(self, kind: AttentionKind, node_id: str, text: str) -> Attention:
        tree = self._watched.tree
        root = _root(tree, node_id)
        node = tree.node(node_id)
        return Attention(kind, self._project_id(), node, node if root == node_id else tree.node(root), text)

    def _failure(self, node_id: str) -> Iterator[Attention]:
        tree = self._watched.tree
        if not began_at(tree, node_id):
            return
        node = tree.node(node_id)
        kind = (_root(tree, node_id), signature_of(node))
        if kind in self._failed:
            return
        if len(self._failed) >= _MOST_KINDS:
            del self._failed[next(iter(self._failed))]
        self._failed[kind] = None
        yield self._of("failed", node_id, named(node))

    def _stale(self, sources: Iterable[dict[str, Any]]) -> Iterator[Attention]:
        """A process is told once, and again only if it was heard in between."""
        tree = self._watched.tree
        silent: dict[str, dict[str, Any]] = {str(source.get("source")): source for source in sources}
        fresh = [source for source_id, source in silent.items() if source_id not in self._silent]
        self._silent = set(silent)
        for source in fresh:
            running = [each for each in source.get("nodes") or () if _status(tree, each) == "running"]
            if running:
                first = min(running, key=lambda each: _depth(tree, each))
                leaves = sum(1 for each in running if not tree.children(each))
                since = datetime.fromtimestamp(int(source.get("silent_since") or 0) / 1e6).strftime("%H:%M")
                tasks = "1 task" if leaves == 1 else f"{leaves} tasks"
                yield self._of("stale", first, f"no word of {tasks} since {since}")

    def _retry_loop(self, node_id: str) -> Iterator[Attention]:
        """Of a run that has ended nobody waits for the next attempt."""
        tree = self._watched.tree
        node = tree.node(node_id)
        attempt, group = node.get("attempt", 1), tree.parent(node_id) or node_id
        if attempt < _LOOPING or group in self._loops or tree.status_of(_root(tree, node_id)) in ENDED:
            return
        if len(self._loops) >= _MOST_KINDS:
            del self._loops[next(iter(self._loops))]
        self._loops[group] = None
        yield self._of("retry_loop", node_id, f"attempt {attempt}")

    def _silent_agents(self, now: int) -> Iterator[Attention]:
        for silent in self._agents.found(self._watched.tree, now):
            text = f"agent {silent.agent} silent for {_long((now - silent.heard_at) / 1e6)}"
            yield self._of("silent_agent", silent.node_id, text)

    def _slow_runs(self, now: int) -> Iterator[Attention]:
        tree = self._watched.tree
        missions = tree.missions(200)[0]
        for place, mission in enumerate(missions):
            mission_id, started = mission["mission_id"], parse_time(mission["started_at"])
            if mission["status"] != "running" or started is None or mission_id in self._slow:
                continue
            earlier = [
                other
                for other in missions[place + 1 :]
                if other["title"] == mission["title"] and other["status"] in ENDED
            ][:RUNS]
            alike = (other for other in earlier if is_as_large(mission["rollup"], other["rollup"]["total"]))
            times = [each for other in alike if (each := _duration(other)) is not None]
            elapsed = (now - started) / 1e6
            if len(times) >= _LATE_RUNS:
                usual = median(times)
                if elapsed >= _LATE * usual and elapsed - usual >= _LATE_BY:
                    self._slow.add(mission_id)
                    yield self._of("slow", mission_id, f"running for {_long(elapsed)}, usually {_long(usual)}")


def _ended_since(before: TaskTree, after: TaskTree) -> Iterator[str]:
    for node_id in after.roots:
        if after.status_of(node_id) in ENDED and _status(before, node_id) not in ENDED:
            yield node_id


def _ending(tree: TaskTree, node_id: str) -> str:
    mission = tree.node(node_id)
    started_at, ended_at = parse_time(mission.get("started_at")), parse_time(mission.get("ended_at"))
    after = "" if started_at is None or ended_at is None else f" after {_long((ended_at - started_at) / 1e6)}"
    failures = tree.rollup(node_id)["failures"]
    lost = "" if not failures else ", 1 failure" if failures == 1 else f", {failures} failures"
    return f"{mission['status']}{after}{lost}"


def _duration(mission: dict[str, Any]) -> float | None:
    started, ended = parse_time(mission["started_at"]), parse_time(mission["ended_at"])
    if mission["status"] != "completed" or started is None or ended is None:
        return None
    return (ended - started) / 1e6


def _long(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _title(node: dict[str, Any]) -> str:
    return str(node.get("title") or node["node_id"])


def _status(tree: TaskTree, node_id: object) -> str | None:
    return tree.status_of(node_id) if isinstance(node_id, str) and node_id in tree else None


def _root(tree: TaskTree, node_id: str) -> str:
    root = node_id
    while (above := tree.parent(root)) is not None:
        root = above
    return root


def _depth(tree: TaskTree, node_id: str) -> int:
    depth, at = 0, node_id
    while (above := tree.parent(at)) is not None:
        depth, at = depth + 1, above
    return depth


def on_attention(
    callback: OnAttention, project: str | None = None, kinds: Iterable[AttentionKind] = KINDS
) -> Subscription:
    """Call `callback` with what somebody should look at from now on, once each, whoever emitted that.

    Failures are told by their kind: 212 tasks that fail with the same exception at the same place are one call in a run
    (`on_failure` tells each of them). It runs on a thread of its own, in the context of this call, so what it prints
    appears under this cell; what it raises is told once, and it goes on.

    ```python
    tt.on_attention(lambda attention: notify(str(attention)), project="nightly-etl", kinds=("failed", "ended"))
    ```

    Args:
        callback: called with an `Attention`: `kind`, `node`, `mission`, `project_id`, `text`, and a sentence as its
            `str`.
        project: as in `emit`.
        kinds: of `failed`, `ended`, `slow`, `stale`, `silent_agent`, `retry_loop` and `slow_sibling`, those that are
            wanted; see `Attention`. `slow` needs two
            completed runs of the same title, half as much time again, and ten seconds more. `stale` is what the server
            says of processes it doesn't hear (`source_silence`): without a server there is none.

    Returns:
        a `Subscription`; closing it, or leaving its `with` block, ends it.

    Raises:
        TypeError: `callback` can't be called.
        ValueError: `project` is no project id, or one of `kinds` is none.
    """
    if not callable(callback):
        raise TypeError(f"callback must be callable, not {callback!r}")
    wanted = frozenset([kinds] if isinstance(kinds, str) else kinds)
    if unknown := sorted(map(repr, wanted - set(KINDS))):
        raise ValueError(f"kinds has {', '.join(unknown)}; there are {', '.join(KINDS)}")
    this = session()
    this.check_in()
    target = asked_project(this, project)
    connection = this.connection
    # Without a server: what happened before doesn't count, so the tree is taken before events are.
    watcher = _Watcher(WatchedTree(this, target), lambda: target.project_id, callback, wanted)
    subscription = Subscription(target, watcher, None, None, copy_context(), this.complaints, connection.unfollow)
    subscription.given_to = "on_attention"
    subscription.hears_presence = bool(wanted & {"stale", "slow_sibling"})
    subscription.every = _EVERY if wanted & _LOOKED_FOR else None
    connection.follow(subscription)
    return subscription
