"""kwok: nodes and pods that exist in the API only, so that a thousand of them cost seconds."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from free_ports import free_port
from real_kubernetes.control_plane import ControlPlane, control_plane
from real_kubernetes.daemon import Daemon
from real_kubernetes.pki import Identity
from real_kubernetes.programs import program

STAGES = Path(__file__).parent / "kwok_stages.yaml"
PODS_PER_NODE = 2000
POD_CIDR = "127.244.0.0/16"
"""Loopback: who asks a pod that only exists in the API is refused here, and nothing leaves this machine."""
IDENTITY = Identity("kwok", ("system:masters",))


@dataclass(frozen=True)
class KwokCluster:
    control_plane: ControlPlane
    kwok: Daemon

    def add_node(self, name: str) -> None:
        """A node without a machine, Ready within a second; pods bound to it run without containers."""
        size = {"cpu": "512", "memory": "1Ti", "pods": str(PODS_PER_NODE)}
        labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
        metadata = {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}}
        status = {"allocatable": size, "capacity": size}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": status}
        cluster = self.control_plane.cluster
        cluster.apply(node)
        cluster.wait(f"node/{name}", "condition=Ready")

    def remove_node(self, name: str) -> None:
        self.control_plane.cluster.kubectl("delete", "node", name)


def kwok_command(plane: ControlPlane, port: int) -> list[str]:
    return [
        program("kwok"),
        f"--kubeconfig={plane.kubeconfig_for(IDENTITY)}",
        f"--config={STAGES}",
        "--manage-all-nodes=false",
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
        "--node-ip=127.0.0.1",
        f"--cidr={POD_CIDR}",
        "--node-lease-duration-seconds=40",
        f"--server-address=127.0.0.1:{port}",
    ]


@contextmanager
def kwok_cluster(folder: Path) -> Iterator[KwokCluster]:
    """A control plane with one simulated node, `fake-0`."""
    with control_plane(folder) as plane:
        kwok = Daemon("kwok", kwok_command(plane, free_port()), folder / "kwok.log", folder)
        kwok.start()
        try:
            cluster = KwokCluster(plane, kwok)
            cluster.add_node("fake-0")
            yield cluster
        finally:
            kwok.kill()
