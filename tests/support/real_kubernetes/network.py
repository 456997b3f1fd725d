"""The network of a test cluster: a router in a namespace, nodes on its bridge, and callers on another link.

outside 198.51.100.2 ── router 198.51.100.1 / 10.77.0.1 ──┬── node-1 10.77.0.11, pods 10.244.1.0/24
                        (control plane)                   └── node-2 10.77.0.12, pods 10.244.2.0/24
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from real_kubernetes.namespace import Namespace, namespace

ROUTER = "10.77.0.1"
OUTSIDE = "198.51.100.2"
OUTSIDE_ROUTER = "198.51.100.1"


@dataclass(frozen=True)
class NodeAddresses:
    """What the n-th node, from 1, is given."""

    number: int

    @property
    def address(self) -> str:
        return f"10.77.0.{10 + self.number}"

    @property
    def pods(self) -> str:
        return f"10.244.{self.number}.0/24"


@dataclass(frozen=True)
class Network:
    router: Namespace
    outside: Namespace

    def attach(self, node: Namespace, addresses: NodeAddresses) -> None:
        link = f"to-{node.name}"
        self.router.script(
            [
                f"ip link add {link} type veth peer name uplink netns {node.pid}",
                f"ip link set {link} master nodes up",
                f"ip route add {addresses.pods} via {addresses.address}",
            ]
        )
        node.script(
            [
                "ip link set lo up",
                f"ip address add {addresses.address}/24 dev uplink",
                "ip link set uplink up",
                f"ip route add default via {ROUTER}",
                *forwarding(),
            ]
        )


def forwarding() -> list[str]:
    off = ["all.rp_filter", "default.rp_filter", "all.send_redirects", "default.send_redirects"]
    return ["sysctl -qw net.ipv4.ip_forward=1", *(f"sysctl -qw net.ipv4.conf.{name}=0" for name in off)]


@contextmanager
def network(folder: Path) -> Iterator[Network]:
    with namespace("router", folder) as router, namespace("outside", folder) as outside:
        router.script(
            [
                *forwarding(),
                # A flow over several next hops is told by its ports too, as load balancers do.
                "sysctl -qw net.ipv4.fib_multipath_hash_policy=1",
                "ip link set lo up",
                "ip link add nodes type bridge",
                f"ip address add {ROUTER}/24 dev nodes",
                "ip link set nodes up",
                f"ip link add to-outside type veth peer name uplink netns {outside.pid}",
                f"ip address add {OUTSIDE_ROUTER}/24 dev to-outside",
                "ip link set to-outside up",
            ]
        )
        outside.script(
            [
                "ip link set lo up",
                f"ip address add {OUTSIDE}/24 dev uplink",
                "ip link set uplink up",
                f"ip route add default via {OUTSIDE_ROUTER}",
            ]
        )
        yield Network(router, outside)
