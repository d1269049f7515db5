"""What sources say of themselves: agents and orchestrators. `labextension/src/core/coordination.ts` is its twin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Coordination:
    """Agents and orchestrators by source; "" where an event had none."""

    def __init__(self) -> None:
        self._agents: dict[str, dict[str, Any]] = {}
        self._orchestrators: dict[str, dict[str, Any]] = {}

    def state(self) -> dict[str, Any]:
        """Return their part of a tree's state, in its wire form."""
        return {"agents": dict(self._agents), "orchestrators": dict(self._orchestrators)}

    @property
    def agents(self) -> Mapping[str, dict[str, Any]]:
        """What each source reported of agents last: `{"active_agents", "agents", "timestamp"}`."""
        return self._agents

    @property
    def orchestrators(self) -> Mapping[str, dict[str, Any]]:
        """What each source's orchestrator said of itself."""
        return self._orchestrators

    def load(self, state: Mapping[str, Any]) -> None:
        """Take them from a tree's state."""
        self._agents.update(state["agents"])
        self._orchestrators.update(state["orchestrators"])

    def coordinate(self, source: str, timestamp: str, data: dict[str, Any]) -> None:
        """Take the data of a `coordination_update`."""
        agents, active = data["agents"], data.get("active_agents")
        self._agents[source] = {
            "active_agents": len(agents) if active is None else int(active),
            "agents": agents,
            "timestamp": timestamp,
        }

    def started(self, source: str, timestamp: str, data: dict[str, Any]) -> None:
        """Take the data of an `orchestrator_started`."""
        enabled = data.get("a2amcp_enabled")
        told = {} if enabled is None else {"a2amcp_enabled": enabled}
        self._orchestrate(source, timestamp, {"status": "running"} | told)

    def stopped(self, source: str, timestamp: str) -> None:
        """Take an `orchestrator_stopped`."""
        self._orchestrate(source, timestamp, {"status": "stopped"})

    def failed(self, source: str, timestamp: str, error: str) -> None:
        """Take the error of an `orchestrator_error`."""
        self._orchestrate(source, timestamp, {"error": error})

    def _orchestrate(self, source: str, timestamp: str, fields: dict[str, Any]) -> None:
        # A new object each time: state() hands out the old ones.
        self._orchestrators[source] = self._orchestrators.get(source, {}) | fields | {"timestamp": timestamp}
