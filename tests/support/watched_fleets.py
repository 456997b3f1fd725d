"""What the watches tell, told by hand, and what the operator makes of it."""

from dataclasses import dataclass, field

from antiphon_crds.overlay import Json
from antiphon_operator.fleets import FleetKey, Fleets
from antiphon_operator.metrics import Metrics
from antiphon_operator.observed import Fleet, Images
from antiphon_wire.cluster.manifest import ObjectKey
from antiphon_wire.cluster.object_store import Change, ChangeKind

Document = dict[str, Json]

EDGE = FleetKey("voice", "edge")


@dataclass
class Watched:
    """Fleets, and the keys that were marked since somebody looked."""

    marked: list[FleetKey] = field(default_factory=list)
    metrics: Metrics = field(default_factory=Metrics)
    pods_spec: Document = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.fleets = Fleets(Images("r", "t", "s"), "antiphon-system", self.metrics, self.marked.append)

    def news(self) -> set[FleetKey]:
        marked = set(self.marked)
        self.marked.clear()
        return marked

    def relay(self, kind: ChangeKind = ChangeKind.MODIFIED, **metadata: Json) -> None:
        self.fleets.heard_relay(change(kind, document("VoiceRelay", "edge", {}, **metadata)))

    def pool(
        self, name: str = "agents", relay: str = "edge", kind: ChangeKind = ChangeKind.MODIFIED, **more: Json
    ) -> None:
        spec: Document = {"relayRef": {"name": relay}, "backend": {"type": "Echo"}}
        self.fleets.heard_pool(change(kind, document("TransceiverPool", name, spec, **more)))

    def pod(self, name: str, labels: dict[str, Json], kind: ChangeKind = ChangeKind.MODIFIED, **metadata: Json) -> None:
        manifest: Document = {
            "metadata": {
                "name": name,
                "namespace": "voice",
                "uid": f"uid-{name}",
                "labels": {"antiphon.dev/relay": "edge", **labels},
                "annotations": {"antiphon.dev/routes": "8"},
                **metadata,
            },
            "spec": {"nodeName": "n1", **self.pods_spec},
            "status": {"phase": "Running", "podIP": "10.0.0.1"},
        }
        self.fleets.heard_pod(change(kind, manifest))

    def pool_pod(
        self,
        name: str,
        relay: str = "edge",
        kind: ChangeKind = ChangeKind.MODIFIED,
        owner: str | None = "uid-agents",
        **metadata: Json,
    ) -> None:
        owners: Json = [{"kind": "TransceiverPool", "name": "agents", "uid": owner, "controller": True}]
        labels: dict[str, Json] = {"antiphon.dev/pool": "agents", "antiphon.dev/relay": relay}
        self.pod(name, labels, kind, ownerReferences=owners if owner else [], **metadata)

    def table(
        self,
        name: str,
        state: str = "Active",
        kind: ChangeKind = ChangeKind.MODIFIED,
        label: str | None = "edge",
        **block_fields: Json,
    ) -> None:
        block: Json = {"first": 8, "pod": "agents-00000008", "pool": "agents", "state": state, **block_fields}
        spec: Document = {"relayRef": {"name": "edge"}, "shard": int(name[-1]), "shards": 2, "blocks": [block]}
        labels: Json = {"antiphon.dev/relay": label} if label else {}
        self.fleets.heard_table(change(kind, document("RouteTable", name, spec, labels=labels)))

    def node(self, *, unschedulable: bool = False, name: str = "n1", ready: bool = True, **labels: Json) -> None:
        manifest: Document = {
            "metadata": {"name": name, "labels": labels},
            "spec": {"unschedulable": unschedulable},
            "status": {"conditions": [{"type": "Ready", "status": "True" if ready else "Unknown"}]},
        }
        self.fleets.heard_node(Change(ChangeKind.MODIFIED, ObjectKey("", name), manifest))

    def observed(self) -> Fleet:
        found = self.fleets.observe(EDGE, {})
        assert isinstance(found, Fleet)
        return found


def document(kind: str, name: str, spec: Document, **metadata: Json) -> Document:
    whole = {"name": name, "namespace": "voice", "uid": f"uid-{name}", **metadata}
    return {"apiVersion": "antiphon.dev/v1alpha1", "kind": kind, "metadata": whole, "spec": spec}


def change(kind: ChangeKind, manifest: Document) -> Change:
    metadata = manifest["metadata"]
    assert isinstance(metadata, dict)
    return Change(kind, ObjectKey(str(metadata["namespace"]), str(metadata["name"])), manifest)
