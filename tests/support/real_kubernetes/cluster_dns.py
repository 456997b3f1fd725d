"""CoreDNS as a pod of the cluster, so that names of Services resolve in the others."""

import sys

from real_kubernetes.cluster import Cluster, Manifest
from real_kubernetes.node_config import DNS_ADDRESS
from real_kubernetes.place import CommandFailedError, Place

COREFILE = """.:5353 {
  errors
  health :8080
  ready :8181
  kubernetes cluster.local in-addr.arpa
  loop
}
"""
NAMESPACE = "kube-system"
LABELS = {"k8s-app": "kube-dns"}


def manifests() -> list[Manifest]:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "coredns"}}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "coredns"}, "data": {"Corefile": COREFILE}}
    ports = [
        {"name": "dns", "port": 53, "targetPort": 5353, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "targetPort": 5353, "protocol": "TCP"},
    ]
    service_spec = {"clusterIP": DNS_ADDRESS, "selector": LABELS, "ports": ports}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "kube-dns"}, "spec": service_spec}
    return [account, config, service, *rights(), deployment()]


def rights() -> list[Manifest]:
    rules = [
        {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    authorization = "rbac.authorization.k8s.io"
    metadata = {"name": "system:coredns"}
    role = {"apiVersion": f"{authorization}/v1", "kind": "ClusterRole", "metadata": metadata, "rules": rules}
    binding = {
        "apiVersion": f"{authorization}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": authorization, "kind": "ClusterRole", "name": "system:coredns"},
        "subjects": [{"kind": "ServiceAccount", "name": "coredns", "namespace": NAMESPACE}],
    }
    return [role, binding]


def deployment() -> Manifest:
    container = {
        "name": "coredns",
        "image": "localhost/antiphon-coredns:test",
        "imagePullPolicy": "Never",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns"}],
    }
    pod = {
        "serviceAccountName": "coredns",
        "dnsPolicy": "Default",
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
    }
    template = {"metadata": {"labels": LABELS}, "spec": pod}
    spec = {"selector": {"matchLabels": LABELS}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "coredns"}, "spec": spec}


def install(cluster: Cluster) -> None:
    cluster.apply(*manifests(), namespace=NAMESPACE)


def answers(place: Place) -> bool:
    """Whether it can be reached from there at its Service's address."""
    try:
        place.run(sys.executable, "-c", f"import socket; socket.create_connection(('{DNS_ADDRESS}', 53), 1).close()")
    except CommandFailedError:
        return False
    return True
