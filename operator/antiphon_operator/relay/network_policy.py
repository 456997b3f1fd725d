"""Who may send what to relays and signaling. What they may send is left open: Redis, DNS and the API server differ."""

from __future__ import annotations

from antiphon_crds.overlay import Json
from antiphon_operator.observed import Fleet
from antiphon_operator.relay.child import Component, metadata, selector
from antiphon_operator.relay.names import FleetNames
from antiphon_operator.relay.port import Port
from antiphon_operator.relay.relay_pod import on_host_network
from antiphon_operator.relay.scraping import scrapers
from antiphon_operator.relay.workers import workers_per_pod


def relay_policy(fleet: Fleet) -> dict[str, Json] | None:
    """None with host network, where policies do not count."""
    if on_host_network(fleet):
        return None
    transceivers: dict[str, Json] = {"podSelector": {"matchLabels": selector(fleet.relay, Component.TRANSCEIVER)}}
    last_hop = Port.HOP + workers_per_pod(fleet.relay.spec) - 1
    rules: list[Json] = [
        # From anywhere: a load balancer may hide the callers' addresses, so it has to do the filtering.
        {"ports": [{"protocol": "UDP", "port": int(Port.VOICE)}]},
        {"from": [transceivers], "ports": [{"protocol": "UDP", "port": int(Port.HOP), "endPort": last_hop}]},
        {"from": [{"podSelector": {}}, *scrapers(fleet)], "ports": [{"protocol": "TCP", "port": int(Port.RELAY_HTTP)}]},
    ]
    return _policy(fleet, FleetNames(fleet.relay.metadata.name).relay, Component.RELAY, rules)


def signaling_policy(fleet: Fleet) -> dict[str, Json]:
    rules: list[Json] = [{"ports": [{"protocol": "TCP", "port": int(Port.SIGNALING_HTTP)}]}]
    return _policy(fleet, FleetNames(fleet.relay.metadata.name).signaling, Component.SIGNALING, rules)


def _policy(fleet: Fleet, name: str, component: Component, rules: list[Json]) -> dict[str, Json]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(fleet.relay, name, component),
        "spec": {
            "podSelector": {"matchLabels": selector(fleet.relay, component)},
            "policyTypes": ["Ingress"],
            "ingress": rules,
        },
    }
