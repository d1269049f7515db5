"""The fold once more, the plain way: dicts that are copied, sums from scratch, no thought for speed.

Written rule by rule along docs/fold.md. What the fast tree gives must be what this gives.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from tasktree_jupyter.core.shape import check_data
from tasktree_jupyter.core.times import parse_time

ENDED = ("completed", "failed", "cancelled", "skipped")
WORKING = ("draft", "ready", "running", "review")
OLDER = {"unclaimed": "draft", "up_next": "ready", "in_progress": "running", "merged": "completed"}
LIMIT = 2**53 - 1


def usual(old: str, new: str) -> bool:
    path = [*WORKING, "completed"]
    if old in path and new in path and path.index(old) < path.index(new):
        return True
    if old == "review" and new in ("running", "ready"):
        return True
    if old in WORKING and new in ("failed", "cancelled", "skipped"):
        return True
    return old in ("failed", "cancelled", "skipped") and new in ("ready", "running")


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2, as it is written there."""
    if not isinstance(patch, dict):
        return patch
    target = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = merge_patch(target.get(name), value)
    return target


def whole(value: Any) -> bool:
    return type(value) in (int, float) and value == value // 1 and abs(value) <= LIMIT


class Reference:
    def __init__(self, max_nodes: int = 200_000, max_tombstones: int = 200_000) -> None:
        self.max_nodes = max_nodes
        self.max_tombstones = max_tombstones
        self.fields: dict[str, dict[str, Any]] = {}
        self.order: list[str] = []  # of attaching, all levels in one list
        self.tombstones: list[str] = []
        self.rest: dict[str, Any] = {
            "offset": 0,
            "at": 0,
            "status": None,
            "agents": {},
            "orchestrators": {},
            "snapshots": {},
            "removed_snapshots": [],
            "dropped": 0,
            "overflow": 0,
            "flagged": {"count": 0, "last": None},
        }

    # What it shows

    def below(self, parent: str | None) -> list[str]:
        return [n for n in self.order if self.fields[n].get("parent_id") == parent]

    def depth_first(self, start: str | None = None) -> list[str]:
        first = self.below(None) if start is None else [start]
        return [n for top in first for n in [top, *(m for child in self.below(top) for m in self.depth_first(child))]]

    def state(self) -> dict[str, Any]:
        return {"fold": 2, **self.rest, "roots": self.below(None), "tombstones": list(self.tombstones)}

    def nodes(self) -> list[dict[str, Any]]:
        return [{**self.fields[n], "rollup": self.rollup(n)} for n in self.depth_first()]

    def leaves(self, n: str) -> list[str]:
        return [m for m in self.depth_first(n) if not self.below(m)]

    def total(self, n: str) -> int:
        share = 0 if self.fields[n]["status"] in ENDED else int(self.fields[n].get("expected", 0))
        children = self.below(n)
        return max(share, sum(self.total(child) for child in children) if children else 1)

    def rollup(self, n: str) -> dict[str, Any]:
        counts: dict[str, int] = {}
        done = 0
        for leaf in map(self.fields.__getitem__, self.leaves(n)):
            status = leaf["status"]
            counts[status] = counts.get(status, 0) + 1
            if status != "skipped":
                done += 1000 if status in ENDED else int(leaf.get("progress", 0) * 1000 + 0.5)
        total = self.total(n)
        divisor = total - counts.get("skipped", 0)
        progress = 1000 if divisor == 0 else done // divisor
        return {
            "leaves": sum(counts.values()),
            "total": total,
            "done": done,
            "progress": progress,
            "failures": self.failures(n),
            "counts": counts,
        }

    def failures(self, n: str) -> int:
        return sum(map(self.failures, self.below(n))) or int(self.fields[n]["status"] == "failed")

    def span(self, n: str) -> tuple[int | None, int | None]:
        nodes = [self.fields[m] for m in self.depth_first(n)]
        starts = [t for t in (parse_time(node.get("started_at")) for node in nodes) if t is not None]
        ends = [t for t in (parse_time(node.get("ended_at")) for node in nodes) if t is not None]
        return min(starts, default=None), max(ends, default=None)

    # Folding

    def apply(self, event: dict[str, Any]) -> None:
        event = copy.deepcopy(event)
        rest = self.rest
        rest["offset"] = int(event["offset"]) if whole(event.get("offset")) else rest["offset"] + 1
        rest["at"] = int(event["at"]) if whole(event.get("at")) else rest["at"]
        kind, data, timestamp = event.get("type"), event.get("data"), event.get("timestamp")
        if (
            not isinstance(kind, str)
            or not re.fullmatch("[a-z][a-z0-9_.-]{0,63}", kind)
            or not isinstance(data, dict)
            or not isinstance(timestamp, str)
            or check_data(kind, data) is not None
        ):
            return self.flag("invalid")
        source = event.get("source")
        source = source if isinstance(source, str) else ""
        if kind == "task_status_changed":
            self.on_node(data["task_id"], {"status": data["status"]}, timestamp, None, None)
        elif kind == "node_update" and data["changes"] is None:
            self.remove(data["node_id"])
        elif kind == "node_update":
            self.update(data["node_id"], data["changes"], timestamp)
        elif kind == "state_transition":
            context = data.get("context") or {}
            if context.get("node_id") is None:
                rest["status"] = data["to"]
            else:
                self.on_node(context["node_id"], {"status": data["to"]}, timestamp, context, data.get("from"))
        elif kind == "node_log":
            self.log(data, timestamp)
        elif kind == "mission_snapshot":
            if data["snapshot_id"] in [*rest["snapshots"], *rest["removed_snapshots"]]:
                return self.flag("duplicate")
            entry = {"timestamp": timestamp, **{k: v for k, v in data.items() if v is not None}}
            rest["snapshots"][data["snapshot_id"]] = {**entry, "offset": rest["offset"], "at": rest["at"]}
        elif kind == "snapshot_update":
            self.update_snapshot(data["snapshot_id"], data["changes"])
        elif kind == "coordination_update":
            active = data.get("active_agents")
            active = len(data["agents"]) if active is None else int(active)
            rest["agents"][source] = {"active_agents": active, "agents": data["agents"], "timestamp": timestamp}
        elif kind.startswith("orchestrator_"):
            self.orchestrate(kind, source, data, timestamp)
        elif kind == "events_dropped":
            rest["dropped"] = min(rest["dropped"] + int(data["count"]), LIMIT)
        return None

    def update_snapshot(self, snapshot_id: str, changes: Any) -> None:
        snapshots = self.rest["snapshots"]
        if snapshot_id not in snapshots:
            self.flag("unknown_snapshot")
        elif changes is None:
            del snapshots[snapshot_id]
            self.rest["removed_snapshots"].append(snapshot_id)
        else:
            snapshots[snapshot_id] = merge_patch(
                snapshots[snapshot_id], {k: v for k, v in changes.items() if k in ("name", "note", "tags")}
            )

    def orchestrate(self, kind: str, source: str, data: dict[str, Any], timestamp: str) -> None:
        if kind == "orchestrator_started":
            said = {"status": "running", "a2amcp_enabled": data.get("a2amcp_enabled")}
        elif kind == "orchestrator_stopped":
            said = {"status": "stopped"}
        elif kind == "orchestrator_error":
            said = {"error": data["error"]}
        else:
            return
        entry = self.rest["orchestrators"].setdefault(source, {})
        entry.update({k: v for k, v in said.items() if v is not None}, timestamp=timestamp)

    def flag(self, reason: str) -> None:
        count = self.rest["flagged"]["count"] + 1
        self.rest["flagged"] = {"count": count, "last": {"offset": self.rest["offset"], "reason": reason}}

    def bury(self, n: str) -> None:
        if n not in self.tombstones:
            self.tombstones.append(n)
            del self.tombstones[: -self.max_tombstones]

    def remove(self, n: str) -> None:
        gone = self.depth_first(n) if n in self.fields else [n]
        for each in gone:
            self.bury(each)
        for each in gone:
            self.fields.pop(each, None)
            if each in self.order:
                self.order.remove(each)

    def full(self, needed: int) -> bool:
        if needed and len(self.fields) + needed > self.max_nodes:
            self.rest["overflow"] += 1
            return True
        return False

    def add(self, n: str, **fields: Any) -> None:
        self.fields[n] = {"node_id": n, "status": "draft", **fields}
        self.order.append(n)

    def log(self, data: dict[str, Any], timestamp: str) -> None:
        n = data["node_id"]
        if n in self.tombstones or (n not in self.fields and self.full(1)):
            return
        if n not in self.fields:
            self.add(n, placeholder=True)
        log = self.fields[n].setdefault("log", {"counts": {}})
        log["counts"][data["level"]] = log["counts"].get(data["level"], 0) + 1
        log["last"] = {"level": data["level"], "message": data["message"], "timestamp": timestamp}

    def on_node(self, n: str, changes: dict[str, Any], timestamp: str, context: Any, origin: str | None) -> None:
        if n in self.tombstones or (n not in self.fields and self.full(1)):
            return
        self.change(n, changes, timestamp, context, origin)

    def update(self, n: str, changes: dict[str, Any], timestamp: str) -> None:
        known = n in self.fields
        p = changes.get("parent_id")
        if n in self.tombstones and p is None and changes.get("title") is None:
            return
        current = self.fields[n].get("parent_id") if known else None
        moves = known and "parent_id" in changes and p != current
        if not known or moves:
            if p is not None and (p == n or (known and p in self.depth_first(n))):
                return self.flag("cycle")
            if p is not None and p in self.tombstones:
                if known:
                    return self.flag("parent_removed")
                return self.bury(n)
            if self.full((not known) + (p is not None and p not in self.fields)):
                return
            if p is not None and self.depth(p) + (self.height(n) if known else 1) > 64:
                return self.flag("depth")
        if n in self.tombstones:
            self.tombstones.remove(n)
        if p is not None and p not in self.fields:
            self.add(p, placeholder=True)
        self.change(n, changes, timestamp, None, None)
        if moves or (not known and p is not None):
            self.order.remove(n)
            self.order.append(n)
            self.fields[n].pop("parent_id", None)
            if p is not None:
                self.fields[n]["parent_id"] = p

    def depth(self, n: str) -> int:
        depth = 1
        while n in self.fields and "parent_id" in self.fields[n]:
            n, depth = self.fields[n]["parent_id"], depth + 1
        return depth

    def height(self, n: str) -> int:
        return 1 + max((self.height(child) for child in self.below(n)), default=0)

    def change(self, n: str, changes: dict[str, Any], timestamp: str, context: Any, origin: str | None) -> None:
        if n not in self.fields:
            self.add(n, placeholder=True)
        node = self.fields[n]
        fresh = bool(node.pop("placeholder", False))
        if fresh:
            node["created_at"] = timestamp
            if changes.get("created_at") is None:
                changes.pop("created_at", None)
        if changes.get("status") is not None:
            self.set_status(node, changes["status"], timestamp, fresh, context, origin)
        for name in ("node_id", "parent_id", "status", "log", "unusual", "placeholder", "rollup"):
            changes.pop(name, None)
        for name in ("attempt", "expected"):
            if changes.get(name) is not None:
                changes[name] = int(changes[name])
        self.fields[n] = merge_patch(node, changes)

    def set_status(
        self, node: dict[str, Any], word: str, timestamp: str, fresh: bool, context: Any, origin: str | None
    ) -> None:
        new, old = OLDER.get(word, word), node["status"]
        if not fresh:
            if origin is not None and OLDER.get(origin, origin) != old:
                node["unusual"] = {"from": origin, "to": new, "timestamp": timestamp}
            elif new != old and not usual(old, new):
                node["unusual"] = {"from": old, "to": new, "timestamp": timestamp}
            if new == old:
                for name in ("trigger", "reason"):
                    if context is not None and context.get(name) is not None:
                        node[name] = context[name]
                return
            if old in ENDED and new not in ENDED:
                node["attempt"] = min(node.get("attempt", 1) + 1, LIMIT)
                for name in ("ended_at", "started_at", "progress", "error", "message"):
                    node.pop(name, None)
        node["status"] = new
        if new == "ready":
            node.setdefault("queued_at", timestamp)
        if new == "running":
            node.setdefault("started_at", timestamp)
        node.pop("ended_at", None)
        if new in ENDED:
            node["ended_at"] = timestamp
        for name in ("trigger", "reason"):
            node.pop(name, None)
            if context is not None and context.get(name) is not None:
                node[name] = context[name]
