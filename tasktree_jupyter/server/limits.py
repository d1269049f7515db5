"""The bounds that the server keeps; `app.py` fills them from its traits."""

from __future__ import annotations

import msgspec

RETRY_AFTER = 1.0
"""When to ask again where too much is under way, in seconds."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """All bounds in one place. Bytes are of UTF-8 JSON, times are seconds."""

    max_message_bytes: int = 1024 * 1024
    max_events_per_publish: int = 1000
    max_unacked_bytes: int = 256 * 1024
    max_lag_bytes: int = 4 * 1024 * 1024
    max_replay_events: int = 10_000
    ping_interval: float = 20.0
    source_silence: float = 60.0
    max_connections: int = 3000
    max_connections_per_user: int = 2000
    warn_connections: int = 1000
    max_subscriptions: int = 256
    max_questions: int = 64
    max_publish_rate: float = 50_000.0
    publish_burst: int = 200_000
    max_projects: int = 10_000
    max_string_chars: int = 512 * 1024
    max_event_values: int = 100_000
    max_folds: int = 2
    max_reads: int = 64
    max_answer_bytes: int = 64 * 1024 * 1024
    max_requests: int = 256
    max_scanned_events: int = 50_000
    authorize_every: float = 30.0
    room_idle: float = 60.0
    fold_every: int = 5000
    max_sources: int = 5000
    max_queued_bytes: int = 64 * 1024 * 1024
    follow_interval: float = 2.0
    max_import_bytes: int = 512 * 1024 * 1024
    retain_days: float = 0.0
    retain_events: int = 0
    retain_missions: int = 0

    @property
    def hard_message_bytes(self) -> int:
        """Above this a message isn't even read: Tornado closes the connection. Below, it gets an answer."""
        return max(8 * self.max_message_bytes, 16 * 1024 * 1024)
