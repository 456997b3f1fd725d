"""Who may send what to a pool's pods. What they may send is left open: backends are anywhere."""

from __future__ import annotations

from antiphon_crds.overlay import Json
from antiphon_crds.transceiver_pool import TransceiverPool
from antiphon_operator.observed import Fleet
from antiphon_operator.pool.pods import child_metadata, selector
from antiphon_operator.relay import child
from antiphon_operator.relay.child import Component
from antiphon_operator.relay.relay_pod import on_host_network
from antiphon_operator.relay.scraping import scrapers
from antiphon_operator.transceiver_pod import CONTROL_PORT, HOP_PORT


def network_policy(fleet: Fleet, pool: TransceiverPool) -> dict[str, Json]:
    hop: dict[str, Json] = {"ports": [{"protocol": "UDP", "port": HOP_PORT}]}
    if not on_host_network(fleet):
        # With host network a relay's packets come from its node, which no selector names; the pods check them anyway.
        hop["from"] = [_pods_of(fleet, Component.RELAY)]
    control: dict[str, Json] = {
        "ports": [{"protocol": "TCP", "port": CONTROL_PORT}],
        "from": [_pods_of(fleet, Component.SIGNALING), *scrapers(fleet)],
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": child_metadata(pool, pool.metadata.name),
        "spec": {
            "podSelector": {"matchLabels": selector(pool)},
            "policyTypes": ["Ingress"],
            "ingress": [hop, control],
        },
    }


def _pods_of(fleet: Fleet, component: Component) -> dict[str, Json]:
    return {"podSelector": {"matchLabels": child.selector(fleet.relay, component)}}
