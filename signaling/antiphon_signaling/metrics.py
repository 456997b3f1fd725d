"""What signaling counts; reasons are the closed enums of errors.py, placement.py and the control API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from antiphon_signaling.connections import Bound
from antiphon_signaling.errors import ErrorCode
from antiphon_signaling.placement import Outcome
from antiphon_wire.control import EndReason
from antiphon_wire.table_source import TableSource

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SETUP_BUCKETS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class WatchedFiles(Protocol):
    @property
    def refused(self) -> Mapping[str, int]: ...

    @property
    def generation(self) -> int: ...

    @property
    def tables(self) -> TableSource: ...


class Metrics:
    """One registry of its own, so that two services in one process do not share their figures."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._created = Counter(
            "antiphon_signaling_calls_created", "Calls answered with 201.", ["pool"], registry=self.registry
        )
        self._refused = Counter(
            "antiphon_signaling_requests_refused", "Requests answered with an error.", ["code"], registry=self.registry
        )
        self._tries = Counter(
            "antiphon_signaling_placement_tries", "Offers sent to one pod.", ["outcome"], registry=self.registry
        )
        self._setup = Histogram(
            "antiphon_signaling_setup_seconds",
            "From the request's head to the answer.",
            buckets=_SETUP_BUCKETS_S,
            registry=self.registry,
        )
        self._free = Gauge(
            "antiphon_signaling_free_calls", "Free calls, as the pods said last.", ["pool"], registry=self.registry
        )
        self._unreachable = Gauge(
            "antiphon_signaling_pods_unreachable", "Active pods that do not answer.", registry=self.registry
        )
        self._connections_refused = Counter(
            "antiphon_signaling_connections_refused",
            "Connections beyond a bound: of one client address, or of all.",
            ["bound"],
            registry=self.registry,
        )
        # A series that only appears with the first fault cannot be alerted on: rate() needs its zero.
        for code in (*ErrorCode, *EndReason):
            self._refused.labels(code.value)
        for outcome in Outcome:
            self._tries.labels(outcome.value)
        for bound in Bound:
            self._connections_refused.labels(bound.value)

    def created(self, pool: str, seconds: float) -> None:
        self._created.labels(pool).inc()
        self._setup.observe(seconds)

    def refused(self, code: ErrorCode | EndReason) -> None:
        self._refused.labels(code.value).inc()

    def tried(self, outcome: Outcome) -> None:
        self._tries.labels(outcome.value).inc()

    def connection_refused(self, bound: Bound) -> None:
        self._connections_refused.labels(bound.value).inc()

    def watch_files(self, files: WatchedFiles) -> None:
        self.registry.register(_FileCollector(files))

    def capacity(self, free_by_pool: dict[str, int], *, unreachable: int) -> None:
        self._free.clear()
        for pool, free in free_by_pool.items():
            self._free.labels(pool).set(free)
        self._unreachable.set(unreachable)

    def text(self) -> bytes:
        return generate_latest(self.registry)


class _FileCollector(Collector):
    """Reads what the watched files count themselves, when it is asked."""

    def __init__(self, files: WatchedFiles) -> None:
        self._files = files

    def collect(self) -> Iterator[Metric]:
        held = CounterMetricFamily(
            "antiphon_signaling_file_changes_held", "Changes of a file that were not taken.", labels=["file"]
        )
        for file, count in self._files.refused.items():
            held.add_metric([file], count)
        yield held
        yield GaugeMetricFamily(
            "antiphon_signaling_table_generation", "Of the route table in force; 0: none.", self._files.generation
        )
        yield GaugeMetricFamily(
            "antiphon_signaling_route_table_holds_back",
            "1 while a newer table is held back.",
            int(self._files.tables.holds_back),
        )
        yield CounterMetricFamily(
            "antiphon_signaling_route_tables_taken_late",
            "Tables taken after they had been held back.",
            self._files.tables.taken_late,
        )
        watch = self._files.tables.watch
        if watch is not None:
            yield GaugeMetricFamily(
                "antiphon_signaling_route_watch_age_seconds", "Since the API server last said anything.", watch.age_s
            )
