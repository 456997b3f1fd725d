"""Pods, nodes, RouteTables and transceivers' answers, as the API server and the pods write them."""

import pytest

from antiphon_crds.documents import API_VERSION
from antiphon_crds.overlay import Json
from antiphon_crds.resource import ResourceError
from antiphon_crds.transceiver_pool import ScalingMode
from antiphon_crds.voice_relay import VoiceRelay
from antiphon_operator.kinds import NODE, POD
from antiphon_operator.observed import NodeState, ObservedNode, ObservedPod, TableBlock, TableBlockState
from antiphon_operator.parsing.fields import Fields
from antiphon_operator.parsing.kept import kept
from antiphon_operator.parsing.loads import read_load
from antiphon_operator.parsing.nodes import read_node
from antiphon_operator.parsing.placement import Placement, Toleration, read_placement
from antiphon_operator.parsing.pods import read_pod
from antiphon_operator.parsing.resources import read_pool, read_relay
from antiphon_operator.parsing.route_tables import read_route_table
from antiphon_operator.parsing.unreadable import UnreadableError
from antiphon_wire import Pool, Relay
from antiphon_wire.control import BackendState

Document = dict[str, Json]

RUNNING: Document = {
    "metadata": {
        "name": "agents-0a1b2c38",
        "namespace": "voice",
        "uid": "u1",
        "creationTimestamp": "2026-11-21T06:00:00Z",
        "labels": {
            "app.kubernetes.io/component": "transceiver",
            "antiphon.dev/relay": "edge",
            "antiphon.dev/pool": "agents",
            "antiphon.dev/revision": "abc",
            "antiphon.dev/busy": "true",
        },
        "annotations": {"antiphon.dev/routes": "0x0a1b2c38"},
        "ownerReferences": [{"kind": "TransceiverPool", "name": "agents", "uid": "u0", "controller": True}],
    },
    "spec": {
        "nodeName": "n1",
        "nodeSelector": {"voice": "true"},
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": [{"key": "voice", "operator": "Exists"}]}]
                }
            }
        },
        "tolerations": [{"key": "voice", "operator": "Exists"}],
    },
    "status": {
        "phase": "Running",
        "podIP": "10.244.0.9",
        "conditions": [
            {"type": "ContainersReady", "status": "True"},
            {"type": "Ready", "status": "False"},
            {"type": "antiphon.dev/routes-published", "status": "True"},
        ],
    },
}


def pod_with(status: Document, **metadata: Json) -> ObservedPod:
    labels: Json = {"antiphon.dev/relay": "edge"}
    return read_pod({"metadata": {"name": "p", "uid": "u", "labels": labels, **metadata}, "status": status}).pod


def test_a_running_pod() -> None:
    record = read_pod(RUNNING)
    assert (record.fleet, record.component, record.pool) == ("edge", "transceiver", "agents")
    assert record.placement.tolerations == (Toleration("voice", "", "", exists=True),)
    assert (record.owner, record.pod.is_disowned) == ("u0", False)
    pod = record.pod
    assert (pod.name, pod.uid, pod.revision, pod.first_route) == ("agents-0a1b2c38", "u1", "abc", 0x0A1B2C38)
    assert (pod.ip, pod.node, pod.phase, pod.created_at) == ("10.244.0.9", "n1", "Running", 1795240800.0)
    assert (pod.containers_ready, pod.ready, pod.routes_published, pod.busy) == (True, False, True, True)
    assert (pod.deleted_at, pod.deadline, pod.waiting_reason, pod.unschedulable) == (None, None, None, None)


@pytest.mark.parametrize(
    "owners",
    [
        pytest.param([], id="nobody"),
        pytest.param([{"kind": "ReplicaSet", "uid": "u0", "controller": True}], id="a ReplicaSet"),
        pytest.param([{"kind": "TransceiverPool", "uid": "u0"}], id="a pool that does not control it"),
    ],
)
def test_a_pod_that_no_pool_owns_is_disowned_if_it_says_to_be_of_one(owners: Json) -> None:
    assert pod_with({}, labels={"antiphon.dev/pool": "agents"}, ownerReferences=owners).is_disowned
    assert not pod_with({}, ownerReferences=owners).is_disowned, "a relay's"


def test_a_deleted_pod_says_when_and_until_when() -> None:
    pod = pod_with({}, deletionTimestamp="2026-11-21T07:00:00Z", deletionGracePeriodSeconds=3600)
    assert (pod.deleted_at, pod.deadline) == (1795240800.0, 1795244400.0)


def test_a_pod_that_nothing_is_known_of_yet() -> None:
    record = read_pod({})
    assert (record.fleet, record.pool, record.pod.phase, record.pod.first_route) == ("", "", "Unknown", None)


def test_why_a_pod_waits() -> None:
    waiting: Json = {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}
    starting: Json = {"reason": "ContainerCreating"}
    pod = pod_with({"containerStatuses": [{"state": {"waiting": starting}}, {"state": {"waiting": waiting}}]})
    assert (pod.waiting_reason, pod.waiting_message) == ("ImagePullBackOff", "Back-off pulling image")
    conditions: Json = [{"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available"}]
    assert pod_with({"conditions": conditions}).unschedulable == "0/1 nodes are available"


@pytest.mark.parametrize(
    ("status", "ended_at", "because"),
    [
        pytest.param(
            {
                "phase": "Failed",
                "containerStatuses": [
                    {"state": {"terminated": {"exitCode": 0, "finishedAt": "2026-11-21T06:00:05Z"}}},
                    {
                        "state": {
                            "terminated": {
                                "exitCode": 137,
                                "reason": "OOMKilled",
                                "finishedAt": "2026-11-21T06:00:00Z",
                            }
                        }
                    },
                ],
            },
            1795240805.0,
            "OOMKilled",
            id="the container that ended badly says why, the last one when",
        ),
        pytest.param(
            {"phase": "Failed", "containerStatuses": [{"state": {"terminated": {"exitCode": 2, "reason": "Error"}}}]},
            None,
            "Error, exit code 2",
            id="an error has its code",
        ),
        pytest.param({"phase": "Failed", "reason": "Evicted"}, None, "Evicted", id="the kubelet ended the pod"),
        pytest.param({"phase": "Running", "reason": "Odd"}, None, None, id="a pod that runs has not ended"),
    ],
)
def test_why_a_pod_ended(status: Document, ended_at: float | None, because: str | None) -> None:
    pod = pod_with(status)
    assert (pod.ended_at, pod.ended_because) == (ended_at, because)


def node(spec: Document, ready: str = "True") -> Document:
    return {"spec": spec, "status": {"conditions": [{"type": "Ready", "status": ready}]}}


def tainted(key: str, effect: str) -> Document:
    return node({"taints": [{"key": key, "value": "voice", "effect": effect}]})


@pytest.mark.parametrize(
    ("manifest", "state"),
    [
        pytest.param(node({}), NodeState.USABLE, id="a ready node is usable"),
        pytest.param({"metadata": {}}, NodeState.USABLE, id="a node that has said nothing yet is not lost"),
        pytest.param(node({"unschedulable": True}), NodeState.CORDONED, id="kubectl cordon"),
        pytest.param(node({}, ready="False"), NodeState.NOT_READY, id="the kubelet says that it is not ready"),
        pytest.param(node({}, ready="Unknown"), NodeState.NOT_READY, id="the kubelet says nothing any more"),
        pytest.param(
            tainted("node.kubernetes.io/unreachable", "NoExecute"), NodeState.NOT_READY, id="tainted as unreachable"
        ),
        pytest.param(tainted("spot-reclaim", "NoSchedule"), NodeState.CORDONED, id="an autoscaler's taint"),
        pytest.param(tainted("maintenance", "NoExecute"), NodeState.CORDONED, id="a taint that evicts"),
        pytest.param(tainted("please-not", "PreferNoSchedule"), NodeState.USABLE, id="a mere preference"),
        pytest.param(
            tainted("node.kubernetes.io/memory-pressure", "NoSchedule"),
            NodeState.USABLE,
            id="pressure, on which the kubelet acts itself",
        ),
        pytest.param(tainted("dedicated", "NoSchedule"), NodeState.USABLE, id="a taint that the pod tolerates"),
        pytest.param(tainted("gpu", "NoSchedule"), NodeState.USABLE, id="a taint that it tolerates with any value"),
    ],
)
def test_what_a_node_means_for_a_pod(manifest: Document, state: NodeState) -> None:
    tolerations = (
        Toleration("dedicated", "voice", "NoSchedule", exists=False),
        Toleration("gpu", "", "", exists=True),
    )
    assert read_node(manifest).state_for(Placement(tolerations)) is state


def affinity(*terms: Json) -> Document:
    required: Json = {"nodeSelectorTerms": list(terms)}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}


def asks(key: str, operator: str, *values: str) -> Document:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


@pytest.mark.parametrize(
    ("spec", "could"),
    [
        pytest.param({}, True, id="a pod that asks for nothing"),
        pytest.param({"nodeSelector": {"voice": "true"}}, True, id="its label"),
        pytest.param({"nodeSelector": {"voice": "true", "zone": "b"}}, False, id="one label of two"),
        pytest.param({"nodeSelector": {"disk": "ssd"}}, False, id="a label that it lacks"),
        pytest.param(affinity(asks("zone", "In", "a", "c")), True, id="one of the values"),
        pytest.param(affinity(asks("zone", "NotIn", "a")), False, id="a value that is not wanted"),
        pytest.param(affinity(asks("disk", "NotIn", "ssd")), True, id="a label that it lacks has no unwanted value"),
        pytest.param(affinity(asks("disk", "DoesNotExist")), True, id="a label that is not wanted"),
        pytest.param(affinity(asks("disk", "Exists")), False, id="a label with whatever value"),
        pytest.param(affinity(asks("cores", "Gt", "4")), True, id="more"),
        pytest.param(affinity(asks("cores", "Lt", "8")), False, id="as many, which is not fewer"),
        pytest.param(affinity(asks("zone", "Gt", "4")), False, id="no number"),
        pytest.param(affinity(asks("zone", "In", "b"), asks("voice", "Exists")), True, id="the second of two terms"),
        pytest.param(affinity({}), False, id="an empty term"),
        pytest.param(affinity(asks("zone", "Resembles", "a")), False, id="an operator of a later version"),
        pytest.param(
            affinity({"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}),
            True,
            id="by name",
        ),
    ],
)
def test_which_pods_a_node_could_take(spec: Document, *, could: bool) -> None:
    labels: Json = {"voice": "true", "zone": "a", "cores": "8"}
    found = read_node({"metadata": {"name": "n1", "labels": labels}})
    assert found.could_take(read_placement(Fields(spec))) is could
    cordoned = read_node({"metadata": {"name": "n1", "labels": labels}, "spec": {"unschedulable": True}})
    assert not cordoned.could_take(read_placement(Fields(spec)))


@pytest.mark.parametrize(
    ("ready", "is_ready"), [pytest.param("True", True, id="ready"), pytest.param("Unknown", False, id="silent")]
)
def test_since_when_a_node_is_ready_or_not(ready: str, *, is_ready: bool) -> None:
    conditions: Json = [{"type": "Ready", "status": ready, "lastTransitionTime": "2026-11-21T06:00:00Z"}]
    found = read_node({"metadata": {"name": "n1"}, "status": {"conditions": conditions}}).observed
    assert found == ObservedNode("n1", ready=is_ready, since=1795240800.0)


def test_a_route_table() -> None:
    first: Json = {"first": 16, "pod": "agents-00000010", "pool": "agents", "state": "Reserved"}
    lost: Json = {
        "first": 24,
        "pod": "agents-00000018",
        "pool": "agents",
        "state": "Lost",
        "hop": "10.0.0.1:7200",
        "control": "10.0.0.1:7300",
        "lostAt": "2026-11-21T06:00:00Z",
    }
    spec: Json = {
        "shard": 1,
        "shards": 2,
        "generation": 1763704800123,
        "clusterID": 5,
        "vip": ["203.0.113.7:3478"],
        "relays": [{"name": "r", "hop": "10.0.0.2:7100", "workers": 2}],
        "pools": [{"name": "agents", "models": ["parrot"], "default": True}],
        "blocks": [first, lost],
    }
    table = read_route_table({"metadata": {"name": "edge-1", "resourceVersion": "9"}, "spec": spec})
    assert (table.name, table.resource_version, table.shard, table.shards) == ("edge-1", "9", 1, 2)
    assert (table.generation, table.cluster_id, table.vip) == (1763704800123, 5, ("203.0.113.7:3478",))
    assert table.relays == (Relay("r", "10.0.0.2:7100", 2),)
    assert table.pools == (Pool("agents", ("parrot",), default=True),)
    assert table.blocks == (
        TableBlock(16, "agents-00000010", "agents", TableBlockState.RESERVED),
        TableBlock(
            24,
            "agents-00000018",
            "agents",
            TableBlockState.LOST,
            "10.0.0.1:7200",
            "10.0.0.1:7300",
            lost_at=1795240800.0,
        ),
    )


@pytest.mark.parametrize(
    "block",
    [
        pytest.param({"first": 8, "pod": "a", "pool": "p", "state": "Resting"}, id="a state of a later version"),
        pytest.param({"pod": "a", "pool": "p", "state": "Active"}, id="no route"),
        pytest.param({"first": 8, "pool": "p", "state": "Active"}, id="no pod"),
    ],
)
def test_a_block_that_is_not_understood_is_never_overlooked(block: Document) -> None:
    with pytest.raises(UnreadableError):
        read_route_table({"metadata": {"name": "edge-0"}, "spec": {"blocks": [block]}})


def test_a_transceivers_answer() -> None:
    body = b'{"pod": "a", "capacity": 60, "live": 3, "free": 57, "draining": true, "backend": "Unreachable"}'
    load = read_load(body, at=5.0)
    assert load is not None
    assert (load.capacity, load.live, load.draining, load.at) == (60, 3, True, 5.0)
    assert (load.backend, load.closed, load.free) == (BackendState.UNREACHABLE, False, 57)
    overloaded = read_load(b'{"capacity": 60, "live": 3, "free": 0, "closed": "late"}', at=5.0)
    assert overloaded is not None
    assert (overloaded.closed, overloaded.free, overloaded.taken) == (True, 0, 60)
    older = read_load(b'{"capacity": 60, "live": 3}', at=5.0)
    assert older is not None
    assert (older.backend, older.closed) == (BackendState.NOT_PROBED, False)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"capacity": "many"}', b'{"live": 3}', b"[" * 100_000])
def test_what_is_no_answer(body: bytes) -> None:
    assert read_load(body, at=5.0) is None


@pytest.mark.parametrize("manifest", [RUNNING, {}, {"metadata": {"name": "p"}, "status": {"phase": "Failed"}}])
def test_what_is_kept_of_a_pod_is_all_that_is_read(manifest: Document) -> None:
    assert read_pod(kept(POD)(manifest)) == read_pod(manifest)


def test_what_is_kept_of_a_node_is_all_that_is_read() -> None:
    metadata: Json = {"name": "n1", "labels": {"voice": "true"}, "managedFields": [{}]}
    whole = {**tainted("maintenance", "NoExecute"), "metadata": metadata}
    assert read_node(kept(NODE)(whole)) == read_node(whole)
    assert kept(NODE)(whole)["metadata"] == {"name": "n1", "labels": {"voice": "true"}}


def test_a_pool_that_was_given_to_the_autoscaler_with_its_number_of_pods() -> None:
    """The API server takes the change; of a new pool it would not take it."""
    spec: Document = {"relayRef": {"name": "edge"}, "replicas": 2, "backend": {"type": "Echo"}}
    manifest: Document = {"metadata": {"name": "agents"}, "spec": {**spec, "scaling": {"mode": "FreeCapacity"}}}
    pool, _ = read_pool(manifest)
    assert (pool.spec.scaling.mode, pool.spec.replicas) == (ScalingMode.FREE_CAPACITY, 2)


def test_a_relay_that_was_stored_before_a_rule_came() -> None:
    """The API server goes on taking it as it is, so its fleet goes on too."""
    manifest: Document = {"metadata": {"name": "edge"}, "spec": {"keys": {"publishLeadSeconds": 5}}}
    relay, _ = read_relay(manifest)
    assert relay.spec.keys.publish_lead_seconds == 5
    with pytest.raises(ResourceError, match="at least 15"):
        VoiceRelay.parse({"apiVersion": API_VERSION, "kind": "VoiceRelay", **manifest})
