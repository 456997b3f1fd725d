"""The harness's control plane: it keeps what it is told, says what it was asked, and comes back."""

import pytest

from real_kubernetes.cluster import Cluster, KubectlError
from real_kubernetes.control_plane import ControlPlane
from real_kubernetes.pki import Identity

pytestmark = pytest.mark.cluster

TOY_SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {"size": {"type": "integer"}},
            "x-kubernetes-validations": [{"rule": "self.size < 10", "message": "size is at most nine"}],
        }
    },
}
TOY_KIND = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "toys.test.antiphon.dev"},
    "spec": {
        "group": "test.antiphon.dev",
        "scope": "Namespaced",
        "names": {"kind": "Toy", "plural": "toys", "singular": "toy"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": TOY_SCHEMA}}],
    },
}


def toy(size: int) -> dict[str, object]:
    return {"apiVersion": "test.antiphon.dev/v1", "kind": "Toy", "metadata": {"name": "ball"}, "spec": {"size": size}}


def test_a_custom_kind_is_served_and_its_rules_hold(api_cluster: Cluster) -> None:
    api_cluster.apply(TOY_KIND)
    try:
        api_cluster.wait("crd/toys.test.antiphon.dev", "condition=Established")
        api_cluster.apply(toy(3))
        assert api_cluster.jsonpath("toy", "ball", ".spec.size") == "3"
        with pytest.raises(KubectlError, match="size is at most nine"):
            api_cluster.apply(toy(12))
    finally:
        api_cluster.delete(TOY_KIND)


def test_what_a_user_asked_is_in_the_audit_log(control_plane: ControlPlane) -> None:
    jane = Cluster(control_plane.kubeconfig_for(Identity("jane", ("visitors",))))
    with pytest.raises(KubectlError, match=r'User "jane" cannot list resource "secrets"'):
        jane.kubectl("get", "secrets")
    asked = control_plane.audit.requests("jane")
    refused = [request for request in asked if request.resource == "secrets"]
    assert [(request.verb, request.namespace, request.status) for request in refused] == [("list", "default", 403)]


def test_a_lost_api_server_comes_back_with_what_it_knew(control_plane: ControlPlane) -> None:
    cluster = control_plane.cluster
    cluster.kubectl("create", "configmap", "kept", "--from-literal=word=antiphon")
    control_plane.stop_api_server()
    try:
        with pytest.raises(KubectlError, match="refused"):
            cluster.kubectl("get", "configmap", "kept")
    finally:
        control_plane.start_api_server()
    assert cluster.jsonpath("configmap", "kept", ".data.word") == "antiphon"
    cluster.kubectl("delete", "configmap", "kept")
