"""Events of a pool: of changes only, once each."""

import random
from dataclasses import replace

from antiphon_crds.overlay import Json
from antiphon_operator.actions import Event, EventType
from antiphon_operator.conditions import fails, holds, written
from antiphon_operator.observed import Fleet, Manifest, NodeState, ObservedPool, TableBlockState
from antiphon_operator.plan import plan
from antiphon_wire.control import BackendState
from transceiver_pools import block, fleet, load, name, pod, pool_of, settled, table
from voice_relays import NOW

REALTIME: dict[str, Json] = {"type": "Realtime", "realtime": {"url": "ws://agent:8080/v1/realtime"}}


def events(seen: Fleet, now: float = NOW) -> list[Event]:
    return [one for one in plan(seen, now, random.Random(1)).events if one.kind == "TransceiverPool"]


def said(seen: Fleet, now: float = NOW) -> list[tuple[str, str]]:
    return [(one.reason, one.message) for one in events(seen, now)]


def test_that_the_number_changed_and_why() -> None:
    status: Manifest = {"desiredReplicas": 2}
    assert said(settled(pod(1), pod(2), pool=pool_of(3), status=status)) == [
        ("ScaledUp", "from 2 to 3 pods: spec.replicas was changed")
    ]
    assert said(settled(pod(1), pod(2), pool=pool_of(2), status=status)) == []
    assert said(settled(pod(1), pod(2), pool=pool_of(2))) == []
    free = pool_of(1, scaling={"mode": "FreeCapacity"})
    assert said(settled(pod(1, load=load(59)), pod(2, load=load(60)), pool=free, status=status)) == [
        ("ScaledUp", "from 2 to 3 pods: too few calls were free")
    ]
    window_over: Manifest = {
        "desiredReplicas": 2,
        "scaleDown": {"startTime": "2026-11-21T01:50:00Z", "replicas": 1},
    }
    assert said(settled(pod(1), pod(2), pool=free, status=window_over)) == [
        ("ScaledDown", "from 2 to 1 pod: fewer pods keep the target free")
    ]


def test_that_the_backend_was_lost_and_came_back() -> None:
    pool = pool_of(1, backend=REALTIME)
    lost = pod(1, pool, load=load(0, backend=BackendState.UNREACHABLE))
    back = pod(1, pool, load=load(0, backend=BackendState.REACHABLE))
    well: Manifest = {"conditions": written([holds("BackendReachable", "Reachable")], {}, 1, NOW)}
    ill: Manifest = {"conditions": written([fails("BackendReachable", "BackendUnreachable", "")], {}, 1, NOW)}
    (event,) = events(settled(lost, pool=pool, status=well))
    assert (event.type, event.reason) == (EventType.WARNING, "BackendLost")
    assert said(settled(lost, pool=pool, status=ill)) == []
    (event,) = events(settled(back, pool=pool, status=ill))
    assert (event.type, event.reason) == (EventType.NORMAL, "BackendBack")
    assert said(settled(back, pool=pool, status=well)) == []


def test_that_a_pod_with_calls_drains_and_why() -> None:
    pool = pool_of(1)
    pods = (pod(1, load=load(9)), pod(2, load=load(3)))
    taken_out = table(block(pods[0]), block(pods[1], TableBlockState.DRAINING))
    assert said(fleet(ObservedPool(pool, {}, pods), tables=(taken_out,))) == [
        ("PodDraining", f"{name(2)} drains (scaled down): 3 calls, deadline 2026-11-21T03:00:00Z")
    ]
    cordoned = replace(pods[1], node_state=NodeState.CORDONED)
    assert said(fleet(ObservedPool(pool, {}, (pods[0], cordoned)), tables=(taken_out,))) == [
        ("PodDraining", f"{name(2)} drains (its node is cordoned): 3 calls, deadline 2026-11-21T03:00:00Z")
    ]
    outdated = replace(pods[1], revision="of-yesterday")
    assert said(fleet(ObservedPool(pool, {}, (pods[0], outdated)), tables=(taken_out,))) == [
        ("PodDraining", f"{name(2)} drains (outdated): 3 calls, deadline 2026-11-21T03:00:00Z")
    ]


def test_that_an_empty_pod_goes_concerns_nobody() -> None:
    pods = (pod(1, load=load(9)), pod(2))
    taken_out = table(block(pods[0]), block(pods[1], TableBlockState.DRAINING))
    assert said(fleet(ObservedPool(pool_of(1), {}, pods), tables=(taken_out,))) == []


def test_that_a_drain_deadline_cut_calls_is_said_while_the_label_says_busy() -> None:
    ending = pod(2, deleted_at=NOW - 3600, deadline=NOW + 30, busy=True, load=load(2, draining=True))
    assert said(settled(pod(1), ending, pool=pool_of(1))) == [
        ("DrainDeadlineReached", f"{name(2)} reached its drain deadline: 2 calls ended")
    ]
    assert said(settled(pod(1), ending, pool=pool_of(1)), NOW - 1) == []
    assert said(settled(pod(1), replace(ending, busy=False), pool=pool_of(1))) == []


def test_whose_events_they_are() -> None:
    (event,) = events(settled(pod(1), pool=pool_of(2), status={"desiredReplicas": 1}))
    assert (event.api_version, event.kind, event.namespace, event.name, event.uid) == (
        "antiphon.dev/v1alpha1",
        "TransceiverPool",
        "voice",
        "agents",
        "p1",
    )
