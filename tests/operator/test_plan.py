"""A fleet's whole plan: births and departures round by round, strays, orphans, and what it costs."""

import random
import time
from dataclasses import replace

import pytest

from antiphon_operator.actions import Create, CutCalls, Delete, Patch, Plan, Replace, Subresource
from antiphon_operator.conditions import find
from antiphon_operator.observed import (
    Fleet,
    NodeState,
    ObservedNode,
    ObservedPod,
    ObservedPool,
    Refusal,
    TableBlockState,
)
from antiphon_operator.parsing.route_tables import read_route_table
from antiphon_operator.plan import plan, plan_orphan
from antiphon_wire import Pool
from simulated_cluster import SimulatedCluster
from transceiver_pools import (
    block,
    failed,
    fleet,
    load,
    name,
    pod,
    pool_of,
    reservation,
    settled,
    starting,
    table,
    transceiver_pool,
)
from voice_relays import NOW, at


def planned(seen: Fleet, now: float = NOW) -> Plan:
    return plan(seen, now, random.Random(7))


def created(decided: Plan) -> list[object]:
    return [at(action.manifest, "metadata", "name") for action in decided.pods if isinstance(action, Create)]


def deleted(decided: Plan) -> list[str]:
    return [action.name for action in decided.pods if isinstance(action, Delete)]


def opened(decided: Plan) -> list[str]:
    return [one.name for one in decided.pods if isinstance(one, Patch) and one.subresource is Subresource.STATUS]


def states(decided: Plan) -> dict[str, TableBlockState]:
    """Of the tables that are written."""
    manifests = [action.manifest for action in decided.tables if isinstance(action, Create | Replace)]
    return {one.pod: one.state for manifest in manifests for one in read_route_table(manifest).blocks}


def test_a_missing_pod_gets_a_reservation_first() -> None:
    decided = planned(settled(pod(1), pool=pool_of(3)))
    assert created(decided) == []
    assert sorted(states(decided).values()) == ["Active", "Reserved", "Reserved"]


def test_a_reservation_that_is_stored_gets_its_pod() -> None:
    seen = fleet(ObservedPool(pool_of(2), {}, (pod(1),)), tables=(table(block(pod(1)), reservation(2)),))
    assert created(planned(seen)) == [name(2)]


def test_no_pod_is_made_that_is_wanted_no_more_and_its_reservation_goes() -> None:
    seen = fleet(ObservedPool(pool_of(1), {}, (pod(1),)), tables=(table(block(pod(1)), reservation(2)),))
    decided = planned(seen)
    assert created(decided) == []
    assert states(decided) == {name(1): TableBlockState.ACTIVE}


def test_a_pod_that_serves_is_entered_into_the_table_and_then_its_gate_opens() -> None:
    waiting = pod(1, ready=False, routes_published=False)
    before = fleet(ObservedPool(pool_of(1), {}, (waiting,)), tables=(table(reservation(1)),))
    decided = planned(before)
    assert (states(decided), opened(decided)) == ({name(1): TableBlockState.ACTIVE}, [])
    after = fleet(ObservedPool(pool_of(1), {}, (waiting,)), tables=(table(block(waiting)),))
    assert opened(planned(after)) == [name(1)]


def test_a_pod_leaves_the_table_and_is_then_deleted() -> None:
    busy, idle = pod(1, load=load(4)), pod(2)
    decided = planned(settled(busy, idle, pool=pool_of(1)))
    assert (states(decided)[name(2)], deleted(decided)) == (TableBlockState.DRAINING, [])
    taken_out = table(block(busy), block(idle, TableBlockState.DRAINING))
    decided = planned(fleet(ObservedPool(pool_of(1), {}, (busy, idle)), tables=(taken_out,)))
    assert deleted(decided) == [name(2)]
    assert states(decided).get(name(2), TableBlockState.DRAINING) is TableBlockState.DRAINING


def test_rounds_that_decide_write_shard_0_so_that_two_of_them_conflict() -> None:
    agents, vip = (Pool("agents", (), default=True),), ("203.0.113.7:3478",)
    shards = (
        table(block(pod(1)), shards=2, pools=agents, vip=vip),
        table(block(pod(2)), shard=1, shards=2),
    )
    pods = (pod(1, load=load(5)), pod(2, load=load(1)))

    def rewritten(wanted: int) -> list[object]:
        decided = planned(fleet(ObservedPool(pool_of(wanted), {}, pods), tables=shards))
        return [at(action.manifest, "metadata", "name") for action in decided.tables if isinstance(action, Replace)]

    assert rewritten(1) == ["edge-0", "edge-1"]
    assert rewritten(2) == []
    assert rewritten(3) == ["edge-0"]


def test_a_pod_whose_departure_was_called_off_takes_calls_again() -> None:
    taken_out = table(block(pod(1)), block(pod(2), TableBlockState.DRAINING))
    decided = planned(fleet(ObservedPool(pool_of(2), {}, (pod(1), pod(2))), tables=(taken_out,)))
    assert (states(decided)[name(2)], deleted(decided)) == (TableBlockState.ACTIVE, [])


def test_a_pod_is_deleted_by_its_uid() -> None:
    taken_out = table(block(pod(1)), block(pod(2), TableBlockState.DRAINING))
    decided = planned(fleet(ObservedPool(pool_of(1), {}, (pod(1), pod(2))), tables=(taken_out,)))
    assert Delete("v1", "Pod", "voice", name(2), "uid-2") in decided.pods


def test_a_pod_that_failed_after_long_service_is_deleted_and_replaced_and_it_is_said() -> None:
    dead = replace(failed(2, born=NOW - 7200, ended=NOW - 1), routes_published=True)
    seen = fleet(ObservedPool(pool_of(2), {}, (pod(1), dead)), tables=(table(block(pod(1)), block(dead)),))
    decided = planned(seen)
    assert deleted(decided) == [name(2)]
    assert sorted(states(decided).values()) == ["Active", "Lost", "Reserved"]
    assert [(event.reason, event.message) for event in decided.events if "agents" in event.name] == [
        ("PodReplaced", f"{name(2)} failed (Error, exit code 2)")
    ]


def test_a_pod_that_failed_soon_is_kept_and_replaced_after_a_while() -> None:
    dead = failed(2, born=NOW - 5, ended=NOW - 1)
    seen = fleet(ObservedPool(pool_of(2), {}, (pod(1), dead)), tables=(table(block(pod(1)), reservation(2)),))
    decided = planned(seen)
    assert (deleted(decided), created(decided)) == ([], [])
    assert decided.requeue_after_s == 9
    assert sorted(states(planned(seen, NOW + 9)).values()) == ["Active", "Reserved", "Reserved"]


def test_a_pod_that_no_pool_owns_gets_no_block_and_is_left_alone() -> None:
    """Whatever its labels, its annotation and its name say."""
    foreign = pod(7, is_disowned=True, phase="Failed", ended_at=NOW - 600)
    seen = replace(settled(pod(1), pool=pool_of(1)), stray_pods=(foreign, pod(8, is_disowned=True)))
    among_its_pods = replace(
        seen, pools=tuple(replace(one, pods=(*one.pods, pod(9, is_disowned=True))) for one in seen.pools)
    )
    for fleet_seen in (seen, among_its_pods):
        decided = planned(fleet_seen)
        assert (set(states(decided)), created(decided), deleted(decided)) == ({name(1)}, [], [])


def silent(*numbers: int, of: int) -> Fleet:
    """A fleet with a pod on each of so many nodes, of which these have been silent for a minute."""
    nodes = tuple(
        ObservedNode(f"n{number}", ready=number not in numbers, since=NOW - 60) for number in range(1, of + 1)
    )
    pods = tuple(
        pod(
            number,
            node=node.name,
            ready=node.ready,
            node_state=NodeState.USABLE if node.ready else NodeState.NOT_READY,
        )
        for number, node in enumerate(nodes, start=1)
    )
    return replace(settled(*pods, pool=pool_of(of)), nodes=nodes)


def test_the_pods_of_one_lost_node_are_replaced_at_once() -> None:
    decided = planned(silent(1, of=3))
    assert sorted(states(decided).values()) == ["Active", "Active", "Draining", "Reserved"]


@pytest.mark.parametrize(
    ("numbers", "nodes"),
    [
        pytest.param((1, 2, 3), 3, id="all nodes"),
        pytest.param((1, 2, 3, 4), 5, id="most nodes"),
        pytest.param((1,), 1, id="the only node"),
    ],
)
def test_when_most_nodes_fall_silent_nothing_becomes_of_their_pods(numbers: tuple[int, ...], nodes: int) -> None:
    decided = planned(silent(*numbers, of=nodes))
    assert (created(decided), deleted(decided)) == ([], [])
    assert set(states(decided).values()) <= {TableBlockState.ACTIVE}


def test_a_pod_that_is_gone_is_lost_and_replaced_whatever_its_node_says() -> None:
    seen = silent(1, 2, 3, of=3)
    without = replace(seen, pools=tuple(replace(pool, pods=pool.pods[1:]) for pool in seen.pools))
    found = states(planned(without))
    assert found[name(1)] is TableBlockState.LOST
    assert sorted(found.values()) == ["Active", "Active", "Lost", "Reserved"]


def test_nodes_that_fall_silent_together_are_looked_at_again() -> None:
    seen = silent(1, 2, of=5)
    just_now = replace(seen, nodes=tuple(replace(node, since=NOW - 5) for node in seen.nodes))
    decided = planned(just_now)
    assert set(states(decided).values()) == {TableBlockState.ACTIVE}, "there may be more, or they may come back"
    assert decided.requeue_after_s == 10
    assert list(states(planned(just_now, NOW + 10)).values()).count(TableBlockState.RESERVED) == 2


def test_what_was_begun_for_a_node_that_died_goes_on_when_another_one_follows() -> None:
    seen = silent(1, 2, of=5)
    nodes = tuple(replace(node, since=NOW - 5 if node.name == "n1" else NOW) for node in seen.nodes)
    pods = tuple(pod for pool in seen.pools for pod in pool.pods)
    born = (*pods, starting(6, node="n3"))
    decided = planned(replace(settled(*born, pool=pool_of(5)), nodes=nodes))
    assert (created(decided), deleted(decided)) == ([], [])


@pytest.mark.parametrize(
    ("ending", "cut"),
    [
        pytest.param(pod(2, busy=True, load=load(2)), (), id="it does not drain"),
        pytest.param(pod(2, deleted_at=NOW - 60, deadline=NOW + 31, busy=True, load=load(2)), (), id="it has time"),
        pytest.param(
            pod(2, deleted_at=NOW - 60, deadline=NOW + 30, busy=True, load=load(2)),
            (CutCalls("agents", pod(2).name, 2),),
            id="its time is up",
        ),
        pytest.param(
            pod(2, deleted_at=NOW - 60, deadline=NOW + 30, busy=True, load=None),
            (CutCalls("agents", pod(2).name, 1),),
            id="its time is up, and it does not say how many are left",
        ),
        pytest.param(
            pod(2, deleted_at=NOW - 60, deadline=NOW + 30, load=load(2)), (), id="it was counted in an earlier round"
        ),
    ],
)
def test_calls_that_are_left_at_a_drain_deadline_are_counted_once(
    ending: ObservedPod, cut: tuple[CutCalls, ...]
) -> None:
    assert planned(settled(pod(1), ending, pool=pool_of(1))).cut == cut


def test_a_pod_of_a_pool_that_is_gone_drains_and_keeps_its_block() -> None:
    seen = fleet(tables=(table(block(pod(1)), reservation(2)),), stray_pods=(pod(1),))
    decided = planned(seen)
    assert states(decided) == {name(1): TableBlockState.DRAINING}
    assert (created(decided), deleted(decided)) == ([], [])


def test_a_pool_whose_relay_is_missing_says_so_and_its_pods_go_on() -> None:
    decided = plan_orphan(ObservedPool(transceiver_pool(), {}, (pod(1),)), NOW)
    assert decided == Plan(statuses=decided.statuses)
    (patch,) = decided.statuses
    assert isinstance(patch, Patch)
    status = patch.body["status"]
    assert isinstance(status, dict)
    assert find(status, "Ready") == {
        "type": "Ready",
        "status": "False",
        "reason": "RelayMissing",
        "message": "there is no VoiceRelay edge in namespace voice",
        "observedGeneration": 2,
        "lastTransitionTime": "2026-11-21T02:00:00Z",
    }
    assert plan_orphan(ObservedPool(transceiver_pool(), status, (pod(1),)), NOW + 60) == Plan()


def test_where_pods_are_refused_one_is_tried_again() -> None:
    waiting = table(reservation(1), reservation(2), reservation(3))
    refusal = Refusal("Pod", name(1), 403, "exceeded quota: compute")
    seen = fleet(ObservedPool(pool_of(3), {}, ()), tables=(waiting,), refusals=(refusal,))
    decided = planned(seen)
    assert created(decided) == [name(1)]
    assert decided.requeue_after_s is not None
    assert decided.requeue_after_s <= 10


def test_while_the_clusters_addresses_are_not_known_no_pod_is_made() -> None:
    seen = replace(fleet(ObservedPool(pool_of(2), {}, ()), tables=(table(reservation(1)),)), children={})
    decided = planned(seen)
    assert created(decided) == []
    assert states(decided) == {name(1): TableBlockState.RESERVED}


def test_a_fleet_that_is_as_wanted_is_left_alone() -> None:
    cluster = SimulatedCluster({"agents": pool_of(3)})
    rng = random.Random(1)
    for _ in range(12):
        cluster.carry_out(plan(cluster.view(), cluster.now, rng))
        cluster.tick()
    decided = plan(cluster.view(), cluster.now, rng)
    assert decided == Plan(requeue_after_s=decided.requeue_after_s)
    assert len(cluster.serving()) == 3


def test_pods_and_rounds_grow_no_faster_than_the_pool() -> None:
    """1,000 pods: as many writes each as one has, and a round's time is printed."""
    cluster = SimulatedCluster({"agents": pool_of(1000)})
    rng = random.Random(1)
    slowest = 0.0
    for _ in range(12):
        seen = cluster.view()
        began = time.process_time()
        decided = plan(seen, cluster.now, rng)
        slowest = max(slowest, time.process_time() - began)
        cluster.carry_out(decided)
        cluster.tick()
    print(f"slowest of 12 plans for 1,000 pods: {slowest * 1000:.1f} ms; {cluster.writes / 1000:.3f} writes a pod")
    assert len(cluster.serving()) == 1000
    assert cluster.writes < 2_100


def test_the_secrets_and_route_ids_are_drawn_from_the_given_dice() -> None:
    seen = fleet(ObservedPool(pool_of(3), {}, ()))
    assert plan(seen, NOW, random.Random(1)) == plan(seen, NOW, random.Random(1))
    assert plan(seen, NOW, random.Random(1)) != plan(seen, NOW, random.Random(2))


def test_a_pod_that_starts_is_waited_for() -> None:
    seen = settled(pod(1), starting(2), pool=pool_of(2))
    assert created(planned(seen)) == deleted(planned(seen)) == opened(planned(seen)) == []
