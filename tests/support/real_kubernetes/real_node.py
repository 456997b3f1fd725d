"""A node that runs pods: kubelet, containerd, runc, bridge CNI and kube-proxy, in namespaces of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from real_kubernetes import node_config
from real_kubernetes.cgroups import make_cgroups
from real_kubernetes.control_plane import ControlPlane
from real_kubernetes.daemon import Daemon, wait_until
from real_kubernetes.image_store import copy_store
from real_kubernetes.namespace import Namespace, namespace
from real_kubernetes.network import ROUTER, Network, NodeAddresses
from real_kubernetes.node_config import NodeFiles
from real_kubernetes.pki import Identity
from real_kubernetes.place import CommandFailedError
from real_kubernetes.programs import program


@dataclass(frozen=True)
class RealNode:
    name: str
    address: str
    namespace: Namespace
    containerd: Daemon
    kubelet: Daemon
    kube_proxy: Daemon

    def run(self, *command: str, timeout_s: float = 60) -> str:
        """A program of this machine, run on the node."""
        return self.namespace.run(*command, timeout_s=timeout_s)

    @property
    def daemons(self) -> list[Daemon]:
        return [self.containerd, self.kubelet, self.kube_proxy]

    def start(self) -> None:
        self.containerd.start()
        wait_until(self._runtime_answers, f"containerd of {self.name} answers", [self.containerd])
        self.kubelet.start()
        self.kube_proxy.start()

    def _runtime_answers(self) -> bool:
        try:
            self.run("ctr", "version")
        except CommandFailedError:
            return False
        return True


@contextmanager
def real_node(number: int, plane: ControlPlane, network: Network, images: Path) -> Iterator[RealNode]:
    """Started when entered, and Ready a few seconds later."""
    addresses = NodeAddresses(number)
    name = f"node-{number}"
    folder = plane.folder / name
    folder.mkdir()
    cgroup = f"{plane.folder.name}/{name}"
    make_cgroups(cgroup)
    files = NodeFiles(folder)
    files.write(addresses, plane.authority, cgroup)
    copy_store(images, files.containerd_root)
    with namespace(name, folder, machine=True) as inside:
        prepare(inside)
        network.attach(inside, addresses)
        node = assemble(inside, addresses, plane, files)
        try:
            node.start()
            yield node
        finally:
            for daemon in reversed(node.daemons):
                daemon.kill()


def prepare(inside: Namespace) -> None:
    """Folders that the node's programs insist on are its own and empty; volumes are shared with containers."""
    own = ["/run", "/var/lib/kubelet", "/var/log"]
    inside.script(
        [
            "mount --make-rshared /",
            "mkdir -p /var/lib/kubelet",
            *(f"mount -t tmpfs tmpfs {folder}" for folder in own),
            "mkdir -p /run/netns /run/containerd",
            "mount --make-rshared /",
        ]
    )


def assemble(inside: Namespace, addresses: NodeAddresses, plane: ControlPlane, files: NodeFiles) -> RealNode:
    name, folder = inside.name, files.folder
    node_user = plane.kubeconfig_for(Identity(f"system:node:{name}", ("system:nodes",)), ROUTER)
    proxy_user = plane.kubeconfig_for(Identity("system:kube-proxy"), ROUTER)
    kubelet = [
        program("kubelet"),
        f"--config={files.kubelet}",
        f"--kubeconfig={node_user}",
        f"--hostname-override={name}",
        f"--node-ip={addresses.address}",
    ]
    kube_proxy = node_config.kube_proxy(program("kube-proxy"), proxy_user, name)
    return RealNode(
        name=name,
        address=addresses.address,
        namespace=inside,
        containerd=inside.daemon("containerd", ["containerd", f"--config={files.containerd}"], folder),
        kubelet=inside.daemon("kubelet", kubelet, folder),
        kube_proxy=inside.daemon("kube-proxy", kube_proxy, folder),
    )
