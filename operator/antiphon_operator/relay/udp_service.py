"""The UDP Service in front of the relays."""

from __future__ import annotations

from antiphon_crds.overlay import Json
from antiphon_crds.voice_relay import ExposureType
from antiphon_operator.observed import Fleet
from antiphon_operator.relay.child import Component, metadata, selector
from antiphon_operator.relay.names import FleetNames


def udp_service(fleet: Fleet) -> dict[str, Json] | None:
    """None with host network: callers send to the nodes."""
    relay = fleet.relay
    exposure = relay.spec.exposure
    if exposure.type is ExposureType.HOST_NETWORK:
        return None
    port: dict[str, Json] = {"name": "voice", "protocol": "UDP", "port": exposure.port, "targetPort": "voice"}
    if exposure.type is ExposureType.NODE_PORT:
        port["nodePort"] = exposure.port
    spec: dict[str, Json] = {
        "type": exposure.type.value,
        "selector": selector(relay, Component.RELAY),
        "ports": [port],
        # By address it would put all callers behind one NAT on one relay.
        "sessionAffinity": "None",
        "externalTrafficPolicy": exposure.external_traffic_policy.value,
        "ipFamilyPolicy": "PreferDualStack",
    }
    if exposure.type is ExposureType.LOAD_BALANCER:
        spec |= _load_balancer(fleet)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(relay, FleetNames(relay.metadata.name).relay, Component.RELAY, exposure.annotations),
        "spec": spec,
    }


def _load_balancer(fleet: Fleet) -> dict[str, Json]:
    exposure = fleet.relay.spec.exposure
    fields: dict[str, Json] = {}
    if exposure.load_balancer_class is not None:
        fields["loadBalancerClass"] = exposure.load_balancer_class
    if exposure.source_ranges:
        fields["loadBalancerSourceRanges"] = list(exposure.source_ranges)
    return fields
