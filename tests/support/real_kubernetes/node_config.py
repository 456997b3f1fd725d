"""What a node's programs are configured with."""

import json
from dataclasses import dataclass
from pathlib import Path

from real_kubernetes.components import POD_CIDR
from real_kubernetes.network import NodeAddresses

RUNTIME_SOCKET = "/run/containerd/containerd.sock"
DNS_ADDRESS = "10.96.0.10"
CNI_PROGRAMS = "/usr/lib/cni"


@dataclass(frozen=True)
class NodeFiles:
    """Where a node keeps what outlives none of its processes."""

    folder: Path

    @property
    def kubelet(self) -> Path:
        return self.folder / "kubelet.json"

    @property
    def containerd(self) -> Path:
        return self.folder / "containerd.toml"

    @property
    def cni(self) -> Path:
        return self.folder / "cni"

    @property
    def containerd_root(self) -> Path:
        return self.folder / "containerd"

    def write(self, addresses: NodeAddresses, authority: Path, cgroup: str) -> None:
        self.cni.mkdir()
        (self.cni / "10-bridge.conflist").write_text(json.dumps(bridge(self.folder / "addresses", addresses)))
        self.kubelet.write_text(json.dumps(kubelet(self.folder, addresses, authority, cgroup)))
        self.containerd.write_text(containerd(self.containerd_root, self.cni))


def bridge(state: Path, addresses: NodeAddresses) -> dict[str, object]:
    ranges = [[{"subnet": addresses.pods}]]
    ipam = {"type": "host-local", "dataDir": str(state), "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]}
    plugin = {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": False, "hairpinMode": True}
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "bridge", "plugins": [{**plugin, "ipam": ipam}, ports]}


def kubelet(folder: Path, addresses: NodeAddresses, authority: Path, cgroup: str) -> dict[str, object]:
    reserve = dict.fromkeys(("nodefs.available", "nodefs.inodesFree", "imagefs.available"), "1%")
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(authority)},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{RUNTIME_SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroup}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDomain": "cluster.local",
        "clusterDNS": [DNS_ADDRESS],
        "resolvConf": "",
        "address": addresses.address,
        "enforceNodeAllocatable": ["pods"],
        "evictionHard": {"memory.available": "200Mi", **reserve},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "podLogsDir": str(folder / "pod-logs"),
        "volumePluginDir": str(folder / "volume-plugins"),
        "serializeImagePulls": False,
        # How soon a changed Secret is in a mounted file, and a dead node is known as one: tests wait for both.
        "syncFrequency": "5s",
        "nodeStatusUpdateFrequency": "4s",
        "nodeLeaseDurationSeconds": 20,
        # Without the capability to lower it, asking for a low score fails.
        "oomScoreAdj": 0,
    }


def containerd(root: Path, cni: Path) -> str:
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""version = 2
root = "{root}"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing",
]
[grpc]
  address = "{RUNTIME_SOCKET}"
[{cri}]
  sandbox_image = "localhost/antiphon-pause:test"
  restrict_oom_score_adj = true
  disable_apparmor = true
  [{cri}.cni]
    bin_dir = "{CNI_PROGRAMS}"
    conf_dir = "{cni}"
  [{cri}.containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [{cri}.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [{cri}.containerd.runtimes.runc.options]
        SystemdCgroup = false
"""


def kube_proxy(program: str, kubeconfig: Path, node: str) -> list[str]:
    return [
        program,
        f"--kubeconfig={kubeconfig}",
        f"--hostname-override={node}",
        "--proxy-mode=nftables",
        f"--cluster-cidr={POD_CIDR}",
        # Connection tracking cannot be sized from inside a namespace.
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
        "--oom-score-adj=0",
    ]
