"""The snapshots of a project: named offsets, with the whole state kept at them."""

from __future__ import annotations

import secrets
from typing import Any

from tornado import web

from tasktree_jupyter.core.shape import SNAPSHOT_FIELDS, sanitise
from tasktree_jupyter.core.times import format_time
from tasktree_jupyter.server.intake import now_us
from tasktree_jupyter.server.moments import NOW
from tasktree_jupyter.server.rest.base import BodyHandler, Refusal, id_of, project_id_of, refusing
from tasktree_jupyter.server.rest.publish import publish_one

_SHOWN = ("snapshot_id", "name", "tags", "note", "timestamp", "offset", "at")


class _Snapshots(BodyHandler):
    async def _all(self, project_id: str) -> list[dict[str, Any]]:
        async with self.manager.history.at(project_id, NOW) as past:
            return [_shown(snapshot) for snapshot in past.tree.snapshots()]

    async def _one(self, project_id: str, snapshot_id: str) -> dict[str, Any]:
        for snapshot in await self._all(project_id):
            if snapshot["snapshot_id"] == snapshot_id:
                return snapshot
        raise Refusal(404, f"There is no snapshot {snapshot_id[:80]!r}", "not_found", "snapshot_id")

    def _fields(self, *allowed: str) -> dict[str, Any]:
        """Return the body's fields; an empty body has none."""
        body = self.read_object()[0] if self.body.strip() else {}
        for key in body:
            if key not in allowed:
                message = f"{key[:80]!r} means nothing here; what does: {', '.join(allowed)}"
                raise Refusal(400, message, "unknown_field", key)
        fields: dict[str, Any] = sanitise(body, "body")
        return fields

    async def _publish(self, project_id: str, type: str, data: dict[str, Any]) -> None:
        self.count_events(1)
        envelope = {"type": type, "data": data, "timestamp": format_time(now_us())}
        try:
            await publish_one(self.manager, project_id, envelope)
        except Refusal as refusal:
            # To the caller the fields of the body are what it sent, not those of the event that we made of it.
            field = refusal.body["field"]
            if isinstance(field, str):
                refusal.body["field"] = field.removeprefix("data.").removeprefix("changes.")
            refusal.body.pop("rejected", None)
            raise


class SnapshotsHandler(_Snapshots):
    """`GET` and `POST api/projects/{project_id}/snapshots`."""

    @web.authenticated
    async def get(self, project_id: str) -> None:
        """List the snapshots, oldest first."""
        with refusing():
            await self.answer_long({"snapshots": await self._all(project_id_of(project_id))})

    @web.authenticated
    async def post(self, project_id: str) -> None:
        """Name this moment of a project that is there."""
        with refusing():
            await self._all(project_id_of(project_id))
            fields = self._fields("snapshot_id", *SNAPSHOT_FIELDS)
            if fields.get("snapshot_id") is None:
                fields["snapshot_id"] = secrets.token_hex(8)
            await self._publish(project_id, "mission_snapshot", fields)
            self.answer(await self._one(project_id, fields["snapshot_id"]), 201)


class SnapshotHandler(_Snapshots):
    """`GET`, `PATCH` and `DELETE api/projects/{project_id}/snapshots/{snapshot_id}`."""

    @web.authenticated
    async def get(self, project_id: str, snapshot_id: str) -> None:
        """Describe one snapshot."""
        with refusing():
            self.answer(await self._one(project_id_of(project_id), id_of(snapshot_id, "snapshot_id")))

    @web.authenticated
    async def patch(self, project_id: str, snapshot_id: str) -> None:
        """Change its name, tags or note; null takes one away."""
        with refusing():
            await self._one(project_id_of(project_id), id_of(snapshot_id, "snapshot_id"))
            changes = self._fields(*SNAPSHOT_FIELDS)
            if changes:
                await self._publish(project_id, "snapshot_update", {"snapshot_id": snapshot_id, "changes": changes})
            self.answer(await self._one(project_id, snapshot_id))

    @web.authenticated
    async def delete(self, project_id: str, snapshot_id: str) -> None:
        """Remove a snapshot; the events up to it stay in the log as long as others do."""
        with refusing():
            await self._one(project_id_of(project_id), id_of(snapshot_id, "snapshot_id"))
            await self._publish(project_id, "snapshot_update", {"snapshot_id": snapshot_id, "changes": None})
        self.answer_nothing()


def _shown(snapshot: dict[str, Any]) -> dict[str, Any]:
    return {key: snapshot.get(key) for key in _SHOWN}
