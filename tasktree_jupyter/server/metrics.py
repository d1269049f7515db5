"""What Prometheus gets of us on Jupyter's `/metrics` (docs/metrics.md).

Counters and latencies are the numbers of `tally.py`. What lies in objects already (connections, rooms, bytes that wait)
isn't counted: it is looked up when somebody scrapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol
from weakref import WeakSet

from prometheus_client import REGISTRY
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)

from tasktree_jupyter._version import __version__
from tasktree_jupyter.server.condition import OK
from tasktree_jupyter.server.tally import (
    BEGINNINGS,
    CODES,
    ENDINGS,
    KINDS,
    OPERATIONS,
    OTHER,
    REASONS,
    TALLY,
    Durations,
    Tally,
)

if TYPE_CHECKING:
    from tasktree_jupyter.server.manager import WebSocketManager

STATES: Final = ("live", "catching_up", "stalled")


class Watched(Protocol):
    """A server whose state is looked up at a scrape."""

    manager: WebSocketManager


class Now:
    """What there is at the moment of a scrape, over all servers of this process."""

    def __init__(self, watched: Iterable[Watched]) -> None:
        self.connections = dict.fromkeys(KINDS, 0)
        self.subscriptions = dict.fromkeys(STATES, 0)
        self.threshold = self.rooms = self.nodes = self.queued = self.degraded = 0
        self.unacked: list[int] = [0]
        self.buffered: list[int] = [0]
        self.engines: set[str] = set()
        for each in watched:
            self._look_at(each.manager)

    def _look_at(self, manager: WebSocketManager) -> None:
        self.engines.add(manager.log.engine)
        self.degraded |= manager.condition.current.kind != OK
        self.threshold += manager.limits.warn_connections
        for connection in manager.connections:
            self.connections[connection.kind] += 1
            self.buffered.append(connection.buffered_bytes)
            for subscription in connection.subscriptions:
                self.subscriptions[subscription.state] += 1
                self.unacked.append(subscription.unacked_bytes)
        for room in manager.rooms:
            self.rooms += 1
            self.nodes += len(room.tree)
            self.queued += room.queued_bytes


Value = float | Mapping[str, float]


class Definition(NamedTuple):
    """A metric that is made at a scrape.

    Attributes:
        name: as it is scraped, without the `tasktree_` before it.
        kind: counter or gauge.
        about: its help.
        read: returns the number, or numbers by the values of `label`.
        label: the only label, or None.
        values: all that the label can be.
    """

    name: str
    kind: Literal["counter", "gauge"]
    about: str
    read: Callable[[Tally, Now], Value]
    label: str | None = None
    values: tuple[str, ...] = ()


_CODES: Final = (*CODES, OTHER)

DEFINITIONS: Final = (
    Definition("connections", "gauge", "Open WebSocket connections.", lambda _, now: now.connections, "kind", KINDS),
    Definition(
        "connections_warning_threshold",
        "gauge",
        "With more connections than this the log is warned, and again at each doubling.",
        lambda _, now: now.threshold,
    ),
    Definition(
        "connections_warnings_total",
        "counter",
        "How often the log was warned of too many connections.",
        lambda tally, _: tally.warnings,
    ),
    Definition(
        "connections_opened_total",
        "counter",
        "Connections that were opened.",
        lambda tally, _: tally.opened.numbers,
        "kind",
        (*KINDS, OTHER),
    ),
    Definition(
        "connections_closed_total",
        "counter",
        "Connections that have ended, by why; client: it left, or the network did.",
        lambda tally, _: tally.closed.numbers,
        "reason",
        ("client", *ENDINGS.values(), OTHER),
    ),
    Definition(
        "subscriptions",
        "gauge",
        "Subscriptions to projects; stalled: nothing is sent until the subscriber acknowledges.",
        lambda _, now: now.subscriptions,
        "state",
        STATES,
    ),
    Definition(
        "subscribes_total",
        "counter",
        "Subscribes by how they began: new (from a snapshot, as asked), recovered (exact replay), "
        "too_far (a snapshot was cheaper), resync (the position wasn't one of this log).",
        lambda tally, _: tally.subscribed.numbers,
        "beginning",
        (*BEGINNINGS, OTHER),
    ),
    Definition(
        "resyncs_total",
        "counter",
        "Times that a subscriber was sent the whole state because what it missed couldn't be replayed.",
        lambda tally, _: tally.resyncs.numbers,
        "reason",
        (*REASONS, OTHER),
    ),
    Definition(
        "subscriber_stalls_total",
        "counter",
        "Times that a subscriber fell so far behind that nothing more was sent to it.",
        lambda tally, _: tally.stalls,
    ),
    Definition(
        "events_received_total",
        "counter",
        "Events that were published here by somebody who may, stored or not.",
        lambda tally, _: tally.received,
    ),
    Definition("events_stored_total", "counter", "Events that went into a log.", lambda tally, _: tally.stored),
    Definition(
        "events_duplicate_total",
        "counter",
        "Events that were sent again and were stored already.",
        lambda tally, _: tally.duplicates,
    ),
    Definition(
        "events_rejected_total",
        "counter",
        "Events that were refused one by one, by code.",
        lambda tally, _: tally.rejected.numbers,
        "code",
        _CODES,
    ),
    Definition(
        "events_dropped_total",
        "counter",
        "Events that emitters had to drop before they could be sent; each gap is in its log too.",
        lambda tally, _: tally.dropped,
    ),
    Definition(
        "events_delivered_total",
        "counter",
        "Events written to subscribers, each counted for each of them.",
        lambda tally, _: tally.delivered,
    ),
    Definition(
        "publishes_failed_total",
        "counter",
        "Publishes of which nothing was stored, by code.",
        lambda tally, _: tally.failed.numbers,
        "code",
        _CODES,
    ),
    Definition(
        "frames_refused_total",
        "counter",
        "Frames that were answered by an error, by code.",
        lambda tally, _: tally.refused.numbers,
        "code",
        _CODES,
    ),
    Definition(
        "storage_errors_total",
        "counter",
        "Failures of the storage, by what was being done.",
        lambda tally, _: tally.storage_errors.numbers,
        "operation",
        (*OPERATIONS, OTHER),
    ),
    Definition(
        "storage_degraded",
        "gauge",
        "1 while data isn't kept as configured and a banner says so, else 0.",
        lambda _, now: now.degraded,
    ),
    Definition(
        "received_bytes_total", "counter", "Bytes of messages from sockets.", lambda tally, _: tally.received_bytes
    ),
    Definition("sent_bytes_total", "counter", "Bytes written to sockets.", lambda tally, _: tally.sent_bytes),
    Definition("rooms", "gauge", "Projects that are open in memory.", lambda _, now: now.rooms),
    Definition("nodes", "gauge", "Nodes of the trees in memory.", lambda _, now: now.nodes),
    Definition("publish_queue_bytes", "gauge", "Bytes of publishes that wait for the log.", lambda _, now: now.queued),
    Definition(
        "unacked_bytes",
        "gauge",
        "Bytes that subscribers haven't acknowledged yet.",
        lambda _, now: sum(now.unacked),
    ),
    Definition("max_unacked_bytes", "gauge", "The same of the one that lags most.", lambda _, now: max(now.unacked)),
    Definition(
        "write_buffer_bytes",
        "gauge",
        "Bytes that wait in this process for slow connections.",
        lambda _, now: sum(now.buffered),
    ),
    Definition(
        "max_write_buffer_bytes", "gauge", "The same of the one that lags most.", lambda _, now: max(now.buffered)
    ),
)


LATENCIES: Final = (
    (
        "commit_duration_seconds",
        "Time from handing a batch of events to the log until it is stored as promised (on disk), in seconds.",
        TALLY.commits,
    ),
    (
        "delivery_duration_seconds",
        "Time from a commit, as known here, until its batch was written to the last live subscriber, in seconds.",
        TALLY.deliveries,
    ),
)
"""The histograms: name, help and numbers."""


class _Collector:
    def __init__(self) -> None:
        self.watched: WeakSet[Watched] = WeakSet()

    def describe(self) -> Iterator[Metric]:
        """Return the metrics without numbers, so that a clash of names is seen at once."""
        yield from (_family(definition) for definition in DEFINITIONS)
        yield from (_histogram(*latency) for latency in LATENCIES)
        yield InfoMetricFamily("tasktree", _ABOUT_INFO)

    def collect(self) -> Iterator[Metric]:
        """Return the metrics as they are now."""
        now = Now(tuple(self.watched))
        for definition in DEFINITIONS:
            family, value = _family(definition), definition.read(TALLY, now)
            numbers = value.items() if isinstance(value, Mapping) else [(None, value)]
            for of, number in numbers:
                family.add_metric([] if of is None else [of], number)
            yield family
        yield from (_histogram(*latency) for latency in LATENCIES)
        info = InfoMetricFamily("tasktree", _ABOUT_INFO, labels=("version", "engine"))
        for engine in sorted(now.engines):
            info.add_metric((__version__, engine), {})
        yield info


_ABOUT_INFO: Final = "The version of TaskTree, and the engine that keeps its logs."


def _family(definition: Definition) -> CounterMetricFamily | GaugeMetricFamily:
    family = CounterMetricFamily if definition.kind == "counter" else GaugeMetricFamily
    labels = () if definition.label is None else (definition.label,)
    return family(f"tasktree_{definition.name}", definition.about, labels=labels)


def _histogram(name: str, about: str, durations: Durations) -> HistogramMetricFamily:
    bounds = [*map(str, map(float, durations.bounds)), "+Inf"]
    buckets = list(zip(bounds, accumulate(durations.numbers), strict=True))
    return HistogramMetricFamily(f"tasktree_{name}", about, buckets=buckets, sum_value=durations.sum)


_COLLECTOR: Final = _Collector()
REGISTRY.register(_COLLECTOR)


def watch(server: Watched) -> None:
    """Look this server up at each scrape, as long as it lives or until `unwatch`."""
    _COLLECTOR.watched.add(server)


def unwatch(server: Watched) -> None:
    """The server has stopped."""
    _COLLECTOR.watched.discard(server)
