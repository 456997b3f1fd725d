"""What a pool's status says: numbers, conditions and their reasons, and how seldom it is written."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from antiphon_crds.overlay import Json
from antiphon_crds.transceiver_pool import TransceiverPool
from antiphon_operator.conditions import find
from antiphon_operator.observed import FOREIGN, ChildKey, Fleet, Manifest, NodeState, ObservedNode, ObservedPod, Refusal
from antiphon_operator.pool.status import Report, report
from antiphon_operator.pool.view import PoolView, view
from antiphon_operator.routes.ledger import stored
from antiphon_wire.control import BackendState
from transceiver_pools import failed, load, name, pod, pool_of, settled, starting
from voice_relays import NOW

REALTIME: dict[str, Json] = {"type": "Realtime", "realtime": {"url": "ws://agent:8080/v1/realtime"}}


def pulling(number: int, age_s: float = 0) -> ObservedPod:
    return starting(number, waiting_reason="ImagePullBackOff", waiting_message="no such image", created_at=NOW - age_s)


def on_silent_nodes(*pods: ObservedPod) -> Fleet:
    """One for each."""
    silent = tuple(replace(pod, node=f"n{place}", node_state=NodeState.NOT_READY) for place, pod in enumerate(pods))
    nodes = tuple(ObservedNode(f"n{place}", ready=False, since=NOW - 60) for place in range(len(pods)))
    return replace(settled(*silent, pool=pool_of(len(pods))), nodes=nodes)


def seen(fleet: Fleet, now: float = NOW) -> PoolView:
    return view(fleet, fleet.pools[0], stored(fleet).states(), frozenset(), now)


def told(
    *pods: ObservedPod,
    pool: TransceiverPool | None = None,
    status: Manifest | None = None,
    refusals: tuple[Refusal, ...] = (),
    now: float = NOW,
) -> Report:
    fleet = settled(*pods, pool=pool or pool_of(len(pods)), status=status)
    return report(seen(replace(fleet, refusals=refusals), now), exhausted=False)


def condition(found: Report, kind: str) -> Mapping[str, Json]:
    return find(found.status, kind)


def brief(found: Report, *kinds: str) -> list[tuple[Json, Json]]:
    return [(condition(found, kind).get("status"), condition(found, kind).get("reason")) for kind in kinds]


def test_the_numbers() -> None:
    pods = (
        pod(1, load=load(7)),
        pod(2, load=load(60)),
        pod(3, revision="of-yesterday", load=load(1)),
        starting(4),
        pod(5, load=load(2, draining=True), deleted_at=NOW, deadline=NOW + 3630),
        pod(6, phase="Failed", ready=False, containers_ready=False),
    )
    found = told(*pods, pool=pool_of(3)).status
    assert {key: value for key, value in found.items() if key != "conditions"} == {
        "observedGeneration": 2,
        "selector": "antiphon.dev/pool=agents",
        "version": found["version"],
        "desiredReplicas": 3,
        "replicas": 4,
        "availableReplicas": 3,
        "updatedReplicas": 3,
        "drainingReplicas": 1,
        "calls": 70,
        "capacity": 180,
        "free": 112,
        "measuredTime": "2026-11-21T02:00:00Z",
    }


def test_every_condition_is_there_at_first_sight() -> None:
    listed = told().status["conditions"]
    assert isinstance(listed, list)
    assert [one["type"] for one in listed if isinstance(one, dict)] == [
        "Ready",
        "PodsAvailable",
        "RoutesPublished",
        "BackendReachable",
        "CapacityAvailable",
        "ScalingLimited",
        "Updated",
        "Draining",
    ]


@pytest.mark.parametrize(
    ("found", "ready", "pods", "also"),
    [
        pytest.param(told(pod(1), pod(2)), "Serving", "AllAvailable", None, id="all serve"),
        pytest.param(told(pod(1), starting(2)), "Serving", "SomeUnavailable", "Reconciling", id="some serve"),
        pytest.param(told(starting(1)), "NoneAvailable", "NoneAvailable", "Reconciling", id="none serves yet"),
        pytest.param(told(pool=pool_of(0)), "Serving", "AllAvailable", None, id="none is wanted"),
        pytest.param(
            told(starting(1, unschedulable="0/3 nodes are available")),
            "Unschedulable",
            "Unschedulable",
            "Reconciling",
            id="no node takes it",
        ),
        pytest.param(
            told(pulling(1)), "ImagePullFailed", "ImagePullFailed", "Reconciling", id="its image is not there"
        ),
        pytest.param(
            told(pulling(1, 301)),
            "ImagePullFailed",
            "ImagePullFailed",
            "Stalled",
            id="its image is not there for five minutes",
        ),
        pytest.param(
            told(starting(1, waiting_reason="CreateContainerConfigError", waiting_message='secret "x" not found')),
            "SecretMissing",
            "SecretMissing",
            "Stalled",
            id="a Secret is missing",
        ),
        pytest.param(
            told(failed(1, born=NOW - 5, ended=NOW), pool=pool_of(1)),
            "CrashLooping",
            "CrashLooping",
            "Reconciling",
            id="it fails again and again",
        ),
        pytest.param(
            told(pool=pool_of(1), refusals=(Refusal("Pod", name(1), 403, 'violates PodSecurity "restricted"'),)),
            "PodSecurityForbidden",
            "PodSecurityForbidden",
            "Stalled",
            id="the namespace forbids it",
        ),
        pytest.param(
            told(pool=pool_of(1), refusals=(Refusal("Pod", name(1), 403, "exceeded quota: compute"),)),
            "QuotaExceeded",
            "QuotaExceeded",
            "Reconciling",
            id="the quota is used",
        ),
        pytest.param(
            told(pool=pool_of(1), refusals=(Refusal("Pod", name(1), 422, "spec.nodeSelector: Invalid value"),)),
            "PodsRefused",
            "PodsRefused",
            "Stalled",
            id="the template is wrong",
        ),
        pytest.param(
            told(pod(1), refusals=(Refusal("Pod", name(9, "other"), 403, "violates PodSecurity"),)),
            "Serving",
            "AllAvailable",
            None,
            id="another pool's pods are refused",
        ),
        pytest.param(
            told(pod(1), pod(2, revision="of-yesterday"), pulling(3), pool=pool_of(2)),
            "Serving",
            "AllAvailable",
            "Reconciling",
            id="a rollout cannot pull its image, and the old pods serve",
        ),
    ],
)
def test_its_pods(found: Report, ready: str, pods: str, also: str | None) -> None:
    assert [condition(found, kind)["reason"] for kind in ("Ready", "PodsAvailable")] == [ready, pods]
    there = [kind for kind in ("Reconciling", "Stalled") if condition(found, kind)]
    assert there == ([also] if also else [])


def test_a_stalled_rollout_says_what_stalls_it_while_the_old_pods_serve() -> None:
    stuck = pulling(3, 301)
    found = told(pod(1), pod(2, revision="of-yesterday"), stuck, pool=pool_of(2))
    assert brief(found, "Ready", "Stalled") == [("True", "Serving"), ("True", "ImagePullFailed")]
    assert "no such image" in str(condition(found, "Stalled")["message"])


def test_it_looks_again_when_patience_ends() -> None:
    assert told(pulling(1, 200)).requeue_after_s == 100


@pytest.mark.parametrize(
    ("loads", "expected"),
    [
        pytest.param([BackendState.REACHABLE] * 2, ("True", "Reachable"), id="all reach it"),
        pytest.param([BackendState.REACHABLE, BackendState.UNREACHABLE], ("True", "Reachable"), id="some reach it"),
        pytest.param([BackendState.UNREACHABLE] * 2, ("False", "BackendUnreachable"), id="none reaches it"),
        pytest.param([BackendState.UNAUTHORIZED], ("False", "BackendUnauthorized"), id="it refuses the key"),
        pytest.param(
            [BackendState.CERTIFICATE_INVALID], ("False", "CertificateInvalid"), id="its certificate is wrong"
        ),
        pytest.param([BackendState.NOT_PROBED], ("Unknown", "NotProbed"), id="none has tried"),
        pytest.param([], ("True", "NotProbed"), id="no pod is wanted"),
    ],
)
def test_its_backend(loads: list[BackendState], expected: tuple[str, str]) -> None:
    pool = pool_of(len(loads), backend=REALTIME)
    found = told(*(pod(number, pool, load=load(0, backend=state)) for number, state in enumerate(loads)), pool=pool)
    assert brief(found, "BackendReachable") == [expected]
    assert bool(condition(found, "Stalled")) == (expected[1] == "BackendUnauthorized")


def test_an_echo_has_no_backend_to_reach() -> None:
    assert brief(told(pod(1)), "BackendReachable") == [("True", "Reachable")]


def test_a_new_operator_does_not_forget_what_the_one_before_knew() -> None:
    pool = pool_of(1, backend=REALTIME)
    before = told(pod(1, load=load(30, backend=BackendState.REACHABLE)), pool=pool).status
    after = told(pod(1, load=None), pool=pool, status=before).status
    assert find(after, "BackendReachable") == find(before, "BackendReachable")
    assert [after[key] for key in ("calls", "capacity", "free")] == [30, 60, 30]


@pytest.mark.parametrize(
    ("live", "scaling", "expected"),
    [
        pytest.param(30, "Fixed", ("True", "Available"), id="half is free"),
        pytest.param(60, "Fixed", ("False", "Full"), id="nothing is free"),
        pytest.param(50, "FreeCapacity", ("True", "BelowTarget"), id="less than the target is free"),
        pytest.param(40, "FreeCapacity", ("True", "Available"), id="the target is free"),
    ],
)
def test_its_capacity(live: int, scaling: str, expected: tuple[str, str]) -> None:
    found = told(pod(1, load=load(live)), pool=pool_of(1, scaling={"mode": scaling}))
    assert brief(found, "CapacityAvailable", "Ready")[0] == expected
    assert brief(found, "Ready")[0][0] == "True"


def test_a_pod_that_is_overloaded_has_nothing_free() -> None:
    found = told(pod(1, load=load(30, closed=True)), pool=pool_of(1))
    assert [found.status[key] for key in ("calls", "capacity", "free")] == [30, 60, 0]
    assert brief(found, "CapacityAvailable") == [("False", "Full")]


def test_a_table_that_is_refused_and_route_ids_that_are_used_up() -> None:
    refused = told(pod(1), refusals=(Refusal("RouteTable", "edge-0", 403, "no"),))
    assert brief(refused, "RoutesPublished", "Ready", "Stalled") == [
        ("False", "Lagging"),
        ("False", "Lagging"),
        ("True", "Lagging"),
    ]
    exhausted = report(seen(settled(pod(1), pool=pool_of(1))), exhausted=True)
    assert brief(exhausted, "RoutesPublished", "Stalled") == [
        ("False", "RouteIDsExhausted"),
        ("True", "RouteIDsExhausted"),
    ]


@pytest.mark.parametrize("secret", ["edge-keys", "edge-control"])
def test_without_a_secret_of_the_fleet_no_pods_are_made(secret: str) -> None:
    refusals = (Refusal("Secret", secret, FOREIGN, "it is another's"),)
    found = told(pool=pool_of(2), refusals=refusals)
    assert brief(found, "PodsAvailable", "Ready", "Stalled") == [
        ("False", "WriteRefused"),
        ("False", "WriteRefused"),
        ("True", "WriteRefused"),
    ]
    assert condition(found, "Ready")["message"] == "0 of 2 pods take calls: no pods are made: it is another's"
    fleet = replace(settled(pool=pool_of(2)), refusals=refusals)
    assert (seen(fleet).births, seen(fleet).births_now) == (2, 0)
    there = {**fleet.children, ChildKey("Secret", secret): {}}
    assert seen(replace(fleet, children=there)).births_now == 2, "one that is there will do"


@pytest.mark.parametrize(("kind", "child"), [("NetworkPolicy", "agents"), ("PodDisruptionBudget", "agents-busy")])
def test_another_child_of_the_pool_that_is_refused_holds_up_no_pods(kind: str, child: str) -> None:
    refusals = (Refusal(kind, child, FOREIGN, "it is another's"),)
    found = told(pod(1), refusals=refusals)
    assert brief(found, "Ready", "Stalled") == [("True", "Serving"), ("True", "WriteRefused")]
    assert condition(found, "Stalled")["message"] == "it is another's"
    assert seen(replace(settled(pod(1), pool=pool_of(3)), refusals=refusals)).births_now == 2
    assert not condition(told(pod(1), refusals=(replace(refusals[0], name="others"),)), "Stalled"), "another pool's"


def test_a_pod_of_somebody_else_with_our_name_keeps_one_pod_from_being_made() -> None:
    refusals = (Refusal("Pod", name(3), FOREIGN, "it is another's"),)
    found = told(pod(1), pool=pool_of(3), refusals=refusals)
    assert brief(found, "PodsAvailable", "Stalled") == [("True", "SomeUnavailable"), ("True", "PodsRefused")]
    assert condition(found, "Stalled")["message"] == "it is another's"
    assert seen(replace(settled(pod(1), pool=pool_of(3)), refusals=refusals)).births_now == 2, "the others are"


def test_pods_that_drain_are_told_with_their_calls_and_deadline() -> None:
    draining = pod(2, load=load(3, draining=True), deleted_at=NOW, deadline=NOW + 3630, ready=False)
    found = told(pod(1), draining, pool=pool_of(1))
    assert (
        condition(found, "Draining")["message"]
        == f"3 calls left on {name(2)}, the last deadline is 2026-11-21T03:00:00Z"
    )
    assert not condition(found, "Reconciling")


def test_a_rollout_is_told() -> None:
    found = told(pod(1), pod(2, revision="of-yesterday"), pool=pool_of(2))
    assert brief(found, "Updated", "Reconciling") == [("False", "RollingOut"), ("True", "RollingOut")]
    cordoned = told(pod(1), pod(2, node_state=NodeState.CORDONED), pool=pool_of(2))
    assert brief(cordoned, "Updated") == [("False", "RollingOut")]


def test_the_status_of_a_pool_that_did_not_change_is_not_written() -> None:
    before = told(pod(1), pod(2)).status
    fleet = settled(pod(1), pod(2), pool=pool_of(2), status=before)
    again = seen(fleet, NOW + 600)
    assert report(again, exhausted=False).patch(again) == ()


@pytest.mark.parametrize(
    ("after_s", "live", "calls"),
    [
        pytest.param(10, 12, 10, id="a small change soon is left for later"),
        pytest.param(30, 12, 12, id="a small change after half a minute is written"),
        pytest.param(1, 20, 20, id="a large change is written at once"),
    ],
)
def test_calls_are_written_seldom(after_s: float, live: int, calls: int) -> None:
    before = told(pod(1, load=load(10)), pod(2)).status
    found = told(pod(1, load=load(live)), pod(2), status=before, now=NOW + after_s)
    assert found.status["calls"] == calls
    assert found.requeue_after_s == (30 - after_s if calls != live else None)


def test_a_ready_pool_says_how_much_it_holds() -> None:
    found = told(pod(1, load=load(20)), pod(2), pool=pool_of(2))
    assert condition(found, "Ready")["message"] == "2 pods, 100 of 120 calls free"


def test_a_pool_says_that_its_nodes_are_silent_and_what_to_do() -> None:
    found = report(seen(on_silent_nodes(pod(1), pod(2))), exhausted=False)
    assert brief(found, "Ready", "PodsAvailable") == [("False", "NodesNotReady")] * 2
    assert condition(found, "Ready").get("message") == (
        "0 of 2 pods take calls: 2 of 2 nodes not ready at once: 2 pods on them may still have calls, and none is "
        "replaced; see `kubectl get nodes`. Delete a Node that will not come back, and its pods are replaced. "
        "Mind the others: when a node is ready, and of those left fewer than 3 or 55% are not, these count as lost, "
        "and their pods are replaced too"
    )
    assert not condition(found, "Stalled"), "it passes when the nodes are heard again"
