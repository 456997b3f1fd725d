"""Whatever happens to a fleet, rounds of plans bring it to what is wanted, and break nothing on the way."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from hypothesis import HealthCheck, Phase, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from antiphon_crds.overlay import Json
from antiphon_crds.transceiver_pool import TransceiverPool
from antiphon_operator.node_loss import judged
from antiphon_operator.observed import Fleet, NodeState, ObservedPod, TableBlockState
from antiphon_operator.plan import plan
from antiphon_operator.pool.rollout import bounds
from simulated_cluster import ENDED, SimulatedCluster
from transceiver_pools import pool_of

UPDATES = (
    "{}",
    "{maxSurge: 1, maxUnavailable: 0}",
    "{maxSurge: 0, maxUnavailable: 1}",
    "{maxSurge: 2, maxUnavailable: 50%}",
)
ROUNDS_TO_QUIET = 200


@dataclass
class Operator:
    """One process with its own dice."""

    cluster: SimulatedCluster
    rng: random.Random

    def acts(self, seen: Fleet | None = None) -> None:
        """On what it sees, or on what it saw some time ago."""
        self.cluster.carry_out(plan(seen or self.cluster.view(), self.cluster.now, self.rng))

    def acts_within_bounds(self) -> None:
        before = self._sees()
        self.acts()
        assert_within_bounds(before, self._sees())

    def _sees(self) -> Fleet:
        return judged(self.cluster.view(), self.cluster.now)


def assert_within_bounds(before: Fleet, after: Fleet) -> None:
    """What one round on a fresh view may do to the pods of the one pool; both with their lost nodes marked."""
    spec = before.pools[0].pool.spec
    allowed = bounds(spec.replicas, spec.update)
    places, places_after = (sum(map(holds_a_place, fleet.pools[0].pods)) for fleet in (before, after))
    assert places_after <= max(places, allowed.most)
    serving, serving_after = (sum(map(takes_calls, fleet.pools[0].pods)) for fleet in (before, after))
    assert serving_after >= min(serving, allowed.least_available)
    states = {block.pod: block.state for table in after.tables for block in table.blocks}
    old = {block.pod: block.state for table in before.tables for block in table.blocks}
    revisions = {pod.revision for pod in after.pools[0].pods}
    if len(revisions) == 1:
        alike = [pod for pod in before.pools[0].pods if takes_calls(pod) and pod.node_state is NodeState.USABLE]
        offered = [pod for pod in alike if old.get(pod.name) is TableBlockState.ACTIVE]
        gone = [calls(pod) for pod in offered if states.get(pod.name) is TableBlockState.DRAINING]
        kept = [calls(pod) for pod in offered if states.get(pod.name) is TableBlockState.ACTIVE]
        assert max(gone, default=0) <= min(kept, default=10_000), "an emptier pod could have gone"


def settle(cluster: SimulatedCluster, operator: Operator) -> None:
    """Until neither the operator nor a kubelet has anything left to do; back-offs are waited out."""
    quiet = 0
    for _ in range(ROUNDS_TO_QUIET):
        before = cluster.writes
        operator.acts_within_bounds()
        quiet = quiet + 1 if cluster.writes == before else 0
        if quiet >= 6:
            return
        # Long enough that no back-off goes on when it was quiet so often.
        cluster.tick(60 if quiet > 1 else 5)
    raise AssertionError(f"not quiet after {ROUNDS_TO_QUIET} rounds")


def holds_a_place(pod: ObservedPod) -> bool:
    return pod.phase not in ENDED and pod.deleted_at is None and pod.node_state is not NodeState.LOST


def takes_calls(pod: ObservedPod) -> bool:
    return pod.ready and holds_a_place(pod) and pod.node_state is not NodeState.NOT_READY


def calls(pod: ObservedPod) -> int:
    return 60 if pod.load is None else pod.load.live


class Storm(RuleBasedStateMachine):
    """What people, nodes, callers and chance do to one pool, in any order."""

    @initialize(wanted=st.integers(0, 6), update=st.sampled_from(UPDATES), seed=st.integers(0, 2**32))
    def start(self, wanted: int, update: str, seed: int) -> None:
        self.update = update
        self.cluster = SimulatedCluster({"agents": pool_of(wanted, maximum=update)})
        self.operator = Operator(self.cluster, random.Random(seed))
        self.cut_by_faults = 0
        self.dice = random.Random(seed)
        settle(self.cluster, self.operator)

    @rule(seconds=st.integers(0, 20))
    def the_operator_acts(self, seconds: int) -> None:
        self.operator.acts_within_bounds()
        self.cluster.tick(seconds)

    @rule(rounds=st.integers(2, 12))
    def a_while_passes(self, rounds: int) -> None:
        for _ in range(rounds):
            self.operator.acts_within_bounds()
            self.cluster.tick(2)

    @rule(wanted=st.integers(0, 6))
    def somebody_scales(self, wanted: int) -> None:
        self._respec(pool_of(wanted, maximum=self.update, **self._kept()))

    @rule(calls=st.integers(1, 60))
    def somebody_changes_the_pod(self, calls: int) -> None:
        wanted = self.cluster.pools["agents"].spec.replicas
        self._respec(pool_of(wanted, maximum=self.update, sessionsPerPod=calls))

    @rule(calls=st.integers(1, 5))
    def callers_come(self, calls: int) -> None:
        """To pods that the tables offer."""
        ready = {pod.name for pod in self.cluster.serving()}
        active = [
            block.pod
            for table in self.cluster.tables()
            for block in table.blocks
            if block.state is TableBlockState.ACTIVE and block.pod in ready
        ]
        for _ in range(calls if active else 0):
            self.cluster.place_call(self.dice.choice(active))

    @precondition(lambda self: self.cluster.calls)
    @rule()
    def callers_of_a_pod_leave(self) -> None:
        self.cluster.end_calls(self.dice.choice(sorted(self.cluster.calls)))

    @rule()
    def a_pod_dies(self) -> None:
        self._strike(lambda pod: self.cluster.kill(pod.name))

    @rule()
    def a_pod_is_deleted_by_force(self) -> None:
        self._strike(lambda pod: self.cluster.remove("Pod", pod.name))

    @rule()
    def a_pod_stops_answering(self) -> None:
        self._strike(lambda pod: self.cluster.silent.add(pod.name))

    @rule(state=st.sampled_from(NodeState), node=st.sampled_from(["node-a", "node-b"]))
    def a_node_changes(self, state: NodeState, node: str) -> None:
        self.cluster.change_node(node, state)

    @rule(crashes=st.booleans(), node=st.sampled_from(["node-a", "node-b"]))
    def a_node_breaks_pods(self, crashes: bool, node: str) -> None:
        self.cluster.nodes[node].crashes_pods = crashes

    @precondition(lambda self: self.cluster.tables())
    @rule()
    def a_table_is_deleted(self) -> None:
        self.cluster.remove("RouteTable", self.dice.choice(self.cluster.tables()).name)

    @precondition(lambda self: self.cluster.tables())
    @rule(what=st.sampled_from(["no blocks", "no pools", "all lost"]))
    def a_table_is_edited(self, what: str) -> None:
        table = self.dice.choice(self.cluster.tables())
        match what:
            case "no blocks":
                self.cluster.rewrite_table(table.name, blocks=[])
            case "no pools":
                self.cluster.rewrite_table(table.name, pools=[], vip=[])
            case "all lost":
                lost: list[Json] = [
                    {
                        "first": block.first,
                        "pod": block.pod,
                        "pool": block.pool,
                        "state": "Lost",
                        "lostAt": "2026-11-21T02:00:00Z",
                    }
                    for block in table.blocks
                ]
                self.cluster.rewrite_table(table.name, blocks=lost)

    @invariant()
    def no_call_is_cut_but_by_faults(self) -> None:
        assert self.cluster.cut == self.cut_by_faults

    def teardown(self) -> None:
        if not hasattr(self, "cluster"):
            return
        for name, node in self.cluster.nodes.items():
            self.cluster.change_node(name, NodeState.USABLE)
            node.crashes_pods = False
        self.cluster.silent.clear()
        settle(self.cluster, self.operator)
        # Those that are to go may finish their calls.
        self.cluster.calls.clear()
        settle(self.cluster, self.operator)
        wanted = self.cluster.pools["agents"].spec.replicas
        serving = self.cluster.serving()
        note(str(serving))
        assert len(serving) == wanted
        assert len({pod.revision for pod in serving}) <= 1
        blocks = [block for table in self.cluster.tables() for block in table.blocks]
        active = {block.pod for block in blocks if block.state is TableBlockState.ACTIVE}
        assert active == {pod.name for pod in serving}
        assert len({block.first for block in blocks}) == len(blocks)

    def _kept(self) -> dict[str, Json]:
        return {"sessionsPerPod": self.cluster.pools["agents"].spec.sessions_per_pod}

    def _respec(self, pool: TransceiverPool) -> None:
        old = self.cluster.pools["agents"]
        metadata = replace(old.metadata, generation=old.metadata.generation + 1)
        self.cluster.pools["agents"] = replace(pool, metadata=metadata)

    def _strike(self, blow: Callable[[ObservedPod], None]) -> None:
        pods = self.cluster.pods()
        if pods:
            before = self.cluster.cut
            blow(self.dice.choice(pods))
            self.cut_by_faults += self.cluster.cut - before


class TwoOperators(Storm):
    """Both believe to be in charge, and the second one's view is old."""

    def __init__(self) -> None:
        super().__init__()
        self.views: list[Fleet] = []

    @invariant()
    def time_leaves_views_behind(self) -> None:
        self.views.append(self.cluster.view())
        del self.views[:-10]

    @rule(age=st.integers(0, 9), seed=st.integers(0, 2**32))
    def the_other_operator_acts(self, age: int, seed: int) -> None:
        Operator(self.cluster, random.Random(seed)).acts(self.views[-1 - min(age, len(self.views) - 1)])


BOUNDED = settings(
    max_examples=15,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    # To shrink a failure takes minutes; the steps are printed as they were.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
TestStorm = Storm.TestCase
TestStorm.settings = BOUNDED
TestTwoOperators = TwoOperators.TestCase
TestTwoOperators.settings = BOUNDED
