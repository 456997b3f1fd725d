"""Prometheus metrics of the pod. No label holds an address, a ufrag or a call id."""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from antiphon_transceiver.call import Milestone
from antiphon_transceiver.call_book import CallRecord
from antiphon_transceiver.capacity import Capacity
from antiphon_transceiver.media import EngineStatistics
from antiphon_transceiver.overload import Sign, Throttling
from antiphon_transceiver.takeover import Refused, TakeoverCounters, Unexported, Untaken
from antiphon_transceiver.takeover.registry import Registry
from antiphon_transceiver.takeover.takeovers import Takeovers
from antiphon_wire.control import BackendState, ControlErrorCode, EndReason
from antiphon_wire.table_source import TableSource

R = TypeVar("R", bound=StrEnum)

_PREFIX = "antiphon_transceiver"
_STAGE_BUCKETS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5, 5.0, 10.0)
_MOS_BUCKETS = (1.5, 2.0, 2.5, 3.0, 3.5, 3.8, 4.0, 4.1, 4.2, 4.3, 4.4)
_DURATION_BUCKETS = (5, 15, 30, 60, 120, 300, 600, 1800, 3600)


@dataclass(frozen=True)
class _Total:
    """Something that only grows over a call's life, summed over all calls, live and ended."""

    name: str
    help: str
    of: Callable[[CallRecord], float]


_TOTALS = (
    _Total(
        "media_packets_received", "Authenticated SRTP packets from clients", lambda call: call.media.packets_received
    ),
    _Total("media_bytes_received", "Bytes of authenticated SRTP from clients", lambda call: call.media.bytes_received),
    _Total("media_packets_sent", "SRTP packets to clients", lambda call: call.media.packets_sent),
    _Total("media_bytes_sent", "Bytes of SRTP to clients", lambda call: call.media.bytes_sent),
    _Total("media_packets_lost", "Packets from clients that never came", lambda call: call.media.lost),
    _Total("media_packets_late", "Packets from clients that came too late", lambda call: call.media.late),
    _Total("media_packets_twice", "Copies of packets from clients", lambda call: call.media.twice),
    _Total("media_packets_reordered", "Packets from clients out of order, in time", lambda call: call.media.reordered),
    _Total("media_packets_nacked", "Packets that clients were asked to send again", lambda call: call.media.nacked),
    _Total(
        "media_packets_retransmitted",
        "Packets to clients sent again because they asked",
        lambda call: call.media.retransmitted,
    ),
    _Total(
        "media_packets_withheld",
        "Packets to clients that a call might not send before its next export is stored, or because it was taken over",
        lambda call: call.media.withheld,
    ),
    _Total("media_heard_seconds", "Sound made of clients' packets", lambda call: call.media.heard_ms / 1000),
    _Total("media_pause_seconds", "Of it: silence of clients that paused", lambda call: call.media.pause_ms / 1000),
    _Total("media_concealed_seconds", "Sound made up for lost packets", lambda call: call.media.concealed_ms / 1000),
    _Total(
        "media_recovered_seconds",
        "Sound of lost packets won back by FEC, RED or asking for it",
        lambda call: call.media.recovered_ms / 1000,
    ),
    _Total(
        "media_forged_packets",
        "SRTP packets that failed authentication",
        lambda call: call.media.authentication_failures,
    ),
    _Total(
        "media_surplus_packets", "Packets from clients beyond 200 a second", lambda call: call.media.surplus_packets
    ),
    _Total(
        "media_surplus_seconds",
        "Sound of clients beyond the time that passed",
        lambda call: call.media.surplus_ms / 1000,
    ),
    _Total(
        "dtls_discarded_datagrams",
        "DTLS datagrams with too many records or records that mean nothing, or too many at once",
        lambda call: call.dtls_discarded,
    ),
    _Total("media_ran_dry", "Times that sound to clients stopped before its end", lambda call: call.media.ran_dry),
    _Total("media_replayed_packets", "SRTP packets seen before", lambda call: call.media.replayed),
    _Total("media_refused_packets", "Authentic packets that are not the call's audio", lambda call: call.media.refused),
    _Total("events_received", "Data channel messages from clients", lambda call: call.events.events_received),
    _Total("events_sent", "Data channel messages to clients", lambda call: call.events.events_sent),
    _Total("events_dropped", "Data channel messages too large or too many", lambda call: call.events.events_dropped),
    _Total("sctp_malformed_packets", "SCTP packets that were refused", lambda call: call.events.malformed_packets),
    _Total(
        "backend_dropped_seconds",
        "Sound of callers that backends were too slow to take",
        lambda call: call.backend.sound_dropped_ms / 1000,
    ),
    _Total(
        "backend_malformed_messages",
        "Messages of backends that are no events",
        lambda call: call.backend.malformed_messages,
    ),
)


_LISTENERS: Mapping[str, Callable[[CallRecord], float | None]] = {
    "backend": lambda call: call.media.mos,
    "client": lambda call: call.media.remote_mos,
}


@dataclass(frozen=True)
class Snapshot:
    """How the pod stands at a scrape."""

    capacity: Capacity
    live: list[CallRecord]
    endpoint: dict[str, int]
    engine: EngineStatistics
    throttling: Throttling
    backend: BackendState
    tables: TableSource
    takeovers: Takeovers | None = None
    """None: calls are not written down."""


class Metrics:
    def __init__(self) -> None:
        # `…_created` doubles the series and says nothing that the process's start does not. There is no such switch for
        # one registry.
        disable_created_metrics()  # type: ignore[no-untyped-call] # of the library
        self._registry = CollectorRegistry()
        self._ended = Counter(
            f"{_PREFIX}_calls_ended", "Calls by the reason of their end", ["reason"], registry=self._registry
        )
        self._refused = Counter(
            f"{_PREFIX}_offers_refused", "Offers by the code of their refusal", ["code"], registry=self._registry
        )
        self._failed = Counter(
            f"{_PREFIX}_requests_failed", "Requests that an error of the transceiver ended", registry=self._registry
        )
        self._stages = Histogram(
            f"{_PREFIX}_setup_seconds",
            "From the offer to each stage of a call's set-up",
            ["stage"],
            buckets=_STAGE_BUCKETS,
            registry=self._registry,
        )
        self._durations = Histogram(
            f"{_PREFIX}_call_seconds", "How long calls lasted", buckets=_DURATION_BUCKETS, registry=self._registry
        )
        self._mos = Histogram(
            f"{_PREFIX}_call_mos",
            "Estimated opinion score of calls that ended, as each end heard it (ITU-T G.107)",
            ["listener"],
            buckets=_MOS_BUCKETS,
            registry=self._registry,
        )
        self._of_ended_calls = dict.fromkeys((total.name for total in _TOTALS), 0.0)
        self._begin_series()

    def watch(self, snapshot: Callable[[], Snapshot]) -> None:
        """What is read at each scrape."""
        self._registry.register(_PodCollector(snapshot, self._of_ended_calls))

    def call_ended(self, record: CallRecord) -> None:
        if record.reason is not None:
            self._ended.labels(record.reason.value).inc()
        for milestone, ms in record.milestones_ms.items():
            self._stages.labels(milestone.value).observe(ms / 1000)
        self._durations.observe(record.age_s)
        for listener, mos in _LISTENERS.items():
            score = mos(record)
            if score is not None:
                self._mos.labels(listener).observe(score)
        for total in _TOTALS:
            self._of_ended_calls[total.name] += total.of(record)

    def offer_refused(self, code: ControlErrorCode) -> None:
        self._refused.labels(code.value).inc()

    def request_failed(self) -> None:
        self._failed.inc()

    def exposition(self) -> bytes:
        return generate_latest(self._registry)

    def _begin_series(self) -> None:
        """Series that begin with their first event would lack it in every rate."""
        for reason in EndReason:
            self._ended.labels(reason.value)
        for code in ControlErrorCode:
            self._refused.labels(code.value)
        for milestone in Milestone:
            self._stages.labels(milestone.value)
        for listener in _LISTENERS:
            self._mos.labels(listener)


class _PodCollector(Collector):
    """Reads how things stand at the moment of the scrape."""

    def __init__(self, snapshot: Callable[[], Snapshot], of_ended_calls: Mapping[str, float]) -> None:
        self._snapshot = snapshot
        self._of_ended_calls = of_ended_calls

    def collect(self) -> Iterator[Metric]:
        now = self._snapshot()
        yield _gauge("calls_live", "Calls that are live", now.capacity.live)
        yield _gauge("calls_capacity", "Calls that this pod carries at once", now.capacity.limit)
        yield _gauge("calls_free", "Calls that could be taken now", now.capacity.free)
        yield _gauge("draining", "1 while no new call is taken", int(now.capacity.draining))
        yield _gauge("python_blocks", "Pieces of memory that Python has in use", sys.getallocatedblocks())
        yield from _overload(now.capacity, now.throttling)
        for total in _TOTALS:
            value = self._of_ended_calls[total.name] + sum(total.of(record) for record in now.live)
            yield CounterMetricFamily(f"{_PREFIX}_{total.name}", total.help, value=value)
        yield _endpoint(now.endpoint)
        yield from _pacer(now.engine)
        yield from _sound(now.engine)
        yield _backend(now.backend)
        yield from _route_table(now.tables)
        if now.takeovers is not None:
            yield from _takeovers(now.takeovers.counters)
            yield from _registry(now.takeovers.registry)


def _gauge(name: str, help_: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{_PREFIX}_{name}", help_, value=value)


def _endpoint(counters: dict[str, int]) -> Metric:
    family = CounterMetricFamily(
        f"{_PREFIX}_endpoint_events", "What the endpoint did with datagrams; drop_… says why", labels=["kind"]
    )
    for kind, count in counters.items():
        family.add_metric([kind], count)
    return family


def _overload(capacity: Capacity, throttling: Throttling) -> Iterator[Metric]:
    if capacity.measured is not None:
        yield _gauge("calls_measured", "Calls that the start found this pod to carry", capacity.measured)
    closed = GaugeMetricFamily(
        f"{_PREFIX}_admission_closed", "1 while it is, by the sign that closed it", labels=["sign"]
    )
    for sign in Sign:
        closed.add_metric([sign.value], int(sign is capacity.closed))
    yield closed
    yield from _counters(
        ("cpu_limit_periods", "Periods of the pod's CPU limit", throttling.periods),
        ("cpu_throttled_periods", "Of them those in which it was used up", throttling.throttled),
    )


def _pacer(engine: EngineStatistics) -> Iterator[Metric]:
    yield from _counters(
        ("pacer_ticks", "Times of frames to clients that came, call by call", engine.slots),
        ("pacer_late_ticks", "Of them more than 5 ms late", engine.late),
        ("pacer_missed_ticks", "Of them later than their frame is long", engine.missed),
        ("pacer_skipped_ticks", "Times of frames left out: after a stall, or a worker was behind", engine.skipped),
        ("pacer_stalls", "Stalls so long that frames' times were left out", engine.stalls),
        ("pacer_encoded_late", "Late ticks that were late only at their encoding thread", engine.encoded_late),
    )
    yield _gauge("pacer_worst_lateness_seconds", "The latest of them so far", engine.worst_us / 1e6)


def _sound(engine: EngineStatistics) -> Iterator[Metric]:
    yield from _counters(
        ("media_packets_taken", "Packets of clients that workers took", engine.packets_taken),
        ("media_packets_waited_long", "Of them after more than 10 ms", engine.packets_waited_long),
        ("pcm_chunks", "Pieces of clients' sound handed to backends", engine.pcm_chunks),
        ("pcm_wait_seconds", "What they waited for that, together", engine.pcm_waited_us / 1e6),
        ("pcm_dropped_seconds", "Clients' sound that waited too long and went", engine.pcm_dropped_ms / 1000),
    )
    yield _gauge("pcm_worst_wait_seconds", "The longest wait of one so far", engine.pcm_worst_us / 1e6)


def _counters(*rows: tuple[str, str, float]) -> Iterator[Metric]:
    for name, help_, count in rows:
        yield CounterMetricFamily(f"{_PREFIX}_{name}", help_, value=count)


def _backend(state: BackendState) -> Metric:
    family = GaugeMetricFamily(f"{_PREFIX}_backend_state", "1 for what was last found of it", labels=["state"])
    for each in BackendState:
        family.add_metric([each.value], int(each is state))
    return family


def _takeovers(counters: TakeoverCounters) -> Iterator[Metric]:
    yield from _counters(
        ("exports_stored", "Exports of calls that the registry has stored", counters.stored),
        ("exports_stored_bytes", "Their bytes", counters.stored_bytes),
        ("exports_begun_anew", "Records that the registry had lost and that were written anew", counters.begun_anew),
        ("calls_taken_over", "Calls of other pods that go on here", counters.taken_over),
        ("calls_handed_over", "Calls that were closed here for another pod", counters.handed_over),
        ("claims_lost", "Claims of a call whose record was another one by then", counters.claims_lost),
    )
    yield _by_reason("exports_refused", "Exports that the registry refused", Refused, counters.refused)
    yield _by_reason("exports_failed", "Times that a call was not written down", Unexported, counters.unexported)
    yield _by_reason("takeovers_failed", "Calls that were not taken over", Untaken, counters.untaken)


def _registry(registry: Registry) -> Iterator[Metric]:
    yield _gauge("registry_up", "1 while the registry of calls takes what it is given", int(registry.up))
    yield from _counters(("registry_requests_failed", "Requests that it did not answer", registry.failed_requests))


def _by_reason(name: str, help_: str, reasons: type[R], counts: Mapping[R, int]) -> Metric:
    family = CounterMetricFamily(f"{_PREFIX}_{name}", help_, labels=["reason"])
    for reason in reasons:
        family.add_metric([reason.value], counts.get(reason, 0))
    return family


def _route_table(tables: TableSource) -> Iterator[Metric]:
    generation = 0 if tables.current is None else tables.current.routes.generation
    yield _gauge("route_table_generation", "Of the table in force; 0: none yet", generation)
    yield CounterMetricFamily(f"{_PREFIX}_route_tables_held", "Changes of it that were not taken", value=tables.refused)
    yield _gauge("route_table_holds_back", "1 while a newer table is held back", int(tables.holds_back))
    late = "Tables taken after they had been held back"
    yield CounterMetricFamily(f"{_PREFIX}_route_tables_taken_late", late, value=tables.taken_late)
    if tables.watch is not None:
        yield _gauge("route_watch_age_seconds", "Since the API server last said anything", tables.watch.age_s)
