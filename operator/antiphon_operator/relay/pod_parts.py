"""What a relay's and a signaling pod have in common: files, variables, probes, spread."""

from __future__ import annotations

from typing import Final

from antiphon_crds.metadata import SecretKeyRef
from antiphon_crds.overlay import Json
from antiphon_crds.voice_relay import VoiceRelay
from antiphon_operator.relay.child import Component, selector
from antiphon_operator.relay.names import FleetNames
from antiphon_operator.relay.port import HTTP

KEYS_DIR: Final = "/etc/antiphon/keys"
CONTROL_DIR: Final = "/etc/antiphon/control"
TLS_DIR: Final = "/etc/antiphon/tls"
CACHE_DIR: Final = "/var/cache/antiphon"


def variable(name: str, value: object) -> dict[str, Json]:
    return {"name": name, "value": str(value)}


def variable_of_pod(name: str, field: str) -> dict[str, Json]:
    """From the downward API, as `status.podIP`."""
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": field}}}


def variable_of_secret(name: str, ref: SecretKeyRef) -> dict[str, Json]:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": ref.name, "key": ref.key}}}


def shared_variables(relay: VoiceRelay) -> list[Json]:
    return [
        variable("ANTIPHON_KEYS_FILE", f"{KEYS_DIR}/keys.json"),
        variable("ANTIPHON_ROUTE_TABLES", f"{relay.metadata.namespace}/{relay.metadata.name}"),
        variable("ANTIPHON_ROUTES_CACHE", f"{CACHE_DIR}/routes.json"),
    ]


def shared_volumes(relay: VoiceRelay) -> list[Json]:
    return [secret_volume("keys", FleetNames(relay.metadata.name).keys), {"name": "cache", "emptyDir": {}}]


def shared_mounts() -> list[Json]:
    return [mount("keys", KEYS_DIR), {"name": "cache", "mountPath": CACHE_DIR}]


def secret_volume(name: str, secret: str) -> dict[str, Json]:
    # Group-readable: the pod's fsGroup is the one user that runs in it.
    return {"name": name, "secret": {"secretName": secret, "defaultMode": 0o440}}


def mount(name: str, path: str) -> dict[str, Json]:
    return {"name": name, "mountPath": path, "readOnly": True}


def probe(path: str, *, period_s: int, failures: int, scheme: str = "HTTP") -> dict[str, Json]:
    return {
        "httpGet": {"path": path, "port": HTTP, "scheme": scheme},
        "periodSeconds": period_s,
        "timeoutSeconds": 1,
        "failureThreshold": failures,
    }


def spread(relay: VoiceRelay, component: Component) -> list[Json]:
    """Over nodes and zones, where there are several: one pod's end or one node's is then one of many."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": selector(relay, component)},
        }
        for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
    ]
