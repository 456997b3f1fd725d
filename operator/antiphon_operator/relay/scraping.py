"""How Prometheus finds the fleet's metrics."""

from __future__ import annotations

from antiphon_crds.overlay import Json
from antiphon_crds.voice_relay import VoiceRelay
from antiphon_operator.observed import Fleet
from antiphon_operator.relay.child import Component, labels, metadata, selector
from antiphon_operator.relay.names import FleetNames
from antiphon_operator.relay.port import HTTP

_POD_LABEL = "__meta_kubernetes_pod_label_"


def metrics_service(relay: VoiceRelay) -> dict[str, Json]:
    """Headless, over every pod of the fleet; also where the cluster's address families are read from."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(relay, FleetNames(relay.metadata.name).metrics, Component.FLEET),
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "None",
            "ipFamilyPolicy": "PreferDualStack",
            # A pod that drains has metrics too.
            "publishNotReadyAddresses": True,
            "selector": selector(relay),
            "ports": [{"name": HTTP, "protocol": "TCP", "port": 80, "targetPort": HTTP}],
        },
    }


def scrapers(fleet: Fleet) -> list[Json]:
    """Who may read metrics from other namespaces: the operator, and Prometheus from where it is said to run.

    Where that is not said and there are ServiceMonitors, it is everybody: metrics that are silently missing are worse.
    """
    if fleet.has_service_monitors and not fleet.monitoring_namespaces:
        return [{"namespaceSelector": {}}]
    named = sorted({fleet.operator_namespace, *fleet.monitoring_namespaces})
    return [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}} for name in named]


def service_monitor(relay: VoiceRelay) -> dict[str, Json]:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": metadata(relay, FleetNames(relay.metadata.name).metrics, Component.FLEET),
        "spec": {
            "selector": {"matchLabels": labels(relay, Component.FLEET)},
            "endpoints": _endpoints(relay),
        },
    }


def _endpoints(relay: VoiceRelay) -> list[Json]:
    labelled: list[Json] = [_labelled("antiphon_dev_relay", "voicerelay"), _labelled("antiphon_dev_pool", "pool")]
    if relay.spec.signaling.tls_secret_ref is None:
        return [{"port": HTTP, "relabelings": labelled}]
    # Its certificate names the public host, not the pod that is asked here.
    https: dict[str, Json] = {"port": HTTP, "scheme": "https", "tlsConfig": {"insecureSkipVerify": True}}
    return [
        {"port": HTTP, "relabelings": [_signaling("drop"), *labelled]},
        {**https, "relabelings": [_signaling("keep"), *labelled]},
    ]


def _labelled(pod_label: str, label: str) -> dict[str, Json]:
    """Dashboards and alerts group by these; a pod without the label keeps what its metrics say themselves."""
    return {"action": "replace", "sourceLabels": [f"{_POD_LABEL}{pod_label}"], "targetLabel": label}


def _signaling(action: str) -> dict[str, Json]:
    sources: list[Json] = [f"{_POD_LABEL}app_kubernetes_io_component"]
    return {"action": action, "sourceLabels": sources, "regex": Component.SIGNALING.value}
