"""What a cluster held when it was looked at, and what of it belongs to which VoiceRelay. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from antiphon_cli.cluster.network import Service
from antiphon_cli.cluster.numbers import PodNumbers
from antiphon_cli.cluster.own_kinds import Name, RouteTable, TransceiverPool, VoiceRelay
from antiphon_cli.cluster.reading import Reading
from antiphon_cli.cluster.records import Event, Lease
from antiphon_cli.cluster.workloads import Pod, Workload


@dataclass(frozen=True)
class Operator:
    """A Deployment of operators and the Lease of the same name, by which one of them leads."""

    workload: Workload
    namespaces: tuple[str, ...]
    """Those that it watches; empty: all."""
    lease: Lease | None

    def watches(self, namespace: str) -> bool:
        return not self.namespaces or namespace in self.namespaces


@dataclass(frozen=True)
class Snapshot:
    context: str
    namespace: str | None
    """None: all."""
    at: float
    """By the API server's clock, in unix seconds."""
    relays: Reading[tuple[VoiceRelay, ...]]
    pools: Reading[tuple[TransceiverPool, ...]]
    tables: Reading[tuple[RouteTable, ...]]
    pods: Reading[tuple[Pod, ...]]
    """Of all fleets."""
    workloads: Reading[tuple[Workload, ...]]
    services: Reading[tuple[Service, ...]]
    operators: Reading[tuple[Operator, ...]]
    events: Reading[tuple[Event, ...]]
    numbers: Mapping[Name, Reading[PodNumbers]] = field(default_factory=dict)
    """What pods say of themselves now."""

    @property
    def where(self) -> str:
        return "any namespace" if self.namespace is None else f"namespace {self.namespace}"


@dataclass(frozen=True)
class Fleet:
    """A VoiceRelay and what is its. What could not be read raises `NotReadError` when it is asked for."""

    relay: VoiceRelay
    snapshot: Snapshot

    @property
    def pools(self) -> tuple[TransceiverPool, ...]:
        mine = self.relay.name
        pools = self.snapshot.pools.known()
        return tuple(pool for pool in pools if (pool.name.namespace, pool.relay) == (mine.namespace, mine.name))

    @property
    def tables(self) -> tuple[RouteTable, ...]:
        mine = self.relay.name
        tables = self.snapshot.tables.known()
        return tuple(table for table in tables if (table.name.namespace, table.relay) == (mine.namespace, mine.name))

    @property
    def relay_pods(self) -> tuple[Pod, ...]:
        return tuple(pod for pod in self._pods if pod.component == "relay")

    def pods_of(self, pool: TransceiverPool) -> tuple[Pod, ...]:
        return tuple(pod for pod in self._pods if pod.pool == pool.name.name)

    @property
    def transceivers(self) -> tuple[Pod, ...]:
        return tuple(pod for pod in self._pods if pod.component == "transceiver")

    @property
    def relay_workload(self) -> Workload | None:
        wanted = self.child("relay")
        return next((workload for workload in self.snapshot.workloads.known() if workload.name == wanted), None)

    def service(self, part: str) -> Service | None:
        return next((each for each in self.snapshot.services.known() if each.name == self.child(part)), None)

    def child(self, part: str) -> Name:
        """Of the objects that a fleet has one of: its relay, signaling, keys, …"""
        return Name(self.relay.name.namespace, f"{self.relay.name.name}-{part}")

    @property
    def events(self) -> tuple[Event, ...]:
        """Of its resources and their pods."""
        own = {("VoiceRelay", self.relay.name)}
        own |= {("TransceiverPool", pool.name) for pool in self.pools}
        own |= {("Pod", pod.name) for pod in self._pods}
        return tuple(event for event in self.snapshot.events.known() if (event.kind, event.about) in own)

    @property
    def _pods(self) -> tuple[Pod, ...]:
        mine = self.relay.name
        pods = self.snapshot.pods.known()
        return tuple(pod for pod in pods if (pod.name.namespace, pod.relay) == (mine.namespace, mine.name))


def fleets(snapshot: Snapshot) -> tuple[Fleet, ...]:
    relays = sorted(snapshot.relays.known(), key=lambda relay: (relay.name.namespace, relay.name.name))
    return tuple(Fleet(relay, snapshot) for relay in relays)


def orphans(snapshot: Snapshot) -> tuple[TransceiverPool, ...]:
    """Pools whose VoiceRelay is not there."""
    relays = {relay.name for relay in snapshot.relays.known()}
    return tuple(pool for pool in snapshot.pools.known() if Name(pool.name.namespace, pool.relay) not in relays)
