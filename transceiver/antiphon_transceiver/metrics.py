"""Prometheus metrics of the pod. No label holds an address, a ufrag or a call id."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from antiphon_transceiver.call import Milestone
from antiphon_transceiver.call_book import CallRecord
from antiphon_transceiver.capacity import Capacity
from antiphon_transceiver.media import PacerStatistics
from antiphon_wire.control import BackendState, ControlErrorCode, EndReason
from antiphon_wire.table_source import TableSource

_PREFIX = "antiphon_transceiver"
_STAGE_BUCKETS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1.2, 2.5, 5.0, 10.0)
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
    _Total("media_concealed_seconds", "Sound made up for lost packets", lambda call: call.media.concealed_ms / 1000),
    _Total(
        "media_recovered_seconds", "Sound of lost packets won back by FEC", lambda call: call.media.recovered_ms / 1000
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
        "DTLS datagrams with too many records, or too many at once",
        lambda call: call.dtls_discarded,
    ),
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


@dataclass(frozen=True)
class Snapshot:
    """How the pod stands at a scrape."""

    capacity: Capacity
    live: list[CallRecord]
    endpoint: dict[str, int]
    pacer: PacerStatistics
    backend: BackendState
    tables: TableSource


class Metrics:
    def __init__(self) -> None:
        # `…_created` doubles the series and says nothing that the process's start does not. There is no such switch for
        # one registry.
        disable_created_metrics()  # type: ignore[no-untyped-call] # of the library
        self._registry = CollectorRegistry()
        self._ended = Counter(
            f"{_PREFIX}_calls_ended", "Calls by the reason of their end", ["reason"], registry=self._registry
        )
        for reason in EndReason:
            self._ended.labels(reason.value)
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
        # Series that begin with their first event would lack it in every rate.
        for code in ControlErrorCode:
            self._refused.labels(code.value)
        for milestone in Milestone:
            self._stages.labels(milestone.value)
        self._of_ended_calls = dict.fromkeys((total.name for total in _TOTALS), 0.0)

    def watch(self, snapshot: Callable[[], Snapshot]) -> None:
        """What is read at each scrape."""
        self._registry.register(_PodCollector(snapshot, self._of_ended_calls))

    def call_ended(self, record: CallRecord) -> None:
        if record.reason is not None:
            self._ended.labels(record.reason.value).inc()
        for milestone, ms in record.milestones_ms.items():
            self._stages.labels(milestone.value).observe(ms / 1000)
        self._durations.observe(record.age_s)
        for total in _TOTALS:
            self._of_ended_calls[total.name] += total.of(record)

    def offer_refused(self, code: ControlErrorCode) -> None:
        self._refused.labels(code.value).inc()

    def request_failed(self) -> None:
        self._failed.inc()

    def exposition(self) -> bytes:
        return generate_latest(self._registry)


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
        for total in _TOTALS:
            value = self._of_ended_calls[total.name] + sum(total.of(record) for record in now.live)
            yield CounterMetricFamily(f"{_PREFIX}_{total.name}", total.help, value=value)
        yield _endpoint(now.endpoint)
        yield from _pacer(now.pacer)
        yield _backend(now.backend)
        yield from _route_table(now.tables)


def _gauge(name: str, help_: str, value: float) -> Metric:
    return GaugeMetricFamily(f"{_PREFIX}_{name}", help_, value=value)


def _endpoint(counters: dict[str, int]) -> Metric:
    family = CounterMetricFamily(
        f"{_PREFIX}_endpoint_events", "What the endpoint did with datagrams; drop_… says why", labels=["kind"]
    )
    for kind, count in counters.items():
        family.add_metric([kind], count)
    return family


def _pacer(pacer: PacerStatistics) -> Iterator[Metric]:
    for name, help_, count in (
        ("pacer_ticks", "Ticks of the 20 ms clock", pacer.ticks),
        ("pacer_late_ticks", "Ticks more than 5 ms late", pacer.late),
        ("pacer_skipped_ticks", "Ticks left out after a stall", pacer.skipped),
    ):
        yield CounterMetricFamily(f"{_PREFIX}_{name}", help_, value=count)
    yield _gauge("pacer_worst_lateness_seconds", "The latest tick so far", pacer.worst_lateness_ms / 1000)


def _backend(state: BackendState) -> Metric:
    family = GaugeMetricFamily(f"{_PREFIX}_backend_state", "1 for what was last found of it", labels=["state"])
    for each in BackendState:
        family.add_metric([each.value], int(each is state))
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
