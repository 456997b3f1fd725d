"""The relay's metrics, read from the workers' counters when somebody asks."""

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from antiphon_relay._extension import Relay, Traffic
from antiphon_relay.flow_cache import FlowCache
from antiphon_relay.route_watch import RouteWatch


@dataclass(frozen=True)
class RelayCollector(Collector):
    relay: Relay
    routes: RouteWatch
    cache: FlowCache | None
    max_flows: int

    def collect(self) -> Iterable[Metric]:
        traffic = self.relay.traffic()
        yield from packets(traffic)
        yield from hop_datagrams(traffic)
        yield gauge("flows", "Flows in the map.", self.relay.flows())
        yield gauge("flows_limit", "The most that the map takes.", self.max_flows)
        yield counter("flows_expired", "Flows that ended by idleness.", traffic.flows_expired)
        yield counter("flows_restored", "Flows taken from the flow cache.", traffic.flows_restored)
        yield gauge("route_table_generation", "Of the table in force.", self.routes.table.generation)
        yield gauge("route_table_age_seconds", "Since the table in force was taken.", self.routes.table_age_s)
        yield counter("route_tables_held", "Changes of the table that were not taken.", self.routes.held)
        if self.cache is not None:
            yield from flow_cache(self.cache, traffic)


def packets(traffic: Traffic) -> Iterable[Metric]:
    received = labelled("received_packets", "Client packets by direction.", "direction")
    received.add_metric(["uplink"], traffic.uplink_received)
    received.add_metric(["downlink"], traffic.downlink_received)
    yield received
    forwarded = labelled("forwarded_packets", "Client packets sent on.", "direction")
    forwarded.add_metric(["uplink"], traffic.uplink_forwarded)
    forwarded.add_metric(["downlink"], traffic.downlink_forwarded)
    yield forwarded
    forwarded_bytes = labelled("forwarded_bytes", "Client packets' bytes sent on, without hop headers.", "direction")
    forwarded_bytes.add_metric(["uplink"], traffic.uplink_bytes)
    forwarded_bytes.add_metric(["downlink"], traffic.downlink_bytes)
    yield forwarded_bytes
    dropped = labelled("dropped_packets", "Packets that went no further.", "reason")
    for reason, count in traffic.drops:
        dropped.add_metric([reason], count)
    yield dropped


def hop_datagrams(traffic: Traffic) -> Iterable[Metric]:
    datagrams = labelled("hop_datagrams", "Datagrams to and from transceivers.", "direction")
    datagrams.add_metric(["uplink"], traffic.hop_datagrams_sent)
    datagrams.add_metric(["downlink"], traffic.hop_datagrams_received)
    yield datagrams
    yield counter("hop_large_datagrams", "Lone records that may exceed the path MTU.", traffic.hop_large_datagrams)


def flow_cache(cache: FlowCache, traffic: Traffic) -> Iterable[Metric]:
    yield gauge("flow_cache_up", "1 if the last request succeeded.", cache.up)
    yield counter("flow_cache_hits", "Unknown sources that were found.", cache.counts.hits)
    yield counter("flow_cache_misses", "Unknown sources that were not.", cache.counts.misses)
    yield counter("flow_cache_errors", "Requests that failed.", cache.counts.errors)
    yield counter("flow_cache_written_flows", "Flows written.", cache.counts.written)
    yield counter("flow_cache_lookups", "Unknown sources that were looked up.", traffic.lookups_asked)
    overflowed = traffic.announcements_overflowed
    yield counter("flow_cache_overflowed_flows", "Flows left to the next refresh, for the queue was full.", overflowed)


def counter(name: str, text: str, value: int) -> Metric:
    return CounterMetricFamily(f"antiphon_relay_{name}", text, value=value)


def gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"antiphon_relay_{name}", text, value=value)


def labelled(name: str, text: str, label: str) -> CounterMetricFamily:
    return CounterMetricFamily(f"antiphon_relay_{name}", text, labels=[label])
