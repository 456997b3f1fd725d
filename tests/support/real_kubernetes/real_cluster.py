"""A cluster with nodes that run pods, callers outside it, and a stand-in for the cloud's load balancer."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from real_kubernetes import cluster_dns
from real_kubernetes.cluster import Cluster
from real_kubernetes.control_plane import ADMIN, ControlPlane
from real_kubernetes.daemon import Daemon, python_module, wait_until
from real_kubernetes.forwarder import forwarded
from real_kubernetes.namespace import Namespace
from real_kubernetes.network import ROUTER, Network, network
from real_kubernetes.pki import Identity
from real_kubernetes.real_node import RealNode, real_node
from real_kubernetes.run_folder import SYSCTLS
from real_kubernetes.sysctls import save_sysctls

CLOUD = Identity("cloud", ("system:masters",))


@dataclass(frozen=True)
class RealCluster:
    control_plane: ControlPlane
    network: Network
    nodes: tuple[RealNode, ...]
    load_balancer: Daemon
    inner_kubeconfig: Path
    """The administrator's, as it works in the namespaces of the cluster; `cluster.kubeconfig` works in the tests."""

    @property
    def cluster(self) -> Cluster:
        return self.control_plane.cluster

    @property
    def outside(self) -> Namespace:
        """Where callers are: nothing of the cluster knows this address but by its packets."""
        return self.network.outside


def balancer_command(plane: ControlPlane) -> list[str]:
    access = plane.access(CLOUD)
    files = [plane.authority, access.user.certificate, access.user.key]
    return [*python_module("real_kubernetes.load_balancer"), str(access.port), *map(str, files)]


@contextmanager
def real_cluster(folder: Path, images: Path, nodes: int) -> Iterator[RealCluster]:
    """All nodes Ready and names resolved when entered."""
    save_sysctls(SYSCTLS)
    with ExitStack() as stack:
        links = stack.enter_context(network(folder))
        plane = ControlPlane(folder, links.router, ROUTER)
        stack.enter_context(forwarded(plane.ports.api, links.router, folder))
        stack.callback(plane.stop)
        plane.start()
        started = tuple(stack.enter_context(real_node(number + 1, plane, links, images)) for number in range(nodes))
        balancer = links.router.daemon("load-balancer", balancer_command(plane), folder)
        balancer.start()
        stack.callback(balancer.kill)
        cluster_dns.install(plane.cluster)
        for node in started:
            plane.cluster.wait(f"node/{node.name}", "condition=Ready")
        plane.cluster.wait("deployment/coredns", "condition=Available", cluster_dns.NAMESPACE)
        # A node sends packets for a Service to its pods a moment after these are there.
        for node in started:
            wait_until(partial(cluster_dns.answers, node.namespace), f"names resolve on {node.name}", node.daemons)
        inner = plane.kubeconfig_for(ADMIN, ROUTER)
        yield RealCluster(plane, links, started, balancer, inner)
