"""Whether the nodes see again what changes, after their API server was away."""

from collections.abc import Sequence

from real_kubernetes import cluster_dns
from real_kubernetes.cluster import Cluster, Manifest
from real_kubernetes.images import image

NEW = "new"
LABELS = {"app": NEW}
FOLLOW_S = 300
"""Their client library rests for up to a minute before each try, and some may fail after the server is back."""
CALL = f"""
import socket, time
while True:
    try:
        socket.create_connection(("{NEW}.{cluster_dns.NAMESPACE}", 53), 2).close()
        break
    except OSError:
        time.sleep(0.5)
"""


def wait_until_nodes_follow(cluster: Cluster, nodes: Sequence[str]) -> None:
    """A new pod runs on each node, finds a new Service by its name and reaches it: kubelet, CoreDNS and kube-proxy."""
    manifests = [service(), *(caller(node) for node in nodes)]
    try:
        cluster.apply(*manifests, namespace=cluster_dns.NAMESPACE)
        for node in nodes:
            cluster.wait(f"pod/{name_on(node)}", "jsonpath={.status.phase}=Succeeded", cluster_dns.NAMESPACE, FOLLOW_S)
    finally:
        # By force: a kubelet that still sees nothing is not waited for again.
        everything = ("pods,services", "-l", f"app={NEW}", "-n", cluster_dns.NAMESPACE)
        cluster.kubectl("delete", *everything, "--force", "--grace-period=0")


def service() -> Manifest:
    spec = {"selector": cluster_dns.LABELS, "ports": [{"port": 53, "targetPort": 5353}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": NEW, "labels": LABELS}, "spec": spec}


def caller(node: str) -> Manifest:
    container = {"name": "caller", "image": image("agent"), "imagePullPolicy": "IfNotPresent"}
    spec = {
        "nodeName": node,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "containers": [{**container, "command": ["python", "-c", CALL]}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name_on(node), "labels": LABELS}, "spec": spec}


def name_on(node: str) -> str:
    return f"{NEW}-on-{node}"
