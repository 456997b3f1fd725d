"""Simulated nodes and pods behave as the real ones do, as far as the operator can see."""

import json

import pytest

from real_kubernetes.kwok import KwokCluster

pytestmark = pytest.mark.cluster


def pod(name: str, gates: list[str]) -> dict[str, object]:
    container = {"name": "main", "image": "registry.invalid/nothing:1"}
    spec = {"containers": [container], "readinessGates": [{"conditionType": gate} for gate in gates]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def test_a_hundred_pods_become_ready(kwok_cluster: KwokCluster) -> None:
    cluster = kwok_cluster.control_plane.cluster
    cluster.kubectl("create", "deployment", "many", "--image=registry.invalid/nothing:1", "--replicas=100")
    try:
        cluster.kubectl("rollout", "status", "deployment/many", "--timeout=120s", timeout_s=130)
        assert cluster.jsonpath("deployment", "many", ".status.readyReplicas") == "100"
        addresses = cluster.kubectl("get", "pods", "-l", "app=many", "-o", "jsonpath={.items[*].status.podIP}").split()
        assert len(set(addresses)) == 100
    finally:
        cluster.kubectl("delete", "deployment", "many", "--cascade=foreground")


def test_a_readiness_gate_is_opened_by_its_owner_only(kwok_cluster: KwokCluster) -> None:
    cluster = kwok_cluster.control_plane.cluster
    gated = pod("gated", ["example.com/open"])
    cluster.apply(gated)
    try:
        cluster.wait("pod/gated", "condition=ContainersReady")
        assert cluster.jsonpath("pod", "gated", '.status.conditions[?(@.type=="Ready")].status') == "False"
        opened = {"status": {"conditions": [{"type": "example.com/open", "status": "True"}]}}
        cluster.kubectl("patch", "pod", "gated", "--subresource=status", "-p", json.dumps(opened))
        cluster.wait("pod/gated", "condition=Ready")
    finally:
        cluster.delete(gated)


def test_nodes_come_and_go(kwok_cluster: KwokCluster) -> None:
    cluster = kwok_cluster.control_plane.cluster
    kwok_cluster.add_node("fake-1")
    kwok_cluster.remove_node("fake-1")
    assert cluster.kubectl("get", "nodes", "-o", "name").split() == ["node/fake-0"]
