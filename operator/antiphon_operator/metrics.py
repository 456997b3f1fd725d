"""What the operator counts; reasons are the closed enums of cluster.py, reconciler.py and capacity_poll.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_ROUND_BUCKETS_S: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class RoundResult(StrEnum):
    UNCHANGED = "unchanged"
    """There was nothing to do."""
    CHANGED = "changed"
    REFUSED = "refused"
    """The API server refused a part of it; the rest was done."""
    FAILED = "failed"
    """It is tried again."""


class PollFailure(StrEnum):
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    UNAUTHORIZED = "unauthorized"
    """Another token."""
    MALFORMED = "malformed"


@dataclass(frozen=True)
class Reading:
    """What a gauge, or a counter, says at the moment of a scrape."""

    name: str
    documentation: str
    labels: tuple[str, ...]
    values: tuple[tuple[tuple[str, ...], float], ...]
    counts: bool = False
    """A counter: it only grows while its labels are there."""


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._rounds = self._counter("rounds", "Rounds of reconciling a fleet.", "result")
        self._actions = self._counter("actions", "What rounds did.", "action", "kind")
        self._requests = self._counter(
            "api_requests",
            "Requests to the Kubernetes API, but for watches; code 0: no answer.",
            "verb",
            "kind",
            "code",
        )
        self._polls = self._counter("capacity_polls", "Questions to transceivers for their calls.")
        self._poll_failures = self._counter(
            "capacity_poll_failures", "Transceivers that gave no good answer.", "reason"
        )
        self._unread = self._counter("unread_objects", "Objects that were stored by another version.", "kind")
        self._leads = Gauge("antiphon_operator_leads", "1: this replica acts.", registry=self.registry)
        self._round_seconds = Histogram(
            "antiphon_operator_round_seconds",
            "One round: observe, plan, apply.",
            buckets=_ROUND_BUCKETS_S,
            registry=self.registry,
        )
        # A series that only appears with the first fault cannot be alerted on: rate() needs its zero.
        for result in RoundResult:
            self._rounds.labels(result.value)
        for reason in PollFailure:
            self._poll_failures.labels(reason.value)

    def round(self, result: RoundResult, seconds: float) -> None:
        self._rounds.labels(result.value).inc()
        self._round_seconds.observe(seconds)

    def action(self, name: str, kind: str) -> None:
        self._actions.labels(name, kind).inc()

    def api_request(self, verb: str, kind: str, code: int) -> None:
        self._requests.labels(verb, kind, str(code)).inc()

    def polled(self, failure: PollFailure | None) -> None:
        self._polls.inc()
        if failure is not None:
            self._poll_failures.labels(failure.value).inc()

    def unread(self, kind: str) -> None:
        self._unread.labels(kind).inc()

    def leads_while(self, leads: Callable[[], bool]) -> None:
        self._leads.set_function(lambda: float(leads()))

    def read_at_scrape(self, readings: Callable[[], Iterable[Reading]]) -> None:
        self.registry.register(_Readings(readings))

    def text(self) -> bytes:
        return generate_latest(self.registry)

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(f"antiphon_operator_{name}", documentation, labels, registry=self.registry)


class _Readings(Collector):
    """Asks when it is asked itself, so that a resource that is gone has no series."""

    def __init__(self, readings: Callable[[], Iterable[Reading]]) -> None:
        self._readings = readings

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        for reading in self._readings():
            of_kind = CounterMetricFamily if reading.counts else GaugeMetricFamily
            family = of_kind(reading.name, reading.documentation, labels=reading.labels)
            for labels, value in reading.values:
                family.add_metric(labels, value)
            yield family
