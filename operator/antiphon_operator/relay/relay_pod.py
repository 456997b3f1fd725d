"""The pod of a relay."""

from __future__ import annotations

from typing import Final

from antiphon_crds.overlay import Json
from antiphon_crds.voice_relay import ExposureType
from antiphon_operator.observed import Fleet
from antiphon_operator.pod_overlay import RESTRICTED_CONTAINER, RESTRICTED_POD, overlaid
from antiphon_operator.relay.child import Component, labels
from antiphon_operator.relay.families import Families
from antiphon_operator.relay.longest_call import longest_call_s
from antiphon_operator.relay.names import FleetNames
from antiphon_operator.relay.pod_parts import (
    probe,
    shared_mounts,
    shared_variables,
    shared_volumes,
    spread,
    variable,
    variable_of_pod,
    variable_of_secret,
)
from antiphon_operator.relay.port import HTTP, Port
from antiphon_operator.relay.workers import WORKERS_ANNOTATION, workers_per_pod

READY_PERIOD_S: Final = 1
READY_FAILURES: Final = 2
DRAIN_S: Final = READY_FAILURES * READY_PERIOD_S + 4
"""Served after SIGTERM where others can take the flows over: until kube-proxy has moved them, and 2 s more."""
GRACE_S: Final = 25
"""The longest wait for callers to leave where others cannot, also while the flow cache is down."""
TERMINATION_S: Final = max(DRAIN_S, GRACE_S) + 15
FLOW_BYTES: Final = 256
"""Of memory, with what goes with a flow."""
BARE_MEMORY_MI: Final = 256


def relay_pod(fleet: Fleet, families: Families) -> dict[str, Json]:
    """A PodTemplateSpec, with the VoiceRelay's own template over it."""
    relay = fleet.relay
    annotations: dict[str, Json] = {WORKERS_ANNOTATION: str(workers_per_pod(relay.spec))}
    spec: dict[str, Json] = {
        "serviceAccountName": FleetNames(relay.metadata.name).account,
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": TERMINATION_S,
        "securityContext": dict(RESTRICTED_POD),
        "containers": [_container(fleet, families)],
        "volumes": shared_volumes(relay),
        "topologySpreadConstraints": spread(relay, Component.RELAY),
    }
    if on_host_network(fleet):
        spec |= {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}
    template: dict[str, Json] = {
        "metadata": {"labels": labels(relay, Component.RELAY), "annotations": annotations},
        "spec": spec,
    }
    return overlaid(template, relay.spec.template)


def on_host_network(fleet: Fleet) -> bool:
    return fleet.relay.spec.exposure.type is ExposureType.HOST_NETWORK


def voice_port(fleet: Fleet) -> int:
    """Where callers' packets arrive inside the pod."""
    return fleet.relay.spec.exposure.port if on_host_network(fleet) else int(Port.VOICE)


def _container(fleet: Fleet, families: Families) -> dict[str, Json]:
    return {
        "name": "relay",
        "image": fleet.images.relay,
        "imagePullPolicy": fleet.images.pull_policy,
        "env": _variables(fleet, families),
        "ports": _ports(fleet),
        "readinessProbe": probe("/readyz", period_s=READY_PERIOD_S, failures=READY_FAILURES),
        "livenessProbe": probe("/livez", period_s=10, failures=3),
        # Every second, since nothing is served before; patient, since the API server may be away.
        "startupProbe": probe("/livez", period_s=1, failures=120),
        "resources": _resources(fleet),
        "securityContext": dict(RESTRICTED_CONTAINER),
        "volumeMounts": shared_mounts(),
    }


def _variables(fleet: Fleet, families: Families) -> list[Json]:
    spec = fleet.relay.spec
    variables: list[Json] = [
        *_addresses(fleet, families),
        *shared_variables(fleet.relay),
        variable("ANTIPHON_WORKERS", workers_per_pod(spec)),
        variable("ANTIPHON_MAX_FLOWS", _max_flows(fleet)),
        variable("ANTIPHON_FLOW_IDLE_S", spec.limits.flow_idle_timeout_seconds),
        variable("ANTIPHON_NEW_FLOWS_PER_PREFIX", spec.limits.new_flows_per_second_per_prefix),
        variable("ANTIPHON_LONGEST_CALL_S", longest_call_s(fleet)),
        variable("ANTIPHON_DRAIN_S", DRAIN_S),
        variable("ANTIPHON_GRACE_S", GRACE_S),
    ]
    if spec.flow_cache is not None:
        variables.append(variable_of_secret("ANTIPHON_REDIS_URL", spec.flow_cache))
    return variables


def _addresses(fleet: Fleet, families: Families) -> list[Json]:
    # Kubernetes expands $(NAME) from variables that stand before it.
    pod_ip = variable_of_pod("ANTIPHON_POD_IP", "status.podIP")
    hop = variable("ANTIPHON_HOP_ADDRESS", families.of_variable("ANTIPHON_POD_IP", Port.HOP))
    if not on_host_network(fleet):
        listen = variable("ANTIPHON_LISTEN", families.wildcards(Port.VOICE))
        return [pod_ip, hop, listen, variable("ANTIPHON_HTTP_ADDRESS", families.wildcard(Port.RELAY_HTTP))]
    # On a node with several addresses a wildcard socket answers from the wrong one, and shows health to all networks.
    return [
        pod_ip,
        variable_of_pod("ANTIPHON_HOST_IP", "status.hostIP"),
        hop,
        variable("ANTIPHON_LISTEN", families.of_variable("ANTIPHON_HOST_IP", voice_port(fleet))),
        variable("ANTIPHON_HTTP_ADDRESS", families.of_variable("ANTIPHON_HOST_IP", Port.RELAY_HTTP)),
    ]


def _ports(fleet: Fleet) -> list[Json]:
    ports: list[tuple[str, int, str]] = [
        ("voice", voice_port(fleet), "UDP"),
        ("hop", Port.HOP, "UDP"),
        (HTTP, Port.RELAY_HTTP, "TCP"),
    ]
    return [
        {
            "name": name,
            "containerPort": int(number),
            "protocol": protocol,
            **({"hostPort": int(number)} if on_host_network(fleet) else {}),
        }
        for name, number, protocol in ports
    ]


def _max_flows(fleet: Fleet) -> int:
    return fleet.relay.spec.limits.max_flows_per_worker * workers_per_pod(fleet.relay.spec)


def _resources(fleet: Fleet) -> dict[str, Json]:
    """No CPU limit: throttling would delay every packet of a call."""
    flows_mi = -(-_max_flows(fleet) * FLOW_BYTES // 2**20)
    return {
        "requests": {"cpu": "250m", "memory": "128Mi"},
        "limits": {"memory": f"{BARE_MEMORY_MI + flows_mi}Mi"},
    }
