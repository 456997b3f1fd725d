"""What is said of relays and signaling pods, and of what keeps them from serving."""

from dataclasses import dataclass, replace

import pytest

from antiphon_crds.overlay import Json
from antiphon_operator.observed import NodeState, ObservedPod
from served_fleet import ADDRESS, NONE, ONE, SERVED, relays, served
from voice_relays import NOW, pod

WAITS_LONG = pod("edge-relay-x", ready=False, containers_ready=False)
PULLS = replace(WAITS_LONG, waiting_reason="ImagePullBackOff", waiting_message='Back-off pulling image "relay:1"')
FORBIDDEN = 'pods "edge-relay-x" is forbidden: violates PodSecurity "restricted:latest": host namespaces'


def failed(message: str) -> list[Json]:
    return [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}]


@dataclass(frozen=True)
class Row:
    why: str
    relays: dict[str, Json]
    pods: tuple[ObservedPod, ...]
    is_ready: bool
    reason: str
    """Of RelaysAvailable."""
    stalled: bool
    says: str


ROWS = [
    Row("one of two is enough for calls", ONE, (), True, "SomeUnavailable", False, "1 of 2 relays serve"),
    Row(
        "none is not",
        NONE,
        (),
        False,
        "NoneAvailable",
        False,
        "kubectl -n voice describe deployments,pods -l antiphon.dev/relay=edge",
    ),
    Row("an image that cannot be pulled", NONE, (PULLS,), False, "ImagePullFailed", True, 'pulling image "relay:1"'),
    Row(
        "an image that has not been pulled for a minute only",
        NONE,
        (replace(PULLS, created_at=NOW - 60),),
        False,
        "ImagePullFailed",
        False,
        "kubectl -n voice describe pod edge-relay-x",
    ),
    Row(
        "a new image that cannot be pulled, while old relays serve",
        ONE,
        (PULLS,),
        True,
        "ImagePullFailed",
        True,
        "1 of 2",
    ),
    Row(
        "a flow cache's Secret that is not there",
        NONE,
        (replace(PULLS, waiting_reason="CreateContainerConfigError", waiting_message='secret "redis" not found'),),
        False,
        "SecretMissing",
        True,
        'secret "redis" not found',
    ),
    Row(
        "a relay whose node is not ready",
        ONE,
        (replace(WAITS_LONG, node_state=NodeState.NOT_READY),),
        True,
        "NodesNotReady",
        False,
        "kubectl describe node node-1",
    ),
    Row(
        "relays that crash may come up by themselves",
        NONE,
        (replace(PULLS, waiting_reason="CrashLoopBackOff", waiting_message="back-off 40s"),),
        False,
        "CrashLooping",
        False,
        "back-off 40s",
    ),
    Row(
        "no node has room",
        NONE,
        (replace(WAITS_LONG, unschedulable="0/3 nodes are available: 3 Insufficient cpu."),),
        False,
        "Unschedulable",
        False,
        "3 Insufficient cpu",
    ),
    Row(
        "what takes a person comes first",
        NONE,
        (replace(WAITS_LONG, unschedulable="0/3 nodes are available"), PULLS),
        False,
        "ImagePullFailed",
        True,
        "pulling image",
    ),
    Row(
        "a pod that is being deleted does not count",
        ONE,
        (replace(PULLS, deleted_at=NOW - 1),),
        True,
        "SomeUnavailable",
        False,
        "1 of 2",
    ),
    Row(
        "the namespace admits no such pods",
        {**NONE, "conditions": failed(FORBIDDEN)},
        (),
        False,
        "PodSecurityForbidden",
        True,
        "pod-security.kubernetes.io/enforce=privileged",
    ),
    Row(
        "a quota is used up",
        {**ONE, "conditions": failed("pods is forbidden: exceeded quota: small")},
        (),
        True,
        "QuotaExceeded",
        False,
        "exceeded quota: small",
    ),
    Row(
        "a webhook refuses the pods",
        {**NONE, "conditions": failed('admission webhook "policy.example.com" denied the request')},
        (),
        False,
        "PodsRefused",
        True,
        'admission webhook "policy.example.com"',
    ),
    Row(
        "an image that runs as root",
        NONE,
        (replace(PULLS, waiting_reason="CreateContainerConfigError", waiting_message="image will run as root"),),
        False,
        "NoneAvailable",
        False,
        "image will run as root",
    ),
    Row(
        "relays of a workload that is being replaced still serve",
        NONE,
        (pod("edge-relay-old"),),
        True,
        "SomeUnavailable",
        False,
        "0 of 2 relays serve",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.why)
def test_what_is_said_of_the_relays(row: Row) -> None:
    site = served()
    relays(site, **row.relays)
    site.fleet = replace(site.fleet, relay_pods=row.pods)
    site.settle()
    condition = site.condition("RelaysAvailable")
    assert condition["reason"] == row.reason
    assert row.says in str(condition["message"])
    assert (condition["status"] == "True") is row.is_ready
    assert (site.condition("Ready")["status"] == "True") is row.is_ready
    assert (site.condition("Stalled") != {}) is row.stalled
    assert (site.condition("Reconciling") != {}) is not row.stalled


def test_a_pull_stalls_after_five_minutes_without_any_event() -> None:
    site = served()
    relays(site, **NONE)
    site.fleet = replace(site.fleet, relay_pods=(replace(PULLS, created_at=NOW - 60),))
    site.settle()
    assert site.round().requeue_after_s == 240
    site.round(NOW + 240)
    assert site.condition("Stalled")["reason"] == "ImagePullFailed"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"updatedReplicas": 1}, id="an old relay is left"),
        pytest.param({"replicas": 3}, id="a relay too many is left"),
        pytest.param({"observedGeneration": 0}, id="the controller has not looked yet"),
    ],
)
def test_a_rollout_is_reconciling_and_ready(changes: dict[str, Json]) -> None:
    site = served()
    metadata = site.child("Deployment", "edge-relay")["metadata"]
    assert isinstance(metadata, dict)
    site.change("Deployment", "edge-relay", metadata={**metadata, "generation": 1})
    relays(site, **changes)
    site.settle()
    assert site.condition("Reconciling")["reason"] == "RollingOut"
    assert site.condition("Ready")["status"] == "True"


def test_signaling_that_does_not_serve_makes_the_fleet_unready() -> None:
    site = served()
    site.change("Deployment", "edge-signaling", status={**SERVED, **NONE})
    site.settle()
    assert site.condition("Ready")["reason"] == "NoneAvailable"
    assert "0 of 2 signaling pods serve" in str(site.condition("Ready")["message"])
    assert "app.kubernetes.io/component=signaling" in str(site.condition("Ready")["message"])


def test_a_daemon_set_counts_nodes() -> None:
    site = served(f"{{{ADDRESS}, workload: {{kind: DaemonSet}}}}")
    status: dict[str, Json] = {"desiredNumberScheduled": 5, "numberAvailable": 4, "updatedNumberScheduled": 3}
    site.change("DaemonSet", "edge-relay", status=status)
    site.settle()
    assert site.fleet.relay_status["relays"] == {"desired": 5, "available": 4, "updated": 3}
    assert site.condition("RelaysAvailable")["reason"] == "SomeUnavailable"


def test_a_daemon_set_without_nodes_says_so() -> None:
    site = served(f"{{{ADDRESS}, workload: {{kind: DaemonSet}}}}")
    site.change("DaemonSet", "edge-relay", status={"desiredNumberScheduled": 0})
    site.settle()
    assert site.condition("Ready")["reason"] == "NoneAvailable"
    assert "`template.spec.nodeSelector`" in str(site.condition("Ready")["message"])
