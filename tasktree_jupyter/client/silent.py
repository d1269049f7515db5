"""Agents that fall silent, as `on_attention` tells of them: each once in a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tasktree_jupyter.core.silence import Word, is_silent, word_of
from tasktree_jupyter.core.status import ENDED
from tasktree_jupyter.core.times import parse_time

if TYPE_CHECKING:
    from tasktree_jupyter.core.tree import TaskTree

_MISSIONS: Final = 200
_MOST: Final = 10_000
"""So many agents' signs of life are kept."""
_WORKING: Final = ("running", "review")


class Silent(NamedTuple):
    """An agent that is silent: in which run, at which task of its own (else the run's root), and since when."""

    agent: str
    mission_id: str
    node_id: str
    heard_at: float


class SilentAgents:
    """Give it each event, after the tree has it, and ask now and then who is silent."""

    def __init__(self) -> None:
        self._pulses: dict[str, int] = {}
        self._told: set[tuple[str, str]] = set()

    def heard(self, tree: TaskTree, event: dict[str, Any]) -> None:
        """Take note of an event: about a task of an agent's it is a sign of life."""
        data, at = event.get("data"), event.get("at")
        if not isinstance(data, dict) or not isinstance(at, int):
            return
        context = data.get("context")
        named = data.get("node_id") or data.get("task_id") or (isinstance(context, dict) and context.get("node_id"))
        if isinstance(named, str) and named in tree:
            agent = tree.agent_of(named)
            if agent is not None:
                self._pulse(agent, at)

    def found(self, tree: TaskTree, now: int) -> Iterator[Silent]:
        """Give those that have fallen silent since the last time. Reads the tasks only where one seems to be."""
        if not tree.agents:
            return
        first = tree.roots[0] if tree.roots else None
        for mission in tree.missions(_MISSIONS)[0]:
            mission_id = mission["mission_id"]
            if mission["status"] in ENDED or not (
                mission["status"] == "running" or any(mission["rollup"]["counts"].get(each) for each in _WORKING)
            ):
                continue
            times = (parse_time(mission["created_at"]), parse_time(mission["started_at"]))
            began = min((each for each in times if each is not None), default=None)
            words = _words(tree, None if mission_id == first else began)
            if any(self._is_fresh(mission_id, each, word, now) for each, word in words.items()):
                at_work = self._look(tree, mission_id, frozenset(words))
                for agent, word in words.items():
                    if self._is_fresh(mission_id, agent, word, now):
                        self._told.add((mission_id, agent))
                        heard_at = self._with_pulse(agent, word).heard_at or now
                        yield Silent(agent, mission_id, at_work.get(agent, mission_id), heard_at)

    def _is_fresh(self, mission_id: str, agent: str, word: Word, now: int) -> bool:
        return (mission_id, agent) not in self._told and is_silent(self._with_pulse(agent, word), now)

    def _with_pulse(self, agent: str, word: Word) -> Word:
        pulse = self._pulses.get(agent)
        known = [each for each in (word.heard_at, pulse) if each is not None]
        return word._replace(heard_at=max(known, default=None))

    def _look(self, tree: TaskTree, mission_id: str, agents: frozenset[str]) -> dict[str, str]:
        """Take note of what the agents' tasks tell of their lives; return what each is at."""
        at_work: dict[str, str] = {}
        for node_id in tree.walk(mission_id):
            agent = tree.agent_of(node_id)
            if agent is not None and agent in agents:
                node = tree.node(node_id)
                if node["status"] in _WORKING:
                    at_work.setdefault(agent, node_id)
                said = (node.get("log") or {}).get("last", {}).get("timestamp")
                for time in map(parse_time, (node.get("started_at"), node.get("ended_at"), said)):
                    if time is not None:
                        self._pulse(agent, time)
        return at_work

    def _pulse(self, agent: str, at: int) -> None:
        self._pulses[agent] = max(self._pulses.pop(agent, at), at)
        if len(self._pulses) > _MOST:
            del self._pulses[next(iter(self._pulses))]


def _words(tree: TaskTree, began: int | None) -> dict[str, Word]:
    """What was reported since a run began; a source replaces its own words only, and the last of all counts."""
    told = []
    for source, report in tree.agents.items():
        at = parse_time(report["timestamp"])
        if began is None or at is None or at >= began:
            stopped = tree.orchestrators.get(source, {}).get("status") == "stopped"
            told.append((at or 0, report["agents"], stopped))
    words: dict[str, Word] = {}
    for at, agents, stopped in sorted(told, key=lambda each: each[0]):
        for name, agent in agents.items():
            word = word_of(agent, at, stopped=stopped)
            before = words[name].heard_at if name in words else None
            known = [each for each in (before, word.heard_at) if each is not None]
            words[name] = word._replace(heard_at=max(known, default=None))
    return words
