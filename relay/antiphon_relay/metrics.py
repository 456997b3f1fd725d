"""The relay's metrics, read from the workers' counters when somebody asks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from antiphon_relay._extension import Relay, Traffic
from antiphon_relay.flow_cache import FlowCache
from antiphon_relay.packets import Packets
from antiphon_wire.fleet_table import WatchState
from antiphon_wire.table_source import TableSource


@dataclass(frozen=True)
class RelayCollector(Collector):
    packets: Callable[[], Packets | None]
    """None: before the first table."""
    tables: TableSource
    max_flows: int

    def collect(self) -> Iterable[Metric]:
        packets = self.packets()
        if packets is not None:
            yield from flows(packets.relay, self.max_flows)
        if packets is not None and packets.cache is not None:
            yield from flow_cache(packets.cache, packets.relay.traffic())
        # As packets go by it, and not only as it was read: who moves routes waits for this figure.
        yield from route_table(self.tables, 0 if packets is None else packets.relay.table_generation())


def flows(relay: Relay, max_flows: int) -> Iterable[Metric]:
    traffic = relay.traffic()
    yield from forwarding(traffic)
    yield from hop_datagrams(traffic)
    yield gauge("flows", "Flows in the map.", relay.flows())
    yield gauge("flows_limit", "The most that the map takes.", max_flows)
    yield counter("flows_expired", "Flows that ended by idleness.", traffic.flows_expired)
    yield counter("flows_restored", "Flows taken from the flow cache.", traffic.flows_restored)


def route_table(tables: TableSource, generation: int) -> Iterable[Metric]:
    yield gauge("route_table_generation", "Of the table in force; 0: none yet.", generation)
    yield gauge("route_table_age_seconds", "Since the table in force was taken.", tables.age_s)
    yield counter("route_tables_held", "Changes of the table that were not taken.", tables.refused)
    yield gauge("route_table_holds_back", "1 while a newer table is held back.", int(tables.holds_back))
    yield counter("route_tables_taken_late", "Tables taken after they had been held back.", tables.taken_late)
    if tables.watch is not None:
        yield from route_watch(tables.watch)


def route_watch(watch: WatchState) -> Iterable[Metric]:
    yield gauge("route_watch_age_seconds", "Since the API server last said anything.", watch.age_s)
    troubles = labelled("route_watch_interruptions", "Of the watch of route tables, by their reason.", "reason")
    for trouble, times in watch.troubles.items():
        troubles.add_metric([trouble], times)
    yield troubles


def forwarding(traffic: Traffic) -> Iterable[Metric]:
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
