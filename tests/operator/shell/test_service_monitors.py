"""The Prometheus operator's kind comes and goes, and the fleets' ServiceMonitors with it."""

from pathlib import Path
from uuid import uuid4

import pytest

from custom_resources import install_kinds, install_service_monitors
from operator_process import operator_process
from real_kubernetes.cluster import Cluster
from real_kubernetes.control_plane import ADMIN, ControlPlane

pytestmark = pytest.mark.cluster

ROUNDS = "antiphon_operator_rounds_total"
REFUSED = f'{ROUNDS}{{result="refused"}} '


def relay(signaling: int) -> dict[str, object]:
    spec = {"publicAddresses": [{"ip": "203.0.113.7"}], "signaling": {"replicas": signaling}}
    return {"apiVersion": "antiphon.dev/v1alpha1", "kind": "VoiceRelay", "metadata": {"name": "edge"}, "spec": spec}


def has_signaling(cluster: Cluster, namespace: str, replicas: int) -> bool:
    where = ("-n", namespace, "get", "deployments", "edge-signaling", "--ignore-not-found")
    return cluster.kubectl(*where, "-o", "jsonpath={.spec.replicas}") == str(replicas)


def test_no_round_is_refused_for_a_kind_that_is_gone(control_plane: ControlPlane, tmp_path: Path) -> None:
    """On a control plane of our own: somebody else's kind is not ours to remove."""
    cluster, namespace = control_plane.cluster, f"monitors-{uuid4().hex[:8]}"
    install_kinds(cluster)
    install_service_monitors(cluster)
    cluster.kubectl("create", "namespace", namespace)
    cluster.apply(relay(1), namespace=namespace)

    def made() -> bool:
        return "edge-metrics" in cluster.kubectl("-n", namespace, "get", "servicemonitors", "-o", "name")

    with operator_process(control_plane.kubeconfig_for(ADMIN), namespace, tmp_path) as operator:
        operator.wait_for(made, "the operator makes a ServiceMonitor")
        cluster.kubectl("delete", "crd", "servicemonitors.monitoring.coreos.com")
        operator.wait_for(lambda: 'kind="ServiceMonitor"' not in watches(operator.metrics()), "the operator sees it go")
        # What was under way ends.
        cluster.apply(relay(2), namespace=namespace)
        operator.wait_for(lambda: has_signaling(cluster, namespace, 2), "a round after that")
        before = refused(operator.metrics())
        cluster.apply(relay(3), namespace=namespace)
        operator.wait_for(lambda: has_signaling(cluster, namespace, 3), "one more")
        assert refused(operator.metrics()) == before
        assert "Stalled" not in cluster.kubectl("-n", namespace, "get", "voicerelays", "edge", "-o", "yaml")
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def watches(metrics: str) -> str:
    return "\n".join(line for line in metrics.splitlines() if line.startswith("antiphon_operator_watch_age_seconds"))


def refused(metrics: str) -> float:
    return next(float(line.removeprefix(REFUSED)) for line in metrics.splitlines() if line.startswith(REFUSED))
