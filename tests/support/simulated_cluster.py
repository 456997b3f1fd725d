"""A cluster in memory: an API server with versions and conflicts, a kubelet, callers; and the operator's view of it.

It keeps what must hold whatever happens: no two pods with one route, no pod over the surge. Time passes by `tick`.
"""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from antiphon_crds.overlay import Json
from antiphon_crds.transceiver_pool import TransceiverPool
from antiphon_operator.actions import Action, Apply, Create, Delete, Patch, Plan, Replace, Subresource
from antiphon_operator.observed import (
    ChildKey,
    Fleet,
    Images,
    Manifest,
    NodeState,
    ObservedNode,
    ObservedPod,
    ObservedPool,
    ObservedTable,
    PodLoad,
)
from antiphon_operator.parsing.pods import read_pod
from antiphon_operator.parsing.route_tables import read_route_table
from antiphon_wire.control import BackendState
from voice_relays import IMAGES, NOW, key_of, voice_relay

ENDED = ("Failed", "Succeeded")


class ConflictError(Exception):
    """Somebody else wrote the object since it was read."""


@dataclass
class Node:
    state: NodeState = NodeState.USABLE
    since: float = 0.0
    starts_pods: bool = True
    crashes_pods: bool = False


@dataclass
class SimulatedCluster:
    pools: dict[str, TransceiverPool]
    now: float = NOW
    images: Images = IMAGES
    nodes: dict[str, Node] = field(default_factory=lambda: {"node-a": Node(), "node-b": Node()})
    objects: dict[ChildKey, dict[str, Json]] = field(default_factory=dict)
    statuses: dict[str, dict[str, Json]] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    """By pod."""
    silent: set[str] = field(default_factory=set)
    """Pods that do not say how many calls they have."""
    cut: int = 0
    """Calls that ended with their pod."""
    version: int = 0
    writes: int = 0

    # What the operator sees and does.

    def view(self) -> Fleet:
        pods = [self._observed(key.name) for key in self.objects if key.kind == "Pod"]
        relay = voice_relay("{publicAddresses: [{ip: 203.0.113.7}]}")
        return Fleet(
            relay=relay,
            relay_status=self.statuses.get("edge", {}),
            pools=tuple(
                ObservedPool(pool, self.statuses.get(name, {}), tuple(pod for of, pod in pods if of == name))
                for name, pool in self.pools.items()
            ),
            relay_pods=(),
            tables=self.tables(),
            children={key: body for key, body in self.objects.items() if key.kind not in ("Pod", "RouteTable")},
            images=self.images,
            operator_namespace="antiphon-system",
            stray_pods=tuple(pod for of, pod in pods if of not in self.pools),
            nodes=tuple(
                ObservedNode(name, ready=node.state is not NodeState.NOT_READY, since=node.since)
                for name, node in self.nodes.items()
                if node.state is not NodeState.LOST
            ),
        )

    def carry_out(self, plan: Plan) -> bool:
        """Whether the round went to its end."""
        for action in (*plan.children, *plan.tables, *plan.pods, *plan.statuses):
            try:
                self._carry_out(action)
            except ConflictError:
                return False
        return True

    def tables(self) -> tuple[ObservedTable, ...]:
        return tuple(read_route_table(body) for key, body in self.objects.items() if key.kind == "RouteTable")

    def pods(self) -> list[ObservedPod]:
        return [self._observed(key.name)[1] for key in self.objects if key.kind == "Pod"]

    def serving(self) -> list[ObservedPod]:
        return [pod for pod in self.pods() if pod.ready and pod.deleted_at is None]

    # What others do.

    def change_node(self, name: str, state: NodeState) -> None:
        """Lost: its Node is deleted."""
        node = self.nodes[name]
        if node.state is not state:
            node.state, node.since = state, self.now

    def tick(self, seconds: float = 1.0) -> None:
        """Time passes, and kubelets do what they have to."""
        self.now += seconds
        for key in [key for key in self.objects if key.kind == "Pod"]:
            self._run(key)

    def place_call(self, pod: str) -> None:
        self.calls[pod] = self.calls.get(pod, 0) + 1

    def end_calls(self, pod: str) -> None:
        self.calls.pop(pod, None)

    def kill(self, pod: str) -> None:
        """Its process ends; the object stays."""
        self._end(ChildKey("Pod", pod), "Failed")

    def remove(self, kind: str, name: str) -> None:
        """By force: it is gone at once."""
        self._forget(ChildKey(kind, name))

    def rewrite_table(self, name: str, **spec: Json) -> None:
        """Somebody else edits a table."""
        table = self.objects[ChildKey("RouteTable", name)]
        stored = table["spec"]
        assert isinstance(stored, dict)
        self._store({**table, "spec": {**stored, **spec}})

    def delete_pool(self, name: str) -> None:
        """With its garbage collected."""
        del self.pools[name]
        self.statuses.pop(name, None)
        for pod in self.pods():
            if pod.name.rsplit("-", 1)[0] == name:
                self._delete(ChildKey("Pod", pod.name), None)

    # The API server.

    def _carry_out(self, action: Action) -> None:
        self.writes += 1
        match action:
            case Create(manifest):
                if key_of(manifest) not in self.objects:
                    self._store(manifest)
            case Apply(manifest):
                self._store(manifest)
            case Replace(manifest):
                there = self.objects.get(key_of(manifest))
                if there is None or _at(there, "resourceVersion") != _at(manifest, "resourceVersion"):
                    raise ConflictError
                self._store(manifest)
            case Delete(kind=kind, name=name, uid=uid):
                self._delete(ChildKey(kind, name), uid)
            case Patch():
                self._patch(action)

    def _store(self, manifest: Manifest) -> None:
        key = key_of(manifest)
        stored: dict[str, Json] = json.loads(json.dumps(manifest))
        there = self.objects.get(key)
        metadata = stored["metadata"]
        assert isinstance(metadata, dict)
        self.version += 1
        metadata["resourceVersion"] = str(self.version)
        metadata["uid"] = _at(there, "uid") if there else f"uid-{self.version}"
        metadata["creationTimestamp"] = _at(there, "creationTimestamp") if there else _time(self.now)
        if key.kind == "Service":
            spec = stored["spec"]
            assert isinstance(spec, dict)
            spec.setdefault("ipFamilies", ["IPv4"])
        if key.kind == "Pod" and there is None:
            self._refuse_a_second_owner(stored)
            stored["status"] = {"phase": "Pending"}
        self.objects[key] = stored

    def _refuse_a_second_owner(self, manifest: Manifest) -> None:
        routes = _annotation(manifest)
        owners = [key.name for key, body in self.objects.items() if key.kind == "Pod" and _annotation(body) == routes]
        assert not owners, f"{owners} and {key_of(manifest).name} own the same routes"

    def _delete(self, key: ChildKey, uid: str | None) -> None:
        there = self.objects.get(key)
        if there is None or (uid is not None and _at(there, "uid") != uid):
            return
        if key.kind != "Pod" or self._observed(key.name)[1].phase in ("Pending", *ENDED):
            self._forget(key)
        elif _at(there, "deletionTimestamp") is None:
            metadata, spec = there["metadata"], there["spec"]
            assert isinstance(metadata, dict)
            assert isinstance(spec, dict)
            grace_s = spec["terminationGracePeriodSeconds"]
            assert isinstance(grace_s, int)
            ending: dict[str, Json] = {
                "deletionTimestamp": _time(self.now + grace_s),
                "deletionGracePeriodSeconds": grace_s,
            }
            self.objects[key] = {**there, "metadata": {**metadata, **ending}}

    def _patch(self, patch: Patch) -> None:
        if patch.kind in ("TransceiverPool", "VoiceRelay"):
            self.statuses[patch.name] = _merged(self.statuses.get(patch.name, {}), patch.body["status"])
            return
        key = ChildKey(patch.kind, patch.name)
        there = self.objects.get(key)
        if there is None:
            return
        if patch.subresource is Subresource.STATUS:
            body = patch.body["status"]
            assert isinstance(body, dict)
            conditions = body["conditions"]
            assert isinstance(conditions, list)
            self._set_status(key, *conditions)
        else:
            self.objects[key] = _merged(there, dict(patch.body))

    def _forget(self, key: ChildKey) -> None:
        self.objects.pop(key, None)
        if key.kind == "Pod":
            self.cut += self.calls.pop(key.name, 0)

    # Kubelets.

    def _run(self, key: ChildKey) -> None:
        _, pod = self._observed(key.name)
        node = self.nodes[self._node_of(key.name)]
        if node.state in (NodeState.NOT_READY, NodeState.LOST) or pod.phase in ENDED:
            return
        if pod.deleted_at is not None:
            if self.calls.get(pod.name, 0) == 0 or (pod.deadline is not None and self.now >= pod.deadline):
                self._forget(key)
        elif pod.phase == "Pending" and node.starts_pods:
            self._set_status(
                key, phase="Running", podIP=f"10.{self.version >> 16}.{self.version >> 8 & 255}.{self.version & 255}"
            )
        elif node.crashes_pods and not pod.containers_ready:
            self._end(key, "Failed")
        elif pod.phase == "Running":
            gate: dict[str, Json] = {"type": "Ready", "status": "True" if pod.routes_published else "False"}
            self._set_status(key, {"type": "ContainersReady", "status": "True"}, gate)

    def _end(self, key: ChildKey, phase: str) -> None:
        ended: Json = {"terminated": {"finishedAt": _time(self.now), "reason": "Error", "exitCode": 1}}
        unready: list[Json] = [{"type": kind, "status": "False"} for kind in ("Ready", "ContainersReady")]
        self._set_status(key, *unready, phase=phase, containerStatuses=[{"name": "transceiver", "state": ended}])
        self.cut += self.calls.pop(key.name, 0)

    def _set_status(self, key: ChildKey, *conditions: Json, **fields: Json) -> None:
        body = self.objects[key]
        status = body.get("status", {})
        assert isinstance(status, dict)
        listed = status.get("conditions", [])
        assert isinstance(listed, list)
        by_type = {one["type"]: one for one in (*listed, *conditions) if isinstance(one, dict)}
        self.version += 1
        self.objects[key] = {**body, "status": {**status, **fields, "conditions": list(by_type.values())}}

    def _node_of(self, pod: str) -> str:
        """Where the scheduler put it; new pods go to usable nodes."""
        body = self.objects[ChildKey("Pod", pod)]
        spec = body["spec"]
        assert isinstance(spec, dict)
        if "nodeName" not in spec:
            usable = [name for name, node in sorted(self.nodes.items()) if node.state is NodeState.USABLE]
            chosen = sorted(usable or self.nodes)[self.version % max(1, len(usable or self.nodes))]
            self.objects[ChildKey("Pod", pod)] = {**body, "spec": {**spec, "nodeName": chosen}}
            return chosen
        return str(spec["nodeName"])

    def _observed(self, name: str) -> tuple[str, ObservedPod]:
        node = self._node_of(name)
        record = read_pod(self.objects[ChildKey("Pod", name)])
        answers = record.pod.containers_ready and name not in self.silent and record.pod.phase == "Running"
        live = self.calls.get(name, 0)
        draining = record.pod.deleted_at is not None
        load = PodLoad(60, live, draining=draining, backend=BackendState.REACHABLE, at=self.now) if answers else None
        return record.pool, replace(record.pod, node=node, node_state=self.nodes[node].state, load=load)


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _at(manifest: Manifest, name: str) -> Json:
    metadata = manifest["metadata"]
    assert isinstance(metadata, dict)
    return metadata.get(name)


def _annotation(manifest: Manifest) -> Json:
    annotations = _at(manifest, "annotations")
    assert isinstance(annotations, dict)
    return annotations["antiphon.dev/routes"]


def _merged(there: dict[str, Json], change: Json) -> dict[str, Json]:
    """RFC 7386."""
    assert isinstance(change, dict)
    merged = dict(there)
    for key, value in change.items():
        old = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            merged[key] = _merged(old if isinstance(old, dict) else {}, value)
        else:
            merged[key] = value
    return merged
