"""A fleet in a namespace of its own on simulated nodes: what a person applies, and what came of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from custom_resources import install_kinds
from operator_process import OperatorProcess, operator_process, wait_for
from real_kubernetes.kwok import KwokCluster
from real_kubernetes.pki import Identity

Document = dict[str, object]
CONVERGED_S = 90.0


@dataclass(frozen=True)
class Pod:
    name: str
    uid: str
    address: str
    ready: bool
    ending: bool


@dataclass(frozen=True)
class Block:
    first: int
    pod: str
    state: str
    hop: str


@dataclass
class KwokFleet:
    kwok: KwokCluster
    namespace: str
    folder: Path
    operators: list[OperatorProcess] = field(default_factory=list)

    @contextmanager
    def operator(self, identity: str = "operator-a") -> Iterator[OperatorProcess]:
        """A user of its own for each, so that the audit log tells them apart."""
        kubeconfig = self.kwok.control_plane.kubeconfig_for(Identity(identity, ("system:masters",)))
        with operator_process(kubeconfig, self.namespace, self.folder, identity) as operator:
            self.operators.append(operator)
            yield operator

    def apply(self, replicas: int, **spec: object) -> None:
        relay: Document = {
            "exposure": {"type": "NodePort", "port": 30_000 + int(self.namespace[-3:], 16) % 2_700},
            "publicAddresses": [{"ip": "203.0.113.7"}],
        }
        pool: Document = {"relayRef": {"name": "edge"}, "replicas": replicas, "backend": {"type": "Echo"}, **spec}
        self.kwok.control_plane.cluster.apply(
            resource("VoiceRelay", "edge", relay), resource("TransceiverPool", "agents", pool), namespace=self.namespace
        )

    def scale(self, replicas: int) -> None:
        self.kubectl("scale", "transceiverpool/agents", f"--replicas={replicas}")

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.kwok.control_plane.cluster.kubectl("-n", self.namespace, *arguments, stdin=stdin)

    def pods(self) -> list[Pod]:
        """The pool's."""
        return [
            Pod(
                name=pod["metadata"]["name"],
                uid=pod["metadata"]["uid"],
                address=pod["status"].get("podIP", ""),
                ready=any(one["type"] == "Ready" and one["status"] == "True" for one in conditions(pod)),
                ending="deletionTimestamp" in pod["metadata"],
            )
            for pod in self.items("pods", "-l", "antiphon.dev/pool=agents")
        ]

    def blocks(self) -> list[Block]:
        return [
            Block(block["first"], block["pod"], block["state"], block.get("hop", ""))
            for table in self.items("routetables")
            for block in table["spec"]["blocks"]
        ]

    def items(self, *what: str) -> list[dict]:  # type: ignore[type-arg]  # JSON of many kinds
        found = json.loads(self.kubectl("get", *what, "-o", "json"))["items"]
        assert isinstance(found, list)
        return found

    def converged(self, replicas: int) -> bool:
        """As many pods as wanted, each Ready, and exactly their blocks are Active, at the pods' addresses."""
        pods = self.pods()
        serving = {pod.name: pod.address for pod in pods if pod.ready and not pod.ending}
        blocks = self.blocks()
        active = {block.pod: block.hop.rpartition(":")[0] for block in blocks if block.state == "Active"}
        return len(pods) == replicas and serving == active and len(active) == replicas

    def wait_converged(self, replicas: int, timeout_s: float = CONVERGED_S) -> None:
        try:
            wait_for(lambda: self.converged(replicas), f"{replicas} pods serve", timeout_s)
        except TimeoutError as error:
            states = [(block.pod, block.state) for block in self.blocks()]
            said = "\n".join(operator.tail() for operator in self.operators)
            raise AssertionError(f"{error}\npods {self.pods()}\nblocks {states}\n{said}") from None

    def pods_created(self) -> list[str]:
        """Names, in the audit log's order, of every pod that any operator made."""
        audit = self.kwok.control_plane.audit
        return [
            request.name
            for operator in {operator.identity for operator in self.operators}
            for request in audit.requests(operator)
            if (request.verb, request.resource, request.namespace) == ("create", "pods", self.namespace)
            and request.status == 201
        ]

    def assert_nothing_twice(self) -> None:
        created = self.pods_created()
        assert len(set(created)) == len(created), "a pod was made twice"
        self.assert_no_route_twice()

    def assert_no_route_twice(self) -> None:
        blocks = self.blocks()
        assert len({block.first for block in blocks}) == len(blocks), "a route id was given twice"
        assert len({block.pod for block in blocks}) == len(blocks), "a pod has two blocks"


def conditions(pod: dict) -> list[dict[str, str]]:  # type: ignore[type-arg]
    found = pod["status"].get("conditions", [])
    assert isinstance(found, list)
    return found


def resource(kind: str, name: str, spec: Document) -> Document:
    return {"apiVersion": "antiphon.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


@contextmanager
def kwok_fleet(kwok: KwokCluster, folder: Path) -> Iterator[KwokFleet]:
    cluster = kwok.control_plane.cluster
    install_kinds(cluster)
    name = f"fleet-{uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    try:
        yield KwokFleet(kwok, name, folder)
    finally:
        cluster.kubectl("delete", "namespace", name, "--wait=false")
