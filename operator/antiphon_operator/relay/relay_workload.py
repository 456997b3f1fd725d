"""The relays' Deployment or DaemonSet."""

from __future__ import annotations

from typing import Final

from antiphon_crds.overlay import Json
from antiphon_crds.voice_relay import WorkloadKind
from antiphon_operator.observed import Fleet
from antiphon_operator.relay.child import Component, metadata, selector
from antiphon_operator.relay.families import Families
from antiphon_operator.relay.names import FleetNames
from antiphon_operator.relay.relay_pod import on_host_network, relay_pod

DEFAULT_REPLICAS: Final = 2
MIN_READY_S: Final = 3
"""By then every transceiver has a new relay in its table, and an old one may go."""


def relay_workload(fleet: Fleet, families: Families) -> dict[str, Json]:
    relay = fleet.relay
    kind = relay.spec.workload.kind
    spec: dict[str, Json] = {
        "selector": {"matchLabels": selector(relay, Component.RELAY)},
        "template": relay_pod(fleet, families),
        "minReadySeconds": MIN_READY_S,
        "revisionHistoryLimit": 3,
    }
    rolling: dict[str, Json] = {"type": "RollingUpdate", "rollingUpdate": _pace(fleet)}
    if kind is WorkloadKind.DEPLOYMENT:
        spec |= {"replicas": desired_replicas(fleet), "strategy": rolling}
    else:
        spec |= {"updateStrategy": rolling}
    return {
        "apiVersion": "apps/v1",
        "kind": kind.value,
        "metadata": metadata(relay, FleetNames(relay.metadata.name).relay, Component.RELAY),
        "spec": spec,
    }


def desired_replicas(fleet: Fleet) -> int:
    """Of a Deployment."""
    replicas = fleet.relay.spec.workload.replicas
    return DEFAULT_REPLICAS if replicas is None else replicas


def _pace(fleet: Fleet) -> dict[str, Json]:
    # Two relays cannot have one port of a node, so there the old one goes first.
    surge = 0 if on_host_network(fleet) else 1
    return {"maxUnavailable": 1 - surge, "maxSurge": surge}
