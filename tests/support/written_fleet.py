"""A healthy fleet as the operator would have written it, in a namespace of its own, for who reads clusters."""

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from antiphon_cli.local.addresses import default_route_address
from real_kubernetes.cluster import Cluster, KubectlError

CRDS = Path(__file__).parents[2] / "crds" / "antiphon_crds"
PATIENCE_S = 30
ADDRESS = "203.0.113.7"
FIRST_BLOCKS = {"agents-00000008": 8, "agents-00000010": 16}
WELL = {
    "edge": ("AddressAssigned", "RelaysAvailable", "SignalingAvailable", "KeysSynced", "RoutesPublished"),
    "agents": ("PodsAvailable", "RoutesPublished", "BackendReachable", "CapacityAvailable", "Updated"),
}
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


class WrittenFleet:
    """VoiceRelay `edge` with two relays, pool `agents` with two pods, and an operator that leads."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.namespace = f"voice-{secrets.token_hex(3)}"
        self.operator_namespace = f"{self.namespace}-operator"

    def run(self, *arguments: str) -> None:
        self.kubectl(*arguments)

    def kubectl(self, *arguments: str) -> str:
        return self.cluster.kubectl("-n", self.namespace, *arguments)

    def apply(self, *manifests: Mapping[str, object]) -> None:
        self.cluster.apply(*manifests, namespace=self.namespace)

    def patch(self, kind: str, name: str, patch: object, *options: str) -> None:
        self.kubectl("patch", kind, name, "--type=merge", "-p", json.dumps(patch), *options)

    def patch_status(self, kind: str, name: str, status: Mapping[str, object]) -> None:
        self.patch(kind, name, {"status": status}, "--subresource=status")

    def write(self) -> None:
        self._write_namespaces()
        self.write_operator()
        self.apply(voice_relay(), pool(), relays(), *services())
        self.write_policies()
        self.write_secrets()
        self.kubectl("rollout", "status", "deployment/edge-relay", "--timeout=30s")
        for pod in self.relay_pods():
            self.place_here(pod)
        for name, first in FIRST_BLOCKS.items():
            self.write_pod_here(transceiver(name, first))
        self.write_table()
        self.write_statuses()

    def remove(self) -> None:
        # Its namespace goes later, and until then it would be seen as another operator.
        self.cluster.kubectl("delete", "deployment,lease", "--all", "-n", self.operator_namespace)
        for namespace in (self.namespace, self.operator_namespace):
            self.cluster.kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")

    def write_operator(self, *, renewed_s_ago: float = 0, watched: str = "") -> None:
        renewed = datetime.fromtimestamp(time.time() - renewed_s_ago, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {"holderIdentity": "antiphon-operator-x", "leaseDurationSeconds": 3600, "renewTime": renewed}
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "antiphon-operator"},
            "spec": spec,
        }
        self.cluster.apply(operator(watched), lease, namespace=self.operator_namespace)

    def write_policies(self) -> None:
        self.apply(*network_policies())

    def write_secrets(self, *, next_rotation_in_s: float = 3600) -> None:
        due = datetime.fromtimestamp(time.time() + next_rotation_in_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        annotations = {"antiphon.dev/next-rotation": due}
        keys = {"apiVersion": "v1", "kind": "Secret", "metadata": labelled("edge-keys", "fleet", annotations)}
        control = {"apiVersion": "v1", "kind": "Secret", "metadata": labelled("edge-control", "fleet")}
        self.apply({**keys, "stringData": {"keys.json": "{}"}}, {**control, "stringData": {"token": "x"}})

    def write_table(self, **changes: object) -> None:
        """Shard 0, as it should be but for the changes of its spec."""
        spec = {
            "relayRef": {"name": "edge"},
            "shard": 0,
            "shards": 1,
            "generation": time.time_ns() // 1_000_000,
            "clusterID": 0,
            "clusterName": f"{self.namespace}/edge",
            "vip": [f"{ADDRESS}:3478"],
            "relays": [{"name": pod, "hop": "10.244.0.7:7100", "workers": 2} for pod in self.relay_pods()],
            "pools": [{"name": "agents", "models": [], "default": True}],
            "blocks": [block(first, name) for name, first in FIRST_BLOCKS.items()],
        }
        self.apply(route_table("edge-0", {**spec, **changes}))

    def relay_pods(self) -> list[str]:
        names = self.kubectl("get", "pods", "-l", "app.kubernetes.io/component=relay", "-o", "name").split()
        return [name.removeprefix("pod/") for name in names]

    def write_statuses(self) -> None:
        self.write_relay_status()
        self.write_pool_status()

    def write_relay_status(self, **wrong: tuple[str, str, str]) -> None:
        """`wrong`: conditions by type: status, reason, message."""
        generation = int(self.cluster.jsonpath("voicerelay", "edge", ".metadata.generation", self.namespace))
        status = {
            "observedGeneration": generation,
            "endpoint": f"{ADDRESS}:3478",
            "addresses": [{"ip": ADDRESS, "port": 3478}],
            "relays": {"desired": 2, "available": 2, "updated": 2},
            "pools": 1,
            "routes": 2,
            "calls": 5,
            "keyEpoch": 7,
            "conditions": conditions("edge", wrong),
        }
        self.patch_status("voicerelay", "edge", status)

    def write_pool_status(self, **wrong: tuple[str, str, str]) -> None:
        generation = int(self.cluster.jsonpath("transceiverpool", "agents", ".metadata.generation", self.namespace))
        status = {
            "observedGeneration": generation,
            "desiredReplicas": 2,
            "replicas": 2,
            "availableReplicas": 2,
            "updatedReplicas": 2,
            "drainingReplicas": 0,
            "selector": "antiphon.dev/pool=agents",
            "calls": 5,
            "capacity": 120,
            "free": 115,
            "conditions": conditions("agents", wrong),
        }
        self.patch_status("transceiverpool", "agents", status)

    def write_pod_here(self, pod: Mapping[str, object]) -> None:
        """A pod that is in truth a server on this machine, or nothing at all."""
        metadata = pod["metadata"]
        assert isinstance(metadata, dict)
        name = str(metadata["name"])
        self.run("delete", "pod", name, "--ignore-not-found", "--grace-period=0")
        self.apply(pod)
        self.cluster.wait(f"pod/{name}", "condition=Ready", self.namespace)
        self.place_here(name)

    def place_here(self, pod: str) -> None:
        """Gives it this machine's own address: who asks it must not leave the machine, and the API server's proxy goes
        to no loopback."""
        address = default_route_address()
        self.patch_status("pod", pod, {"podIP": address, "podIPs": [{"ip": address}]})

    def write_load_balancer(self, *ingress: Mapping[str, str]) -> None:
        self.patch_status("service", "edge-relay", {"loadBalancer": {"ingress": list(ingress)}})

    def _write_namespaces(self) -> None:
        restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
        for name, labels in ((self.namespace, restricted), (self.operator_namespace, {})):
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
            self.cluster.kubectl("apply", "-f", "-", stdin=json.dumps(namespace))
            wait_for_account = ("serviceaccount/default", "create", name)
            self.cluster.wait(*wait_for_account)


@contextmanager
def written_fleet(cluster: Cluster) -> Iterator[WrittenFleet]:
    install_definitions(cluster)
    fleet = WrittenFleet(cluster)
    try:
        fleet.write()
        fleet.write_load_balancer({"ip": ADDRESS})
        yield fleet
    finally:
        fleet.remove()


def install_definitions(cluster: Cluster) -> None:
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
    deadline = time.monotonic() + PATIENCE_S
    while not all(is_served(cluster, plural) for plural in ("voicerelays", "transceiverpools", "routetables")):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def is_served(cluster: Cluster, plural: str) -> bool:
    try:
        cluster.kubectl("get", "--raw", f"/apis/antiphon.dev/v1alpha1/{plural}")
    except KubectlError:
        return False
    return True


def labelled(name: str, component: str, annotations: Mapping[str, str] | None = None) -> dict[str, object]:
    labels = {
        "app.kubernetes.io/managed-by": "antiphon-operator",
        "app.kubernetes.io/name": "antiphon",
        "app.kubernetes.io/component": component,
        "antiphon.dev/relay": "edge",
    }
    return {"name": name, "labels": labels, "annotations": dict(annotations or {})}


def voice_relay() -> dict[str, object]:
    return {"apiVersion": "antiphon.dev/v1alpha1", "kind": "VoiceRelay", "metadata": {"name": "edge"}, "spec": {}}


def pool() -> dict[str, object]:
    backend = {"type": "Realtime", "realtime": {"url": "ws://agent.voice:8080/v1/realtime"}}
    spec = {"relayRef": {"name": "edge"}, "backend": backend, "replicas": 1}
    kind = {"apiVersion": "antiphon.dev/v1alpha1", "kind": "TransceiverPool"}
    return {**kind, "metadata": {"name": "agents"}, "spec": spec}


def operator(watched: str) -> dict[str, object]:
    labels = {"app.kubernetes.io/name": "antiphon", "app.kubernetes.io/component": "operator"}
    container = {
        "name": "operator",
        "image": "registry.invalid/operator:1",
        "env": [{"name": "ANTIPHON_WATCH_NAMESPACES", "value": watched}],
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    metadata = {"name": "antiphon-operator", "labels": labels}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def relays(replicas: int = 2) -> dict[str, object]:
    """On a node each."""
    metadata = labelled("edge-relay", "relay")
    labels = {"antiphon.dev/relay": "edge", "app.kubernetes.io/component": "relay"}
    ports = [{"name": "voice", "protocol": "UDP", "containerPort": 3478}, {"name": "http", "containerPort": 7190}]
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": labels}}
    pod = {
        "containers": [container("relay", ports)],
        "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}},
    }
    template = {"metadata": {"labels": metadata["labels"]}, "spec": pod}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


def transceiver(
    name: str, first_route: int, cpu: str = "10m", node: str | None = None, port: int = 7300
) -> dict[str, object]:
    metadata = labelled(name, "transceiver", {"antiphon.dev/routes": str(first_route)})
    labels = metadata["labels"]
    assert isinstance(labels, dict)
    labels["antiphon.dev/pool"] = "agents"
    resources = {"requests": {"cpu": cpu}}
    ports: list[dict[str, object]] = [{"name": "http", "containerPort": port}]
    spec = {"containers": [{**container("transceiver", ports), "resources": resources}], "restartPolicy": "Never"}
    spec |= {"nodeName": node} if node else {}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def signaling(port: int) -> dict[str, object]:
    spec = {"containers": [container("signaling", [{"name": "http", "containerPort": port}])]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": labelled("edge-signaling-0", "signaling"), "spec": spec}


def container(name: str, ports: list[dict[str, object]]) -> dict[str, object]:
    return {"name": name, "image": f"registry.invalid/{name}:1", "ports": ports, "securityContext": RESTRICTED}


def services() -> tuple[dict[str, object], ...]:
    """Signaling's has no selector: whoever needs it writes its EndpointSlice."""
    udp = {
        "type": "LoadBalancer",
        "externalTrafficPolicy": "Local",
        "selector": {"antiphon.dev/relay": "edge", "app.kubernetes.io/component": "relay"},
        "ports": [{"name": "voice", "protocol": "UDP", "port": 3478, "targetPort": "voice"}],
    }
    http = {"ports": [{"name": "http", "protocol": "TCP", "port": 80}]}
    return (
        {"apiVersion": "v1", "kind": "Service", "metadata": labelled("edge-relay", "relay"), "spec": udp},
        {"apiVersion": "v1", "kind": "Service", "metadata": labelled("edge-signaling", "signaling"), "spec": http},
    )


def network_policies() -> tuple[dict[str, object], ...]:
    named = [("edge-relay", "relay"), ("edge-signaling", "signaling"), ("agents", "transceiver")]
    selectors = [{"matchLabels": {"app.kubernetes.io/component": component}} for _, component in named]
    own = [
        network_policy(labelled(*names), {"podSelector": selector, "ingress": [{}]})
        for names, selector in zip(named, selectors, strict=True)
    ]
    denying = {"podSelector": {}, "policyTypes": ["Ingress"]}
    return (*own, network_policy({"name": "default-deny"}, denying))


def network_policy(metadata: dict[str, object], spec: Mapping[str, object]) -> dict[str, object]:
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": dict(spec)}


def block(first: int, pod: str, state: str = "Active") -> dict[str, object]:
    addresses = {"hop": "10.244.0.9:7200", "control": "10.244.0.9:7300"}
    return {"first": first, "pod": pod, "pool": "agents", "state": state, **addresses}


def route_table(name: str, spec: Mapping[str, object]) -> dict[str, object]:
    metadata = labelled(name, "fleet")
    return {"apiVersion": "antiphon.dev/v1alpha1", "kind": "RouteTable", "metadata": metadata, "spec": dict(spec)}


def conditions(resource: str, wrong: Mapping[str, tuple[str, str, str]]) -> list[dict[str, object]]:
    """All well but those; Ready has the words of the first of them."""
    said = dict.fromkeys(WELL[resource], ("True", "Well", "it is well")) | dict(wrong)
    first = next(iter(wrong.values()), ("True", "Serving", "calls can be made"))
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [
        {"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": now}
        for type_, (status, reason, message) in {"Ready": first, **said}.items()
    ]
