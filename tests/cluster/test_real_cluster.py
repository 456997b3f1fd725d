"""The harness's nodes do what nodes do: pods that run, packets that arrive, names that resolve, drains that move."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from real_kubernetes import udp_echo
from real_kubernetes.cluster import Cluster, KubectlError, Manifest
from real_kubernetes.daemon import python_module, wait_until
from real_kubernetes.images import image
from real_kubernetes.network import OUTSIDE
from real_kubernetes.node_watches import wait_until_nodes_follow
from real_kubernetes.place import CommandFailedError
from real_kubernetes.real_cluster import RealCluster

pytestmark = pytest.mark.kubelet


def pod(name: str, container: dict[str, object], **spec: object) -> Manifest:
    main = {"name": "main", "imagePullPolicy": "IfNotPresent", **container}
    whole = {"containers": [main], "restartPolicy": "Never", "terminationGracePeriodSeconds": 1, **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": whole}


@contextmanager
def applied(cluster: Cluster, *manifests: Manifest) -> Iterator[None]:
    cluster.apply(*manifests)
    try:
        yield
    finally:
        cluster.delete(*manifests)


def answers(real: RealCluster, address: str, sockets: int) -> list[dict[str, Any]]:
    printed = real.outside.run(*python_module("real_kubernetes.udp_echo"), address, str(sockets))
    return [json.loads(line) for line in printed.splitlines()]


def answered_by(real: RealCluster, address: str, nodes: set[str]) -> Callable[[], bool]:
    def all_answer() -> bool:
        try:
            return {row["node"] for row in answers(real, address, 12)} == nodes
        except CommandFailedError:
            return False

    return all_answer


def test_pods_find_services_by_name(pod_cluster: Cluster) -> None:
    look_up = "import socket; print(socket.gethostbyname('kubernetes.default'))"
    with applied(pod_cluster, pod("asker", {"image": image("agent"), "command": ["python", "-c", look_up]})):
        pod_cluster.wait("pod/asker", "jsonpath={.status.phase}=Succeeded")
        expected = pod_cluster.jsonpath("service", "kubernetes", ".spec.clusterIP")
        assert pod_cluster.kubectl("logs", "asker").strip() == expected


def test_a_callers_address_survives_the_load_balancer(real_cluster: RealCluster) -> None:
    cluster = real_cluster.cluster
    names = {node.name for node in real_cluster.nodes}
    with applied(cluster, *udp_echo.manifests("echo", len(names))):
        cluster.wait("service/echo", "jsonpath={.status.loadBalancer.ingress[0].ip}")
        vip = cluster.jsonpath("service", "echo", ".status.loadBalancer.ingress[0].ip")
        cluster.kubectl("rollout", "status", "deployment/echo")
        wait_until(answered_by(real_cluster, vip, names), "pods of all nodes answer")
        for row in answers(real_cluster, vip, 12):
            assert [row["source"], row["port"]] == row["sent_from"]
            assert row["source"] == OUTSIDE


def test_a_drained_nodes_pods_move_and_packets_follow(real_cluster: RealCluster) -> None:
    cluster = real_cluster.cluster
    first, *others = (node.name for node in real_cluster.nodes)
    with applied(cluster, *udp_echo.manifests("moving", 2)):
        cluster.kubectl("rollout", "status", "deployment/moving")
        vip = cluster.jsonpath("service", "moving", ".status.loadBalancer.ingress[0].ip")
        try:
            # Its own pods alone: a budget may hold others up.
            options = ("--ignore-daemonsets", "--delete-emptydir-data", "--pod-selector=app=moving", "--timeout=60s")
            cluster.kubectl("drain", first, *options, timeout_s=70)
            cluster.kubectl("rollout", "status", "deployment/moving")
            wait_until(answered_by(real_cluster, vip, set(others)), "the other node answers alone")
        finally:
            cluster.kubectl("uncordon", first)


def test_a_changed_secret_reaches_a_running_pod_in_seconds(pod_cluster: Cluster) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "word"}, "stringData": {"word": "first"}}
    changed = {**secret, "stringData": {"word": "second"}}
    mounts = [{"name": "word", "mountPath": "/word"}]
    reader = pod(
        "reader",
        {"image": image("agent"), "command": ["sleep", "600"], "volumeMounts": mounts},
        volumes=[{"name": "word", "secret": {"secretName": "word"}}],
    )
    with applied(pod_cluster, secret, reader):
        pod_cluster.wait("pod/reader", "condition=Ready")
        assert pod_cluster.kubectl("exec", "reader", "--", "cat", "/word/word") == "first"
        pod_cluster.apply(changed)
        started = time.monotonic()

        def is_there() -> bool:
            return pod_cluster.kubectl("exec", "reader", "--", "cat", "/word/word") == "second"

        wait_until(is_there, "the new word is in the file", timeout_s=90)
        print(f"the changed secret was there after {time.monotonic() - started:.1f} s")


def test_a_pod_over_its_memory_limit_is_killed(pod_cluster: Cluster) -> None:
    hungry = {"image": image("agent"), "command": ["python", "-c", "held = bytearray(1 << 28)"]}
    limited = pod("hungry", {**hungry, "resources": {"limits": {"memory": "64Mi"}}})
    with applied(pod_cluster, limited):
        pod_cluster.wait("pod/hungry", "jsonpath={.status.phase}=Failed")
        reason = pod_cluster.jsonpath("pod", "hungry", ".status.containerStatuses[0].state.terminated.reason")
        assert reason == "OOMKilled"


def test_the_cluster_outlives_its_api_server(real_cluster: RealCluster) -> None:
    cluster = real_cluster.cluster
    with applied(cluster, *udp_echo.manifests("steady", 1)):
        cluster.kubectl("rollout", "status", "deployment/steady")
        vip = cluster.jsonpath("service", "steady", ".status.loadBalancer.ingress[0].ip")
        node = cluster.kubectl("get", "pods", "-l", "app=steady", "-o", "jsonpath={.items[0].spec.nodeName}")
        wait_until(answered_by(real_cluster, vip, {node}), "the pod answers")
        real_cluster.control_plane.stop_api_server()
        try:
            with pytest.raises(KubectlError):
                cluster.kubectl("get", "pods")
            assert len(answers(real_cluster, vip, 5)) == 5
        finally:
            real_cluster.control_plane.start_api_server()
        wait_until_nodes_follow(cluster, [node.name for node in real_cluster.nodes])
