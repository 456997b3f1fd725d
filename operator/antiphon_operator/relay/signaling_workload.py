"""Signaling's Deployment."""

from __future__ import annotations

from typing import Final

from antiphon_crds.overlay import Json
from antiphon_operator.observed import Fleet
from antiphon_operator.pod_overlay import RESTRICTED_CONTAINER, RESTRICTED_POD, overlaid
from antiphon_operator.relay.child import Component, labels, metadata, selector
from antiphon_operator.relay.families import Families
from antiphon_operator.relay.longest_call import longest_of_pools_s
from antiphon_operator.relay.names import FleetNames
from antiphon_operator.relay.pod_parts import (
    CONTROL_DIR,
    TLS_DIR,
    mount,
    probe,
    secret_volume,
    shared_mounts,
    shared_variables,
    shared_volumes,
    spread,
    variable,
)
from antiphon_operator.relay.port import HTTP, Port

UNLISTED_S: Final = 5
"""Between the decision to end a pod and its SIGTERM: by then nobody sends it new connections."""


def signaling_workload(fleet: Fleet, families: Families) -> dict[str, Json]:
    relay = fleet.relay
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(relay, FleetNames(relay.metadata.name).signaling, Component.SIGNALING),
        "spec": {
            "replicas": relay.spec.signaling.replicas,
            "selector": {"matchLabels": selector(relay, Component.SIGNALING)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "revisionHistoryLimit": 3,
            "template": _pod(fleet, families),
        },
    }


def _pod(fleet: Fleet, families: Families) -> dict[str, Json]:
    relay = fleet.relay
    names = FleetNames(relay.metadata.name)
    tls = relay.spec.signaling.tls_secret_ref
    volumes: list[Json] = [*shared_volumes(relay), secret_volume("control", names.control)]
    if tls is not None:
        volumes.append(secret_volume("tls", tls))
    template: dict[str, Json] = {
        "metadata": {"labels": labels(relay, Component.SIGNALING), "annotations": {}},
        "spec": {
            "serviceAccountName": names.account,
            "automountServiceAccountToken": True,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": UNLISTED_S + 25,
            "securityContext": dict(RESTRICTED_POD),
            "containers": [_container(fleet, families)],
            "volumes": volumes,
            "topologySpreadConstraints": spread(relay, Component.SIGNALING),
        },
    }
    return overlaid(template, relay.spec.signaling.template)


def _container(fleet: Fleet, families: Families) -> dict[str, Json]:
    tls = fleet.relay.spec.signaling.tls_secret_ref is not None
    scheme = "HTTPS" if tls else "HTTP"
    mounts: list[Json] = [*shared_mounts(), mount("control", CONTROL_DIR)]
    if tls:
        mounts.append(mount("tls", TLS_DIR))
    return {
        "name": "signaling",
        "image": fleet.images.signaling,
        "imagePullPolicy": fleet.images.pull_policy,
        "env": _variables(fleet, families),
        "ports": [{"name": HTTP, "containerPort": int(Port.SIGNALING_HTTP), "protocol": "TCP"}],
        "readinessProbe": probe("/readyz", period_s=2, failures=2, scheme=scheme),
        "livenessProbe": probe("/livez", period_s=10, failures=3, scheme=scheme),
        "startupProbe": probe("/livez", period_s=1, failures=120, scheme=scheme),
        "lifecycle": {"preStop": {"sleep": {"seconds": UNLISTED_S}}},
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": dict(RESTRICTED_CONTAINER),
        "volumeMounts": mounts,
    }


def _variables(fleet: Fleet, families: Families) -> list[Json]:
    signaling = fleet.relay.spec.signaling
    variables: list[Json] = [
        *shared_variables(fleet.relay),
        variable("ANTIPHON_CONTROL_TOKEN_FILE", f"{CONTROL_DIR}/token"),
        variable("ANTIPHON_HTTP_ADDRESS", families.wildcard(Port.SIGNALING_HTTP)),
        variable("ANTIPHON_LONGEST_CALL_S", longest_of_pools_s(fleet)),
    ]
    if signaling.allowed_origins:
        variables.append(variable("ANTIPHON_ALLOWED_ORIGINS", ",".join(signaling.allowed_origins)))
    if signaling.tls_secret_ref is not None:
        variables.append(variable("ANTIPHON_TLS_CERT_FILE", f"{TLS_DIR}/tls.crt"))
        variables.append(variable("ANTIPHON_TLS_KEY_FILE", f"{TLS_DIR}/tls.key"))
    return variables
