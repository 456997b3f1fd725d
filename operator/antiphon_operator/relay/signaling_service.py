"""Signaling's Service, and the URL by which clients reach it."""

from __future__ import annotations

from antiphon_crds.overlay import Json
from antiphon_crds.voice_relay import SignalingExposure, VoiceRelay
from antiphon_operator.observed import ChildKey, Fleet
from antiphon_operator.relay.child import Component, metadata, selector
from antiphon_operator.relay.ingress import ingress_of
from antiphon_operator.relay.names import FleetNames
from antiphon_operator.relay.port import HTTP


def signaling_service(relay: VoiceRelay) -> dict[str, Json]:
    signaling = relay.spec.signaling
    port: dict[str, Json] = {"name": HTTP, "protocol": "TCP", "port": signaling.port, "targetPort": HTTP}
    if signaling.exposure is SignalingExposure.NODE_PORT:
        port["nodePort"] = signaling.port
    name = FleetNames(relay.metadata.name).signaling
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(relay, name, Component.SIGNALING, signaling.annotations),
        "spec": {
            "type": signaling.exposure.value,
            "selector": selector(relay, Component.SIGNALING),
            "ports": [port],
        },
    }


def signaling_url(fleet: Fleet) -> str:
    """Its load balancer's, once that has an address; else the one inside the cluster."""
    relay = fleet.relay
    name = FleetNames(relay.metadata.name).signaling
    scheme, usual = ("http", 80) if relay.spec.signaling.tls_secret_ref is None else ("https", 443)
    host = f"{name}.{relay.metadata.namespace}.svc"
    if relay.spec.signaling.exposure is SignalingExposure.LOAD_BALANCER:
        ingress = ingress_of(fleet.children.get(ChildKey("Service", name)))
        host = next(iter((*ingress.hostnames, *(_in_url(ip) for ip in ingress.ips))), host)
    port = relay.spec.signaling.port
    return f"{scheme}://{host}{'' if port == usual else f':{port}'}/v1/realtime"


def _in_url(ip: str) -> str:
    return f"[{ip}]" if ":" in ip else ip
