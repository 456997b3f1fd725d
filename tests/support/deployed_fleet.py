"""The product as its chart installs it, on a cluster with real nodes, called from outside."""

import asyncio
import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from real_kubernetes.cluster import Cluster, KubectlError
from real_kubernetes.images import image
from real_kubernetes.node_watches import wait_until_nodes_follow
from real_kubernetes.programs import program
from real_kubernetes.real_cluster import RealCluster

ROOT = Path(__file__).parent.parent.parent
CHART = ROOT / "charts" / "antiphon"
OPERATOR_NAMESPACE = "antiphon-system"
ASKED_FOR_METRICS = 3
"""Times, of a pod that is to stay: it may not serve yet, or be slow."""
LONGEST_CALL_S = 900
"""Of calls that stay; pods that drain wait for them."""
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
PRIVILEGED = {"pod-security.kubernetes.io/enforce": "privileged"}
ANTIPHON = ROOT / ".venv" / "bin" / "antiphon"


@dataclass(frozen=True)
class Callers:
    """`antiphon call` outside the cluster, several calls in one process."""

    process: asyncio.subprocess.Process
    stay: bool

    async def reports(self) -> list[dict[str, Any]]:
        """What became of each call, as `antiphon call -o json` says it; those that stay end with their next answers."""
        self.part()
        out, err = await asyncio.wait_for(self.process.communicate(), 60)
        if not out:
            raise AssertionError(err.decode())
        said = json.loads(out)
        return said if isinstance(said, list) else [said]

    async def said(self) -> str:
        """All that the process wrote, when it has ended."""
        self.part()
        out, err = await self.process.communicate()
        return (out + err).decode()

    def part(self) -> None:
        """Calls that stay do so no longer."""
        if self.stay and self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)


@dataclass(frozen=True)
class DeployedFleet:
    """VoiceRelay `edge`; pool `agents` with the example agent; pool `mirrors`, which says back what it hears."""

    real: RealCluster
    namespace: str
    callers: list[Callers] = field(default_factory=list)
    """All that were started."""

    @property
    def cluster(self) -> Cluster:
        return self.real.cluster

    def kubectl(self, *arguments: str, stdin: str | None = None, timeout_s: float = 60) -> str:
        return self.cluster.kubectl("-n", self.namespace, *arguments, stdin=stdin, timeout_s=timeout_s)

    def get(self, kind: str, *selectors: str) -> list[dict[str, Any]]:
        return list(json.loads(self.kubectl("get", kind, *selectors, "-o", "json"))["items"])

    def one(self, kind: str, name: str) -> dict[str, Any]:
        return dict(json.loads(self.kubectl("get", kind, name, "-o", "json")))

    def patch(self, kind: str, name: str, change: Mapping[str, object]) -> None:
        self.kubectl("patch", kind, name, "--type=merge", "-p", json.dumps(change))

    @property
    def url(self) -> str:
        """Signaling as callers reach it."""
        ingress = self.one("service", "edge-signaling")["status"]["loadBalancer"]["ingress"]
        return f"http://{ingress[0]['ip']}"

    @property
    def vip(self) -> str:
        return str(self.one("voicerelay", "edge")["status"]["endpoint"])

    def pods(self, component: str) -> list[dict[str, Any]]:
        """Those that are not being deleted; of the transceivers the pool `agents`."""
        which = "antiphon.dev/pool=agents" if component == "transceiver" else "antiphon.dev/relay=edge"
        found = self.get("pods", "-l", f"app.kubernetes.io/component={component},{which}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def blocks(self) -> dict[str, str]:
        """State by pod of the pool `agents`, of all route tables."""
        tables = self.get("routetables", "-l", "antiphon.dev/relay=edge")
        blocks = [block for table in tables for block in table["spec"]["blocks"]]
        return {block["pod"]: block["state"] for block in blocks if block["pool"] == "agents"}

    async def until_all_follow(self) -> None:
        """Every relay and every signaling process goes by the newest route table."""

        def follow() -> bool:
            tables = self.get("routetables", "-l", "antiphon.dev/relay=edge")
            newest = max(int(table["spec"]["generation"]) for table in tables)
            return all(
                self.metric(pod["metadata"]["name"], http_port(pod), f"antiphon_{component}_{name}") >= newest
                for component, name in (("relay", "route_table_generation"), ("signaling", "table_generation"))
                for pod in self.pods(component)
            )

        await until(follow, "all go by the newest route table", 15)

    async def until_nodes_follow(self) -> None:
        """New pods run on each node and find new Services: after the API server was away it takes a while."""
        await asyncio.to_thread(wait_until_nodes_follow, self.cluster, [node.name for node in self.real.nodes])

    async def call(
        self,
        *,
        calls: int = 1,
        stay: bool = False,
        url: str | None = None,
        model: str = "parrot",
        wav: Path | None = None,
    ) -> Callers:
        """A question and its answer; calls that stay go on asking, until their reports are wanted after they live."""
        command = [str(ANTIPHON), "call", url or self.url, "-o", "json", "--calls", str(calls)]
        command += ["--keep-alive", str(LONGEST_CALL_S if stay else 0), "--timeout", "15", "--model", model]
        if wav is not None:
            command += ["--wav", str(wav)]
        process = await asyncio.create_subprocess_exec(
            *self.real.outside.enter,
            *command,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self.callers.append(Callers(process, stay))
        return self.callers[-1]

    async def hang_up(self) -> None:
        """Ends the callers that are left."""
        while self.callers:
            process = self.callers.pop().process
            if process.returncode is None:
                process.kill()
            await process.communicate()

    async def until_live(self, calls: int, pool: str = "agents") -> None:
        """That many calls are connected, as their pods say."""
        try:
            await until(lambda: sum(self.live(pool).values()) >= calls, f"{calls} live calls", 30)
        except AssertionError as error:
            known = f"live by pod {self.live(pool)}; admission closed {self.admission_closed()}"
            # A call that failed is told of by its process, when the others of it have ended too.
            said = [await asyncio.wait_for(caller.said(), 150) for caller in self.callers]
            raise AssertionError(f"{error}; {known}; the callers say: {said}") from None

    async def until_admission_is_open(self) -> None:
        """No pod refuses calls because its last ones came late; it goes on refusing for some seconds."""
        await until(lambda: not any(self.admission_closed().values()), "every pod's admission is open", 60)

    def live(self, pool: str = "agents") -> dict[str, int]:
        """Connected calls by pod, from the pods' own metrics."""
        return self._by_transceiver("antiphon_transceiver_calls_live", f"antiphon.dev/pool={pool}")

    def admission_closed(self) -> dict[str, int]:
        """1 or 0 by pod, of all pools: whether it takes no call although it may have places."""
        return self._by_transceiver("antiphon_transceiver_admission_closed", "antiphon.dev/pool")

    def _by_transceiver(self, metric: str, selector: str) -> dict[str, int]:
        return {
            pod["metadata"]["name"]: int(self.metric(pod["metadata"]["name"], 7300, metric))
            for pod in self.get("pods", "-l", selector)
            if pod["status"].get("phase") == "Running"
        }

    def metric(self, pod: str, port: int, name: str) -> float:
        """The sum of its samples; 0 of a pod that is on its way out, or does not serve yet."""
        return sum(self.samples(pod, port, name).values())

    def samples(self, pod: str, port: int, name: str) -> dict[str, float]:
        """By what is before the value: its name and labels."""
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}:{port}/proxy/metrics"
        text = ""
        for _ in range(ASKED_FOR_METRICS):
            try:
                # A pod whose address has just gone answers nobody, and the API server would wait 30 s for it.
                text = self.cluster.kubectl("get", "--raw", path, "--request-timeout=3s")
                break
            except KubectlError:
                if self.is_leaving(pod):
                    break
        found = [line.rsplit(" ", 1) for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{"))]
        return {sample: float(value) for sample, value in found}

    def logs(self) -> dict[str, str]:
        """The end of what each pod that is left said."""
        names = [pod["metadata"]["name"] for pod in self.get("pods", "-l", "antiphon.dev/relay")]
        return {name: self.kubectl("logs", name, "--tail=60", timeout_s=10) for name in names}

    def is_leaving(self, pod: str) -> bool:
        found = self.kubectl("get", "pod", pod, "--ignore-not-found", "-o", "json")
        return not found or "deletionTimestamp" in json.loads(found)["metadata"]

    def kill(self, pod: str) -> None:
        """Kill -9 of the pod's first container; the kubelet sees to the rest."""
        found = self.one("pod", pod)
        container = found["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")
        node = next(node for node in self.real.nodes if node.name == found["spec"]["nodeName"])
        node.run("ctr", "--namespace=k8s.io", "tasks", "kill", "--signal", "SIGKILL", container)

    def ready(self, within_s: int = 120) -> None:
        """Both resources, for their newest specs."""
        for resource in ("voicerelay/edge", "transceiverpool/agents", "transceiverpool/mirrors"):
            generation = self.kubectl("get", resource, "-o", "jsonpath={.metadata.generation}")
            self.cluster.wait(
                resource, f"jsonpath={{.status.observedGeneration}}={generation}", self.namespace, within_s
            )
            self.cluster.wait(resource, "condition=Ready", self.namespace, within_s)


def http_port(pod: Mapping[str, Any]) -> int:
    ports = [port for container in pod["spec"]["containers"] for port in container.get("ports", [])]
    return next(int(port["containerPort"]) for port in ports if port["name"] == "http")


async def until(holds: Callable[[], bool], what: str, within_s: float, every_s: float = 0.25) -> float:
    """Seconds that it took; fails with what was waited for."""
    began = time.monotonic()
    while not await asyncio.to_thread(holds):
        if time.monotonic() - began > within_s:
            raise AssertionError(f"not within {within_s} s: {what}")
        await asyncio.sleep(every_s)
    return time.monotonic() - began


def helm(real: RealCluster, *arguments: str, timeout_s: float = 180) -> str:
    return real.network.router.run(
        program("helm"), f"--kubeconfig={real.inner_kubeconfig}", *arguments, timeout_s=timeout_s
    )


def values(**more: str) -> list[str]:
    """Helm values that take the images of this work tree."""
    set_ = {"images.tag": "test", **{f"images.{name}.repository": image(name).rsplit(":", 1)[0] for name in IMAGES}}
    return [f"--set={name}={value}" for name, value in {**set_, **more}.items()]


IMAGES = ("operator", "relay", "transceiver", "signaling", "cli")


@contextmanager
def installed(real: RealCluster) -> Iterator[None]:
    """The chart, as one release for all namespaces."""
    cluster = real.cluster
    cluster.apply(namespace_manifest(OPERATOR_NAMESPACE))
    helm(real, "install", "antiphon", str(CHART), "-n", OPERATOR_NAMESPACE, "--wait", "--timeout=120s", *values())
    try:
        yield
    finally:
        helm(real, "uninstall", "antiphon", "-n", OPERATOR_NAMESPACE, "--wait")


@contextmanager
def deployed_fleet(
    real: RealCluster,
    namespace: str,
    changes: Mapping[str, object] | None = None,
    labels: Mapping[str, str] = RESTRICTED,
) -> Iterator[DeployedFleet]:
    """The example resources in a namespace of their own, with images of this work tree; Ready when entered.

    `changes` maps a kind to what is merged into its spec, None for what is left out; `labels` are the namespace's.
    """
    fleet = DeployedFleet(real, namespace)
    real.cluster.apply(namespace_manifest(namespace, labels))
    try:
        real.cluster.apply(*redis(), *example(changes or {}), namespace=namespace)
        fleet.kubectl("rollout", "status", "deployment/parrot", "deployment/redis", "--timeout=90s", timeout_s=100)
        fleet.ready()
        yield fleet
    finally:
        # Live calls would be waited for; the namespace goes with what is in it.
        fleet.kubectl("delete", "voicerelay,transceiverpool", "--all")
        fleet.kubectl("delete", "pods", "--all", "--force", "--grace-period=0")
        real.cluster.kubectl("delete", "namespace", namespace, "--timeout=60s", timeout_s=70)


def namespace_manifest(name: str, labels: Mapping[str, str] = RESTRICTED) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels)}}


def example(changes: Mapping[str, object]) -> list[dict[str, Any]]:
    documents = list(yaml.safe_load_all((ROOT / "examples" / "kubernetes" / "voice.yaml").read_text()))
    for document in documents:
        if document["kind"] == "Deployment":
            document["spec"]["template"]["spec"]["containers"][0]["image"] = image("agent")
        if document["kind"] in TEST_SPECS:
            document["spec"] = merged(document["spec"], TEST_SPECS[document["kind"]])
        if document["kind"] in changes:
            document["spec"] = merged(document["spec"], changes[document["kind"]])
    return [*documents, MIRRORS]


# Callers come from outside, so signaling has an address there; machines are small.
TEST_SPECS: dict[str, dict[str, Any]] = {
    "VoiceRelay": {
        "signaling": {"exposure": "LoadBalancer", "replicas": 2},
        "flowCache": {"redisURLSecretRef": {"name": "redis", "key": "url"}},
        "workload": {"replicas": 2, "workersPerPod": 1},
        "template": {"spec": {"containers": [{"name": "relay", "resources": {"requests": {"cpu": "20m"}}}]}},
    },
    "TransceiverPool": {
        "replicas": 2,
        "sessionsPerPod": 10,
        "drain": {"deadlineSeconds": LONGEST_CALL_S},
        "template": {"spec": {"containers": [{"name": "transceiver", "resources": {"requests": {"cpu": "20m"}}}]}},
    },
}


# Says back every packet at once, also silence: what is lost or late on the way back shows.
MIRRORS: dict[str, Any] = {
    "apiVersion": "antiphon.dev/v1alpha1",
    "kind": "TransceiverPool",
    "metadata": {"name": "mirrors"},
    "spec": {
        "relayRef": {"name": "edge"},
        "models": ["echo"],
        "backend": {"type": "Echo"},
        "drain": {"deadlineSeconds": LONGEST_CALL_S},
        "template": TEST_SPECS["TransceiverPool"]["template"],
    },
}


def redis() -> list[dict[str, Any]]:
    labels = {"app": "redis"}
    container = {
        "name": "redis",
        "image": image("redis"),
        "ports": [{"containerPort": 6379}],
        "readinessProbe": {"tcpSocket": {"port": 6379}, "periodSeconds": 1},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    pod = {
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "redis"},
            "stringData": {"url": "redis://redis:6379"},
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "redis"},
            "spec": {"selector": labels, "ports": [{"port": 6379}]},
        },
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "redis"},
            "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
        },
    ]


def merged(under: Any, over: Any) -> Any:
    if isinstance(under, dict) and isinstance(over, Mapping):
        both = {**under, **{name: merged(under.get(name), value) for name, value in over.items()}}
        return {name: value for name, value in both.items() if value is not None}
    return over


def lost(reports: Sequence[Mapping[str, Any]]) -> int:
    """Packets that did not come, of all calls, in the direction to the caller."""
    return sum(int(report["packets"]["lost"]) for report in reports)
