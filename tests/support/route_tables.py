"""RouteTables of a fleet, as an operator writes them, in a namespace of their own on a real API server."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

import antiphon_crds
from real_kubernetes.cluster import Cluster

CRD = Path(antiphon_crds.__file__).parent / "routetable.yaml"
RELAY = "edge"
POOL = {"name": "agents", "models": ["parrot"], "default": True}
VIP = "192.0.2.2:3478"


class RouteTables:
    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.generation = int(time.time() * 1000)

    def write(
        self,
        blocks: Sequence[Mapping[str, Any]] = (),
        *,
        shard: int = 0,
        shards: int = 1,
        relays: Sequence[Mapping[str, Any]] = (),
        vip: Sequence[str] = (VIP,),
    ) -> int:
        """Writes one shard, of the next generation, which is the answer."""
        self.generation += 1
        fleet = {"vip": list(vip), "relays": list(relays), "pools": [POOL]} if shard == 0 else {}
        spec = {
            "relayRef": {"name": RELAY},
            "shard": shard,
            "shards": shards,
            "generation": self.generation,
            "clusterID": 3,
            "clusterName": f"{self.namespace}/{RELAY}",
            "blocks": list(blocks),
            **fleet,
        }
        metadata = {"name": f"{RELAY}-{shard}", "labels": {"antiphon.dev/relay": RELAY}}
        manifest = {"apiVersion": "antiphon.dev/v1alpha1", "kind": "RouteTable", "metadata": metadata, "spec": spec}
        self.cluster.kubectl(
            "apply", "--server-side", "--force-conflicts", "-n", self.namespace, "-f", "-", stdin=json.dumps(manifest)
        )
        return self.generation

    def delete(self, shard: int = 0) -> None:
        self.cluster.kubectl("delete", "routetable", f"{RELAY}-{shard}", "-n", self.namespace)


def block(first: int, pod: str, hop: str = "127.0.0.1:7200", control: str = "127.0.0.1:7300") -> dict[str, Any]:
    return {"first": first, "pod": pod, "pool": "agents", "state": "Active", "hop": hop, "control": control}


@contextmanager
def route_tables(cluster: Cluster, namespace: str) -> Iterator[RouteTables]:
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(yaml.safe_load(CRD.read_text())))
    cluster.kubectl("wait", "crd/routetables.antiphon.dev", "--for=condition=Established", "--timeout=30s")
    cluster.kubectl("create", "namespace", namespace)
    try:
        yield RouteTables(cluster, namespace)
    finally:
        cluster.kubectl("delete", "namespace", namespace, "--wait=false")
